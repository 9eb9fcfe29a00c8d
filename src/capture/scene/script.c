/* Who is where, and when. The street's story is a cycle of five acts with pauses in between that
 * are long enough for an event to close; the first act of all brings somebody to the door within
 * ten seconds. */
#include "capture/scene/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_PX 24.0f /* how far outside the picture walkers come and go */

const char *const actor_labels[] = {"person", "bicycle", "car", "truck", "cat", "dog"};

/* Metres on the ground. */
struct spot {
    float x, depth;
};

static struct spot spot_of(float x_px, float y_px)
{
    float scale = ground_scale(y_px);
    return (struct spot){(x_px - CENTRE_PX) / scale, FOCAL_PX / scale};
}

static struct point spot_px(struct spot spot)
{
    float scale = FOCAL_PX / spot.depth;
    return (struct point){CENTRE_PX + spot.x * scale, HORIZON_PX + EYE_M * scale};
}

struct stop {
    float x_px, y_px;
    float wait_s;
};

struct walk {
    struct point foot;
    enum actor_view view;
    float walked_m;
    int waits_at; /* index of the stop, -1 while walking */
    float waited_s;
};

static enum actor_view view_of(float dx, float ddepth)
{
    if (fabsf(dx) > 0.55f * fabsf(ddepth))
        return dx > 0 ? VIEW_RIGHT : VIEW_LEFT;
    return ddepth > 0 ? VIEW_BACK : VIEW_FRONT;
}

/* Where somebody is on a route after elapsed_s; false before it begins and after it ends. */
static bool walk_at(const struct stop *stops, int count, float speed, float elapsed_s,
                    struct walk *ret)
{
    if (elapsed_s < 0)
        return false;
    *ret = (struct walk){.waits_at = -1};
    for (int i = 0; i + 1 < count; i++) {
        struct spot a = spot_of(stops[i].x_px, stops[i].y_px);
        struct spot b = spot_of(stops[i + 1].x_px, stops[i + 1].y_px);
        float dx = b.x - a.x, dd = b.depth - a.depth, length = sqrtf(dx * dx + dd * dd);
        ret->view = view_of(dx, dd);
        if (elapsed_s < length / speed) {
            float share = elapsed_s * speed / length;
            ret->walked_m += length * share;
            ret->foot = spot_px((struct spot){a.x + dx * share, a.depth + dd * share});
            return true;
        }
        elapsed_s -= length / speed;
        ret->walked_m += length;
        if (elapsed_s < stops[i + 1].wait_s) {
            ret->foot = (struct point){stops[i + 1].x_px, stops[i + 1].y_px};
            ret->waits_at = i + 1;
            ret->waited_s = elapsed_s;
            return true;
        }
        elapsed_s -= stops[i + 1].wait_s;
    }
    return false;
}

/* Metres on the ground in one full turn of the gait's phase. */
static float turn_length(enum actor_kind kind)
{
    switch (kind) {
    case ACTOR_BICYCLE:
        return 5;
    case ACTOR_CAR:
    case ACTOR_TRUCK:
        return 2.2f;
    case ACTOR_CAT:
        return 0.55f;
    case ACTOR_DOG:
        return 0.9f;
    case ACTOR_PERSON:
        break;
    }
    return 1.45f;
}

static struct actor *cast_add(struct actors *cast, const struct actor *actor)
{
    ASSERT(cast->count < ACTORS_MAX);
    cast->items[cast->count] = *actor;
    return &cast->items[cast->count++];
}

static struct actor *cast_walker(struct actors *cast, enum actor_kind kind, struct look look,
                                 const struct walk *walk)
{
    return cast_add(cast, &(struct actor){
                              .kind = kind,
                              .view = walk->view,
                              .look = look,
                              .foot = walk->foot,
                              .phase = walk->walked_m / turn_length(kind) * TAU,
                              .stride = walk->waits_at < 0 ? 1 : 0,
                          });
}

static void act_visit(struct rng *rng, bool first, float elapsed_s, struct actors *cast)
{
    struct look look = look_of(rng, ACTOR_PERSON);
    bool from_right = rng_below(rng, 3) == 0 && !first;
    bool leaves_right = rng_below(rng, 2) == 0;
    bool peeks = rng_below(rng, 3) == 0 && !first && !from_right && !leaves_right;
    float from = from_right ? SCENE_WIDTH + SIDE_PX : -SIDE_PX;
    float to = leaves_right ? SCENE_WIDTH + SIDE_PX : -SIDE_PX;
    float at_door = 203, ring_s = rng_between(rng, 4, 6);
    struct stop window = {352, 208, 3}, door = {300, at_door, ring_s};
    const struct stop stops[] = {
        {from, 262, 0}, {268, 261, 0}, {271, 249, 0},
        {299, 207, 0},  door,          peeks ? window : (struct stop){299, 207, 0},
        {298, 208, 0},  {271, 249, 0}, {268, 261, 0},
        {to, 263, 0},
    };
    struct walk walk;
    if (!walk_at(stops, ARRAY_LEN(stops), 1.6f, elapsed_s, &walk))
        return;
    struct actor *actor = cast_walker(cast, ACTOR_PERSON, look, &walk);
    if (walk.waits_at < 0)
        return;
    actor->view = VIEW_BACK;
    actor->reaches = walk.waits_at == 4 && walk.waited_s > 0.4f && walk.waited_s < 1.6f;
}

