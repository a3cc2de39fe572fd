/* SPDX-License-Identifier: Apache-2.0 */
/* JSON patch (RFC 6902), with the traits of the library that kube-apiserver uses. A container that a path leads into is
 * opened: its children become nodes of our own, found by name or place without a search. The links between them always
 * hold, so that an opened tree is read like any other. */
#include "api/patch_internal.h"
#include "api/patch_sequence.h"

#define COPIED_MOST (3u << 20)

struct opened {
    struct patch_index names;    /* of an object's members: value is the node, NULL when it was removed */
    struct patch_sequence items; /* of an array */
};

/* The children of an opened container, and the root. */
struct node {
    struct json json; /* first */
    struct node *previous;
    struct opened *opened;
};

struct patcher {
    struct patch_context context;
    struct node *root;
    size_t copied;
};

/* Where an operation works: a child of an opened container. */
struct place {
    struct node *parent;
    bytes name; /* decoded */
};

static err_t no_memory(const struct patcher *p)
{
    return arena_error(p->context.arena, p->context.error);
}

static err_t refuse(const struct patcher *p)
{
    return patch_unprocessable(p->context.error);
}

/* ---- Opened containers */

static void node_init(struct node *node, const struct json *value)
{
    *node = (struct node){.json = *value};
    node->json.next = NULL;
}

static struct node *node_new(struct patcher *p, const struct json *value)
{
    struct node *node = arena_alloc(p->context.arena, sizeof(*node));
    if (node)
        node_init(node, value);
    return node;
}

static void link_after(struct node *parent, struct node *previous, struct node *node)
{
    struct json **link = previous ? &previous->json.next : &parent->json.first;
    node->json.next = *link;
    node->previous = previous;
    if (*link)
        ((struct node *)*link)->previous = node;
    else
        parent->json.last = &node->json;
    *link = &node->json;
    parent->json.count++;
}

static void unlink_node(struct node *parent, struct node *node)
{
    struct json **link = node->previous ? &node->previous->json.next : &parent->json.first;
    *link = node->json.next;
    if (node->json.next)
        ((struct node *)node->json.next)->previous = node->previous;
    else
        parent->json.last = node->previous ? &node->previous->json : NULL;
    parent->json.count--;
}

static err_t open_container(struct patcher *p, struct node *node)
{
    const struct json *child = node->json.first;
    uint32_t count = node->json.count;
    if (node->opened)
        return ERR_OK;
    struct opened *opened = arena_zero(p->context.arena, sizeof(*opened));
    struct node *nodes = arena_alloc(p->context.arena, count * sizeof(*nodes));
    if (!opened || !nodes)
        return no_memory(p);
    patch_sequence_init(&opened->items, p->context.arena);
    if (node->json.type == JSON_OBJECT && !patch_index_init(&opened->names, p->context.arena, count))
        return no_memory(p);
    node->json.first = node->json.last = NULL;
    node->json.count = 0;
    for (uint32_t i = 0; i < count; i++, child = child->next) {
        node_init(&nodes[i], child);
        link_after(node, i ? &nodes[i - 1] : NULL, &nodes[i]);
        if (node->json.type == JSON_OBJECT)
            patch_index_put(&opened->names, patch_name(child->key), 0, &nodes[i].json);
        else if (!patch_sequence_insert(&opened->items, i, &nodes[i]))
            return no_memory(p);
    }
    node->opened = opened;
    return ERR_OK;
}

/* ---- Pointers (RFC 6901) */

static bool decode_token(struct arena *arena, bytes token, bytes *ret)
{
    size_t n = 0;
    *ret = token;
    if (bytes_find(token, '~') == token.n)
        return true;
    uint8_t *decoded = arena_alloc(arena, token.n);
    if (!decoded)
        return false;
    for (size_t i = 0; i < token.n; i++) {
        bool escape = token.p[i] == '~' && i + 1 < token.n && (token.p[i + 1] == '0' || token.p[i + 1] == '1');
        decoded[n++] = !escape ? token.p[i] : token.p[++i] == '0' ? '~' : '/';
    }
    *ret = (bytes){decoded, n};
    return true;
}

