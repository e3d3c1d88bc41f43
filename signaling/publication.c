/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/publication.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "signaling/message.h"

/* One entry of `tracks`, checked. */
struct wish {
    const struct sig_sdp_media *media;
    size_t media_index;
    enum sfu_source source;
    bool muted;
    uint64_t track_id; /* of before; 0: new */
};

struct offer {
    struct sig_sdp sdp;
    size_t wish_count;
    struct wish wishes[SFU_TRACKS_MAX];
};

__attribute__((format(printf, 4, 5))) static int fail(struct sig_failure *failure, int err, const char *code,
                                                      const char *fmt, ...)
{
    va_list args;
    failure->code = code;
    va_start(args, fmt);
    vsnprintf(failure->message, sizeof failure->message, fmt, args);
    va_end(args);
    return err;
}

const struct sig_publication_track *sig_publication_find(const struct sig_publication *publication, uint64_t track_id)
{
    for (size_t i = 0; i < publication->track_count; i++) {
        if (publication->tracks[i].track_id == track_id)
            return &publication->tracks[i];
    }
    return NULL;
}

static uint32_t right_for(enum sfu_source source)
{
    switch (source) {
    case SFU_SOURCE_MIC:
        return SFU_RIGHT_PUBLISH_AUDIO;
    case SFU_SOURCE_CAMERA:
        return SFU_RIGHT_PUBLISH_VIDEO;
    default:
        return SFU_RIGHT_PUBLISH_SCREEN;
    }
}

/* Is this the track of before? */
static bool goes_on(const struct sig_publication_track *known, const struct wish *wish)
{
    const struct sig_sdp_media *media = wish->media;
    return strcmp(known->mid, media->mid) == 0 && known->source == wish->source &&
           known->video_codec == media->video_codec && known->layer_count == media->layer_count &&
           memcmp(known->rids, media->rids, sizeof known->rids) == 0;
}

/* Checks one entry against the offer and the rights. */
static int check_wish(const struct sig_publication *publication, const struct sig_publisher *publisher,
                      struct offer *offer, const json_t *entry, struct sig_failure *failure)
{
    struct wish *wish = &offer->wishes[offer->wish_count];
    const char *mid = sig_message_string(entry, "mid");
    if (!mid || sig_source_parse(sig_message_string(entry, "source"), &wish->source) ||
        sig_message_bool(entry, "muted", &wish->muted))
        return fail(failure, BASE_ERR_MALFORMED, "bad_request", "tracks: each needs mid, source and muted");
    if (!(publisher->rights & right_for(wish->source)))
        return fail(failure, BASE_ERR_NOT_ALLOWED, "not_allowed", "no right to publish %s",
                    sig_source_name(wish->source));
    wish->media = sig_sdp_find_mid(&offer->sdp, mid);
    if (!wish->media)
        return fail(failure, BASE_ERR_MALFORMED, "sdp_invalid", "no m-section has a mid that is in tracks");
    wish->media_index = (size_t)(wish->media - offer->sdp.media);
    for (size_t i = 0; i < offer->wish_count; i++) {
        if (offer->wishes[i].media == wish->media)
            return fail(failure, BASE_ERR_MALFORMED, "bad_request", "tracks: mid twice");
    }
    bool audio = sig_source_kind(wish->source) == SFU_AUDIO;
    const char *wrong = NULL;
    if (wish->media->kind != (audio ? SIG_SDP_AUDIO : SIG_SDP_VIDEO))
        wrong = "another kind of media than its source";
    else if (wish->media->rejected)
        wrong = "port 0";
    else if (wish->media->direction != SIG_SDP_SENDONLY && wish->media->direction != SIG_SDP_SENDRECV)
        wrong = "neither sendonly nor sendrecv";
    else if (!wish->media->has_codec)
        wrong = audio ? "no Opus" : "neither VP8 nor VP9";
    if (wrong)
        return fail(failure, BASE_ERR_MALFORMED, "sdp_invalid", "m-section %zu: %s", wish->media_index, wrong);
    for (size_t i = 0; i < publication->track_count; i++) {
        const struct sig_publication_track *known = &publication->tracks[i];
        if (goes_on(known, wish))
            wish->track_id = known->track_id;
    }
    offer->wish_count++;
    return BASE_OK;
}

