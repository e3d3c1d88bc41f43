/* SPDX-License-Identifier: Apache-2.0 */
/* An SDP of the client, as offer and as answer; what is accepted can be answered, and our answer is plain text. */
#include <stdlib.h>
#include <string.h>

#include "signaling/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t fingerprint[SFU_DTLS_FINGERPRINT_BYTES] = {1};
    struct sig_sdp_local local = {
        .session_id = 1, .ice = {"abcd", "abcdefghijklmnopqrstuv"}, .fingerprint = fingerprint};
    struct sig_sdp sdp;
    struct sig_sdp_error error;
    bool accepted[SIG_SDP_OFFER_MEDIA_MAX];
    char *answer;
    if (sig_sdp_parse(&sdp, SIG_SDP_OFFER, (const char *)data, size, &error) == 0) {
        for (size_t i = 0; i < sdp.media_count; i++)
            accepted[i] = !sdp.media[i].rejected && sdp.media[i].kind != SIG_SDP_OTHER && sdp.media[i].has_codec;
        if (sig_sdp_write_answer(&answer, &sdp, accepted, &local) != 0)
            abort();
        for (const char *at = answer; *at; at++) {
            if ((*at < 0x20 && *at != '\r' && *at != '\n') || *at == 0x7f)
                abort();
        }
        free(answer);
        sig_sdp_clear(&sdp);
    } else if (error.text[0] == '\0' || sdp.media) {
        abort();
    }
    if (sig_sdp_parse(&sdp, SIG_SDP_ANSWER, (const char *)data, size, &error) == 0)
        sig_sdp_clear(&sdp);
    return 0;
}