/* As Go's Atoi: a sign and digits; a negative one counts from `end`. False when it isn't below `bound`. */
static bool parse_index(bytes text, uint32_t end, uint32_t bound, uint32_t *ret)
{
    bool negative = text.n && text.p[0] == '-';
    int64_t number = 0;
    if (text.n && (text.p[0] == '-' || text.p[0] == '+'))
        text = bytes_skip(text, 1);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        number = number * 10 + (text.p[i] - '0');
        if (number > UINT32_MAX)
            return false;
    }
    if (negative)
        number = number ? (int64_t)end - number : 0;
    if (text.n == 0 || number < 0 || number >= (int64_t)bound)
        return false;
    *ret = (uint32_t)number;
    return true;
}

/* The child of that name or place, or NULL: a missing member is the same as null to most operations. */
static struct node *child_at(const struct place *at)
{
    struct opened *opened = at->parent->opened;
    uint32_t i;
    if (at->parent->json.type == JSON_OBJECT) {
        const struct patch_slot *slot = patch_index_find(&opened->names, patch_name(at->name));
        return slot ? (struct node *)slot->value : NULL;
    }
    bool found = parse_index(at->name, opened->items.count, opened->items.count, &i);
    return found ? *patch_sequence_at(&opened->items, i) : NULL;
}

static bool is_array(const struct place *at)
{
    return at->parent->json.type == JSON_ARRAY;
}

/* A missing item, unlike a missing member, is always an error. */
static bool is_lost(const struct place *at, const struct node *child)
{
    return !child && is_array(at);
}

/* Follows all but the last token of a pointer, opening what it passes. */
static err_t find_place(struct patcher *p, const struct json *pointer, struct place *ret)
{
    struct place at = {.parent = p->root};
    if (!pointer || pointer->type != JSON_STRING)
        return refuse(p);
    bytes rest = pointer->text;
    size_t n = bytes_find(rest, '/'); /* nothing, in a valid pointer */
    if (n == rest.n)
        return refuse(p);
    while (rest = bytes_skip(rest, n + 1), n = bytes_find(rest, '/'), true) {
        if (!patch_is_container(&at.parent->json))
            return refuse(p);
        TRY(open_container(p, at.parent));
        if (!decode_token(p->context.arena, (bytes){rest.p, n}, &at.name))
            return no_memory(p);
        if (n == rest.n)
            break;
        at.parent = child_at(&at);
        if (!at.parent)
            return refuse(p);
    }
    *ret = at;
    return ERR_OK;
}

/* ---- Edits */

static err_t remove_child(struct patcher *p, const struct place *at, struct node **ret)
{
    struct opened *opened = at->parent->opened;
    struct node *child = child_at(at);
    uint32_t i;
    if (!child)
        return refuse(p);
    if (!is_array(at))
        patch_index_find(&opened->names, patch_name(at->name))->value = NULL;
    else if (parse_index(at->name, opened->items.count, opened->items.count, &i))
        patch_sequence_remove(&opened->items, i);
    unlink_node(at->parent, child);
    *ret = child;
    return ERR_OK;
}

/* Puts the node where old is. */
static void replace_child(const struct place *at, struct node *old, struct node *node)
{
    struct opened *opened = at->parent->opened;
    struct node *previous = old->previous;
    uint32_t i;
    node->json.key = old->json.key;
    unlink_node(at->parent, old);
    link_after(at->parent, previous, node);
    if (!is_array(at))
        patch_index_find(&opened->names, patch_name(at->name))->value = &node->json;
    else if (parse_index(at->name, opened->items.count, opened->items.count, &i))
        *patch_sequence_at(&opened->items, i) = node;
}

static err_t put_member(struct patcher *p, const struct place *at, struct node *node)
{
    struct patch_index *names = &at->parent->opened->names;
    struct node *old = child_at(at);
    if (old) {
        replace_child(at, old, node);
        return ERR_OK;
    }
    if (!patch_index_reserve(names, p->context.arena))
        return no_memory(p);
    node->json.key = at->name;
    link_after(at->parent, (struct node *)at->parent->json.last, node);
    patch_index_put(names, patch_name(at->name), 0, NULL)->value = &node->json;
    return ERR_OK;
}

