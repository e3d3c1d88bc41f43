/* SPDX-License-Identifier: Apache-2.0 */
/* The server's transport against a client made of the same parts: ICE checks, DTLS client, two SRTP sessions. */
#include "base/bytes.h"
#include "base/err.h"
#include "sfu/transport/transport.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define SECOND 1000000u

static const struct sfu_ice_credentials ours = {"abcdEFGH", "0123456789abcdefghijklmn"};
static const struct sfu_ice_credentials renewed = {"ijklMNOP", "nmlkjihgfedcba9876543210"};

struct call {
    struct sfu_dtls_identity *server_identity, *client_identity;
    struct sfu_egress *egress;
    struct sfu_transport *transport;
    struct sfu_dtls_session *client;
    struct sfu_srtp_session *client_out, *client_in;
    uint64_t now_us;
    struct sfu_path path; /* where the client is */
    unsigned astray;      /* packets that went elsewhere */
    unsigned rtp, rtcp, stun;
    uint8_t last[2048]; /* plain */
    size_t last_len;
};

static struct sfu_path path4(uint16_t port)
{
    struct sfu_path path = {0};
    path.remote.in4.sin_family = AF_INET;
    path.remote.in4.sin_addr.s_addr = htonl(0xc6336401);
    path.remote.in4.sin_port = htons(port);
    return path;
}

static void client_sends(void *user, const uint8_t *datagram, size_t len)
{
    struct call *call = user;
    if (call->transport != NULL)
        sfu_transport_on_dtls(call->transport, call->now_us, datagram, len);
}

static void open_call(int *t_failed, struct call *call, bool wrong_fingerprint)
{
    *call = (struct call){.path = path4(1)};
    T_EQ(sfu_dtls_identity_create(&call->server_identity), 0);
    T_EQ(sfu_dtls_identity_create(&call->client_identity), 0);
    T_EQ(sfu_egress_create(&call->egress, 8), 0);
    struct sfu_transport_config config = {.local = ours, .remote_ufrag = "peer"};
    memcpy(config.peer_fingerprint, sfu_dtls_identity_fingerprint(call->client_identity), 32);
    config.peer_fingerprint[0] ^= wrong_fingerprint;
    T_EQ(sfu_transport_create(&call->transport, &config, call->server_identity, call->egress, 0), 0);
    struct sfu_dtls_config dtls = {.client = true,
                                   .peer_fingerprint = sfu_dtls_identity_fingerprint(call->server_identity),
                                   .send = client_sends,
                                   .user = call};
    T_EQ(sfu_dtls_session_create(&call->client, call->client_identity, &dtls), 0);
}

static void close_call(struct call *call)
{
    sfu_transport_destroy(call->transport);
    sfu_dtls_session_destroy(call->client);
    sfu_srtp_session_destroy(call->client_out);
    sfu_srtp_session_destroy(call->client_in);
    sfu_egress_destroy(call->egress);
    sfu_dtls_identity_destroy(call->server_identity);
    sfu_dtls_identity_destroy(call->client_identity);
}

static void client_receives(struct call *call, uint8_t *packet, size_t len)
{
    struct sfu_rtp_header header;
    bool rtcp = packet[1] >= 192 && packet[1] <= 223;
    if (packet[0] < 4)
        call->stun++;
    else if (packet[0] < 64)
        sfu_dtls_session_on_datagram(call->client, call->now_us, packet, len);
    else if (rtcp && sfu_srtcp_unprotect(call->client_in, packet, len, &call->last_len) == 0 && ++call->rtcp)
        memcpy(call->last, packet, call->last_len);
    else if (!rtcp && sfu_rtp_parse(packet, len, &header) == 0 &&
             sfu_srtp_unprotect(call->client_in, packet, len, &header, call->last, &call->last_len) == 0)
        call->rtp++;
}

