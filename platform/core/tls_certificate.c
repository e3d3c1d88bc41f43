/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/tls_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

enum { DAYS = 825, RENEW_DAYS = 7, NAMES_MAX = 2048 };

int plat_tls_certificate_check(const char *certificate_path, const char *key_path)
{
    if (access(certificate_path, R_OK) != 0 || access(key_path, R_OK) != 0)
        return BASE_ERR_IO;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int err = context && SSL_CTX_use_certificate_chain_file(context, certificate_path) == 1 &&
                      SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) == 1 &&
                      SSL_CTX_check_private_key(context) == 1
                  ? BASE_OK
                  : BASE_ERR_CRYPTO;
    SSL_CTX_free(context);
    return err;
}

static bool expires_soon(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    time_t then = time(NULL) + RENEW_DAYS * 86400;
    bool soon = !certificate || X509_cmp_time(X509_get0_notAfter(certificate), &then) < 0;
    X509_free(certificate);
    if (file)
        fclose(file);
    return soon;
}

static int add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int ok = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

/* A host name goes into OpenSSL's little configuration language: only harmless characters. */
static bool plain_name(const char *name)
{
    return name[0] && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == strlen(name);
}

static void subject_names(char out[NAMES_MAX], const char *const *addresses, size_t count)
{
    char host[HOST_NAME_MAX + 1] = "";
    size_t used = (size_t)snprintf(out, NAMES_MAX, "DNS:localhost,IP:127.0.0.1,IP:::1");
    if (gethostname(host, sizeof host - 1) == 0 && plain_name(host))
        used += (size_t)snprintf(out + used, NAMES_MAX - used, ",DNS:%s", host);
    for (size_t i = 0; i < count && used + 64 < NAMES_MAX; i++)
        used += (size_t)snprintf(out + used, NAMES_MAX - used, ",IP:%.45s", addresses[i]);
}

static X509 *make_certificate(EVP_PKEY *key, const char *const *addresses, size_t count)
{
    char names[NAMES_MAX];
    unsigned char serial[8];
    X509 *certificate = X509_new();
    BIGNUM *number = NULL;
    subject_names(names, addresses, count);
    int ok = certificate && RAND_bytes(serial, sizeof serial) == 1;
    if (ok) {
        serial[0] &= 0x7f;
        number = BN_bin2bn(serial, sizeof serial, NULL);
        X509_NAME *name = X509_get_subject_name(certificate);
        ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) &&
             X509_set_version(certificate, X509_VERSION_3) &&
             X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
             X509_gmtime_adj(X509_getm_notAfter(certificate), (long)DAYS * 86400 - 3600) &&
             X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"Consilium (self-signed)", -1,
                                        -1, 0) &&
             X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, key) &&
             add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
             add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
             add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
             add_extension(certificate, NID_subject_alt_name, names) && X509_sign(certificate, key, EVP_sha256());
    }
    BN_free(number);
    if (ok)
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* Writes to a new file beside `path` and puts it in place: never half a file. */
static int write_pem(const char *path, X509 *certificate, EVP_PKEY *key)
{
    char fresh[PATH_MAX];
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh) {
        errno = ENAMETOOLONG;
        return BASE_ERR_IO;
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, key ? 0600 : 0644);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        if (fd >= 0)
            close(fd);
        return BASE_ERR_IO;
    }
    int ok = key ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) : PEM_write_X509(file, certificate);
    ok = fflush(file) == 0 && fsync(fd) == 0 && ok;
    ok = fclose(file) == 0 && ok;
    return ok && rename(fresh, path) == 0 ? BASE_OK : BASE_ERR_IO;
}

int plat_tls_certificate_ensure(const char *certificate_path, const char *key_path, const char *const *addresses,
                                size_t address_count, bool *made)
{
    *made = false;
    if (plat_tls_certificate_check(certificate_path, key_path) == BASE_OK && !expires_soon(certificate_path))
        return BASE_OK;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key ? make_certificate(key, addresses, address_count) : NULL;
    int err = certificate ? BASE_OK : BASE_ERR_CRYPTO;
    if (!err)
        err = write_pem(key_path, NULL, key);
    if (!err)
        err = write_pem(certificate_path, certificate, NULL);
    *made = !err;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return err;
}
