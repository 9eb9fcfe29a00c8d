#include "capture/scene/scene.h"

#include "base/simd.h"
#include "capture/scene/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LAMPS_BELOW   0.35f /* daylight at which they are switched on */
#define LIGHT_FULL    256
#define TRUTH_VISIBLE 0.4f
#define PIXELS        (SCENE_WIDTH * SCENE_HEIGHT)
#define NOISE_OFFSETS 4096 /* starting points in the noise */

struct rng rng_of(uint64_t seed, uint64_t a, uint64_t b)
{
    struct rng rng = {seed * 0x9e3779b97f4a7c15u + a * 0xc2b2ae3d27d4eb4fu +
                      b * 0x165667b19e3779f9u};
    (void)rng_next(&rng);
    return rng;
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

float rng_unit(struct rng *rng)
{
    return (float)(rng_next(rng) >> 40) / (float)(1 << 24);
}

float rng_between(struct rng *rng, float lo, float hi)
{
    return lo + (hi - lo) * rng_unit(rng);
}

int rng_below(struct rng *rng, int count)
{
    return (int)(rng_next(rng) % (uint64_t)count);
}

static struct canvas canvas_make(void)
{
    uint8_t *pixels = xcalloc(PIXELS * 3 / 2, 1);
    return (struct canvas){
        .width = SCENE_WIDTH,
        .height = SCENE_HEIGHT,
        .plane = {pixels, pixels + PIXELS, pixels + PIXELS + PIXELS / 4},
        .stride = {SCENE_WIDTH, SCENE_WIDTH / 2, SCENE_WIDTH / 2},
    };
}

/* How opaque a layer is, found by painting it on black and on white: what shows through differs. */
static uint8_t *cover_alpha(const struct place *place, int layer)
{
    struct canvas black = canvas_make(), white = canvas_make();
    memset(white.plane[0], 255, PIXELS);
    place_paint_cover(&black, place, layer);
    place_paint_cover(&white, place, layer);
    uint8_t *alpha = xcalloc(PIXELS, 1);
    for (int i = 0; i < PIXELS; i++)
        alpha[i] = (uint8_t)(255 - CLAMP(white.plane[0][i] - black.plane[0][i], 0, 255));
    free(black.plane[0]);
    free(white.plane[0]);
    return alpha;
}

struct scene *scene_new(uint64_t seed, enum scene_story story)
{
    struct scene *s = NEW(struct scene);
    s->seed = seed;
    s->story = story;
    s->work_base = -1;
    struct rng rng = rng_of(seed, 1, 0);
    s->place = place_of(&rng);
    s->parked = look_of(&rng, ACTOR_CAR);
    s->day_offset = rng_unit(&rng);
    if (seed == SCENE_SEED)
        s->day_offset = 0.88f; /* the demonstration begins in the morning */
    for (int i = 0; i < 2; i++) {
        s->base[i] = canvas_make();
        place_paint(&s->base[i], &s->place, seed, i);
    }
    s->work = canvas_make();
    for (int i = 0; i < COVERS_MAX; i++)
        s->covers[i] = (struct cover_layer){place_cover_foot(i), cover_alpha(&s->place, i)};
    s->lamp_light = xcalloc(PIXELS, 1);
    place_light_lamps(s->lamp_light);
    s->noise = xcalloc(NOISE_BYTES, 1);
    for (int i = 0; i < NOISE_BYTES; i++)
        s->noise[i] = (int8_t)((rng_below(&rng, 64) + rng_below(&rng, 64) + rng_below(&rng, 64)) -
                               94);
    return s;
}

void scene_free(struct scene **scene)
{
    struct scene *s = *scene;
    *scene = NULL;
    if (!s)
        return;
    for (int i = 0; i < 2; i++)
        free(s->base[i].plane[0]);
    free(s->work.plane[0]);
    for (int i = 0; i < COVERS_MAX; i++)
        free(s->covers[i].alpha);
    free(s->lamp_light);
    free(s->noise);
    free(s);
}

float scene_daylight(const struct scene *s, int64_t t_us)
{
    float share = s->day_offset + (float)((double)(t_us % SCENE_DAY_US) / SCENE_DAY_US);
    if (s->story == SCENE_PRACTICE) {
        struct rng rng = rng_of(s->seed, 202, (uint64_t)(t_us / SCENE_FRAME_US));
        share = rng_unit(&rng);
    }
    float d = CLAMP((cosf(share * TAU) + 0.7f) / 1.3f, 0.0f, 1.0f);
    return d * d * (3 - 2 * d);
}

/* Puts what stands in front back over what has just been painted behind it. */
static void cover_again(const struct scene *s, struct canvas *work, const struct cover_layer *cover,
                        struct rect r)
{
    const struct canvas *base = &s->base[s->work_base];
    for (int y = r.y0; y < r.y1; y++) {
        ptrdiff_t at = (ptrdiff_t)y * SCENE_WIDTH;
        for (int x = r.x0; x < r.x1; x++) {
            int alpha = cover->alpha[at + x];
            uint8_t *p = &work->plane[0][at + x];
            *p = (uint8_t)(*p + (base->plane[0][at + x] - *p) * alpha / 255);
        }
    }
    for (int y = r.y0 / 2; y < r.y1 / 2; y++)
        for (int x = r.x0 / 2; x < r.x1 / 2; x++) {
            const uint8_t *a = &cover->alpha[(ptrdiff_t)y * 2 * SCENE_WIDTH + (ptrdiff_t)x * 2];
            int alpha = a[0] + a[1] + a[SCENE_WIDTH] + a[SCENE_WIDTH + 1];
            for (int p = 1; p < 3 && alpha; p++) {
                uint8_t *c = &work->plane[p][(ptrdiff_t)y * (SCENE_WIDTH / 2) + x];
                int b = base->plane[p][(ptrdiff_t)y * (SCENE_WIDTH / 2) + x];
                *c = (uint8_t)(*c + (b - *c) * alpha / (4 * 255));
            }
        }
}

static void actor_paint(const struct actor *actor, struct canvas *canvas, uint8_t id)
{
    canvas->id = id;
    switch (actor->kind) {
    case ACTOR_PERSON:
        person_paint(actor, canvas);
        return;
    case ACTOR_BICYCLE:
        bicycle_paint(actor, canvas, (uint8_t)(id + 1));
        return;
    case ACTOR_CAR:
    case ACTOR_TRUCK:
        vehicle_paint(actor, canvas);
        return;
    case ACTOR_CAT:
    case ACTOR_DOG:
        animal_paint(actor, canvas);
        return;
    }
}

static struct rect rect_even(struct rect r)
{
    return (struct rect){r.x0 & ~1, r.y0 & ~1, (r.x1 + 1) & ~1, (r.y1 + 1) & ~1};
}

/* Brings s->work to that moment: undoes the last picture's changes and paints this one's. */
static void paint_work(struct scene *s, int64_t t_us, int lamps)
{
    struct canvas *work = &s->work;
    struct rect everything = {0, 0, SCENE_WIDTH, SCENE_HEIGHT};
    if (s->work_base != lamps) {
        canvas_copy(work, &s->base[lamps], everything);
        s->work_base = lamps;
    } else {
        for (int i = 0; i < s->rect_count; i++)
            canvas_copy(work, &s->base[lamps], s->rects[i]);
    }
    s->rect_count = 0;
    canvas_clean(work);
    place_sway(work, &s->place, (float)((double)(t_us % (3600 * US_PER_S)) / US_PER_S));
    s->rects[s->rect_count++] = rect_even(work->dirty);
    struct actors cast;
    script_cast(s, t_us, &cast);
    for (int i = 0; i < cast.count; i++) {
        canvas_clean(work);
        actor_paint(&cast.items[i], work, 1);
        struct rect r = rect_even(work->dirty);
        for (int c = 0; c < COVERS_MAX; c++)
            if (cast.items[i].foot.y < s->covers[c].foot_px)
                cover_again(s, work, &s->covers[c], r);
        s->rects[s->rect_count++] = r;
    }
}

/* What the light makes of the evenly lit picture; 256 leaves brightness and colour alone. */
struct light {
    int ambient, lamps;       /* brightness */
    int colour;               /* saturation */
    int tint_u, tint_v, warm; /* added to colour; warm: where the lamps reach */
    int noise;                /* amplitude: 256 is the noise as stored */
};

static struct light light_at(const struct scene *s, int64_t t_us)
{
    float day = scene_daylight(s, t_us), t_s = (float)((double)t_us / US_PER_S);
    float dusk = fmaxf(0, 1 - fabsf(day - 0.45f) / 0.4f);
    float cloud = 0.95f + 0.05f * sinf(t_s / 23);
    float noise = 10 + 12 * (1 - day);
    if (s->story == SCENE_PRACTICE) {
        struct rng rng = rng_of(s->seed, 203, (uint64_t)(t_us / SCENE_FRAME_US));
        noise = rng_between(&rng, 4, 44);
        cloud = rng_between(&rng, 0.8f, 1.04f);
    }
    return (struct light){
        .ambient = (int)((88 + 168 * day) * cloud),
        .lamps = day < LAMPS_BELOW ? 200 : 0,
        .colour = (int)(120 + 136 * day),
        .tint_u = (int)(7 * (1 - day) - 6 * dusk),
        .tint_v = (int)(7 * dusk - 3 * (1 - day)),
        .warm = day < LAMPS_BELOW ? 7 : 0,
        .noise = (int)noise,
    };
}

VECTORISED static void light_luma(uint8_t *restrict dst, const uint8_t *restrict src,
                                  const uint8_t *restrict lamp, const int8_t *restrict noise,
                                  struct light light)
{
    for (int x = 0; x < SCENE_WIDTH; x++) {
        int gain = light.ambient + (lamp[x] * light.lamps >> 8);
        gain = gain < LIGHT_FULL ? gain : LIGHT_FULL;
        int y = 16 + ((src[x] - 16) * gain >> 8) + (noise[x] * light.noise >> 8);
        y = y < 16 ? 16 : y;
        dst[x] = (uint8_t)(y > 235 ? 235 : y);
    }
}

VECTORISED static void light_chroma(uint8_t *restrict dst, const uint8_t *restrict src,
                                    const uint8_t *restrict lamp, int colour, int lamps, int tint,
                                    int warm)
{
    for (int x = 0; x < SCENE_WIDTH / 2; x++) {
        int reach = lamp[2 * x] * lamps >> 8;
        int gain = colour + reach;
        gain = gain < LIGHT_FULL ? gain : LIGHT_FULL;
        int c = 128 + ((src[x] - 128) * gain >> 8) + tint + (reach * warm >> 8);
        c = c < 16 ? 16 : c;
        dst[x] = (uint8_t)(c > 240 ? 240 : c);
    }
}

/* Headlights shine by themselves, so they come on top of the lit picture. */
static void paint_headlights(const struct scene *s, int64_t t_us, struct frame *dst)
{
    struct canvas canvas = {.width = SCENE_WIDTH, .height = SCENE_HEIGHT};
    for (int p = 0; p < 3; p++) {
        canvas.plane[p] = frame_plane_w(dst, p);
        canvas.stride[p] = dst->stride[p];
    }
    struct actors cast;
    script_cast(s, t_us, &cast);
    for (int i = 0; i < cast.count; i++)
        if (!cast.items[i].parked)
            vehicle_paint_lights(&cast.items[i], &canvas);
}

void scene_render(struct scene *s, int64_t t_us, struct frame *dst)
{
    ASSERT(dst->width == SCENE_WIDTH && dst->height == SCENE_HEIGHT && t_us >= 0);
    struct light light = light_at(s, t_us);
    paint_work(s, t_us, light.lamps > 0);
    struct rng rng = rng_of(s->seed, 3, (uint64_t)t_us);
    uint8_t *luma = frame_plane_w(dst, 0);
    for (int y = 0; y < SCENE_HEIGHT; y++) {
        ptrdiff_t at = (ptrdiff_t)y * SCENE_WIDTH;
        light_luma(luma + (ptrdiff_t)y * dst->stride[0], s->work.plane[0] + at, s->lamp_light + at,
                   s->noise + rng_below(&rng, NOISE_OFFSETS), light);
    }
    for (int p = 1; p < 3; p++) {
        uint8_t *chroma = frame_plane_w(dst, p);
        for (int y = 0; y < SCENE_HEIGHT / 2; y++)
            light_chroma(chroma + (ptrdiff_t)y * dst->stride[p],
                         s->work.plane[p] + (ptrdiff_t)y * (SCENE_WIDTH / 2),
                         s->lamp_light + (ptrdiff_t)y * 2 * SCENE_WIDTH, light.colour, light.lamps,
                         p == 1 ? light.tint_u : light.tint_v, p == 1 ? -light.warm : light.warm);
    }
    if (light.lamps)
        paint_headlights(s, t_us, dst);
}

/* Around the picture there is room for what sticks out of it, to tell how much of it shows. */
#define TRUTH_MARGIN 320
#define TRUTH_WIDTH  (SCENE_WIDTH + 2 * TRUTH_MARGIN)

struct extent {
    int count;
    struct rect around;
};

static struct extent extent_of(const uint8_t *owner, uint8_t id, struct rect r)
{
    struct extent e = {0, {TRUTH_WIDTH, SCENE_HEIGHT, 0, 0}};
    for (int y = r.y0; y < r.y1; y++)
        for (int x = r.x0; x < r.x1; x++) {
            if (owner[(ptrdiff_t)y * TRUTH_WIDTH + x] != id)
                continue;
            e.count++;
            e.around = (struct rect){MIN(e.around.x0, x), MIN(e.around.y0, y),
                                     MAX(e.around.x1, x + 1), MAX(e.around.y1, y + 1)};
        }
    return e;
}

static void cover_owner(const struct cover_layer *cover, uint8_t *owner)
{
    for (int y = 0; y < SCENE_HEIGHT; y++) {
        uint8_t *row = owner + (ptrdiff_t)y * TRUTH_WIDTH + TRUTH_MARGIN;
        for (int x = 0; x < SCENE_WIDTH; x++)
            if (cover->alpha[(ptrdiff_t)y * SCENE_WIDTH + x] > 127)
                row[x] = 0;
    }
}

/* Paints everybody's id, farthest first, and counts each one's own pixels before others hide them.
 * The last two are an actor's and, on a bicycle, its rider's. */
static void own_pixels(const struct scene *s, const struct actors *cast, uint8_t *owner,
                       int totals[2 * ACTORS_MAX + 2])
{
    struct canvas canvas = {
        .width = TRUTH_WIDTH,
        .height = SCENE_HEIGHT,
        .owner = owner,
        .shift_x = TRUTH_MARGIN,
    };
    int covered = 0;
    for (int i = 0; i < cast->count; i++) {
        for (; covered < COVERS_MAX && s->covers[covered].foot_px <= cast->items[i].foot.y;
             covered++)
            cover_owner(&s->covers[covered], owner);
        canvas_clean(&canvas);
        int id = 2 * i + 1;
        actor_paint(&cast->items[i], &canvas, (uint8_t)id);
        for (int k = id; k < id + 2; k++)
            totals[k] = extent_of(owner, (uint8_t)k, canvas.dirty).count;
    }
    for (; covered < COVERS_MAX; covered++)
        cover_owner(&s->covers[covered], owner);
}

int scene_truth(const struct scene *s, int64_t t_us, struct detection *out, int max)
{
    struct actors cast;
    script_cast(s, t_us, &cast);
    AUTO(free_ptr) uint8_t *owner = xcalloc((size_t)TRUTH_WIDTH * SCENE_HEIGHT, 1);
    int totals[2 * ACTORS_MAX + 2] = {0};
    own_pixels(s, &cast, owner, totals);
    struct rect picture = {TRUTH_MARGIN, 0, TRUTH_MARGIN + SCENE_WIDTH, SCENE_HEIGHT};
    int count = 0;
    for (int id = 1; id <= 2 * cast.count && count < max; id++) {
        if (totals[id] == 0)
            continue;
        struct extent e = extent_of(owner, (uint8_t)id, picture);
        if ((float)e.count < TRUTH_VISIBLE * (float)totals[id])
            continue;
        const struct actor *actor = &cast.items[(id - 1) / 2];
        bool rider = id % 2 == 0;
        struct detection *d = &out[count++];
        *d = (struct detection){.score = 1};
        d->box.x0 = (float)(e.around.x0 - TRUTH_MARGIN) / SCENE_WIDTH;
        d->box.x1 = (float)(e.around.x1 - TRUTH_MARGIN) / SCENE_WIDTH;
        d->box.y0 = (float)e.around.y0 / SCENE_HEIGHT;
        d->box.y1 = (float)e.around.y1 / SCENE_HEIGHT;
        STR_COPY(d->label, actor_labels[rider ? ACTOR_PERSON : actor->kind]);
    }
    return count;
}