/* What is in the egress reaches the client; its answers are processed at once; until all is quiet. */
static void flush(struct call *call)
{
    for (;;) {
        static uint8_t copy[200000];
        struct {
            size_t at, len;
        } packets[500];
        size_t count, packet_count = 0, used = 0;
        const struct sfu_egress_run *runs = sfu_egress_runs(call->egress, &count);
        for (size_t r = 0; r < count; r++) {
            for (uint32_t at = 0; at < runs[r].bytes; at += runs[r].segment_bytes) {
                uint32_t left = runs[r].bytes - at;
                size_t len = left < runs[r].segment_bytes ? left : runs[r].segment_bytes;
                if (!sfu_path_equal(&runs[r].path, &call->path)) {
                    call->astray++;
                    continue;
                }
                memcpy(copy + used, runs[r].data + at, len);
                packets[packet_count].at = used;
                packets[packet_count++].len = len;
                used += len;
            }
        }
        sfu_egress_reset(call->egress);
        if (packet_count == 0)
            return;
        for (size_t i = 0; i < packet_count; i++)
            client_receives(call, copy + packets[i].at, packets[i].len);
    }
}

static enum sfu_ice_result check(struct call *call, const struct sfu_ice_credentials *server, bool nominate)
{
    char username[64];
    uint8_t bytes[SFU_STUN_MESSAGE_MAX_BYTES];
    struct sfu_ice_output ice;
    snprintf(username, sizeof username, "%s:peer", server->ufrag);
    struct sfu_stun_request request = {
        .username = username, .password = server->pwd, .priority = 1, .controlling = true, .use_candidate = nominate};
    static uint8_t checks;
    request.transaction_id[0] = ++checks;
    size_t len = sfu_stun_write_request(bytes, &request);
    return sfu_transport_on_stun(call->transport, call->now_us, &call->path, bytes, len, &ice);
}

static void shake_hands(int *t_failed, struct call *call)
{
    struct sfu_dtls_keys keys;
    sfu_dtls_session_poll(call->client, call->now_us);
    flush(call);
    T_EQ(sfu_dtls_session_keys(call->client, &keys), 0);
    T_EQ(sfu_srtp_session_create(&call->client_out, keys.profile, keys.send_key, keys.send_salt), 0);
    T_EQ(sfu_srtp_session_create(&call->client_in, keys.profile, keys.receive_key, keys.receive_salt), 0);
}

static void connect_call(int *t_failed, struct call *call)
{
    T_CALL(open_call(t_failed, call, false));
    call->now_us = SECOND;
    T_EQ(check(call, &ours, true), SFU_ICE_SELECTED);
    T_CALL(shake_hands(t_failed, call));
    T_EQ(sfu_transport_state(call->transport), SFU_TRANSPORT_CONNECTED);
}

static size_t server_sends(struct call *call, uint16_t seq)
{
    static const uint8_t payload[] = "payload";
    uint8_t *out = sfu_transport_reserve_rtp(call->transport, 12 + sizeof payload);
    if (out == NULL)
        return 0;
    struct sfu_rtp_header header = {.payload_type = 96, .seq = seq, .ssrc = 5};
    sfu_rtp_write_fixed(out, &header);
    return sfu_transport_send_rtp(call->transport, out, 12, seq, 5, payload, sizeof payload, 0);
}

T_TEST(dtls_before_any_nomination_goes_where_the_checks_came_from)
{
    static struct call call;
    T_CALL(open_call(t_failed, &call, false));
    call.now_us = SECOND;
    T_EQ(check(&call, &ours, false), SFU_ICE_PATH_ADDED);
    T_EQ(server_sends(&call, 1), 0);
    T_CALL(shake_hands(t_failed, &call));
    T_EQ(call.astray, 0);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_NEW); /* keys, but no path selected */
    T_EQ(server_sends(&call, 1), 0);
    T_EQ(check(&call, &ours, true), SFU_ICE_SELECTED);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_CONNECTED);
    T_CHECK(server_sends(&call, 1) > 0);
    flush(&call);
    T_EQ(call.rtp, 1);
    T_EQ(call.stun, 2);
    close_call(&call);
}

