/* How long to wait for a source, and how long to leave it alone. Pure: all times are handed in,
 * monotonic.
 *
 * A try that fails is followed by the next one, counted from the start of the failed try, but never
 * sooner than 250 ms after its end:
 *
 * | cause                           | first  | grows to | why                                    |
 * |---------------------------------|--------|----------|----------------------------------------|
 * | refused, timeout, silent, ended | 0.5 s  | 1.75 s   | with the greeting, back within 2 s     |
 * | name                            | 0.5 s  | 5 s      | the name server is not ours            |
 * | missing, garbage                | 0.5 s  | 30 s     | it answers; only a person changes that |
 * | denied                          | 5 min  | 5 min    | cameras lock out who tries too often   |
 *
 * Credentials that have worked get two quick tries when they are denied: a camera that is just
 * starting refuses all. A wait that has grown is forgotten once pictures have come for 2 s.
 *
 * A try to a camera that has worked is given up quickly: one that swallows the greeting would hold
 * the try for the whole timeout while it may long be answering others. So that one which has become
 * slow is not given up for ever, the 8th, 16th, 32nd... unanswered try in a row has all the time
 * there is. */
#pragma once

#include "capture/capture.h"

struct retry {
    int64_t wait_us; /* the latest one */
    bool worked;     /* pictures have come with these credentials */
    int refusals;    /* of the credentials, since pictures came last */
    int unanswered;  /* tries in a row that ended for want of an answer or of a first picture */
    int64_t started_us, opened_us, first_us, latest_us; /* of this try; TIME_UNKNOWN: not yet */
    int64_t usual_open_us;                              /* the greeting takes, lately at most */
    int64_t usual_first_us;                             /* then the first picture takes */
    int64_t interval_us; /* between two pictures, on average lately */
    int intervals;       /* how many that is known from, up to a few; 0: not known */
    int seen;            /* in this try, up to a few */
    int cut_short;       /* tries in a row that fell silent after hardly a picture */
};

void retry_init(struct retry *retry);

/* What happens to a try, in this order. */
void retry_begin(struct retry *retry, int64_t now_us);
void retry_opened(struct retry *retry, int64_t now_us);
void retry_picture(struct retry *retry, int64_t now_us);
/* Returns when the next try is due. */
int64_t retry_failed_us(struct retry *retry, enum camera_cause cause, int64_t now_us);

/* How long this try may take to be opened; timeout_us at most. */
int64_t retry_open_limit_us(const struct retry *retry, int64_t timeout_us);

/* How long to wait for the next picture before the connection counts as lost: three intervals or
 * (not quite) 3 s, whichever is longer, as soon as the interval is known. For the first one a
 * camera that has worked gets twice what that took lately and half a second, or 1.5 s. A camera
 * that falls silent again and again after its first picture has perhaps become slower: its interval
 * is learnt anew. */
int64_t retry_read_limit_us(const struct retry *retry, int64_t timeout_us);
