/* Cars and trucks. Sizes in metres, painted facing right and mirrored for the other way. */
#include "capture/scene/internal.h"

#include <math.h>

/* A passenger car from the side: two convex shapes, and where the windows are. */
struct car_shape {
    struct point hull[8];
    struct point cabin[4]; /* rear foot, rear top, front top, front foot */
    float wheel_rear, wheel_front, wheel_radius;
};

static const struct car_shape car_shapes[] = {
    {.hull = {{-2.2f, 0.32f},
              {-2.28f, 0.62f},
              {-2.2f, 0.9f},
              {-1.6f, 0.96f},
              {1.3f, 0.94f},
              {2.1f, 0.8f},
              {2.25f, 0.6f},
              {2.2f, 0.32f}},
     .cabin = {{-1.75f, 0.92f}, {-1.05f, 1.44f}, {0.35f, 1.44f}, {1.2f, 0.92f}},
     .wheel_rear = -1.38f,
     .wheel_front = 1.4f,
     .wheel_radius = 0.33f},
    {.hull = {{-1.9f, 0.32f},
              {-1.98f, 0.6f},
              {-1.95f, 0.98f},
              {-1.5f, 1.0f},
              {1.1f, 0.96f},
              {1.85f, 0.78f},
              {2.0f, 0.58f},
              {1.95f, 0.32f}},
     .cabin = {{-1.93f, 0.95f}, {-1.55f, 1.48f}, {0.2f, 1.5f}, {1.05f, 0.95f}},
     .wheel_rear = -1.25f,
     .wheel_front = 1.25f,
     .wheel_radius = 0.32f},
    {.hull = {{-2.25f, 0.4f},
              {-2.3f, 0.7f},
              {-2.28f, 1.08f},
              {-1.7f, 1.12f},
              {1.3f, 1.1f},
              {2.1f, 0.98f},
              {2.25f, 0.75f},
              {2.22f, 0.4f}},
     .cabin = {{-2.22f, 1.05f}, {-1.95f, 1.72f}, {0.35f, 1.74f}, {1.15f, 1.05f}},
     .wheel_rear = -1.38f,
     .wheel_front = 1.4f,
     .wheel_radius = 0.38f},
};

static struct pen vehicle_pen(const struct actor *actor, struct canvas *canvas)
{
    return (struct pen){
        .canvas = canvas,
        .origin = actor->foot,
        .scale = ground_scale(actor->foot.y) * actor->look.size,
        .mirror = actor->view == VIEW_LEFT,
    };
}

static void wheel_paint(const struct pen *pen, float x, float radius, float phase)
{
    pen_ellipse(pen, x, radius, radius, radius, paint_rgb(0x16171a));
    pen_ellipse(pen, x, radius, radius * 0.62f, radius * 0.62f, paint_rgb(0xa6abb0));
    for (int i = 0; i < 5; i++) {
        float turn = -phase + (float)i * TAU / 5;
        struct point hub = {x, radius};
        struct point rim = {x + 0.55f * radius * cosf(turn), radius + 0.55f * radius * sinf(turn)};
        pen_capsule(pen, hub, rim, radius * 0.09f, radius * 0.09f, paint_rgb(0x4b4f54));
    }
}

static void ground_shadow(const struct pen *pen, float half)
{
    struct point p[] = {
        {-half, 0.06f}, {half, 0.06f}, {half + 0.12f, -0.1f}, {-half - 0.12f, -0.1f}};
    pen_polygon(pen, p, 4, paint_fade(paint_rgb(0x0a0c0e), 0.45f));
}

