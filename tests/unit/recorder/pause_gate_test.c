#include <glib.h>
#include <stdlib.h>

#include "base/clock.h"
#include "recorder/pause_gate.h"
#include "recorder_tests.h"

#define PATIENCE_NS (200 * NS_PER_MS)

/* What happens, word by word, times in milliseconds: a0 b0 packets of sound of 20 ms, v0 w0
 * pictures, V0 W0 key frames; P50 a pause that is cut out, H50 one that is held, R90 a resume, E
 * the end; F the pictures that came before flow. What comes of it: a0 b0 v0 w0 what passed, with
 * its time in the file; p50 r133 how long the pause is; v? a key frame is asked for. */
typedef struct {
    const char *name, *happens, *comes;
} Row;

static const Row rows[] = {
    {"nothing is paused", "V0 a0 a20 v33 a40", "v0 a0 a20 v33 a40"},
    {"cut up to a key frame; the sound goes on where it stopped",
     "F V0 a0 a20 v33 a40 P50 v66 a60 a80 R90 v100 a100 a120 V133 a140 v166 a160",
     "v0 a0 a20 v33 a40 p50 v? r133 v53 a60 v86 a80"},
    {"sound ahead of the picture is held, not lost",
     "F V0 a0 v33 a20 a40 P50 R60 a60 a80 a100 a120 a140 V93 a160 v126",
     "v0 a0 v33 a20 a40 p50 v? r93 a60 a80 a100 v53 a120 v86"},
    {"frames from before the pause that come late pass", "F V0 a0 P90 a20 a40 v33 a60 a80 a100",
     "v0 a0 p90 a20 a40 v33 a60 a80"},
    {"from before the pause in front of the last", "a0 P30 R40 P90 a20 a85", "a0 p30 r80 p90 a25"},
    {"a key frame from before the resume is none", "F V0 P50 V80 R90 V85 v100 V133 v166",
     "v0 p50 v? v? r133 v50 v83"},
    {"held", "F V0 a0 a20 v33 a40 H50 v66 a60 a80 R90 v100 a100 a120 V133 a140 v166",
     "v0 a0 a20 v33 a40 p50 v? r133 v133 a140 v166"},
    {"no picture: the sound goes on soon after", "a0 a20 a40 P50 a60 a80 R90 a100 a120 a140 a160",
     "a0 a20 a40 p50 r130 a60 a80"},
    {"no key frame in time: the sound goes on without the picture",
     "F V0 a0 a20 a40 P50 a60 a80 R90 a100 a120 v133 a140 a160 a180 a200 a220 a240 a260 a280 a300 "
     "v320 V333",
     "v0 a0 a20 a40 p50 v? r90 a60 a80 a100 a120 a140 a160 a180 a200 a220 a240 a260 v293"},
    {"a picture that does not flow needs no key frame where nothing of it was lost",
     "W0 a0 a20 a40 P50 a60 R90 a100 a140 w200", "w0 a0 a20 a40 p50 r130 a60 w120"},
    {"each picture goes on with its own key frame",
     "F V0 W0 P50 v66 w66 R90 V133 w134 v166 w167 W200 w233",
     "v0 w0 p50 v? w? r133 v50 v83 w117 w150"},
    {"one that falls behind the end by its time is asked for again",
     "F V0 W0 P50 v66 w66 R90 V133 W120 w153 W180", "v0 w0 p50 v? w? r133 v50 w? w97"},
    {"somebody else's packets are half of one off at most",
     "F V0 a0 b8 a20 b28 a40 b48 P60 a60 b68 R90 a100 b108 a120 b128 V133 a140 b148 a160 b168",
     "v0 a0 b8 a20 b28 a40 b48 p60 v? r133 v53 a60 b68 a80 b88"},
    {"several pauses",
     "F V0 a0 a20 a40 P50 a60 R60 a80 a100 V100 a120 v133 a140 P150 a160 H160 R170 a180 V200 a200 "
     "v233 a220",
     "v0 a0 a20 a40 p50 v? r100 a60 v60 a80 v93 a100 p150 v? r200 v120 a120 v153 a140"},
    {"paused again before the key frame: the same pause goes on",
     "F V0 a0 a20 P40 R60 a60 a80 P90 a100 V100 R110 a120 V133 a140",
     "v0 a0 a20 p40 v? v? r133 v33 a40"},
    {"resumed twice, paused twice", "F V0 P50 P60 R70 R80 V100 R110 v133",
     "v0 p50 v? r100 v50 v83"},
    {"resumed without a pause", "F V0 R10 a0", "v0 a0"},
    {"the key frame falls on the picture before", "F V0 a0 a20 v39 P40 a40 R50 a60 a80 V59 a100",
     "v0 a0 a20 v39 p40 v? r59 a40 a60 v41 a80"},
    {"ended while it waits for the key frame", "F V0 a0 a20 P40 a40 R50 a60 a80 v90 E",
     "v0 a0 a20 p40 v? r50 a40 a60"},
    {"ended while paused", "F V0 a0 a20 P40 a40 v66 E", "v0 a0 a20 p40"},
};

