/* Whose fault it is when a window is not judged, its own or the server's: a window is given up only
 * after others have been judged since it failed the last time. So a server that answers rubbish for
 * a day, even one that passes its check, costs no window its verdict, and a window that no model
 * can answer does not come back for ever. Pure. */
#pragma once

#include "base/uuid7.h"

/* Windows that failed lately. Of more, a new one takes the place of any other, which is innocent
 * again: were it always the oldest that goes, none of one too many would be remembered until its
 * next turn, and none ever given up. */
#define BLAME_WINDOWS_MAX    1024
#define BLAME_TRIES          5 /* failures of the server that others did not meet */
#define BLAME_HOPELESS_TRIES 2 /* answers that were no verdict */

struct blame {
    int64_t judged; /* windows that were */
    int64_t failed; /* all, to pick an entry by */
    struct blame_entry {
        struct uuid event; /* zero: free */
        int tries, hopeless;
        int64_t judged; /* as it was when it failed the last time */
    } entries[BLAME_WINDOWS_MAX];
};

void blame_judged(struct blame *blame, const struct uuid *event);

/* The window was not judged. True: give it up. */
bool blame_failed(struct blame *blame, const struct uuid *event, bool hopeless);

/* How long to let a window rest that came to nothing `tries` times before: 2, 4, 8 ... 300 s, up to
 * a fifth more or less, so that those that failed together do not come back together. Up to an hour
 * where the server did answer: that is work, and there is little hope that it ends otherwise. */
int64_t blame_rest_us(const struct uuid *event, int tries, bool hopeless);
