/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SESSION_SECONDS 3600
#define SESSIONS_MAX    256 /* 6 KB each, when its connection is gone: most of it the client's certificate */

struct fingerprint {
    uint8_t sha256[32];
};

struct tls_context {
    SSL_CTX *ssl;
    struct fingerprint *revoked; /* sorted; certificates that are revoked themselves */
    size_t revoked_count;
    atomic_uint references;
};

static const char tls12_ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char tls13_ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
static const char curves[] = "X25519:P-256:P-384";
static const unsigned char session_context[] = "coffer"; /* without one, resumption with a client certificate fails */

/* Why OpenSSL failed, for people. Its texts name formats and algorithms, never values. */
static err_t openssl_error(struct error *error, enum err_code code, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    err_t result = error_set(error, code, "%s: %s", what, reason ? reason : "no reason given");
    ERR_clear_error();
    return result;
}

static void bio_done(BIO **bio)
{
    BIO_free(*bio);
}

static BIO *bio_of(const void *p, size_t n)
{
    return n > 0 && n <= INT_MAX ? BIO_new_mem_buf(p, (int)n) : NULL;
}

/* A PEM file ends by "no start line"; anything else that stops the reader is damage. */
static bool pem_ended(void)
{
    unsigned long last = ERR_peek_last_error();
    bool ended = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    if (ended)
        ERR_clear_error();
    return ended;
}

static err_t load_certificate(SSL_CTX *ssl, bytes pem, struct error *error)
{
    CLEANUP(bio_done) BIO *bio = bio_of(pem.p, pem.n);
    X509 *certificate;
    size_t count = 0;
    for (; bio && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
        bool ok = count == 0 ? SSL_CTX_use_certificate(ssl, certificate) == 1
                             : SSL_CTX_add1_chain_cert(ssl, certificate) == 1;
        X509_free(certificate);
        if (!ok)
            return openssl_error(error, ERR_INVALID, "the serving certificate cannot be used");
    }
    if (count == 0 || !pem_ended())
        return openssl_error(error, ERR_INVALID, "the serving certificate is not valid PEM");
    return ERR_OK;
}

static err_t load_key(SSL_CTX *ssl, struct secret pem, struct error *error)
{
    CLEANUP(bio_done) BIO *bio = bio_of(pem.p, pem.n);
    char no_password[] = "";
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password) : NULL;
    if (!key)
        return openssl_error(error, ERR_INVALID, "the serving certificate's private key cannot be read");
    int ok = SSL_CTX_use_PrivateKey(ssl, key) == 1 && SSL_CTX_check_private_key(ssl) == 1;
    EVP_PKEY_free(key);
    if (!ok)
        return openssl_error(error, ERR_INVALID, "the private key does not belong to the serving certificate");
    return ERR_OK;
}

/* Not every CA keeps a list, and one that its owner forgot to renew must not lock out everybody: what it names stays
 * revoked. Nothing is forgiven but this; verification ends at the first error that is not. */
static int forgive_lists(int ok, X509_STORE_CTX *context)
{
    int reason = X509_STORE_CTX_get_error(context);
    if (ok || (reason != X509_V_ERR_UNABLE_TO_GET_CRL && reason != X509_V_ERR_CRL_HAS_EXPIRED))
        return ok;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

static int compare_fingerprints(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct fingerprint));
}

static bool fingerprint_of(const X509 *certificate, struct fingerprint *ret)
{
    return X509_digest(certificate, EVP_sha256(), ret->sha256, NULL) == 1;
}

/* Without memory to look, it counts as revoked. */
static bool any_revoked(const struct tls_context *tls, STACK_OF(X509) * chain)
{
    struct fingerprint wanted;
    for (int i = 0; tls->revoked_count && i < sk_X509_num(chain); i++)
        if (!fingerprint_of(sk_X509_value(chain, i), &wanted) ||
            bsearch(&wanted, tls->revoked, tls->revoked_count, sizeof wanted, compare_fingerprints))
            return true;
    return false;
}

/* The one way to judge a client's certificate. The verdict is the context's error. */
static void judge(const struct tls_context *tls, X509_STORE_CTX *context)
{
    X509_STORE_CTX_set_verify_cb(context, forgive_lists);
    if (X509_verify_cert(context) != 1) {
        if (X509_STORE_CTX_get_error(context) == X509_V_OK)
            X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
    } else if (any_revoked(tls, X509_STORE_CTX_get0_chain(context))) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REVOKED);
    }
    ERR_clear_error();
}

/* A client's certificate, in a context of its own: NULL without memory. The caller frees it. */
static X509_STORE_CTX *judged(
    const struct tls_context *tls, X509 *certificate, STACK_OF(X509) * untrusted, int auth_level)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (!context || X509_STORE_CTX_init(context, SSL_CTX_get_cert_store(tls->ssl), certificate, untrusted) != 1 ||
        X509_STORE_CTX_set_default(context, "ssl_client") != 1) {
        X509_STORE_CTX_free(context);
        return NULL;
    }
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), auth_level);
    judge(tls, context);
    return context;
}

