/* SPDX-License-Identifier: Apache-2.0 */
#include "client/document.h"

#include "base/base64.h"

static const char *const type_names[] = {[JSON_NULL] = "null",
    [JSON_FALSE] = "true or false",
    [JSON_TRUE] = "true or false",
    [JSON_NUMBER] = "a number",
    [JSON_STRING] = "a string",
    [JSON_ARRAY] = "a list",
    [JSON_OBJECT] = "a mapping"};

err_t document_get(
    const struct document *d, const struct json *object, const char *name, enum json_type type, const struct json **ret)
{
    const struct json *member = json_get(object, bytes_of(name));
    if (member && member->type == JSON_NULL)
        member = NULL;
    bool both_bool = member && type == JSON_TRUE && member->type == JSON_FALSE;
    if (member && member->type != type && !both_bool)
        return error_set(d->error, ERR_INVALID, "%s: %s must be %s", d->file, name, type_names[type]);
    *ret = member;
    return ERR_OK;
}

static err_t copy_text(const struct document *d, const char *name, bytes text, const char **ret)
{
    if (bytes_find(text, 0) != text.n)
        return error_set(d->error, ERR_INVALID, "%s: %s holds a NUL byte", d->file, name);
    bytes copy = arena_copy(d->arena, text);
    if (!copy.p)
        return arena_error(d->arena, d->error);
    *ret = (const char *)copy.p;
    return ERR_OK;
}

err_t document_text(const struct document *d, const struct json *object, const char *name, const char **ret)
{
    const struct json *member;
    TRY(document_get(d, object, name, JSON_STRING, &member));
    if (member && member->text.n)
        return copy_text(d, name, member->text, ret);
    *ret = NULL;
    return ERR_OK;
}

err_t document_bool(const struct document *d, const struct json *object, const char *name, bool *ret)
{
    const struct json *member;
    TRY(document_get(d, object, name, JSON_TRUE, &member));
    *ret = member && member->type == JSON_TRUE;
    return ERR_OK;
}

err_t document_texts(
    const struct document *d, const struct json *object, const char *name, const char *const **ret, size_t *ret_count)
{
    const struct json *list;
    size_t n = 0;
    TRY(document_get(d, object, name, JSON_ARRAY, &list));
    const char **texts = arena_zero(d->arena, ((list ? list->count : 0) + (size_t)1) * sizeof *texts);
    if (!texts)
        return arena_error(d->arena, d->error);
    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        if (item->type != JSON_STRING)
            return error_set(d->error, ERR_INVALID, "%s: an item of %s must be a string", d->file, name);
        TRY(copy_text(d, name, item->text, &texts[n++]));
    }
    *ret = texts;
    if (ret_count)
        *ret_count = n;
    return ERR_OK;
}

err_t document_base64(const struct document *d, const struct json *object, const char *name, bytes *ret)
{
    const struct json *member;
    size_t offset;
    TRY(document_get(d, object, name, JSON_STRING, &member));
    if (!member) {
        *ret = BYTES_NONE;
        return ERR_OK;
    }
    err_t code = base64_decode(d->arena, BASE64_STANDARD, member->text, ret, &offset);
    if (code == ERR_BAD_REQUEST)
        return error_set(d->error, ERR_INVALID, "%s: %s is no base64 (at byte %zu)", d->file, name, offset);
    return code == ERR_OK ? ERR_OK : arena_error(d->arena, d->error);
}

bytes document_beside(struct arena *arena, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash)
        return arena_copy(arena, bytes_of(path));
    bytes folder = {(const uint8_t *)file, (size_t)(slash - file + 1)};
    return arena_join(arena, folder, bytes_of(path), ARENA_END);
}

err_t document_path(const struct document *d, const struct json *object, const char *name, const char **ret)
{
    const char *text;
    TRY(document_text(d, object, name, &text));
    if (text) {
        bytes path = document_beside(d->arena, d->file, text);
        if (!path.p)
            return arena_error(d->arena, d->error);
        text = (const char *)path.p;
    }
    *ret = text;
    return ERR_OK;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bytes document_trim(bytes text)
{
    while (text.n && is_blank(text.p[0]))
        text = bytes_skip(text, 1);
    while (text.n && is_blank(text.p[text.n - 1]))
        text.n--;
    return text;
}

struct secret secret_copy(struct arena *arena, bytes from)
{
    struct secret s = {arena_alloc(arena, from.n + 1), from.n};
    if (!s.p)
        return (struct secret){NULL, 0};
    if (from.n)
        memcpy(s.p, from.p, from.n);
    s.p[from.n] = 0;
    return s;
}
