/* SPDX-License-Identifier: Apache-2.0 */
#include "access/user.h"
#include "api/conditions.h"
#include "base/base64.h"
#include "base/clock.h"
#include "cmd/cert.h"

#include <signal.h>
#include <time.h>

#define REQUESTS   BYTES("/apis/certificates.k8s.io/v1/certificatesigningrequests")
#define ASK_MS     200
#define TAKE_TRIES 3

static const char client_signer[] = "kubernetes.io/kube-apiserver-client";
static const char kubelet_signer[] = "kubernetes.io/kube-apiserver-client-kubelet";

/* A request on its way; its object lives in a scratch arena that each look resets. */
struct asked {
    struct api_client *client;
    struct arena *arena, *scratch;
    bytes name, path;
    char version[24]; /* the resourceVersion that was seen last */
    bool tried;       /* to approve it */
    bool issued;      /* a certificate was seen, maybe one that cannot be read */
};

volatile sig_atomic_t cert_signal;

bool cert_is_node(const struct x509_identity *identity)
{
    return identity->organization_count == 1 && bytes_equal(identity->organizations[0], BYTES(USER_NODES)) &&
           bytes_start(identity->common_name, BYTES(USER_NODE_PREFIX));
}

static const char *signer_of(const struct cert_wish *wish)
{
    const struct x509_identity identity = {.common_name = wish->user,
        .organizations = (bytes *)(uintptr_t)wish->groups,
        .organization_count = wish->group_count};
    return cert_is_node(&identity) ? kubelet_signer : client_signer;
}

/* The request as JSON. It says that it is to be kept while the certificate lasts: `coffer cert list` shows it. */
static struct json *compose(struct arena *arena, const struct cert_wish *wish, bytes csr_pem)
{
    struct json *object = json_new(arena, JSON_OBJECT), *usages = json_new(arena, JSON_ARRAY);
    struct json *metadata = json_add(object, BYTES("metadata"), json_new(arena, JSON_OBJECT));
    struct json *labels = json_add(metadata, BYTES("labels"), json_new(arena, JSON_OBJECT));
    struct json *spec = json_add(object, BYTES("spec"), json_new(arena, JSON_OBJECT));
    bytes request = base64_encode(arena, BASE64_STANDARD, csr_pem);
    bool fine = json_add(metadata, BYTES("generateName"), json_string(arena, BYTES("coffer-cert-"))) &&
                json_add(labels, BYTES("coffer.dev/keep"), json_string(arena, BYTES("true"))) && request.p &&
                json_add(spec, BYTES("request"), json_string(arena, request)) &&
                json_add(spec, BYTES("signerName"), json_string(arena, bytes_of(signer_of(wish)))) &&
                json_append(usages, json_string(arena, BYTES("digital signature"))) &&
                json_append(usages, json_string(arena, BYTES("client auth"))) &&
                json_add(spec, BYTES("usages"), usages);
    if (fine && wish->seconds)
        fine = json_add(spec, BYTES("expirationSeconds"), json_integer(arena, wish->seconds)) != NULL;
    return fine ? object : NULL;
}

static err_t send(struct api_client *client, struct arena *arena, const char *method, bytes path,
    const struct json *body, struct json **ret, struct error *error)
{
    struct buffer text;
    buffer_init(&text, arena);
    json_write(&text, body);
    if (text.failed || !path.p)
        return arena_error(arena, error);
    return api_do(
        client, arena, &(struct api_request){.method = method, .path = path, .body = buffer_bytes(&text)}, ret, error);
}

static void keep_version(struct asked *asked, const struct json *object)
{
    bytes version = json_text(json_get(object, BYTES("metadata")), BYTES("resourceVersion"));
    if (version.n < sizeof asked->version)
        memcpy(asked->version, version.p, version.n);
    asked->version[version.n < sizeof asked->version ? version.n : 0] = 0;
}

