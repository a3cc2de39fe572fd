/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/webhook_call.h"

#include "base/random.h"
#include "kinds/kinds.h"
#include "serve/admission.h"
#include "serve/webhook_review.h"

#define SLICES_MOST 1024
#define NOT_CALLED  "failed to call webhook: "

/* ---- Where a Service is. */

/* One of the addresses that are seen, each as likely as the others. */
struct choice {
    uint32_t seen;
    bytes address;
    int64_t port;
};

static void offer(struct choice *choice, bytes address, int64_t port)
{
    if (address.n > 0 && random_below(++choice->seen) == 0) {
        choice->address = address;
        choice->port = port;
    }
}

/* The number of the port of this name; 0: none. */
static int64_t port_named(const struct json *ports, bytes name)
{
    int64_t number;

    for (const struct json *port = ports ? ports->first : NULL; port; port = port->next) {
        const struct json *value = json_get(port, BYTES("port"));
        if (bytes_equal(json_text(port, BYTES("name")), name) && value && json_to_int64(value, &number))
            return number;
    }
    return 0;
}

static void offer_endpoints(struct choice *choice, const struct json *endpoints, bytes port_name)
{
    const struct json *subsets = json_get(endpoints, BYTES("subsets"));

    for (const struct json *s = subsets ? subsets->first : NULL; s; s = s->next) {
        const struct json *addresses = json_get(s, BYTES("addresses"));
        int64_t port = port_named(json_get(s, BYTES("ports")), port_name);
        for (const struct json *a = addresses && port > 0 ? addresses->first : NULL; a; a = a->next)
            offer(choice, json_text(a, BYTES("ip")), port);
    }
}

static void offer_slice(struct choice *choice, const struct json *slice, bytes service, bytes port_name)
{
    const struct json *labels = json_at(slice, BYTES("metadata"), BYTES("labels"), BYTES_NONE),
                      *endpoints = json_get(slice, BYTES("endpoints"));
    int64_t port = port_named(json_get(slice, BYTES("ports")), port_name);

    if (!bytes_equal(json_text(labels, BYTES("kubernetes.io/service-name")), service) || port == 0 ||
        bytes_equal(json_text(slice, BYTES("addressType")), BYTES("FQDN")))
        return;
    for (const struct json *e = endpoints ? endpoints->first : NULL; e; e = e->next) {
        const struct json *addresses = json_get(e, BYTES("addresses")),
                          *ready = json_at(e, BYTES("conditions"), BYTES("ready"), BYTES_NONE);
        if (addresses && addresses->first && !(ready && ready->type == JSON_FALSE))
            offer(choice, addresses->first->text, port);
    }
}

static err_t offer_slices(struct request *r, struct read_txn *txn, const struct webhook *w, bytes port_name,
    struct choice *choice, struct error *error)
{
    const struct kind *kind = &endpoint_slice_kind;
    bytes prefix = arena_join(r->arena, w->service_namespace, BYTES("/"), ARENA_END);
    struct range range = {.txn = txn, .kind = kind->number, .prefix = prefix, .start = prefix};
    struct record record;
    size_t looked = 0;
    err_t code = ERR_OK;

    if (!prefix.p)
        return arena_error(r->arena, error);
    TRY(range_begin(&range, error));
    while (code == ERR_OK && looked++ < SLICES_MOST && range_next(&range, &record) == 1) {
        struct json *slice;
        bytes text;
        code = record_open(r->server->atrest, r->arena, kind, &record, &text, NULL, error);
        if (code == ERR_OK)
            code = record_parse(r->arena, kind, text, &slice, error);
        if (code == ERR_OK)
            offer_slice(choice, slice, w->service, port_name);
    }
    range_end(&range);
    return code;
}

/* The name of the Service's port, which its endpoints have too. */
static err_t find_port(const struct json *service, const struct webhook *w, bytes *ret, struct error *error)
{
    const struct json *spec = json_get(service, BYTES("spec")), *ports = json_get(spec, BYTES("ports"));
    int64_t number;

    if (bytes_equal(json_text(spec, BYTES("type")), BYTES("ExternalName")))
        return error_set(error, ERR_UNAVAILABLE, "unsupported service type \"ExternalName\"");
    for (const struct json *p = ports ? ports->first : NULL; p; p = p->next) {
        const struct json *port = json_get(p, BYTES("port"));
        if (port && json_to_int64(port, &number) && number == w->port) {
            *ret = json_text(p, BYTES("name"));
            return ERR_OK;
        }
    }
    return error_set(
        error, ERR_UNAVAILABLE, "no service port %u found for service \"%.*s\"", w->port, BYTES_FMT(w->service));
}

