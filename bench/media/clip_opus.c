/* SPDX-License-Identifier: Apache-2.0 */
/* Opus as browsers send it: 48 kHz mono, VOIP, 20 ms, variable bit rate, in-band FEC, DTX if wanted. */
#include <math.h>
#include <opus.h>
#include <stdlib.h>

#include "base/err.h"
#include "bench/media/clip_internal.h"

#define OPUS_FRAME_MAX_BYTES 1000
#define OPUS_DTX_BYTES       2 /* opus_encode(): "if the return value is 2 bytes or less", nothing needs to be sent */

/* RFC 6464 section 3: -dBov of the frame's root mean square. */
static uint8_t level_of(const int16_t *pcm)
{
    double sum = 0;
    for (unsigned i = 0; i < BENCH_SOUND_FRAME_SAMPLES; i++)
        sum += (double)pcm[i] * pcm[i];
    double rms = sqrt(sum / BENCH_SOUND_FRAME_SAMPLES) / 32768;
    double level = rms > 0 ? -20 * log10(rms) : 127;
    return (uint8_t)(level > 127 ? 127 : level < 0 ? 0 : lrint(level));
}

static int encode(struct bench_clip *clip, struct bench_clip_writer *writer, OpusEncoder *encoder, const int16_t *pcm,
                  const bool *voice)
{
    for (uint32_t i = 0; i < clip->frame_count; i++, pcm += BENCH_SOUND_FRAME_SAMPLES) {
        uint8_t data[OPUS_FRAME_MAX_BYTES];
        opus_int32 len = opus_encode(encoder, pcm, BENCH_SOUND_FRAME_SAMPLES, data, sizeof data);
        if (len < 0)
            return BASE_ERR_STATE;
        struct bench_clip_frame *frame = &clip->frames[i];
        frame->level = level_of(pcm);
        frame->voice = voice[i];
        if (clip->config.dtx && len <= OPUS_DTX_BYTES)
            continue;
        frame->bytes = (uint32_t)len;
        int err = bench_clip_append(writer, data, (size_t)len);
        if (err != 0)
            return err;
    }
    return 0;
}

/* Opus takes a noise for silence only beside speech that it has heard: two seconds of it, and one of the room's. */
static int warm_up(const struct bench_clip *clip, OpusEncoder *encoder, int16_t *pcm, bool *voice)
{
    struct bench_clip_config config = clip->config;
    static const struct {
        enum bench_clip_kind kind;
        uint32_t frames;
    } before[] = {{BENCH_CLIP_SPEECH, 100}, {BENCH_CLIP_SILENCE, 50}};
    for (unsigned k = 0; k < 2; k++) {
        config.kind = before[k].kind;
        int err = bench_sound_make(&config, before[k].frames, pcm, voice);
        if (err != 0)
            return err;
        for (uint32_t i = 0; i < before[k].frames; i++) {
            uint8_t data[OPUS_FRAME_MAX_BYTES];
            if (opus_encode(encoder, pcm + i * BENCH_SOUND_FRAME_SAMPLES, BENCH_SOUND_FRAME_SAMPLES, data,
                            sizeof data) < 0)
                return BASE_ERR_STATE;
        }
    }
    return 0;
}

int bench_clip_encode_opus(struct bench_clip *clip, struct bench_clip_writer *writer)
{
    int opus_err = 0, err = BASE_ERR_NOMEM;
    int16_t *pcm = malloc((size_t)clip->frame_count * BENCH_SOUND_FRAME_SAMPLES * sizeof *pcm);
    bool *voice = malloc(clip->frame_count * sizeof *voice);
    OpusEncoder *encoder = opus_encoder_create(BENCH_SOUND_HZ, 1, OPUS_APPLICATION_VOIP, &opus_err);
    if (pcm == NULL || voice == NULL || encoder == NULL)
        goto out;
    err = BASE_ERR_STATE;
    if (opus_encoder_ctl(encoder, OPUS_SET_BITRATE((opus_int32)clip->config.bitrate_bps)) != OPUS_OK ||
        opus_encoder_ctl(encoder, OPUS_SET_DTX(clip->config.dtx ? 1 : 0)) != OPUS_OK ||
        opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) != OPUS_OK ||
        opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1)) != OPUS_OK)
        goto out;
    /* a clip is two seconds or longer: room enough for the warming up */
    err = clip->config.kind == BENCH_CLIP_SILENCE ? warm_up(clip, encoder, pcm, voice) : 0;
    if (err == 0)
        err = bench_sound_make(&clip->config, clip->frame_count, pcm, voice);
    if (err == 0)
        err = encode(clip, writer, encoder, pcm, voice);
out:
    if (encoder != NULL)
        opus_encoder_destroy(encoder);
    free(pcm);
    free(voice);
    return err;
}
