/* What a model's claims may rest on: the moments of a window, each with a short name. Pure. */
#pragma once

#include "model/judgement.h"
#include "risk/window.h"

#define EVIDENCE_MAX 96

enum evidence_kind {
    EVIDENCE_FIRST, /* the track's first sighting; it may be the best and the last as well */
    EVIDENCE_ENTERED,
    EVIDENCE_CROSSED,
    EVIDENCE_BEST, /* the sighting of its best picture */
    EVIDENCE_LAST,
    EVIDENCE_RULE,
};

struct evidence_list {
    int count;
    struct evidence_item {
        char id[8]; /* "e1" */
        int kind;   /* enum evidence_kind */
        int track;  /* index into the event's tracks; -1: the event as a whole */
        struct evidence what;
        char says[160]; /* for the prompt: "t1 entered 'front door' at 3.0 s"; names are data */
    } items[EVIDENCE_MAX];
};

/* First, best and last sightings, zones entered, lines crossed, rules that fired; one item where
 * sightings coincide. Where there are too many, what weighs most stays: rules by their points, then
 * zones by what they guard, lines, and the first sight of each track before its last. They come in
 * the order of tracks and time. */
void evidence_gather(const struct window *window, struct evidence_list *ret);
const struct evidence_item *evidence_find(const struct evidence_list *list, const char *id);

/* The event's tracks, strongest first: by the rules' points they earned, then by confidence.
 * Returns how many there are. */
int evidence_rank_tracks(const struct window *window, int ret[EVENT_TRACKS_MAX]);

/* Of a track: the moment of its best picture, or the nearest to it; NULL if there is none. */
const struct evidence_item *evidence_of_picture(const struct evidence_list *list,
                                                const struct window *window, int track);