static err_t create(struct asked *asked, const struct cert_wish *wish, bytes csr_pem, struct error *error)
{
    const struct json *object = compose(asked->arena, wish, csr_pem);
    struct json *made;
    if (!object)
        return arena_error(asked->arena, error);
    TRY(send(asked->client, asked->arena, "POST", REQUESTS, object, &made, error));
    keep_version(asked, made);
    asked->name = json_text(json_get(made, BYTES("metadata")), BYTES("name"));
    asked->path = arena_join(asked->arena, REQUESTS, BYTES("/"), asked->name, ARENA_END);
    if (!asked->path.p)
        return arena_error(asked->arena, error);
    return asked->name.n ? ERR_OK : error_set(error, ERR_UNKNOWN, "the server sent a request without a name");
}

/* Who may approve does so; who may not waits for somebody else, and whoever was quicker is no error. */
static err_t approve(struct asked *asked, struct json *object, struct error *error)
{
    const struct condition yes = {"Approved", "True", "CofferCert", BYTES("approved by who asked")};
    struct json *answer;
    struct error inner;
    bool changed;
    error_init(&inner, asked->scratch);
    bytes path = arena_join(asked->scratch, asked->path, BYTES("/approval"), ARENA_END);
    struct json *status = json_get(object, BYTES("status"));
    if (!status)
        status = json_set(object, BYTES("status"), json_new(asked->scratch, JSON_OBJECT));
    if (!status || !condition_set(asked->scratch, status, &yes, clock_wall_seconds(), &changed))
        return arena_error(asked->scratch, error);
    err_t code = send(asked->client, asked->scratch, "PUT", path, object, &answer, &inner);
    asked->tried = code != ERR_CONFLICT;
    if (code == ERR_OK || code == ERR_CONFLICT || code == ERR_FORBIDDEN)
        return ERR_OK;
    return error_set(error, code, "cannot approve the request: %.*s", BYTES_FMT(inner.message));
}

static err_t refused(const struct json *status, const char *type, struct error *error)
{
    const struct json *condition = condition_find(status, type);
    return error_set(error, ERR_FORBIDDEN, "the request was %s: %.*s", type[0] == 'D' ? "denied" : "not signed",
        BYTES_FMT(json_text(condition, BYTES("message"))));
}

/* One look. *ret stays empty while nothing is decided or signed. */
static err_t look(struct asked *asked, bool *ret_pending, bytes *ret, struct error *error)
{
    struct json *object;
    size_t offset;
    arena_reset(asked->scratch);
    TRY(api_get(asked->client, asked->scratch, asked->path, &object, error));
    const struct json *status = json_get(object, BYTES("status"));
    bytes certificate = json_text(status, BYTES("certificate"));
    bool approved = condition_is_true(status, "Approved");
    keep_version(asked, object);
    asked->issued |= certificate.n > 0;
    *ret_pending = !approved && asked->tried;
    if (condition_is_true(status, "Denied"))
        return refused(status, "Denied", error);
    if (condition_is_true(status, "Failed"))
        return refused(status, "Failed", error);
    if (!approved)
        return asked->tried ? ERR_OK : approve(asked, object, error);
    if (certificate.n && base64_decode(asked->arena, BASE64_STANDARD, certificate, ret, &offset) != ERR_OK)
        return error_set(error, ERR_UNKNOWN, "the server sent a certificate that is no base64");
    return ERR_OK;
}

static err_t await(struct asked *asked, uint64_t timeout_ms, void (*waits)(bytes), bytes *ret, struct error *error)
{
    uint64_t until = clock_monotonic_ms() + timeout_ms;
    const struct timespec pause = {.tv_nsec = ASK_MS * 1000000l};
    bool told = false, pending;
    for (;;) {
        TRY(look(asked, &pending, ret, error));
        if (ret->n)
            return ERR_OK;
        if (cert_signal)
            return error_set(error, ERR_TIMEOUT, "interrupted");
        if (pending && !told && waits)
            told = true, waits(asked->name);
        if (clock_monotonic_ms() >= until)
            return error_set(error, ERR_TIMEOUT, "nobody %s the request %.*s in time", pending ? "approved" : "signed",
                BYTES_FMT(asked->name));
        nanosleep(&pause, NULL);
    }
}

