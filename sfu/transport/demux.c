/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/transport/demux.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/random.h"

#define UFRAG_MAX 256u /* RFC 8839 section 5.4 */

/* Entries whose 64-bit hashes are equal hang on one another; with a secret SipHash key that does not happen in
 * practice, but two peers must never be taken for each other. */
struct path_entry {
    struct path_entry *next;
    struct sfu_path path;
    void *owner;
};

struct ufrag_entry {
    struct ufrag_entry *next;
    void *owner;
    size_t len;
    char ufrag[];
};

struct sfu_demux {
    uint64_t key[2];
    struct base_map paths;
    struct base_map ufrags;
};

enum sfu_datagram_class sfu_datagram_classify(const uint8_t *datagram, size_t len)
{
    if (len < 2)
        return SFU_DATAGRAM_UNKNOWN;
    uint8_t first = datagram[0];
    if (first <= 3)
        return SFU_DATAGRAM_STUN;
    if (first >= 20 && first <= 63)
        return SFU_DATAGRAM_DTLS;
    if (first >= 128 && first <= 191) /* RTCP packet types 192..223: payload types 64..95 with the marker bit */
        return datagram[1] >= 192 && datagram[1] <= 223 ? SFU_DATAGRAM_RTCP : SFU_DATAGRAM_RTP;
    return SFU_DATAGRAM_UNKNOWN;
}

int sfu_demux_create(struct sfu_demux **out)
{
    *out = NULL;
    struct sfu_demux *demux = calloc(1, sizeof *demux);
    if (demux == NULL)
        return BASE_ERR_NOMEM;
    base_random_bytes(demux->key, sizeof demux->key);
    if (base_map_init(&demux->paths, 64, demux->key[0]) != 0 || base_map_init(&demux->ufrags, 64, demux->key[1]) != 0) {
        sfu_demux_destroy(demux);
        return BASE_ERR_NOMEM;
    }
    *out = demux;
    return 0;
}

void sfu_demux_destroy(struct sfu_demux *demux)
{
    if (demux == NULL)
        return;
    size_t cursor = 0;
    for (struct path_entry *entry; (entry = base_map_next(&demux->paths, &cursor, NULL)) != NULL;) {
        for (struct path_entry *next; entry != NULL; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    cursor = 0;
    for (struct ufrag_entry *entry; (entry = base_map_next(&demux->ufrags, &cursor, NULL)) != NULL;) {
        for (struct ufrag_entry *next; entry != NULL; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    base_map_clear(&demux->paths);
    base_map_clear(&demux->ufrags);
    free(demux);
}

static struct path_entry *find_path(const struct sfu_demux *demux, const struct sfu_path *path, uint64_t hash)
{
    struct path_entry *entry = base_map_get(&demux->paths, hash);
    while (entry != NULL && !sfu_path_equal(&entry->path, path))
        entry = entry->next;
    return entry;
}

int sfu_demux_add_path(struct sfu_demux *demux, const struct sfu_path *path, void *owner, void **previous)
{
    uint64_t hash = sfu_path_hash(path, demux->key);
    struct path_entry *entry = find_path(demux, path, hash);
    if (previous != NULL)
        *previous = entry == NULL ? NULL : entry->owner;
    if (entry != NULL) {
        entry->owner = owner;
        return 0;
    }
    entry = malloc(sizeof *entry);
    if (entry == NULL)
        return BASE_ERR_NOMEM;
    *entry = (struct path_entry){base_map_get(&demux->paths, hash), *path, owner};
    if (base_map_put(&demux->paths, hash, entry) != 0) {
        free(entry);
        return BASE_ERR_NOMEM;
    }
    return 0;
}

void sfu_demux_remove_path(struct sfu_demux *demux, const struct sfu_path *path, const void *owner)
{
    uint64_t hash = sfu_path_hash(path, demux->key);
    struct path_entry *entry = find_path(demux, path, hash);
    if (entry == NULL || entry->owner != owner)
        return;
    struct path_entry *head = base_map_get(&demux->paths, hash);
    if (head != entry) {
        while (head->next != entry)
            head = head->next;
        head->next = entry->next;
    } else {
        base_map_remove(&demux->paths, hash);
        if (entry->next != NULL)
            (void)base_map_put(&demux->paths, hash, entry->next); /* takes the place just freed: cannot fail */
    }
    free(entry);
}

void *sfu_demux_by_path(const struct sfu_demux *demux, const struct sfu_path *path)
{
    const struct path_entry *entry = find_path(demux, path, sfu_path_hash(path, demux->key));
    return entry == NULL ? NULL : entry->owner;
}

static struct ufrag_entry *find_ufrag(const struct sfu_demux *demux, const char *ufrag, size_t len, uint64_t hash)
{
    struct ufrag_entry *entry = base_map_get(&demux->ufrags, hash);
    while (entry != NULL && (entry->len != len || memcmp(entry->ufrag, ufrag, len) != 0))
        entry = entry->next;
    return entry;
}

int sfu_demux_add_ufrag(struct sfu_demux *demux, const char *ufrag, void *owner)
{
    size_t len = strlen(ufrag);
    uint64_t hash = base_siphash(ufrag, len, demux->key);
    if (find_ufrag(demux, ufrag, len, hash) != NULL)
        return BASE_ERR_EXISTS;
    struct ufrag_entry *entry = malloc(sizeof *entry + len);
    if (entry == NULL)
        return BASE_ERR_NOMEM;
    entry->next = base_map_get(&demux->ufrags, hash);
    entry->owner = owner;
    entry->len = len;
    memcpy(entry->ufrag, ufrag, len);
    if (base_map_put(&demux->ufrags, hash, entry) != 0) {
        free(entry);
        return BASE_ERR_NOMEM;
    }
    return 0;
}

void sfu_demux_remove_ufrag(struct sfu_demux *demux, const char *ufrag)
{
    size_t len = strlen(ufrag);
    uint64_t hash = base_siphash(ufrag, len, demux->key);
    struct ufrag_entry *entry = find_ufrag(demux, ufrag, len, hash);
    if (entry == NULL)
        return;
    struct ufrag_entry *head = base_map_get(&demux->ufrags, hash);
    if (head != entry) {
        while (head->next != entry)
            head = head->next;
        head->next = entry->next;
    } else {
        base_map_remove(&demux->ufrags, hash);
        if (entry->next != NULL)
            (void)base_map_put(&demux->ufrags, hash, entry->next);
    }
    free(entry);
}

void *sfu_demux_by_ufrag(const struct sfu_demux *demux, const char *ufrag, size_t len)
{
    if (len == 0 || len > UFRAG_MAX)
        return NULL;
    const struct ufrag_entry *entry = find_ufrag(demux, ufrag, len, base_siphash(ufrag, len, demux->key));
    return entry == NULL ? NULL : entry->owner;
}
