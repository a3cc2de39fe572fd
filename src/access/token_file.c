/* SPDX-License-Identifier: Apache-2.0 */
#include "access/token_file.h"

#include "base/file.h"
#include "base/log.h"
#include "base/published.h"

#include <openssl/sha.h>
#include <stdlib.h>

#define PUBLISHED_TOKEN_FILE 5
#define FILE_LIMIT           ((size_t)4 << 20)
#define COLUMNS              4 /* that are read; further ones are passed over */
#define COLUMNS_LEAST        3

struct entry {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t place; /* in the file */
    struct user user;
};

struct token_file {
    struct published_value published;
    struct arena arena;    /* a plain one: names */
    struct entry *entries; /* by digest, once they are whole */
    size_t count, capacity;
};

static struct token_file none = {.published = {.references = 1}};
static struct published published = PUBLISHED(PUBLISHED_TOKEN_FILE, &none.published);

static void file_free(struct published_value *value)
{
    struct token_file *file = (struct token_file *)value;

    arena_reset(&file->arena);
    free(file->entries);
    free(file);
}

/* ---- CSV. */

struct csv {
    bytes rest;
    unsigned line; /* of what comes next */
};

/* Up to a comma or the end of the line, which stay. False: a quote where none may be. */
static bool read_plain(struct csv *csv, bytes *ret)
{
    size_t n = 0;

    while (n < csv->rest.n && csv->rest.p[n] != ',' && csv->rest.p[n] != '\n')
        n++;
    *ret = (bytes){csv->rest.p, n};
    csv->rest = bytes_skip(csv->rest, n);
    if (ret->n > 0 && ret->p[ret->n - 1] == '\r' && (csv->rest.n == 0 || csv->rest.p[0] == '\n'))
        ret->n--;
    return bytes_find(*ret, '"') == ret->n;
}

/* Between quotes; two of them are one. */
static err_t read_quoted(struct csv *csv, struct arena *arena, bytes *ret, bool *ret_fine, struct error *error)
{
    struct buffer out;

    buffer_init(&out, arena);
    csv->rest = bytes_skip(csv->rest, 1);
    for (;;) {
        size_t n = bytes_find(csv->rest, '"');
        for (size_t i = 0; i < n; i++)
            csv->line += csv->rest.p[i] == '\n';
        buffer_put(&out, (bytes){csv->rest.p, n});
        *ret_fine = n < csv->rest.n;
        if (!*ret_fine)
            return ERR_OK;
        csv->rest = bytes_skip(csv->rest, n + 1);
        if (csv->rest.n == 0 || csv->rest.p[0] != '"')
            break;
        buffer_byte(&out, '"');
        csv->rest = bytes_skip(csv->rest, 1);
    }
    if (csv->rest.n > 1 && csv->rest.p[0] == '\r' && csv->rest.p[1] == '\n')
        csv->rest = bytes_skip(csv->rest, 1);
    *ret_fine = csv->rest.n == 0 || csv->rest.p[0] == ',' || csv->rest.p[0] == '\n';
    *ret = buffer_bytes(&out);
    return out.failed ? arena_error(arena, error) : ERR_OK;
}

/* A line's columns; those past COLUMNS are read and dropped. */
static err_t read_record(
    struct csv *csv, struct arena *arena, bytes ret[COLUMNS], size_t *ret_count, bool *ret_fine, struct error *error)
{
    *ret_count = 0;
    for (*ret_fine = true; *ret_fine;) {
        bytes column = BYTES_NONE;
        if (csv->rest.n > 0 && csv->rest.p[0] == '"')
            TRY(read_quoted(csv, arena, &column, ret_fine, error));
        else
            *ret_fine = read_plain(csv, &column);
        if (*ret_count < COLUMNS)
            ret[(*ret_count)++] = column;
        if (csv->rest.n == 0 || csv->rest.p[0] != ',')
            break;
        csv->rest = bytes_skip(csv->rest, 1);
    }
    if (csv->rest.n > 0)
        csv->rest = bytes_skip(csv->rest, 1);
    return ERR_OK;
}

/* ---- Entries. */

static int order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int digests = memcmp(x->digest, y->digest, sizeof x->digest);

    return digests ? digests : (x->place > y->place) - (x->place < y->place);
}

static int order_of_digest(const void *digest, const void *entry)
{
    return memcmp(digest, ((const struct entry *)entry)->digest, SHA256_DIGEST_LENGTH);
}

