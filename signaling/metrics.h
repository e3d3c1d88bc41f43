/* SPDX-License-Identifier: Apache-2.0 */
/**
 * metrics.h - the counters of a server as Prometheus text (exposition format 0.0.4).
 */
#ifndef CONSILIUM_SIGNALING_METRICS_H
#define CONSILIUM_SIGNALING_METRICS_H

#include "signaling/hub.h"
#include "signaling/process.h"

struct sig_metrics {
    uint64_t uptime_us;
    struct sig_process process;
    struct sig_hub_stats hub;
    size_t tickets;
    uint64_t http_connections, http_requests, http_refused;
    size_t worker_count;
    const struct sfu_worker_stats *workers;
};

/** The caller frees *out. Returns 0 or BASE_ERR_NOMEM. */
int sig_metrics_write(char **out, size_t *len, const struct sig_metrics *metrics);

#endif
