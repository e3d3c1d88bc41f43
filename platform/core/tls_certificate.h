/* SPDX-License-Identifier: Apache-2.0 */
/**
 * tls_certificate.h - a self-signed certificate for the first start, so that no configuration is needed to try.
 *
 * ECDSA P-256, 825 days, for localhost, 127.0.0.1, ::1, the machine's name and the names given. Kept in two files; made
 * afresh when it is about to expire. A hospital puts its own certificate in the configuration instead.
 */
#ifndef CONSILIUM_PLATFORM_CORE_TLS_CERTIFICATE_H
#define CONSILIUM_PLATFORM_CORE_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

/** Makes sure that certificate_path and key_path (0600) hold a usable pair; *made says whether it was made now.
 * `addresses` are numeric. Returns 0, BASE_ERR_IO (errno) or BASE_ERR_CRYPTO. */
int plat_tls_certificate_ensure(const char *certificate_path, const char *key_path, const char *const *addresses,
                                size_t address_count, bool *made);

/** Do certificate and key load and belong together? Returns 0, BASE_ERR_IO or BASE_ERR_CRYPTO. */
int plat_tls_certificate_check(const char *certificate_path, const char *key_path);

#endif
