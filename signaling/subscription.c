/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/subscription.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "signaling/message.h"

void sig_subscription_init(struct sig_subscription *subscription)
{
    memset(subscription, 0, sizeof *subscription);
    base_random_bytes(&subscription->next_ssrc, sizeof subscription->next_ssrc);
    base_random_bytes(&subscription->transport.session_id, sizeof subscription->transport.session_id);
    subscription->transport.session_id = (subscription->transport.session_id >> 2) | 1;
}

void sig_subscription_clear(struct sig_subscription *subscription)
{
    free(subscription->slots);
    free(subscription->offer_sdp);
    free(subscription->kept_answer);
    memset(subscription, 0, sizeof *subscription);
}

/* Counting up makes them unique in the peer connection until 2^32 were used. */
static uint32_t fresh_ssrc(struct sig_subscription *subscription)
{
    if (++subscription->next_ssrc == 0)
        subscription->next_ssrc = 1;
    return subscription->next_ssrc;
}

static struct sig_slot *free_slot(struct sig_subscription *subscription, enum sfu_kind kind,
                                  enum sfu_video_codec video_codec)
{
    for (size_t i = 0; i < subscription->slot_count; i++) {
        struct sig_slot *slot = &subscription->slots[i];
        if (slot->kind == kind && slot->video_codec == video_codec && !slot->dead && !slot->wanted && !slot->offered &&
            !slot->answered)
            return slot;
    }
    return NULL;
}

static int new_slot(struct sig_subscription *subscription, enum sfu_kind kind, enum sfu_video_codec video_codec,
                    struct sig_slot **out)
{
    if (subscription->slot_count == SFU_SUBSCRIPTIONS_MAX)
        return BASE_ERR_FULL;
    if (subscription->slot_count == subscription->slot_capacity) {
        size_t capacity = subscription->slot_capacity ? subscription->slot_capacity * 2 : 8;
        struct sig_slot *slots = realloc(subscription->slots, capacity * sizeof *slots);
        if (!slots)
            return BASE_ERR_NOMEM;
        subscription->slots = slots;
        subscription->slot_capacity = capacity;
    }
    *out = &subscription->slots[subscription->slot_count++];
    memset(*out, 0, sizeof **out);
    (*out)->kind = kind;
    (*out)->video_codec = video_codec;
    return BASE_OK;
}

int sig_subscription_add(struct sig_subscription *subscription, enum sfu_source source,
                         enum sfu_video_codec video_codec, uint64_t participant_id, uint64_t track_id)
{
    enum sfu_kind kind = sig_source_kind(source);
    struct sig_slot *slot = free_slot(subscription, kind, video_codec);
    if (!slot) {
        int err = new_slot(subscription, kind, video_codec, &slot);
        if (err) {
            subscription->refused++;
            return err;
        }
    }
    slot->wanted = track_id;
    slot->participant_id = participant_id;
    slot->source = source;
    slot->view = (struct sfu_view){0};
    slot->ssrc = fresh_ssrc(subscription);
    slot->rtx_ssrc = kind == SFU_VIDEO ? fresh_ssrc(subscription) : 0;
    return BASE_OK;
}

void sig_subscription_remove(struct sig_subscription *subscription, uint64_t track_id)
{
    for (size_t i = 0; i < subscription->slot_count; i++) {
        if (subscription->slots[i].wanted == track_id)
            subscription->slots[i].wanted = 0;
    }
}

int sig_subscription_view(struct sig_subscription *subscription, uint64_t track_id, const struct sfu_view *view)
{
    for (size_t i = 0; track_id && i < subscription->slot_count; i++) {
        struct sig_slot *slot = &subscription->slots[i];
        if (slot->wanted != track_id)
            continue;
        if (slot->kind == SFU_AUDIO)
            return BASE_ERR_NOT_ALLOWED;
        if (view)
            slot->view = *view;
        return BASE_OK;
    }
    return BASE_ERR_NOT_FOUND;
}

void sig_subscription_restart(struct sig_subscription *subscription)
{
    subscription->restart = true;
}

bool sig_subscription_due(const struct sig_subscription *subscription)
{
    if (subscription->outstanding || subscription->slot_count == 0)
        return false;
    if (subscription->restart)
        return true;
    for (size_t i = 0; i < subscription->slot_count; i++) {
        const struct sig_slot *slot = &subscription->slots[i];
        if (!slot->dead && slot->wanted != slot->offered)
            return true;
    }
    return false;
}

