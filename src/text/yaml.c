/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events become a JSON tree by way of a stack of open collections. The stack's size is the depth limit:
 * events come one by one, so that parsing ends at the limit, before libyaml spends its time on what lies deeper. Facts
 * about scalars, tags, merge keys and sentences: go-yaml v2 under sigs.k8s.io/yaml. */
#include "text/yaml.h"

#include "base/base64.h"
#include "text/json_names.h"
#include "text/utf8.h"
#include "text/yaml_scalar.h"

#include <math.h>
#include <yaml.h>

#define DEPTH_MOST      64
#define ANCHORS_MOST    256
#define NODES_DEFAULT   1000000
#define DUPLICATES_MOST 64
/* Comparisons that merge keys may cost in a document. */
#define MERGE_WORK_MOST 10000000
/* libyaml compares each with all before it, and every tag with all of them. */
#define TAG_DIRECTIVES_MOST 100

struct node {
    struct json json;
    size_t line;
    bool merged; /* came by a merge key: an explicit member of the same name replaces it */
};

struct frame {
    struct node *collection;
    bytes key;
    bool has_key, key_is_merge; /* a key waits for its value */
    bool merges;                /* a merge key was seen */
};

struct anchor {
    bytes name;
    struct node *node;
};

struct loader {
    yaml_parser_t parser;
    struct arena *arena;
    struct error *error;
    size_t nodes_left, merge_work;
    struct node *root;
    struct frame stack[DEPTH_MOST];
    unsigned depth;
    struct anchor *anchors;
    unsigned anchor_count;
    struct json *duplicates; /* sentences about names that were set twice; NULL: they are refused */
};

static err_t no_memory(struct loader *l)
{
    return arena_error(l->arena, l->error);
}

#define REFUSE(l, line, ...) error_set((l)->error, ERR_BAD_REQUEST, "yaml: line %zu: " __VA_ARGS__)

/* The line and the sentence that go-yaml gives: none for the first line, and a scanner's line counts from one. */
static err_t refuse_syntax(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    size_t line = p->context_mark.line;
    const char *problem = p->problem ? p->problem : "unknown problem parsing YAML content";
    if (p->error == YAML_MEMORY_ERROR)
        return error_set(l->error, ERR_NO_MEMORY, "the system has no memory left");
    if (p->problem_mark.line)
        line = p->problem_mark.line + (p->error == YAML_SCANNER_ERROR);
    if (line)
        return error_set(l->error, ERR_BAD_REQUEST, "yaml: line %zu: %s", line, problem);
    return error_set(l->error, ERR_BAD_REQUEST, "yaml: %s", problem);
}

static err_t node_new(struct loader *l, enum json_type type, size_t line, struct node **ret)
{
    if (l->nodes_left == 0)
        return REFUSE(l, line, "the document has too many nodes", line);
    struct node *node = arena_alloc(l->arena, sizeof(*node));
    if (!node)
        return no_memory(l);
    l->nodes_left--;
    *node = (struct node){.json = {.type = type}, .line = line};
    *ret = node;
    return ERR_OK;
}

/* Texts of nodes are shared; depth is that of the place the copy is for. */
static err_t node_copy(struct loader *l, const struct node *from, size_t line, unsigned depth, struct node **ret)
{
    struct node *copy;
    bool collection = from->json.type == JSON_ARRAY || from->json.type == JSON_OBJECT;
    if (collection && depth >= DEPTH_MOST)
        return REFUSE(l, line, "exceeded max depth", line);
    TRY(node_new(l, from->json.type, line, &copy));
    copy->json.key = from->json.key;
    if (!collection)
        copy->json.text = from->json.text;
    for (const struct json *child = collection ? from->json.first : NULL; child; child = child->next) {
        struct node *child_copy;
        TRY(node_copy(l, (const struct node *)child, line, depth + 1, &child_copy));
        json_append(&copy->json, &child_copy->json);
    }
    *ret = copy;
    return ERR_OK;
}

static err_t spend(struct loader *l, size_t line, size_t work)
{
    if (work > MERGE_WORK_MOST - l->merge_work)
        return REFUSE(l, line, "document contains excessive aliasing", line);
    l->merge_work += work;
    return ERR_OK;
}

