/* What the pipeline tells about itself: each camera's state, and figures over all of them. */
#include "pipeline/internal.h"

/* Pictures come, but not of what they should. */
static enum camera_cause cause_of_view(const struct camera *c)
{
    switch (atomic_load_explicit(&c->view_state, memory_order_relaxed)) {
    case VIEW_FROZEN:
        return CAUSE_FROZEN;
    case VIEW_BLACK:
        return CAUSE_BLACK;
    default:
        return CAUSE_NONE;
    }
}

static const char *view_name(const struct camera *c)
{
    static const char *const names[] = {
        [VIEW_GOOD] = "good",       [VIEW_FROZEN] = "frozen",       [VIEW_BLACK] = "black",
        [VIEW_COVERED] = "covered", [VIEW_DEFOCUSED] = "defocused", [VIEW_MOVED] = "moved"};
    return names[atomic_load_explicit(&c->view_state, memory_order_relaxed)];
}

static void put_connection(struct camera *c, const struct capture_status *status, struct json *out)
{
    enum camera_cause cause = status->cause != CAUSE_NONE ? status->cause : cause_of_view(c);
    int64_t now_us = clock_mono_us(c->pipeline->params.clock);
    json_text(out, "state", camera_state_names[status->state]);
    json_text(out, "cause", cause != CAUSE_NONE ? camera_cause_names[cause] : NULL);
    json_text(out, "reason", status->reason[0] ? status->reason : NULL);
    if (status->since_us)
        json_double(out, "state_s", (double)(now_us - status->since_us) / US_PER_S, 1);
    if (status->retry_us)
        json_double(out, "retry_in_s", (double)MAX(status->retry_us - now_us, 0) / US_PER_S, 1);
    json_text(out, "view", view_name(c));
    json_int(out, "connections", status->connections);
    json_int(out, "losses", status->losses);
    json_int(out, "received_bytes", status->bytes);
    if (status->clock_offset_us != TIME_UNKNOWN)
        json_double(out, "clock_offset_s", (double)status->clock_offset_us / US_PER_S, 3);
}

static void put_decoder(const struct decoder_stats *decoding, struct json *out)
{
    json_begin_object(out, "decoder");
    json_text(out, "codec", decoding->codec[0] ? decoding->codec : NULL);
    json_text(out, "hardware", decoding->hardware);
    json_text(out, "reason", decoding->reason[0] ? decoding->reason : NULL);
    json_end_object(out);
}

static void put_idle(struct camera *c, struct json *out)
{
    struct gate_stats s = gate_stats(c->gate);
    json_begin_object(out, "idle");
    json_bool(out, "idle", s.idle);
    json_bool(out, "shadowing", s.shadowing);
    json_text(out, "reason", s.reason[0] ? s.reason : NULL);
    json_double(out, "key_interval_s", s.key_interval_s, 2);
    json_int(out, "packets", s.packets);
    json_int(out, "decoded", s.decoded);
    json_int(out, "replayed", s.replayed);
    json_begin_object(out, "wakes");
    for (int i = 0; i < WAKE_REASONS; i++)
        json_int(out, gate_wake_names[i], s.wakes[i]);
    json_end_object(out);
    json_int(out, "held_bytes", s.held_bytes);
    json_double(out, "idle_s", (double)s.idle_us / US_PER_S, 1);
    json_double(out, "shadow_s", (double)s.shadow_us / US_PER_S, 1);
    json_int(out, "visits", s.visits);
    json_int(out, "missed", s.missed);
    json_double(out, "miss", s.miss, 4);
    json_double(out, "miss_low", s.miss_low, 4);
    json_double(out, "miss_high", s.miss_high, 4);
    json_end_object(out);
}

static void put_uploads(const struct capture_uploads *uploads, struct json *out)
{
    json_begin_object(out, "uploads");
    json_int(out, "accepted", uploads->accepted);
    json_int(out, "duplicates", uploads->duplicates);
    json_int(out, "refused", uploads->refused);
    json_text(out, "unmoved", uploads->unmoved[0] ? uploads->unmoved : NULL);
    json_int(out, "waiting", uploads->waiting);
    json_text(out, "last_refusal", uploads->last_refusal[0] ? uploads->last_refusal : NULL);
    json_end_object(out);
}

static void put_picture(struct camera *c, struct json *out)
{
    pthread_mutex_lock(&c->live_lock);
    AUTO(frame_unref) struct frame *frame = c->live_frame ? frame_ref(c->live_frame) : NULL;
    pthread_mutex_unlock(&c->live_lock);
    json_int(out, "width", frame ? frame->width : 0);
    json_int(out, "height", frame ? frame->height : 0);
    json_time(out, "picture_at", frame ? frame->wall_us : TIME_UNKNOWN);
    json_int(out, "frames", read_count(&c->frames));
    json_int(out, "looks", read_count(&c->looks));
    json_int(out, "skipped_packets", read_count(&c->skipped));
    json_int(out, "dropped_frames", read_count(&c->dropped));
    json_int(out, "damaged_frames", read_count(&c->damaged));
    json_int(out, "ignored_objects", read_count(&c->ignored));
}

void pipeline_camera_json(struct pipeline *p, int camera, struct json *out)
{
    struct camera *c = &p->cameras[camera];
    struct capture_status status = {.state = CAMERA_ENDED, .clock_offset_us = TIME_UNKNOWN};
    (void)camera_status(c, &status);
    pthread_mutex_lock(&c->live_lock);
    struct decoder_stats decoding = c->decoding;
    if (!status.reason[0] && c->failure.code != ERR_NONE)
        STR_COPY(status.reason, c->failure.msg); /* online, but nothing can be seen */
    pthread_mutex_unlock(&c->live_lock);
    json_text(out, "name", c->conf->name);
    json_bool(out, "enabled", c->conf->enabled);
    put_connection(c, &status, out);
    put_picture(c, out);
    put_decoder(&decoding, out);
    if (c->recorded)
        put_uploads(&status.uploads, out);
    else
        put_idle(c, out);
}

struct pipeline_stats pipeline_stats(struct pipeline *p)
{
    struct pipeline_stats s = {0};
    for (int i = 0; i < pipeline_count(p); i++) {
        struct camera *c = &p->cameras[i];
        s.frames += read_count(&c->frames);
        s.looks += read_count(&c->looks);
        s.skipped_packets += read_count(&c->skipped);
        s.dropped_frames += read_count(&c->dropped);
        s.decode_us += read_count(&c->decode_us);
        s.motion_us += read_count(&c->motion_us);
        s.packet_bytes += read_count(&c->queued_bytes);
        struct gate_stats gate = gate_stats(c->gate);
        s.idle_bytes += gate.held_bytes;
        s.packets += gate.packets;
        s.decoded_packets += gate.decoded;
        pthread_mutex_lock(&c->live_lock);
        s.frame_bytes += c->decoding.bytes;
        pthread_mutex_unlock(&c->live_lock);
    }
    struct detect_stats detect = detect_stats(p->detect);
    s.overwritten = detect.overwritten;
    s.failed_looks = detect.failed;
    s.stale = detect.stale;
    s.regions = detect.regions;
    s.infer_us = detect.infer_us;
    s.scene_us = read_count(&p->scene_us);
    s.risk_us = read_count(&p->risk_us);
    s.shadow = risk_shadow_stats(p->assessor);
    return s;
}
