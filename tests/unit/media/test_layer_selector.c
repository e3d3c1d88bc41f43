/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/layer_selector.h"

#include "tests/support/test.h"

static struct sfu_layer_activity activity;
static struct sfu_layer_selector viewer;

/* Frames of the layers in `layers` every 40 ms; returns how often `live` changed. */
static unsigned frames(uint64_t from_us, unsigned count, unsigned layers)
{
    unsigned changes = 0;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned layer = 0; layer < SFU_LAYERS_MAX; layer++) {
            if ((layers >> layer & 1u) == 0)
                continue;
            changes += sfu_layer_activity_on_packet(&activity, from_us + i * 40000u + layer, layer, true);
            changes += sfu_layer_activity_on_packet(&activity, from_us + i * 40000u + layer, layer, false);
        }
    }
    return changes;
}

static enum sfu_layer_decision decide(unsigned layer, bool key)
{
    return sfu_layer_selector_decide(&viewer, layer, key);
}

T_TEST(layers_come_and_go)
{
    sfu_layer_activity_init(&activity, 3);
    T_EQ(frames(0, 10, 1), 1);
    T_EQ(activity.live, 1);
    T_EQ(frames(400000, 10, 7), 2);
    T_EQ(activity.live, 7);
    T_EQ(frames(800000, 25, 3), 0); /* a second has not passed since the last of the third */
    T_EQ(frames(1800000, 5, 3), 1);
    T_EQ(activity.live, 3);
    T_EQ(frames(5000000, 30, 2), 1); /* the lowest may go, too */
    T_EQ(activity.live, 2);
    T_EQ(frames(9000000, 1, 7), 2);
    T_EQ(activity.live, 7);
}

T_TEST(a_picture_that_stands_still_loses_no_layer)
{
    sfu_layer_activity_init(&activity, 3);
    frames(0, 10, 7);
    for (uint64_t s = 1; s < 100; s++) /* a frame every 5 s, in each of them */
        T_EQ(frames(s * 5000000, 1, 7), 0);
    T_EQ(activity.live, 7);
}

T_TEST(the_highest_within_the_limit)
{
    sfu_layer_activity_init(&activity, 3);
    sfu_layer_selector_init(&viewer, 2);
    T_CHECK(sfu_layer_selector_update(&viewer, &activity)); /* nothing arrives yet */
    T_EQ(viewer.target, 2);
    frames(0, 1, 3);
    T_CHECK(sfu_layer_selector_update(&viewer, &activity));
    T_EQ(viewer.target, 1);
    viewer.limit = 0;
    T_CHECK(sfu_layer_selector_update(&viewer, &activity));
    T_EQ(viewer.target, 0);
    sfu_layer_selector_changed(&viewer, 0);
    T_CHECK(!sfu_layer_selector_update(&viewer, &activity));
    /* nothing within the limit: the lowest there is */
    sfu_layer_activity_init(&activity, 3);
    frames(0, 1, 6);
    T_CHECK(sfu_layer_selector_update(&viewer, &activity));
    T_EQ(viewer.target, 1);
    /* two layers negotiated */
    sfu_layer_activity_init(&activity, 2);
    sfu_layer_selector_init(&viewer, 2);
    T_CHECK(sfu_layer_selector_update(&viewer, &activity));
    T_EQ(viewer.target, 1);
}

T_TEST(silence_of_all_keeps_the_target)
{
    sfu_layer_activity_init(&activity, 3);
    sfu_layer_selector_init(&viewer, 1);
    frames(0, 1, 7);
    sfu_layer_selector_update(&viewer, &activity);
    sfu_layer_activity_init(&activity, 3);
    sfu_layer_selector_update(&viewer, &activity);
    T_EQ(viewer.target, 1);
    viewer.limit = 0;
    sfu_layer_selector_update(&viewer, &activity);
    T_EQ(viewer.target, 0);
}

T_TEST(changes_at_key_frames_of_the_target_only)
{
    sfu_layer_activity_init(&activity, 3);
    sfu_layer_selector_init(&viewer, 1);
    frames(0, 1, 7);
    sfu_layer_selector_update(&viewer, &activity);
    T_EQ(decide(1, false), SFU_LAYER_DROP);
    T_EQ(decide(2, true), SFU_LAYER_DROP);   /* above the limit */
    T_EQ(decide(0, true), SFU_LAYER_CHANGE); /* better than nothing */
    sfu_layer_selector_changed(&viewer, 0);
    T_EQ(decide(0, false), SFU_LAYER_FORWARD);
    T_EQ(decide(0, true), SFU_LAYER_FORWARD);
    T_EQ(decide(1, false), SFU_LAYER_DROP);
    T_EQ(decide(1, true), SFU_LAYER_CHANGE);
    sfu_layer_selector_changed(&viewer, 1);
    T_EQ(decide(0, true), SFU_LAYER_DROP);
    viewer.limit = 0; /* down likewise */
    T_CHECK(sfu_layer_selector_update(&viewer, &activity));
    T_EQ(decide(1, false), SFU_LAYER_FORWARD);
    T_EQ(decide(0, false), SFU_LAYER_DROP);
    T_EQ(decide(0, true), SFU_LAYER_CHANGE);
    sfu_layer_selector_stop(&viewer);
    T_EQ(decide(1, false), SFU_LAYER_DROP);
}

T_TEST(a_key_frame_is_refused_twice_at_most)
{
    sfu_layer_selector_init(&viewer, 2);
    T_CHECK(sfu_layer_selector_refuse(&viewer));
    T_CHECK(sfu_layer_selector_refuse(&viewer));
    T_CHECK(!sfu_layer_selector_refuse(&viewer));
    sfu_layer_selector_changed(&viewer, 2);
    T_CHECK(sfu_layer_selector_refuse(&viewer));
}

T_MAIN(T_CASE(layers_come_and_go), T_CASE(a_picture_that_stands_still_loses_no_layer),
       T_CASE(the_highest_within_the_limit), T_CASE(silence_of_all_keeps_the_target),
       T_CASE(changes_at_key_frames_of_the_target_only), T_CASE(a_key_frame_is_refused_twice_at_most))
