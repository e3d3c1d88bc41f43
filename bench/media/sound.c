/* SPDX-License-Identifier: Apache-2.0 */
/* Speech-like sound: syllables at about 4 a second, voiced ones as pulses through three formants, others as noise;
 * words, short pauses, longer ones. And the sound of a quiet room. */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "bench/media/clip_internal.h"

#define PI              3.14159265358979323846
#define HANGOVER_FRAMES 10u /* a pause up to 200 ms is part of speaking */

struct resonator {
    double a1, a2, gain, y1, y2;
};

static void tune(struct resonator *r, double hz, double width_hz)
{
    double radius = exp(-PI * width_hz / BENCH_SOUND_HZ);
    r->a1 = 2 * radius * cos(2 * PI * hz / BENCH_SOUND_HZ);
    r->a2 = -radius * radius;
    r->gain = 1 - radius;
}

static double resonate(struct resonator *r, double x)
{
    double y = r->gain * x + r->a1 * r->y1 + r->a2 * r->y2;
    r->y2 = r->y1;
    r->y1 = y;
    return y;
}

struct speaker {
    uint64_t random;
    struct resonator formants[3];
    double pitch_hz, phase;
    uint32_t left;    /* samples of the present syllable or pause */
    uint32_t length;  /* of it */
    uint32_t in_word; /* syllables to come */
    uint32_t in_turn; /* words until a longer pause */
    bool speaking, voiced;
};

static double uniform(struct speaker *s)
{
    return (double)(base_prng_next(&s->random) >> 40) / (double)(1u << 24);
}

static void next_piece(struct speaker *s)
{
    if (s->in_word == 0) { /* a pause between words */
        s->in_word = 1 + (uint32_t)(uniform(s) * 4);
        bool longer = s->in_turn-- == 0;
        if (longer)
            s->in_turn = 4 + (uint32_t)(uniform(s) * 5);
        s->speaking = false;
        s->length = s->left =
            (uint32_t)((longer ? 0.45 + 0.35 * uniform(s) : 0.04 + 0.08 * uniform(s)) * BENCH_SOUND_HZ);
        return;
    }
    /* vowels: first and second formant of a, e, i, o, u as of a man's voice */
    static const double vowels[5][2] = {{730, 1090}, {530, 1840}, {270, 2290}, {570, 840}, {300, 870}};
    const double *vowel = vowels[(unsigned)(uniform(s) * 5) % 5];
    s->in_word--;
    s->speaking = true;
    s->voiced = uniform(s) < 0.85;
    s->pitch_hz = 95 + 50 * uniform(s);
    s->length = s->left = (uint32_t)((0.17 + 0.12 * uniform(s)) * BENCH_SOUND_HZ);
    tune(&s->formants[0], s->voiced ? vowel[0] : 3500, s->voiced ? 80 : 1500);
    tune(&s->formants[1], s->voiced ? vowel[1] : 5200, s->voiced ? 110 : 1800);
    tune(&s->formants[2], s->voiced ? 2500 : 7000, 200);
}

static double next_sample(struct speaker *s)
{
    if (s->left == 0)
        next_piece(s);
    s->left--;
    double breath = uniform(s) - 0.5;
    if (!s->speaking)
        return breath * 0.0006;
    double at = 1 - (double)s->left / s->length;
    double envelope = sin(PI * at);
    s->phase += (s->pitch_hz + 12 * at) / BENCH_SOUND_HZ;
    double pulse = 0;
    if (s->phase >= 1) {
        s->phase -= 1;
        pulse = 40;
    }
    double source = (s->voiced ? pulse + 0.3 * breath : 2.5 * breath) * envelope, sum = 0;
    for (unsigned i = 0; i < 3; i++)
        sum += resonate(&s->formants[i], source) / (1 + i);
    return sum * 0.1; /* about -25 dBov, as a headset gives it */
}

int bench_sound_make(const struct bench_clip_config *config, uint32_t frames, int16_t *pcm, bool *voice)
{
    struct speaker *s = calloc(1, sizeof *s);
    if (s == NULL)
        return BASE_ERR_NOMEM;
    s->random = config->seed * 2 + 1;
    s->in_word = 2;
    uint32_t since_voice = UINT32_MAX;
    for (uint32_t frame = 0; frame < frames; frame++) {
        uint32_t spoken = 0;
        for (uint32_t i = 0; i < BENCH_SOUND_FRAME_SAMPLES; i++) {
            double value = config->kind == BENCH_CLIP_SILENCE ? (uniform(s) - 0.5) * 0.0005 : next_sample(s);
            spoken += config->kind == BENCH_CLIP_SPEECH && s->speaking;
            value = value > 0.99 ? 0.99 : value < -0.99 ? -0.99 : value;
            *pcm++ = (int16_t)lrint(value * 32767);
        }
        if (spoken > BENCH_SOUND_FRAME_SAMPLES / 4)
            since_voice = 0;
        else if (since_voice != UINT32_MAX)
            since_voice++;
        voice[frame] = since_voice <= HANGOVER_FRAMES;
    }
    free(s);
    return 0;
}
