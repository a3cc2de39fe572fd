/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TICKET_KEY_MS       (24u * 3600 * 1000)
#define TICKET_LIFE_SECONDS 3600

struct ticket_key {
    uint8_t name[16], cipher[32], mac[32];
};

struct tls_context {
    SSL_CTX *ssl;
    EVP_CIPHER *ticket_cipher;
    atomic_uint references;
    pthread_mutex_t lock; /* of what follows */
    uint64_t keyed_ms;
    struct ticket_key keys[2]; /* tickets are made with the first, and read with both */
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

/* Clients may show a certificate; one that does not verify fails the handshake, as it does with Go's
 * VerifyClientCertIfGiven. */
static err_t load_client_ca(SSL_CTX *ssl, bytes pem, struct error *error)
{
    CLEANUP(bio_done) BIO *bio = bio_of(pem.p, pem.n);
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    X509 *certificate;
    size_t count = 0;
    if (pem.n == 0)
        return ERR_OK;
    for (; bio && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
        int ok = X509_STORE_add_cert(store, certificate) && SSL_CTX_add_client_CA(ssl, certificate);
        X509_free(certificate);
        if (!ok)
            return openssl_error(error, ERR_INVALID, "a certificate of the client CA cannot be used");
    }
    if (count == 0 || !pem_ended())
        return openssl_error(error, ERR_INVALID, "the client CA is not valid PEM");
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
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

/* The key to make tickets with, or the one of that name to read with. Turns the keys when the day is over. */
static int ticket_key(struct tls_context *tls, bool make, const uint8_t name[16], struct ticket_key *ret)
{
    int found = -1;
    pthread_mutex_lock(&tls->lock);
    uint64_t now = clock_monotonic_ms();
    if (now - tls->keyed_ms >= TICKET_KEY_MS) {
        tls->keys[1] = tls->keys[0];
        random_bytes(&tls->keys[0], sizeof tls->keys[0]);
        tls->keyed_ms = now;
    }
    for (int i = 0; i < 2 && found < 0; i++)
        if (make || memcmp(tls->keys[i].name, name, sizeof tls->keys[i].name) == 0)
            found = i;
    if (found >= 0)
        *ret = tls->keys[found];
    pthread_mutex_unlock(&tls->lock);
    return found;
}

static void ticket_key_done(struct ticket_key *key)
{
    memory_wipe(key, sizeof *key);
}

/* OpenSSL asks for the keys of a ticket: 1 go on, 2 go on and send a fresh ticket, 0 not ours (a full handshake), -1
 * failure. */
static int ticket_keys(
    SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int make)
{
    struct tls_context *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    CLEANUP(ticket_key_done) struct ticket_key key;
    int found = ticket_key(tls, make, name, &key);
    if (found < 0)
        return 0;
    if (make) {
        memcpy(name, key.name, sizeof key.name);
        random_bytes(iv, (size_t)EVP_CIPHER_get_iv_length(tls->ticket_cipher));
    }
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof key.mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_CipherInit_ex(cipher, tls->ticket_cipher, NULL, key.cipher, iv, make) != 1 ||
        EVP_MAC_CTX_set_params(mac, parameters) != 1)
        return -1;
    /* With TLS 1.3 a client may use a ticket once (RFC 8446, C.4), and OpenSSL's does. */
    return found == 0 && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}

static bool configure(struct tls_context *tls)
{
    SSL_CTX *ssl = tls->ssl;
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ssl, TICKET_LIFE_SECONDS);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    SSL_CTX_set_app_data(ssl, tls);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ssl, tls12_ciphers) == 1 && SSL_CTX_set_ciphersuites(ssl, tls13_ciphers) == 1 &&
           SSL_CTX_set1_groups_list(ssl, curves) == 1 && SSL_CTX_set_num_tickets(ssl, 1) == 1 &&
           SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, ticket_keys) == 1;
}

err_t tls_context_new(const struct tls_options *options, struct tls_context **ret, struct error *error)
{
    struct tls_context *tls = calloc(1, sizeof *tls);
    if (!tls)
        return error_set(error, ERR_NO_MEMORY, "no memory for a TLS context");
    atomic_init(&tls->references, 1);
    pthread_mutex_init(&tls->lock, NULL);
    random_bytes(tls->keys, sizeof tls->keys);
    tls->keyed_ms = clock_monotonic_ms();
    tls->ssl = SSL_CTX_new(TLS_server_method());
    tls->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    err_t result = ERR_OK;
    if (!tls->ssl || !tls->ticket_cipher || !configure(tls))
        result = openssl_error(error, ERR_IO, "cannot set up TLS");
    if (result == ERR_OK)
        result = load_certificate(tls->ssl, options->certificate_pem, error);
    if (result == ERR_OK)
        result = load_key(tls->ssl, options->key_pem, error);
    if (result == ERR_OK)
        result = load_client_ca(tls->ssl, options->client_ca_pem, error);
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
    EVP_CIPHER_free(tls->ticket_cipher);
    pthread_mutex_destroy(&tls->lock);
    memory_wipe(tls->keys, sizeof tls->keys);
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

bool tls_session_http2(const SSL *ssl)
{
    const unsigned char *name;
    unsigned n;
    SSL_get0_alpn_selected(ssl, &name, &n);
    return n == 2 && memcmp(name, "h2", 2) == 0;
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
    empty(SSL_get_peer_cert_chain(ssl));
    empty(SSL_get0_verified_chain(ssl));
    drop_ephemeral_key(ssl);
}