typedef struct Scene Scene;

typedef struct {
    Scene *scene;
    char name;
    GateTrack *track;
    bool has_come;
} SceneTrack;

struct Scene {
    Pool *pool;
    PauseGate *gate;
    SceneTrack tracks[4];
    bool flows;
    unsigned in, out;
    GString *said;
};

static int ms(int64_t ns)
{
    return (int)(ns / NS_PER_MS);
}

static void say(Scene *scene, char what, int64_t ns)
{
    g_string_append_printf(scene->said, "%s%c%d", scene->said->len > 0 ? " " : "", what, ms(ns));
}

static void on_pass(void *owner, Frame *frame)
{
    SceneTrack *track = owner;
    say(track->scene, track->name, frame->pts_ns);
    track->scene->out++;
    frame_unref(frame);
}

static void on_drop(void *owner, Frame *frame)
{
    SceneTrack *track = owner;
    track->scene->out++;
    frame_unref(frame);
}

static void on_need_keyframe(void *owner)
{
    SceneTrack *track = owner;
    g_string_append_printf(track->scene->said, " %c?", track->name);
}

static bool on_is_flowing(void *owner)
{
    const SceneTrack *track = owner;
    return track->scene->flows && track->has_come;
}

static void on_paused(void *owner, const GatePause *pause)
{
    say(owner, 'p', pause->start_ns);
}

static void on_resumed(void *owner, const GatePause *pause)
{
    say(owner, 'r', pause->end_ns);
    g_assert_cmpint(pause->end_ns, >=, pause->start_ns);
    g_assert_cmpint(pause->cut_ns, >=, 0);
}

/* A room with two people. */
static Scene *scene_new(void)
{
    static const char names[] = "abvw";
    Scene *scene = g_new0(Scene, 1);
    scene->pool = pool_new(1 << 22);
    scene->said = g_string_new(NULL);
    scene->gate = pause_gate_new(
        PATIENCE_NS, (PauseGateOut){.owner = scene, .paused = on_paused, .resumed = on_resumed});
    for (unsigned i = 0; i < G_N_ELEMENTS(scene->tracks); i++) {
        SceneTrack *track = &scene->tracks[i];
        track->scene = scene;
        track->name = names[i];
        track->track = pause_gate_add(scene->gate, names[i] < 'v' ? TRACK_AUDIO : TRACK_VIDEO,
                                      (GateTrackOut){.owner = track,
                                                     .pass = on_pass,
                                                     .drop = on_drop,
                                                     .need_keyframe = on_need_keyframe,
                                                     .is_flowing = on_is_flowing});
    }
    return scene;
}

static void scene_free(Scene *scene)
{
    pause_gate_free(scene->gate);
    pool_unref(scene->pool);
    g_string_free(scene->said, TRUE);
    g_free(scene);
}

