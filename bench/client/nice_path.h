/* SPDX-License-Identifier: Apache-2.0 */
/**
 * nice_path.h - the way to the server of one peer connection by libnice's full NiceAgent instead of ice_control.h and
 * sockets.h: ICE by somebody else, so that our server is not judged by our own idea of ICE alone.
 *
 * The agent is controlling, gathers on the local address that leads to the server (loopback too), UDP only; libnice's
 * STUN checks, nomination and consent (RFC 7675) are its own. What arrives and is not STUN is handed up.
 * All agents of a loop share one *context* (a GMainContext), whose descriptors are watched by the loop. Threads: one
 * owner.
 */
#ifndef CONSILIUM_BENCH_CLIENT_NICE_PATH_H
#define CONSILIUM_BENCH_CLIENT_NICE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/sdp.h"
#include "sfu/io/loop.h"

struct bench_nice_context;
struct bench_nice;

/** Returns 0, BASE_ERR_NOMEM or BASE_ERR_IO (errno); on error *out is NULL. */
int bench_nice_context_create(struct bench_nice_context **out, struct sfu_loop *loop);
/** After all its agents. NULL is allowed. */
void bench_nice_context_destroy(struct bench_nice_context *context);
/** When _poll must be called at the latest. */
uint64_t bench_nice_context_deadline_us(const struct bench_nice_context *context);
/** Lets libnice do what is due; to be called after each wait of the loop. Agents must not be destroyed from their
 * callbacks. */
void bench_nice_context_poll(struct bench_nice_context *context, uint64_t now_us);

struct bench_nice_config {
    struct sfu_ice_credentials local; /**< as in our SDP */
    /** A pair is nominated and works (true), or ICE has failed. */
    void (*on_usable)(void *user, bool usable);
    /** May be changed in place. */
    void (*on_datagram)(void *user, uint8_t *data, size_t len);
    void *user;
};

/** Starts towards the UDP candidates and with the credentials of `server`. Returns 0, BASE_ERR_NOT_FOUND (there is no
 * UDP candidate), BASE_ERR_IO (no way to it, or no socket) or BASE_ERR_NOMEM; on error *out is NULL. */
int bench_nice_create(struct bench_nice **out, struct bench_nice_context *context,
                      const struct bench_nice_config *config, const struct bench_sdp *server);
/** NULL is allowed. */
void bench_nice_destroy(struct bench_nice *nice);
/** An ICE restart: new credentials on both sides, the same sockets. Returns 0 or BASE_ERR_STATE. */
int bench_nice_restart(struct bench_nice *nice, const struct sfu_ice_credentials *local,
                       const struct bench_sdp *server);
/** Other local ports, as after a change of network. Returns as _create; *nice stays as it is on error. */
int bench_nice_move(struct bench_nice **nice);
/** Dropped unless a pair works. */
void bench_nice_send(struct bench_nice *nice, const uint8_t *data, size_t len);

#endif
