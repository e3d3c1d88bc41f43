/* SPDX-License-Identifier: Apache-2.0 */
/**
 * rtx_cache.h - the newest packets of one up track, by extended sequence number, for retransmission to subscribers.
 *
 * A ring: the slot of a packet is ext_seq modulo the capacity, so a lookup is one comparison and a packet leaves when
 * its slot is taken by a newer one. The cache owns the packets put into it and gives them back to their pool. Threads:
 * one owner. Allocates in _create only.
 */
#ifndef CONSILIUM_SFU_MEDIA_RTX_CACHE_H
#define CONSILIUM_SFU_MEDIA_RTX_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "sfu/media/packet.h"

struct sfu_rtx_cache;

/** `capacity` packets, rounded up to a power of two; `pool` hands out struct sfu_packet and outlives the cache.
 *  Returns 0, BASE_ERR_INVALID or BASE_ERR_NOMEM; on error *out is NULL. */
int sfu_rtx_cache_create(struct sfu_rtx_cache **out, size_t capacity, struct base_pool *pool);
/** Gives all packets back. NULL is allowed. */
void sfu_rtx_cache_destroy(struct sfu_rtx_cache *cache);
/** Takes ownership of `packet` in every case. Returns 0, BASE_ERR_EXISTS (already there: the new copy is given back),
 * or BASE_ERR_REPLAY (a newer packet holds the slot: given back). */
int sfu_rtx_cache_put(struct sfu_rtx_cache *cache, struct sfu_packet *packet);
/** Gives back packets that arrived before `before_us`: some with each call, so call it with each packet. The pool is
 * shared, and what is older than any request for it helps nobody. */
void sfu_rtx_cache_expire(struct sfu_rtx_cache *cache, uint64_t before_us);
/** Gives all packets back. */
void sfu_rtx_cache_clear(struct sfu_rtx_cache *cache);
/** The packet, or NULL. Valid until the next _put, _expire or _clear. */
const struct sfu_packet *sfu_rtx_cache_get(const struct sfu_rtx_cache *cache, uint64_t ext_seq);

#endif
