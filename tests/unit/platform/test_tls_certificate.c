/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/tls_certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/support/test.h"

T_TEST(made_once_for_the_right_names)
{
    static const char *const addresses[] = {"192.0.2.7", "2001:db8::7"};
    char folder[] = "/tmp/consilium-tls-XXXXXX", certificate_path[64], key_path[64];
    bool made;
    struct stat st;
    T_CHECK(mkdtemp(folder) != NULL);
    snprintf(certificate_path, sizeof certificate_path, "%s/c.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/k.pem", folder);
    T_EQ(plat_tls_certificate_check(certificate_path, key_path), BASE_ERR_IO);
    T_EQ(plat_tls_certificate_ensure(certificate_path, key_path, addresses, 2, &made), 0);
    T_CHECK(made);
    T_EQ(stat(key_path, &st), 0);
    T_EQ(st.st_mode & 0777, 0600);
    T_EQ(plat_tls_certificate_check(certificate_path, key_path), 0);
    T_EQ(plat_tls_certificate_ensure(certificate_path, key_path, addresses, 2, &made), 0);
    T_CHECK(!made);

    FILE *file = fopen(certificate_path, "r");
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    T_CHECK(certificate != NULL);
    T_EQ(X509_check_host(certificate, "localhost", 0, 0, NULL), 1);
    T_EQ(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
    T_EQ(X509_check_ip_asc(certificate, "192.0.2.7", 0), 1);
    T_EQ(X509_check_ip_asc(certificate, "2001:db8::7", 0), 1);
    T_EQ(X509_check_ip_asc(certificate, "192.0.2.8", 0), 0);
    int days, seconds;
    T_EQ(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate), X509_get0_notAfter(certificate)), 1);
    T_EQ(days, 825);
    X509_free(certificate);

    T_EQ(truncate(key_path, 10), 0); /* damaged: made afresh */
    T_EQ(plat_tls_certificate_check(certificate_path, key_path), BASE_ERR_CRYPTO);
    T_EQ(plat_tls_certificate_ensure(certificate_path, key_path, addresses, 2, &made), 0);
    T_CHECK(made);
    unlink(certificate_path);
    unlink(key_path);
    rmdir(folder);
}

T_MAIN(T_CASE(made_once_for_the_right_names))
