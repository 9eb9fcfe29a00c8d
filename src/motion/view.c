/* Edges stay where they are when people, light and weather change; brightness does not. So a view
 * is a map of its edges, learned over minutes from pictures that were judged good, and a picture is
 * asked tile by tile whether the edges it should have are there.
 *
 *   most of them are               good, however dark it is
 *   all together, elsewhere        moved, and we know where to
 *   none, light and dark as before defocused
 *   none                           covered
 *   others                         moved, or another scene
 *
 * One picture says nothing: a state is believed when it lasts. Costs 0.2 ms for a 1080p picture,
 * 0.3 where the view has to be looked for. */
#include "motion/view.h"

#include "motion/glance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEARNED_US    (30 * US_PER_S)    /* until then nothing is said */
#define LEARN_US      (180 * US_PER_S)   /* time constant of the reference */
#define ADOPT_US      (120 * US_PER_S)   /* a moved view is the view from then on */
#define STEP_MAX_US   (2500 * US_PER_MS) /* time without pictures proves nothing */
#define PEOPLE_SLOWER 4                  /* while something moves, time counts for so much less */

/* When the camera goes over to infrared or back, edges change at once: learned faster, for so long.
 */
#define LEARN_LIGHT_US (30 * US_PER_S)
#define OTHER_LIGHT_US (4 * LEARN_LIGHT_US)

/* An encoder with nothing to tell may repeat itself bit by bit until the next key frame. */
#define FROZEN_US        (30 * US_PER_S)
#define FROZEN_NO_KEY_US (120 * US_PER_S)

/* How long a verdict must prevail before it is believed. */
static const int64_t needs_us[] = {
    [VIEW_GOOD] = 4 * US_PER_S,       [VIEW_FROZEN] = 1,
    [VIEW_BLACK] = 5 * US_PER_S,      [VIEW_COVERED] = 5 * US_PER_S,
    [VIEW_DEFOCUSED] = 10 * US_PER_S, [VIEW_MOVED] = 10 * US_PER_S,
};
#define STATES (sizeof needs_us / sizeof needs_us[0])

#define KNOWN_EDGES  90    /* mean square of a cell's edge: tiles with less in them say nothing */
#define KNOWN_TILES  6     /* views with fewer such tiles are not judged by edges */
#define TILE_LIKE    0.35f /* a tile's edges are where they were */
#define VIEW_LIKE    0.30f /* of the known tiles: enough of the view is there */
#define VIEW_SURE    0.60f /* no need to look for it elsewhere */
#define TILE_LOST    0.10f /* a tile has less than this of its edges, squared */
#define ALL          0.75f /* of the known tiles: everywhere, but for what is burnt into the picture */
#define SCENE_LIKE   0.80f /* light and dark are where they were: correlation of the tiles */
#define BLUR         0.09f /* of a tile's fine differences, squared, are left */
#define BLURRED      0.50f /* of the known tiles: halfway between a sharp view and a blurred one */
#define SHIFT_X      10    /* cells: where else to look for the view, 12 % of the picture */
#define SHIFT_Y      5
#define SHIFT_LIKE   0.35f
#define SHIFT_BETTER 0.15f
#define BLACK_STEPS  8.0f /* luma steps above black */
#define BLACK_SPREAD 2.0f
#define BLACK_TILES  0.85f

struct reference {
    struct edge_map edges; /* times EDGE_FRACTION */
    float luma[TILES], fine[TILES];
    int64_t seen_us; /* how much went into it */
    bool mono;
};
#define EDGE_FRACTION 128

enum { UPRIGHT, LEVEL, KINDS };

struct view {
    struct reference reference;
    struct reference next; /* of a view that has moved */
    struct glance glance;
    struct edge_map known[KINDS], now[KINDS]; /* the reference's edges and the picture's */
    enum view_state state;
    int64_t held_us[STATES];
    int64_t moved_us; /* how long VIEW_MOVED has been believed */
    int64_t last_us;
    uint64_t hash;
    int64_t same_us; /* for how long the hash has not changed */
    bool same_keys;  /* over a key frame */
    int64_t watched_us;
    int64_t other_light_us;  /* how long infrared light has been on, or off, unlike the reference */
    float shift_x, shift_y;  /* found in the last picture that had moved */
    struct view_result told; /* the last answer */
};

struct view *view_new(void)
{
    return NEW(struct view);
}

