/* People and animals, jointed and walking. Sizes in metres. */
#include "capture/scene/internal.h"

#include <math.h>

enum {
    STYLE_SKIRT = 1,
    STYLE_CAP = 2,
    STYLE_BACKPACK = 4,
    STYLE_LONG_HAIR = 8,
    STYLE_SHORTS = 16,
};

#define THIGH_M 0.46f
#define SHIN_M  0.42f

static struct look person_look(struct rng *rng)
{
    static const uint32_t skins[] = {0xf1c9a5, 0xe0ac7e, 0xc68642, 0x8d5524, 0x5c3a21, 0xffdbb5};
    static const uint32_t hairs[] = {0x1c1410, 0x3b2414, 0x6b4423, 0xb8893f, 0x8a8a8a, 0x7a2e12};
    static const uint32_t tops[] = {0xb3282d, 0x1f4e9c, 0xe8c43a, 0xf2f2ee, 0x2c2f36, 0x3f7d4f,
                                    0xd9713a, 0x7d4f8f, 0x5fa8c9, 0x8b8f94, 0xd98aa4, 0x6b5b4a};
    static const uint32_t bottoms[] = {0x22304a, 0x2b2b2b, 0x6b6353, 0x8a7a5c, 0x3d4a3a, 0x53606e};
    static const uint32_t shoes[] = {0x1a1a1a, 0xe6e6e6, 0x5a3a22, 0x9c2b2b};
    struct look look = {
        .size = rng_between(rng, 0.88f, 1.08f),
        .skin = paint_rgb(RNG_PICK(rng, skins)),
        .hair = paint_rgb(RNG_PICK(rng, hairs)),
        .top = paint_rgb(RNG_PICK(rng, tops)),
        .bottom = paint_rgb(RNG_PICK(rng, bottoms)),
        .shoes = paint_rgb(RNG_PICK(rng, shoes)),
        .style = rng_below(rng, 32) & rng_below(rng, 32),
        .carries = rng_below(rng, 4) == 0,
    };
    look.top = paint_light(look.top, rng_between(rng, 0.85f, 1.1f));
    return look;
}

struct look look_of(struct rng *rng, enum actor_kind kind)
{
    static const uint32_t dogs[] = {0x8a5a2b, 0x2a2320, 0xd6b37a, 0xe9e2d4, 0x6d4a34, 0x7b7770};
    static const uint32_t cats[] = {0x2b2b2d, 0xd0863c, 0x8d8d90, 0xefe9df, 0x5b4636};
    static const uint32_t cars[] = {0xb01e23, 0x1d3f77, 0xd9dadb, 0x26282b, 0x8f979d,
                                    0x2f5d46, 0xf0f0ec, 0x6a1f2b, 0xc9a227, 0x4f7ea8};
    static const uint32_t trucks[] = {0xf1efe9, 0xc8752a, 0x2e5e9e, 0x3d7a4c, 0xa12f2f, 0xd8c89a};
    static const uint32_t bicycles[] = {0xb3282d, 0x1f4e9c, 0x1d1d1f, 0xe8e8e8, 0x2f8f6b};
    struct look look = person_look(rng);
    switch (kind) {
    case ACTOR_PERSON:
        break;
    case ACTOR_BICYCLE:
        look.body = paint_rgb(RNG_PICK(rng, bicycles));
        break;
    case ACTOR_CAR:
        look.body = paint_rgb(RNG_PICK(rng, cars));
        look.size = rng_between(rng, 0.95f, 1.05f);
        break;
    case ACTOR_TRUCK:
        look.body = paint_rgb(RNG_PICK(rng, trucks));
        look.size = rng_between(rng, 0.92f, 1.05f);
        break;
    case ACTOR_CAT:
        look.body = paint_rgb(RNG_PICK(rng, cats));
        look.size = rng_between(rng, 1.15f, 1.4f);
        break;
    case ACTOR_DOG:
        look.body = paint_rgb(RNG_PICK(rng, dogs));
        look.size = rng_between(rng, 1.0f, 1.3f);
        break;
    }
    return look;
}

