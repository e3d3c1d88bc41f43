/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that are faster than the answer which explains them (early_checks.h). */
#include <string.h>

#include "sfu/room/early_checks.h"
#include "tests/support/test.h"
#include "tests/unit/room/world.h"

enum { ROOM = 7, BOB = 20 };

/* Bob's next credentials: the engine hears of them by this command. */
static void tell(struct world *world, const struct world_peer *bob)
{
    struct sfu_command command = {.kind = SFU_COMMAND_TRANSPORT,
                                  .room_id = ROOM,
                                  .participant_id = BOB,
                                  .peer_connection = SFU_SUBSCRIBE,
                                  .transport = {.local = bob->server, .remote_ufrag = "peer"}};
    memcpy(command.transport.peer_fingerprint, sfu_dtls_identity_fingerprint(world->client),
           sizeof command.transport.peer_fingerprint);
    sfu_engine_command(world->engine, world->now_us, &command);
    world_pump(world);
}

static struct world_peer *bob_in_a_room(struct world *world)
{
    world_open_room(world, ROOM, 5);
    world_join(world, ROOM, BOB, 2, 0xFF);
    return world_connect(world, ROOM, BOB, SFU_SUBSCRIBE);
}

T_TEST(a_check_before_the_answer_is_answered_after_it)
{
    struct world *world = world_create(64);
    struct world_peer *bob = bob_in_a_room(world);
    unsigned before = bob->stun_responses;
    memcpy(bob->server.ufrag, "soon", 4);
    world_check(bob);
    T_EQ(bob->stun_responses, before);
    T_EQ(world_stats(world).dropped_stun_stranger, 1);
    world_advance(world, 20000);
    tell(world, bob);
    T_EQ(bob->stun_responses, before + 1);
    T_EQ(world_stats(world).stun_early, 1);
    tell(world, bob); /* once only */
    T_EQ(bob->stun_responses, before + 1);
    world_destroy(world);
}

T_TEST(an_old_check_is_forgotten)
{
    struct world *world = world_create(64);
    struct world_peer *bob = bob_in_a_room(world);
    unsigned before = bob->stun_responses;
    memcpy(bob->server.ufrag, "soon", 4);
    world_check(bob);
    world_advance(world, SFU_EARLY_CHECK_US + 1);
    tell(world, bob);
    T_EQ(bob->stun_responses, before);
    world_destroy(world);
}

T_TEST(a_wrong_password_stays_wrong)
{
    struct world *world = world_create(64);
    struct world_peer *bob = bob_in_a_room(world);
    unsigned before = bob->stun_responses;
    memcpy(bob->server.ufrag, "soon", 4);
    char first = bob->server.pwd[0];
    bob->server.pwd[0] = first == 'x' ? 'y' : 'x';
    world_check(bob);
    bob->server.pwd[0] = first;
    tell(world, bob);
    T_EQ(bob->stun_responses, before);
    T_EQ(world_stats(world).dropped_stun_auth, 1);
    world_destroy(world);
}

T_TEST(the_ring_keeps_the_newest_and_only_what_fits)
{
    static struct sfu_early_checks checks;
    memset(&checks, 0, sizeof checks);
    struct sfu_path path = {.protocol = SFU_PROTOCOL_UDP};
    static const uint8_t data[SFU_EARLY_CHECK_BYTES + 1] = {1};
    T_CHECK(sfu_early_checks_take(&checks, 5, "abcd") == NULL);
    sfu_early_checks_keep(&checks, 5, &path, "abcd", 4, data, sizeof data); /* too long */
    T_CHECK(sfu_early_checks_take(&checks, 5, "abcd") == NULL);
    path.protocol = SFU_PROTOCOL_TCP;
    sfu_early_checks_keep(&checks, 5, &path, "abcd", 4, data, 100);
    T_CHECK(sfu_early_checks_take(&checks, 5, "abcd") == NULL);
    path.protocol = SFU_PROTOCOL_UDP;
    sfu_early_checks_keep(&checks, 5, &path, "abcd", 4, data, 100);
    sfu_early_checks_keep(&checks, 6, &path, "abcd", 4, data, 101);
    T_CHECK(sfu_early_checks_take(&checks, 7, "abc") == NULL);
    T_CHECK(sfu_early_checks_take(&checks, 7, "abcde") == NULL);
    const struct sfu_early_check *check = sfu_early_checks_take(&checks, 7, "abcd");
    T_CHECK(check != NULL && check->len == 100); /* the oldest first */
    for (unsigned i = 0; i < SFU_EARLY_CHECKS; i++)
        sfu_early_checks_keep(&checks, 8, &path, "flood", 5, data, 50);
    T_CHECK(sfu_early_checks_take(&checks, 8, "abcd") == NULL); /* pushed out */
    T_CHECK(sfu_early_checks_take(&checks, 8, "flood") != NULL);
}

T_MAIN(T_CASE(a_check_before_the_answer_is_answered_after_it), T_CASE(an_old_check_is_forgotten),
       T_CASE(a_wrong_password_stays_wrong), T_CASE(the_ring_keeps_the_newest_and_only_what_fits))
