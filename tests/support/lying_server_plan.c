/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sfu/room/messages.h"
#include "tests/support/lying_server.h"

#define ACCOUNT_MAX 512

static const char *const names[] = {
    [LIE_DROP] = "drop",
    [LIE_DROP_ONCE] = "drop-once",
    [LIE_DROP_HIDDEN] = "drop-hidden",
    [LIE_FREEZE] = "freeze",
    [LIE_DELAY] = "delay",
    [LIE_REORDER] = "reorder",
    [LIE_DUPLICATE] = "duplicate",
    [LIE_COPY] = "copy",
    [LIE_CORRUPT] = "corrupt",
    [LIE_CORRUPT_HEADER] = "corrupt-header",
    [LIE_PICTURE_ID] = "picture-id",
    [LIE_MARKER] = "marker",
    [LIE_SWAP] = "swap",
    [LIE_CROSS] = "cross",
    [LIE_SHUFFLE] = "shuffle",
    [LIE_REPLAY] = "replay",
    [LIE_HANG_UP] = "hang-up",
    [LIE_TIME] = "time",
    [LIE_NOT_SUBSCRIBED] = "not-subscribed",
    [LIE_REFUSE] = "refuse",
    [LIE_SLOW_JOIN] = "slow-join",
    [LIE_NO_CHAT] = "no-chat",
    [LIE_MUTED] = "muted",
    [LIE_UNPUBLISHED] = "unpublished",
    [LIE_BLINK] = "blink",
    [LIE_NO_UNMUTE] = "no-unmute",
    [LIE_KICK] = "kick",
    [LIE_DIE] = "die",
    [LIE_FORWARDED] = "forwarded",
    [LIE_UNANSWERED] = "unanswered",
};

static const struct {
    const char *name;
    unsigned sources;
} source_sets[] = {
    {"all", ~0u},
    {"audio", 1u << SFU_SOURCE_MIC | 1u << SFU_SOURCE_SCREEN_AUDIO},
    {"video", 1u << SFU_SOURCE_CAMERA | 1u << SFU_SOURCE_SCREEN},
    {"mic", 1u << SFU_SOURCE_MIC},
    {"camera", 1u << SFU_SOURCE_CAMERA},
    {"screen", 1u << SFU_SOURCE_SCREEN},
};

static struct {
    struct lie lies[LIES_MAX];
    unsigned count;
    _Atomic uint64_t begin_us;
    const volatile char *gate; /* NULL: open */
    pthread_mutex_t lock;      /* of the account */
    unsigned entry_count;
    struct {
        enum lie_kind kind;
        struct lie_subject subject;
        uint64_t times;
    } account[ACCOUNT_MAX];
} plan = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- reading -------------------------------------------------------------------------------------------------- */

static void refuse(const char *text)
{
    fprintf(stderr, "CONSILIUM_LIE: cannot read \"%s\"\n", text);
    _exit(64);
}

static bool set_filter(struct lie *lie, const char *key, const char *value)
{
    double number = strtod(value, NULL);
    if (strcmp(key, "from") == 0) {
        lie->from = (uint64_t)number;
    } else if (strcmp(key, "to") == 0) {
        lie->to = (uint64_t)number;
    } else if (strcmp(key, "after") == 0) {
        lie->after_us = (uint64_t)(number * 1000);
    } else if (strcmp(key, "until") == 0) {
        lie->until_us = (uint64_t)(number * 1000);
    } else if (strcmp(key, "count") == 0) {
        atomic_store(&lie->left, (int64_t)number);
    } else if (strcmp(key, "seed") == 0) {
        lie->seed = (uint64_t)number;
    } else if (strcmp(key, "source") == 0) {
        for (size_t i = 0; i < sizeof source_sets / sizeof source_sets[0]; i++)
            if (strcmp(source_sets[i].name, value) == 0) {
                lie->sources = source_sets[i].sources;
                return true;
            }
        return false;
    } else {
        return false;
    }
    return true;
}