static struct pen actor_pen(const struct actor *actor, struct canvas *canvas)
{
    return (struct pen){
        .canvas = canvas,
        .origin = actor->foot,
        .scale = ground_scale(actor->foot.y) * actor->look.size,
        .mirror = actor->view == VIEW_LEFT,
    };
}

static void shadow_paint(const struct pen *pen, float rx, float ry)
{
    pen_ellipse(pen, 0, 0, rx, ry, paint_fade(paint_rgb(0x0c1014), 0.38f));
}

static struct point joint(struct point from, float length, float angle)
{
    return (struct point){from.x + length * sinf(angle), from.y - length * cosf(angle)};
}

struct leg {
    struct point hip, knee, ankle;
};

/* Seen from the side; the foot that swings forward is lifted by a bent knee. */
static struct leg leg_of(const struct actor *a, float phase)
{
    float swing = 0.5f * a->stride * sinf(phase);
    float bend = 0.85f * a->stride * fmaxf(0, cosf(phase));
    struct leg leg = {.hip = {0, 0.93f}};
    leg.knee = joint(leg.hip, THIGH_M, swing);
    leg.ankle = joint(leg.knee, SHIN_M, swing - bend);
    return leg;
}

static void leg_side(const struct pen *pen, const struct actor *a, float phase, float shade)
{
    const struct look *look = &a->look;
    struct leg leg = leg_of(a, phase);
    struct point hip = leg.hip, knee = leg.knee, ankle = leg.ankle;
    bool bare = look->style & (STYLE_SKIRT | STYLE_SHORTS);
    struct paint cloth = paint_light(look->bottom, shade);
    struct paint shin = bare ? paint_light(look->skin, shade) : cloth;
    pen_capsule(pen, knee, ankle, 0.068f, 0.05f, shin);
    pen_capsule(pen, hip, knee, 0.095f, 0.07f, look->style & STYLE_SKIRT ? shin : cloth);
    struct point toe = {ankle.x + 0.15f, ankle.y - 0.02f};
    pen_capsule(pen, ankle, toe, 0.05f, 0.04f, paint_light(look->shoes, shade));
}

static void arm_side(const struct pen *pen, const struct actor *a, float phase, float shade)
{
    struct point shoulder = {0.01f, 1.40f};
    float swing = -0.5f * a->stride * sinf(phase);
    float fore = swing + 0.25f;
    if (a->look.carries) {
        swing = 0.25f;
        fore = 1.4f;
    }
    struct point elbow = joint(shoulder, 0.28f, swing);
    struct point hand = joint(elbow, 0.25f, fore);
    struct paint sleeve = paint_light(a->look.top, shade);
    pen_capsule(pen, elbow, hand, 0.045f, 0.038f,
                a->look.style & STYLE_SHORTS ? paint_light(a->look.skin, shade) : sleeve);
    pen_capsule(pen, shoulder, elbow, 0.062f, 0.05f, sleeve);
    pen_ellipse(pen, hand.x, hand.y, 0.045f, 0.045f, paint_light(a->look.skin, shade));
}

static void parcel_paint(const struct pen *pen, float x)
{
    struct paint card = paint_rgb(0xb98a55);
    pen_rect(pen, x - 0.19f, 0.98f, x + 0.19f, 1.26f, card);
    pen_rect(pen, x - 0.19f, 1.10f, x + 0.19f, 1.14f, paint_rgb(0xe2cfa6));
}

static void head_side(const struct pen *pen, const struct look *look)
{
    if (look->style & STYLE_LONG_HAIR)
        pen_capsule(pen, (struct point){-0.01f, 1.66f}, (struct point){-0.07f, 1.42f}, 0.1f, 0.06f,
                    look->hair);
    pen_capsule(pen, (struct point){0.02f, 1.44f}, (struct point){0.03f, 1.54f}, 0.05f, 0.05f,
                paint_light(look->skin, 0.9f));
    pen_ellipse(pen, 0.045f, 1.63f, 0.1f, 0.125f, look->skin);
    pen_ellipse(pen, 0.145f, 1.61f, 0.02f, 0.025f, look->skin);
    if (look->style & STYLE_CAP) {
        pen_ellipse(pen, 0.03f, 1.70f, 0.11f, 0.07f, paint_light(look->top, 0.8f));
        pen_capsule(pen, (struct point){0.1f, 1.68f}, (struct point){0.2f, 1.67f}, 0.02f, 0.015f,
                    paint_light(look->top, 0.7f));
        return;
    }
    pen_ellipse(pen, 0.015f, 1.70f, 0.105f, 0.075f, look->hair);
    pen_ellipse(pen, -0.025f, 1.64f, 0.06f, 0.1f, look->hair);
}

