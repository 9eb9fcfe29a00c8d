/* Clips made on the spot: pictures painted by the test, encoded by libavcodec, kept as packets or
 * written to a file. No file has to come from anywhere. */
#pragma once

#include "base/base.h"
#include "model/frame.h"
#include "model/packet.h"

#define CLIP_PACKETS_MAX 1024

struct clip_spec {
    const char *encoder; /* "libx264", "mpeg4", "mjpeg" */
    int width, height, fps, frames;
    int b_frames; /* between two others */
    int gop;      /* pictures between two that stand alone; 0: the encoder's choice */
    bool chroma_422, full_range;
    /* Paints picture number index; the planes are zeroed luma and neutral chroma. */
    void (*paint)(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                  const int stride[3]);
};

/* A square of a third of the height, lit 235 on 60, that crosses the picture from left to right
 * once. Its place at picture `index`, in pixels. */
void clip_paint_walker(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                       const int stride[3]);
int clip_walker_x(const struct clip_spec *spec, int index);
/* The same without the square. */
void clip_paint_still(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                      const int stride[3]);
/* Luma 20 + 2 * index: tells which picture it is. */
void clip_paint_number(const struct clip_spec *spec, int index, uint8_t *const plane[3],
                       const int stride[3]);

struct clip {
    struct stream *stream;
    int fps, count;
    struct packet *items[CLIP_PACKETS_MAX]; /* in decoding order; pts_us from 0 */
};

/* False if this libavcodec has no such encoder. */
NODISCARD bool clip_encode(const struct clip_spec *spec, struct clip *ret);
void clip_done(struct clip *clip);

/* Into a file whose format follows from its name. */
void clip_write(const struct clip *clip, const char *path);

/* A fresh private folder; clip_folder_done removes it and the files in it. */
struct clip_folder {
    char path[256];
};
struct clip_folder clip_folder_new(void);
void clip_folder_done(struct clip_folder *folder);