void view_free(struct view **view)
{
    free(*view);
    *view = NULL;
}

static void learn_edges(int16_t *restrict reference, const int16_t *restrict now, int rate)
{
    for (int i = 0; i < GLANCE_CELLS; i++) {
        int difference = now[i] * EDGE_FRACTION - reference[i];
        reference[i] = (int16_t)(reference[i] + ((difference * rate + (1 << 14)) >> 15));
    }
}

/* The first pictures count alike, later ones by the time constant. */
static void learn(struct reference *r, const struct glance *g, int64_t step_us, int64_t constant_us)
{
    r->seen_us = MIN(r->seen_us + step_us, LEARN_US);
    float share = (float)step_us / (float)MIN(r->seen_us, constant_us);
    share = MIN(share, 1);
    int rate = (int)(share * 32767);
    learn_edges(r->edges.x, g->edges.x, rate);
    learn_edges(r->edges.y, g->edges.y, rate);
    for (int i = 0; i < TILES; i++) {
        r->luma[i] += share * (g->luma[i] - r->luma[i]);
        r->fine[i] += share * (g->fine[i] - r->fine[i]);
    }
    if (r->seen_us <= LEARNED_US)
        r->mono = g->mono;
}

static void split_edges(struct view *v)
{
    struct edge_map rounded;
    for (int i = 0; i < GLANCE_CELLS; i++) {
        rounded.x[i] = (int16_t)(v->reference.edges.x[i] / EDGE_FRACTION);
        rounded.y[i] = (int16_t)(v->reference.edges.y[i] / EDGE_FRACTION);
    }
    edges_split(&rounded, &v->known[UPRIGHT], &v->known[LEVEL]);
    edges_split(&v->glance.edges, &v->now[UPRIGHT], &v->now[LEVEL]);
}

static int by_value(const void *a, const void *b)
{
    float fa = *(const float *)a, fb = *(const float *)b;
    return (fa > fb) - (fa < fb);
}

/* Fine differences of the plainest tenth of the tiles: noise, which no blur takes away. */
static float noise_of(const float fine[TILES])
{
    float sorted[TILES];
    memcpy(sorted, fine, sizeof sorted);
    qsort(sorted, TILES, sizeof sorted[0], by_value);
    return sorted[TILES / 10];
}

struct comparison {
    int known;           /* tiles that have edges in the reference, of both kinds together */
    float kept;          /* share of those, of the kind of which less is kept */
    float lost, blurred; /* shares of those */
    float scene;         /* correlation of light and dark */
    float contrast;      /* of light and dark, against the reference */
};

static void compare_luma(const float now[TILES], const float then[TILES], struct comparison *c)
{
    float mean_now = 0, mean_then = 0, nn = 0, tt = 0, nt = 0;
    for (int i = 0; i < TILES; i++) {
        mean_now += now[i] / TILES;
        mean_then += then[i] / TILES;
    }
    for (int i = 0; i < TILES; i++) {
        nn += (now[i] - mean_now) * (now[i] - mean_now);
        tt += (then[i] - mean_then) * (then[i] - mean_then);
        nt += (now[i] - mean_now) * (then[i] - mean_then);
    }
    c->scene = nn > 0 && tt > 0 ? nt / sqrtf(nn * tt) : 0;
    c->contrast = tt > 0 ? sqrtf(nn / tt) : 1;
}

struct tally {
    int known, kept, lost, blurred;
};

static struct tally count_tiles(const struct view *v, int kind, float contrast)
{
    struct tally t = {0};
    const float *now = v->glance.fine, *then = v->reference.fine;
    float noise_now = noise_of(now), noise_then = noise_of(then);
    /* Dusk takes fine and coarse contrast alike; a lens out of focus only the fine. */
    float dimmed = MIN(contrast * contrast, 1);
    for (int i = 0; i < TILES; i++) {
        struct edge_sums s = edges_tile(&v->known[kind], &v->now[kind], i);
        if (s.aa < KNOWN_EDGES * TILE_CELLS)
            continue;
        t.known++;
        t.kept += (float)s.ab > TILE_LIKE * sqrtf((float)s.aa) * sqrtf((float)s.bb);
        t.lost += (float)s.bb < TILE_LOST * (float)s.aa;
        t.blurred += MAX(now[i] - noise_now, 0) < BLUR * dimmed * MAX(then[i] - noise_then, 0);
    }
    return t;
}