static void person_side(const struct pen *pen, const struct actor *a)
{
    const struct look *look = &a->look;
    arm_side(pen, a, a->phase + TAU / 2, 0.72f);
    leg_side(pen, a, a->phase + TAU / 2, 0.75f);
    leg_side(pen, a, a->phase, 1);
    if (look->style & STYLE_SKIRT) {
        struct point skirt[] = {{-0.13f, 1.0f}, {0.13f, 1.0f}, {0.22f, 0.52f}, {-0.22f, 0.52f}};
        pen_polygon(pen, skirt, 4, look->bottom);
    }
    if (look->style & STYLE_BACKPACK)
        pen_capsule(pen, (struct point){-0.17f, 1.12f}, (struct point){-0.16f, 1.36f}, 0.12f, 0.11f,
                    paint_light(look->bottom, 1.3f));
    pen_capsule(pen, (struct point){0, 0.98f}, (struct point){0.015f, 1.36f}, 0.125f, 0.14f,
                look->top);
    pen_capsule(pen, (struct point){-0.06f, 1.0f}, (struct point){-0.06f, 1.34f}, 0.05f, 0.06f,
                paint_light(look->top, 0.86f));
    head_side(pen, look);
    if (look->carries)
        parcel_paint(pen, 0.33f);
    arm_side(pen, a, a->phase, 0.92f);
}

/* Legs and arms of somebody walking towards or away from the camera. */
static void limbs_front(const struct pen *pen, const struct actor *a, bool arms)
{
    const struct look *look = &a->look;
    bool bare = look->style & (STYLE_SKIRT | STYLE_SHORTS);
    for (int side = -1; side <= 1; side += 2) {
        float wave = a->stride * sinf(a->phase + (side > 0 ? 0 : TAU / 2));
        float lift = 0.12f * fmaxf(0, wave);
        float s = (float)side;
        if (!arms) {
            struct point hip = {s * 0.09f, 0.9f}, knee = {s * 0.1f, 0.48f + lift * 0.6f};
            struct point ankle = {s * 0.095f, 0.08f + lift};
            struct paint cloth = paint_light(look->bottom, side > 0 ? 0.92f : 1);
            pen_capsule(pen, knee, ankle, 0.066f, 0.05f, bare ? look->skin : cloth);
            pen_capsule(pen, hip, knee, 0.092f, 0.072f,
                        look->style & STYLE_SKIRT ? look->skin : cloth);
            pen_ellipse(pen, ankle.x, ankle.y - 0.035f, 0.06f, 0.045f, look->shoes);
            continue;
        }
        struct point shoulder = {s * 0.2f, 1.38f}, elbow = {s * 0.26f, 1.12f};
        struct point hand = {s * 0.25f, 0.9f - 0.06f * wave};
        if (a->reaches && side > 0) {
            elbow = (struct point){0.34f, 1.28f};
            hand = (struct point){0.42f, 1.42f};
        } else if (look->carries) {
            hand = (struct point){s * 0.16f, 1.08f};
        }
        pen_capsule(pen, elbow, hand, 0.046f, 0.038f,
                    look->style & STYLE_SHORTS ? look->skin : look->top);
        pen_capsule(pen, shoulder, elbow, 0.062f, 0.05f, paint_light(look->top, 0.88f));
        pen_ellipse(pen, hand.x, hand.y, 0.045f, 0.05f, look->skin);
    }
}

