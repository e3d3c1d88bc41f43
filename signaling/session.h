/* SPDX-License-Identifier: Apache-2.0 */
/**
 * session.h - one socket of the visio protocol: its requests, its limits, its answers.
 *
 * States: FIRST (join or resume must come) -> JOINING (the engine decides) -> JOINED -> CLOSED. The functions are
 * listed in hub_state.h; sig_hub_socket_text() is the way in (hub.h).
 */
#ifndef CONSILIUM_SIGNALING_SESSION_H
#define CONSILIUM_SIGNALING_SESSION_H

#include "signaling/hub_state.h"

/** One request, parsed. */
struct sig_request {
    struct sig_connection *connection;
    uint64_t now_us;
    int64_t id; /**< SIG_NO_ID: none */
    const json_t *json;
};

/** The requests of a participant that is in the room (session_requests.c). Returns false if `type` is unknown. */
bool sig_session_request(const struct sig_request *request, const char *type);
/** Answers an error to `request`. */
void sig_session_fail(const struct sig_request *request, const char *code, const char *text);

#endif
