/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/speaker_detector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "base/err.h"
#include "base/hash.h"

/* The numbers of the paper (sections 3 and 4), in the notation of its implementations: activity of one frame in N1
 * sub-bands, of N2 frames (medium), of N3 such blocks (long). */
#define FRAME_US         20000u
#define DECISION_US      300000u
#define IDLE_US          40000u
#define LEVEL_MAX        127u
#define N1               13u
#define N1_SUBBAND       10u /* (LEVEL_MAX + N1 - 1) / N1 levels */
#define N2               5u
#define N3               10u
#define FRAMES           (N2 * N3)
#define MEDIUM_THRESHOLD 7u
#define LONG_THRESHOLD   4u
#define FLOOR_FRAMES     750u /* 15 s */
#define C1               3.0
#define C2               2.0
#define C3               0.0
#define SCORE_MIN        1e-10

/* Ours: what makes it quick enough for short turns without following coughs.
 * Speech has closures of up to some 60 ms between loud frames; they count as speech. */
#define HOLD_FRAMES 3u
/* An incumbent this long without a loud frame has left the floor, and its past second no longer defends it: otherwise a
 * challenger had to out-talk that second. 240 ms + one decision interval stay below 600 ms. */
#define LEFT_FRAMES 12u
/* A challenger needs more than one fully active block of 100 ms: a cough of 100 ms fills only one, even when held. */
#define CHALLENGER_BLOCKS 2u
/* A first packet that is already speech must not pass for the noise floor. */
#define FLOOR_START_MAX 60u

enum scale { SCALE_IMMEDIATE, SCALE_MEDIUM, SCALE_LONG, SCALE_COUNT };

struct speaker {
    uint64_t id;
    uint64_t filled_us;      /* history is filled up to here */
    uint64_t dominant_stamp; /* when it last became dominant, in changes; 0: never */
    uint8_t levels[FRAMES];  /* 0 silent .. 127 loud; a ring */
    unsigned newest;
    uint8_t floor, next_floor; /* quietest level that is not silence; 0: unknown */
    unsigned next_floor_frames;
    double score[SCALE_COUNT];
    unsigned long_count;
    unsigned quiet_frames; /* since the last loud one */
};

struct sfu_speaker_detector {
    struct base_map speakers;
    struct speaker *dominant;
    uint64_t changes;
    uint64_t next_decision_us; /* BASE_NEVER_US without speakers */
    double immediate_score[N1 + 1];
    double medium_score[N2 + 1];
    double long_score[N3 + 1];
};

/* ---- scores ---- */

/* log of C(n, v) p^v (1-p)^(n-v) against an exponential of rate lambda (equations 5 to 9), p = 1/2; never below
 * SCORE_MIN, since scores are divided. */
static void fill_scores(double *scores, unsigned n, double lambda)
{
    double log_binomial = 0;
    for (unsigned v = 0; v <= n; v++) {
        double score = log_binomial + n * log(0.5) - log(lambda) + lambda * v;
        scores[v] = score > SCORE_MIN ? score : SCORE_MIN;
        log_binomial += log((double)(n - v)) - log(v + 1.0);
    }
}

static unsigned activity_of(const struct speaker *speaker, unsigned level)
{
    return level < speaker->floor + N1_SUBBAND ? 0 : level / N1_SUBBAND;
}

static void evaluate(const struct sfu_speaker_detector *detector, struct speaker *speaker)
{
    unsigned medium[N3] = {0}, immediate = 0, held = 0;
    bool spoke = false;
    speaker->quiet_frames = 0;
    speaker->long_count = 0;
    /* From the oldest frame to the newest. */
    for (unsigned age = FRAMES; age-- > 0;) {
        unsigned activity = activity_of(speaker, speaker->levels[(speaker->newest + FRAMES - age) % FRAMES]);
        if (activity > MEDIUM_THRESHOLD) {
            held = HOLD_FRAMES + 1;
            immediate = activity;
            spoke = true;
            speaker->quiet_frames = 0;
        } else {
            speaker->quiet_frames++;
        }
        if (held > 0) {
            held--;
            medium[age / N2]++;
        } else {
            immediate = activity;
        }
    }
    for (unsigned block = 0; block < N3; block++)
        speaker->long_count += medium[block] > LONG_THRESHOLD;
    if (!spoke)
        speaker->quiet_frames = FRAMES;
    speaker->score[SCALE_IMMEDIATE] = detector->immediate_score[immediate];
    speaker->score[SCALE_MEDIUM] = detector->medium_score[medium[0]];
    speaker->score[SCALE_LONG] = detector->long_score[speaker->long_count];
}