static err_t put_item(struct patcher *p, const struct place *at, struct node *node)
{
    struct patch_sequence *items = &at->parent->opened->items;
    uint32_t i = items->count;
    if (!bytes_equal(at->name, BYTES("-")) && !parse_index(at->name, i + 1, i + 1, &i))
        return refuse(p);
    if (!patch_sequence_insert(items, i, node))
        return no_memory(p);
    node->json.key = BYTES_NONE;
    link_after(at->parent, i ? *patch_sequence_at(items, i - 1) : NULL, node);
    return ERR_OK;
}

static err_t add_node(struct patcher *p, const struct place *at, struct node *node)
{
    if (!node)
        return no_memory(p);
    return is_array(at) ? put_item(p, at, node) : put_member(p, at, node);
}

/* ---- What copies cost */

/* Bytes as JSON text; over `most` at the latest when it is deeper than a patch may make things. */
static size_t size_of(const struct json *value, size_t most, unsigned depth)
{
    size_t size = value->key.n + 3;
    if (depth > PATCH_DEPTH_MOST)
        return most + 1;
    if (!patch_is_container(value))
        return size + (value->type == JSON_STRING || value->type == JSON_NUMBER ? value->text.n + 2 : 5);
    for (const struct json *child = value->first; child && size <= most; child = child->next)
        size += size_of(child, most, depth + 1);
    return size + 2;
}

static struct json *clone(struct arena *arena, const struct json *value)
{
    struct json *copy = patch_share(arena, value);
    if (!copy || !patch_is_container(value))
        return copy;
    copy->first = copy->last = NULL;
    copy->count = 0;
    for (const struct json *child = value->first; child; child = child->next)
        if (!json_append(copy, clone(arena, child)))
            return NULL;
    return copy;
}

/* ---- Equality: in the time that the operation's value takes, for it occurs in one operation only. */

static err_t is_equal(struct patcher *p, const struct json *a, const struct json *b, bool *ret);

static err_t members_equal(struct patcher *p, const struct json *a, const struct json *b, bool *ret)
{
    struct patch_index names;
    if (!patch_index_init(&names, p->context.arena, a->count))
        return no_memory(p);
    for (struct json *member = a->first; member; member = member->next)
        patch_index_put(&names, patch_name(member->key), 0, member);
    for (const struct json *member = b->first; member && *ret; member = member->next) {
        const struct patch_slot *slot = patch_index_find(&names, patch_name(member->key));
        *ret = slot != NULL;
        if (slot)
            TRY(is_equal(p, slot->value, member, ret));
    }
    return ERR_OK;
}

/* b is the operation's value, which is not too deep. Numbers compare by their text. */
static err_t is_equal(struct patcher *p, const struct json *a, const struct json *b, bool *ret)
{
    *ret = a->type == b->type;
    if (*ret && patch_is_container(a))
        *ret = a->count == b->count;
    else if (*ret && (a->type == JSON_STRING || a->type == JSON_NUMBER))
        *ret = bytes_equal(a->text, b->text);
    if (!*ret || !patch_is_container(a))
        return ERR_OK;
    if (a->type == JSON_OBJECT)
        return members_equal(p, a, b, ret);
    for (a = a->first, b = b->first; a && *ret; a = a->next, b = b->next)
        TRY(is_equal(p, a, b, ret));
    return ERR_OK;
}

/* ---- Operations */

static const struct json null_value = {.type = JSON_NULL};

static const struct json *value_of(const struct json *operation)
{
    const struct json *value = json_get(operation, BYTES("value"));
    return value ? value : &null_value;
}

static err_t operation_add(struct patcher *p, const struct json *operation)
{
    struct place at;
    TRY(find_place(p, json_get(operation, BYTES("path")), &at));
    return add_node(p, &at, node_new(p, value_of(operation)));
}