static int write_offer(struct sig_subscription *subscription, const struct sig_sfu_port *port, uint64_t room_id,
                       const struct sfu_ice_credentials *ice, char **text)
{
    struct sfu_candidate candidates[SIG_CANDIDATES_MAX];
    struct sig_sdp_down_media *media = calloc(subscription->slot_count, sizeof *media);
    if (!media)
        return BASE_ERR_NOMEM;
    for (size_t i = 0; i < subscription->slot_count; i++) {
        const struct sig_slot *slot = &subscription->slots[i];
        media[i] = (struct sig_sdp_down_media){.kind = slot->kind,
                                               .video_codec = slot->video_codec,
                                               .dead = slot->dead,
                                               .active = slot->wanted != 0,
                                               .ssrc = slot->ssrc,
                                               .rtx_ssrc = slot->rtx_ssrc,
                                               .participant_id = slot->participant_id,
                                               .track_id = slot->wanted};
    }
    struct sig_sdp_local local = {
        .session_id = subscription->transport.session_id,
        .session_version = subscription->rev + 1,
        .ice = *ice,
        .fingerprint = port->fingerprint(port->user),
        .candidates = candidates,
        .candidate_count = port->candidates(port->user, room_id, candidates, SIG_CANDIDATES_MAX),
    };
    int err = sig_sdp_write_offer(text, media, subscription->slot_count, &local);
    free(media);
    return err;
}

static json_t *offer_message(const struct sig_subscription *subscription)
{
    json_t *tracks = json_array();
    for (size_t i = 0; i < subscription->slot_count; i++) {
        const struct sig_slot *slot = &subscription->slots[i];
        char mid[24];
        if (!slot->offered || slot->dead)
            continue;
        snprintf(mid, sizeof mid, "%zu", i);
        json_array_append_new(
            tracks, json_pack("{s:s, s:o, s:o, s:s}", "mid", mid, "participant", sig_id_json('p', slot->participant_id),
                              "track", sig_id_json('t', slot->offered), "source", sig_source_name(slot->source)));
    }
    return json_pack("{s:s, s:I, s:s, s:o}", "type", "subscribe", "rev", (json_int_t)subscription->rev, "sdp",
                     subscription->offer_sdp, "tracks", tracks);
}

int sig_subscription_offer(struct sig_subscription *subscription, const struct sig_sfu_port *port, uint64_t room_id,
                           json_t **message)
{
    struct sfu_ice_credentials ice = subscription->transport.local;
    char *text = NULL;
    *message = NULL;
    int err = BASE_OK;
    if (subscription->restart || !ice.ufrag[0])
        err = port->ice_credentials(port->user, room_id, &ice);
    if (!err)
        err = write_offer(subscription, port, room_id, &ice, &text);
    if (err)
        return err;
    for (size_t i = 0; i < subscription->slot_count; i++)
        subscription->slots[i].offered = subscription->slots[i].dead ? 0 : subscription->slots[i].wanted;
    free(subscription->offer_sdp);
    subscription->offer_sdp = text;
    subscription->offer_ice = ice;
    subscription->offered_count = subscription->slot_count;
    subscription->rev++;
    subscription->restart = false;
    subscription->outstanding = true;
    *message = offer_message(subscription);
    return *message ? BASE_OK : BASE_ERR_NOMEM;
}

json_t *sig_subscription_repeat(const struct sig_subscription *subscription)
{
    return subscription->outstanding ? offer_message(subscription) : NULL;
}

static int fail(struct sig_failure *failure, int err, const char *code, const char *message)
{
    failure->code = code;
    snprintf(failure->message, sizeof failure->message, "%s", message);
    return err;
}

/* Does this m-section of the answer fit what was offered? *declined: it is refused for good. */
static const char *check_media(const struct sig_slot *slot, size_t index, const struct sig_sdp_media *media,
                               bool *declined)
{
    char mid[24];
    snprintf(mid, sizeof mid, "%zu", index);
    *declined = media->rejected || media->kind == SIG_SDP_OTHER;
    if (media->mid[0] ? strcmp(media->mid, mid) != 0 : !*declined)
        return "another mid than in the offer";
    if (*declined)
        return NULL;
    if (media->kind != (slot->kind == SFU_AUDIO ? SIG_SDP_AUDIO : SIG_SDP_VIDEO))
        return "another kind of media than in the offer";
    if (!media->has_codec || media->payload_type != sfu_send_payload_type(slot->kind, slot->video_codec)) {
        *declined = true;
        return NULL;
    }
    if (slot->offered && !slot->dead && media->direction != SIG_SDP_RECVONLY && media->direction != SIG_SDP_INACTIVE)
        return "neither recvonly nor inactive";
    return NULL;
}

