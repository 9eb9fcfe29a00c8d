/* Files carried inside the program, made into tables by tools/embed.py at build time. Declare a
 * table where it is used: `extern const struct embedded embedded_rules[];`. Read-only, lives for
 * ever. */
#pragma once

#include <stddef.h>

struct embedded {
    const char *name;          /* path below the root given to the generator; NULL ends the table */
    const unsigned char *data; /* a zero follows the last byte, so a text is a C string */
    size_t bytes;
};
