/* SPDX-License-Identifier: Apache-2.0 */
/* An api_client over the network. */
#include "base/base64.h"
#include "client/api_client.h"
#include "client/document.h"
#include "client/server_url.h"
#include "net/http_client.h"

struct network_client {
    struct api_client face; /* first: what callers hold */
    const struct kubeconfig *config;
    struct http_client *http;
    struct secret authorization; /* "Bearer ...", "Basic ..."; empty when the certificate is the proof */
    const char **headers;        /* the first is Accept; room for one more at the end: the body's type */
    size_t header_count;
};

static err_t network_call(struct api_client *face, struct arena *arena, const struct api_request *request,
    struct api_reply *ret, struct error *error)
{
    struct network_client *client = (struct network_client *)face;
    struct http_reply reply;
    bytes url = arena_format(arena, "%s%.*s", client->config->server, BYTES_FMT(request->path));
    bytes type =
        arena_format(arena, "Content-Type: %s", request->content_type ? request->content_type : "application/json");
    bytes accept = arena_format(arena, "Accept: %s", request->accept ? request->accept : "application/json");
    if (!url.p || !type.p || !accept.p)
        return arena_error(arena, error);
    client->headers[0] = (const char *)accept.p;
    const struct http_secret_header authorization = {"Authorization", client->authorization};
    struct http_call call = {
        .method = request->method,
        .url = (const char *)url.p,
        .secret_headers = &authorization,
        .secret_header_count = client->authorization.n ? 1 : 0,
        .headers = client->headers,
        .header_count = client->header_count,
        .body = request->body,
    };
    if (request->body.n)
        client->headers[call.header_count++] = (const char *)type.p;
    TRY(http_client_call(client->http, arena, &call, &reply, error));
    *ret = (struct api_reply){.status = reply.status, .body = reply.body};
    return ERR_OK;
}

static void network_free(struct api_client *face)
{
    http_client_free(((struct network_client *)face)->http);
}

/* A line break in a credential would end its header and begin another. */
static bool header_safe(struct secret value)
{
    bool safe = true;
    for (size_t i = 0; i < value.n; i++)
        safe &= value.p[i] >= ' ' && value.p[i] != 0x7f;
    return safe;
}

static err_t make_authorization(
    const struct kubeconfig *k, struct arena *arena, struct secret *ret, struct error *error)
{
    bytes line;
    if (!header_safe(k->token))
        return error_set(
            error, ERR_INVALID, "%s: the token of user \"%s\" cannot be sent in a header", k->file, k->user);
    if (k->token.n) {
        line = arena_join(arena, BYTES("Bearer "), (bytes){k->token.p, k->token.n}, ARENA_END);
    } else if (k->username || k->password.n) {
        bytes pair =
            arena_join(arena, bytes_of(k->username), BYTES(":"), (bytes){k->password.p, k->password.n}, ARENA_END);
        bytes encoded = pair.p ? base64_encode(arena, BASE64_STANDARD, pair) : BYTES_NONE;
        line = encoded.p ? arena_join(arena, BYTES("Basic "), encoded, ARENA_END) : BYTES_NONE;
    } else {
        *ret = (struct secret){NULL, 0};
        return ERR_OK;
    }
    *ret = line.p ? secret_copy(arena, line) : (struct secret){NULL, 0};
    return ret->p ? ERR_OK : arena_error(arena, error);
}

err_t api_client_new(const struct kubeconfig *k, struct arena *arena, struct api_client **ret, struct error *error)
{
    /* As Go's: the environment's proxy is not for this machine. */
    const char *proxy = !k->proxy_url && server_url_is_loopback(k->server) ? "" : k->proxy_url;
    struct http_client_options options = {
        .ca_pem = k->ca_pem,
        .client_certificate_pem = k->client_certificate_pem,
        .client_key_pem = k->client_key_pem,
        .insecure_skip_verify = k->insecure_skip_tls_verify,
        .tls_server_name = k->tls_server_name,
        .proxy = proxy,
    };
    struct network_client *client = arena_zero(arena, sizeof *client);
    const char **headers = arena_zero(arena, (k->header_count + 2) * sizeof *headers);
    if (!client || !headers)
        return arena_error(arena, error);
    client->face = (struct api_client){.call = network_call, .free = network_free};
    client->config = k;
    TRY(make_authorization(k, arena, &client->authorization, error));
    if (k->header_count)
        memcpy(headers + 1, k->headers, k->header_count * sizeof *headers);
    client->headers = headers;
    client->header_count = k->header_count + 1;
    TRY(http_client_new(&options, &client->http, error));
    *ret = &client->face;
    return ERR_OK;
}