static struct comparison compare(const struct view *v)
{
    struct comparison c = {.kept = 1};
    compare_luma(v->glance.luma, v->reference.luma, &c);
    int lost = 0, blurred = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        struct tally t = count_tiles(v, kind, c.contrast);
        c.known += t.known;
        lost += t.lost;
        blurred += t.blurred;
        if (t.known >= KNOWN_TILES)
            c.kept = MIN(c.kept, (float)t.kept / (float)t.known);
    }
    if (c.known > 0) {
        c.lost = (float)lost / (float)c.known;
        c.blurred = (float)blurred / (float)c.known;
    }
    return c;
}

/* Where between its neighbours a peak lies, -0.5..0.5. */
static float peak_between(float before, float peak, float after)
{
    float bend = before - 2 * peak + after;
    return bend < 0 ? CLAMP(0.5f * (before - after) / bend, -0.5f, 0.5f) : 0;
}

/* Both kinds of edges count alike, however many there are. */
static float likeness_at(const struct view *v, const float norms[KINDS], int dx, int dy)
{
    float sum = 0;
    for (int kind = 0; kind < KINDS; kind++)
        sum += edges_likeness(&v->known[kind], &v->now[kind], norms[kind], dx, dy);
    return sum / KINDS;
}

struct shift {
    int x, y; /* cells */
    float like;
};

static void try_shift(const struct view *v, const float norms[KINDS], int x, int y,
                      struct shift *best)
{
    float like = likeness_at(v, norms, x, y);
    if (like > best->like)
        *best = (struct shift){x, y, like};
}

/* Every other shift first: an edge is wide enough to be seen from the next cell. */
static struct shift best_shift(const struct view *v, const float norms[KINDS], float here)
{
    struct shift best = {0, 0, here}, from;
    for (int y = -SHIFT_Y; y <= SHIFT_Y; y += 2)
        for (int x = -SHIFT_X; x <= SHIFT_X; x += 2)
            try_shift(v, norms, x, y, &best);
    do {
        from = best;
        for (int y = MAX(from.y - 1, -SHIFT_Y); y <= MIN(from.y + 1, SHIFT_Y); y++)
            for (int x = MAX(from.x - 1, -SHIFT_X); x <= MIN(from.x + 1, SHIFT_X); x++)
                try_shift(v, norms, x, y, &best);
    } while (best.like > from.like);
    return best;
}

/* Whether the view is there, but elsewhere in the picture; then where to it went. */
static bool find_shift(struct view *v)
{
    float norms[KINDS];
    for (int kind = 0; kind < KINDS; kind++)
        norms[kind] = edges_norm(&v->known[kind], &v->now[kind]);
    float here = likeness_at(v, norms, 0, 0);
    struct shift b = best_shift(v, norms, here);
    if (b.like < SHIFT_LIKE || b.like < here + SHIFT_BETTER)
        return false;
    float x = peak_between(likeness_at(v, norms, b.x - 1, b.y), b.like,
                           likeness_at(v, norms, b.x + 1, b.y));
    float y = peak_between(likeness_at(v, norms, b.x, b.y - 1), b.like,
                           likeness_at(v, norms, b.x, b.y + 1));
    v->shift_x = ((float)b.x + x) / GLANCE_WIDTH;
    v->shift_y = ((float)b.y + y) / GLANCE_HEIGHT;
    return true;
}

static bool is_black(const struct glance *g)
{
    int black = 0;
    for (int i = 0; i < TILES; i++)
        black += g->luma[i] < BLACK_STEPS && g->spread[i] < BLACK_SPREAD;
    return (float)black >= BLACK_TILES * TILES;
}

/* How long not one bit has changed. */
static bool is_frozen(struct view *v, bool key, int64_t step_us, bool gap)
{
    if (v->hash != v->glance.hash || gap) {
        v->hash = v->glance.hash;
        v->same_us = 0;
        v->same_keys = false;
        return false;
    }
    v->same_us += step_us;
    v->same_keys |= key;
    return v->same_us >= (v->same_keys ? FROZEN_US : FROZEN_NO_KEY_US);
}

