/* SPDX-License-Identifier: Apache-2.0 */
#include "api/object.h"

#include <stdio.h>

#define REVISION_TEXT 48

/* ---- Cutting. Strings without escapes only: names never need any, and whatever has one is parsed instead. */

static bool expect(struct cursor *c, bytes literal)
{
    bytes got;
    if (c->left < literal.n || memcmp(c->p, literal.p, literal.n) != 0)
        return false;
    return cursor_take(c, literal.n, &got);
}

/* Up to the closing quote, which is taken too. */
static bool take_text(struct cursor *c, bytes *ret)
{
    const uint8_t *quote = c->left ? memchr(c->p, '"', c->left) : NULL;
    bytes end;
    if (!quote || !cursor_take(c, (size_t)(quote - c->p), ret) || memchr(ret->p, '\\', ret->n))
        return false;
    return cursor_take(c, 1, &end);
}

/* A member of metadata, when it is the next one. False: there but not plain text. */
static bool take_member(struct cursor *c, bytes key, bool first, bytes *ret)
{
    struct cursor at = *c;
    if ((!first && !expect(&at, BYTES(","))) || !expect(&at, key))
        return true;
    if (!take_text(&at, ret))
        return false;
    *c = at;
    return true;
}

bool object_cut(bytes text, struct object_cuts *ret)
{
    struct object_cuts cuts = {0};
    struct cursor c = cursor_of(text);
    bytes ignored;
    if (!bytes_end(text, BYTES("}\n")) && !bytes_end(text, BYTES("}")))
        return false;
    if (!expect(&c, BYTES("{\"kind\":\"")) || !take_text(&c, &cuts.kind) || !expect(&c, BYTES(",\"apiVersion\":\"")) ||
        !take_text(&c, &cuts.api_version) || !expect(&c, BYTES(",")))
        return false;
    cuts.body = text.n - c.left;
    if (!expect(&c, BYTES("\"metadata\":{")) || !take_member(&c, BYTES("\"name\":\""), true, &cuts.name) ||
        !take_member(&c, BYTES("\"generateName\":\""), false, &ignored) ||
        !take_member(&c, BYTES("\"namespace\":\""), false, &cuts.namespace) ||
        !take_member(&c, BYTES("\"uid\":\""), false, &cuts.uid) || !cuts.name.n || c.left < 2)
        return false;
    cuts.needs_comma_before = *c.p == '}';
    if (!cuts.needs_comma_before && !expect(&c, BYTES(",\"")))
        return false;
    if (bytes_start((bytes){c.p, c.left}, BYTES("resourceVersion\"")) ||
        bytes_start((bytes){c.p, c.left}, BYTES("selfLink\"")))
        return false;
    cuts.resource_version = text.n - c.left - (cuts.needs_comma_before ? 0 : 1);
    *ret = cuts;
    return true;
}

/* ---- Writing */

static bytes revision_member(const struct object_cuts *cuts, uint64_t revision, char text[REVISION_TEXT])
{
    static const char before[] = ",\"resourceVersion\":\"";
    char digits[20];
    size_t n = 0, start = cuts->needs_comma_before ? 0 : 1;
    if (revision == 0)
        return (bytes){(const uint8_t *)text, 0};
    do
        digits[n++] = (char)('0' + revision % 10);
    while (revision /= 10);
    size_t length = sizeof(before) - 1 - start;
    memcpy(text, before + start, length);
    while (n)
        text[length++] = digits[--n];
    text[length++] = '"';
    if (!cuts->needs_comma_before)
        text[length++] = ',';
    return (bytes){(const uint8_t *)text, length};
}

void object_pieces(
    bytes text, const struct object_cuts *cuts, uint64_t revision, bool as_item, char revision_text[48], bytes ret[4])
{
    size_t end = text.n - (text.p[text.n - 1] == '\n'), start = as_item ? cuts->body : 0;
    ret[0] = as_item ? BYTES("{") : BYTES("");
    ret[1] = (bytes){text.p + start, cuts->resource_version - start};
    ret[2] = revision_member(cuts, revision, revision_text);
    ret[3] = (bytes){text.p + cuts->resource_version, end - cuts->resource_version};
}

void object_write(struct buffer *b, bytes text, const struct object_cuts *cuts, uint64_t revision, bool as_item)
{
    char revision_text[REVISION_TEXT];
    bytes pieces[4];
    object_pieces(text, cuts, revision, as_item, revision_text, pieces);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        buffer_put(b, pieces[i]);
}

/* ---- Stored text */

static void write_member(struct buffer *b, const struct json *member, bool comma)
{
    if (comma)
        buffer_byte(b, ',');
    json_write_string(b, member->key);
    buffer_byte(b, ':');
    json_write(b, member);
}

static void write_metadata(struct buffer *b, const struct json *metadata)
{
    bool comma = false;
    buffer_text(b, ",\"metadata\":{");
    for (const struct json *m = metadata ? metadata->first : NULL; m; m = m->next) {
        if (bytes_equal(m->key, BYTES("resourceVersion")) || bytes_equal(m->key, BYTES("selfLink")))
            continue;
        write_member(b, m, comma);
        comma = true;
    }
    buffer_byte(b, '}');
}

bytes object_store_text(struct arena *arena, const struct json *object)
{
    const struct json *kind = json_get(object, BYTES("kind")), *version = json_get(object, BYTES("apiVersion"));
    const struct json *metadata = json_get(object, BYTES("metadata"));
    struct buffer b;
    buffer_init(&b, arena);
    buffer_byte(&b, '{');
    if (kind)
        write_member(&b, kind, false);
    if (version)
        write_member(&b, version, kind != NULL);
    write_metadata(&b, metadata && metadata->type == JSON_OBJECT ? metadata : NULL);
    for (const struct json *m = object->first; m; m = m->next)
        if (m != kind && m != version && m != metadata)
            write_member(&b, m, true);
    buffer_text(&b, "}\n");
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

/* ---- Stubs */

bytes object_stub_text(struct arena *arena, const struct kind *kind, bytes namespace, bytes name, bytes reason)
{
    bytes api_version = kind_api_version(arena, kind);
    struct buffer b;
    buffer_init(&b, arena);
    buffer_format(
        &b, "{\"kind\":\"%s\",\"apiVersion\":\"%.*s\",\"metadata\":{\"name\":", kind->kind, BYTES_FMT(api_version));
    json_write_string(&b, name);
    if (namespace.n) {
        buffer_text(&b, ",\"namespace\":");
        json_write_string(&b, namespace);
    }
    buffer_text(&b, ",\"annotations\":{\"" ANNOTATION_UNREADABLE "\":");
    json_write_string(&b, reason);
    buffer_text(&b, "}}}\n");
    return b.failed || !api_version.p ? BYTES_NONE : buffer_bytes(&b);
}

bool object_is_stub(const struct json *object)
{
    return json_at(object, BYTES("metadata"), BYTES("annotations"), BYTES(ANNOTATION_UNREADABLE), BYTES_NONE) != NULL;
}
