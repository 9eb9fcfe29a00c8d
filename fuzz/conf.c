/* Configuration text: reads it, and shows and prints whatever comes of it. */
#include "config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf_errors errors;
    struct config config;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    bool read = conf_parse("fuzz.yaml", (const char *)data, size, &config_section, &config, NULL,
                           &errors);
    if (read)
        conf_show(out, &config_section, &config, NULL);
    else
        conf_errors_print(out, &errors);
    fclose(out);
    config_done(&config); /* zeroed after a failure */
    if (read && !conf_parse("shown.yaml", text, bytes, &config_section, &config, NULL, &errors))
        abort(); /* what is shown must load */
    if (read)
        config_done(&config);
    free(text);
    return 0;
}
