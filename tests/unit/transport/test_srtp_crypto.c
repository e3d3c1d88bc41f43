/* SPDX-License-Identifier: Apache-2.0 */
/* The published vectors: RFC 3711 appendix B (B.2 keystream, B.3 key derivation), RFC 7714 sections 16.1 and 17.1. */
#include "base/err.h"
#include "sfu/transport/srtp_crypto.h"
#include "tests/support/test.h"

#include <stdlib.h>

static size_t unhex(uint8_t *out, const char *hex)
{
    size_t n = 0;
    for (const char *p = hex; *p != '\0';) {
        if (*p == ' ') {
            p++;
            continue;
        }
        char pair[3] = {p[0], p[1], '\0'};
        out[n++] = (uint8_t)strtoul(pair, NULL, 16);
        p += 2;
    }
    return n;
}

T_TEST(rfc3711_b2_keystream)
{
    uint8_t key[16], iv[16], expected[48];
    static uint8_t stream[(0xff01 + 1) * 16];
    unhex(key, "2B7E151628AED2A6ABF7158809CF4F3C");
    unhex(iv, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    T_EQ(sfu_srtp_keystream(key, iv, stream, sizeof stream), 0);
    unhex(expected, "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"
                    "41E95B3BB0A2E8DD477901E4FCA894C0");
    T_MEM_EQ(stream, expected, 48);
    unhex(expected, "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE"
                    "6A2CC3787889374FBEB4C81B17BA6C44");
    T_MEM_EQ(stream + 0xfeff * 16, expected, 48);
}

T_TEST(rfc3711_b3_key_derivation)
{
    uint8_t master_key[16], master_salt[14], expected[20];
    struct sfu_srtp_keys keys;
    unhex(master_key, "E1F97A0D3E018BE0D64FA32C06DE4139");
    unhex(master_salt, "0EC675AD498AFEEBB6960B3AABE6");
    T_EQ(sfu_srtp_derive(&keys, SFU_SRTP_AES128_CM_SHA1_80, master_key, master_salt, false), 0);
    unhex(expected, "C61E7A93744F39EE10734AFE3FF7A087");
    T_MEM_EQ(keys.cipher_key, expected, 16);
    unhex(expected, "30CBBC08863D8C85D49DB34A9AE1");
    T_MEM_EQ(keys.salt, expected, 14);
    unhex(expected, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
    T_MEM_EQ(keys.auth_key, expected, 20);
}

static struct sfu_srtp_keys rfc7714_keys(void)
{
    struct sfu_srtp_keys keys = {0};
    unhex(keys.cipher_key, "000102030405060708090a0b0c0d0e0f");
    unhex(keys.salt, "517569642070726f2071756f"); /* "Quid pro quo" */
    return keys;
}

T_TEST(rfc7714_16_1_gcm_rtp)
{
    struct sfu_srtp_keys keys = rfc7714_keys();
    struct sfu_srtp_cipher *cipher;
    uint8_t plain[64], packet[128], expected[128], back[128];
    const char *text = "Gallia est omnis divisa in partes tres";
    size_t header_bytes = unhex(plain, "8040f17b 8041f8d3 5501a0b2");
    size_t text_bytes = strlen(text);
    size_t expected_bytes = unhex(expected, "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5"
                                            "0d294e6f 42a5f47a 51c7d19b 36de3adf 8833 899d7f27 beb16a91 52cf765e"
                                            "e4390cce");
    memcpy(packet, plain, header_bytes);
    T_EQ(sfu_srtp_cipher_create(&cipher, SFU_SRTP_AEAD_AES_128_GCM, &keys), 0);
    T_EQ(sfu_srtp_seal_rtp(cipher, packet, header_bytes, 0x5501a0b2, 0xf17b, (const uint8_t *)text, text_bytes, 0),
         expected_bytes);
    T_MEM_EQ(packet, expected, expected_bytes);
    T_EQ(sfu_srtp_open_rtp(cipher, packet, expected_bytes, header_bytes, 0x5501a0b2, 0xf17b, back), 0);
    T_MEM_EQ(back + header_bytes, text, text_bytes);
    T_EQ(sfu_srtp_open_rtp(cipher, packet, expected_bytes, header_bytes, 0x5501a0b2, 0x1f17b, back), BASE_ERR_AUTH);
    sfu_srtp_cipher_destroy(cipher);
}

T_TEST(rfc7714_17_1_gcm_rtcp)
{
    struct sfu_srtp_keys keys = rfc7714_keys();
    struct sfu_srtp_cipher *cipher;
    uint8_t plain[128], packet[128], expected[128];
    size_t bytes = unhex(plain, "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef"
                                "deadbeef deadbeef deadbeef deadbeef");
    size_t expected_bytes = unhex(expected, "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d"
                                            "c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872"
                                            "45d9eade 800005d4");
    memcpy(packet, plain, bytes);
    T_EQ(sfu_srtp_cipher_create(&cipher, SFU_SRTP_AEAD_AES_128_GCM, &keys), 0);
    T_EQ(sfu_srtp_seal_rtcp(cipher, packet, bytes, 0x5d4), expected_bytes);
    T_MEM_EQ(packet, expected, expected_bytes);
    T_EQ(sfu_srtp_rtcp_index_offset(SFU_SRTP_AEAD_AES_128_GCM, expected_bytes), expected_bytes - 4);
    T_EQ(sfu_srtp_open_rtcp(cipher, packet, expected_bytes, 0x800005d4), 0);
    T_MEM_EQ(packet, plain, bytes);
    sfu_srtp_cipher_destroy(cipher);
}

T_TEST(padding_is_part_of_the_ciphertext)
{
    static const enum sfu_srtp_profile profiles[] = {SFU_SRTP_AES128_CM_SHA1_80, SFU_SRTP_AEAD_AES_128_GCM};
    for (int p = 0; p < 2; p++) {
        struct sfu_srtp_keys keys = rfc7714_keys();
        struct sfu_srtp_cipher *cipher;
        T_EQ(sfu_srtp_cipher_create(&cipher, profiles[p], &keys), 0);
        for (size_t payload = 0; payload < 40; payload++) {
            for (size_t pad = 0; pad <= 255; pad += payload % 5 + 1) {
                uint8_t apart[400] = {0xa0}, joined[400] = {0xa0}, text[300] = {0};
                for (size_t i = 0; i < payload; i++)
                    text[i] = (uint8_t)(i * 7 + pad);
                size_t n = sfu_srtp_seal_rtp(cipher, apart, 12, 1, 2, text, payload, pad);
                if (pad > 0)
                    text[payload + pad - 1] = (uint8_t)pad;
                T_EQ(n, 12 + payload + pad + sfu_srtp_tag_bytes(profiles[p]));
                T_EQ(sfu_srtp_seal_rtp(cipher, joined, 12, 1, 2, text, payload + pad, 0), n);
                T_MEM_EQ(apart, joined, n);
            }
        }
        sfu_srtp_cipher_destroy(cipher);
    }
}

T_TEST(an_unknown_profile_is_refused)
{
    struct sfu_srtp_keys keys = {0};
    struct sfu_srtp_cipher *cipher;
    T_EQ(sfu_srtp_cipher_create(&cipher, (enum sfu_srtp_profile)2, &keys), BASE_ERR_INVALID);
    T_CHECK(cipher == NULL);
}

T_MAIN(T_CASE(rfc3711_b2_keystream), T_CASE(rfc3711_b3_key_derivation), T_CASE(rfc7714_16_1_gcm_rtp),
       T_CASE(rfc7714_17_1_gcm_rtcp), T_CASE(padding_is_part_of_the_ciphertext), T_CASE(an_unknown_profile_is_refused))