/* ---- history ---- */

/* The quietest level of the last 15 to 30 s (the paper leaves the noise floor open; this is the known way: down at
 * once, up by the geometric mean with what was the quietest meanwhile). */
static void update_floor(struct speaker *speaker, uint8_t level)
{
    if (level == 0)
        return;
    if (speaker->floor == 0 || level < speaker->floor) {
        speaker->floor = level > FLOOR_START_MAX ? FLOOR_START_MAX : level;
        speaker->next_floor = 0;
        return;
    }
    if (speaker->next_floor == 0 || level < speaker->next_floor) {
        if (speaker->next_floor == 0)
            speaker->next_floor_frames = 0;
        speaker->next_floor = level;
    }
    if (++speaker->next_floor_frames >= FLOOR_FRAMES) {
        speaker->floor = (uint8_t)sqrt((double)speaker->floor * speaker->next_floor);
        speaker->next_floor = 0;
    }
}

static void push(struct speaker *speaker, uint8_t level)
{
    speaker->newest = (speaker->newest + 1) % FRAMES;
    speaker->levels[speaker->newest] = level;
    update_floor(speaker, level);
}

/* No packet for IDLE_US is silence (DTX, or a dead network). The last frame's time stays open: it may be on its way. */
static void fill_silence(struct speaker *speaker, uint64_t now_us)
{
    if (now_us <= speaker->filled_us + IDLE_US)
        return;
    uint64_t frames = (now_us - speaker->filled_us) / FRAME_US - 1;
    speaker->filled_us += frames * FRAME_US;
    for (uint64_t i = 0; i < frames && i < FRAMES; i++)
        push(speaker, 0);
}

static void silence_all(struct speaker *speaker, uint64_t now_us)
{
    memset(speaker->levels, 0, sizeof speaker->levels);
    speaker->filled_us = now_us;
}

/* ---- public ---- */

int sfu_speaker_detector_create(struct sfu_speaker_detector **out)
{
    *out = NULL;
    struct sfu_speaker_detector *detector = calloc(1, sizeof *detector);
    if (detector == NULL)
        return BASE_ERR_NOMEM;
    if (base_map_init(&detector->speakers, 8, 0) != 0) {
        free(detector);
        return BASE_ERR_NOMEM;
    }
    detector->next_decision_us = BASE_NEVER_US;
    fill_scores(detector->immediate_score, N1, 0.78);
    fill_scores(detector->medium_score, N2, 24);
    fill_scores(detector->long_score, N3, 47);
    *out = detector;
    return 0;
}

void sfu_speaker_detector_destroy(struct sfu_speaker_detector *detector)
{
    if (detector == NULL)
        return;
    size_t cursor = 0;
    struct speaker *speaker;
    while ((speaker = base_map_next(&detector->speakers, &cursor, NULL)) != NULL)
        free(speaker);
    base_map_clear(&detector->speakers);
    free(detector);
}

int sfu_speaker_detector_add(struct sfu_speaker_detector *detector, uint64_t speaker_id, uint64_t now_us)
{
    assert(speaker_id != SFU_SPEAKER_NONE);
    if (base_map_get(&detector->speakers, speaker_id) != NULL)
        return BASE_ERR_EXISTS;
    struct speaker *speaker = calloc(1, sizeof *speaker);
    if (speaker == NULL)
        return BASE_ERR_NOMEM;
    if (base_map_put(&detector->speakers, speaker_id, speaker) != 0) {
        free(speaker);
        return BASE_ERR_NOMEM;
    }
    speaker->id = speaker_id;
    speaker->filled_us = now_us;
    if (detector->next_decision_us == BASE_NEVER_US)
        detector->next_decision_us = now_us + DECISION_US;
    return 0;
}

void sfu_speaker_detector_remove(struct sfu_speaker_detector *detector, uint64_t speaker_id)
{
    struct speaker *speaker = base_map_remove(&detector->speakers, speaker_id);
    if (speaker == NULL)
        return;
    if (detector->dominant == speaker)
        detector->dominant = NULL;
    free(speaker);
    if (detector->speakers.count == 0)
        detector->next_decision_us = BASE_NEVER_US;
}

