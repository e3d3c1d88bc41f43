/* SPDX-License-Identifier: Apache-2.0 */
/**
 * loop.h - what one thread waits on: sockets (epoll, level-triggered), a deadline, and a wake-up from other threads.
 *
 * There is no timer object: the owner asks its parts for their deadlines and passes the earliest to _wait.
 * Threads: one owner; only _wake may be called from others.
 */
#ifndef CONSILIUM_SFU_IO_LOOP_H
#define CONSILIUM_SFU_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sfu_loop;

/** A file descriptor being watched; lies in its owner and is found again by base_container_of(). */
struct sfu_loop_source {
    int fd;
    /** `events`: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR. May remove any source, also its own. */
    void (*on_ready)(struct sfu_loop_source *source, uint32_t events);
};

/** Returns 0, BASE_ERR_NOMEM or BASE_ERR_IO (errno); on error *out is NULL. */
int sfu_loop_create(struct sfu_loop **out);
/** Does not close the sources' descriptors. NULL is allowed. */
void sfu_loop_destroy(struct sfu_loop *loop);

/** Watches source->fd for `events` (EPOLLIN and so on; 0: errors only). Returns 0 or BASE_ERR_IO. */
int sfu_loop_add(struct sfu_loop *loop, struct sfu_loop_source *source, uint32_t events);
/** Changes what an added source is watched for. Returns 0 or BASE_ERR_IO. */
int sfu_loop_modify(struct sfu_loop *loop, struct sfu_loop_source *source, uint32_t events);
/** Before its descriptor is closed. The source may be freed afterwards, even inside an on_ready. */
void sfu_loop_remove(struct sfu_loop *loop, struct sfu_loop_source *source);

/** Waits until something is ready, somebody called _wake, or base_clock_us() reaches `deadline_us` (0: does not wait;
 *  BASE_NEVER_US: no limit), then calls each ready source's on_ready once. Returns how many were called. */
size_t sfu_loop_wait(struct sfu_loop *loop, uint64_t deadline_us);
/** Ends the present or the next _wait. Any thread. */
void sfu_loop_wake(struct sfu_loop *loop);

#endif
