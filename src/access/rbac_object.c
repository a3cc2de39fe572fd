/* SPDX-License-Identifier: Apache-2.0 */
/* An object of RBAC, compiled: read into memory that is soon given back, measured, and copied into one block.
 *
 *   block ──> struct, its arrays one after the other, the texts that they name
 *
 * There are as many as there are roles and bindings, and each stays as long as the object: a block holds no byte more.
 */
#include "access/rbac_snapshot.h"

#include <stdlib.h>

#define OBJECT_MEMORY (64u << 20)

/* ---- Read. */

bool rbac_texts_read(struct arena *arena, const struct json *list, struct rbac_texts *ret)
{
    bytes *items;

    *ret = (struct rbac_texts){0};
    if (!list || list->type != JSON_ARRAY || list->count == 0)
        return true;
    items = arena_alloc(arena, list->count * sizeof *items);
    for (const struct json *item = list->first; items && item; item = item->next) {
        bytes text = item->type == JSON_STRING ? arena_copy(arena, item->text) : BYTES("");
        if (!text.p)
            return false;
        items[ret->count++] = text;
    }
    ret->items = items;
    return items != NULL;
}

static bool read_rule(struct arena *arena, const struct json *rule, struct rbac_rule *ret)
{
    return rbac_texts_read(arena, json_get(rule, BYTES("verbs")), &ret->verbs) &&
           rbac_texts_read(arena, json_get(rule, BYTES("apiGroups")), &ret->groups) &&
           rbac_texts_read(arena, json_get(rule, BYTES("resources")), &ret->resources) &&
           rbac_texts_read(arena, json_get(rule, BYTES("resourceNames")), &ret->names) &&
           rbac_texts_read(arena, json_get(rule, BYTES("nonResourceURLs")), &ret->urls);
}

err_t rbac_rules_read(struct arena *arena, const struct json *object, const struct rbac_rule **ret, size_t *ret_count,
    struct error *error)
{
    const struct json *list = json_get(object, BYTES("rules"));
    size_t count = list && list->type == JSON_ARRAY ? list->count : 0, at = 0;
    struct rbac_rule *rules = arena_zero(arena, count * sizeof *rules);

    if (!rules)
        return arena_error(arena, error);
    for (const struct json *rule = count ? list->first : NULL; rule; rule = rule->next)
        if (!read_rule(arena, rule, &rules[at++]))
            return arena_error(arena, error);
    *ret = rules;
    *ret_count = count;
    return ERR_OK;
}

static bool read_subject(struct arena *arena, const struct json *from, bytes namespace, struct rbac_subject *ret)
{
    bytes kind = json_text(from, BYTES("kind")), name = json_text(from, BYTES("name"));
    bytes given = json_text(from, BYTES("namespace"));

    *ret = (struct rbac_subject){
        .group = bytes_equal(kind, BYTES("Group")), .kind = kind, .name = name, .namespace = BYTES(""), .as = name};
    if (bytes_equal(kind, BYTES("ServiceAccount"))) {
        ret->namespace = given.n > 0 ? given : namespace;
        ret->as = user_account_name(arena, ret->namespace, name);
    }
    return arena->failed == ERR_OK;
}

static bool read_binding(struct arena *arena, bytes key, const struct json *object, struct rbac_binding *ret)
{
    const struct json *list = json_get(object, BYTES("subjects")), *role = json_get(object, BYTES("roleRef"));
    size_t slash = bytes_find(key, '/'), count = list && list->type == JSON_ARRAY ? list->count : 0;
    struct rbac_subject *subjects = arena_alloc(arena, count * sizeof *subjects);
    bytes name = json_text(role, BYTES("name"));

    *ret = (struct rbac_binding){.key = key,
        .namespace = slash < key.n ? (bytes){key.p, slash} : BYTES(""),
        .cluster_role = bytes_equal(json_text(role, BYTES("kind")), BYTES("ClusterRole")),
        .role_name = name,
        .subjects = subjects};
    ret->role_key = ret->cluster_role ? name : arena_join(arena, ret->namespace, BYTES("/"), name, ARENA_END);
    if (arena->failed != ERR_OK)
        return false;
    for (const struct json *s = count ? list->first : NULL; s; s = s->next)
        if (!read_subject(arena, s, ret->namespace, &subjects[ret->count++]))
            return false;
    return true;
}

/* ---- Packed. */

/* Where the block's next array and text go. */
struct pack {
    uint8_t *arrays, *texts;
};

/* Room for the object's struct, which comes first. Sizes but the texts' are multiples of the alignment. NULL without
 * memory. */
