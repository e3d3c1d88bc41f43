/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/random.h"
#include "sfu/transport/demux.h"
#include "tests/support/test.h"

#include <arpa/inet.h>

static struct sfu_path path4(uint32_t address, uint16_t port)
{
    struct sfu_path path = {0};
    path.remote.in4.sin_family = AF_INET;
    path.remote.in4.sin_addr.s_addr = htonl(address);
    path.remote.in4.sin_port = htons(port);
    path.local.in4.sin_family = AF_INET;
    path.local.in4.sin_addr.s_addr = htonl(0x7f000001);
    path.local.in4.sin_port = htons(3478);
    return path;
}

T_TEST(classes_at_each_edge_of_rfc7983)
{
    static const struct {
        uint8_t first;
        enum sfu_datagram_class is;
    } edges[] = {{0, SFU_DATAGRAM_STUN},     {3, SFU_DATAGRAM_STUN},     {4, SFU_DATAGRAM_UNKNOWN},
                 {15, SFU_DATAGRAM_UNKNOWN}, {16, SFU_DATAGRAM_UNKNOWN}, {19, SFU_DATAGRAM_UNKNOWN},
                 {20, SFU_DATAGRAM_DTLS},    {63, SFU_DATAGRAM_DTLS},    {64, SFU_DATAGRAM_UNKNOWN},
                 {79, SFU_DATAGRAM_UNKNOWN}, {80, SFU_DATAGRAM_UNKNOWN}, {127, SFU_DATAGRAM_UNKNOWN},
                 {128, SFU_DATAGRAM_RTP},    {191, SFU_DATAGRAM_RTP},    {192, SFU_DATAGRAM_UNKNOWN},
                 {255, SFU_DATAGRAM_UNKNOWN}};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        uint8_t datagram[2] = {edges[i].first, 0};
        T_EQ(sfu_datagram_classify(datagram, 2), edges[i].is);
    }
    for (unsigned type = 0; type < 256; type++) {
        uint8_t datagram[2] = {0x80, (uint8_t)type};
        T_EQ(sfu_datagram_classify(datagram, 2), type >= 192 && type <= 223 ? SFU_DATAGRAM_RTCP : SFU_DATAGRAM_RTP);
    }
    T_EQ(sfu_datagram_classify((const uint8_t *)"\x80", 1), SFU_DATAGRAM_UNKNOWN);
    T_EQ(sfu_datagram_classify(NULL, 0), SFU_DATAGRAM_UNKNOWN);
}

T_TEST(a_path_is_taken_over)
{
    struct sfu_demux *demux;
    int one, two;
    void *previous = &two;
    struct sfu_path path = path4(1, 1), stranger = path4(1, 2);
    T_EQ(sfu_demux_create(&demux), 0);
    T_EQ(sfu_demux_add_path(demux, &path, &one, &previous), 0);
    T_CHECK(previous == NULL);
    T_CHECK(sfu_demux_by_path(demux, &path) == &one);
    T_CHECK(sfu_demux_by_path(demux, &stranger) == NULL);
    T_EQ(sfu_demux_add_path(demux, &path, &two, &previous), 0);
    T_CHECK(previous == &one);
    T_CHECK(sfu_demux_by_path(demux, &path) == &two);
    sfu_demux_remove_path(demux, &path, &one); /* not its own any more */
    T_CHECK(sfu_demux_by_path(demux, &path) == &two);
    sfu_demux_remove_path(demux, &path, &two);
    T_CHECK(sfu_demux_by_path(demux, &path) == NULL);
    sfu_demux_remove_path(demux, &path, &two);
    T_EQ(sfu_demux_add_path(demux, &path, &one, NULL), 0);
    sfu_demux_destroy(demux);
}

T_TEST(ufrags)
{
    struct sfu_demux *demux;
    int one, two;
    T_EQ(sfu_demux_create(&demux), 0);
    T_EQ(sfu_demux_add_ufrag(demux, "abcdEFGH", &one), 0);
    T_EQ(sfu_demux_add_ufrag(demux, "abcdEFGH", &two), BASE_ERR_EXISTS);
    T_EQ(sfu_demux_add_ufrag(demux, "abcdEFG", &two), 0);
    T_CHECK(sfu_demux_by_ufrag(demux, "abcdEFGH:xyz", 8) == &one);
    T_CHECK(sfu_demux_by_ufrag(demux, "abcdEFGH:xyz", 7) == &two);
    T_CHECK(sfu_demux_by_ufrag(demux, "abcdEFGH:xyz", 9) == NULL);
    T_CHECK(sfu_demux_by_ufrag(demux, "ABCDefgh", 8) == NULL);
    T_CHECK(sfu_demux_by_ufrag(demux, "", 0) == NULL);
    T_CHECK(sfu_demux_by_ufrag(demux, "abcdEFGH", 100000) == NULL);
    sfu_demux_remove_ufrag(demux, "abcdEFGH");
    sfu_demux_remove_ufrag(demux, "abcdEFGH");
    T_CHECK(sfu_demux_by_ufrag(demux, "abcdEFGH", 8) == NULL);
    T_CHECK(sfu_demux_by_ufrag(demux, "abcdEFG", 7) == &two);
    sfu_demux_destroy(demux);
}

T_TEST(many_paths_agree_with_an_array)
{
    enum { PATHS = 500 };
    static int owners[3];
    struct sfu_demux *demux;
    void *model[PATHS] = {0};
    uint64_t rng = 5;
    T_EQ(sfu_demux_create(&demux), 0);
    for (int step = 0; step < 20000; step++) {
        uint16_t i = (uint16_t)(base_prng_next(&rng) % PATHS);
        int *owner = &owners[base_prng_next(&rng) % 3];
        struct sfu_path path = path4(i / 10u, i);
        if (base_prng_next(&rng) % 2) {
            void *previous;
            T_EQ(sfu_demux_add_path(demux, &path, owner, &previous), 0);
            T_CHECK(previous == model[i]);
            model[i] = owner;
        } else {
            sfu_demux_remove_path(demux, &path, owner);
            if (model[i] == owner)
                model[i] = NULL;
        }
        T_CHECK(sfu_demux_by_path(demux, &path) == model[i]);
    }
    sfu_demux_destroy(demux);
}

T_MAIN(T_CASE(classes_at_each_edge_of_rfc7983), T_CASE(a_path_is_taken_over), T_CASE(ufrags),
       T_CASE(many_paths_agree_with_an_array))