static err_t operation_remove(struct patcher *p, const struct json *operation)
{
    struct place at;
    struct node *removed;
    TRY(find_place(p, json_get(operation, BYTES("path")), &at));
    return remove_child(p, &at, &removed);
}

static bool is_root(const struct json *pointer)
{
    return pointer && pointer->type == JSON_STRING && pointer->text.n == 0;
}

static err_t operation_replace(struct patcher *p, const struct json *operation)
{
    const struct json *path = json_get(operation, BYTES("path"));
    struct node *node = node_new(p, value_of(operation));
    struct place at;
    if (!node)
        return no_memory(p);
    if (is_root(path)) {
        node->json.key = p->root->json.key;
        p->root = node;
        return patch_is_container(&node->json) ? ERR_OK : refuse(p);
    }
    TRY(find_place(p, path, &at));
    struct node *old = child_at(&at);
    if (is_lost(&at, old))
        return refuse(p);
    if (!old)
        return put_member(p, &at, node);
    replace_child(&at, old, node);
    return ERR_OK;
}

static err_t operation_move(struct patcher *p, const struct json *operation)
{
    struct place from, to;
    struct node *node;
    TRY(find_place(p, json_get(operation, BYTES("from")), &from));
    TRY(remove_child(p, &from, &node));
    TRY(find_place(p, json_get(operation, BYTES("path")), &to));
    return add_node(p, &to, node);
}

static err_t operation_copy(struct patcher *p, const struct json *operation)
{
    struct place from, to;
    TRY(find_place(p, json_get(operation, BYTES("from")), &from));
    const struct node *node = child_at(&from);
    if (is_lost(&from, node))
        return refuse(p);
    const struct json *value = node ? &node->json : &null_value;
    TRY(find_place(p, json_get(operation, BYTES("path")), &to));
    p->copied += size_of(value, COPIED_MOST, 0);
    if (p->copied > COPIED_MOST)
        return refuse(p);
    const struct json *copy = clone(p->context.arena, value);
    return copy ? add_node(p, &to, node_new(p, copy)) : no_memory(p);
}

static err_t operation_test(struct patcher *p, const struct json *operation)
{
    const struct json *path = json_get(operation, BYTES("path")), *found = &p->root->json;
    bool equal = false;
    if (!is_root(path)) {
        struct place at;
        TRY(find_place(p, path, &at));
        const struct node *node = child_at(&at);
        if (is_lost(&at, node))
            return refuse(p);
        found = node ? &node->json : &null_value;
    }
    TRY(is_equal(p, found, value_of(operation), &equal));
    return equal ? ERR_OK : refuse(p);
}

static const struct {
    const char *name;
    err_t (*run)(struct patcher *, const struct json *operation);
} operations[] = {
    {"add", operation_add},
    {"remove", operation_remove},
    {"replace", operation_replace},
    {"move", operation_move},
    {"copy", operation_copy},
    {"test", operation_test},
};

static err_t run(struct patcher *p, const struct json *operation)
{
    bytes name = json_text(operation, BYTES("op"));
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        if (bytes_equal(name, bytes_of(operations[i].name)))
            return operations[i].run(p, operation);
    return refuse(p);
}

static bool is_too_deep(const struct json *value, unsigned depth)
{
    bool deep = depth > PATCH_DEPTH_MOST;
    if (!deep && patch_is_container(value))
        for (const struct json *child = value->first; child && !deep; child = child->next)
            deep = is_too_deep(child, depth + 1);
    return deep;
}

err_t patch_json(
    struct arena *arena, const struct json *object, const struct json *patch, struct json **ret, struct error *error)
{
    struct patcher p = {.context = {arena, error}};
    if (patch->type != JSON_ARRAY)
        return error_set(error, ERR_BAD_REQUEST, "a JSON patch is a list of operations");
    p.root = node_new(&p, object);
    if (!p.root)
        return no_memory(&p);
    for (const struct json *operation = patch->first; operation; operation = operation->next)
        TRY(run(&p, operation));
    if (is_too_deep(&p.root->json, 0))
        return refuse(&p);
    *ret = &p.root->json;
    return ERR_OK;
}