/* "drop=0.1;source=camera": the lie comes first. */
static void read_lie(struct lie *lie, char *text)
{
    char *rest = NULL, *pair = strtok_r(text, "; ", &rest);
    *lie = (struct lie){.kind = LIE_KINDS, .sources = ~0u, .until_us = LIE_ALWAYS, .seed = 1};
    atomic_store(&lie->left, INT64_MAX);
    for (; pair != NULL; pair = strtok_r(NULL, "; ", &rest)) {
        char *value = strchr(pair, '=');
        if (value == NULL)
            refuse(pair);
        *value++ = '\0';
        if (lie->kind != LIE_KINDS) {
            if (!set_filter(lie, pair, value))
                refuse(pair);
            continue;
        }
        for (int kind = 0; kind < LIE_KINDS; kind++)
            if (strcmp(names[kind], pair) == 0)
                lie->kind = (enum lie_kind)kind;
        if (lie->kind == LIE_KINDS)
            refuse(pair);
        lie->value = strtod(value, NULL);
        if (lie->kind == LIE_HANG_UP)
            atomic_store(&lie->left, 1);
    }
    if (lie->kind == LIE_KINDS)
        refuse("");
    if (lie->kind == LIE_FREEZE && lie->value > 0)
        lie->until_us = lie->after_us + (uint64_t)(lie->value * 1000);
}

static void open_gate(const char *path)
{
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *byte = fd >= 0 ? mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (path != NULL && byte == MAP_FAILED)
        refuse(path);
    if (fd >= 0)
        close(fd);
    plan.gate = path != NULL ? byte : NULL;
}

static void read_plan(void)
{
    const char *environment = getenv("CONSILIUM_LIE");
    static char text[1024];
    char *rest = NULL;
    if (environment == NULL || environment[0] == '\0')
        return;
    snprintf(text, sizeof text, "%s", environment);
    for (char *one = strtok_r(text, "|", &rest); one != NULL; one = strtok_r(NULL, "|", &rest)) {
        if (plan.count == LIES_MAX)
            refuse("too many lies");
        read_lie(&plan.lies[plan.count++], one);
    }
    open_gate(getenv("CONSILIUM_LIE_GATE"));
    atexit(lie_report);
}

struct lie *lies(unsigned *count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_plan);
    *count = plan.count;
    return plan.lies;
}

struct lie *lie_find(enum lie_kind kind)
{
    unsigned count;
    struct lie *all = lies(&count);
    for (unsigned i = 0; i < count; i++)
        if (all[i].kind == kind)
            return &all[i];
    return NULL;
}

/* ---- when and about whom -------------------------------------------------------------------------------------- */

void lie_begin(uint64_t now_us)
{
    uint64_t none = 0;
    (void)atomic_compare_exchange_strong(&plan.begin_us, &none, now_us);
}

uint64_t lie_since_begin_us(uint64_t now_us)
{
    uint64_t begin_us = atomic_load(&plan.begin_us);
    return begin_us == 0 || now_us < begin_us ? 0 : now_us - begin_us;
}

bool lie_applies(const struct lie *lie, const struct lie_subject *subject, uint64_t since_us)
{
    if ((plan.gate != NULL && *plan.gate == 0) || since_us < lie->after_us || since_us >= lie->until_us ||
        (lie->sources >> subject->source & 1u) == 0)
        return false;
    return (lie->from == 0 || lie->from == subject->from) && (lie->to == 0 || lie->to == subject->to);
}

/* ---- the account ---------------------------------------------------------------------------------------------- */

void lie_count(enum lie_kind kind, const struct lie_subject *subject)
{
    pthread_mutex_lock(&plan.lock);
    unsigned i = 0;
    while (i < plan.entry_count &&
           (plan.account[i].kind != kind || plan.account[i].subject.from != subject->from ||
            plan.account[i].subject.to != subject->to || plan.account[i].subject.source != subject->source))
        i++;
    if (i == plan.entry_count && i < ACCOUNT_MAX) {
        plan.account[i].kind = kind;
        plan.account[i].subject = *subject;
        plan.entry_count++;
    }
    if (i < ACCOUNT_MAX)
        plan.account[i].times++;
    pthread_mutex_unlock(&plan.lock);
}

bool lie_tell(struct lie *lie, const struct lie_subject *subject)
{
    if (atomic_fetch_sub(&lie->left, 1) <= 0) {
        atomic_store(&lie->left, 0);
        return false;
    }
    lie_count(lie->kind, subject);
    return true;
}

void lie_report(void)
{
    const char *path = getenv("CONSILIUM_LIE_REPORT");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file == NULL)
        return;
    pthread_mutex_lock(&plan.lock);
    for (unsigned i = 0; i < plan.entry_count; i++)
        fprintf(file, "%s p%" PRIu64 " p%" PRIu64 " %s %" PRIu64 "\n", names[plan.account[i].kind],
                plan.account[i].subject.from, plan.account[i].subject.to,
                sfu_source_name((enum sfu_source)plan.account[i].subject.source), plan.account[i].times);
    pthread_mutex_unlock(&plan.lock);
    fclose(file);
}
