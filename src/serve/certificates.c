/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/certificates.h"

#include "atrest/sealed_meta.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "crypt/x509_csr.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY           (24 * 3600)
#define CA_LIFETIME   (3650 * DAY)
#define CA_LAST_YEAR  (365 * DAY)
#define LEAF_LIFETIME (365 * DAY)
#define CLOCK_SKEW    3600 /* certificates start an hour ago: clients' clocks differ */
#define FILE_LIMIT    (1u << 20)
#define REVOKED_LIMIT (8u << 20)
#define NAMES_MAX     64

/* Of what is signed for others, in seconds. */
#define SIGNED_LEAST    600
#define SIGNED_BACKDATE 300
#define SIGNED_SHORT    (8 * 3600)

#define ARENA_LIMIT   (16u << 20)
#define PEM_KEY_BEGIN "-----BEGIN PRIVATE KEY-----"

struct certificates {
    struct certificates_options options;
    pthread_mutex_t lock;
    struct arena arena; /* of the texts below: no key stays here */
    bytes server_pem;   /* the serving certificate, chain behind it */
    bytes own_ca;       /* certificates of our CA, newest first: what admin.kubeconfig trusts */
    struct tls_context *tls;
};

/* ---- Sealed records: a certificate and, behind it, its key. */

static err_t record_load(
    struct certificates *c, struct arena *arena, const char *name, struct x509_pair *ret, struct error *error)
{
    bytes plain;
    TRY(sealed_meta_get(c->options.store, c->options.atrest, arena, name, &plain, error));
    const uint8_t *key = memmem(plain.p, plain.n, PEM_KEY_BEGIN, sizeof(PEM_KEY_BEGIN) - 1);
    size_t split = key ? (size_t)(key - plain.p) : plain.n;
    *ret = (struct x509_pair){.certificate_pem = {plain.p, split}, .key_pem = bytes_skip(plain, split)};
    return ERR_OK;
}

static err_t record_save(
    struct certificates *c, struct arena *arena, const char *name, const struct x509_pair *pair, struct error *error)
{
    bytes plain = arena_join(arena, pair->certificate_pem, pair->key_pem, ARENA_END);
    if (!plain.p)
        return arena_error(arena, error);
    return sealed_meta_put(c->options.store, c->options.atrest, arena, name, plain, error);
}

/* ---- Names of the serving certificate. */

struct names {
    bytes list[NAMES_MAX];
    size_t count;
};

static void name_add(struct names *names, bytes name)
{
    for (size_t i = 0; i < names->count; i++)
        if (bytes_equal(names->list[i], name))
            return;
    if (name.n && names->count < NAMES_MAX)
        names->list[names->count++] = name;
}

static bool address_is_any(const char *address)
{
    return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* Listening everywhere means being reached under every address of this machine. */
static void names_add_interfaces(struct arena *arena, struct names *names)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
        const void *from = family == AF_INET
                               ? (const void *)&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr
                               : (const void *)&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
        if ((family == AF_INET || family == AF_INET6) && (i->ifa_flags & IFF_UP) &&
            inet_ntop(family, from, text, sizeof(text)))
            name_add(names, arena_copy(arena, bytes_of(text)));
    }
    freeifaddrs(all);
}

static void names_collect(struct certificates *c, struct arena *arena, struct names *names)
{
    char host[HOST_NAME_MAX + 1] = "";
    static const char *const usual[] = {"localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default",
        "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"};
    names->count = 0;
    for (size_t i = 0; i < c->options.extra_name_count; i++)
        name_add(names, bytes_of(c->options.extra_names[i]));
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        name_add(names, bytes_of(usual[i]));
    if (!address_is_any(c->options.address))
        name_add(names, bytes_of(c->options.address));
    else
        names_add_interfaces(arena, names);
    if (gethostname(host, sizeof(host) - 1) == 0)
        name_add(names, arena_copy(arena, bytes_of(host)));
}

/* ---- What is due, and making it. */