/* Something that crosses the picture on one row, kept at half_m from the edges when it starts. */
static void cast_crossing(struct actors *cast, struct rng *rng, enum actor_kind kind, float row_px,
                          bool to_right, float speed, float half_m, float elapsed_s)
{
    float margin = half_m * ground_scale(row_px) + 8;
    float left = -margin, right = SCENE_WIDTH + margin;
    struct look look = look_of(rng, kind);
    const struct stop stops[] = {{to_right ? left : right, row_px, 0},
                                 {to_right ? right : left, row_px, 0}};
    struct walk walk;
    if (walk_at(stops, 2, speed, elapsed_s, &walk))
        cast_walker(cast, kind, look, &walk);
}

static void act_traffic(struct rng *rng, bool first, float elapsed_s, struct actors *cast)
{
    bool truck = rng_below(rng, 4) == 0 && !first;
    bool to_right = rng_below(rng, 2) && !truck;
    float speed = rng_between(rng, 6, 8.5f);
    cast_crossing(cast, rng, truck ? ACTOR_TRUCK : ACTOR_CAR, to_right ? 344 : 303, to_right, speed,
                  truck ? 3.4f : 2.4f, elapsed_s);
}

static void act_animal(struct rng *rng, bool first, float elapsed_s, struct actors *cast)
{
    bool dog = rng_below(rng, 3) > 0 || first;
    bool to_right = rng_below(rng, 2);
    cast_crossing(cast, rng, dog ? ACTOR_DOG : ACTOR_CAT, rng_between(rng, 214, 226), to_right,
                  dog ? 2.3f : 1.8f, 0.8f, elapsed_s);
}

static void act_prowler(struct rng *rng, float elapsed_s, struct actors *cast)
{
    struct look look = look_of(rng, ACTOR_PERSON);
    static const struct stop stops[] = {{SCENE_WIDTH + SIDE_PX, 263, 0},
                                        {510, 262, 0},
                                        {414, 236, 3.5f},
                                        {510, 262, 0},
                                        {SCENE_WIDTH + SIDE_PX, 264, 0}};
    struct walk walk;
    if (!walk_at(stops, ARRAY_LEN(stops), 1.6f, elapsed_s, &walk))
        return;
    struct actor *actor = cast_walker(cast, ACTOR_PERSON, look, &walk);
    if (walk.waits_at >= 0)
        actor->view = VIEW_RIGHT;
}

static void act_passer(struct rng *rng, bool first, float elapsed_s, struct actors *cast)
{
    int company = rng_below(rng, 4);
    bool to_right = rng_below(rng, 2);
    if (company == 3 && !first) {
        act_prowler(rng, elapsed_s, cast);
        return;
    }
    float row = rng_between(rng, 259, 266);
    cast_crossing(cast, rng, ACTOR_PERSON, row, to_right, 1.5f, 0.6f, elapsed_s);
    if (company == 1 && !first)
        cast_crossing(cast, rng, ACTOR_PERSON, row + 5, to_right, 1.5f, 0.6f, elapsed_s - 0.7f);
    if (company == 2 && !first)
        cast_crossing(cast, rng, ACTOR_DOG, row + 4, to_right, 1.5f, 0.6f, elapsed_s + 0.9f);
}

static void act_extra(struct rng *rng, bool first, float elapsed_s, struct actors *cast)
{
    bool to_right = rng_below(rng, 2);
    int choice = first ? 0 : rng_below(rng, 4);
    if (choice < 2)
        cast_crossing(cast, rng, ACTOR_BICYCLE, to_right ? 332 : 287, to_right, 4.2f, 1.1f,
                      elapsed_s);
    else if (choice == 2)
        cast_crossing(cast, rng, ACTOR_TRUCK, 303, false, 6.5f, 3.4f, elapsed_s);
    else
        cast_crossing(cast, rng, ACTOR_CAR, to_right ? 344 : 303, to_right, 7, 2.4f, elapsed_s);
}

static const struct {
    float start_s, jitter_s;
    void (*play)(struct rng *rng, bool first, float elapsed_s, struct actors *cast);
} acts[] = {
    {0.3f, 0, act_visit}, {43, 1.5f, act_traffic}, {60, 1, act_animal},
    {86, 1, act_passer},  {112, 1, act_extra},
};

