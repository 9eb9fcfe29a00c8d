/* The house, its garden and the street. Everything here is painted once; coordinates are pixels of
 * the picture, because a place is drawn, not measured. */
#include "capture/scene/internal.h"

#include <math.h>

/* Rows of the picture where one thing ends and the next begins. */
enum {
    ROW_HOUSE = 196,
    ROW_SIDEWALK = 252,
    ROW_KERB = 272,
    ROW_ROAD = 278,
    ROW_CENTRE_LINE = 317,
};

#define LAMP_X 588.0f
#define TREE_X 92.0f

static const float cover_feet[COVERS_MAX] = {232, 251, 275};

float place_cover_foot(int layer)
{
    return cover_feet[layer];
}

struct place place_of(struct rng *rng)
{
    static const uint32_t walls[] = {0xe7dcc3, 0xcfd8dc, 0xe3cdb4, 0xb9c7b1, 0xd8c4c0, 0xa9bac9};
    static const uint32_t roofs[] = {0x6d3f34, 0x4b4f57, 0x7a5a45, 0x55433d, 0x5e6670};
    static const uint32_t doors[] = {0x8c2f2b, 0x23507a, 0x2f5d3f, 0x6b4423, 0x3a3d45, 0xb98a2f};
    static const uint32_t lawns[] = {0x6f9a45, 0x7fa050, 0x648c40, 0x8aa055};
    static const uint32_t leaves[] = {0x4f7f37, 0x5d8a3c, 0x3f6f3a, 0x7f8a35, 0x8f7a30};
    static const uint32_t paths[] = {0xb9a98c, 0xb8b4ab, 0xa98f78};
    return (struct place){
        .wall = paint_rgb(RNG_PICK(rng, walls)),
        .roof = paint_rgb(RNG_PICK(rng, roofs)),
        .door = paint_rgb(RNG_PICK(rng, doors)),
        .trim = paint_rgb(0xf4f1ea),
        .lawn = paint_rgb(RNG_PICK(rng, lawns)),
        .hedge = paint_light(paint_rgb(0x3f6b33), rng_between(rng, 0.85f, 1.15f)),
        .leaves = paint_rgb(RNG_PICK(rng, leaves)),
        .path = paint_rgb(RNG_PICK(rng, paths)),
        .style = rng_below(rng, 8),
    };
}

static void polygon(struct canvas *c, struct paint paint, int count, const struct point *points)
{
    paint_polygon(c, points, count, paint);
}
#define POLYGON(canvas, paint, ...)                                                                \
    polygon((canvas), (paint),                                                                     \
            (int)(sizeof((struct point[]){__VA_ARGS__}) / sizeof(struct point)),                   \
            (struct point[]){__VA_ARGS__})

/* A ball of leaves: dark below, light above. */
static void foliage(struct canvas *c, struct rng *rng, struct point at, float rx, float ry,
                    struct paint leaves, int tufts)
{
    paint_ellipse(c, at, rx, ry, paint_light(leaves, 0.72f));
    for (int i = 0; i < tufts; i++) {
        float turn = rng_between(rng, 0, TAU), out = sqrtf(rng_unit(rng)) * 0.86f;
        struct point p = {at.x + rx * out * cosf(turn), at.y + ry * out * sinf(turn)};
        float light = 0.98f - 0.32f * (p.y - at.y) / ry + rng_between(rng, -0.08f, 0.08f);
        float size = rng_between(rng, 0.14f, 0.3f);
        paint_ellipse(c, p, rx * size, ry * size, paint_fade(paint_light(leaves, light), 0.75f));
    }
}

static void sky(struct canvas *c, struct rng *rng)
{
    struct paint high = paint_rgb(0x6fa5d8), low = paint_rgb(0xdfeaf0);
    for (int y = 0; y < 110; y += 2)
        paint_rect(c, 0, (float)y, SCENE_WIDTH, (float)y + 2,
                   paint_mix(high, low, fminf((float)y / 88, 1)));
    for (int cloud = 0; cloud < 4; cloud++) {
        struct point at = {rng_between(rng, 0, SCENE_WIDTH), rng_between(rng, 6, 40)};
        for (int i = 0; i < 9; i++) {
            struct point p = {at.x + rng_between(rng, -46, 46), at.y + rng_between(rng, -5, 5)};
            paint_ellipse(c, p, rng_between(rng, 14, 34), rng_between(rng, 3, 8),
                          paint_fade(paint_rgb(0xffffff), 0.28f));
        }
    }
}