static int check_wishes(const struct sig_publication *publication, const struct sig_publisher *publisher,
                        struct offer *offer, const json_t *tracks, struct sig_failure *failure)
{
    size_t of_kind[2] = {0, 0}, i;
    const json_t *entry;
    if (!json_is_array(tracks))
        return fail(failure, BASE_ERR_MALFORMED, "bad_request", "tracks: an array is needed");
    json_array_foreach(tracks, i, entry)
    {
        if (offer->wish_count == SFU_TRACKS_MAX)
            return fail(failure, BASE_ERR_MALFORMED, "too_many_tracks", "at most %d tracks", SFU_TRACKS_MAX);
        int err = check_wish(publication, publisher, offer, entry, failure);
        if (err)
            return err;
        enum sfu_kind kind = sig_source_kind(offer->wishes[offer->wish_count - 1].source);
        if (++of_kind[kind] > SIG_TRACKS_OF_A_KIND_MAX)
            return fail(failure, BASE_ERR_MALFORMED, "too_many_tracks", "at most %d tracks of a kind",
                        SIG_TRACKS_OF_A_KIND_MAX);
    }
    return BASE_OK;
}

bool sig_transport_changed(const struct sig_transport *transport, const struct sig_sdp *sdp)
{
    return !transport->exists || strcmp(transport->remote_ufrag, sdp->ufrag) != 0 ||
           strcmp(transport->remote_pwd, sdp->pwd) != 0 ||
           memcmp(transport->remote_fingerprint, sdp->fingerprint, sizeof sdp->fingerprint) != 0;
}

int sig_transport_apply(struct sig_transport *transport, const struct sig_sdp *sdp, const struct sig_sfu_port *port,
                        uint64_t room_id, uint64_t participant_id, enum sfu_peer_connection peer_connection)
{
    struct sfu_command command = {.kind = SFU_COMMAND_TRANSPORT,
                                  .room_id = room_id,
                                  .participant_id = participant_id,
                                  .peer_connection = peer_connection};
    command.transport.local = transport->local;
    strcpy(command.transport.remote_ufrag, sdp->ufrag);
    memcpy(command.transport.peer_fingerprint, sdp->fingerprint, sizeof sdp->fingerprint);
    int err = port->post(port->user, &command);
    if (err)
        return err;
    transport->exists = true;
    strcpy(transport->remote_ufrag, sdp->ufrag);
    strcpy(transport->remote_pwd, sdp->pwd);
    memcpy(transport->remote_fingerprint, sdp->fingerprint, sizeof sdp->fingerprint);
    return BASE_OK;
}

static int write_answer(const struct sig_transport *transport, const struct sig_publisher *publisher,
                        const struct offer *offer, char **text)
{
    struct sfu_candidate candidates[SIG_CANDIDATES_MAX];
    bool accepted[SIG_SDP_OFFER_MEDIA_MAX] = {false};
    const struct sig_sfu_port *port = publisher->port;
    for (size_t i = 0; i < offer->wish_count; i++)
        accepted[offer->wishes[i].media_index] = true;
    struct sig_sdp_local local = {
        .session_id = transport->session_id,
        .session_version = transport->session_version,
        .ice = transport->local,
        .fingerprint = port->fingerprint(port->user),
        .candidates = candidates,
        .candidate_count = port->candidates(port->user, publisher->room_id, candidates, SIG_CANDIDATES_MAX),
    };
    return sig_sdp_write_answer(text, &offer->sdp, accepted, &local);
}

/* The complete list of tracks, and MUTE for those that go on with another state than the engine may know. */
static int post_tracks(const struct sig_publisher *publisher, const struct offer *offer, const uint64_t *track_ids)
{
    struct sfu_up_track_config up[SFU_TRACKS_MAX] = {0};
    for (size_t i = 0; i < offer->wish_count; i++) {
        const struct wish *wish = &offer->wishes[i];
        up[i] = (struct sfu_up_track_config){
            .track_id = track_ids[i],
            .kind = sig_source_kind(wish->source),
            .source = wish->source,
            .video_codec = wish->media->video_codec,
            .payload_type = wish->media->payload_type,
            .rtx_payload_type = wish->media->rtx_payload_type,
            .ssrc = wish->media->ssrc,
            .rtx_ssrc = wish->media->rtx_ssrc,
            .extensions = wish->media->extensions,
            .muted = wish->muted,
        };
        strcpy(up[i].mid, wish->media->mid);
        up[i].layer_count = wish->media->layer_count;
        memcpy(up[i].rids, wish->media->rids, sizeof up[i].rids);
    }
    struct sfu_command command = {.kind = SFU_COMMAND_PUBLISH,
                                  .room_id = publisher->room_id,
                                  .participant_id = publisher->participant_id,
                                  .up_count = (uint32_t)offer->wish_count,
                                  .up = up};
    int err = publisher->port->post(publisher->port->user, &command);
    for (size_t i = 0; !err && i < offer->wish_count; i++) {
        if (!offer->wishes[i].track_id)
            continue;
        struct sfu_command mute = {.kind = SFU_COMMAND_MUTE,
                                   .room_id = publisher->room_id,
                                   .participant_id = publisher->participant_id,
                                   .track_id = track_ids[i],
                                   .muted = offer->wishes[i].muted,
                                   .origin = SFU_MUTED_BY_SELF};
        (void)publisher->port->post(publisher->port->user, &mute); /* full: the client's next mute repairs it */
    }
    return err;
}

