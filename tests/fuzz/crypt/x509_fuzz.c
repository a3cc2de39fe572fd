/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and requests of strangers. The first byte says which: a client's certificate in DER, as TLS hands it
 * over, a certificate in PEM, a request in PEM. What is read of a request that is signed stands in the certificate,
 * and nothing is left in OpenSSL's queue of errors. */
#include "crypt/setup.h"
#include "crypt/x509_csr.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

static void identify(struct arena *arena, bytes der)
{
    const unsigned char *at = der.p;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.n);
    struct x509_identity identity;
    ERR_clear_error();
    if (certificate && x509_identify(arena, certificate, &identity, NULL) == ERR_OK &&
        (!identity.common_name.p || strlen(identity.sha256_hex) != 64))
        abort();
    X509_free(certificate);
}

static void inspect(bytes pem)
{
    const bytes name = BYTES("a.example");
    int64_t from, until;
    (void)!x509_check_chain(pem, NULL);
    (void)!x509_inspect(pem, &from, &until, NULL);
    (void)x509_covers(pem, &name, 1);
}

static void ask(struct arena *arena, bytes pem)
{
    static struct arena keep;
    static struct x509_pair ca;
    const struct x509_request request = {
        .use = X509_USE_CA, .common_name = BYTES("ca"), .not_before = 0, .not_after = 4000000000};
    const struct x509_signing signing = {X509_USAGE_CLIENT_AUTH, 1, 2};
    struct x509_csr csr;
    bytes signed_pem;
    if (!ca.key_pem.p) {
        arena_init(&keep, 1 << 20);
        if (crypt_setup(NULL) != ERR_OK || x509_issue(&keep, &request, NULL, &ca, NULL) != ERR_OK)
            abort();
    }
    if (x509_csr_read(arena, pem, &csr, NULL) == ERR_OK)
        if (x509_csr_sign(arena, pem, &signing, &ca, &signed_pem, NULL) != ERR_OK || !signed_pem.n)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0)
        return 0;
    arena_init(&arena, 4 << 20);
    bytes in = {data + 1, size - 1};
    if (data[0] % 3 == 0)
        identify(&arena, in);
    else if (data[0] % 3 == 1)
        inspect(in);
    else
        ask(&arena, in);
    if (ERR_peek_error() != 0)
        abort();
    arena_reset(&arena);
    return 0;
}