static void background(struct canvas *c, const struct place *place, struct rng *rng)
{
    for (int i = 0; i < 16; i++) {
        struct point at = {(float)i * 44 + rng_between(rng, -14, 14), rng_between(rng, 88, 98)};
        paint_ellipse(c, at, rng_between(rng, 30, 52), rng_between(rng, 14, 26),
                      paint_mix(paint_rgb(0x7f9a86), paint_rgb(0xa8bcc2), rng_unit(rng) * 0.6f));
    }
    struct paint far_grass = paint_mix(place->lawn, paint_rgb(0xb5c3a0), 0.35f);
    for (int y = 100; y < ROW_SIDEWALK; y += 2)
        paint_rect(c, 0, (float)y, SCENE_WIDTH, (float)y + 2,
                   paint_mix(far_grass, place->lawn, fminf((float)(y - 100) / 90, 1)));
    /* A board fence closes the garden at the back. */
    struct paint board = paint_rgb(0x9c7b58);
    for (int x = -4; x < SCENE_WIDTH; x += 9)
        paint_rect(c, (float)x, 132 - (float)(x % 2), (float)x + 8.2f, 166,
                   paint_light(board, rng_between(rng, 0.82f, 1.06f)));
    paint_rect(c, 0, 139, SCENE_WIDTH, 141.5f, paint_light(board, 0.72f));
    paint_rect(c, 0, 157, SCENE_WIDTH, 159.5f, paint_light(board, 0.72f));
    foliage(c, rng, (struct point){30, 104}, 48, 38, paint_light(place->leaves, 0.9f), 60);
    foliage(c, rng, (struct point){150, 116}, 34, 28, paint_light(place->leaves, 1.05f), 40);
    paint_rect(c, 543, 110, 551, 190, paint_rgb(0x5b4433));
    foliage(c, rng, (struct point){548, 92}, 56, 50, place->leaves, 90);
    foliage(c, rng, (struct point){626, 112}, 36, 34, paint_light(place->leaves, 0.85f), 44);
    for (int i = 0; i < 11; i++)
        foliage(c, rng, (struct point){(float)i * 17 - 2 + (i > 7 ? 326 : 0), 170}, 14, 9,
                paint_light(place->hedge, 0.95f), 9);
}

static void grass(struct canvas *c, const struct place *place, struct rng *rng)
{
    for (int i = 0; i < 9; i++) /* mown stripes */
        paint_rect(c, 0, 168 + (float)i * 9.4f, SCENE_WIDTH, 172 + (float)i * 9.6f,
                   paint_fade(paint_light(place->lawn, i % 2 ? 1.08f : 0.93f), 0.4f));
    for (int i = 0; i < 2600; i++) {
        float y = rng_between(rng, 168, ROW_SIDEWALK), x = rng_between(rng, 0, SCENE_WIDTH);
        float tall = (y - 140) / 34;
        paint_capsule(c, (struct point){x, y},
                      (struct point){x + rng_between(rng, -0.8f, 0.8f), y - tall}, 0.5f, 0.3f,
                      paint_fade(paint_light(place->lawn, rng_between(rng, 0.72f, 1.28f)), 0.55f));
    }
}

static void window_at(struct canvas *c, const struct place *place, float x0, float y0, float x1,
                      float y1, bool lit)
{
    float mid_x = (x0 + x1) / 2, mid_y = (y0 + y1) / 2;
    paint_rect(c, x0 - 3.5f, y0 - 3.5f, x1 + 3.5f, y1 + 3.5f, place->trim);
    paint_rect(c, x0 - 5, y1 + 3, x1 + 5, y1 + 6, paint_light(place->trim, 0.84f));
    if (lit) {
        paint_rect(c, x0, y0, x1, y1, paint_rgb(0xffd583));
        paint_rect(c, x0, mid_y, x1, y1, paint_fade(paint_rgb(0xf0a94e), 0.35f));
    } else {
        paint_rect(c, x0, y0, x1, y1, paint_rgb(0x46586a));
        POLYGON(c, paint_fade(paint_rgb(0xa9c6dc), 0.55f), {x0, y0}, {x1, y0}, {x0, y1 - 6});
    }
    struct paint curtain = paint_fade(paint_rgb(0xf3ece0), lit ? 0.55f : 0.75f);
    POLYGON(c, curtain, {x0, y0}, {x0 + 9, y0}, {x0 + 4, y1}, {x0, y1});
    POLYGON(c, curtain, {x1, y0}, {x1 - 9, y0}, {x1 - 4, y1}, {x1, y1});
    paint_rect(c, mid_x - 1, y0, mid_x + 1, y1, place->trim);
    paint_rect(c, x0, mid_y - 1, x1, mid_y + 1, place->trim);
}

