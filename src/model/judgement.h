/* What a language model made of a window, and how much of it counts. The rules' score stands
 * whatever happens here; a model that fails leaves no points, only the reason why. */
#pragma once

#include "base/json.h"
#include "model/event.h"

#define CLAIMS_MAX         8
#define CLAIM_EVIDENCE_MAX 3
#define CLAIM_BYTES        192

enum model_verdict { MODEL_UNCERTAIN, MODEL_CONFIRMED, MODEL_REJECTED };
extern const char *const model_verdict_names[];

enum judgement_state {
    JUDGEMENT_WAITING, /* queued; reason says what for, once something went wrong */
    JUDGEMENT_DONE,
    JUDGEMENT_FAILED, /* given up, with the reason; can be queued again */
};
extern const char *const judgement_state_names[];

/* Something that was seen or worked out, and can be looked up: what a claim may rest on. */
struct evidence {
    struct uuid track;         /* zero: the event as a whole */
    struct sighting at;        /* when and where */
    char zone[OPT_NAME_BYTES]; /* empty: in none, or not asked */
    char rule[OPT_NAME_BYTES]; /* the rule that fired there; empty: none */
};

/* One statement of the model, with what it rests on: at least one, all of them real. */
struct claim {
    char text[CLAIM_BYTES];
    int evidence_count;
    struct evidence evidence[CLAIM_EVIDENCE_MAX];
};

struct judgement {
    struct uuid id; /* of the run that gave it; zero while waiting */
    struct uuid event;
    int revision;    /* of the event that was judged */
    int state;       /* enum judgement_state */
    int verdict;     /* enum model_verdict */
    int score;       /* the model's own, 0..100; SCORE_NONE unless done */
    int max_change;  /* how far it may move the rules' score, either way */
    int rules_score; /* of the window that was judged; SCORE_NONE: not known */
    char summary[256];
    char reasoning[1024];
    int claim_count;
    struct claim claims[CLAIMS_MAX];
    int dropped_count;                              /* claims whose evidence does not exist */
    char reason[192];                               /* why waiting or failed */
    char model[128];                                /* as the server calls it */
    char build[64];                                 /* of the server */
    int attempts;                                   /* replies asked for, for this judgement */
    int prompt_tokens, cached_tokens, reply_tokens; /* of the last attempt */
    int pictures;                                   /* that the model was shown */
    int64_t spent_us;                               /* asking, all attempts */
    int64_t wall_us;                                /* when it was reached; 0: not yet */
};

/* Names of rows besides those that rules give; no rule may be called so. */
#define REASON_MODEL          "model"          /* the bounded change */
#define REASON_MODEL_REJECTED "model-rejected" /* down to the low band */
#define REASON_LIMIT          "limit"          /* the sum of those above, cut to 0..100 */
#define JUDGEMENT_ROWS_MAX    2                /* a scorer's verdict leaves this much room */
bool reason_is_model(const struct reason *reason);
/* Of something that was seen: neither a model's nor the cut. */
bool reason_is_finding(const struct reason *reason);

/* Rows that do not add up to the score get one more, at the end, that says why; every scorer's
 * verdict has it. Nothing happens to a verdict without a score, or without room. */
void verdict_balance(struct verdict *verdict);

/* verdict is the rules' own, or has had a judgement applied, which then goes; gains the model's
 * rows and the score that results: the sum of all rows. The change is the model's score less the
 * rules', within max_change either way, whether the model is certain or not; of a rejected window
 * it is never upwards, and ends in the low band, unless max_change is 0: then it is none.
 *
 * A judgement lowers only what it has seen: where the rules give more now than rules_score, it is
 * of an earlier window, and what has happened since is not to be hidden. Only a judgement that is
 * done changes anything, and nothing changes a verdict without a score. The summary stays the
 * rules'. A verdict stored before scorers balanced theirs is balanced first. Pure. */
void judgement_apply(const struct judgement *judgement, struct verdict *verdict);

/* Takes the model's rows out again: the rules' own verdict, byte by byte if it was balanced. */
void judgement_undo(struct verdict *verdict);

#define JUDGEMENT_JSON_BYTES_MAX (64 * 1024)

/* {"state", "verdict", "score", "rules_score", "summary", "reasoning", "reason", "model", ...,
 * "claims": [{"text", "evidence": [{"track_id", "at", "at_s", "box", "confidence", "zone",
 * "rule"}]}], ...}. rules_score is left out where it is not known. Numbers are written so that they
 * come back bit by bit. */
void judgement_json(struct json *out, const char *key, const struct judgement *judgement);

/* The reverse, for the store; members it does not know are passed over. ERR_DATA_LOSS if it is not
 * what this program wrote. */
NODISCARD bool judgement_parse(const char *json, size_t bytes, struct judgement *ret,
                               struct err *err);