/* A later merge replaces what was there, as in go-yaml without its strict mode. */
static err_t merge_mapping(struct loader *l, struct frame *frame, const struct node *from, size_t line)
{
    struct json *to = &frame->collection->json;
    if (from->json.type != JSON_OBJECT)
        return REFUSE(l, line, "map merge requires map or sequence of maps as the value", line);
    for (const struct json *member = from->json.first; member; member = member->next) {
        struct node *copy;
        TRY(spend(l, line, to->count));
        TRY(node_copy(l, (const struct node *)member, line, l->depth, &copy));
        copy->merged = true;
        json_set(to, member->key, &copy->json);
    }
    return ERR_OK;
}

/* Of a sequence of mappings the first has precedence: it comes last. */
static err_t merge_value(struct loader *l, struct frame *frame, const struct node *value, size_t line)
{
    const struct json *items[DEPTH_MOST];
    size_t count = 0;
    frame->merges = true;
    if (value->json.type != JSON_ARRAY)
        return merge_mapping(l, frame, value, line);
    if (value->json.count > ARRAY_LEN(items))
        return REFUSE(l, line, "map merge of more than %zu maps", line, ARRAY_LEN(items));
    for (const struct json *item = value->json.first; item; item = item->next)
        items[count++] = item;
    while (count)
        TRY(merge_mapping(l, frame, (const struct node *)items[--count], line));
    return ERR_OK;
}

static err_t on_duplicate(struct loader *l, const struct node *node)
{
    bytes name = utf8_quote(l->arena, node->json.key), sentence = BYTES_NONE;
    if (name.p)
        sentence = arena_format(l->arena, "line %zu: key %.*s already set in map", node->line, BYTES_FMT(name));
    if (!sentence.p)
        return no_memory(l);
    if (!l->duplicates || l->duplicates->count == DUPLICATES_MOST)
        return error_set(l->error, ERR_BAD_REQUEST, "yaml: unmarshal errors:\n  %.*s", BYTES_FMT(sentence));
    return json_append(l->duplicates, json_string(l->arena, sentence)) ? ERR_OK : no_memory(l);
}

static err_t add_member(struct loader *l, struct frame *frame, struct node *value)
{
    struct json *mapping = &frame->collection->json;
    if (!frame->merges) {
        json_add(mapping, frame->key, &value->json);
        return ERR_OK;
    }
    TRY(spend(l, value->line, mapping->count));
    const struct node *old = (const struct node *)json_get(mapping, frame->key);
    json_set(mapping, frame->key, &value->json);
    return old && !old->merged ? on_duplicate(l, value) : ERR_OK;
}

/* A complete value goes to the collection that waits for it. */
static err_t add_value(struct loader *l, struct node *value)
{
    struct frame *frame = l->depth ? &l->stack[l->depth - 1] : NULL;
    if (!frame) {
        l->root = value;
        return ERR_OK;
    }
    if (frame->collection->json.type == JSON_ARRAY) {
        json_append(&frame->collection->json, &value->json);
        return ERR_OK;
    }
    bool merges = frame->key_is_merge;
    frame->has_key = frame->key_is_merge = false;
    return merges ? merge_value(l, frame, value, value->line) : add_member(l, frame, value);
}

/* Whether the next scalar is a key. */
static bool wants_key(const struct loader *l)
{
    const struct frame *frame = l->depth ? &l->stack[l->depth - 1] : NULL;
    return frame && frame->collection->json.type == JSON_OBJECT && !frame->has_key;
}

static err_t set_anchor(struct loader *l, const yaml_char_t *name, struct node *node)
{
    if (!name)
        return ERR_OK;
    if (l->anchor_count == ANCHORS_MOST)
        return REFUSE(l, node->line, "more than %d anchors", node->line, ANCHORS_MOST);
    if (!l->anchors && !(l->anchors = arena_alloc(l->arena, ANCHORS_MOST * sizeof(*l->anchors))))
        return no_memory(l);
    bytes copy = arena_copy(l->arena, bytes_of((const char *)name));
    if (!copy.p)
        return no_memory(l);
    l->anchors[l->anchor_count++] = (struct anchor){copy, node};
    return ERR_OK;
}