/* The glass between two pillars, as shares of the cabin's foot. */
static void window_paint(const struct pen *pen, const struct point cabin[4], float from, float to)
{
    float low = 0.06f, high = 0.88f;
    struct point p[4];
    const float share[] = {from, from, to, to}, up[] = {low, high, high, low};
    for (int i = 0; i < 4; i++) {
        float foot = cabin[0].x + (cabin[3].x - cabin[0].x) * share[i];
        float top = cabin[1].x + (cabin[2].x - cabin[1].x) * share[i];
        p[i].x = foot + (top - foot) * up[i];
        p[i].y = cabin[0].y + (cabin[1].y - cabin[0].y) * up[i];
    }
    pen_polygon(pen, p, 4, paint_rgb(0x27323c));
    struct point shine[] = {p[1],
                            p[2],
                            {(p[2].x + p[3].x) / 2, (p[2].y + p[3].y) / 2},
                            {(p[0].x + p[1].x) / 2, (p[0].y + p[1].y) / 2}};
    pen_polygon(pen, shine, 4, paint_fade(paint_rgb(0x9fc3dc), 0.35f));
}

static void car_side(const struct pen *pen, const struct actor *a)
{
    const struct car_shape *shape = &car_shapes[a->look.style % (int)ARRAY_LEN(car_shapes)];
    struct paint body = a->look.body, dark = paint_light(body, 0.62f);
    float left = shape->hull[1].x, right = shape->hull[6].x;
    float sill = shape->hull[0].y, belt = shape->hull[3].y;
    ground_shadow(pen, right);
    pen_polygon(pen, shape->cabin, 4, paint_light(body, 1.06f));
    window_paint(pen, shape->cabin, 0.08f, 0.47f);
    window_paint(pen, shape->cabin, 0.53f, 0.93f);
    pen_polygon(pen, shape->hull, ARRAY_LEN(shape->hull), body);
    pen_rect(pen, left + 0.1f, sill, right - 0.1f, sill + 0.16f, paint_fade(dark, 0.8f));
    pen_rect(pen, left + 0.25f, belt - 0.14f, right - 0.5f, belt - 0.09f,
             paint_fade(paint_light(body, 1.35f), 0.7f));
    const float doors[] = {-0.95f, 0.05f, 0.95f};
    for (size_t i = 0; i < ARRAY_LEN(doors); i++)
        pen_rect(pen, doors[i], sill + 0.1f, doors[i] + 0.02f, belt - 0.02f,
                 paint_fade(dark, 0.9f));
    pen_rect(pen, -0.2f, belt - 0.2f, -0.02f, belt - 0.17f, dark);
    pen_rect(pen, 0.75f, belt - 0.2f, 0.92f, belt - 0.17f, dark);
    pen_ellipse(pen, right - 0.14f, sill + 0.38f, 0.13f, 0.08f, paint_rgb(0xfdf6d8));
    pen_ellipse(pen, left + 0.1f, sill + 0.42f, 0.09f, 0.1f, paint_rgb(0xc01f1f));
    const float wheels[] = {shape->wheel_rear, shape->wheel_front};
    for (int i = 0; i < 2; i++) {
        float r = shape->wheel_radius;
        pen_ellipse(pen, wheels[i], r + 0.02f, r * 1.18f, r * 1.18f, paint_light(body, 0.4f));
        wheel_paint(pen, wheels[i], r, a->phase);
    }
}

