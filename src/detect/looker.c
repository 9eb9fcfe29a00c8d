#include "detect/looker.h"

#include "detect/join.h"
#include "detect/regions.h"

#include <stdlib.h>

/* Parts beside the whole that one look may have. They cost a run each where the model takes one at
 * a time, which a small model can afford: it is there instead of a large one. A large one left to
 * itself takes no more time than whole pictures would. A graphics chip takes four looks in little
 * more time than one. */
#define PARTS_SINGLE   2
#define PARTS_LARGE    1
#define PARTS_BATCHED  3
#define SMALL_MODEL_PX 448
/* Below, the whole picture is hardly smaller in the model's eyes than parts of it. */
#define WORTH_AUTO 1.5f
#define WORTH_ON   1.01f

/* An observation on its way. */
struct task {
    struct observation *observation;
    int count, done; /* of looks; those done have run */
    bool failed;
    struct look looks[LOOKED_MAX];
    struct detections found[LOOKED_MAX];
    struct cut cuts[CUTS_MAX];
    int cut_count;
};

struct looker {
    struct detector *detector;
    const struct clock *clock;
    struct regions *regions; /* by camera */
    int room;
    struct task *tasks; /* room for so many */
};

static struct regions_params params_for(const struct detector *detector)
{
    const struct detector_info *info = detector_info(detector);
    const struct detect_policy *policy = detector_policy(detector);
    /* A model with a note of its own knows certain pictures only, and those whole. */
    bool off = policy->regions == REGIONS_OFF || (policy->regions == REGIONS_AUTO && info->note[0]);
    bool large = policy->regions == REGIONS_AUTO && MAX(info->width, info->height) > SMALL_MODEL_PX;
    int single = large ? PARTS_LARGE : PARTS_SINGLE;
    return (struct regions_params){
        .width = off ? 0 : info->width,
        .height = off ? 0 : info->height,
        .worth = policy->regions == REGIONS_ON ? WORTH_ON : WORTH_AUTO,
        .parts_max = info->batch > 1 ? PARTS_BATCHED : single,
        .whole_every_us = policy->whole_every_us,
    };
}

struct looker *looker_new(struct detector *detector, int cameras, const struct clock *clock)
{
    struct looker *l = NEW(struct looker);
    l->detector = detector;
    l->clock = clock;
    l->regions = xcalloc((size_t)cameras, sizeof *l->regions);
    l->room = MIN(detector_info(detector)->batch, LOOKER_ROOM_MAX);
    l->tasks = xcalloc((size_t)l->room, sizeof *l->tasks);
    struct regions_params params = params_for(detector);
    for (int i = 0; i < cameras; i++)
        regions_init(&l->regions[i], &params);
    return l;
}

void looker_free(struct looker **looker)
{
    if (!*looker)
        return;
    free((*looker)->regions);
    free((*looker)->tasks);
    free(*looker);
    *looker = NULL;
}

int looker_room(const struct looker *l)
{
    return l->room;
}

void looker_forget(struct looker *l, int camera)
{
    regions_forget(&l->regions[camera]);
}

static void add_look(struct task *t, struct box region)
{
    t->looks[t->count] = (struct look){t->observation->frame, &t->observation->motion, region,
                                       &t->found[t->count]};
    t->count++;
}

static void begin(struct looker *l, struct task *t, struct observation *o)
{
    t->observation = o;
    t->count = t->done = t->cut_count = 0;
    t->failed = false;
    o->infer_us = 0;
    struct box boxes[LOOKED_MAX];
    int count = regions_plan(&l->regions[o->camera], o, boxes);
    for (int i = 0; i < count; i++)
        add_look(t, boxes[i]);
}

/* The looks of all tasks that have not run yet, as far as one run takes them. */
static int next_looks(struct looker *l, int tasks, int most, struct look *ret, int *ret_tasks)
{
    int count = 0;
    for (int i = 0; i < tasks; i++) {
        const struct task *t = &l->tasks[i];
        for (int k = t->done; k < t->count && !t->failed && count < most; k++) {
            ret_tasks[count] = i;
            ret[count++] = t->looks[k];
        }
    }
    return count;
}

/* One run; false: there was nothing left to do. */
static bool run_some(struct looker *l, int tasks, struct looked *ret, struct err *err)
{
    struct look looks[LOOKER_ROOM_MAX];
    int owners[LOOKER_ROOM_MAX];
    int count = next_looks(l, tasks, l->room, looks, owners);
    if (count == 0)
        return false;
    int64_t before_us = clock_mono_us(l->clock);
    bool ok = detector_run(l->detector, looks, count, err);
    int64_t us = clock_mono_us(l->clock) - before_us;
    ret->us += us;
    ret->inferences += ok ? count : 0;
    ret->runs += ok;
    for (int i = 0; i < count; i++) {
        struct task *t = &l->tasks[owners[i]];
        t->done++;
        t->failed |= !ok;
        t->observation->infer_us += us / count;
        ret->regions += ok && box_area(looks[i].region) < 1;
    }
    return true;
}

static void take_findings(struct task *t)
{
    t->cut_count = join_looks(t->looks, t->count, &t->observation->detections, t->cuts);
}

/* What the parts have cut is looked at once more, where there is room for another look. */
static void look_closer(struct looker *l, struct task *t)
{
    if (t->failed)
        return;
    take_findings(t);
    struct observation *o = t->observation;
    if (t->cut_count > 0 && t->count < LOOKED_MAX)
        add_look(t, regions_widen(&l->regions[o->camera], o->frame, t->cuts, t->cut_count));
}

static void finish(struct looker *l, struct task *t)
{
    struct observation *o = t->observation;
    o->analysed = !t->failed;
    o->looked_count = 0;
    o->detections.count = t->failed ? 0 : o->detections.count;
    if (t->failed)
        return;
    take_findings(t);
    for (int i = 0; i < t->count; i++)
        o->looked[o->looked_count++] = t->looks[i].region;
    regions_learn(&l->regions[o->camera], o, t->cuts, t->cut_count);
}

void looker_look(struct looker *l, struct observation *const *observations, int count,
                 struct looked *ret, struct err *err)
{
    ASSERT_ON(ROLE_DETECT);
    ASSERT(count >= 1 && count <= l->room);
    *ret = (struct looked){0};
    for (int i = 0; i < count; i++)
        begin(l, &l->tasks[i], observations[i]);
    while (run_some(l, count, ret, err))
        continue;
    for (int i = 0; i < count; i++)
        look_closer(l, &l->tasks[i]);
    while (run_some(l, count, ret, err))
        continue;
    for (int i = 0; i < count; i++) {
        finish(l, &l->tasks[i]);
        ret->failed += l->tasks[i].failed;
    }
}
