/* Findings of several looks at one frame, as those of one look. */
#include "test.h"

#include "detect/join.h"

#include <stdlib.h>

struct seen {
    int look;
    struct box box;
    float score;
    const char *label;
};

struct fixture {
    struct look looks[LOOKED_MAX];
    struct detections *found; /* of each look, then joined */
    struct cut cuts[CUTS_MAX];
    int cut_count;
};

static const struct detections *join_all(struct fixture *f, const struct box *regions, int looks,
                                         const struct seen *seen, int count)
{
    f->found = xcalloc(LOOKED_MAX + 1, sizeof *f->found);
    for (int i = 0; i < looks; i++)
        f->looks[i] = (struct look){.region = regions[i], .ret = &f->found[i]};
    for (int i = 0; i < count; i++) {
        struct detections *d = &f->found[seen[i].look];
        struct detection *at = &d->items[d->count++];
        at->box = seen[i].box;
        at->score = seen[i].score;
        STR_COPY(at->label, seen[i].label);
    }
    f->cut_count = join_looks(f->looks, looks, &f->found[LOOKED_MAX], f->cuts);
    return &f->found[LOOKED_MAX];
}

#define LEFT                                                                                       \
    {                                                                                              \
        0, 0, 0.5f, 1                                                                              \
    }
#define RIGHT                                                                                      \
    {                                                                                              \
        0.4f, 0, 1, 1                                                                              \
    }
#define WHOLE                                                                                      \
    {                                                                                              \
        0, 0, 1, 1                                                                                 \
    }

static const struct {
    const char *name;
    int looks;
    struct box regions[2];
    int count;
    struct seen seen[3];
    int found, cuts;
    float first; /* score of the best */
} scenes[] = {
    {"two parts, two things",
     2,
     {LEFT, RIGHT},
     2,
     {{0, {0.1f, 0.2f, 0.2f, 0.6f}, 0.5f, "person"}, {1, {0.7f, 0.2f, 0.8f, 0.6f}, 0.8f, "person"}},
     2,
     0,
     0.8f},
    {"one thing in both",
     2,
     {LEFT, RIGHT},
     2,
     {{0, {0.42f, 0.2f, 0.48f, 0.6f}, 0.5f, "person"},
      {1, {0.42f, 0.2f, 0.475f, 0.62f}, 0.8f, "person"}},
     1,
     0,
     0.8f},
    {"two kinds in one place",
     2,
     {LEFT, RIGHT},
     2,
     {{0, {0.42f, 0.2f, 0.48f, 0.6f}, 0.5f, "bicycle"},
      {1, {0.42f, 0.2f, 0.48f, 0.6f}, 0.8f, "person"}},
     2,
     0,
     0.8f},
    {"car or truck is one kind",
     2,
     {LEFT, RIGHT},
     2,
     {{0, {0.42f, 0.2f, 0.48f, 0.6f}, 0.5f, "car"}, {1, {0.42f, 0.2f, 0.48f, 0.6f}, 0.8f, "truck"}},
     1,
     0,
     0.8f},
    {"cut in one, whole in the other, which is less sure",
     2,
     {LEFT, RIGHT},
     2,
     {{0, {0.42f, 0.2f, 0.5f, 0.6f}, 0.9f, "person"},
      {1, {0.42f, 0.2f, 0.55f, 0.6f}, 0.4f, "person"}},
     1,
     0,
     0.4f},
    {"cut in both",
     2,
     {LEFT, RIGHT},
     2,
     {{0, {0.3f, 0.2f, 0.5f, 0.6f}, 0.9f, "car"}, {1, {0.4f, 0.2f, 0.6f, 0.6f}, 0.8f, "car"}},
     0,
     2,
     0},
    {"cut in one, not seen by the other",
     2,
     {LEFT, RIGHT},
     1,
     {{0, {0.3f, 0.2f, 0.5f, 0.6f}, 0.9f, "car"}},
     0,
     1,
     0},
    {"cut, but not seen by a look at all",
     2,
     {WHOLE, LEFT},
     1,
     {{1, {0.3f, 0.2f, 0.5f, 0.6f}, 0.9f, "car"}},
     0,
     0,
     0},
    {"cut, and seen by a look at all",
     2,
     {WHOLE, LEFT},
     2,
     {{1, {0.3f, 0.2f, 0.5f, 0.6f}, 0.9f, "car"}, {0, {0.3f, 0.2f, 0.7f, 0.6f}, 0.3f, "car"}},
     1,
     0,
     0.3f},
    {"at the picture's own edge nothing is cut",
     2,
     {LEFT, RIGHT},
     2,
     {{0, {0, 0.2f, 0.1f, 1}, 0.9f, "person"}, {1, {0.9f, 0, 1, 0.5f}, 0.8f, "person"}},
     2,
     0,
     0.9f},
    {"a child in front of an adult, in one look",
     2,
     {LEFT, RIGHT},
     2,
     {{0, {0.1f, 0.1f, 0.3f, 0.9f}, 0.9f, "person"},
      {0, {0.15f, 0.4f, 0.25f, 0.85f}, 0.7f, "person"}},
     2,
     0,
     0.9f},
    {"the same seen twice by one look is the model's word",
     1,
     {LEFT},
     2,
     {{0, {0.1f, 0.1f, 0.3f, 0.9f}, 0.9f, "person"},
      {0, {0.1f, 0.1f, 0.3f, 0.88f}, 0.7f, "person"}},
     2,
     0,
     0.9f},
    {"nothing", 2, {LEFT, RIGHT}, 0, {{0}}, 0, 0, 0},
};

