/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/serve_paths.h"

#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* $variable/rest, or ~/fallback/rest. */
static err_t under_home(struct arena *arena, const char *variable, const char *fallback, const char *rest,
    const char **ret, struct error *error)
{
    const char *base = getenv(variable), *home = getenv("HOME");
    bytes path;
    if (base && base[0] == '/')
        path = arena_format(arena, "%s/%s", base, rest);
    else if (home && home[0] == '/')
        path = arena_format(arena, "%s/%s/%s", home, fallback, rest);
    else
        return error_set(error, ERR_INVALID, "neither %s nor HOME names a directory: say where by the flags", variable);
    if (!path.p)
        return arena_error(arena, error);
    *ret = (const char *)path.p;
    return ERR_OK;
}

err_t default_data_directory(struct arena *arena, const char **ret, struct error *error)
{
    if (geteuid() != 0)
        return under_home(arena, "XDG_DATA_HOME", ".local/share", "coffer", ret, error);
    *ret = "/var/lib/coffer";
    return ERR_OK;
}

err_t default_unlock_file(struct arena *arena, const char *store_id, const char **ret, struct error *error)
{
    bytes name = arena_format(arena, geteuid() == 0 ? "/etc/coffer/%s.key" : "coffer/%s.key", store_id);
    if (!name.p)
        return arena_error(arena, error);
    if (geteuid() != 0)
        return under_home(arena, "XDG_CONFIG_HOME", ".config", (const char *)name.p, ret, error);
    *ret = (const char *)name.p;
    return ERR_OK;
}

err_t unlock_file_of(const char *option, const char **ret, struct error *error)
{
    if (strncmp(option, "file:", 5) != 0 || option[5] == 0)
        return error_set(error, ERR_BAD_REQUEST, "--unlock takes file:PATH, not %s", option);
    *ret = option + 5;
    return ERR_OK;
}

err_t parse_listen(
    struct arena *arena, const char *listen, const char **ret_address, uint16_t *ret_port, struct error *error)
{
    bytes text = bytes_of(listen);
    const char *colon = strrchr(listen, ':');
    uint8_t scratch[sizeof(struct in6_addr)];
    uint64_t port;

    if (!colon || !bytes_to_uint64(bytes_of(colon + 1), &port) || port > UINT16_MAX)
        return error_set(
            error, ERR_BAD_REQUEST, "--listen %s: wants ADDRESS:PORT, such as 127.0.0.1:6443 or [::1]:6443", listen);
    bytes host = {text.p, (size_t)(colon - listen)};
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (bytes){host.p + 1, host.n - 2};
    bytes copy = arena_copy(arena, host.n ? host : BYTES("0.0.0.0"));
    if (!copy.p)
        return arena_error(arena, error);
    const char *address = (const char *)copy.p;
    if (inet_pton(strchr(address, ':') ? AF_INET6 : AF_INET, address, scratch) != 1)
        return error_set(error, ERR_BAD_REQUEST, "--listen %s: %s is not a numeric address", listen, address);
    *ret_address = address;
    *ret_port = (uint16_t)port;
    return ERR_OK;
}

err_t check_listen(const char *address, uint16_t port, struct error *error)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    const int on = 1;

    if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
        return error_set(error, ERR_BAD_REQUEST, "%s is not a numeric address", address);
    CLEANUP(file_close) int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
            is_v4 ? (socklen_t)sizeof(v4) : (socklen_t)sizeof(v6)) != 0) {
        if (errno == EADDRINUSE)
            return error_set(
                error, ERR_CONFLICT, "cannot listen on %s port %u: another program does already", address, port);
        return error_errno(error, errno, "cannot listen on %s port %u", address, port);
    }
    return ERR_OK;
}
