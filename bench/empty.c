/* Does nothing. Linked with what hsi links it shows what loading those libraries costs by itself.
 */
int main(void)
{
    return 0;
}
