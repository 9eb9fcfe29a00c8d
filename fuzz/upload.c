/* What this program itself reads of an uploaded file and of its name: the JPEG's segments, EXIF's
 * time, the name for people and for a camera. */
#include "capture/folder_picture.h"
#include "capture/inbox.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_text(const char *text, const char *rest)
{
    int64_t us;
    if (picture_exif_time(text, NULL, &us) && picture_wall_us(us, us) != us && us > 0 &&
        us > INT64_C(978307200) * US_PER_S)
        abort(); /* written when it was taken */
    (void)!picture_exif_time(text, rest, &us);
    char shown[64], name[OPT_NAME_BYTES];
    picture_show_name(shown, sizeof shown, text);
    for (const unsigned char *p = (const unsigned char *)shown; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            abort();
    if (!inbox_name(text, name))
        return;
    char again[OPT_NAME_BYTES];
    if (!inbox_name(name, again) || strcmp(name, again) != 0)
        abort(); /* a good name stays as it is */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)!picture_jpeg_is_whole(data, size);
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    size_t first = strlen(text);
    read_text(text, first < size ? text + first + 1 : "");
    free(text);
    return 0;
}
