/* What a model's claims may rest on: the moments of a window, each with a short name. Pure. */
#pragma once

#include "model/judgement.h"
#include "risk/window.h"

#define EVIDENCE_MAX 96

struct evidence_list {
    int count;
    struct evidence_item {
        char id[8]; /* "e1" */
        struct evidence what;
        char says[160]; /* for the prompt: "t1 entered zone door", own words and names as data */
    } items[EVIDENCE_MAX];
};

/* First and last sightings, zones entered, lines crossed, rules that fired; the heaviest first
 * where there are too many. */
void evidence_gather(const struct window *window, struct evidence_list *ret);
const struct evidence_item *evidence_find(const struct evidence_list *list, const char *id);
