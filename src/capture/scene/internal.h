/* Shared by the scene's own files only. World: metres; x to the right of the camera, depth away
 * from it along the ground. A camera 4.5 m up looks level; its horizon lies at HORIZON_PX. */
#pragma once

#include "capture/scene/paint.h"
#include "capture/scene/scene.h"

#define HORIZON_PX 75.0f
#define FOCAL_PX   560.0f
#define EYE_M      4.5f
#define CENTRE_PX  320.0f
#define TAU        6.2831853f

/* Random numbers that depend on nothing but their seed (splitmix64). */
struct rng {
    uint64_t state;
};
struct rng rng_of(uint64_t seed, uint64_t a, uint64_t b);
uint64_t rng_next(struct rng *rng);
float rng_unit(struct rng *rng); /* [0, 1) */
float rng_between(struct rng *rng, float lo, float hi);
int rng_below(struct rng *rng, int count); /* [0, count) */
#define RNG_PICK(rng, array) ((array)[rng_below((rng), (int)ARRAY_LEN(array))])

/* Pixels per metre of what stands on the ground at that row. */
static inline float ground_scale(float y_px)
{
    return (y_px - HORIZON_PX) / EYE_M;
}

enum actor_kind { ACTOR_PERSON, ACTOR_BICYCLE, ACTOR_CAR, ACTOR_TRUCK, ACTOR_CAT, ACTOR_DOG };
extern const char *const actor_labels[];

enum actor_view { VIEW_RIGHT, VIEW_LEFT, VIEW_FRONT, VIEW_BACK };

/* How somebody or something looks; every field is drawn from the seed. */
struct look {
    float size;                                        /* 1: average */
    struct paint skin, hair, top, bottom, shoes, body; /* body: coachwork, fur, frame */
    int style;    /* bits and choices: skirt, cap, backpack; kind of car or dog */
    bool carries; /* a parcel, held in front */
};

struct actor {
    enum actor_kind kind;
    enum actor_view view;
    struct look look;
    struct point foot; /* px: where it touches the ground */
    float phase;       /* radians of its gait or wheels */
    float stride;      /* 0 stands .. 1 walks */
    bool reaches;      /* stretches an arm out: the bell */
    bool parked;
};

#define ACTORS_MAX SCENE_TRUTH_MAX

struct actors {
    int count;
    struct actor items[ACTORS_MAX];
};

/* Colours and trimmings of the place, drawn from the seed. */
struct place {
    struct paint wall, roof, door, trim, lawn, hedge, leaves, path;
    int style;
};

#define COVERS_MAX 3

/* Things that stand in front of some ground: whoever is farther away than depth is hidden behind
 * what of it is opaque. */
struct cover_layer {
    float foot_px;  /* row on which it stands */
    uint8_t *alpha; /* SCENE_WIDTH * SCENE_HEIGHT, 255 hides; owned */
};

#define RECTS_MAX (ACTORS_MAX + 1)

struct scene {
    uint64_t seed;
    enum scene_story story;
    struct place place;
    struct look parked;
    float day_offset;      /* share of a day, at t = 0 */
    struct canvas base[2]; /* the place without anybody: lamps off, lamps on */
    struct canvas work;    /* with everybody, evenly lit */
    int work_base;         /* which base lies under work; -1: neither yet */
    int rect_count;
    struct rect rects[RECTS_MAX]; /* where work differs from its base */
    struct cover_layer covers[COVERS_MAX];
    uint8_t *lamp_light; /* SCENE_WIDTH * SCENE_HEIGHT: how far the lamps reach; owned */
    int8_t *noise;       /* NOISE_BYTES, most of it within 64 of zero; owned */
};

#define NOISE_BYTES 8192 /* a power of two, plus a row */

/* scene_place.c */
struct place place_of(struct rng *rng);
void place_paint(struct canvas *canvas, const struct place *place, uint64_t seed, bool lamps);
void place_paint_cover(struct canvas *canvas, const struct place *place, int layer);
float place_cover_foot(int layer); /* px */
void place_light_lamps(uint8_t *light);
void place_sway(struct canvas *canvas, const struct place *place, float t_s);

/* scene_people.c, scene_vehicle.c. rider_id: who owns the pixels of a bicycle's rider. */
struct look look_of(struct rng *rng, enum actor_kind kind);
void person_paint(const struct actor *actor, struct canvas *canvas);
void animal_paint(const struct actor *actor, struct canvas *canvas);
void bicycle_paint(const struct actor *actor, struct canvas *canvas, uint8_t rider_id);
void vehicle_paint(const struct actor *actor, struct canvas *canvas);
/* Front and rear lamps of cars and trucks, and their shine on the road. Others have none. */
void vehicle_paint_lights(const struct actor *actor, struct canvas *canvas);

/* scene_script.c: everybody at that moment, farthest first. */
void script_cast(const struct scene *scene, int64_t t_us, struct actors *ret);