static json_t *answer_json(const struct sig_publication *publication, const char *sdp)
{
    json_t *tracks = json_array();
    for (size_t i = 0; i < publication->track_count; i++) {
        json_array_append_new(tracks, json_pack("{s:s, s:o}", "mid", publication->tracks[i].mid, "track",
                                                sig_id_json('t', publication->tracks[i].track_id)));
    }
    return json_pack("{s:s, s:o}", "sdp", sdp, "tracks", tracks);
}

/* Transport first, then tracks; what was told to the engine is remembered at once. */
static int carry_out(struct sig_publication *publication, const struct sig_publisher *publisher, struct offer *offer,
                     json_t **answer, struct sig_failure *failure)
{
    struct sig_transport transport = publication->transport;
    bool changed = sig_transport_changed(&transport, &offer->sdp);
    int err = changed ? publisher->port->ice_credentials(publisher->port->user, publisher->room_id, &transport.local)
                      : BASE_OK;
    if (err)
        return fail(failure, err, "internal", "no credentials: %s", base_err_name(err));
    if (!transport.session_id) {
        base_random_bytes(&transport.session_id, sizeof transport.session_id);
        transport.session_id = (transport.session_id >> 2) | 1;
    }
    transport.session_version++;
    char *text;
    err = write_answer(&transport, publisher, offer, &text);
    if (err)
        return fail(failure, err, "internal", "no answer: %s", base_err_name(err));
    uint64_t track_ids[SFU_TRACKS_MAX];
    uint64_t next_track_id = *publisher->next_track_id;
    for (size_t i = 0; i < offer->wish_count; i++)
        track_ids[i] = offer->wishes[i].track_id ? offer->wishes[i].track_id : next_track_id++;
    if (changed) {
        err = sig_transport_apply(&transport, &offer->sdp, publisher->port, publisher->room_id,
                                  publisher->participant_id, SFU_PUBLISH);
        if (!err)
            publication->transport = transport;
    }
    if (!err)
        err = post_tracks(publisher, offer, track_ids);
    if (err) {
        free(text);
        return fail(failure, err, err == BASE_ERR_FULL ? "busy" : "internal", "engine: %s", base_err_name(err));
    }
    *publisher->next_track_id = next_track_id;
    publication->transport = transport;
    publication->track_count = offer->wish_count;
    for (size_t i = 0; i < offer->wish_count; i++) {
        const struct sig_sdp_media *media = offer->wishes[i].media;
        struct sig_publication_track *track = &publication->tracks[i];
        *track = (struct sig_publication_track){.track_id = track_ids[i],
                                                .source = offer->wishes[i].source,
                                                .video_codec = media->video_codec,
                                                .layer_count = media->layer_count};
        memcpy(track->rids, media->rids, sizeof track->rids);
        strcpy(track->mid, media->mid);
    }
    *answer = answer_json(publication, text);
    free(text);
    return *answer ? BASE_OK : fail(failure, BASE_ERR_NOMEM, "internal", "no memory");
}

int sig_publication_offer(struct sig_publication *publication, const struct sig_publisher *publisher, const char *sdp,
                          const json_t *tracks, json_t **answer, struct sig_failure *failure)
{
    struct offer offer = {.wish_count = 0};
    struct sig_sdp_error error;
    *answer = NULL;
    if (!sdp)
        return fail(failure, BASE_ERR_MALFORMED, "bad_request", "sdp: a string is needed");
    if (sig_sdp_parse(&offer.sdp, SIG_SDP_OFFER, sdp, strlen(sdp), &error))
        return fail(failure, BASE_ERR_MALFORMED, "sdp_invalid", "%s", error.text);
    int err = check_wishes(publication, publisher, &offer, tracks, failure);
    if (!err)
        err = carry_out(publication, publisher, &offer, answer, failure);
    sig_sdp_clear(&offer.sdp);
    return err;
}