T_TEST(media_both_ways)
{
    static struct call call;
    uint8_t wire[256], plain[256];
    size_t len;
    struct sfu_rtp_header header = {.payload_type = 96, .seq = 7, .ssrc = 9}, parsed;
    T_CALL(open_call(t_failed, &call, false));
    sfu_rtp_write_fixed(wire, &header);
    T_EQ(sfu_transport_unprotect_rtp(call.transport, wire, 40, &header, plain, &len), BASE_ERR_STATE);
    close_call(&call);

    T_CALL(connect_call(t_failed, &call));
    T_EQ(server_sends(&call, 1), 12 + 8 + 16);
    T_EQ(server_sends(&call, 2), 12 + 8 + 16);
    size_t runs;
    sfu_egress_runs(call.egress, &runs);
    T_EQ(runs, 1);
    flush(&call);
    T_EQ(call.rtp, 2);
    T_EQ(call.last_len, 20);
    T_MEM_EQ(call.last + 12, "payload", 8);

    size_t n = sfu_srtp_protect(call.client_out, wire, 12, 7, 9, (const uint8_t *)"hello", 5, 0);
    T_EQ(sfu_rtp_parse(wire, n, &parsed), 0);
    T_EQ(sfu_transport_unprotect_rtp(call.transport, wire, n, &parsed, plain, &len), 0);
    T_EQ(len, 17);
    T_MEM_EQ(plain + 12, "hello", 5);
    T_EQ(sfu_transport_unprotect_rtp(call.transport, wire, n, &parsed, plain, &len), BASE_ERR_REPLAY);
    parsed.seq = 8;
    T_EQ(sfu_transport_unprotect_rtp(call.transport, wire, n, &parsed, plain, &len), BASE_ERR_AUTH);

    const uint8_t rtcp[8] = {0x80, 201, 0, 1, 0, 0, 0, 5};
    T_EQ(sfu_transport_send_rtcp(call.transport, rtcp, 8), 8 + 16 + 4);
    flush(&call);
    T_EQ(call.rtcp, 1);
    T_MEM_EQ(call.last, rtcp, 8);
    memcpy(wire, rtcp, 8);
    n = sfu_srtcp_protect(call.client_out, wire, 8);
    T_EQ(sfu_transport_unprotect_rtcp(call.transport, wire, n, &len), 0);
    T_EQ(len, 8);
    T_MEM_EQ(wire, rtcp, 8);
    const struct sfu_transport_counters *counters = sfu_transport_counters(call.transport);
    T_EQ(counters->rtp_in, 1);
    T_EQ(counters->rtp_replayed, 1);
    T_EQ(counters->rtp_auth_failed, 1);
    T_EQ(counters->rtp_out, 2);
    T_EQ(counters->rtcp_in, 1);
    T_EQ(counters->rtcp_out, 1);
    T_EQ(counters->out_dropped, 0);
    close_call(&call);
}

T_TEST(media_follows_the_address)
{
    static struct call call;
    T_CALL(connect_call(t_failed, &call));
    T_CHECK(server_sends(&call, 1) > 0);
    struct sfu_path before = call.path;
    call.path = path4(2);
    T_EQ(check(&call, &ours, true), SFU_ICE_SELECTED);
    T_CHECK(server_sends(&call, 2) > 0); /* in the same iteration: not in the run of the old path */
    flush(&call);
    T_EQ(call.rtp, 1);
    T_EQ(call.astray, 1);
    T_EQ(base_get_be16(call.last + 2), 2);
    T_CHECK(!sfu_transport_on_path_closed(call.transport, &before));
    T_CHECK(sfu_transport_on_path_closed(call.transport, &call.path));
    T_EQ(server_sends(&call, 3), 0);
    T_EQ(check(&call, &ours, true), SFU_ICE_SELECTED);
    T_CHECK(server_sends(&call, 3) > 0);
    close_call(&call);
}

T_TEST(lost_and_found)
{
    static struct call call;
    T_CALL(connect_call(t_failed, &call));
    uint64_t deadline_us = sfu_transport_deadline_us(call.transport);
    T_EQ(deadline_us, SECOND + SFU_ICE_CONSENT_US);
    sfu_transport_poll(call.transport, deadline_us - 1);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_CONNECTED);
    call.now_us = deadline_us;
    sfu_transport_poll(call.transport, call.now_us);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_LOST);
    T_CHECK(sfu_transport_deadline_us(call.transport) == UINT64_MAX);
    T_EQ(server_sends(&call, 1), 0);
    T_EQ(sfu_transport_counters(call.transport)->out_dropped, 1);
    sfu_transport_restart_ice(call.transport, &renewed, "peer", call.now_us);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_LOST);
    T_EQ(check(&call, &renewed, false), SFU_ICE_ANSWERED);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_LOST);
    T_EQ(check(&call, &renewed, true), SFU_ICE_SELECTED);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_CONNECTED);
    T_CHECK(server_sends(&call, 1) > 0);
    flush(&call);
    T_EQ(call.rtp, 1);
    T_EQ(sfu_transport_deadline_us(call.transport), call.now_us + SFU_ICE_CONSENT_US);
    close_call(&call);
}