/* ---- A request that nobody waits for any more. */

/* Deletes it as it was seen last: what was decided or issued since is ERR_CONFLICT. */
static err_t take_back(struct asked *asked, struct error *error)
{
    struct json *options, *preconditions, *answer;
    arena_reset(asked->scratch);
    options = json_new(asked->scratch, JSON_OBJECT);
    preconditions = json_add(options, BYTES("preconditions"), json_new(asked->scratch, JSON_OBJECT));
    if (!json_add(preconditions, BYTES("resourceVersion"), json_string(asked->scratch, bytes_of(asked->version))))
        return arena_error(asked->scratch, error);
    return send(asked->client, asked->scratch, "DELETE", asked->path, options, &answer, error);
}

/* Of no use to anybody once its key is wiped, unless a certificate came after all: then *ret is it. cause: why nobody
 * waits. */
static err_t abandon(struct asked *asked, const struct error *cause, bytes *ret, struct error *error)
{
    struct error inner;
    bool pending;
    err_t code = ERR_CONFLICT;
    for (unsigned i = 0; i < TAKE_TRIES && code == ERR_CONFLICT && !asked->issued; i++) {
        error_init(&inner, asked->scratch);
        code = take_back(asked, &inner);
        if (code == ERR_CONFLICT && look(asked, &pending, ret, &inner) == ERR_OK && ret->n)
            return ERR_OK;
    }
    if (code == ERR_OK || code == ERR_NOT_FOUND)
        return error_set(error, cause->code, "%.*s (%.*s was deleted again: ask anew)", BYTES_FMT(cause->message),
            BYTES_FMT(asked->name));
    return error_set(error, cause->code,
        "%.*s (%.*s stays, and its key is gone; who may, deletes it: kubectl delete csr %.*s)",
        BYTES_FMT(cause->message), BYTES_FMT(asked->name), BYTES_FMT(asked->name));
}

static err_t request(struct asked *asked, const struct cert_wish *wish, bytes csr_pem, void (*waits)(bytes), bytes *ret,
    struct error *error)
{
    struct error cause;
    error_init(&cause, asked->arena);
    *ret = BYTES_NONE;
    TRY(create(asked, wish, csr_pem, error));
    return await(asked, wish->timeout_ms, waits, ret, &cause) == ERR_OK ? ERR_OK : abandon(asked, &cause, ret, error);
}

/* ---- Signals. A second one ends the process as ever. */

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static void note_signal(int number)
{
    cert_signal = number;
}

static void hold_signals(struct sigaction before[ARRAY_LEN(signals)])
{
    const struct sigaction note = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        if (sigaction(signals[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &note, NULL);
}

static void free_signals(const struct sigaction before[ARRAY_LEN(signals)])
{
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        (void)sigaction(signals[i], &before[i], NULL);
}

err_t cert_request(struct api_client *client, struct arena *arena, const struct cert_wish *wish, void (*waits)(bytes),
    struct x509_pair *ret, struct error *error)
{
    const struct x509_request subject = {
        .common_name = wish->user, .organizations = wish->groups, .organization_count = wish->group_count};
    struct sigaction before[ARRAY_LEN(signals)];
    struct arena scratch;
    bytes csr_pem;
    TRY(x509_csr_make(arena, &subject, &csr_pem, &ret->key_pem, error));
    arena_init(&scratch, (size_t)16 << 20);
    struct asked asked = {.client = client, .arena = arena, .scratch = &scratch};
    hold_signals(before);
    err_t code = request(&asked, wish, csr_pem, waits, &ret->certificate_pem, error);
    free_signals(before);
    arena_reset(&scratch);
    return code;
}
