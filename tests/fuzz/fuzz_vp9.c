/* SPDX-License-Identifier: Apache-2.0 */
/* The VP9 payload descriptor: what was parsed stays inside the payload, and its running numbers can be rewritten
 * without touching anything else. */
#include <stdlib.h>
#include <string.h>

#include "sfu/wire/vp9.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sfu_vp9_descriptor d, again;
    uint8_t *copy = malloc(size > 0 ? size : 1); /* its own block: the sanitizer sees its end */
    CHECK(copy != NULL);
    memcpy(copy, data, size);
    if (sfu_vp9_parse(copy, size, &d) == 0) {
        CHECK(d.descriptor_bytes >= 1 && d.descriptor_bytes < size);
        CHECK(!d.key_frame || (d.start_of_picture && d.start_of_frame && d.sid == 0));
        CHECK(d.ids.id_at < d.descriptor_bytes && d.ids.tl0_at < d.descriptor_bytes);
        sfu_picture_ids_write(copy, &d.ids, d.ids.id, d.ids.tl0);
        CHECK(memcmp(copy, data, size) == 0);
        sfu_picture_ids_write(copy, &d.ids, (uint16_t)(d.ids.id + 1), (uint8_t)(d.ids.tl0 + 1));
        CHECK(sfu_vp9_parse(copy, size, &again) == 0);
        CHECK(d.ids.id_at == 0 || again.ids.id == ((d.ids.id + 1u) & (d.ids.id_bits == 15 ? 0x7FFFu : 0x7Fu)));
        CHECK(d.ids.tl0_at == 0 || again.ids.tl0 == (uint8_t)(d.ids.tl0 + 1));
        again.ids = d.ids;
        CHECK(memcmp(&again, &d, sizeof d) == 0);
    }
    free(copy);
    return 0;
}