T_TEST(a_peer_that_never_comes_is_lost)
{
    static struct call call;
    T_CALL(open_call(t_failed, &call, false));
    T_EQ(sfu_transport_deadline_us(call.transport), SFU_ICE_CONSENT_US);
    sfu_transport_poll(call.transport, SFU_ICE_CONSENT_US);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_LOST);
    close_call(&call);
}

T_TEST(a_wrong_fingerprint_is_final)
{
    static struct call call;
    T_CALL(open_call(t_failed, &call, true));
    call.now_us = SECOND;
    T_EQ(check(&call, &ours, true), SFU_ICE_SELECTED);
    sfu_dtls_session_poll(call.client, call.now_us);
    flush(&call);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_FAILED);
    T_EQ(sfu_transport_error(call.transport), BASE_ERR_AUTH);
    T_CHECK(sfu_transport_deadline_us(call.transport) == UINT64_MAX);
    T_EQ(server_sends(&call, 1), 0);
    close_call(&call);
}

T_TEST(goodbyes)
{
    static struct call call;
    T_CALL(connect_call(t_failed, &call));
    sfu_dtls_session_close(call.client);
    T_EQ(sfu_transport_state(call.transport), SFU_TRANSPORT_FAILED);
    T_EQ(sfu_transport_error(call.transport), 0);
    T_EQ(server_sends(&call, 1), 0);
    close_call(&call);

    T_CALL(connect_call(t_failed, &call));
    sfu_transport_destroy(call.transport);
    call.transport = NULL;
    size_t count;
    const struct sfu_egress_run *runs = sfu_egress_runs(call.egress, &count);
    T_EQ(count, 1);
    T_EQ(sfu_dtls_session_on_datagram(call.client, call.now_us, runs[0].data, runs[0].bytes), SFU_DTLS_CLOSED);
    sfu_egress_reset(call.egress);
    close_call(&call);
}

T_TEST(a_full_egress_drops_and_counts)
{
    static struct call call;
    T_CALL(connect_call(t_failed, &call));
    while (sfu_egress_send(call.egress, &call.path, (const uint8_t *)"x", 1) == 0)
        call.path.remote.in4.sin_port++;
    uint64_t before = sfu_transport_counters(call.transport)->out_dropped;
    T_EQ(server_sends(&call, 1), 0);
    T_EQ(sfu_transport_send_rtcp(call.transport, (const uint8_t *)"\x80\xc9\0\1\0\0\0\1", 8), 0);
    T_EQ(sfu_transport_counters(call.transport)->out_dropped, before + 2);
    sfu_egress_reset(call.egress);
    T_CHECK(server_sends(&call, 1) > 0);
    close_call(&call);
}

T_TEST(credentials_are_checked)
{
    static struct call call;
    T_CALL(open_call(t_failed, &call, false));
    struct sfu_transport_config config = {.local = {"abc", "0123456789abcdefghijklmn"}};
    struct sfu_transport *transport;
    T_EQ(sfu_transport_create(&transport, &config, call.server_identity, call.egress, 0), BASE_ERR_INVALID);
    T_CHECK(transport == NULL);
    config.local = (struct sfu_ice_credentials){"abcd", "0123456789abcdefghijk"};
    T_EQ(sfu_transport_create(&transport, &config, call.server_identity, call.egress, 0), BASE_ERR_INVALID);
    close_call(&call);
}

T_MAIN(T_CASE(dtls_before_any_nomination_goes_where_the_checks_came_from), T_CASE(media_both_ways),
       T_CASE(media_follows_the_address), T_CASE(lost_and_found), T_CASE(a_peer_that_never_comes_is_lost),
       T_CASE(a_wrong_fingerprint_is_final), T_CASE(goodbyes), T_CASE(a_full_egress_drops_and_counts),
       T_CASE(credentials_are_checked))