static int check_answer(const struct sig_subscription *subscription, const struct sig_sdp *answer,
                        struct sig_failure *failure)
{
    bool declined;
    if (answer->media_count != subscription->offered_count)
        return fail(failure, BASE_ERR_MALFORMED, "sdp_invalid", "another number of m-sections than in the offer");
    for (size_t i = 0; i < subscription->offered_count; i++) {
        const char *wrong = check_media(&subscription->slots[i], i, &answer->media[i], &declined);
        if (!wrong)
            continue;
        fail(failure, BASE_ERR_MALFORMED, "sdp_invalid", "");
        snprintf(failure->message, sizeof failure->message, "m-section %zu: %s", i, wrong);
        return BASE_ERR_MALFORMED;
    }
    return BASE_OK;
}

/* The complete list of tracks that the answer covers and that are still wanted. */
static int post_tracks(const struct sig_subscription *subscription, const struct sig_sdp *answer,
                       const struct sig_sfu_port *port, uint64_t room_id, uint64_t participant_id)
{
    struct sfu_down_track_config *down = calloc(subscription->offered_count, sizeof *down);
    if (!down)
        return BASE_ERR_NOMEM;
    uint32_t count = 0;
    for (size_t i = 0; i < subscription->offered_count; i++) {
        const struct sig_slot *slot = &subscription->slots[i];
        bool declined;
        (void)check_media(slot, i, &answer->media[i], &declined);
        if (declined || !slot->offered || slot->wanted != slot->offered ||
            answer->media[i].direction == SIG_SDP_INACTIVE)
            continue;
        down[count].track_id = slot->offered;
        down[count].ssrc = slot->ssrc;
        down[count].rtx_ssrc = slot->rtx_ssrc;
        down[count].view = slot->view;
        snprintf(down[count].mid, sizeof down[count].mid, "%u", (unsigned)i & 0xffffu);
        count++;
    }
    struct sfu_command command = {.kind = SFU_COMMAND_SUBSCRIBE,
                                  .room_id = room_id,
                                  .participant_id = participant_id,
                                  .down_count = count,
                                  .down = down};
    int err = port->post(port->user, &command);
    free(down);
    return err;
}

static int apply_answer(struct sig_subscription *subscription, const struct sig_sdp *answer,
                        const struct sig_sfu_port *port, uint64_t room_id, uint64_t participant_id)
{
    struct sig_transport transport = subscription->transport;
    transport.local = subscription->offer_ice;
    int err = BASE_OK;
    if (sig_transport_changed(&transport, answer) ||
        strcmp(transport.local.ufrag, subscription->transport.local.ufrag) != 0)
        err = sig_transport_apply(&transport, answer, port, room_id, participant_id, SFU_SUBSCRIBE);
    if (err)
        return err;
    subscription->transport = transport;
    err = post_tracks(subscription, answer, port, room_id, participant_id);
    if (err)
        return err;
    for (size_t i = 0; i < subscription->offered_count; i++) {
        struct sig_slot *slot = &subscription->slots[i];
        bool declined;
        (void)check_media(slot, i, &answer->media[i], &declined);
        slot->answered = declined ? 0 : slot->offered;
        if (declined) {
            slot->dead = true;
            slot->offered = 0;
        }
    }
    subscription->outstanding = false;
    free(subscription->offer_sdp);
    subscription->offer_sdp = NULL;
    return BASE_OK;
}

int sig_subscription_answer(struct sig_subscription *subscription, const struct sig_sfu_port *port, uint64_t room_id,
                            uint64_t participant_id, uint64_t rev, const char *sdp, struct sig_failure *failure)
{
    struct sig_sdp answer;
    struct sig_sdp_error error;
    if (!subscription->outstanding || rev != subscription->rev)
        return BASE_OK;
    if (sig_sdp_parse(&answer, SIG_SDP_ANSWER, sdp, strlen(sdp), &error))
        return fail(failure, BASE_ERR_MALFORMED, "sdp_invalid", error.text);
    int err = check_answer(subscription, &answer, failure);
    if (!err) {
        err = apply_answer(subscription, &answer, port, room_id, participant_id);
        if (err)
            fail(failure, err, err == BASE_ERR_FULL ? "busy" : "internal", base_err_name(err));
    }
    sig_sdp_clear(&answer);
    char *kept = err == BASE_ERR_FULL ? strdup(sdp) : NULL;
    if (err != BASE_ERR_MALFORMED) { /* a broken second answer does not undo the first */
        free(subscription->kept_answer);
        subscription->kept_answer = kept;
    }
    return err == BASE_ERR_FULL && !kept ? BASE_ERR_NOMEM : err;
}

int sig_subscription_retry(struct sig_subscription *subscription, const struct sig_sfu_port *port, uint64_t room_id,
                           uint64_t participant_id, struct sig_failure *failure)
{
    char *sdp = subscription->kept_answer;
    subscription->kept_answer = NULL;
    int err = sig_subscription_answer(subscription, port, room_id, participant_id, subscription->rev, sdp, failure);
    free(sdp);
    return err;
}