static void front_door(struct canvas *c, const struct place *place, bool lit)
{
    paint_rect(c, 283, 136, 317, 198, place->trim);
    paint_rect(c, 287.5f, 140, 312.5f, 198, place->door);
    struct paint panel = paint_light(place->door, 0.78f);
    paint_rect(c, 291, 171, 299, 192, panel);
    paint_rect(c, 301, 171, 309, 192, panel);
    paint_rect(c, 291, 145, 309, 164, lit ? paint_rgb(0xffd583) : paint_rgb(0x5a6d7e));
    paint_rect(c, 299.4f, 145, 300.6f, 164, place->door);
    paint_ellipse(c, (struct point){309.5f, 170}, 1.6f, 1.6f, paint_rgb(0xe0c46a));
    paint_rect(c, 278, 196, 322, 200, paint_rgb(0xb9b3a8));
    paint_rect(c, 274, 200, 326, 204, paint_rgb(0x9d978c));
    paint_rect(c, 323, 147, 328, 156, paint_rgb(0x2b2b2b));
    paint_rect(c, 323.8f, 148.5f, 327.2f, 154.5f, lit ? paint_rgb(0xfff2c0) : paint_rgb(0xd8d2bc));
    paint_rect(c, 273, 147, 279, 152, paint_rgb(0x2f3a44)); /* the house number */
}

static void roof_tiles(struct canvas *c, const struct place *place, struct rng *rng)
{
    POLYGON(c, place->roof, {180, 117}, {222, 50}, {386, 50}, {404, 117});
    for (int y = 56; y < 116; y += 6) {
        float share = (float)(y - 50) / 67;
        float left = 222 - 42 * share, right = 386 + 18 * share;
        paint_rect(c, left, (float)y, right, (float)y + 1.3f,
                   paint_fade(paint_light(place->roof, 0.68f), 0.7f));
        for (float x = left + rng_between(rng, 2, 9); x < right; x += rng_between(rng, 8, 13))
            paint_rect(c, x, (float)y - 4.7f, x + 1, (float)y,
                       paint_fade(paint_light(place->roof, 0.75f), 0.6f));
    }
    paint_rect(c, 178, 114, 406, 119, place->trim);
    POLYGON(c, place->roof, {386, 118}, {398, 86}, {470, 86}, {492, 118});
    for (int y = 92; y < 118; y += 6)
        paint_rect(c, 398 - (float)(y - 86) * 0.35f, (float)y, 470 + (float)(y - 86) * 0.65f,
                   (float)y + 1.3f, paint_fade(paint_light(place->roof, 0.68f), 0.7f));
    paint_rect(c, 388, 115, 494, 119, place->trim);
}

