/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of a row by the paths of its columns. */
#include "api/json_path.h"
#include "api/present.h"
#include "base/clock.h"

#include <stdlib.h>

static void put_text(struct buffer *b, const char *text)
{
    json_write_string(b, bytes_of(text));
}

/* "5m", or why there is none. */
static void put_age(struct buffer *b, bytes since, int64_t now, const char *otherwise)
{
    int64_t seconds;
    char age[16];
    if (!clock_parse(since, &seconds)) {
        put_text(b, otherwise);
        return;
    }
    human_duration(now - seconds, age);
    put_text(b, age);
}

void put_age_cell(struct buffer *b, const struct json *object, int64_t now)
{
    buffer_byte(b, ',');
    put_age(b, json_text(json_get(object, BYTES("metadata")), BYTES("creationTimestamp")), now, "<unknown>");
}

/* ---- Values */

/* As Go prints it: text as it is, lists and maps as JSON. */
static void put_printed(struct arena *arena, struct buffer *b, const struct json *value)
{
    struct buffer text;
    if (value->type == JSON_STRING) {
        json_write_string(b, value->text);
        return;
    }
    buffer_init(&text, arena);
    json_write(&text, value);
    b->failed = b->failed || text.failed;
    json_write_string(b, buffer_bytes(&text));
}

static void put_number(struct buffer *b, const struct json *value, bool whole)
{
    int64_t number;
    double fraction = strtod((const char *)value->text.p, NULL);
    if (!whole)
        json_write(b, value);
    else if (json_to_int64(value, &number))
        buffer_format(b, "%lld", (long long)number);
    else if (fraction > -9e18 && fraction < 9e18)
        buffer_format(b, "%lld", (long long)fraction);
    else
        buffer_text(b, "null");
}

/* What a column of this type shows; null for a value of another type. Dates of custom resources are ages, those of the
 * server's own kinds are shown as they are. */
static void put_value(struct arena *arena, struct buffer *b, const struct kind *kind, const char *type,
    const struct json *value, int64_t now)
{
    if (strcmp(type, "string") == 0)
        put_printed(arena, b, value);
    else if (strcmp(type, "date") == 0 && value->type == JSON_STRING && kind->custom)
        put_age(b, value->text, now, "<invalid>");
    else if (strcmp(type, "date") == 0 && value->type == JSON_STRING)
        json_write(b, value);
    else if (strcmp(type, "boolean") == 0 && (value->type == JSON_TRUE || value->type == JSON_FALSE))
        json_write(b, value);
    else if ((strcmp(type, "integer") == 0 || strcmp(type, "number") == 0) && value->type == JSON_NUMBER)
        put_number(b, value, type[0] == 'i');
    else
        buffer_text(b, "null");
}

/* Of a value that is not there: what Go holds then, but custom resources have null. */
static void put_nothing(struct buffer *b, const struct kind *kind, const char *type)
{
    static const char *const zeros[][2] = {{"string", "\"\""}, {"integer", "0"}, {"boolean", "false"}};
    const char *zero = "null";
    for (size_t i = 0; i < ARRAY_LEN(zeros) && !kind->custom; i++)
        if (strcmp(type, zeros[i][0]) == 0)
            zero = zeros[i][1];
    buffer_text(b, zero);
}

/* ---- Paths */

/* .a.b, which nearly all are: no need to parse. False for any other. */
static bool find_plain(bytes path, const struct json *at, const struct json **ret)
{
    if (!path.n || path.p[0] != '.' || path.p[path.n - 1] == '.')
        return false;
    for (size_t i = 0; i < path.n; i++)
        if (strchr("[]{}()*?@'\"\\", path.p[i]) || (path.p[i] == '.' && path.p[i + 1] == '.'))
            return false;
    while (path.n && at) {
        size_t end = 1;
        while (end < path.n && path.p[end] != '.')
            end++;
        at = json_get(at, (bytes){path.p + 1, end - 1});
        path = bytes_skip(path, end);
    }
    *ret = at;
    return true;
}

static const struct json *find(struct arena *arena, const char *text, const struct json *object)
{
    const struct json *found = NULL;
    const struct json_path *path;
    struct error error;
    if (find_plain(bytes_of(text), object, &found))
        return found;
    error_init(&error, arena);
    if (json_path_parse(arena, bytes_of(text), false, &path, &error) != ERR_OK)
        return NULL; /* a definition with such a path is refused; a full arena is seen by who reads its buffer */
    return json_path_find(path, object, &found, 1) ? found : NULL;
}

void present_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    if (kind->rules->cells) {
        kind->rules->cells(arena, b, kind, object, now);
        return;
    }
    for (size_t i = 0; i < kind->column_count; i++) {
        const struct column *column = &kind->columns[i];
        if (!column->path) {
            put_age_cell(b, object, now);
            continue;
        }
        const struct json *value = find(arena, column->path, object);
        buffer_byte(b, ',');
        if (value && value->type != JSON_NULL)
            put_value(arena, b, kind, column->type, value, now);
        else
            put_nothing(b, kind, column->type);
    }
    b->failed = b->failed || arena->failed;
}
