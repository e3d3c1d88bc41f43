/* SPDX-License-Identifier: Apache-2.0 */
/* Commands, policy and events, without media. */
#include "tests/support/test.h"
#include "world.h"

#define ALL                                                                                                            \
    (SFU_RIGHT_PUBLISH_AUDIO | SFU_RIGHT_PUBLISH_VIDEO | SFU_RIGHT_PUBLISH_SCREEN | SFU_RIGHT_SUBSCRIBE |              \
     SFU_RIGHT_MODERATE)

static void command(struct world *world, enum sfu_command_kind kind, uint64_t room_id, uint64_t participant_id)
{
    struct sfu_command made = {.kind = kind, .room_id = room_id, .participant_id = participant_id};
    sfu_engine_command(world->engine, world->now_us, &made);
}

static void open_times(struct world *world, uint64_t room_id, uint64_t opens_us, uint64_t closes_us)
{
    struct sfu_command made = {.kind = SFU_COMMAND_ROOM_OPEN,
                               .room_id = room_id,
                               .policy = {.capacity = 5, .opens_wall_us = opens_us, .closes_wall_us = closes_us}};
    sfu_engine_command(world->engine, world->now_us, &made);
}

static uint64_t wall_us(const struct world *world)
{
    return world->now_us + (uint64_t)WORLD_WALL_OFFSET_US;
}

T_TEST(capacity_is_kept)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 2);
    world_join(world, 1, 10, 100, ALL);
    world_join(world, 1, 11, 101, ALL);
    world_join(world, 1, 12, 102, ALL);
    T_EQ(world_event_count(world, SFU_EVENT_JOINED), 2);
    T_EQ(world_event_count(world, SFU_EVENT_REFUSED), 1);
    T_EQ(world_event(world, SFU_EVENT_REFUSED, 0)->reason, SFU_REASON_ROOM_FULL);
    T_EQ(world_event(world, SFU_EVENT_REFUSED, 0)->participant_id, 12);
    command(world, SFU_COMMAND_LEAVE, 1, 10);
    T_EQ(world_event(world, SFU_EVENT_LEFT, 0)->reason, SFU_REASON_LEFT);
    world_join(world, 1, 12, 102, ALL);
    T_EQ(world_event_count(world, SFU_EVENT_JOINED), 3);
    T_EQ(world_stats(world).participants, 2);
    world_destroy(world);
}

T_TEST(same_identity_replaces_even_when_full)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 1);
    world_join(world, 1, 10, 100, ALL);
    world_join(world, 1, 11, 100, ALL);
    T_EQ(world_event_count(world, SFU_EVENT_LEFT), 1);
    T_EQ(world_event(world, SFU_EVENT_LEFT, 0)->participant_id, 10);
    T_EQ(world_event(world, SFU_EVENT_LEFT, 0)->reason, SFU_REASON_REPLACED);
    T_EQ(world->events[world->event_count - 1].kind, SFU_EVENT_JOINED);
    T_EQ(world_stats(world).participants, 1);
    /* in another room it is another participant */
    world_open_room(world, 2, 1);
    world_join(world, 2, 12, 100, ALL);
    T_EQ(world_stats(world).participants, 2);
    world_destroy(world);
}

T_TEST(removed_stays_out)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    world_join(world, 1, 10, 100, ALL);
    command(world, SFU_COMMAND_REMOVE, 1, 10);
    T_EQ(world_event(world, SFU_EVENT_LEFT, 0)->reason, SFU_REASON_REMOVED);
    world_join(world, 1, 11, 100, ALL);
    T_EQ(world_event(world, SFU_EVENT_REFUSED, 0)->reason, SFU_REASON_REMOVED);
    world_join(world, 1, 12, 101, ALL);
    T_EQ(world_event_count(world, SFU_EVENT_JOINED), 2);
    world_destroy(world);
}

T_TEST(removed_list_is_bounded_and_keeps_the_newest)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    for (uint64_t i = 0; i < 1100; i++) {
        world_join(world, 1, 1000 + i, 5000 + i, ALL);
        command(world, SFU_COMMAND_REMOVE, 1, 1000 + i);
        world->event_count = 0;
    }
    world_join(world, 1, 9000, 5000 + 1099, ALL);
    T_EQ(world_event_count(world, SFU_EVENT_REFUSED), 1);
    world_join(world, 1, 9001, 5000 + 1100 - 256, ALL);
    T_EQ(world_event_count(world, SFU_EVENT_REFUSED), 2);
    world_join(world, 1, 9002, 5000, ALL);
    T_EQ(world_event_count(world, SFU_EVENT_REFUSED), 2);
    world_destroy(world);
}