static err_t choose(
    struct request *r, struct read_txn *txn, const struct webhook *w, struct choice *ret, struct error *error)
{
    bytes key = object_key(r->arena, w->service_namespace, w->service), port_name = BYTES_NONE;
    struct json *service, *endpoints;

    if (!key.p)
        return arena_error(r->arena, error);
    TRY(record_get(r->server->atrest, txn, r->arena, &service_kind, key, &service, NULL, error));
    if (!service)
        return error_set(error, ERR_UNAVAILABLE, "service \"%.*s\" not found", BYTES_FMT(w->service));
    TRY(find_port(service, w, &port_name, error));
    TRY(record_get(r->server->atrest, txn, r->arena, &endpoints_kind, key, &endpoints, NULL, error));
    if (endpoints)
        offer_endpoints(ret, endpoints, port_name);
    return ret->seen > 0 ? ERR_OK : offer_slices(r, txn, w, port_name, ret, error);
}

static err_t resolve(struct request *r, const struct webhook *w, const char **ret, struct error *error)
{
    struct choice choice = {0};
    struct read_txn *txn;
    bytes text;
    bool colon;
    err_t code;

    *ret = NULL;
    if (w->service.n == 0)
        return ERR_OK;
    TRY(store_read_begin(r->server->store, &txn, error));
    code = choose(r, txn, w, &choice, error);
    store_read_end(txn);
    TRY(code);
    if (choice.seen == 0)
        return error_set(error, ERR_UNAVAILABLE, "no endpoints available for service \"%.*s\"", BYTES_FMT(w->service));
    colon = bytes_find(choice.address, ':') < choice.address.n;
    text = arena_format(r->arena, "%s%.*s%s:%lld", colon ? "[" : "", BYTES_FMT(choice.address), colon ? "]" : "",
        (long long)choice.port);
    *ret = (const char *)text.p;
    return text.p ? ERR_OK : arena_error(r->arena, error);
}

/* ---- Clients, each with the connections that it kept. */

static err_t take_client(struct webhook *w, struct http_client **ret, struct error *error)
{
    struct http_client_options options = {
        .ca_pem = w->ca_pem, .proxy = w->service.n > 0 ? "" : NULL, .max_body = REVIEW_ANSWER_MOST};

    *ret = NULL;
    pthread_mutex_lock(&w->mutex);
    if (w->idle_count > 0)
        *ret = w->idle[--w->idle_count];
    pthread_mutex_unlock(&w->mutex);
    if (*ret)
        return ERR_OK;
    TRY(http_client_global(error));
    return http_client_new(&options, ret, error);
}

static void give_client(struct webhook *w, struct http_client *client)
{
    pthread_mutex_lock(&w->mutex);
    if (w->idle_count < WEBHOOK_CLIENTS) {
        w->idle[w->idle_count++] = client;
        client = NULL;
    }
    pthread_mutex_unlock(&w->mutex);
    http_client_free(client);
}

/* ---- The call. */

static err_t post(struct request *r, struct webhook *w, const char *url, bytes body, unsigned timeout_ms,
    struct http_reply *ret, struct error *error)
{
    static const char *const headers[] = {
        "Content-Type: application/json", "Accept: application/json, */*", "User-Agent: kube-apiserver-admission"};
    struct http_call call = {.method = "POST",
        .url = url,
        .timeout_ms = timeout_ms,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .body = body};
    struct http_client *client;
    err_t code;

    TRY(resolve(r, w, &call.connect_to, error));
    TRY(take_client(w, &client, error));
    code = http_client_call(client, r->arena, &call, ret, error);
    give_client(w, client);
    if (code == ERR_TIMEOUT)
        return error_set(error, code, "context deadline exceeded");
    return code;
}

err_t webhook_call(
    struct request *r, struct webhook *w, bytes body, unsigned timeout_ms, bytes *ret_answer, struct error *error)
{
    bytes url = arena_format(r->arena, "%.*s?timeout=%us", BYTES_FMT(w->url), (timeout_ms + 999) / 1000);
    struct http_reply reply;
    struct error why;
    err_t code;

    error_init(&why, r->arena);
    if (!url.p)
        return arena_error(r->arena, error);
    code = post(r, w, (const char *)url.p, body, timeout_ms, &reply, &why);
    if (code != ERR_OK)
        return error_set(error, code, NOT_CALLED "Post \"%.*s\": %.*s", BYTES_FMT(url), BYTES_FMT(why.message));
    if (reply.status < 200 || reply.status > 206) /* as client-go counts what went well */
        return error_set(error, ERR_UNAVAILABLE, NOT_CALLED "Post \"%.*s\": the server answered with the status %d",
            BYTES_FMT(url), reply.status);
    *ret_answer = reply.body;
    return ERR_OK;
}