static void head_front(const struct pen *pen, const struct look *look, bool back)
{
    if (look->style & STYLE_LONG_HAIR)
        pen_capsule(pen, (struct point){0, 1.64f}, (struct point){0, 1.46f}, 0.125f, 0.12f,
                    paint_light(look->hair, 0.9f));
    pen_capsule(pen, (struct point){0, 1.44f}, (struct point){0, 1.54f}, 0.055f, 0.055f,
                paint_light(look->skin, 0.88f));
    pen_ellipse(pen, 0, 1.63f, 0.1f, 0.128f, back ? look->hair : look->skin);
    struct paint crown = look->style & STYLE_CAP ? paint_light(look->top, 0.8f) : look->hair;
    pen_ellipse(pen, 0, 1.705f, 0.108f, 0.07f, crown);
    if (back)
        return;
    struct paint dark = paint_rgb(0x2a1d18);
    pen_ellipse(pen, -0.038f, 1.635f, 0.016f, 0.014f, dark);
    pen_ellipse(pen, 0.038f, 1.635f, 0.016f, 0.014f, dark);
    pen_rect(pen, -0.03f, 1.565f, 0.03f, 1.575f, paint_light(look->skin, 0.7f));
}

static void person_front(const struct pen *pen, const struct actor *a)
{
    const struct look *look = &a->look;
    bool back = a->view == VIEW_BACK;
    limbs_front(pen, a, false);
    if (look->style & STYLE_SKIRT) {
        struct point skirt[] = {{-0.16f, 1.0f}, {0.16f, 1.0f}, {0.25f, 0.52f}, {-0.25f, 0.52f}};
        pen_polygon(pen, skirt, 4, look->bottom);
    }
    if (back && look->carries)
        parcel_paint(pen, 0);
    struct point torso[] = {{-0.17f, 0.92f}, {0.17f, 0.92f},  {0.18f, 1.15f},  {0.23f, 1.38f},
                            {0.17f, 1.46f},  {-0.17f, 1.46f}, {-0.23f, 1.38f}, {-0.18f, 1.15f}};
    pen_polygon(pen, torso, ARRAY_LEN(torso), look->top);
    pen_rect(pen, 0.1f, 0.93f, 0.17f, 1.44f, paint_fade(paint_light(look->top, 0.75f), 0.6f));
    if (back && (look->style & STYLE_BACKPACK))
        pen_capsule(pen, (struct point){0, 1.1f}, (struct point){0, 1.34f}, 0.17f, 0.16f,
                    paint_light(look->bottom, 1.3f));
    limbs_front(pen, a, true);
    head_front(pen, look, back);
    if (!back && look->carries)
        parcel_paint(pen, 0);
}

void person_paint(const struct actor *actor, struct canvas *canvas)
{
    struct pen pen = actor_pen(actor, canvas);
    shadow_paint(&pen, 0.42f, 0.1f);
    if (actor->view == VIEW_FRONT || actor->view == VIEW_BACK) {
        person_front(&pen, actor);
        return;
    }
    /* The lower foot is on the ground, whatever the legs do. */
    float lower = fminf(leg_of(actor, actor->phase).ankle.y,
                        leg_of(actor, actor->phase + TAU / 2).ankle.y);
    pen.origin.y += pen.scale * (lower - 0.06f);
    person_side(&pen, actor);
}

/* Four legs in a diagonal gait: which of them, where they join and how long. */
static void animal_legs(const struct pen *pen, const struct actor *a, float rear, float front,
                        float height, float thick, bool far)
{
    float offset = far ? TAU / 2 : 0;
    struct paint fur = paint_light(a->look.body, far ? 0.68f : 0.9f);
    const float x[] = {rear, front};
    for (int i = 0; i < 2; i++) {
        float phase = a->phase + offset + (i ? TAU / 2 : 0);
        float swing = 0.55f * a->stride * sinf(phase);
        float lift = 0.35f * a->stride * fmaxf(0, cosf(phase));
        struct point hip = {x[i], height}, knee = joint(hip, height * 0.5f, swing);
        struct point paw = joint(knee, height * 0.46f, swing - lift);
        pen_capsule(pen, hip, knee, thick * 1.35f, thick, fur);
        pen_capsule(pen, knee, paw, thick, thick * 0.8f, fur);
    }
}

