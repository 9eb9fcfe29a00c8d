#include "track/looks.h"

#include <math.h>
#include <string.h>

#define COLUMNS 8
#define ROWS    6
_Static_assert(COLUMNS *ROWS == PARKED_LOOKS_BYTES, "one byte a cell");

#define SAMPLES      6  /* per cell and side: enough to take the noise out of a large object */
#define SIDE_MIN_PX  16 /* of a box; a smaller one has less than two pixels a cell */
#define CONTRAST_MIN 3  /* luma steps, standard deviation: below, it is the sensor's noise */
#define MIDDLE       128.0f
#define SPREAD       32.0f /* of the stored values: +-4 deviations fit a byte */
#define LEARN        (1 / 8.0f)

/* Mean luma of [x0, x1) x [y0, y1), none of it outside the picture. */
static float cell_mean(const struct frame *frame, float x0, float y0, float x1, float y1)
{
    float sum = 0;
    for (int j = 0; j < SAMPLES; j++) {
        int y = (int)(y0 + (y1 - y0) * ((float)j + 0.5f) / SAMPLES);
        const uint8_t *row = frame->plane[0] +
                             (ptrdiff_t)CLAMP(y, 0, frame->height - 1) * frame->stride[0];
        for (int i = 0; i < SAMPLES; i++) {
            int x = (int)(x0 + (x1 - x0) * ((float)i + 0.5f) / SAMPLES);
            sum += row[CLAMP(x, 0, frame->width - 1)];
        }
    }
    return sum / (SAMPLES * SAMPLES);
}

void looks_of(const struct frame *frame, struct box box, uint8_t ret[PARKED_LOOKS_BYTES])
{
    memset(ret, 0, PARKED_LOOKS_BYTES);
    box = box_clip(box);
    if (!frame || !frame->plane[0])
        return;
    float x = box.x0 * (float)frame->width, width = box_width(box) * (float)frame->width;
    float y = box.y0 * (float)frame->height, height = box_height(box) * (float)frame->height;
    if (!(width >= SIDE_MIN_PX && height >= SIDE_MIN_PX))
        return;
    float cells[PARKED_LOOKS_BYTES];
    float mean = 0, square = 0;
    for (int i = 0; i < PARKED_LOOKS_BYTES; i++) {
        int column = i % COLUMNS, row = i / COLUMNS;
        float cx = x + width * (float)column / COLUMNS;
        float cy = y + height * (float)row / ROWS;
        cells[i] = cell_mean(frame, cx, cy, cx + width / COLUMNS, cy + height / ROWS);
        mean += cells[i] / PARKED_LOOKS_BYTES;
    }
    for (int i = 0; i < PARKED_LOOKS_BYTES; i++)
        square += (cells[i] - mean) * (cells[i] - mean) / PARKED_LOOKS_BYTES;
    float deviation = sqrtf(square);
    if (deviation < CONTRAST_MIN)
        return;
    for (int i = 0; i < PARKED_LOOKS_BYTES; i++)
        ret[i] = (uint8_t)CLAMP(MIDDLE + SPREAD * (cells[i] - mean) / deviation, 1.0f, 255.0f);
}

bool looks_known(const uint8_t looks[PARKED_LOOKS_BYTES])
{
    for (int i = 0; i < PARKED_LOOKS_BYTES; i++)
        if (looks[i])
            return true;
    return false;
}

float looks_likeness(const uint8_t a[PARKED_LOOKS_BYTES], const uint8_t b[PARKED_LOOKS_BYTES])
{
    float mean_a = 0, mean_b = 0;
    for (int i = 0; i < PARKED_LOOKS_BYTES; i++) {
        mean_a += (float)a[i] / PARKED_LOOKS_BYTES;
        mean_b += (float)b[i] / PARKED_LOOKS_BYTES;
    }
    float aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < PARKED_LOOKS_BYTES; i++) {
        float da = (float)a[i] - mean_a, db = (float)b[i] - mean_b;
        aa += da * da;
        bb += db * db;
        ab += da * db;
    }
    return aa > 0 && bb > 0 ? ab / sqrtf(aa * bb) : 0;
}

void looks_learn(uint8_t usual[PARKED_LOOKS_BYTES], const uint8_t now[PARKED_LOOKS_BYTES])
{
    if (!looks_known(now))
        return;
    if (!looks_known(usual)) {
        memcpy(usual, now, PARKED_LOOKS_BYTES);
        return;
    }
    for (int i = 0; i < PARKED_LOOKS_BYTES; i++) {
        float value = (float)usual[i] + LEARN * ((float)now[i] - (float)usual[i]);
        usual[i] = (uint8_t)CLAMP(lrintf(value), 1, 255);
    }
}
