/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include "base/memory.h"
#include "net/libcurl.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 30000
#define CONNECT_MS 10000L
#define MAX_BODY   ((size_t)16 << 20)
#define HEADER_MAX 16384

struct http_client {
    CURLSH *share; /* connections, sessions and names outlive the handle of a call; what a handle holds of a body does
                      not */
    struct secret ca, certificate, key;
    char *tls_server_name, *proxy;
    bool insecure_skip_verify;
    unsigned timeout_ms;
    size_t max_body;
};

err_t http_client_global(struct error *error)
{
    static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
    static bool loaded;
    err_t code = ERR_OK;

    pthread_mutex_lock(&loading);
    if (!loaded)
        code = libcurl_load(error);
    loaded = code == ERR_OK;
    pthread_mutex_unlock(&loading);
    return code;
}

static bool copy_bytes(struct secret *to, const uint8_t *p, size_t n)
{
    if (n == 0)
        return true;
    to->p = malloc(n);
    if (!to->p)
        return false;
    memcpy(to->p, p, n);
    to->n = n;
    return true;
}

static bool copy_text(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return *to || !text;
}

err_t http_client_new(const struct http_client_options *o, struct http_client **ret, struct error *error)
{
    static const curl_lock_data shared[] = {CURL_LOCK_DATA_CONNECT, CURL_LOCK_DATA_SSL_SESSION, CURL_LOCK_DATA_DNS};
    struct http_client *client = calloc(1, sizeof *client);
    if (!client)
        return error_set(error, ERR_NO_MEMORY, "no memory for an HTTP client");
    client->share = libcurl.share_init();
    client->insecure_skip_verify = o->insecure_skip_verify;
    client->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
    client->max_body = o->max_body ? o->max_body : MAX_BODY;
    bool ok = client->share && copy_bytes(&client->ca, o->ca_pem.p, o->ca_pem.n) &&
              copy_bytes(&client->certificate, o->client_certificate_pem.p, o->client_certificate_pem.n) &&
              copy_bytes(&client->key, o->client_key_pem.p, o->client_key_pem.n) &&
              copy_text(&client->tls_server_name, o->tls_server_name) && copy_text(&client->proxy, o->proxy);
    for (size_t i = 0; ok && i < ARRAY_LEN(shared); i++)
        ok = libcurl.share_setopt(client->share, CURLSHOPT_SHARE, shared[i]) == CURLSHE_OK;
    if (!ok) {
        http_client_free(client);
        return error_set(error, ERR_NO_MEMORY, "no memory for an HTTP client");
    }
    *ret = client;
    return ERR_OK;
}

static void secret_free(struct secret *secret)
{
    if (secret->p)
        memory_wipe(secret->p, secret->n);
    free(secret->p);
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    libcurl.share_cleanup(client->share);
    secret_free(&client->ca);
    secret_free(&client->certificate);
    secret_free(&client->key);
    free(client->tls_server_name);
    free(client->proxy);
    free(client);
}

/* One call: all of it is gone at its end. */
struct transfer {
    struct http_client *client;
    CURL *curl;
    struct curl_slist *headers, *connect_to;
    struct buffer body;
    bool too_large;
    char *url, *host; /* the host for sentences */
    char reason[CURL_ERROR_SIZE];
};

static void list_free(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item; item = item->next)
        memory_wipe(item->data, strlen(item->data)); /* Authorization */
    libcurl.slist_free_all(list);
}

static void transfer_done(struct transfer *t)
{
    libcurl.easy_cleanup(t->curl);
    list_free(t->headers);
    list_free(t->connect_to);
    libcurl.free(t->url);
    libcurl.free(t->host);
}

static size_t on_body(char *p, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t n = size * count;
    if (n > t->client->max_body - t->body.n) {
        t->too_large = true;
        return 0;
    }
    buffer_put(&t->body, (bytes){(const uint8_t *)p, n});
    return t->body.failed ? 0 : n;
}