T_TEST(opens_and_closes_in_time)
{
    struct world *world = world_create(64);
    open_times(world, 1, wall_us(world) + 10000000, wall_us(world) + 20000000);
    world_join(world, 1, 10, 100, ALL);
    T_EQ(world_event(world, SFU_EVENT_REFUSED, 0)->reason, SFU_REASON_ROOM_NOT_OPEN);
    world_advance(world, 10000000);
    world_join(world, 1, 10, 100, ALL);
    world_join(world, 1, 11, 101, ALL);
    T_EQ(world_event_count(world, SFU_EVENT_JOINED), 2);
    world_advance(world, 9999999);
    T_EQ(world_event_count(world, SFU_EVENT_LEFT), 0);
    world_advance(world, 1);
    T_EQ(world_event_count(world, SFU_EVENT_LEFT), 2);
    T_EQ(world_event(world, SFU_EVENT_LEFT, 1)->reason, SFU_REASON_ROOM_TIME_OVER);
    T_EQ(world->events[world->event_count - 1].kind, SFU_EVENT_ROOM_CLOSED);
    T_EQ(world->events[world->event_count - 1].reason, SFU_REASON_ROOM_TIME_OVER);
    world_join(world, 1, 12, 102, ALL);
    T_EQ(world_event(world, SFU_EVENT_REFUSED, 1)->reason, SFU_REASON_ROOM_CLOSED);
    T_EQ(world_stats(world).rooms, 0);
    world_destroy(world);
}

T_TEST(wall_clock_jump_moves_closing_time)
{
    struct world *world = world_create(64);
    open_times(world, 1, 0, wall_us(world) + 3600u * 1000000u);
    world_join(world, 1, 10, 100, ALL);
    sfu_engine_set_wall_offset_us(world->engine, WORLD_WALL_OFFSET_US + INT64_C(3600000000));
    world_advance(world, 1000000);
    T_EQ(world_event_count(world, SFU_EVENT_ROOM_CLOSED), 1);
    world_destroy(world);
}

T_TEST(rights_decide_what_is_published)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    world_join(world, 1, 10, 100, SFU_RIGHT_PUBLISH_AUDIO);
    struct sfu_up_track_config ups[] = {world_audio(1, 11), world_video(2, 12, 13), world_video(3, 14, 15)};
    ups[2].source = SFU_SOURCE_SCREEN;
    world_publish(world, 1, 10, ups, 3);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_PUBLISHED), 1);
    T_EQ(world_event(world, SFU_EVENT_TRACK_PUBLISHED, 0)->track_id, 1);
    T_EQ(world_event(world, SFU_EVENT_TRACK_PUBLISHED, 0)->source, SFU_SOURCE_MIC);
    T_EQ(world_stats(world).commands_ignored, 2);
    T_EQ(world_stats(world).up_tracks, 1);
    world_destroy(world);
}

T_TEST(publish_is_the_complete_list)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    world_join(world, 1, 10, 100, ALL);
    struct sfu_up_track_config ups[] = {world_audio(1, 11), world_video(2, 12, 13)};
    world_publish(world, 1, 10, ups, 2);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_PUBLISHED), 2);
    world_publish(world, 1, 10, ups, 2);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_PUBLISHED), 2);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_MUTED), 0);
    ups[0].muted = true;
    world_publish(world, 1, 10, ups, 1);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_UNPUBLISHED), 1);
    T_EQ(world_event(world, SFU_EVENT_TRACK_UNPUBLISHED, 0)->track_id, 2);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_MUTED), 1);
    /* too many: the rest is ignored */
    struct sfu_up_track_config many[SFU_TRACKS_MAX + 3];
    for (uint32_t i = 0; i < SFU_TRACKS_MAX + 3; i++)
        many[i] = world_video(50 + i, 500 + i, 600 + i);
    world_publish(world, 1, 10, many, SFU_TRACKS_MAX + 3);
    T_EQ(world_stats(world).up_tracks, SFU_TRACKS_MAX);
    T_EQ(world_stats(world).commands_ignored, 3);
    world_destroy(world);
}

