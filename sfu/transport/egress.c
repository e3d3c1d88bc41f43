/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/egress.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* A chunk of media makes one run or two; receivers' feedback and STUN answers are runs of one small packet each. */
#define RUNS_PER_CHUNK 32u
#define RUN_BYTES_MAX  65000u /* below the 65,535 bytes of one UDP_SEGMENT call, with all headers */
#define PACKET_MAX     2048u
#define NO_RUN         UINT32_MAX

struct sfu_egress {
    uint8_t *memory;
    size_t chunk_max, chunk_count;
    struct sfu_egress_run *runs;
    size_t run_max, run_count;
    uint64_t generation;            /* from 1: a zeroed destination has no chunk */
    struct sfu_egress_dest singles; /* of sfu_egress_send */
    struct sfu_egress_counters counters;
};

int sfu_egress_create(struct sfu_egress **out, size_t chunk_max)
{
    *out = NULL;
    if (chunk_max == 0 || chunk_max > SIZE_MAX / SFU_EGRESS_CHUNK_BYTES)
        return BASE_ERR_INVALID;
    struct sfu_egress *egress = calloc(1, sizeof *egress);
    if (egress == NULL)
        return BASE_ERR_NOMEM;
    egress->chunk_max = chunk_max;
    egress->run_max = chunk_max * RUNS_PER_CHUNK;
    egress->generation = 1;
    egress->memory = malloc(chunk_max * SFU_EGRESS_CHUNK_BYTES);
    egress->runs = calloc(egress->run_max, sizeof *egress->runs);
    if (egress->memory == NULL || egress->runs == NULL) {
        sfu_egress_destroy(egress);
        return BASE_ERR_NOMEM;
    }
    *out = egress;
    return 0;
}

void sfu_egress_destroy(struct sfu_egress *egress)
{
    if (egress == NULL)
        return;
    free(egress->memory);
    free(egress->runs);
    free(egress);
}

uint8_t *sfu_egress_reserve(struct sfu_egress *egress, struct sfu_egress_dest *dest, size_t max_bytes)
{
    assert(max_bytes > 0 && max_bytes <= PACKET_MAX);
    /* The run is asked for here, so that _commit cannot fail. */
    if (egress->run_count == egress->run_max) {
        egress->counters.dropped++;
        return NULL;
    }
    if (dest->generation == egress->generation && dest->used + max_bytes <= SFU_EGRESS_CHUNK_BYTES)
        return dest->chunk + dest->used;
    if (egress->chunk_count == egress->chunk_max) {
        egress->counters.dropped++;
        return NULL;
    }
    dest->generation = egress->generation;
    dest->chunk = egress->memory + egress->chunk_count++ * SFU_EGRESS_CHUNK_BYTES;
    dest->used = 0;
    dest->run_index = NO_RUN;
    return dest->chunk;
}

/* UDP_SEGMENT cuts a message every segment_bytes: only the last packet may be shorter, and it ends the run. */
static bool run_takes(const struct sfu_egress_run *run, size_t bytes)
{
    bool ended = run->bytes != (uint32_t)run->segment_count * run->segment_bytes;
    return !ended && bytes <= run->segment_bytes && run->segment_count < SFU_EGRESS_RUN_SEGMENTS_MAX &&
           run->bytes + bytes <= RUN_BYTES_MAX;
}

void sfu_egress_commit(struct sfu_egress *egress, struct sfu_egress_dest *dest, size_t bytes)
{
    assert(bytes > 0 && bytes <= PACKET_MAX && dest->generation == egress->generation);
    assert(dest->used + bytes <= SFU_EGRESS_CHUNK_BYTES);
    egress->counters.packets++;
    egress->counters.bytes += bytes;
    struct sfu_egress_run *run = NULL;
    if (dest->run_index != NO_RUN && dest->run_path_version == dest->path_version) {
        run = &egress->runs[dest->run_index];
        if (!run_takes(run, bytes))
            run = NULL;
    }
    if (run == NULL) {
        assert(egress->run_count < egress->run_max);
        dest->run_index = (uint32_t)egress->run_count++;
        dest->run_path_version = dest->path_version;
        run = &egress->runs[dest->run_index];
        run->path = dest->path;
        run->data = dest->chunk + dest->used;
        run->bytes = 0;
        run->segment_bytes = (uint16_t)bytes;
        run->segment_count = 0;
        egress->counters.runs++;
    }
    run->bytes += (uint32_t)bytes;
    run->segment_count++;
    dest->used += (uint32_t)bytes;
}

int sfu_egress_send(struct sfu_egress *egress, const struct sfu_path *path, const uint8_t *data, size_t bytes)
{
    struct sfu_egress_dest *dest = &egress->singles;
    if (!sfu_path_equal(&dest->path, path)) {
        dest->path = *path;
        dest->path_version++;
    }
    uint8_t *out = sfu_egress_reserve(egress, dest, bytes);
    if (out == NULL)
        return BASE_ERR_FULL;
    memcpy(out, data, bytes);
    sfu_egress_commit(egress, dest, bytes);
    return 0;
}

const struct sfu_egress_run *sfu_egress_runs(const struct sfu_egress *egress, size_t *count)
{
    *count = egress->run_count;
    return egress->runs;
}

void sfu_egress_reset(struct sfu_egress *egress)
{
    egress->generation++;
    egress->chunk_count = 0;
    egress->run_count = 0;
}

const struct sfu_egress_counters *sfu_egress_counters(const struct sfu_egress *egress)
{
    return &egress->counters;
}