/* In the handshake, which goes on whatever is found: who asks for the peer looks at SSL_get_verify_result. Want of
 * memory shows as an issuer that is not known, and stays with the certificate that was being looked at, so a verdict
 * against somebody is reached twice, the second time from a copy. */
static int judge_in_handshake(X509_STORE_CTX *context, void *tls)
{
    judge(tls, context);
    if (X509_STORE_CTX_get_error(context) == X509_V_OK)
        return 1;
    X509 *copy = X509_dup(X509_STORE_CTX_get0_cert(context));
    X509_STORE_CTX *again = copy ? judged(tls, copy, X509_STORE_CTX_get0_untrusted(context),
                                       X509_VERIFY_PARAM_get_auth_level(X509_STORE_CTX_get0_param(context)))
                                 : NULL;
    if (again && X509_STORE_CTX_get_error(again) == X509_V_OK) {
        X509_STORE_CTX_set0_verified_chain(context, X509_STORE_CTX_get1_chain(again));
        X509_STORE_CTX_set_error(context, X509_V_OK);
    }
    bool known = again != NULL;
    X509_STORE_CTX_free(again);
    X509_free(copy);
    return known;
}

static int no_callback(int ok, X509_STORE_CTX *context)
{
    (void)context;
    return ok;
}

/* Clients may show a certificate. One that does not verify is no identity, so its requests are answered 401, as
 * kube-apiserver does: an alert in the handshake would read as if the server's certificate were at fault. OpenSSL takes
 * a certificate's extensions apart when they are first asked for; here, before loops share it, and where want of memory
 * is an error: in a handshake it would stay with the CA, against all of its clients. */
static err_t load_client_ca(struct tls_context *tls, bytes pem, struct error *error)
{
    CLEANUP(bio_done) BIO *bio = bio_of(pem.p, pem.n);
    SSL_CTX *ssl = tls->ssl;
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    X509 *certificate;
    size_t count = 0;
    if (pem.n == 0)
        return ERR_OK;
    for (; bio && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
        int ok = X509_check_purpose(certificate, -1, 0) == 1 && X509_STORE_add_cert(store, certificate) &&
                 SSL_CTX_add_client_CA(ssl, certificate);
        X509_free(certificate);
        if (!ok)
            return openssl_error(error, ERR_INVALID, "a certificate of the client CA cannot be used");
    }
    if (count == 0 || !pem_ended())
        return openssl_error(error, ERR_INVALID, "the client CA is not valid PEM");
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, no_callback);
    SSL_CTX_set_cert_verify_callback(ssl, judge_in_handshake, tls); /* which lives as long as its sessions */
    return ERR_OK;
}

static void blocks_done(STACK_OF(X509_INFO) * *blocks)
{
    sk_X509_INFO_pop_free(*blocks, X509_INFO_free);
}

/* The array has room for all. */
static bool revoke(struct tls_context *tls, const X509_INFO *block)
{
    X509_STORE *store = SSL_CTX_get_cert_store(tls->ssl);
    if (block->crl)
        return X509_STORE_add_crl(store, block->crl) == 1 &&
               X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
    return block->x509 && fingerprint_of(block->x509, &tls->revoked[tls->revoked_count++]);
}

static err_t load_client_crl(struct tls_context *tls, bytes pem, struct error *error)
{
    if (pem.n == 0)
        return ERR_OK;
    CLEANUP(bio_done) BIO *bio = bio_of(pem.p, pem.n);
    char no_password[] = "";
    CLEANUP(blocks_done)
    STACK_OF(X509_INFO) *blocks = bio ? PEM_X509_INFO_read_bio(bio, NULL, NULL, no_password) : NULL;
    int count = blocks ? sk_X509_INFO_num(blocks) : 0;
    if (count == 0)
        return openssl_error(error, ERR_INVALID, "the revocation list holds neither lists nor certificates in PEM");
    tls->revoked = calloc((size_t)count, sizeof *tls->revoked);
    if (!tls->revoked)
        return error_set(error, ERR_NO_MEMORY, "no memory for the revocation list");
    for (int i = 0; i < count; i++)
        if (!revoke(tls, sk_X509_INFO_value(blocks, i)))
            return openssl_error(error, ERR_INVALID, "the revocation list holds what cannot be used");
    qsort(tls->revoked, tls->revoked_count, sizeof *tls->revoked, compare_fingerprints);
    return ERR_OK;
}