static void dog_paint(const struct pen *pen, const struct actor *a)
{
    struct paint fur = a->look.body, dark = paint_light(fur, 0.6f);
    float wag = 0.08f * sinf(a->phase * 1.7f);
    animal_legs(pen, a, -0.24f, 0.22f, 0.36f, 0.042f, true);
    pen_capsule(pen, (struct point){-0.34f, 0.48f}, (struct point){-0.56f, 0.66f + wag}, 0.05f,
                0.03f, dark);
    pen_capsule(pen, (struct point){-0.26f, 0.43f}, (struct point){0.22f, 0.43f}, 0.13f, 0.155f,
                fur);
    pen_capsule(pen, (struct point){-0.2f, 0.36f}, (struct point){0.2f, 0.34f}, 0.05f, 0.06f,
                paint_fade(dark, 0.6f));
    pen_capsule(pen, (struct point){0.25f, 0.48f}, (struct point){0.4f, 0.64f}, 0.1f, 0.09f, fur);
    pen_ellipse(pen, 0.45f, 0.67f, 0.115f, 0.1f, fur);
    pen_capsule(pen, (struct point){0.5f, 0.65f}, (struct point){0.63f, 0.62f}, 0.06f, 0.045f, fur);
    pen_ellipse(pen, 0.67f, 0.635f, 0.025f, 0.022f, paint_rgb(0x151313));
    pen_capsule(pen, (struct point){0.41f, 0.74f}, (struct point){0.36f, 0.6f}, 0.045f, 0.035f,
                dark);
    if (a->look.style & STYLE_CAP)
        pen_capsule(pen, (struct point){0.28f, 0.6f}, (struct point){0.4f, 0.54f}, 0.03f, 0.03f,
                    paint_rgb(0xb3282d));
    animal_legs(pen, a, -0.26f, 0.24f, 0.36f, 0.045f, false);
}

static void cat_paint(const struct pen *pen, const struct actor *a)
{
    struct paint fur = a->look.body, dark = paint_light(fur, 0.7f);
    float sway = 0.04f * sinf(a->phase * 0.6f);
    struct point tail = {-0.4f, 0.36f};
    animal_legs(pen, a, -0.17f, 0.15f, 0.2f, 0.026f, true);
    pen_capsule(pen, (struct point){-0.25f, 0.28f}, tail, 0.03f, 0.028f, dark);
    pen_capsule(pen, tail, (struct point){-0.42f + sway, 0.58f}, 0.028f, 0.02f, dark);
    pen_capsule(pen, (struct point){-0.19f, 0.25f}, (struct point){0.15f, 0.25f}, 0.088f, 0.08f,
                fur);
    for (int i = 0; i < 3; i++) {
        float x = -0.14f + 0.11f * (float)i;
        pen_capsule(pen, (struct point){x, 0.33f}, (struct point){x - 0.01f, 0.24f}, 0.012f, 0.008f,
                    paint_fade(dark, 0.8f));
    }
    struct point near_ear[] = {{0.26f, 0.4f}, {0.29f, 0.49f}, {0.33f, 0.41f}};
    struct point far_ear[] = {{0.2f, 0.4f}, {0.21f, 0.48f}, {0.27f, 0.41f}};
    pen_polygon(pen, far_ear, 3, dark);
    pen_ellipse(pen, 0.265f, 0.355f, 0.085f, 0.078f, fur);
    pen_polygon(pen, near_ear, 3, fur);
    pen_ellipse(pen, 0.345f, 0.345f, 0.014f, 0.012f, paint_rgb(0xd79a94));
    animal_legs(pen, a, -0.19f, 0.17f, 0.2f, 0.028f, false);
}

void animal_paint(const struct actor *actor, struct canvas *canvas)
{
    struct pen pen = actor_pen(actor, canvas);
    if (actor->kind == ACTOR_CAT) {
        shadow_paint(&pen, 0.3f, 0.06f);
        cat_paint(&pen, actor);
        return;
    }
    shadow_paint(&pen, 0.45f, 0.08f);
    dog_paint(&pen, actor);
}

/* Where a knee is between hip and pedal, bent forward. */
static struct point knee_between(struct point hip, struct point foot)
{
    float dx = foot.x - hip.x, dy = foot.y - hip.y;
    float reach = fminf(sqrtf(dx * dx + dy * dy), THIGH_M + SHIN_M - 0.01f);
    float cosine = (THIGH_M * THIGH_M + reach * reach - SHIN_M * SHIN_M) / (2 * THIGH_M * reach);
    float angle = atan2f(dy, dx) + acosf(CLAMP(cosine, -1.0f, 1.0f));
    return (struct point){hip.x + THIGH_M * cosf(angle), hip.y + THIGH_M * sinf(angle)};
}