static bool leaf_due(bytes certificate, int64_t now)
{
    int64_t from, until;
    if (x509_inspect(certificate, &from, &until, NULL) != ERR_OK)
        return true;
    int64_t lifetime = until - from - CLOCK_SKEW; /* counted from when it was made */
    return now < from || now >= until - lifetime / 3;
}

static err_t ca_load_or_make(
    struct certificates *c, struct arena *arena, int64_t now, struct x509_pair *ret, struct error *error)
{
    int64_t from, until = 0;
    err_t found = record_load(c, arena, "ca", ret, error);
    if (found == ERR_OK)
        TRY(x509_inspect(ret->certificate_pem, &from, &until, error));
    else if (found != ERR_NOT_FOUND)
        return found;
    if (until - now > CA_LAST_YEAR)
        return ERR_OK;
    if (found == ERR_OK) /* kept first: a stop between the two writes leaves it trusted twice, never not at all */
        TRY(record_save(c, arena, "old-ca", &(struct x509_pair){.certificate_pem = ret->certificate_pem}, error));
    const struct x509_request request = {.use = X509_USE_CA,
        .common_name = BYTES("coffer-ca"),
        .not_before = now - CLOCK_SKEW,
        .not_after = now + CA_LIFETIME};
    TRY(x509_issue(arena, &request, NULL, ret, error));
    log_event(LOG_INFO, "made a certificate authority", log_number("days", CA_LIFETIME / DAY));
    return record_save(c, arena, "ca", ret, error);
}

/* Adds the CA before the current one while it lasts. */
static err_t ca_bundle(struct certificates *c, struct arena *arena, const struct x509_pair *ca, int64_t now, bytes *ret,
    struct error *error)
{
    struct x509_pair old;
    int64_t from, until;
    err_t found = record_load(c, arena, "old-ca", &old, error);
    if (found != ERR_OK && found != ERR_NOT_FOUND)
        return found;
    *ret = ca->certificate_pem;
    if (found == ERR_OK && x509_inspect(old.certificate_pem, &from, &until, NULL) == ERR_OK && until > now &&
        !bytes_equal(old.certificate_pem, ca->certificate_pem))
        *ret = arena_join(arena, ca->certificate_pem, old.certificate_pem, ARENA_END);
    return ret->p ? ERR_OK : arena_error(arena, error);
}

static int64_t leaf_lifetime(const struct certificates *c)
{
    return c->options.lifetime_seconds > 0 ? c->options.lifetime_seconds : LEAF_LIFETIME;
}

static err_t server_load_or_make(struct certificates *c, struct arena *arena, const struct x509_pair *ca, int64_t now,
    struct x509_pair *ret, struct error *error)
{
    struct names names;
    if (c->options.certificate_file) {
        TRY(file_read(arena, c->options.certificate_file, FILE_LIMIT, &ret->certificate_pem, error));
        return file_read_private(arena, c->options.key_file, FILE_LIMIT, &ret->key_pem, error);
    }
    err_t found = record_load(c, arena, "server", ret, error);
    if (found != ERR_OK && found != ERR_NOT_FOUND)
        return found;
    names_collect(c, arena, &names);
    if (found == ERR_OK && !leaf_due(ret->certificate_pem, now) &&
        x509_covers(ret->certificate_pem, names.list, names.count) &&
        bytes_end(ret->certificate_pem, ca->certificate_pem))
        return ERR_OK;
    const struct x509_request request = {.use = X509_USE_SERVER,
        .common_name = BYTES("coffer"),
        .names = names.list,
        .name_count = names.count,
        .not_before = now - CLOCK_SKEW,
        .not_after = now + leaf_lifetime(c)};
    TRY(x509_issue(arena, &request, ca, ret, error));
    /* The record names the CA that signed it behind the leaf: another CA makes it due. */
    ret->certificate_pem = arena_join(arena, ret->certificate_pem, ca->certificate_pem, ARENA_END);
    if (!ret->certificate_pem.p)
        return arena_error(arena, error);
    log_event(LOG_INFO, "made a serving certificate", log_number("lifetime_seconds", leaf_lifetime(c)));
    return record_save(c, arena, "server", ret, error);
}