static void *pack_begin(struct pack *pack, size_t object, size_t arrays, size_t texts)
{
    uint8_t *block = malloc(object + arrays + texts);

    if (block)
        *pack = (struct pack){block + object, block + object + arrays};
    return block;
}

static void *pack_array(struct pack *pack, size_t n)
{
    void *array = pack->arrays;

    pack->arrays += n;
    return array;
}

static bytes pack_text(struct pack *pack, bytes from)
{
    bytes text = {pack->texts, from.n};

    if (from.n > 0)
        memcpy(pack->texts, from.p, from.n);
    pack->texts += from.n;
    return text;
}

static void block_free(struct persistent_value *value)
{
    free(value);
}

static err_t no_memory(struct error *error)
{
    return error_set(error, ERR_NO_MEMORY, "no memory for the rules of RBAC");
}

/* Plain arenas are refused memory by the system, or for the object's size. */
static err_t too_large(const struct arena *memory, struct error *error)
{
    if (memory->failed == ERR_NO_MEMORY)
        return no_memory(error);
    return error_set(error, ERR_TOO_LARGE, "its rules take more than %u MiB", OBJECT_MEMORY >> 20);
}

/* ---- Roles. */

uint64_t rbac_bit(bytes text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a: who makes others' bits meet gains a look at rules */

    if (text.n > 0 && text.p[0] == '*')
        return UINT64_MAX;
    for (size_t i = 0; i < text.n && text.p[i] != '/'; i++)
        hash = (hash ^ text.p[i]) * 1099511628211u;
    return UINT64_C(1) << (hash >> 58);
}

static uint64_t bits_of(struct rbac_texts texts)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < texts.count; i++)
        bits |= rbac_bit(texts.items[i]);
    return bits;
}

#define LISTS (sizeof(struct rbac_rule) / sizeof(struct rbac_texts)) /* it has nothing else */

static void measure_rule(const struct rbac_rule *rule, size_t *arrays, size_t *texts)
{
    const struct rbac_texts *lists = (const struct rbac_texts *)rule;

    *arrays += sizeof(struct rbac_rule) + sizeof(struct rbac_sieve);
    for (size_t i = 0; i < LISTS; i++) {
        *arrays += lists[i].count * sizeof(bytes);
        for (size_t at = 0; at < lists[i].count; at++)
            *texts += lists[i].items[at].n;
    }
}

static void pack_rule(struct pack *pack, const struct rbac_rule *from, struct rbac_rule *to)
{
    const struct rbac_texts *lists = (const struct rbac_texts *)from;

    for (size_t i = 0; i < LISTS; i++) {
        bytes *items = pack_array(pack, lists[i].count * sizeof *items);
        for (size_t at = 0; at < lists[i].count; at++)
            items[at] = pack_text(pack, lists[i].items[at]);
        ((struct rbac_texts *)to)[i] = (struct rbac_texts){items, lists[i].count};
    }
}

/* Many names are found by their hashes: a slot holds the place of one, counted from 1. */
#define TABLE_FROM 32

