/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "cmd/cert.h"

#define CERTIFICATE "client-certificate-data: "
#define KEY         "client-key-data: "

/* Quoted as JSON, which is YAML: names may hold anything. */
static void put_text(struct buffer *b, const char *before, bytes text)
{
    buffer_text(b, before);
    json_write_string(b, text);
    buffer_byte(b, '\n');
}

static void put_data(struct buffer *b, const char *before, bytes content)
{
    buffer_text(b, before);
    buffer_put(b, base64_encode(b->arena, BASE64_STANDARD, content));
    buffer_byte(b, '\n');
}

bytes cert_kubeconfig(
    struct arena *arena, const struct kubeconfig *k, const char *namespace, bytes user, const struct x509_pair *pair)
{
    struct buffer b;
    bytes cluster = bytes_of(k->cluster && *k->cluster ? k->cluster : "coffer");
    buffer_init(&b, arena);
    put_text(&b, "apiVersion: v1\nkind: Config\nclusters:\n- name: ", cluster);
    put_text(&b, "  cluster:\n    server: ", bytes_of(k->server));
    if (k->ca_pem.n)
        put_data(&b, "    certificate-authority-data: ", k->ca_pem);
    if (k->tls_server_name)
        put_text(&b, "    tls-server-name: ", bytes_of(k->tls_server_name));
    if (k->proxy_url)
        put_text(&b, "    proxy-url: ", bytes_of(k->proxy_url));
    if (k->insecure_skip_tls_verify)
        buffer_text(&b, "    insecure-skip-tls-verify: true\n");
    put_text(&b, "users:\n- name: ", user);
    put_data(&b, "  user:\n    " CERTIFICATE, pair->certificate_pem);
    put_data(&b, "    " KEY, pair->key_pem);
    put_text(&b, "contexts:\n- name: ", cluster);
    put_text(&b, "  context:\n    cluster: ", cluster);
    put_text(&b, "    user: ", user);
    if (namespace)
        put_text(&b, "    namespace: ", bytes_of(namespace));
    put_text(&b, "current-context: ", cluster);
    return b.failed || arena->failed ? BYTES_NONE : buffer_bytes(&b);
}

/* The value after a member's name that stands in the text just once, up to the end of its line. */
static bool find_value(bytes text, const char *name, bytes *ret)
{
    const uint8_t *at = memmem(text.p, text.n, name, strlen(name));
    if (!at)
        return false;
    bytes rest = bytes_skip(text, (size_t)(at - text.p) + strlen(name));
    *ret = (bytes){rest.p, bytes_find(rest, '\n')};
    while (ret->n && (ret->p[ret->n - 1] == '\r' || ret->p[ret->n - 1] == ' '))
        ret->n--;
    return !memmem(rest.p, rest.n, name, strlen(name));
}

static err_t no_pair(struct error *error)
{
    return error_set(error, ERR_INVALID, "the kubeconfig holds no client certificate as data, or several");
}

/* text with the value in it replaced. */
static bytes replaced(struct arena *arena, bytes text, bytes value, bytes content)
{
    bytes encoded = base64_encode(arena, BASE64_STANDARD, content);
    bytes before = {text.p, (size_t)(value.p - text.p)}, after = bytes_skip(text, before.n + value.n);
    return encoded.p ? arena_join(arena, before, encoded, after, ARENA_END) : BYTES_NONE;
}

err_t cert_kubeconfig_replace(
    struct arena *arena, bytes text, const struct x509_pair *pair, bytes *ret, struct error *error)
{
    bytes value;
    if (!find_value(text, CERTIFICATE, &value))
        return no_pair(error);
    bytes half = replaced(arena, text, value, pair->certificate_pem);
    if (!half.p)
        return arena_error(arena, error);
    if (!find_value(half, KEY, &value))
        return no_pair(error);
    *ret = replaced(arena, half, value, pair->key_pem);
    return ret->p ? ERR_OK : arena_error(arena, error);
}

err_t cert_find(struct arena *arena, bytes text, bool is_kubeconfig, bytes *ret, struct error *error)
{
    bytes value;
    size_t offset;
    if (!is_kubeconfig) {
        *ret = text;
        return ERR_OK;
    }
    if (!find_value(text, CERTIFICATE, &value))
        return no_pair(error);
    return base64_decode(arena, BASE64_STANDARD, value, ret, &offset) == ERR_OK
               ? ERR_OK
               : error_set(error, ERR_INVALID, "the kubeconfig's " CERTIFICATE "is no base64");
}
