/* Blanks credentials in what is shown, in place: the only place that knows where they may stand.
 *
 * A password written into an address may hold any character, so nothing tells its '@', '/', '?' or
 * '#' from those of the address: whatever lies between "://" and the last '@' goes, even if that
 * takes a host along. What follows "password=" and its like in a query goes as well. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* In prose, with any number of addresses. An address ends at a blank, at its closing quote or where
 * the next one begins; if there is no '@' up to there, only at the blank. */
void redact_urls(char *text);

/* In one value somebody has typed: nothing ends the address, not even a blank. */
void redact_value(char *text);

/* Where the credentials of one value are: from behind "://", or, without one, from behind the first
 * colon ("admin:pass@host" is an address as well, only a wrong one), to the last '@'. */
bool redact_range(const char *text, size_t bytes, size_t *ret_from, size_t *ret_to);