static void what_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
        struct fixture f;
        const struct detections *d = join_all(&f, scenes[i].regions, scenes[i].looks,
                                              scenes[i].seen, scenes[i].count);
        if (d->count != scenes[i].found || f.cut_count != scenes[i].cuts)
            fail_msg("%s: %d found, %d cut", scenes[i].name, d->count, f.cut_count);
        if (d->count > 0 && d->items[0].score != scenes[i].first)
            fail_msg("%s: the first has %g", scenes[i].name, d->items[0].score);
        free(f.found);
    }
}

static void sides_that_go_on(void **state)
{
    (void)state;
    const struct box middle = {0.25f, 0.25f, 0.75f, 0.75f};
    const struct {
        struct box box;
        bool left, top, right, bottom;
    } cases[] = {
        {{0.25f, 0.3f, 0.4f, 0.4f}, true, false, false, false},
        {{0.3f, 0.252f, 0.4f, 0.4f}, false, true, false, false},
        {{0.6f, 0.3f, 0.749f, 0.4f}, false, false, true, false},
        {{0.3f, 0.3f, 0.4f, 0.75f}, false, false, false, true},
        {{0.25f, 0.25f, 0.75f, 0.75f}, true, true, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        struct seen seen = {0, cases[i].box, 0.9f, "person"};
        const struct detections *d = join_all(&f, &middle, 1, &seen, 1);
        CHECK_INT(d->count, 0);
        CHECK_INT(f.cut_count, 1);
        CHECK_INT(f.cuts[0].kind, KIND_PERSON);
        CHECK_INT(f.cuts[0].left, cases[i].left);
        CHECK_INT(f.cuts[0].top, cases[i].top);
        CHECK_INT(f.cuts[0].right, cases[i].right);
        CHECK_INT(f.cuts[0].bottom, cases[i].bottom);
        free(f.found);
    }
}

static void a_crowd_is_cut_to_size(void **state)
{
    (void)state;
    struct fixture f = {.found = xcalloc(LOOKED_MAX + 1, sizeof *f.found)};
    for (int i = 0; i < LOOKED_MAX; i++) {
        f.looks[i] = (struct look){.region = {0, 0.25f * (float)i, 1, 0.25f * (float)(i + 1)},
                                   .ret = &f.found[i]};
        f.found[i].count = DETECTIONS_MAX;
        for (int k = 0; k < DETECTIONS_MAX; k++) {
            float x = 0.01f * (float)k;
            float y = 0.25f * (float)i;
            /* Every other one is cut below. */
            f.found[i].items[k] = (struct detection){
                .box = {x, y + 0.1f, x + 0.008f, y + (k % 2 ? 0.25f : 0.2f)},
                .score = (float)(k + 1) / 200 + (float)i / 8,
                .label = "person"};
        }
    }
    int cuts = join_looks(f.looks, LOOKED_MAX, &f.found[LOOKED_MAX], f.cuts);
    const struct detections *d = &f.found[LOOKED_MAX];
    CHECK_INT(cuts, CUTS_MAX);
    CHECK_INT(d->count, DETECTIONS_MAX);
    for (int i = 1; i < d->count; i++)
        CHECK(d->items[i - 1].score >= d->items[i].score);
    free(f.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_counts),
        cmocka_unit_test(sides_that_go_on),
        cmocka_unit_test(a_crowd_is_cut_to_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
