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

/* ---- Custom objects: members in the order of their names, so metadata stands anywhere, and is found by walking. */

/* To behind the closing quote of a string whose opening one was taken. */
static bool skip_string(struct cursor *c)
{
    for (;;) {
        const uint8_t *quote = c->left ? memchr(c->p, '"', c->left) : NULL;
        const uint8_t *escape = quote ? memchr(c->p, '\\', (size_t)(quote - c->p)) : NULL;
        bytes skipped;
        if (!quote)
            return false;
        if (!escape)
            return cursor_take(c, (size_t)(quote - c->p) + 1, &skipped);
        if (!cursor_take(c, (size_t)(escape - c->p) + 2, &skipped))
            return false;
    }
}

/* To the comma or bracket after a value. The text is JSON that we wrote, or was parsed before. */
static bool skip_value(struct cursor *c)
{
    size_t depth = 0;
    bytes skipped;
    while (c->left) {
        uint8_t byte = *c->p;
        if (depth == 0 && (byte == ',' || byte == '}' || byte == ']'))
            return true;
        if (!cursor_take(c, 1, &skipped))
            return false;
        if (byte == '"' && !skip_string(c))
            return false;
        if (byte == '{' || byte == '[')
            depth++;
        else if (byte == '}' || byte == ']')
            depth--;
    }
    return false;
}

/* The next member's key; the value is what follows. False at the end of the object, or when it is not plain. */
static bool next_member(struct cursor *c, bytes *ret_key)
{
    (void)expect(c, BYTES(","));
    return expect(c, BYTES("\"")) && take_text(c, ret_key) && expect(c, BYTES(":"));
}

static bool take_value(struct cursor *c, bytes *ret)
{
    return expect(c, BYTES("\"")) && take_text(c, ret);
}

static bool cut_custom_metadata(bytes text, struct cursor *c, struct object_cuts *cuts)
{
    bytes key;
    if (!expect(c, BYTES("{")))
        return false;
    for (;;) {
        size_t at = text.n - c->left;
        if (!next_member(c, &key))
            break;
        if (bytes_equal(key, BYTES("resourceVersion")) || bytes_equal(key, BYTES("selfLink")))
            return false;
        if (bytes_equal(key, BYTES("uid")))
            cuts->resource_version = at + (text.p[at] == ',');
        bytes *to = bytes_equal(key, BYTES("name"))        ? &cuts->name
                    : bytes_equal(key, BYTES("namespace")) ? &cuts->namespace
                    : bytes_equal(key, BYTES("uid"))       ? &cuts->uid
                                                           : NULL;
        if (to ? !take_value(c, to) : !skip_value(c))
            return false;
    }
    return expect(c, BYTES("}"));
}

static bool cut_custom(bytes text, struct object_cuts *ret)
{
    struct object_cuts cuts = {0};
    struct cursor c = cursor_of(text);
    bytes key;
    if (!expect(&c, BYTES("{")))
        return false;
    while (next_member(&c, &key)) {
        bool plain = true;
        if (bytes_equal(key, BYTES("metadata")))
            plain = cut_custom_metadata(text, &c, &cuts);
        else if (bytes_equal(key, BYTES("kind")))
            plain = take_value(&c, &cuts.kind);
        else if (bytes_equal(key, BYTES("apiVersion")))
            plain = take_value(&c, &cuts.api_version);
        else
            plain = skip_value(&c);
        if (!plain)
            return false;
        if (cuts.resource_version && cuts.kind.n && cuts.api_version.n)
            break; /* the rest need not be looked at */
    }
    if (!cuts.resource_version || !cuts.kind.n || !cuts.api_version.n || !cuts.name.n)
        return false;
    *ret = cuts;
    return true;
}

bool object_cut(bytes text, struct object_cuts *ret)
{
    struct object_cuts cuts = {0};
    struct cursor c = cursor_of(text);
    bytes ignored;
    if (!bytes_end(text, BYTES("}\n")) && !bytes_end(text, BYTES("}")))
        return false;
    if (!bytes_start(text, BYTES("{\"kind\":\"")))
        return cut_custom(text, ret);
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
    ret[0] = start > 0 ? BYTES("{") : BYTES("");
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

static bool is_owned_by_server(const struct json *member)
{
    return bytes_equal(member->key, BYTES("resourceVersion")) || bytes_equal(member->key, BYTES("selfLink"));
}

static void write_members(struct buffer *b, const struct json *metadata)
{
    bool comma = false;
    for (const struct json *m = metadata->first; m; m = m->next) {
        if (is_owned_by_server(m))
            continue;
        write_member(b, m, comma);
        comma = true;
    }
}

/* In order of names, as Go writes a map. */
static void write_custom(struct buffer *b, const struct json *object)
{
    for (const struct json *m = object->first; m; m = m->next) {
        if (bytes_equal(m->key, BYTES("metadata"))) {
            buffer_text(b, m == object->first ? "\"metadata\":{" : ",\"metadata\":{");
            write_members(b, m);
            buffer_byte(b, '}');
        } else {
            write_member(b, m, m != object->first);
        }
    }
}

static void write_built_in(struct buffer *b, const struct json *object)
{
    const struct json *kind = json_get(object, BYTES("kind")), *version = json_get(object, BYTES("apiVersion"));
    const struct json *metadata = json_get(object, BYTES("metadata"));
    if (kind)
        write_member(b, kind, false);
    if (version)
        write_member(b, version, kind != NULL);
    buffer_text(b, ",\"metadata\":{");
    if (metadata && metadata->type == JSON_OBJECT)
        write_members(b, metadata);
    buffer_byte(b, '}');
    for (const struct json *m = object->first; m; m = m->next)
        if (m != kind && m != version && m != metadata)
            write_member(b, m, true);
}

bytes object_store_text(struct arena *arena, const struct kind *kind, const struct json *object)
{
    struct buffer b;
    buffer_init(&b, arena);
    buffer_byte(&b, '{');
    if (kind->custom)
        write_custom(&b, object);
    else
        write_built_in(&b, object);
    buffer_text(&b, "}\n");
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

void object_arrange(const struct kind *kind, struct json *object)
{
    struct json *metadata = json_get(object, BYTES("metadata"));
    if (!kind->custom) {
        schema_arrange(kind->schema, object);
        return;
    }
    json_sort(object);
    if (metadata && metadata->type == JSON_OBJECT)
        json_sort(metadata);
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
