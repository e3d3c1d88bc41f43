/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/metrics.h"

#include <inttypes.h>

#include "signaling/text.h"

enum kind { GAUGE, COUNTER };

static void head(struct sig_text *t, const char *name, enum kind kind, const char *help)
{
    sig_text_addf(t, "# HELP consilium_%s %s\n# TYPE consilium_%s %s\n", name, help, name,
                  kind == GAUGE ? "gauge" : "counter");
}

static void single(struct sig_text *t, const char *name, enum kind kind, uint64_t value, const char *help)
{
    head(t, name, kind, help);
    sig_text_addf(t, "consilium_%s %" PRIu64 "\n", name, value);
}

struct worker_metric {
    const char *name, *help;
    enum kind kind;
    size_t offset; /* of a uint64_t in struct sfu_worker_stats */
};

#define ENGINE(member) offsetof(struct sfu_worker_stats, engine.member)
#define WORKER(member) offsetof(struct sfu_worker_stats, member)

static const struct worker_metric worker_metrics[] = {
    {"rooms", "Rooms of the worker.", GAUGE, ENGINE(rooms)},
    {"media_participants", "Participants the worker knows.", GAUGE, ENGINE(participants)},
    {"up_tracks", "Published tracks.", GAUGE, ENGINE(up_tracks)},
    {"down_tracks", "Tracks sent to somebody.", GAUGE, ENGINE(down_tracks)},
    {"transports_connected", "Transports with DTLS up and consent.", GAUGE, ENGINE(transports_connected)},
    {"datagrams_in_total", "Datagrams received.", COUNTER, ENGINE(datagrams_in)},
    {"bytes_in_total", "Bytes received.", COUNTER, ENGINE(bytes_in)},
    {"rtp_in_total", "RTP packets accepted.", COUNTER, ENGINE(rtp_in)},
    {"rtcp_in_total", "RTCP packets accepted.", COUNTER, ENGINE(rtcp_in)},
    {"stun_in_total", "STUN messages received.", COUNTER, ENGINE(stun_in)},
    {"stun_early_total", "STUN checks that came before the answer which explains them.", COUNTER, ENGINE(stun_early)},
    {"dtls_in_total", "DTLS datagrams received.", COUNTER, ENGINE(dtls_in)},
    {"dropped_unknown_path_total", "Datagrams of strangers.", COUNTER, ENGINE(dropped_unknown_path)},
    {"dropped_malformed_total", "Datagrams that follow no specification.", COUNTER, ENGINE(dropped_malformed)},
    {"dropped_stun_stranger_total", "STUN for a ufrag that is not ours.", COUNTER, ENGINE(dropped_stun_stranger)},
    {"dropped_stun_auth_total", "STUN with a wrong integrity.", COUNTER, ENGINE(dropped_stun_auth)},
    {"dropped_srtp_auth_total", "SRTP with a wrong tag.", COUNTER, ENGINE(dropped_srtp_auth)},
    {"dropped_srtp_replay_total", "SRTP seen before.", COUNTER, ENGINE(dropped_srtp_replay)},
    {"dropped_unknown_ssrc_total", "RTP of no known track.", COUNTER, ENGINE(dropped_unknown_ssrc)},
    {"dropped_muted_total", "RTP of muted tracks.", COUNTER, ENGINE(dropped_muted)},
    {"dropped_rate_limited_total", "RTP of publishers beyond their limit.", COUNTER, ENGINE(dropped_rate_limited)},
    {"dropped_no_memory_total", "Packets dropped because the pool was empty.", COUNTER, ENGINE(dropped_no_memory)},
    {"dtls_failed_total", "DTLS handshakes that failed.", COUNTER, ENGINE(dtls_failed)},
    {"rtp_forwarded_total", "RTP packets delivered.", COUNTER, ENGINE(rtp_forwarded)},
    {"rtp_forwarded_bytes_total", "Bytes of them.", COUNTER, ENGINE(rtp_forwarded_bytes)},
    {"rtx_sent_total", "Retransmissions sent.", COUNTER, ENGINE(rtx_sent)},
    {"rtx_not_found_total", "Retransmissions asked for that were no longer kept.", COUNTER, ENGINE(rtx_not_found)},
    {"egress_dropped_total", "Packets for which there was no send memory.", COUNTER, ENGINE(egress_dropped)},
    {"nack_received_total", "Packets that receivers asked for again.", COUNTER, ENGINE(nack_received)},
    {"nack_sent_total", "Packets that we asked for again.", COUNTER, ENGINE(nack_sent)},
    {"pli_received_total", "Key frames that receivers asked for.", COUNTER, ENGINE(pli_received)},
    {"pli_sent_total", "Key frames that we asked for.", COUNTER, ENGINE(pli_sent)},
    {"layer_changes_total", "Subscribers who went over to another simulcast layer.", COUNTER, ENGINE(layer_changes)},
    {"twcc_sent_total", "Transport-wide feedback messages sent.", COUNTER, ENGINE(twcc_sent)},
    {"padding_bytes_total", "Padding that makes packets equal.", COUNTER, ENGINE(padding_bytes_out)},
    {"commands_total", "Commands carried out.", COUNTER, ENGINE(commands)},
    {"commands_ignored_total", "Commands about what was gone.", COUNTER, ENGINE(commands_ignored)},
    {"worker_iterations_total", "Loop iterations.", COUNTER, WORKER(iterations)},
    {"sends_total", "Send calls.", COUNTER, WORKER(sends)},
    {"send_failures_total", "Messages that the kernel refused.", COUNTER, WORKER(send_failures)},
    {"gso_messages_total", "Messages of more than one segment.", COUNTER, WORKER(gso_messages)},
    {"gso_segments_total", "Segments in them.", COUNTER, WORKER(gso_segments)},
    {"receives_total", "Receive calls.", COUNTER, WORKER(receives)},
    {"tcp_connections", "ICE-TCP connections.", GAUGE, WORKER(tcp_connections)},
    {"tcp_accepted_total", "ICE-TCP connections accepted.", COUNTER, WORKER(tcp_accepted)},
    {"tcp_refused_total", "ICE-TCP connections refused.", COUNTER, WORKER(tcp_refused)},
    {"tcp_bytes_queued", "Bytes that slow ICE-TCP peers have not taken.", GAUGE, WORKER(tcp_bytes_queued)},
    {"worker_cpu_microseconds_total", "CPU time of the worker thread.", COUNTER, WORKER(cpu_us)},
    {"worker_loop_delay_max_microseconds", "Longest time between two iterations.", GAUGE, WORKER(loop_delay_max_us)},
};

