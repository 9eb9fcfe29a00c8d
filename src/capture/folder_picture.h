/* What a picture or clip says about itself, and how far that is believed. Pure; for hostile bytes.
 */
#pragma once

#include "base/clock.h"

/* Whether the JPEG goes on to its end mark. A decoder makes do with less: it paints what is missing
 * grey, and of a progressive one everything is there, only blurred. */
bool picture_jpeg_is_whole(const uint8_t *data, size_t bytes);

/* "2024:05:01 12:34:56", as EXIF has it, with "+02:00" if known, else (offset NULL) by this
 * machine's time zone. */
NODISCARD bool picture_exif_time(const char *text, const char *offset, int64_t *ret_wall_us);

/* The time of a picture that says it was taken at claimed_us (TIME_UNKNOWN: does not say) and was
 * written at written_us, on a machine whose clock is right. Cameras have wrong clocks and do not
 * know their zone: a claim counts where it agrees with the writing or is days before it (a copy of
 * an old recording), and never where it comes after it. */
int64_t picture_wall_us(int64_t claimed_us, int64_t written_us);

/* A file's name for people: what is no printable UTF-8 as \xNN. Cut at bytes. */
void picture_show_name(char *out, size_t bytes, const char *name);
