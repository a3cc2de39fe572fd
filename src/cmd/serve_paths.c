/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/serve_paths.h"

#include <arpa/inet.h>
#include <stdlib.h>

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

err_t default_data_directory(struct arena *arena, bool system, const char **ret, struct error *error)
{
    if (!system)
        return under_home(arena, "XDG_DATA_HOME", ".local/share", "coffer", ret, error);
    *ret = "/var/lib/coffer";
    return ERR_OK;
}

err_t default_unlock_file(struct arena *arena, bool system, const char *store_id, const char **ret, struct error *error)
{
    bytes name = arena_format(arena, system ? SYSTEM_KEYS "/%s.key" : "coffer/%s.key", store_id);
    if (!name.p)
        return arena_error(arena, error);
    if (!system)
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

static struct option_list files_of(const struct command_option *row, const void *options, const char **one)
{
    const void *field = (const char *)options + row->offset;
    struct option_list list = {0};

    if (row->type == OPTION_FILES)
        memcpy(&list, field, sizeof(list));
    if (row->type == OPTION_FILE)
        memcpy(one, field, sizeof(*one));
    if (row->type == OPTION_FILE && *one)
        list = (struct option_list){one, 1};
    return list;
}

const char *const *files_of_options(
    struct arena *arena, const struct command_option *rows, size_t row_count, const void *options, size_t *ret_count)
{
    const char *one;
    size_t most = 1, n = 0;

    for (size_t i = 0; i < row_count; i++)
        most += files_of(&rows[i], options, &one).count;
    const char **files = arena_alloc(arena, most * sizeof(*files));
    for (size_t i = 0; files && i < row_count; i++) {
        struct option_list list = files_of(&rows[i], options, &one);
        for (size_t k = 0; k < list.count; k++)
            files[n++] = list.items[k];
    }
    *ret_count = n;
    return files;
}