T_TEST(a_track_id_belongs_to_one_participant)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    world_join(world, 1, 10, 100, ALL);
    world_join(world, 1, 11, 101, ALL);
    struct sfu_up_track_config up = world_audio(1, 11);
    world_publish(world, 1, 10, &up, 1);
    world_publish(world, 1, 11, &up, 1);
    T_EQ(world_stats(world).up_tracks, 1);
    world_mute(world, 1, 11, 1, true);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_MUTED), 0);
    world_destroy(world);
}

T_TEST(mute_events_are_real_changes)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    world_join(world, 1, 10, 100, ALL);
    struct sfu_up_track_config up = world_audio(1, 11);
    world_publish(world, 1, 10, &up, 1);
    world_mute(world, 1, 10, 1, false);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_MUTED), 0);
    struct sfu_command made = {.kind = SFU_COMMAND_MUTE,
                               .room_id = 1,
                               .participant_id = 10,
                               .track_id = 1,
                               .muted = true,
                               .origin = SFU_MUTED_BY_MODERATOR};
    sfu_engine_command(world->engine, world->now_us, &made);
    sfu_engine_command(world->engine, world->now_us, &made);
    T_EQ(world_event_count(world, SFU_EVENT_TRACK_MUTED), 1);
    T_EQ(world_event(world, SFU_EVENT_TRACK_MUTED, 0)->origin, SFU_MUTED_BY_MODERATOR);
    T_EQ(world_event(world, SFU_EVENT_TRACK_MUTED, 0)->muted, true);
    world_mute(world, 1, 10, 99, true);
    T_EQ(world_stats(world).commands_ignored, 1);
    world_destroy(world);
}

T_TEST(subscriptions_need_right_and_a_track_of_another)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    world_open_room(world, 2, 5);
    world_join(world, 1, 10, 100, ALL);
    world_join(world, 1, 11, 101, SFU_RIGHT_SUBSCRIBE);
    world_join(world, 1, 12, 102, 0);
    world_join(world, 2, 13, 103, ALL);
    struct sfu_up_track_config up = world_audio(1, 11);
    world_publish(world, 1, 10, &up, 1);
    struct sfu_down_track_config down = {.track_id = 1, .mid = "0", .ssrc = 900};
    world_subscribe(world, 1, 10, &down, 1); /* own */
    world_subscribe(world, 1, 12, &down, 1); /* no right */
    world_subscribe(world, 2, 13, &down, 1); /* another room */
    T_EQ(world_stats(world).down_tracks, 0);
    T_EQ(world_stats(world).commands_ignored, 3);
    world_subscribe(world, 1, 11, &down, 1);
    T_EQ(world_stats(world).down_tracks, 1);
    struct sfu_down_track_config twice[] = {down, down, {.track_id = 77, .mid = "1", .ssrc = 901}};
    world_subscribe(world, 1, 11, twice, 3);
    T_EQ(world_stats(world).down_tracks, 1);
    T_EQ(world_stats(world).commands_ignored, 5);
    /* the publisher goes: the down track stays, silent, until the next list */
    command(world, SFU_COMMAND_LEAVE, 1, 10);
    T_EQ(world_stats(world).down_tracks, 1);
    world_subscribe(world, 1, 11, NULL, 0);
    T_EQ(world_stats(world).down_tracks, 0);
    world_destroy(world);
}

T_TEST(ids_that_are_gone_are_ignored)
{
    struct world *world = world_create(64);
    command(world, SFU_COMMAND_LEAVE, 1, 10);
    command(world, SFU_COMMAND_REMOVE, 1, 10);
    command(world, SFU_COMMAND_TRANSPORT, 1, 10);
    command(world, SFU_COMMAND_PUBLISH, 1, 10);
    command(world, SFU_COMMAND_SUBSCRIBE, 1, 10);
    command(world, SFU_COMMAND_MUTE, 1, 10);
    command(world, SFU_COMMAND_ROOM_CLOSE, 1, 0);
    T_EQ(world_stats(world).commands_ignored, 7);
    T_EQ(world->event_count, 0);
    world_join(world, 1, 10, 100, ALL);
    T_EQ(world_event(world, SFU_EVENT_REFUSED, 0)->reason, SFU_REASON_ROOM_CLOSED);
    world_open_room(world, 1, 5);
    world_open_room(world, 1, 5);
    world_open_room(world, 2, 0);
    world_open_room(world, 2, SFU_ROOM_CAPACITY_MAX + 1);
    T_EQ(world_stats(world).commands_ignored, 10);
    T_EQ(world_stats(world).rooms, 1);
    /* the right participant in the wrong room */
    world_join(world, 1, 10, 100, ALL);
    command(world, SFU_COMMAND_LEAVE, 2, 10);
    T_EQ(world_stats(world).participants, 1);
    world_destroy(world);
}

