/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/io/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define EVENTS_MAX 64

struct sfu_loop {
    int epoll_fd;
    int wake_fd;
    bool no_pwait2;       /* the kernel is older than 5.11: whole milliseconds only */
    atomic_bool wake_set; /* many wakes, one write */
    struct epoll_event ready[EVENTS_MAX];
    int ready_count; /* of the dispatch that is under way */
};

int sfu_loop_create(struct sfu_loop **out)
{
    *out = NULL;
    struct sfu_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return BASE_ERR_NOMEM;
    loop->wake_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd >= 0)
        loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (loop->wake_fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0) {
        int saved = errno;
        sfu_loop_destroy(loop);
        errno = saved;
        return BASE_ERR_IO;
    }
    *out = loop;
    return 0;
}

void sfu_loop_destroy(struct sfu_loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    free(loop);
}

int sfu_loop_add(struct sfu_loop *loop, struct sfu_loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0 ? 0 : BASE_ERR_IO;
}

int sfu_loop_modify(struct sfu_loop *loop, struct sfu_loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) == 0 ? 0 : BASE_ERR_IO;
}

void sfu_loop_remove(struct sfu_loop *loop, struct sfu_loop_source *source)
{
    struct epoll_event unused = {0};
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, &unused);
    for (int i = 0; i < loop->ready_count; i++) {
        if (loop->ready[i].data.ptr == source)
            loop->ready[i].events = 0;
    }
}

static int wait_for_events(struct sfu_loop *loop, uint64_t deadline_us)
{
    uint64_t wait_us = 0;
    if (deadline_us == BASE_NEVER_US) {
        wait_us = BASE_NEVER_US;
    } else if (deadline_us != 0) {
        uint64_t now_us = base_clock_us();
        wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
    }
    if (!loop->no_pwait2) {
        struct timespec limit = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000) * 1000};
        int n = epoll_pwait2(loop->epoll_fd, loop->ready, EVENTS_MAX, wait_us == BASE_NEVER_US ? NULL : &limit, NULL);
        if (n >= 0 || errno != ENOSYS)
            return n;
        loop->no_pwait2 = true;
    }
    uint64_t wait_ms = wait_us == BASE_NEVER_US ? 0 : (wait_us + 999) / 1000;
    if (wait_ms > INT_MAX)
        wait_ms = INT_MAX;
    return epoll_wait(loop->epoll_fd, loop->ready, EVENTS_MAX, wait_us == BASE_NEVER_US ? -1 : (int)wait_ms);
}

size_t sfu_loop_wait(struct sfu_loop *loop, uint64_t deadline_us)
{
    int n = wait_for_events(loop, deadline_us);
    loop->ready_count = n > 0 ? n : 0;
    size_t called = 0;
    for (int i = 0; i < loop->ready_count; i++) {
        if (loop->ready[i].events == 0)
            continue; /* removed by an earlier on_ready */
        struct sfu_loop_source *source = loop->ready[i].data.ptr;
        if (source == NULL) {
            uint64_t count;
            ssize_t got = read(loop->wake_fd, &count, sizeof count);
            (void)got;
            /* After the read and before the owner looks at its queues: a later _wake writes again. */
            atomic_exchange(&loop->wake_set, false);
            continue;
        }
        source->on_ready(source, loop->ready[i].events);
        called++;
    }
    loop->ready_count = 0;
    return called;
}

void sfu_loop_wake(struct sfu_loop *loop)
{
    if (atomic_exchange(&loop->wake_set, true))
        return;
    const uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; /* fails only when the counter is full: then it is readable anyway */
}