static int choose_protocol(
    SSL *ssl, const unsigned char **ret, unsigned char *ret_n, const unsigned char *in, unsigned in_n, void *context)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    (void)ssl, (void)context;
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)ret, ret_n, ours, sizeof ours - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static bool configure(SSL_CTX *ssl)
{
    /* No tickets that hold a session: OpenSSL 3.0 takes longer to decode the client's certificate out of one than for
     * the rest of the handshake. And there is no key that opens them all. */
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(ssl, SESSIONS_MAX);
    SSL_CTX_set_timeout(ssl, SESSION_SECONDS);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ssl, tls12_ciphers) == 1 && SSL_CTX_set_ciphersuites(ssl, tls13_ciphers) == 1 &&
           SSL_CTX_set1_groups_list(ssl, curves) == 1 && SSL_CTX_set_num_tickets(ssl, 1) == 1 &&
           SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1) == 1;
}

err_t tls_context_new(const struct tls_options *options, struct tls_context **ret, struct error *error)
{
    struct tls_context *tls = calloc(1, sizeof *tls);
    if (!tls)
        return error_set(error, ERR_NO_MEMORY, "no memory for a TLS context");
    atomic_init(&tls->references, 1);
    tls->ssl = SSL_CTX_new(TLS_server_method());
    err_t result = ERR_OK;
    if (!tls->ssl || !configure(tls->ssl))
        result = openssl_error(error, ERR_IO, "cannot set up TLS");
    if (result == ERR_OK)
        result = load_certificate(tls->ssl, options->certificate_pem, error);
    if (result == ERR_OK)
        result = load_key(tls->ssl, options->key_pem, error);
    if (result == ERR_OK)
        result = load_client_ca(tls, options->client_ca_pem, error);
    if (result == ERR_OK)
        result = load_client_crl(tls, options->client_crl_pem, error);
    if (result == ERR_OK)
        *ret = tls;
    else
        tls_context_put(tls);
    return result;
}

struct tls_context *tls_context_get(struct tls_context *tls)
{
    if (tls)
        atomic_fetch_add(&tls->references, 1);
    return tls;
}

void tls_context_put(struct tls_context *tls)
{
    if (!tls || atomic_fetch_sub(&tls->references, 1) != 1)
        return;
    SSL_CTX_free(tls->ssl);
    free(tls->revoked);
    free(tls);
}

SSL *tls_session_new(struct tls_context *tls, BIO *bio)
{
    SSL *ssl = SSL_new(tls->ssl);
    if (!ssl)
        return NULL;
    BIO_up_ref(bio);
    BIO_up_ref(bio);
    SSL_set0_rbio(ssl, bio);
    SSL_set0_wbio(ssl, bio);
    SSL_set_accept_state(ssl);
    return ssl;
}

void tls_session_free(SSL *ssl)
{
    if (ssl)
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
}

bool tls_session_http2(const SSL *ssl)
{
    const unsigned char *name;
    unsigned n;
    SSL_get0_alpn_selected(ssl, &name, &n);
    return n == 2 && memcmp(name, "h2", 2) == 0;
}

bool tls_session_trusted(struct tls_context *tls, SSL *ssl)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    X509_STORE_CTX *context =
        certificate ? judged(tls, certificate, SSL_get_peer_cert_chain(ssl), SSL_get_security_level(ssl)) : NULL;
    bool trusted = context && X509_STORE_CTX_get_error(context) == X509_V_OK;
    X509_STORE_CTX_free(context);
    return trusted;
}

/* Those that came and led nowhere; of a client that is nobody's, all. */
static void drop_strangers(STACK_OF(X509) * came, STACK_OF(X509) * chain)
{
    for (int i = came ? sk_X509_num(came) : 0; i-- > 0;) {
        bool used = false;
        for (int k = 1; chain && !used && k < sk_X509_num(chain); k++)
            used = X509_cmp(sk_X509_value(chain, k), sk_X509_value(came, i)) == 0;
        if (!used)
            X509_free(sk_X509_delete(came, i));
    }
}

static void empty(STACK_OF(X509) * chain)
{
    while (chain && sk_X509_num(chain) > 0)
        X509_free(sk_X509_pop(chain));
}

/* OpenSSL keeps the handshake's own key as long as the connection, and in the secure heap: some thousand connections
 * would use it up. Setting a type takes the key away; SSL_free still finds an empty one. */
static void drop_ephemeral_key(SSL *ssl)
{
    EVP_PKEY *key;
    if (SSL_get_tmp_key(ssl, &key) == 1) {
        if (EVP_PKEY_set_type(key, EVP_PKEY_X25519) != 1)
            ERR_clear_error();
        EVP_PKEY_free(key);
    }
}

/* The leaf itself stays with the session, which stays with the connection: SSL_set_session would begin the protocol
 * anew. */
void tls_session_shrink(SSL *ssl)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    bool trusted = SSL_get_verify_result(ssl) == X509_V_OK;
    if (!SSL_session_reused(ssl)) /* else it is the first connection's, which did so */
        drop_strangers(SSL_get_peer_cert_chain(ssl), trusted ? chain : NULL);
    empty(chain);
    drop_ephemeral_key(ssl);
}