/* ---- The admin's kubeconfig. */

static bytes server_url(struct certificates *c, struct arena *arena, uint16_t port)
{
    const char *host = c->options.address;
    if (address_is_any(host))
        host = strcmp(host, "::") == 0 ? "::1" : "127.0.0.1";
    return arena_format(arena, strchr(host, ':') ? "https://[%s]:%u" : "https://%s:%u", host, port);
}

/* The value of `name: ` at the start of a line, after spaces, in the text that we wrote; empty when absent. */
static bytes kubeconfig_value(bytes text, bytes name)
{
    const uint8_t *at = memmem(text.p, text.n, name.p, name.n);
    if (!at)
        return BYTES_NONE;
    bytes rest = {at + name.n, text.n - (size_t)(at + name.n - text.p)};
    return (bytes){rest.p, bytes_find(rest, '\n')};
}

static bool kubeconfig_fits(struct arena *arena, const char *path, bytes url, bytes ca_base64, int64_t now)
{
    bytes text, certificate;
    size_t offset;
    return file_read(arena, path, FILE_LIMIT, &text, NULL) == ERR_OK &&
           bytes_equal(kubeconfig_value(text, BYTES("    server: ")), url) &&
           bytes_equal(kubeconfig_value(text, BYTES("    certificate-authority-data: ")), ca_base64) &&
           base64_decode(arena, BASE64_STANDARD, kubeconfig_value(text, BYTES("    client-certificate-data: ")),
               &certificate, &offset) == ERR_OK &&
           !leaf_due(certificate, now);
}

/* With a serving certificate from elsewhere, its file is what clients trust besides our CA. */
static bytes trusted_by_clients(const struct certificates *c, struct arena *arena)
{
    return c->options.certificate_file ? arena_join(arena, c->server_pem, BYTES("\n"), c->own_ca, ARENA_END)
                                       : arena_copy(arena, c->own_ca);
}

bytes certificates_trusted(struct certificates *c, struct arena *arena)
{
    pthread_mutex_lock(&c->lock);
    bytes trusted = trusted_by_clients(c, arena);
    pthread_mutex_unlock(&c->lock);
    return trusted;
}

static err_t kubeconfig_write(
    struct certificates *c, struct arena *arena, uint16_t port, int64_t now, struct error *error)
{
    struct x509_pair ca, admin;
    char path[PATH_MAX];
    const bytes masters = BYTES("system:masters");
    const struct x509_request request = {.use = X509_USE_CLIENT,
        .common_name = BYTES("admin"),
        .organizations = &masters,
        .organization_count = 1,
        .not_before = now - CLOCK_SKEW,
        .not_after = now + leaf_lifetime(c)};

    if ((size_t)snprintf(path, sizeof(path), "%s/admin.kubeconfig", c->options.directory) >= sizeof(path))
        return error_set(error, ERR_IO, "%s: the name is too long", c->options.directory);
    bytes trusted = trusted_by_clients(c, arena);
    bytes url = server_url(c, arena, port);
    bytes ca_base64 = base64_encode(arena, BASE64_STANDARD, trusted);
    if (!url.p || !ca_base64.p)
        return arena_error(arena, error);
    if (kubeconfig_fits(arena, path, url, ca_base64, now))
        return ERR_OK;
    TRY(record_load(c, arena, "ca", &ca, error));
    TRY(x509_issue(arena, &request, &ca, &admin, error));
    bytes text = arena_join(arena,
        BYTES("apiVersion: v1\nkind: Config\nclusters:\n- name: coffer\n  cluster:\n    server: "), url,
        BYTES("\n    certificate-authority-data: "), ca_base64,
        BYTES("\nusers:\n- name: admin\n  user:\n    client-certificate-data: "),
        base64_encode(arena, BASE64_STANDARD, admin.certificate_pem), BYTES("\n    client-key-data: "),
        base64_encode(arena, BASE64_STANDARD, admin.key_pem),
        BYTES(
            "\ncontexts:\n- name: coffer\n  context:\n    cluster: coffer\n    user: admin\ncurrent-context: coffer\n"),
        ARENA_END);
    if (!text.p || arena->failed != ERR_OK)
        return arena_error(arena, error);
    TRY(file_replace(path, 0600, text, error));
    log_event(LOG_INFO, "wrote the admin's kubeconfig", log_text("file", path),
        log_number("lifetime_seconds", leaf_lifetime(c)));
    return ERR_OK;
}