/* OpenSSL keeps no plaintext of idle connections. */
static CURLcode on_tls(CURL *curl, void *context, void *user)
{
    (void)curl, (void)user;
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
    return CURLE_OK;
}

static bool add(struct curl_slist **list, const char *text)
{
    struct curl_slist *grown = libcurl.slist_append(*list, text);
    if (grown)
        *list = grown;
    return grown != NULL;
}

static void wipe_line(char (*line)[HEADER_MAX])
{
    memory_wipe(*line, sizeof *line);
}

static err_t add_headers(struct transfer *t, const struct http_call *call, struct error *error)
{
    CLEANUP(wipe_line) char line[HEADER_MAX];
    bool ok = add(&t->headers, "Expect:"), typed = false;
    for (size_t i = 0; ok && i < call->header_count; i++) {
        typed |= strncasecmp(call->headers[i], "Content-Type:", 13) == 0;
        ok = add(&t->headers, call->headers[i]);
    }
    if (ok && !typed)
        ok = add(&t->headers, "Content-Type:"); /* none, instead of a form's */
    for (size_t i = 0; ok && i < call->secret_header_count; i++) {
        struct secret value = call->secret_headers[i].value;
        if (value.n > HEADER_MAX / 2 || memchr(value.p, '\n', value.n) || memchr(value.p, '\r', value.n) ||
            memchr(value.p, 0, value.n))
            return error_set(error, ERR_INVALID,
                "the header %s cannot be sent: its value is too long or has a line break",
                call->secret_headers[i].name);
        snprintf(line, sizeof line, "%.128s: %.*s", call->secret_headers[i].name, (int)value.n, (const char *)value.p);
        ok = add(&t->headers, line);
    }
    return ok ? ERR_OK : error_set(error, ERR_NO_MEMORY, "no memory for a request to %s", t->host);
}

static void url_done(CURLU **url)
{
    libcurl.url_cleanup(*url);
}

static void text_done(char **text)
{
    libcurl.free(*text);
}

/* The certificate is checked against another name than the URL's: the URL takes that name, and the connection goes
 * where it went. */
static err_t rename_server(struct transfer *t, CURLU *url, struct error *error)
{
    const char *name = t->client->tls_server_name;
    CLEANUP(text_done) char *port = NULL;
    char line[2048], host[1024];
    if (!name || !*name)
        return ERR_OK;
    if (libcurl.url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        libcurl.url_set(url, CURLUPART_HOST, name, 0) != CURLUE_OK)
        return error_set(error, ERR_INVALID, "\"%s\" is not a valid server name", name);
    int n = snprintf(line, sizeof line, "%s:%s:%s:%s", name, port, t->host, port);
    int m = snprintf(host, sizeof host, "Host: %s:%s", t->host, port);
    if (n >= (int)sizeof line || m >= (int)sizeof host || !add(&t->connect_to, line) || !add(&t->headers, host))
        return error_set(error, ERR_NO_MEMORY, "no memory for a request to %s", t->host);
    return ERR_OK;
}