void sfu_speaker_detector_on_level(struct sfu_speaker_detector *detector, uint64_t speaker_id, uint64_t now_us,
                                   uint8_t level)
{
    struct speaker *speaker = base_map_get(&detector->speakers, speaker_id);
    if (speaker == NULL)
        return;
    uint8_t loudness = (uint8_t)(level > LEVEL_MAX ? 0 : LEVEL_MAX - level);
    fill_silence(speaker, now_us);
    /* How many frames it stands for: two when its neighbour was lost, none when it comes in a burst. */
    uint64_t due_us = speaker->filled_us + FRAME_US;
    if (now_us + FRAME_US / 2 < due_us) {
        if (loudness > speaker->levels[speaker->newest])
            speaker->levels[speaker->newest] = loudness;
        return;
    }
    push(speaker, loudness);
    speaker->filled_us = due_us;
    if (now_us >= due_us + FRAME_US / 2) {
        push(speaker, loudness);
        speaker->filled_us += FRAME_US;
    }
}

void sfu_speaker_detector_on_mute(struct sfu_speaker_detector *detector, uint64_t speaker_id, uint64_t now_us)
{
    struct speaker *speaker = base_map_get(&detector->speakers, speaker_id);
    if (speaker != NULL)
        silence_all(speaker, now_us);
}

uint64_t sfu_speaker_detector_deadline_us(const struct sfu_speaker_detector *detector)
{
    return detector->next_decision_us;
}

/* The incumbent's scores to beat: none, or those of silence when there is none or it has left the floor. */
static void incumbent_scores(struct sfu_speaker_detector *detector, uint64_t now_us, double scores[SCALE_COUNT])
{
    for (unsigned scale = 0; scale < SCALE_COUNT; scale++)
        scores[scale] = SCORE_MIN;
    if (detector->dominant == NULL)
        return;
    fill_silence(detector->dominant, now_us);
    evaluate(detector, detector->dominant);
    if (detector->dominant->quiet_frames < LEFT_FRAMES)
        memcpy(scores, detector->dominant->score, sizeof detector->dominant->score);
}

static struct speaker *best_challenger(struct sfu_speaker_detector *detector, uint64_t now_us)
{
    double incumbent[SCALE_COUNT];
    incumbent_scores(detector, now_us, incumbent);
    struct speaker *best = NULL, *speaker;
    size_t cursor = 0;
    while ((speaker = base_map_next(&detector->speakers, &cursor, NULL)) != NULL) {
        if (speaker == detector->dominant)
            continue;
        fill_silence(speaker, now_us);
        evaluate(detector, speaker);
        if (speaker->long_count < CHALLENGER_BLOCKS ||
            log(speaker->score[SCALE_IMMEDIATE] / incumbent[SCALE_IMMEDIATE]) <= C1 ||
            log(speaker->score[SCALE_MEDIUM] / incumbent[SCALE_MEDIUM]) <= C2 ||
            log(speaker->score[SCALE_LONG] / incumbent[SCALE_LONG]) <= C3)
            continue;
        /* Several compete by the medium scale; the long one parts those who are equal there. */
        if (best == NULL || speaker->score[SCALE_MEDIUM] > best->score[SCALE_MEDIUM] ||
            (speaker->score[SCALE_MEDIUM] >= best->score[SCALE_MEDIUM] && speaker->long_count > best->long_count))
            best = speaker;
    }
    return best;
}

bool sfu_speaker_detector_poll(struct sfu_speaker_detector *detector, uint64_t now_us)
{
    if (now_us < detector->next_decision_us)
        return false;
    detector->next_decision_us = now_us + DECISION_US;
    struct speaker *best = best_challenger(detector, now_us);
    if (best == NULL)
        return false;
    detector->dominant = best;
    best->dominant_stamp = ++detector->changes;
    return true;
}

uint64_t sfu_speaker_detector_dominant(const struct sfu_speaker_detector *detector)
{
    return detector->dominant != NULL ? detector->dominant->id : SFU_SPEAKER_NONE;
}

size_t sfu_speaker_detector_recent(const struct sfu_speaker_detector *detector, uint64_t *out, size_t out_max)
{
    uint64_t below = UINT64_MAX; /* the stamp of the last one written */
    size_t count = 0;
    while (count < out_max) {
        const struct speaker *newest = NULL, *speaker;
        size_t cursor = 0;
        while ((speaker = base_map_next(&detector->speakers, &cursor, NULL)) != NULL)
            if (speaker->dominant_stamp != 0 && speaker->dominant_stamp < below &&
                (newest == NULL || speaker->dominant_stamp > newest->dominant_stamp))
                newest = speaker;
        if (newest == NULL)
            break;
        out[count++] = newest->id;
        below = newest->dominant_stamp;
    }
    return count;
}