static size_t slots_for(size_t count)
{
    size_t slots = 2 * TABLE_FROM;

    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

bool rbac_table_has(const uint32_t *table, struct rbac_texts names, bytes name)
{
    size_t mask = slots_for(names.count) - 1, at = persistent_map_hash(name) & mask;

    for (; table[at] != 0; at = (at + 1) & mask)
        if (bytes_equal(names.items[table[at] - 1], name))
            return true;
    return false;
}

static size_t tables_size(const struct rbac_rule *rules, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        if (rules[i].names.count >= TABLE_FROM)
            size += slots_for(rules[i].names.count) * sizeof(uint32_t);
    return size > 0 ? size + count * sizeof(uint32_t *) : 0;
}

static const uint32_t *pack_table(struct pack *pack, struct rbac_texts names)
{
    size_t slots = slots_for(names.count), at;
    uint32_t *table;

    if (names.count < TABLE_FROM)
        return NULL;
    table = pack_array(pack, slots * sizeof *table);
    memset(table, 0, slots * sizeof *table);
    for (size_t i = 0; i < names.count;
         i++) { /* a name that comes again is there: thousands of one make no long walk */
        for (at = persistent_map_hash(names.items[i]) & (slots - 1);
             table[at] != 0 && !bytes_equal(names.items[table[at] - 1], names.items[i]);)
            at = (at + 1) & (slots - 1);
        table[at] = (uint32_t)i + 1;
    }
    return table;
}

static struct rbac_role *pack_role(const struct rbac_rule *from, size_t count)
{
    size_t tables = tables_size(from, count), arrays = tables, texts = 0;
    struct rbac_rule *rules;
    struct rbac_sieve *sieves;
    struct rbac_role *role;
    struct pack pack;

    for (size_t i = 0; i < count; i++)
        measure_rule(&from[i], &arrays, &texts);
    if (!(role = pack_begin(&pack, sizeof *role, arrays, texts)))
        return NULL;
    rules = pack_array(&pack, count * sizeof *rules);
    sieves = pack_array(&pack, count * sizeof *sieves);
    *role = (struct rbac_role){.value = {1, block_free}, .rules = rules, .sieves = sieves, .count = count};
    if (tables > 0)
        role->names = pack_array(&pack, count * sizeof *role->names);
    for (size_t i = 0; i < count; i++) {
        pack_rule(&pack, &from[i], &rules[i]);
        sieves[i] = (struct rbac_sieve){bits_of(rules[i].verbs), bits_of(rules[i].resources)};
        role->sieve.verbs |= sieves[i].verbs;
        role->sieve.resources |= sieves[i].resources;
        if (tables > 0)
            role->names[i] = pack_table(&pack, rules[i].names);
    }
    return role;
}

err_t rbac_role_new(const struct json *object, struct persistent_value **ret, struct error *error)
{
    const struct rbac_rule *rules;
    struct arena arena;
    size_t count;
    err_t code;

    arena_init_plain(&arena, OBJECT_MEMORY);
    code = rbac_rules_read(&arena, object, &rules, &count, error);
    if (code == ERR_OK) {
        struct rbac_role *role = pack_role(rules, count);
        *ret = role ? &role->value : NULL;
        code = role ? ERR_OK : no_memory(error);
    } else {
        code = too_large(&arena, error);
    }
    arena_reset(&arena);
    return code;
}

/* ---- Bindings. */

static void measure_binding(const struct rbac_binding *b, size_t *arrays, size_t *texts)
{
    *arrays = b->count * sizeof *b->subjects;
    *texts = b->key.n + b->role_key.n;
    for (size_t i = 0; i < b->count; i++)
        *texts += b->subjects[i].kind.n + b->subjects[i].as.n;
}

/* The last n bytes of a text, with as many between them and its end. */
static bytes tail(bytes text, size_t n, size_t between)
{
    return (bytes){text.p + text.n - between - n, n};
}

/* A service account is named as system:serviceaccount:NAMESPACE:NAME, any other as itself. */
static struct rbac_subject pack_subject(struct pack *pack, const struct rbac_subject *from)
{
    bytes as = pack_text(pack, from->as);

    return (struct rbac_subject){.group = from->group,
        .kind = pack_text(pack, from->kind),
        .name = tail(as, from->name.n, 0),
        .namespace = from->namespace.n > 0 ? tail(as, from->namespace.n, from->name.n + 1) : BYTES(""),
        .as = as};
}

static struct rbac_binding *pack_binding(const struct rbac_binding *from)
{
    struct rbac_subject *subjects;
    struct rbac_binding *b;
    size_t arrays, texts;
    struct pack pack;

    measure_binding(from, &arrays, &texts);
    if (!(b = pack_begin(&pack, sizeof *b, arrays, texts)))
        return NULL;
    subjects = pack_array(&pack, from->count * sizeof *subjects);
    memcpy(b, from, sizeof *b);
    b->value = (struct persistent_value){1, block_free};
    b->key = pack_text(&pack, from->key);
    b->namespace = (bytes){b->key.p, from->namespace.n};
    b->name = bytes_skip(b->key, from->namespace.n > 0 ? from->namespace.n + 1 : 0);
    b->role_key = pack_text(&pack, from->role_key);
    b->role_name = tail(b->role_key, from->role_name.n, 0);
    b->role_hash = persistent_map_hash(b->role_key);
    b->subjects = subjects;
    for (size_t i = 0; i < b->count; i++)
        subjects[i] = pack_subject(&pack, &from->subjects[i]);
    return b;
}

err_t rbac_binding_new(bytes key, const struct json *object, struct persistent_value **ret, struct error *error)
{
    struct rbac_binding read, *binding;
    struct arena arena;
    err_t code;

    arena_init_plain(&arena, OBJECT_MEMORY);
    if (read_binding(&arena, key, object, &read)) {
        binding = pack_binding(&read);
        *ret = binding ? &binding->value : NULL;
        code = binding ? ERR_OK : no_memory(error);
    } else {
        code = too_large(&arena, error);
    }
    arena_reset(&arena);
    return code;
}