static void play_street(const struct scene *scene, int64_t t_us, struct actors *cast)
{
    uint64_t cycle = (uint64_t)(t_us / SCENE_CYCLE_US);
    float now_s = (float)(t_us % SCENE_CYCLE_US) / (float)US_PER_S;
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        struct rng rng = rng_of(scene->seed, 100 + i, cycle);
        float start = acts[i].start_s + rng_unit(&rng) * acts[i].jitter_s;
        acts[i].play(&rng, cycle == 0, now_s - start, cast);
    }
}

static struct point practice_spot(struct rng *rng, enum actor_kind kind)
{
    struct point walk = {rng_between(rng, -15, SCENE_WIDTH + 15), rng_between(rng, 254, 273)};
    struct point lawn = {rng_between(rng, -10, SCENE_WIDTH + 10), rng_between(rng, 203, 250)};
    struct point road = {rng_between(rng, -30, SCENE_WIDTH + 30), rng_between(rng, 281, 352)};
    float up = rng_unit(rng);
    struct point path = {268 + 31 * up + rng_between(rng, -8, 8), 256 - 53 * up};
    struct point door = {300 + rng_between(rng, -9, 60), rng_between(rng, 200, 209)};
    struct point lane = {rng_between(rng, -160, SCENE_WIDTH + 160),
                         (rng_below(rng, 2) ? 303 : 344) + rng_between(rng, -3, 3)};
    int choice = rng_below(rng, 10);
    if (kind == ACTOR_CAR || kind == ACTOR_TRUCK)
        return lane;
    if (kind == ACTOR_BICYCLE)
        return choice < 2 ? walk : road;
    if (kind == ACTOR_PERSON)
        return choice < 3 ? walk : choice < 5 ? path : choice < 7 ? door : choice < 9 ? lawn : road;
    return choice < 2 ? walk : choice < 9 ? lawn : road;
}

static void play_practice(const struct scene *scene, int64_t t_us, struct actors *cast)
{
    static const enum actor_kind kinds[] = {
        ACTOR_PERSON,  ACTOR_PERSON,  ACTOR_PERSON, ACTOR_PERSON, ACTOR_PERSON,
        ACTOR_BICYCLE, ACTOR_BICYCLE, ACTOR_CAR,    ACTOR_CAR,    ACTOR_TRUCK,
        ACTOR_CAT,     ACTOR_CAT,     ACTOR_DOG,    ACTOR_DOG};
    struct rng rng = rng_of(scene->seed, 200, (uint64_t)(t_us / SCENE_FRAME_US));
    int count = rng_below(&rng, 7);
    for (int i = 0; i < count; i++) {
        enum actor_kind kind = RNG_PICK(&rng, kinds);
        struct actor actor = {
            .kind = kind,
            .view = (enum actor_view)rng_below(&rng, kind == ACTOR_PERSON ? 4 : 2),
            .look = look_of(&rng, kind),
            .foot = practice_spot(&rng, kind),
            .phase = rng_between(&rng, 0, TAU),
            .stride = rng_below(&rng, 5) ? 1 : 0,
            .reaches = rng_below(&rng, 6) == 0,
        };
        if (kind == ACTOR_TRUCK)
            actor.foot.y = MIN(actor.foot.y, 306.0f);
        cast_add(cast, &actor);
    }
}

static void park_car(const struct scene *scene, int64_t t_us, struct actors *cast)
{
    struct actor car = {
        .kind = ACTOR_CAR,
        .view = scene->parked.style & 1 ? VIEW_FRONT : VIEW_BACK,
        .look = scene->parked,
        .foot = {456, 238},
        .parked = true,
    };
    if (scene->story == SCENE_PRACTICE) {
        struct rng rng = rng_of(scene->seed, 201, (uint64_t)(t_us / SCENE_FRAME_US));
        car.look = look_of(&rng, ACTOR_CAR);
        car.view = rng_below(&rng, 2) ? VIEW_FRONT : VIEW_BACK;
        car.foot.x += rng_between(&rng, -6, 6);
        car.foot.y += rng_between(&rng, -6, 6);
    }
    cast_add(cast, &car);
}

static int nearer_last(const void *a, const void *b)
{
    const struct actor *x = a, *y = b;
    return (x->foot.y > y->foot.y) - (x->foot.y < y->foot.y);
}

void script_cast(const struct scene *scene, int64_t t_us, struct actors *ret)
{
    memset(ret, 0, sizeof *ret);
    park_car(scene, t_us, ret);
    if (scene->story == SCENE_PRACTICE)
        play_practice(scene, t_us, ret);
    else
        play_street(scene, t_us, ret);
    qsort(ret->items, (size_t)ret->count, sizeof ret->items[0], nearer_last);
}
