/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/form.h"

#include "base/random.h"
#include "serve/subresource.h"

#include <stdio.h>

#define JSON_DEPTH 110 /* an object's 100, in a Table */

/* It is our own text but for a stored object's. */
static err_t parse(struct request *r, bytes text, struct json **ret)
{
    struct json_options options = {.max_depth = JSON_DEPTH};
    err_t code = json_parse(r->arena, text, &options, ret, NULL, &r->error);

    return code == ERR_BAD_REQUEST ? error_set(&r->error, ERR_CORRUPT, "it cannot be decoded") : code;
}

/* Compact text is sent with the newline that Go's encoder ends it with; indented text without. */
static err_t indent(struct request *r, bytes text, bytes *ret)
{
    struct json *tree;
    struct buffer out;

    TRY(parse(r, text, &tree));
    buffer_init(&out, r->arena);
    json_write_pretty(&out, tree, 2);
    if (out.failed)
        return arena_error(r->arena, &r->error);
    *ret = buffer_bytes(&out);
    return ERR_OK;
}

/* Twenty digits that nobody can guess: in YAML what a client chose may stand before the version. */
static uint64_t draw_mark(void)
{
    static const uint64_t least = UINT64_C(10000000000000000000);
    uint64_t mark;

    random_bytes(&mark, sizeof mark);
    return least + mark % (UINT64_MAX - least);
}

err_t form_object(struct request *r, bytes text, uint64_t revision, bytes *ret)
{
    const struct presentation *p = &r->presentation;
    struct buffer out;

    if (revision == REVISION_UNKNOWN)
        r->answer.mark = revision = p->encoding == ENCODING_YAML ? draw_mark() : REVISION_UNKNOWN;
    buffer_init(&out, r->arena);
    if (!buffer_reserve(&out, text.n + 64))
        return arena_error(r->arena, &r->error);
    TRY(present_object(r->arena, &out, p, subresource_shown_kind(r), text, revision, true, &r->error));
    if (p->encoding == ENCODING_JSON)
        buffer_byte(&out, '\n');
    if (out.failed)
        return arena_error(r->arena, &r->error);
    *ret = buffer_bytes(&out);
    return p->pretty ? indent(r, *ret, ret) : ERR_OK;
}

err_t form_document(
    struct request *r, const struct presentation *p, const struct schema *schema, bytes json, bytes *ret)
{
    struct json *tree;
    struct buffer out;

    if (p->pretty)
        return indent(r, json, ret);
    *ret = json;
    if (p->encoding == ENCODING_JSON)
        return ERR_OK;
    TRY(parse(r, json, &tree));
    buffer_init(&out, r->arena);
    TRY(encode_document(r->arena, &out, p->encoding, schema, tree, &r->error));
    *ret = buffer_bytes(&out);
    return ERR_OK;
}

/* Puts `known` in place of `unknown`, which is no shorter, `times` times at most. */
static size_t replace(uint8_t *start, size_t n, const char *unknown, const char *known, unsigned times)
{
    uint8_t *to = start, *from = start, *end = start + n, *at;
    size_t unknown_n = strlen(unknown), known_n = strlen(known);

    for (; times > 0 && (at = memmem(from, (size_t)(end - from), unknown, unknown_n)) != NULL; times--) {
        memmove(to, from, (size_t)(at - from));
        to += at - from;
        memcpy(to, known, known_n);
        to += known_n;
        from = at + unknown_n;
    }
    memmove(to, from, (size_t)(end - from));
    return (size_t)(to - start) + (size_t)(end - from);
}

/* In JSON quotes of strings are escaped, so a member's name can only be a member. A Table and its row's object have one
 * each, an object alone has one; all come before labels, annotations and data, which may hold the same. */
bytes form_set_revision(const struct request *r, bytes body, uint64_t revision)
{
    static const char *const members[] = {"\"resourceVersion\":", "\"resourceVersion\": ", "resourceVersion: "};
    const struct presentation *p = &r->presentation;
    const char *member = members[p->encoding == ENCODING_YAML ? 2 : p->pretty];
    uint8_t *start = (uint8_t *)(uintptr_t)body.p;
    char unknown[48], known[48];

    if (r->answer.mark == 0)
        return body;
    if (p->encoding == ENCODING_PROTOBUF)
        return (bytes){start, envelope_set_revision(start, body.n, revision)};
    (void)snprintf(unknown, sizeof unknown, "%s\"%llu\"", member, (unsigned long long)r->answer.mark);
    (void)snprintf(known, sizeof known, "%s\"%llu\"", member, (unsigned long long)revision);
    return (bytes){
        start, replace(start, body.n, unknown, known, p->form == FORM_TABLE && p->include != INCLUDE_NONE ? 2 : 1)};
}