static void car_front(const struct pen *pen, const struct actor *a)
{
    bool back = a->view == VIEW_BACK;
    struct paint body = a->look.body, dark = paint_light(body, 0.62f);
    ground_shadow(pen, 0.9f);
    for (int side = -1; side <= 1; side += 2) {
        float x = (float)side * 0.7f;
        pen_rect(pen, x - 0.13f, 0, x + 0.13f, 0.4f, paint_rgb(0x141518));
        pen_ellipse(pen, (float)side * 0.93f, 0.98f, 0.09f, 0.07f, dark);
    }
    struct point cabin[] = {{-0.82f, 0.9f}, {-0.62f, 1.42f}, {0.62f, 1.42f}, {0.82f, 0.9f}};
    pen_polygon(pen, cabin, 4, body);
    struct point glass[] = {{-0.72f, 0.93f}, {-0.56f, 1.35f}, {0.56f, 1.35f}, {0.72f, 0.93f}};
    pen_polygon(pen, glass, 4, paint_rgb(0x27323c));
    struct point shine[] = {{-0.6f, 1.1f}, {-0.5f, 1.33f}, {0.1f, 1.33f}, {-0.1f, 1.1f}};
    pen_polygon(pen, shine, 4, paint_fade(paint_rgb(0x9fc3dc), 0.45f));
    struct point hull[] = {{-0.86f, 0.25f}, {-0.9f, 0.6f}, {-0.84f, 0.93f},
                           {0.84f, 0.93f},  {0.9f, 0.6f},  {0.86f, 0.25f}};
    pen_polygon(pen, hull, ARRAY_LEN(hull), body);
    pen_rect(pen, -0.84f, 0.25f, 0.84f, 0.4f, paint_fade(dark, 0.85f));
    pen_rect(pen, -0.8f, 0.84f, 0.8f, 0.89f, paint_fade(paint_light(body, 1.35f), 0.6f));
    if (!back)
        pen_rect(pen, -0.4f, 0.55f, 0.4f, 0.7f, paint_rgb(0x1c1d20));
    struct paint lamp = paint_rgb(back ? 0xb81c1c : 0xf6f1da);
    pen_ellipse(pen, -0.66f, 0.66f, 0.17f, 0.09f, lamp);
    pen_ellipse(pen, 0.66f, 0.66f, 0.17f, 0.09f, lamp);
    pen_rect(pen, -0.26f, 0.4f, 0.26f, 0.51f, paint_rgb(0xf0f0ea));
}

static void box_truck(const struct pen *pen, const struct actor *a)
{
    struct paint body = a->look.body, cab = a->look.top;
    ground_shadow(pen, 3.1f);
    pen_rect(pen, -3.1f, 0.45f, 3.0f, 0.7f, paint_rgb(0x2b2d30));
    pen_rect(pen, -3.15f, 0.7f, 1.3f, 2.45f, body);
    pen_rect(pen, -3.15f, 2.3f, 1.3f, 2.45f, paint_light(body, 0.8f));
    pen_rect(pen, -3.15f, 0.7f, 1.3f, 0.95f, paint_light(body, 0.78f));
    for (int i = 1; i < 6; i++) {
        float x = -3.15f + 0.74f * (float)i;
        pen_rect(pen, x, 0.95f, x + 0.03f, 2.3f, paint_fade(paint_light(body, 0.7f), 0.5f));
    }
    pen_rect(pen, -2.5f, 1.35f, 0.6f, 1.8f, paint_fade(cab, 0.85f));
    struct point nose[] = {{1.4f, 0.5f},  {1.4f, 2.05f}, {2.35f, 2.05f},
                           {2.85f, 1.3f}, {3.1f, 1.15f}, {3.12f, 0.5f}};
    pen_polygon(pen, nose, ARRAY_LEN(nose), cab);
    struct point glass[] = {{1.7f, 1.3f}, {1.7f, 1.9f}, {2.3f, 1.9f}, {2.66f, 1.3f}};
    pen_polygon(pen, glass, 4, paint_rgb(0x27323c));
    pen_rect(pen, 1.62f, 0.7f, 1.65f, 1.85f, paint_light(cab, 0.6f));
    pen_ellipse(pen, 3.0f, 0.8f, 0.12f, 0.1f, paint_rgb(0xfdf6d8));
    pen_rect(pen, -3.15f, 0.72f, -3.05f, 0.95f, paint_rgb(0xc01f1f));
    wheel_paint(pen, -1.9f, 0.46f, a->phase);
    wheel_paint(pen, 2.2f, 0.46f, a->phase);
}