err_t certificates_write_kubeconfig(struct certificates *c, uint16_t port, int64_t now, struct error *error)
{
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT);
    pthread_mutex_lock(&c->lock);
    err_t result = kubeconfig_write(c, &arena, port, now, error);
    pthread_mutex_unlock(&c->lock);
    arena_reset(&arena);
    return result;
}

/* ---- What is in force. */

/* The first certificate: clients have our CA, so a handshake need not carry it. */
static bytes leaf_of(bytes chain)
{
    static const char end[] = "-----END CERTIFICATE-----\n";
    const uint8_t *at = memmem(chain.p, chain.n, end, sizeof(end) - 1);
    return (bytes){chain.p, at ? (size_t)(at - chain.p) + sizeof(end) - 1 : chain.n};
}

/* What files held that does not fit is told with their names. */
static err_t name_files(const struct certificates *c, err_t code, const struct error *inner, struct error *error)
{
    const char *const files[] = {
        c->options.certificate_file, c->options.key_file, c->options.client_ca_file, c->options.client_crl_file};
    char names[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (files[i] && n < sizeof names)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", files[i]);
    return error_set(error, code, "%s%s%.*s", names, n ? ": " : "", BYTES_FMT(inner->message));
}

static err_t make_tls(struct certificates *c, struct arena *arena, const struct x509_pair *server, bytes client_ca,
    bytes client_crl, struct tls_context **ret, struct error *error)
{
    struct error inner;
    const char *file = c->options.certificate_file;
    /* The PEM text lies in our own arena; the type's pointer is not const because keys are usually wiped by their
     * holder. */
    const struct tls_options options = {
        .certificate_pem = file ? server->certificate_pem : leaf_of(server->certificate_pem),
        .key_pem = {(uint8_t *)(uintptr_t)server->key_pem.p, server->key_pem.n},
        .client_ca_pem = client_ca,
        .client_crl_pem = client_crl};
    error_init(&inner, arena);
    err_t result = tls_context_new(&options, ret, &inner);
    return result == ERR_OK ? ERR_OK : name_files(c, result, &inner, error);
}

/* An empty file is what a write leaves that failed: taken for a list, it would let in all whom the old one kept out. */
static err_t no_list(const char *file, struct error *error)
{
    return error_set(error, ERR_INVALID,
        "%s holds no X509 CRL and no CERTIFICATE in PEM; for a list of nobody, put a certificate there that nobody "
        "has: "
        "openssl req -x509 -newkey ed25519 -nodes -keyout /dev/null -subj /CN=nobody -out %s",
        file, file);
}

/* c is touched only when all of it holds. Keys lie in the scratch arena alone, which is wiped after. */
static err_t load(struct certificates *c, struct arena *scratch, struct arena *keep, int64_t now, struct error *error)
{
    struct x509_pair ca, server;
    struct tls_context *tls;
    bytes own_ca, client_ca, more, client_crl = BYTES_NONE;
    TRY(ca_load_or_make(c, scratch, now, &ca, error));
    TRY(server_load_or_make(c, scratch, &ca, now, &server, error));
    TRY(ca_bundle(c, scratch, &ca, now, &own_ca, error));
    client_ca = own_ca;
    if (c->options.client_ca_file) {
        int64_t from, until;
        TRY(file_read(scratch, c->options.client_ca_file, FILE_LIMIT, &more, error));
        if (x509_inspect(more, &from, &until, NULL) != ERR_OK) /* behind our own CA, an empty file would pass */
            return error_set(error, ERR_INVALID, "%s holds no certificate in PEM form", c->options.client_ca_file);
        client_ca = arena_join(scratch, own_ca, BYTES("\n"), more, ARENA_END);
        if (!client_ca.p)
            return arena_error(scratch, error);
    }
    if (c->options.client_crl_file) {
        TRY(file_read(scratch, c->options.client_crl_file, REVOKED_LIMIT, &client_crl, error));
        if (!memmem(client_crl.p, client_crl.n, "-----BEGIN ", sizeof "-----BEGIN " - 1))
            return no_list(c->options.client_crl_file, error);
    }
    bytes kept_server = arena_copy(keep, server.certificate_pem), kept_ca = arena_copy(keep, own_ca);
    if (!kept_server.p || !kept_ca.p)
        return arena_error(keep, error);
    TRY(make_tls(c, scratch, &server, client_ca, client_crl, &tls, error));
    tls_context_put(c->tls);
    c->tls = tls;
    c->server_pem = kept_server;
    c->own_ca = kept_ca;
    return ERR_OK;
}

err_t certificates_renew(struct certificates *c, int64_t now, struct error *error)
{
    struct arena scratch, keep;
    arena_init(&scratch, ARENA_LIMIT);
    arena_init(&keep, ARENA_LIMIT);
    pthread_mutex_lock(&c->lock);
    err_t result = load(c, &scratch, &keep, now, error);
    if (result == ERR_OK) {
        struct arena old = c->arena;
        c->arena = keep;
        keep = old;
    }
    pthread_mutex_unlock(&c->lock);
    arena_reset(&scratch);
    arena_reset(&keep);
    return result;
}

err_t certificates_open(const struct certificates_options *options, struct certificates **ret, struct error *error)
{
    struct certificates *c = calloc(1, sizeof(*c));
    if (!c)
        return error_set(error, ERR_NO_MEMORY, "no memory for the certificates");
    c->options = *options;
    pthread_mutex_init(&c->lock, NULL);
    arena_init(&c->arena, ARENA_LIMIT);
    err_t result = certificates_renew(c, clock_wall_seconds(), error);
    if (result != ERR_OK) {
        certificates_free(c);
        return result;
    }
    *ret = c;
    return ERR_OK;
}

/* Short-lived ones are not cut by what they begin earlier, as kube-controller-manager has it. */
static struct x509_signing signing_of(const struct certificates *c, unsigned usages, int64_t seconds, int64_t now)
{
    int64_t longest = leaf_lifetime(c);
    if (seconds > 0 && seconds < SIGNED_LEAST)
        seconds = SIGNED_LEAST;
    if (seconds <= 0 || seconds > longest)
        seconds = longest;
    return (struct x509_signing){
        usages, now - SIGNED_BACKDATE, now + seconds - (seconds < SIGNED_SHORT ? 0 : SIGNED_BACKDATE)};
}

err_t certificates_sign(struct certificates *c, struct arena *arena, bytes csr_pem, unsigned usages, int64_t seconds,
    int64_t now, bytes *ret, struct error *error)
{
    const struct x509_signing signing = signing_of(c, usages, seconds, now);
    struct x509_pair ca;
    struct arena keys; /* wiped with the key */
    arena_init(&keys, ARENA_LIMIT);
    pthread_mutex_lock(&c->lock);
    err_t result = record_load(c, &keys, "ca", &ca, error);
    pthread_mutex_unlock(&c->lock);
    if (result == ERR_OK)
        result = x509_csr_sign(arena, csr_pem, &signing, &ca, ret, error);
    arena_reset(&keys);
    return result;
}

void certificates_free(struct certificates *c)
{
    if (!c)
        return;
    tls_context_put(c->tls);
    arena_reset(&c->arena);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

struct tls_context *certificates_tls(struct certificates *c)
{
    pthread_mutex_lock(&c->lock);
    struct tls_context *tls = tls_context_get(c->tls);
    pthread_mutex_unlock(&c->lock);
    return tls;
}