static const struct node *find_anchor(const struct loader *l, bytes name)
{
    for (unsigned i = l->anchor_count; i-- > 0;)
        if (bytes_equal(l->anchors[i].name, name))
            return l->anchors[i].node;
    return NULL;
}

/* What a mapping's key is called in JSON. */
static err_t key_text(
    struct loader *l, const struct node *key, const struct yaml_scalar *scalar, size_t line, bytes *ret)
{
    char text[YAML_FLOAT_SIZE];
    switch (key->json.type) {
    case JSON_STRING:
        *ret = key->json.text;
        return ERR_OK;
    case JSON_TRUE:
        *ret = BYTES("true");
        return ERR_OK;
    case JSON_FALSE:
        *ret = BYTES("false");
        return ERR_OK;
    case JSON_NUMBER:
        if (scalar->type == YAML_INTEGER && !scalar->negative && scalar->magnitude > INT64_MAX)
            break;
        *ret = key->json.text;
        if (scalar->type != YAML_FLOAT)
            return ERR_OK;
        yaml_format_float_general(scalar->number, true, text);
        *ret = arena_copy(l->arena, bytes_of(text));
        return ret->p ? ERR_OK : no_memory(l);
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return REFUSE(l, line, "a mapping's key must be a string, a number or a boolean", line);
}

static err_t set_key(
    struct loader *l, const struct node *node, const struct yaml_scalar *scalar, bool merge, size_t line)
{
    struct frame *frame = &l->stack[l->depth - 1];
    TRY(key_text(l, node, scalar, line, &frame->key));
    frame->has_key = true;
    frame->key_is_merge = merge;
    return ERR_OK;
}

static err_t decode_binary(struct loader *l, struct node *node)
{
    struct buffer text;
    bytes content;
    size_t offset;
    err_t code = base64_decode(l->arena, BASE64_STANDARD, node->json.text, &content, &offset);
    if (code == ERR_BAD_REQUEST)
        return REFUSE(l, node->line, "!!binary value contains invalid base64 data", node->line);
    if (code != ERR_OK)
        return no_memory(l);
    buffer_init(&text, l->arena);
    buffer_reserve(&text, content.n);
    while (content.n) {
        unsigned n = bytes_utf8(content);
        buffer_put(&text, n ? (bytes){content.p, n} : BYTES("\xef\xbf\xbd"));
        content = bytes_skip(content, n ? n : 1);
    }
    node->json.text = buffer_bytes(&text);
    return text.failed ? no_memory(l) : ERR_OK;
}

static err_t set_number(struct loader *l, struct node *node, const struct yaml_scalar *scalar)
{
    char text[YAML_FLOAT_SIZE];
    node->json.type = JSON_NUMBER;
    if (scalar->type == YAML_INTEGER) {
        node->json.text = arena_format(l->arena, "%s%llu", scalar->negative && scalar->magnitude ? "-" : "",
            (unsigned long long)scalar->magnitude);
    } else {
        if (!isfinite(scalar->number))
            return REFUSE(l, node->line, "JSON has no infinite numbers and no NaN", node->line);
        yaml_format_float(scalar->number, text);
        node->json.text = arena_copy(l->arena, bytes_of(text));
    }
    return node->json.text.p ? ERR_OK : no_memory(l);
}

static const struct {
    const char *tag;
    enum yaml_scalar_type type;
} typed_tags[] = {
    {YAML_NULL_TAG, YAML_NULL}, {YAML_BOOL_TAG, YAML_BOOL}, {YAML_INT_TAG, YAML_INTEGER}, {YAML_FLOAT_TAG, YAML_FLOAT}};

/* A tag of the four types wants the text to resolve to it; an integer may stand for a float. Any other tag makes a
 * string. */
static err_t resolve_scalar(struct loader *l, const yaml_event_t *event, struct node *node, struct yaml_scalar *ret)
{
    const char *tag = (const char *)event->data.scalar.tag;
    *ret = (struct yaml_scalar){.type = YAML_TEXT};
    if (!tag) {
        if (event->data.scalar.plain_implicit)
            *ret = yaml_resolve(node->json.text);
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(typed_tags); i++) {
        if (strcmp(tag, typed_tags[i].tag) != 0)
            continue;
        *ret = yaml_resolve(node->json.text);
        if (ret->type == YAML_INTEGER && typed_tags[i].type == YAML_FLOAT)
            return ERR_OK;
        if (ret->type != typed_tags[i].type)
            return REFUSE(l, node->line, "a scalar is not what its tag says", node->line);
    }
    return ERR_OK;
}

static err_t convert_scalar(struct loader *l, const yaml_event_t *event, struct node *node, struct yaml_scalar *ret)
{
    const char *tag = (const char *)event->data.scalar.tag;
    TRY(resolve_scalar(l, event, node, ret));
    switch (ret->type) {
    case YAML_NULL:
        node->json.type = JSON_NULL;
        return ERR_OK;
    case YAML_BOOL:
        node->json.type = ret->truth ? JSON_TRUE : JSON_FALSE;
        return ERR_OK;
    case YAML_INTEGER:
    case YAML_FLOAT:
        return set_number(l, node, ret);
    case YAML_TEXT:
        break;
    }
    return tag && strcmp(tag, "tag:yaml.org,2002:binary") == 0 ? decode_binary(l, node) : ERR_OK;
}

static err_t on_scalar(struct loader *l, const yaml_event_t *event)
{
    struct node *node;
    struct yaml_scalar scalar;
    const char *tag = (const char *)event->data.scalar.tag;
    bytes text = {event->data.scalar.value, event->data.scalar.length};
    size_t line = event->start_mark.line + 1;
    bool merge = wants_key(l) && bytes_equal(text, BYTES("<<")) &&
                 (tag ? strcmp(tag, "tag:yaml.org,2002:merge") == 0 : event->data.scalar.plain_implicit);
    TRY(node_new(l, JSON_STRING, line, &node));
    node->json.text = arena_copy(l->arena, text);
    if (!node->json.text.p)
        return no_memory(l);
    TRY(convert_scalar(l, event, node, &scalar));
    TRY(set_anchor(l, event->data.scalar.anchor, node));
    return wants_key(l) ? set_key(l, node, &scalar, merge, line) : add_value(l, node);
}

static err_t on_alias(struct loader *l, const yaml_event_t *event)
{
    size_t line = event->start_mark.line + 1;
    const struct node *node = find_anchor(l, bytes_of((const char *)event->data.alias.anchor));
    struct node *copy;
    if (!node)
        return REFUSE(l, line, "unknown anchor referenced", line);
    for (unsigned i = 0; i < l->depth; i++)
        if (l->stack[i].collection == node)
            return REFUSE(l, line, "anchor value contains itself", line);
    if (wants_key(l)) {
        struct yaml_scalar scalar = {.type = YAML_TEXT};
        if (node->json.type == JSON_NUMBER)
            scalar = yaml_resolve(node->json.text);
        return set_key(l, node, &scalar, false, line);
    }
    TRY(node_copy(l, node, line, l->depth, &copy));
    return add_value(l, copy);
}

static err_t on_start(struct loader *l, const yaml_event_t *event, enum json_type type, const yaml_char_t *anchor)
{
    struct node *node;
    size_t line = event->start_mark.line + 1;
    if (wants_key(l))
        return REFUSE(l, line, "invalid map key", line);
    if (l->depth == DEPTH_MOST)
        return REFUSE(l, line, "exceeded max depth", line);
    TRY(node_new(l, type, line, &node));
    TRY(set_anchor(l, anchor, node));
    l->stack[l->depth++] = (struct frame){.collection = node};
    return ERR_OK;
}

static err_t on_end(struct loader *l)
{
    struct frame *frame = &l->stack[l->depth - 1];
    struct json *mapping = &frame->collection->json;
    for (bool again = mapping->type == JSON_OBJECT; again;) {
        const struct json *duplicate;
        if (json_find_duplicate(l->arena, mapping, &duplicate) != ERR_OK)
            return no_memory(l);
        again = duplicate != NULL;
        if (again) {
            TRY(on_duplicate(l, (const struct node *)duplicate));
            json_remove(mapping, duplicate->key); /* the one before */
        }
    }
    l->depth--;
    return add_value(l, frame->collection);
}

static err_t on_event(struct loader *l, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(l, event);
    case YAML_ALIAS_EVENT:
        return on_alias(l, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(l, event, JSON_ARRAY, event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return on_start(l, event, JSON_OBJECT, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(l);
    default:
        return ERR_OK;
    }
}

/* Up to the end of a document, or of the stream: then *ret is NULL. */
static err_t load_document(struct loader *l, struct json **ret)
{
    yaml_event_type_t type = YAML_NO_EVENT;
    l->root = NULL;
    l->anchor_count = 0;
    while (type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT) {
        yaml_event_t event;
        if (!yaml_parser_parse(&l->parser, &event))
            return refuse_syntax(l);
        type = event.type;
        err_t code = on_event(l, &event);
        yaml_event_delete(&event);
        TRY(code);
    }
    *ret = l->root ? &l->root->json : NULL;
    return ERR_OK;
}

static err_t load_first(struct loader *l, struct json **ret)
{
    struct json *document;
    TRY(load_document(l, &document));
    if (!document && !(document = json_new(l->arena, JSON_NULL)))
        return no_memory(l);
    *ret = document;
    return ERR_OK;
}

static err_t load_all(struct loader *l, struct json **ret)
{
    struct json *document, *all = json_new(l->arena, JSON_ARRAY);
    if (!all)
        return no_memory(l);
    for (;;) {
        TRY(load_document(l, &document));
        if (!document)
            break;
        json_append(all, document);
    }
    *ret = all;
    return ERR_OK;
}

/* Counts them wherever they stand: libyaml knows more line breaks than one, and no text needs as many. */
static bool too_many_directives(bytes in)
{
    static const char directive[] = "%TAG";
    const uint8_t *end = in.p + in.n, *at = in.p;
    size_t count = 0;
    while (count <= TAG_DIRECTIVES_MOST && at && (at = memmem(at, (size_t)(end - at), directive, 4)))
        at += 4, count++;
    return count > TAG_DIRECTIVES_MOST;
}

static err_t load(struct arena *arena, bytes in, size_t max_nodes, err_t (*walk)(struct loader *, struct json **),
    struct json *duplicates, struct json **ret, struct error *error)
{
    struct loader l = {
        .arena = arena, .error = error, .nodes_left = max_nodes ? max_nodes : NODES_DEFAULT, .duplicates = duplicates};
    if (bytes_start(in, BYTES("\xef\xbb\xbf"))) /* a byte order mark */
        in = bytes_skip(in, 3);
    if (too_many_directives(in))
        return error_set(error, ERR_BAD_REQUEST, "yaml: more than %d tag directives", TAG_DIRECTIVES_MOST);
    if (!yaml_parser_initialize(&l.parser))
        return error_set(error, ERR_NO_MEMORY, "the system has no memory left");
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, in.p ? in.p : (const uint8_t *)"", in.n);
    err_t code = walk(&l, ret);
    yaml_parser_delete(&l.parser);
    return code;
}

err_t yaml_parse(struct arena *arena, bytes in, size_t max_nodes, struct json **ret, struct error *error)
{
    return load(arena, in, max_nodes, load_first, NULL, ret, error);
}

err_t yaml_parse_duplicates(struct arena *arena, bytes in, size_t max_nodes, struct json **ret,
    struct json **ret_duplicates, struct error *error)
{
    struct json *duplicates = json_new(arena, JSON_ARRAY);
    if (!duplicates)
        return arena_error(arena, error);
    TRY(load(arena, in, max_nodes, load_first, duplicates, ret, error));
    *ret_duplicates = duplicates;
    return ERR_OK;
}

err_t yaml_parse_all(struct arena *arena, bytes in, size_t max_nodes, struct json **ret, struct error *error)
{
    return load(arena, in, max_nodes, load_all, NULL, ret, error);
}