/* Of entries with the same token the last stays. */
static void arrange(struct token_file *file)
{
    size_t kept = 0;

    if (file->count > 0)
        qsort(file->entries, file->count, sizeof *file->entries, order);
    for (size_t i = 0; i < file->count; i++) {
        bool same = kept > 0 && order_of_digest(file->entries[kept - 1].digest, &file->entries[i]) == 0;
        file->entries[same ? kept - 1 : kept++] = file->entries[i];
    }
    file->count = kept;
}

static struct entry *grow(struct token_file *file)
{
    if (file->count == file->capacity) {
        size_t capacity = file->capacity ? 2 * file->capacity : 16;
        struct entry *grown = realloc(file->entries, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        file->entries = grown, file->capacity = capacity;
    }
    return &file->entries[file->count];
}

static bool read_groups(struct arena *arena, bytes list, struct user *ret)
{
    size_t most = 2;
    bytes *groups;

    list = arena_copy(arena, list);
    for (size_t i = 0; list.p && i < list.n; i++)
        most += list.p[i] == ',';
    groups = arena_alloc(arena, most * sizeof *groups);
    if (!list.p || !groups)
        return false;
    ret->groups = groups;
    while (list.n > 0) {
        bytes group = {list.p, bytes_find(list, ',')};
        list = bytes_skip(list, group.n < list.n ? group.n + 1 : group.n);
        groups[ret->group_count++] = group;
    }
    return true;
}

static err_t add(struct token_file *file, const bytes *columns, size_t count, struct error *error)
{
    struct entry *entry;
    struct user user = {.name = arena_copy(&file->arena, columns[1]), .uid = arena_copy(&file->arena, columns[2])};

    if (!user.name.p || !user.uid.p || !read_groups(&file->arena, count > 3 ? columns[3] : BYTES_NONE, &user) ||
        user_complete(&file->arena, &user, NULL) != ERR_OK)
        return arena_error(&file->arena, error);
    entry = grow(file);
    if (!entry || !SHA256(columns[0].p, columns[0].n, entry->digest))
        return error_set(error, ERR_NO_MEMORY, "no memory for the file's tokens");
    entry->user = user;
    entry->place = file->count++;
    return ERR_OK;
}

static err_t fill(struct token_file *file, struct arena *arena, const char *path, bytes text, struct error *error)
{
    struct csv csv = {text, 1};

    for (; csv.rest.n > 0; csv.line++) {
        bytes columns[COLUMNS];
        unsigned line = csv.line;
        size_t count;
        bool fine;
        TRY(read_record(&csv, arena, columns, &count, &fine, error));
        if (fine && count == 1 && columns[0].n == 0) /* an empty line */
            continue;
        if (!fine || count < COLUMNS_LEAST)
            return error_set(
                error, ERR_INVALID, "%s, line %u: not TOKEN,USER,UID and perhaps \"GROUP,...\"", path, line);
        if (columns[0].n == 0)
            log_event(
                LOG_WARNING, "a line without a token is passed over", log_text("file", path), log_number("line", line));
        else
            TRY(add(file, columns, count, error));
    }
    arrange(file);
    return ERR_OK;
}

err_t token_file_parse(const char *path, bytes text, struct error *error)
{
    struct token_file *file = calloc(1, sizeof *file);
    struct arena arena;
    err_t code;

    if (!file)
        return error_set(error, ERR_NO_MEMORY, "no memory for the file's tokens");
    file->published = (struct published_value){.references = 1, .free = file_free};
    arena_init_plain(&file->arena, 16 * FILE_LIMIT);
    arena_init(&arena, 16 * FILE_LIMIT);
    code = fill(file, &arena, path, text, error);
    arena_reset(&arena);
    if (code == ERR_OK)
        published_swap(&published, &file->published);
    else
        file_free(&file->published);
    return code;
}

err_t token_file_load(const char *path, struct error *error)
{
    struct arena arena;
    bytes text = BYTES("");
    err_t code = ERR_OK;

    arena_init(&arena, 2 * FILE_LIMIT);
    if (path)
        code = file_read_private(&arena, path, FILE_LIMIT, &text, error);
    if (code == ERR_OK)
        code = token_file_parse(path, text, error);
    arena_reset(&arena);
    return code;
}

err_t token_file_authenticate(
    struct arena *arena, bytes token, const struct audiences *asked, struct authenticated *ret, struct error *error)
{
    const struct token_file *file = (const struct token_file *)published_see(&published);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    const struct entry *entry;

    entry = file->count > 0 && SHA256(token.p, token.n, digest)
                ? bsearch(digest, file->entries, file->count, sizeof *file->entries, order_of_digest)
                : NULL;
    if (!entry)
        return error_set(error, ERR_NOT_FOUND, "the token is in no file");
    TRY(audiences_own(arena, asked, ret, error));
    return user_copy(arena, &entry->user, &ret->user, error);
}