/* What this picture by itself looks like. */
static enum view_state judge(struct view *v)
{
    const struct glance *g = &v->glance;
    const struct reference *r = &v->reference;
    split_edges(v);
    struct comparison c = compare(v);
    if (c.known < KNOWN_TILES)
        return VIEW_GOOD;
    bool same_scene = c.scene > SCENE_LIKE && c.contrast > 0.4f && c.contrast < 2.5f;
    /* Infrared light shows other edges and has another focus: that is learned, not told. */
    bool same_light = g->mono == r->mono;
    if (c.blurred >= BLURRED && same_scene)
        return same_light ? VIEW_DEFOCUSED : VIEW_GOOD;
    if (c.kept >= VIEW_SURE)
        return VIEW_GOOD;
    if (c.lost >= ALL && c.kept < VIEW_LIKE)
        return same_scene ? VIEW_DEFOCUSED : VIEW_COVERED;
    v->shift_x = v->shift_y = 0;
    if (find_shift(v))
        return VIEW_MOVED;
    return c.kept >= VIEW_LIKE || !same_light ? VIEW_GOOD : VIEW_MOVED;
}

/* Lets the verdicts wear each other down, so that one odd picture ends nothing. */
static bool believe(struct view *v, enum view_state verdict, int64_t step_us, bool people)
{
    int64_t weight_us = people && verdict > VIEW_BLACK ? step_us / PEOPLE_SLOWER : step_us;
    for (size_t i = 0; i < STATES; i++)
        v->held_us[i] = i == verdict ? v->held_us[i] + weight_us : MAX(v->held_us[i] - step_us, 0);
    if (verdict == v->state || v->held_us[verdict] < needs_us[verdict])
        return false;
    v->state = verdict;
    memset(v->held_us, 0, sizeof v->held_us);
    return true;
}

static void learn_good(struct view *v, int64_t step_us, bool people)
{
    struct reference *r = &v->reference;
    bool other_light = v->glance.mono != r->mono && r->seen_us > LEARNED_US;
    v->other_light_us = other_light ? v->other_light_us + step_us : 0;
    if (v->other_light_us > OTHER_LIGHT_US)
        r->mono = v->glance.mono;
    /* They hide a part of the view only, and where they never cease it must be learned all the
     * same. */
    learn(r, &v->glance, people ? step_us / PEOPLE_SLOWER : step_us,
          other_light ? LEARN_LIGHT_US : LEARN_US);
}

/* A view that has been told to have moved is learned beside the old one, and takes its place. */
static bool adopt(struct view *v, int64_t step_us)
{
    v->moved_us += step_us;
    learn(&v->next, &v->glance, step_us, LEARNED_US);
    if (v->moved_us < ADOPT_US)
        return false;
    v->reference = v->next;
    v->state = VIEW_GOOD;
    memset(v->held_us, 0, sizeof v->held_us);
    return true;
}

/* A black picture and a frozen one show no view to be judged or learned. */
static enum view_state look(struct view *v, const struct frame *frame, int64_t step_us, bool gap)
{
    glance_take(&v->glance, frame);
    bool frozen = is_frozen(v, frame->key, step_us, gap);
    if (is_black(&v->glance))
        return VIEW_BLACK;
    if (frozen)
        return VIEW_FROZEN;
    return v->reference.seen_us >= LEARNED_US ? judge(v) : VIEW_GOOD;
}

void view_push(struct view *v, const struct frame *frame, bool people, bool gap,
               struct view_result *ret)
{
    int64_t step_us = v->watched_us > 0 ? CLAMP(frame->pts_us - v->last_us, 0, STEP_MAX_US) : 1;
    v->last_us = frame->pts_us;
    v->watched_us += step_us;
    if (gap)
        memset(v->held_us, 0, sizeof v->held_us);
    enum view_state verdict = look(v, frame, step_us, gap);
    bool changed = v->watched_us >= LEARNED_US && believe(v, verdict, step_us, people);
    if (v->state == VIEW_GOOD && verdict == VIEW_GOOD)
        learn_good(v, step_us, people);
    if (changed && v->state == VIEW_MOVED) {
        v->moved_us = 0;
        v->next = (struct reference){0};
    }
    bool adopted = v->state == VIEW_MOVED && verdict == VIEW_MOVED && adopt(v, step_us);
    changed |= adopted;
    if (changed) {
        bool moved = v->state == VIEW_MOVED;
        v->told = (struct view_result){
            .state = v->state,
            .shift_x = moved ? v->shift_x : 0,
            .shift_y = moved ? v->shift_y : 0,
        };
    }
    *ret = v->told;
    ret->changed = changed;
    ret->adopted = adopted;
}