/* The host is where the call says that it is: no name is asked for, and no answer of a name server counts. */
static err_t pin_address(struct transfer *t, CURLU *url, const char *address, struct error *error)
{
    CLEANUP(text_done) char *port = NULL;
    char line[2048];
    if (!address)
        return ERR_OK;
    if (libcurl.url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return error_set(error, ERR_INVALID, "not a valid URL");
    int n = snprintf(line, sizeof line, "%s:%s:%s", t->host, port, address);
    if (n >= (int)sizeof line || !add(&t->connect_to, line))
        return error_set(error, ERR_NO_MEMORY, "no memory for a request to %s", t->host);
    return ERR_OK;
}

static err_t read_url(struct transfer *t, const struct http_call *call, struct error *error)
{
    const char *text = call->url;
    CLEANUP(url_done) CURLU *url = libcurl.url();
    if (!url)
        return error_set(error, ERR_NO_MEMORY, "no memory for a request");
    if (libcurl.url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        libcurl.url_get(url, CURLUPART_HOST, &t->host, 0) != CURLUE_OK)
        return error_set(error, ERR_INVALID, "not a valid URL");
    TRY(rename_server(t, url, error));
    TRY(pin_address(t, url, call->connect_to, error));
    if (libcurl.url_get(url, CURLUPART_URL, &t->url, 0) != CURLUE_OK)
        return error_set(error, ERR_NO_MEMORY, "no memory for a request to %s", t->host);
    return ERR_OK;
}

/* Borrowed by the handle, which ends before the client. */
static bool set_blob(CURL *curl, CURLoption option, struct secret from)
{
    struct curl_blob blob = {from.p, from.n, CURL_BLOB_NOCOPY};
    return from.n == 0 || libcurl.easy_setopt(curl, option, &blob) == CURLE_OK;
}

static bool set_tls(CURL *curl, const struct http_client *client)
{
    bool ok = libcurl.easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
              libcurl.easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
              libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, client->insecure_skip_verify ? 0L : 1L) == CURLE_OK &&
              libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, client->insecure_skip_verify ? 0L : 2L) == CURLE_OK;
    if (client->ca.n > 0) /* this one alone: not the system's as well */
        ok = ok && libcurl.easy_setopt(curl, CURLOPT_CAINFO, NULL) == CURLE_OK &&
             libcurl.easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
             set_blob(curl, CURLOPT_CAINFO_BLOB, client->ca);
    return ok && set_blob(curl, CURLOPT_SSLCERT_BLOB, client->certificate) &&
           set_blob(curl, CURLOPT_SSLKEY_BLOB, client->key);
}

static bool set_request(CURL *curl, const struct http_call *call)
{
    bool sends = call->body.n > 0 || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0 ||
                 strcmp(call->method, "PATCH") == 0;
    if (strcmp(call->method, "HEAD") == 0)
        return libcurl.easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (sends &&
        (libcurl.easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n) != CURLE_OK ||
            libcurl.easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.n ? (const char *)call->body.p : "") != CURLE_OK))
        return false;
    return libcurl.easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
}

static bool set_up(struct transfer *t, const struct http_call *call)
{
    struct http_client *client = t->client;
    CURL *curl = t->curl;
    return libcurl.easy_setopt(curl, CURLOPT_URL, t->url) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_SHARE, client->share) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_ERRORBUFFER, t->reason) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           /* One call at a time gains nothing by HTTP/2, whose buffers would keep plaintext. */
           libcurl.easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_TIMEOUT_MS,
               (long)(call->timeout_ms ? call->timeout_ms : client->timeout_ms)) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_WRITEDATA, t) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
           libcurl.easy_setopt(curl, CURLOPT_CONNECT_TO, t->connect_to) == CURLE_OK &&
           (!client->proxy || libcurl.easy_setopt(curl, CURLOPT_PROXY, client->proxy) == CURLE_OK) &&
           set_tls(curl, client) && set_request(curl, call);
}

static const struct {
    CURLcode result;
    enum err_code code;
    const char *sentence;
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ERR_UNAVAILABLE, "the name is not known"},
    {CURLE_COULDNT_RESOLVE_PROXY, ERR_UNAVAILABLE, "the proxy's name is not known"},
    {CURLE_COULDNT_CONNECT, ERR_UNAVAILABLE, "cannot connect; if by a proxy, perhaps its URL is of no known kind"},
    {CURLE_NOT_BUILT_IN, ERR_UNAVAILABLE, "cannot connect by a proxy of this kind"},
    {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "no answer in time"},
    {CURLE_GOT_NOTHING, ERR_UNAVAILABLE, "the connection was closed without an answer"},
    {CURLE_PARTIAL_FILE, ERR_UNAVAILABLE, "the connection was closed in the middle of the answer"},
    {CURLE_OUT_OF_MEMORY, ERR_NO_MEMORY, "out of memory"},
    {CURLE_SSL_CERTPROBLEM, ERR_INVALID, "the client certificate or its key cannot be used"},
    {CURLE_SSL_CACERT_BADFILE, ERR_INVALID, "the CA certificate cannot be read"},
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_INVALID, "not an http or https URL"},
};