static void write_workers(struct sig_text *t, const struct sig_metrics *m)
{
    for (size_t i = 0; i < sizeof worker_metrics / sizeof worker_metrics[0]; i++) {
        const struct worker_metric *metric = &worker_metrics[i];
        head(t, metric->name, metric->kind, metric->help);
        for (size_t w = 0; w < m->worker_count; w++) {
            const char *at = (const char *)&m->workers[w] + metric->offset;
            sig_text_addf(t, "consilium_%s{worker=\"%zu\"} %" PRIu64 "\n", metric->name, w,
                          *(const uint64_t *)(const void *)at);
        }
    }
}

/* The names that every Prometheus client library uses. */
static void write_process(struct sig_text *t, const struct sig_process *process)
{
    sig_text_addf(t,
                  "# HELP process_cpu_seconds_total User and system CPU time of the process.\n"
                  "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %" PRIu64 ".%06" PRIu64 "\n",
                  process->cpu_us / 1000000u, process->cpu_us % 1000000u);
    sig_text_addf(t,
                  "# HELP process_resident_memory_bytes Resident memory of the process.\n"
                  "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %" PRIu64 "\n",
                  process->resident_bytes);
    sig_text_addf(t,
                  "# HELP process_open_fds Open file descriptors.\n"
                  "# TYPE process_open_fds gauge\nprocess_open_fds %" PRIu64 "\n",
                  process->open_fds);
    sig_text_addf(t,
                  "# HELP process_max_fds File descriptors that may be open.\n"
                  "# TYPE process_max_fds gauge\nprocess_max_fds %" PRIu64 "\n",
                  process->max_fds);
}

int sig_metrics_write(char **out, size_t *len, const struct sig_metrics *m)
{
    struct sig_text t;
    const struct sig_hub_stats *hub = &m->hub;
    sig_text_init(&t, 1u << 20);
    head(&t, "build_info", GAUGE, "The version of the server.");
    sig_text_add(&t, "consilium_build_info{version=\"" CONSILIUM_VERSION "\"} 1\n");
    single(&t, "uptime_seconds", GAUGE, m->uptime_us / 1000000u, "Time since the start.");
    write_process(&t, &m->process);
    single(&t, "tickets", GAUGE, m->tickets, "Tickets not used yet.");
    single(&t, "sockets", GAUGE, hub->sockets, "Visio sockets that are open.");
    single(&t, "open_rooms", GAUGE, hub->rooms, "Rooms that are open.");
    single(&t, "participants", GAUGE, hub->participants, "Participants in rooms.");
    single(&t, "participants_detached", GAUGE, hub->detached, "Participants without a socket, waiting for a resume.");
    single(&t, "sockets_opened_total", COUNTER, hub->sockets_opened, "Visio sockets opened.");
    single(&t, "messages_in_total", COUNTER, hub->messages_in, "Visio messages received.");
    single(&t, "messages_out_total", COUNTER, hub->messages_out, "Visio messages sent.");
    single(&t, "message_bytes_out_total", COUNTER, hub->bytes_out, "Bytes of visio messages sent.");
    single(&t, "message_errors_total", COUNTER, hub->errors, "Visio errors answered.");
    single(&t, "refused_total", COUNTER, hub->refused, "Joins and resumes refused.");
    single(&t, "joins_total", COUNTER, hub->joins, "Joins that succeeded.");
    single(&t, "resumes_total", COUNTER, hub->resumes, "Resumes that succeeded.");
    single(&t, "resumes_unknown_total", COUNTER, hub->resumes_unknown, "Resumes with an unknown token.");
    single(&t, "publishes_total", COUNTER, hub->publishes, "Publish offers answered.");
    single(&t, "subscribe_offers_total", COUNTER, hub->subscribe_offers, "Subscribe offers sent.");
    single(&t, "subscribe_answers_total", COUNTER, hub->subscribe_answers, "Subscribe answers taken.");
    single(&t, "negotiations_failed_total", COUNTER, hub->negotiations_failed, "Offers that got no usable answer.");
    single(&t, "rate_limited_total", COUNTER, hub->rate_limited, "Messages beyond the rate limit.");
    single(&t, "resume_timeouts_total", COUNTER, hub->timeouts, "Participants that did not come back.");
    single(&t, "chat_messages_total", COUNTER, hub->chats, "Chat messages passed on.");
    single(&t, "http_connections", GAUGE, m->http_connections, "TCP connections of HTTP and WebSocket.");
    single(&t, "http_requests_total", COUNTER, m->http_requests, "HTTP requests answered.");
    single(&t, "http_refused_total", COUNTER, m->http_refused, "Connections refused because of a limit.");
    write_workers(&t, m);
    return sig_text_take(&t, out, len);
}
