/* SPDX-License-Identifier: Apache-2.0 */
/* STUN as a stranger may send it: as it is, and with its seals made right, so that what lies behind them is reached. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/wire/stun.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt"; /* of RFC 5769: the seeds are its vectors */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile char sink; /* what is read into it is really read */

static uint32_t crc32_of(const uint8_t *p, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void exercise(const uint8_t *message, size_t len)
{
    struct sfu_stun_peek peek;
    struct sfu_stun_check check;
    struct sockaddr_storage mapped;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(4242)};
    uint8_t out[SFU_STUN_MESSAGE_MAX_BYTES];
    int code;
    int peeked = sfu_stun_peek(message, len, &peek);
    int checked = sfu_stun_check_request(message, len, password, &check);
    sfu_stun_check_response(message, len, password, &mapped, &code);
    if (peeked == 0) {
        for (size_t i = 0; i < peek.local_ufrag_len; i++)
            sink = peek.local_ufrag[i];
        for (size_t i = 0; i < peek.remote_ufrag_len; i++)
            sink = peek.remote_ufrag[i];
    }
    CHECK(peeked == 0 || checked == BASE_ERR_MALFORMED);
    size_t n = sfu_stun_write_response(out, message, len, password, (const struct sockaddr *)&from);
    CHECK((n > 0) == (peeked == 0 && peek.message_class == SFU_STUN_REQUEST));
    if (n > 0 && peek.method == 1)
        CHECK(sfu_stun_check_response(out, n, password, &mapped, &code) == 0);
    n = sfu_stun_write_error(out, message, len, password, checked == BASE_ERR_UNSUPPORTED ? 420 : 487);
    if (n > 0 && peek.method == 1)
        CHECK(sfu_stun_check_response(out, n, password, &mapped, &code) == BASE_ERR_NOT_ALLOWED);
}

/* Takes the input as type and attributes, and adds what makes it authentic. */
static void exercise_sealed(const uint8_t *data, size_t size)
{
    if (size < 20 || size > 1200)
        return;
    size_t len = size & ~(size_t)3;
    uint8_t *message = malloc(len + 32);
    unsigned mac_len = 20;
    memcpy(message, data, len);
    message[0] &= 0x3F;
    base_put_be32(message + 4, 0x2112A442u);
    base_put_be16(message + 2, (uint16_t)(len - 20 + 24));
    base_put_be16(message + len, 0x0008);
    base_put_be16(message + len + 2, 20);
    HMAC(EVP_sha1(), password, (int)strlen(password), message, len, message + len + 4, &mac_len);
    base_put_be16(message + 2, (uint16_t)(len - 20 + 32));
    base_put_be16(message + len + 24, 0x8028);
    base_put_be16(message + len + 26, 4);
    base_put_be32(message + len + 28, crc32_of(message, len + 24) ^ 0x5354554Eu);
    exercise(message, len + 32);
    free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    exercise(data, size);
    exercise_sealed(data, size);
    return 0;
}