static void rider_leg(const struct pen *pen, const struct actor *a, float phase, float shade)
{
    struct point hip = {-0.2f, 0.98f};
    struct point pedal = {-0.05f + 0.17f * cosf(phase), 0.3f - 0.17f * sinf(phase)};
    struct point ankle = {pedal.x, pedal.y + 0.07f};
    struct point knee = knee_between(hip, ankle);
    struct paint cloth = paint_light(a->look.bottom, shade);
    pen_capsule(pen, hip, knee, 0.1f, 0.07f, cloth);
    pen_capsule(pen, knee, ankle, 0.068f, 0.05f,
                a->look.style & STYLE_SHORTS ? paint_light(a->look.skin, shade) : cloth);
    pen_capsule(pen, ankle, (struct point){ankle.x + 0.14f, ankle.y - 0.03f}, 0.05f, 0.04f,
                paint_light(a->look.shoes, shade));
}

static void rider_paint(const struct pen *pen, const struct actor *a)
{
    const struct look *look = &a->look;
    struct point shoulder = {0.12f, 1.42f}, elbow = {0.25f, 1.2f}, hand = {0.42f, 1.05f};
    rider_leg(pen, a, a->phase, 1);
    pen_capsule(pen, (struct point){-0.18f, 1.02f}, (struct point){0.08f, 1.38f}, 0.13f, 0.14f,
                look->top);
    if (look->style & STYLE_BACKPACK)
        pen_capsule(pen, (struct point){-0.22f, 1.2f}, (struct point){-0.08f, 1.42f}, 0.11f, 0.1f,
                    paint_light(look->bottom, 1.3f));
    pen_ellipse(pen, 0.21f, 1.63f, 0.1f, 0.12f, look->skin);
    pen_ellipse(pen, 0.19f, 1.7f, 0.13f, 0.075f, paint_light(look->body, 1.15f));
    pen_capsule(pen, shoulder, elbow, 0.06f, 0.05f, paint_light(look->top, 0.88f));
    pen_capsule(pen, elbow, hand, 0.045f, 0.038f, look->skin);
}

void bicycle_paint(const struct actor *actor, struct canvas *canvas, uint8_t rider_id)
{
    struct pen pen = actor_pen(actor, canvas);
    uint8_t own_id = canvas->id;
    struct paint frame = actor->look.body, tyre = paint_rgb(0x17181a);
    shadow_paint(&pen, 0.85f, 0.1f);
    canvas->id = rider_id;
    rider_leg(&pen, actor, actor->phase + TAU / 2, 0.7f);
    canvas->id = own_id;
    struct point rear = {-0.52f, 0.35f}, front = {0.54f, 0.35f}, crank = {-0.05f, 0.3f};
    struct point seat = {-0.2f, 0.86f}, head = {0.4f, 0.86f}, bar = {0.42f, 1.03f};
    const struct point wheels[] = {rear, front};
    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 3; i++) {
            float turn = actor->phase + (float)i * TAU / 6;
            float dx = 0.32f * cosf(turn), dy = 0.32f * sinf(turn);
            pen_capsule(&pen, (struct point){wheels[w].x - dx, wheels[w].y - dy},
                        (struct point){wheels[w].x + dx, wheels[w].y + dy}, 0.008f, 0.008f,
                        paint_fade(paint_rgb(0xb8bcc0), 0.7f));
        }
        pen_ring(&pen, wheels[w], 0.33f, 0.055f, tyre);
    }
    const struct point tubes[][2] = {{rear, crank}, {rear, seat},  {crank, seat}, {crank, head},
                                     {seat, head},  {head, front}, {head, bar}};
    for (size_t i = 0; i < ARRAY_LEN(tubes); i++)
        pen_capsule(&pen, tubes[i][0], tubes[i][1], 0.026f, 0.026f, frame);
    pen_capsule(&pen, (struct point){-0.3f, 0.9f}, (struct point){-0.12f, 0.9f}, 0.035f, 0.025f,
                tyre);
    canvas->id = rider_id;
    rider_paint(&pen, actor);
    canvas->id = own_id;
}
