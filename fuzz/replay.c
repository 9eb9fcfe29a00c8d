/* Runs a corpus through a fuzz target as an ordinary test: every file of the folder is one case,
 * the whole file and then cut short at a few places, which is what a connection that breaks looks
 * like. */
#include "base/base.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX ((size_t)1 << 20)
#define CUTS            8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* A copy of exactly size bytes lets AddressSanitizer see a read one byte past the end. */
static void run_prefix(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static bool run_file(const char *path, uint8_t *buffer)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t size = fread(buffer, 1, INPUT_BYTES_MAX, file);
    fclose(file);
    run_prefix(buffer, size);
    for (size_t i = 1; i <= CUTS && i < size; i++)
        run_prefix(buffer, size * i / (CUTS + 1));
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    struct dirent **entries;
    int count = scandir(argv[1], &entries, is_input, alphasort);
    if (count <= 0) {
        printf("1..1\nnot ok 1 - %s: %s\n", argv[1], count < 0 ? strerror(errno) : "empty corpus");
        return 1;
    }
    uint8_t *buffer = malloc(INPUT_BYTES_MAX);
    if (!buffer)
        abort();
    int failed = 0;
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        bool ok = run_file(path, buffer);
        failed += !ok;
        printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1, entries[i]->d_name);
        fflush(stdout);
        free(entries[i]);
    }
    free(entries);
    free(buffer);
    return failed != 0;
}