static void house(struct canvas *c, const struct place *place, struct rng *rng, bool lit)
{
    paint_rect(c, 234, 30, 254, 74, paint_rgb(0x8a4f3f));
    for (int y = 34; y < 60; y += 5)
        paint_rect(c, 234, (float)y, 254, (float)y + 1, paint_rgb(0xa97b6c));
    paint_rect(c, 231, 27, 257, 32, paint_rgb(0x6d6660));
    paint_rect(c, 194, 112, 396, ROW_HOUSE + 2, place->wall);
    paint_rect(c, 394, 114, 480, ROW_HOUSE + 2, paint_light(place->wall, 0.95f));
    for (int y = 120; y < ROW_HOUSE; y += 6)
        paint_rect(c, 194, (float)y, 480, (float)y + 1.1f,
                   paint_fade(paint_light(place->wall, 0.8f), 0.55f));
    paint_rect(c, 194, 119, 480, 125, paint_fade(paint_rgb(0x1a1f26), 0.28f));
    paint_rect(c, 194, 190, 480, ROW_HOUSE + 2, paint_light(place->wall, 0.66f));
    roof_tiles(c, place, rng);
    POLYGON(c, place->trim, {260, 119}, {300, 72}, {340, 119});
    POLYGON(c, place->wall, {268, 119}, {300, 81}, {332, 119});
    paint_ellipse(c, (struct point){300, 103}, 9, 9, place->trim);
    paint_ellipse(c, (struct point){300, 103}, 6.5f, 6.5f,
                  lit ? paint_rgb(0xffd583) : paint_rgb(0x4b5f72));
    window_at(c, place, 210, 136, 262, 174, lit);
    window_at(c, place, 340, 136, 380, 174, lit && place->style & 1);
    paint_rect(c, 400, 134, 474, 198, place->trim);
    struct paint gate = paint_light(place->trim, 0.88f);
    for (int i = 0; i < 5; i++)
        paint_rect(c, 404, 138 + (float)i * 12, 470, 149 + (float)i * 12,
                   paint_light(gate, i == 1 ? 0.7f : 0.95f));
    front_door(c, place, lit);
}

static void flowers(struct canvas *c, const struct place *place, struct rng *rng)
{
    static const uint32_t blooms[] = {0xd8436b, 0xf2d04a, 0xf4f0f6, 0x8d5cc4, 0xe8743b};
    for (int bed = 0; bed < 2; bed++) {
        float x0 = bed ? 330 : 200, x1 = bed ? 392 : 272;
        paint_rect(c, x0, 196, x1, 204, paint_rgb(0x5c4736));
        for (float x = x0 + 2; x < x1; x += 6)
            foliage(c, rng, (struct point){x, 197}, 6, 5, place->hedge, 5);
        for (int i = 0; i < 34; i++)
            paint_ellipse(c, (struct point){rng_between(rng, x0, x1), rng_between(rng, 193, 203)},
                          1.3f, 1.1f, paint_rgb(blooms[(i + place->style) % 5]));
    }
}

static void ground(struct canvas *c, const struct place *place, struct rng *rng)
{
    POLYGON(c, place->path, {286, 204}, {314, 204}, {292, ROW_SIDEWALK}, {246, ROW_SIDEWALK});
    for (int i = 0; i < 9; i++) {
        float a = (float)i / 9, y = 204 + 48 * a * (0.55f + 0.45f * a);
        paint_rect(c, 286 - 40 * (y - 204) / 48, y, 314 - 22 * (y - 204) / 48, y + 1,
                   paint_fade(paint_light(place->path, 0.66f), 0.8f));
    }
    struct paint slab = paint_rgb(0xb7b4ad);
    POLYGON(c, paint_light(slab, 0.9f), {402, 198}, {472, 198}, {536, ROW_ROAD}, {394, ROW_ROAD});
    for (int i = 1; i < 4; i++)
        paint_rect(c, 396, 198 + (float)(i * i) * 5.6f, 470 + (float)(i * i) * 4.4f,
                   199.2f + (float)(i * i) * 5.6f, paint_fade(paint_rgb(0x7f7b74), 0.6f));
    paint_rect(c, 0, ROW_SIDEWALK, SCENE_WIDTH, ROW_KERB, slab);
    for (int i = -8; i < 9; i++) {
        float far_x = 320 + (float)i * 62, near_x = 320 + (float)i * 69;
        POLYGON(c, paint_fade(paint_rgb(0x807c75), 0.7f), {far_x, ROW_SIDEWALK},
                {far_x + 1.2f, ROW_SIDEWALK}, {near_x + 1.4f, ROW_KERB}, {near_x, ROW_KERB});
    }
    paint_rect(c, 0, ROW_KERB, SCENE_WIDTH, ROW_ROAD, paint_rgb(0xcfccc4));
    paint_rect(c, 0, 275, SCENE_WIDTH, ROW_ROAD, paint_rgb(0x8d8a84));
    for (int y = ROW_ROAD; y < SCENE_HEIGHT; y += 2)
        paint_rect(c, 0, (float)y, SCENE_WIDTH, (float)y + 2,
                   paint_light(paint_rgb(0x56585c), 1.06f - (float)(y - ROW_ROAD) / 600));
    for (int i = 0; i < 1800; i++) {
        struct point at = {rng_between(rng, 0, SCENE_WIDTH), rng_between(rng, 254, SCENE_HEIGHT)};
        paint_ellipse(c, at, rng_between(rng, 0.5f, 1.7f), 0.6f,
                      paint_fade(paint_rgb(rng_below(rng, 2) ? 0x3f4144 : 0x93959a), 0.3f));
    }
    for (int i = -4; i < 5; i++)
        paint_rect(c, 320 + (float)i * 88 - 26, ROW_CENTRE_LINE, 320 + (float)i * 88 + 26,
                   ROW_CENTRE_LINE + 3.2f, paint_rgb(0xe6e2d2));
}

