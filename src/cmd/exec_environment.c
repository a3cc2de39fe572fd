/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/exec_environment.h"

#include <stdlib.h>

void environment_init(struct environment *e, struct arena *arena)
{
    *e = (struct environment){.arena = arena};
}

bool environment_name_valid(bytes name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < ' ' || name.p[i] > '~' || name.p[i] == '=')
            return false;
    return name.n > 0;
}

bool environment_name_loads_code(bytes name)
{
    static const char *const names[] = {"PATH", "BASH_ENV", "SHELLOPTS", "IFS", "GCONV_PATH", "GLIBC_TUNABLES"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal(name, bytes_of(names[i])))
            return true;
    return bytes_start(name, BYTES("LD_")) || bytes_start(name, BYTES("BASH_FUNC_"));
}

static err_t append(struct environment *e, bytes line, size_t name_length, struct error *error)
{
    if (e->count == e->capacity) {
        size_t capacity = e->capacity ? e->capacity * 2 : 128;
        struct environment_line *lines = arena_alloc(e->arena, capacity * sizeof *lines);
        if (!lines)
            return arena_error(e->arena, error);
        if (e->count)
            memcpy(lines, e->lines, e->count * sizeof *lines);
        e->lines = lines;
        e->capacity = capacity;
    }
    e->lines[e->count] = (struct environment_line){line, name_length, e->count};
    e->count++;
    return ERR_OK;
}

err_t environment_inherit(struct environment *e, char *const *lines, struct error *error)
{
    for (; *lines; lines++) {
        bytes line = bytes_of(*lines);
        size_t name_length = bytes_find(line, '=');
        if (name_length > 0 && name_length < line.n)
            TRY(append(e, line, name_length, error));
    }
    return ERR_OK;
}

err_t environment_put(struct environment *e, bytes name, struct secret value, const char *what, struct error *error)
{
    size_t n = name.n + 1 + value.n;
    if (value.n && memchr(value.p, 0, value.n))
        return error_set(error, ERR_INVALID, "%s holds a NUL byte, which an environment cannot carry", what);
    if (n >= ENVIRONMENT_MAX_LINE)
        return error_set(error, ERR_INVALID, "%s is %zu bytes, and an environment carries at most %zu with its name",
            what, value.n, ENVIRONMENT_MAX_LINE - 2);
    bytes line = arena_join(e->arena, name, BYTES("="), (bytes){value.p, value.n}, ARENA_END);
    if (!line.p)
        return arena_error(e->arena, error);
    return append(e, line, name.n, error);
}

static int compare(const void *left, const void *right)
{
    const struct environment_line *a = left, *b = right;
    int c = bytes_compare((bytes){a->line.p, a->name_length}, (bytes){b->line.p, b->name_length});
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

static bool same_name(const struct environment_line *a, const struct environment_line *b)
{
    return bytes_equal((bytes){a->line.p, a->name_length}, (bytes){b->line.p, b->name_length});
}

err_t environment_list(struct environment *e, char ***ret, struct error *error)
{
    size_t n = 0;
    const char **list = arena_alloc(e->arena, (e->count + 1) * sizeof *list);
    if (!list)
        return arena_error(e->arena, error);
    if (e->count)
        qsort(e->lines, e->count, sizeof *e->lines, compare);
    for (size_t i = 0; i < e->count; i++)
        if (i + 1 == e->count || !same_name(&e->lines[i], &e->lines[i + 1]))
            list[n++] = (const char *)e->lines[i].line.p;
    list[n] = NULL;
    *ret = (char **)(uintptr_t)list; /* execve changes none of them */
    return ERR_OK;
}