T_TEST(a_room_that_cannot_open_is_told_closed)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 0);
    T_EQ(world_event_count(world, SFU_EVENT_ROOM_CLOSED), 1);
    T_EQ(world_event(world, SFU_EVENT_ROOM_CLOSED, 0)->room_id, 1);
    T_EQ(world_event(world, SFU_EVENT_ROOM_CLOSED, 0)->reason, SFU_REASON_NO_RESOURCES);
    T_EQ(world_stats(world).rooms, 0);
    /* one that is there already is not closed */
    world_open_room(world, 1, 5);
    world_open_room(world, 1, 5);
    T_EQ(world_event_count(world, SFU_EVENT_ROOM_CLOSED), 1);
    T_EQ(world_stats(world).rooms, 1);
    T_EQ(world_stats(world).commands_ignored, 2);
    world_destroy(world);
}

T_TEST(the_kind_fits_the_source)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    world_join(world, 1, 10, 100, ALL);
    const enum sfu_source sources[] = {SFU_SOURCE_MIC, SFU_SOURCE_CAMERA, SFU_SOURCE_SCREEN, SFU_SOURCE_SCREEN_AUDIO};
    struct sfu_up_track_config ups[8];
    for (unsigned i = 0; i < 8; i++) {
        ups[i] = i < 4 ? world_audio(20 + i, 0) : world_video(20 + i, 0, 0);
        ups[i].source = sources[i % 4];
    }
    world_publish(world, 1, 10, ups, 8);
    T_EQ(world_stats(world).up_tracks, 4);
    T_EQ(world_stats(world).commands_ignored, 4);
    const uint64_t taken[] = {20, 23, 25, 26};
    for (unsigned i = 0; i < 4; i++)
        T_EQ(world_event(world, SFU_EVENT_TRACK_PUBLISHED, i)->track_id, taken[i]);
    world_destroy(world);
}

T_TEST(stop_closes_every_room)
{
    struct world *world = world_create(64);
    world_open_room(world, 1, 5);
    world_open_room(world, 2, 5);
    world_join(world, 1, 10, 100, ALL);
    world_join(world, 2, 11, 100, ALL);
    command(world, SFU_COMMAND_STOP, 0, 0);
    T_EQ(world_event_count(world, SFU_EVENT_LEFT), 2);
    T_EQ(world_event_count(world, SFU_EVENT_ROOM_CLOSED), 2);
    T_EQ(world_event(world, SFU_EVENT_ROOM_CLOSED, 1)->reason, SFU_REASON_SHUTDOWN);
    T_EQ(sfu_engine_deadline_us(world->engine), UINT64_MAX);
    struct sfu_stats stats = world_stats(world);
    T_EQ(stats.rooms + stats.participants + stats.up_tracks + stats.down_tracks, 0);
    world_destroy(world);
}

T_TEST(names)
{
    T_STR_EQ(sfu_reason_name(SFU_REASON_ROOM_FULL), "room_full");
    T_STR_EQ(sfu_reason_name(SFU_REASON_LEFT), "left");
    T_STR_EQ(sfu_reason_name((enum sfu_reason)99), "unknown");
    T_STR_EQ(sfu_source_name(SFU_SOURCE_SCREEN_AUDIO), "screen_audio");
}

T_MAIN(T_CASE(capacity_is_kept), T_CASE(same_identity_replaces_even_when_full), T_CASE(removed_stays_out),
       T_CASE(removed_list_is_bounded_and_keeps_the_newest), T_CASE(opens_and_closes_in_time),
       T_CASE(wall_clock_jump_moves_closing_time), T_CASE(rights_decide_what_is_published),
       T_CASE(publish_is_the_complete_list), T_CASE(a_track_id_belongs_to_one_participant),
       T_CASE(mute_events_are_real_changes), T_CASE(subscriptions_need_right_and_a_track_of_another),
       T_CASE(ids_that_are_gone_are_ignored), T_CASE(a_room_that_cannot_open_is_told_closed),
       T_CASE(the_kind_fits_the_source), T_CASE(stop_closes_every_room), T_CASE(names))
