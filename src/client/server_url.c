/* SPDX-License-Identifier: Apache-2.0 */
#include "client/server_url.h"

/* The host part of "//host:port/path". False when it is empty or its brackets do not fit. */
static bool take_host(const char *url, bytes *ret, const char **ret_rest)
{
    const char *host = strstr(url, "//") + 2;
    size_t n = strcspn(host, ":/");
    if (*host == '[') {
        n = strcspn(++host, "]/");
        if (host[n] != ']')
            return false;
        *ret_rest = host + n + 1;
    } else {
        *ret_rest = host + n;
    }
    *ret = (bytes){(const uint8_t *)host, n};
    return n > 0;
}

err_t server_url_check(struct arena *arena, const char *what, const char *url, const char **ret, struct error *error)
{
    const char *rest;
    bytes host;
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        return error_set(error, ERR_INVALID, "%s must begin with https://", what);
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p > '~' || strchr("\"<>\\^`{}|", *p))
            return error_set(error, ERR_INVALID, "%s holds a character that a URL cannot", what);
    if (strpbrk(url, "?#@"))
        return error_set(error, ERR_INVALID, "%s must hold no user, query or fragment", what);
    if (!take_host(url, &host, &rest))
        return error_set(error, ERR_INVALID, "%s names no host", what);
    if (*rest == ':') {
        uint64_t port;
        size_t digits = strcspn(++rest, "/");
        if (!bytes_to_uint64((bytes){(const uint8_t *)rest, digits}, &port) || port == 0 || port > 65535)
            return error_set(error, ERR_INVALID, "%s has a port that is none", what);
        rest += digits;
    }
    if (*rest && *rest != '/')
        return error_set(error, ERR_INVALID, "%s has something wrong after its host", what);
    size_t n = strlen(url);
    while (url[n - 1] == '/')
        n--;
    bytes copy = arena_copy(arena, (bytes){(const uint8_t *)url, n});
    if (!copy.p)
        return arena_error(arena, error);
    *ret = (const char *)copy.p;
    return ERR_OK;
}

bool server_url_is_loopback(const char *url)
{
    const char *rest;
    bytes host;
    if (!take_host(url, &host, &rest))
        return false;
    bool ipv4 = bytes_start(host, BYTES("127.")) && strspn((const char *)host.p, "0123456789.") == host.n;
    return ipv4 || bytes_equal(host, BYTES("localhost")) || bytes_equal(host, BYTES("::1"));
}