static void tree(struct canvas *c, const struct place *place)
{
    struct rng rng = rng_of(7, 1, (uint64_t)place->style);
    struct paint bark = paint_rgb(0x5a4332);
    POLYGON(c, bark, {TREE_X - 9, 233}, {TREE_X - 5, 150}, {TREE_X + 6, 150}, {TREE_X + 10, 233});
    paint_rect(c, TREE_X + 1, 155, TREE_X + 5, 231, paint_fade(paint_light(bark, 0.7f), 0.6f));
    foliage(c, &rng, (struct point){TREE_X - 30, 128}, 38, 32, place->leaves, 50);
    foliage(c, &rng, (struct point){TREE_X + 32, 126}, 38, 32, place->leaves, 50);
    foliage(c, &rng, (struct point){TREE_X, 104}, 52, 42, place->leaves, 90);
}

static void hedge(struct canvas *c, const struct place *place, float x0, float x1)
{
    struct rng rng = rng_of(11, (uint64_t)(x0 + 100), (uint64_t)place->style);
    paint_rect(c, x0, 232, x1, 252, paint_light(place->hedge, 0.66f));
    for (float x = x0 + 6; x < x1; x += 12)
        foliage(c, &rng, (struct point){x, 236}, 10, 7, place->hedge, 12);
    for (float x = x0 + 4; x < x1 - 2; x += 5) {
        float y = rng_between(&rng, 236, 250);
        paint_ellipse(c, (struct point){x, y}, 4, 3,
                      paint_fade(paint_light(place->hedge, 1.3f - (y - 232) / 26), 0.6f));
    }
}

static void garden_edge(struct canvas *c, const struct place *place)
{
    hedge(c, place, -6, 236);
    hedge(c, place, 528, SCENE_WIDTH + 6);
    struct paint wood = place->trim;
    for (float x = 298; x < 392; x += 8)
        POLYGON(c, wood, {x, 252}, {x, 230}, {x + 2.2f, 227}, {x + 4.4f, 230}, {x + 4.4f, 252});
    paint_rect(c, 296, 233, 393, 235.5f, paint_light(wood, 0.86f));
    paint_rect(c, 296, 245, 393, 247.5f, paint_light(wood, 0.86f));
    const float posts[] = {238, 293};
    for (int i = 0; i < 2; i++) {
        paint_rect(c, posts[i] - 3.5f, 222, posts[i] + 3.5f, 253, paint_rgb(0x9a8f80));
        paint_rect(c, posts[i] - 5, 219, posts[i] + 5, 223, paint_rgb(0xb5aa9a));
    }
}

static void kerb_furniture(struct canvas *c, const struct place *place, bool lit)
{
    struct paint iron = paint_rgb(0x33393c);
    paint_rect(c, LAMP_X - 2, 84, LAMP_X + 2, 275, iron);
    paint_rect(c, LAMP_X - 4, 262, LAMP_X + 4, 275, iron);
    paint_capsule(c, (struct point){LAMP_X, 86}, (struct point){LAMP_X - 34, 80}, 1.8f, 1.5f, iron);
    POLYGON(c, iron, {LAMP_X - 46, 82}, {LAMP_X - 42, 77}, {LAMP_X - 30, 77}, {LAMP_X - 26, 82});
    paint_rect(c, LAMP_X - 44, 82, LAMP_X - 28, 84.5f, paint_rgb(lit ? 0xfff4cf : 0xd0cdc2));
    paint_rect(c, 379, 242, 382, 274, paint_rgb(0x6b4f38));
    paint_rect(c, 372, 232, 389, 243, place->door);
    paint_rect(c, 372, 232, 389, 234, paint_light(place->door, 1.3f));
}