static void pickup(const struct pen *pen, const struct actor *a)
{
    struct paint body = a->look.body, dark = paint_light(body, 0.62f);
    ground_shadow(pen, 2.6f);
    struct point cabin[] = {{-0.55f, 1.05f}, {-0.45f, 1.8f}, {0.75f, 1.8f}, {1.4f, 1.05f}};
    pen_polygon(pen, cabin, 4, body);
    window_paint(pen, cabin, 0.07f, 0.46f);
    window_paint(pen, cabin, 0.52f, 0.92f);
    struct point hull[] = {{-2.6f, 0.5f}, {-2.65f, 1.12f}, {1.5f, 1.12f},
                           {2.4f, 1.02f}, {2.6f, 0.8f},    {2.58f, 0.5f}};
    pen_polygon(pen, hull, ARRAY_LEN(hull), body);
    pen_rect(pen, -2.6f, 1.1f, -0.6f, 1.22f, dark);
    pen_rect(pen, -2.45f, 1.2f, -1.2f, 1.5f, a->look.top);
    pen_rect(pen, -2.55f, 0.5f, 2.5f, 0.66f, paint_fade(dark, 0.8f));
    pen_rect(pen, -0.6f, 0.6f, -0.57f, 1.1f, dark);
    pen_rect(pen, 0.4f, 0.6f, 0.43f, 1.1f, dark);
    pen_ellipse(pen, 2.45f, 0.88f, 0.12f, 0.09f, paint_rgb(0xfdf6d8));
    pen_rect(pen, -2.64f, 0.85f, -2.54f, 1.08f, paint_rgb(0xc01f1f));
    for (int side = -1; side <= 1; side += 2) {
        float x = (float)side * 1.6f;
        pen_ellipse(pen, x, 0.44f, 0.5f, 0.5f, paint_light(body, 0.4f));
        wheel_paint(pen, x, 0.42f, a->phase);
    }
}

void vehicle_paint(const struct actor *actor, struct canvas *canvas)
{
    struct pen pen = vehicle_pen(actor, canvas);
    if (actor->kind == ACTOR_TRUCK && actor->look.style % 2)
        pickup(&pen, actor);
    else if (actor->kind == ACTOR_TRUCK)
        box_truck(&pen, actor);
    else if (actor->view == VIEW_FRONT || actor->view == VIEW_BACK)
        car_front(&pen, actor);
    else
        car_side(&pen, actor);
}

void vehicle_paint_lights(const struct actor *actor, struct canvas *canvas)
{
    if ((actor->kind != ACTOR_CAR && actor->kind != ACTOR_TRUCK) || actor->view > VIEW_LEFT)
        return;
    struct pen pen = vehicle_pen(actor, canvas);
    const struct car_shape *shape = &car_shapes[actor->look.style % (int)ARRAY_LEN(car_shapes)];
    struct point front = {shape->hull[6].x - 0.14f, shape->hull[0].y + 0.38f};
    struct point rear = {shape->hull[1].x + 0.1f, shape->hull[0].y + 0.42f};
    if (actor->kind == ACTOR_TRUCK) {
        bool is_pickup = actor->look.style % 2;
        front = is_pickup ? (struct point){2.45f, 0.88f} : (struct point){3.0f, 0.8f};
        rear = is_pickup ? (struct point){-2.59f, 0.96f} : (struct point){-3.1f, 0.83f};
    }
    struct paint white = paint_rgb(0xfff3cf), red = paint_rgb(0xe03028);
    for (int i = 0; i < 8; i++) {
        float reach = 0.5f + 0.45f * (float)i;
        struct point beam[] = {front,
                               {front.x + reach, front.y - 0.09f * reach},
                               {front.x + reach, front.y - 0.24f * reach}};
        pen_polygon(&pen, beam, 3, paint_fade(white, 0.05f));
    }
    const float halo[] = {0.42f, 0.27f, 0.13f};
    for (int i = 0; i < 3; i++)
        pen_ellipse(&pen, front.x, front.y, halo[i], halo[i] * 0.8f,
                    paint_fade(white, i == 2 ? 0.95f : 0.16f));
    pen_ellipse(&pen, rear.x, rear.y, 0.2f, 0.18f, paint_fade(red, 0.22f));
    pen_ellipse(&pen, rear.x, rear.y, 0.09f, 0.1f, paint_fade(red, 0.9f));
}