static void push(Scene *scene, char name, int64_t at_ns)
{
    const char lower = g_ascii_tolower(name);
    const unsigned index = lower < 'v' ? lower - 'a' : lower - 'v' + 2;
    Frame *frame = frame_new(scene->pool, 16);
    g_assert_nonnull(frame);
    frame->pts_ns = at_ns;
    frame->is_key = name != lower;
    frame->duration_ns = lower < 'v' ? 20 * NS_PER_MS : 0;
    scene->in++;
    scene->tracks[index].has_come = true;
    pause_gate_push(scene->tracks[index].track, frame);
}

static void happen(Scene *scene, const char *word)
{
    const int64_t at_ns = atoi(word + 1) * NS_PER_MS;
    switch (word[0]) {
    case 'F':
        scene->flows = true;
        break;
    case 'P':
    case 'H':
        pause_gate_pause(scene->gate, at_ns, word[0] == 'H');
        break;
    case 'R':
        pause_gate_resume(scene->gate, at_ns);
        break;
    case 'E':
        pause_gate_end(scene->gate);
        break;
    default:
        push(scene, word[0], at_ns);
    }
}

static void test_row(gconstpointer data)
{
    const Row *row = data;
    Scene *scene = scene_new();
    g_auto(GStrv) words = g_strsplit(row->happens, " ", -1);
    for (char **word = words; *word != NULL; word++)
        happen(scene, *word);
    g_assert_cmpstr(scene->said->str, ==, row->comes);
    g_assert_cmpuint(scene->in, ==, scene->out);
    scene_free(scene);
}

/* Sound that waits has a limit; what is held goes on, in order. */
static void test_held_to_the_limit(void)
{
    Scene *scene = scene_new();
    scene->flows = true;
    push(scene, 'V', 0);
    push(scene, 'a', 0);
    pause_gate_pause(scene->gate, 20 * NS_PER_MS, false);
    pause_gate_resume(scene->gate, 20 * NS_PER_MS);
    for (unsigned i = 0; i <= PAUSE_GATE_MAX_HELD; i++) {
        g_assert_cmpuint(scene->out, ==, 2);
        push(scene, 'a', 20 * NS_PER_MS + i * NS_PER_US);
    }
    g_assert_cmpuint(scene->out, ==, scene->in);
    scene_free(scene);
}

static void test_file_time(void)
{
    static const struct {
        int64_t pts_ms, while_paused_ms, after_ms;
    } times[] = {{10, 10, 10}, {50, 50, 50}, {70, 50, 50}, {133, 50, 53}, {200, 50, 120}};
    Scene *scene = scene_new();
    happen(scene, "F");
    push(scene, 'V', 0);
    for (unsigned i = 0; i < 3; i++)
        push(scene, 'a', i * 20 * NS_PER_MS);
    happen(scene, "P50");
    g_assert_true(pause_gate_is_closed(scene->gate));
    for (unsigned i = 0; i < G_N_ELEMENTS(times); i++)
        g_assert_cmpint(ms(pause_gate_file_ns(scene->gate, times[i].pts_ms * NS_PER_MS)), ==,
                        times[i].while_paused_ms);
    happen(scene, "R90");
    g_assert_false(pause_gate_is_closed(scene->gate));
    happen(scene, "V133");
    for (unsigned i = 0; i < G_N_ELEMENTS(times); i++)
        g_assert_cmpint(ms(pause_gate_file_ns(scene->gate, times[i].pts_ms * NS_PER_MS)), ==,
                        times[i].after_ms);
    scene_free(scene);
}

void pause_gate_test_add(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strconcat("/recorder/pause-gate/", rows[i].name, NULL);
        g_test_add_data_func(path, &rows[i], test_row);
    }
    g_test_add_func("/recorder/pause-gate/held-to-the-limit", test_held_to_the_limit);
    g_test_add_func("/recorder/pause-gate/file-time", test_file_time);
}