static void paint_cover(struct canvas *c, const struct place *place, int layer, bool lit)
{
    if (layer == 0)
        tree(c, place);
    else if (layer == 1)
        garden_edge(c, place);
    else
        kerb_furniture(c, place, lit);
}

void place_paint_cover(struct canvas *canvas, const struct place *place, int layer)
{
    paint_cover(canvas, place, layer, false);
}

void place_paint(struct canvas *canvas, const struct place *place, uint64_t seed, bool lamps)
{
    struct rng rng = rng_of(seed, 2, 0);
    sky(canvas, &rng);
    background(canvas, place, &rng);
    grass(canvas, place, &rng);
    paint_ellipse(canvas, (struct point){TREE_X + 10, 234}, 70, 8,
                  paint_fade(paint_rgb(0x101a0c), 0.35f));
    ground(canvas, place, &rng);
    house(canvas, place, &rng, lamps);
    flowers(canvas, place, &rng);
    for (int layer = 0; layer < COVERS_MAX; layer++)
        paint_cover(canvas, place, layer, lamps);
}

/* Leaves move in the wind: a few tufts on each crown, a pixel or two. */
void place_sway(struct canvas *canvas, const struct place *place, float t_s)
{
    struct rng rng = rng_of(13, (uint64_t)place->style, 0);
    static const struct {
        struct point at;
        float rx, ry;
    } crowns[] = {{{TREE_X, 112}, 62, 40}, {{548, 92}, 50, 42}};
    for (size_t i = 0; i < ARRAY_LEN(crowns); i++)
        for (int k = 0; k < 12; k++) {
            float turn = rng_between(&rng, 0, TAU), out = rng_between(&rng, 0.3f, 0.85f);
            float beat = rng_between(&rng, 0.7f, 1.5f), late = rng_between(&rng, 0, TAU);
            struct point p = {crowns[i].at.x + crowns[i].rx * out * cosf(turn),
                              crowns[i].at.y + crowns[i].ry * out * sinf(turn)};
            float light = 1.05f - 0.25f * sinf(turn);
            p.x += 1.6f * sinf(t_s * beat + late);
            p.y += 0.6f * sinf(t_s * beat * 1.3f + late);
            paint_ellipse(canvas, p, 8, 5.5f, paint_light(place->leaves, light));
        }
}

static float glow(float x, float y, float cx, float cy, float rx, float ry)
{
    float dx = (x - cx) / rx, dy = (y - cy) / ry;
    float d = 1 - (dx * dx + dy * dy);
    return d > 0 ? d * d : 0;
}

static float inside(float x, float y, float x0, float y0, float x1, float y1)
{
    return x >= x0 && x < x1 && y >= y0 && y < y1 ? 1 : 0;
}

void place_light_lamps(uint8_t *light)
{
    for (int row = 0; row < SCENE_HEIGHT; row++)
        for (int column = 0; column < SCENE_WIDTH; column++) {
            float x = (float)column, y = (float)row;
            float v = 0.75f * glow(x, y, 318, 158, 120, 70);
            v += 0.55f * glow(x, y, 300, 212, 110, 44);
            v += 0.6f * glow(x, y, 556, 262, 290, 110);
            v += 0.5f * glow(x, y, 552, 100, 70, 60);
            v += 0.25f * glow(x, y, 60, 290, 260, 110);
            v += 0.3f * glow(x, y, 236, 206, 60, 22);
            v += inside(x, y, 208, 134, 264, 176) + inside(x, y, 338, 134, 382, 176) * 0.4f;
            v += inside(x, y, 290, 144, 310, 165) * 0.6f;
            v += inside(x, y, 293, 96, 307, 110) + inside(x, y, 322, 147, 329, 156);
            v += inside(x, y, 542, 81, 562, 86);
            light[row * SCENE_WIDTH + column] = (uint8_t)(fminf(v, 1) * 230);
        }
}