/* What failed, for which host. curl's own text names hosts, ports and TLS alerts, never headers or bodies; where it
 * would name the proxy's URL, with the password in it, the table has a sentence. */
static err_t explain(struct transfer *t, CURLcode result, struct error *error)
{
    long verified = 0, reason = 0;
    const char *alert = strstr(t->reason, " alert ");
    if (t->too_large)
        return error_set(error, ERR_TOO_LARGE, "%s: the answer is larger than %zu bytes", t->host, t->client->max_body);
    if (t->body.failed)
        return arena_error(t->body.arena, error);
    libcurl.easy_getinfo(t->curl, CURLINFO_SSL_VERIFYRESULT, &verified);
    libcurl.easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &reason);
    if (result == CURLE_PEER_FAILED_VERIFICATION && verified != X509_V_OK)
        return error_set(error, ERR_UNAVAILABLE, "%s: its certificate is not trusted: %s", t->host,
            X509_verify_cert_error_string(verified));
    /* With TLS 1.3 a refused client certificate shows after the handshake: as an alert, or as a broken connection when
     * that overtakes it. */
    const char *hint =
        t->client->certificate.n > 0 ? "; is the client certificate one of its CA, and still valid?" : "";
    if (alert)
        return error_set(error, ERR_UNAVAILABLE, "%s: the server refused the TLS connection:%.*s%s", t->host,
            (int)strcspn(alert, ","), alert, hint);
    if (result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR)
        return error_set(error, ERR_UNAVAILABLE, "%s: the connection broke while %s%s", t->host,
            result == CURLE_SEND_ERROR ? "sending" : "receiving", hint);
    if (result == CURLE_COULDNT_CONNECT && reason != 0)
        return error_set(error, ERR_UNAVAILABLE, "%s: cannot connect: %s", t->host, strerror((int)reason));
    if (result == CURLE_SSL_CACERT_BADFILE && !t->client->ca.n)
        return error_set(error, ERR_UNAVAILABLE,
            "%s: its certificate is not trusted: this machine has no CA certificates (Debian's package "
            "ca-certificates) "
            "and none was named",
            t->host);
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].result == result)
            return error_set(error, failures[i].code, "%s: %s", t->host, failures[i].sentence);
    return error_set(
        error, ERR_UNAVAILABLE, "%s: %s", t->host, t->reason[0] ? t->reason : libcurl.easy_strerror(result));
}

err_t http_client_call(struct http_client *client, struct arena *arena, const struct http_call *call,
    struct http_reply *ret, struct error *error)
{
    CLEANUP(transfer_done) struct transfer t = {.client = client};
    long status = 0;
    char *type = NULL;
    TRY(read_url(&t, call, error));
    TRY(add_headers(&t, call, error));
    buffer_init(&t.body, arena);
    t.curl = libcurl.easy_init();
    if (!t.curl || !set_up(&t, call))
        return error_set(error, ERR_NO_MEMORY, "no memory for a request to %s", t.host);
    CURLcode result = libcurl.easy_perform(t.curl);
    if (result != CURLE_OK)
        return explain(&t, result, error);
    libcurl.easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
    libcurl.easy_getinfo(t.curl, CURLINFO_CONTENT_TYPE, &type);
    bytes content_type = type ? arena_copy(arena, bytes_of(type)) : BYTES("");
    if (!content_type.p)
        return arena_error(arena, error);
    *ret = (struct http_reply){(int)status, buffer_bytes(&t.body), content_type};
    return ERR_OK;
}
