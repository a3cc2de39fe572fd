/* SPDX-License-Identifier: Apache-2.0 */
#include "api/continue_token.h"

#include "base/base64.h"

bytes continue_token_write(struct arena *arena, int64_t revision, bytes start)
{
    struct buffer b;
    bytes with_slash = arena_join(arena, BYTES("/"), start, ARENA_END);
    buffer_init(&b, arena);
    buffer_format(&b, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%lld,\"start\":", (long long)revision);
    json_write_string(&b, with_slash.p ? with_slash : BYTES_NONE);
    buffer_byte(&b, '}');
    return b.failed || !with_slash.p ? BYTES_NONE : base64_encode(arena, BASE64_URL_UNPADDED, buffer_bytes(&b));
}

#define INVALID "invalid continue token: continue key is not valid: "

/* Whether a path would survive cleaning: no empty, "." or ".." segment. A slash at the front is not one. */
static bool is_clean(bytes path)
{
    if (path.n == 0)
        return true;
    for (;;) {
        size_t n = bytes_find(path, '/');
        bytes segment = {path.p, n};
        if (n == 0 || bytes_equal(segment, BYTES(".")) || bytes_equal(segment, BYTES("..")))
            return false;
        if (n == path.n)
            return true;
        path = bytes_skip(path, n + 1);
    }
}

static err_t decode(struct arena *arena, bytes token, struct json **ret, struct error *error)
{
    bytes text;
    size_t offset = 0;
    err_t result = base64_decode(arena, BASE64_URL_UNPADDED, token, &text, &offset);
    if (result == ERR_BAD_REQUEST)
        return error_set(error, result, INVALID "illegal base64 data at input byte %zu", offset);
    if (result != ERR_OK)
        return arena_error(arena, error);
    result = json_parse(arena, text, &(struct json_options){.max_depth = 2}, ret, NULL, error);
    if (result == ERR_BAD_REQUEST && error)
        return error_set(error, result, INVALID "%.*s", BYTES_FMT(error->message));
    return result;
}

err_t continue_token_parse(
    struct arena *arena, bytes token, int64_t *ret_revision, bytes *ret_start, struct error *error)
{
    struct json *json;
    int64_t revision = 0;
    TRY(decode(arena, token, &json, error));
    const struct json *number = json_get(json, BYTES("rv"));
    bytes version = json_text(json, BYTES("v")), start = json_text(json, BYTES("start"));
    if (json->type != JSON_OBJECT || (number && !json_to_int64(number, &revision)))
        return error_set(
            error, ERR_BAD_REQUEST, INVALID "json: cannot unmarshal it into Go value of type storage.continueToken");
    if (!bytes_equal(version, BYTES("meta.k8s.io/v1")))
        return error_set(
            error, ERR_BAD_REQUEST, INVALID "server does not recognize this encoded version %.*s", BYTES_FMT(version));
    if (revision == 0)
        return error_set(
            error, ERR_BAD_REQUEST, INVALID "incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
    if (start.n == 0)
        return error_set(error, ERR_BAD_REQUEST, INVALID "encoded start key empty (version meta.k8s.io/v1)");
    bytes relative = start.p[0] == '/' ? bytes_skip(start, 1) : start;
    if (!is_clean(relative))
        return error_set(error, ERR_BAD_REQUEST, INVALID "%.*s", BYTES_FMT(start));
    *ret_revision = revision < 0 ? -1 : revision;
    *ret_start = relative;
    return ERR_OK;
}
