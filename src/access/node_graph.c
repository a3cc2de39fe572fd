/* SPDX-License-Identifier: Apache-2.0 */
#include "access/node_graph.h"

#include "base/persistent_map.h"
#include "base/published.h"

#include <stdlib.h>

/* Texts of a record end with NUL, which no name holds. */
#define PUBLISHED_NODES 2   /* each its own: base/published.h */
#define NAME_MOST       253 /* no object has a longer one */
#define NAMESPACE_MOST  63
#define KEY_MOST        (NAMESPACE_MOST + 1 + NAME_MOST)
#define MIRROR          'm'
#define PLAIN           'p'

/* By key of the object, unless said. */
enum map {
    PODS,        /* record: 'm' or 'p' and the node; then what it names, each after the digit of its node_object */
    VOLUMES,     /* record: the claim, then the secrets */
    ATTACHMENTS, /* record: the node */
    CLAIMS,      /* struct claim */
    PATHS,       /* struct number: how many paths lead from a secret, configmap or account to a node, by path_key */
    MAPS
};

struct node_graph {
    struct published_value value;
    uint64_t version;
    const struct persistent_map *maps[MAPS];
};

struct record {
    struct persistent_value value;
    size_t n;
    uint8_t text[];
};

struct number {
    struct persistent_value value;
    uint32_t n;
};

/* A PersistentVolumeClaim: Pods name it, volumes are bound to it. */
struct claim {
    struct persistent_value value;
    const struct persistent_map *nodes;   /* struct number: how many Pods lead there */
    const struct persistent_map *volumes; /* by name; struct number, always 1 */
};

static struct node_graph empty = {.value = {.references = 1}};
static struct published current = PUBLISHED(PUBLISHED_NODES, &empty.value);

/* ---- Values. */

static void free_plain(struct persistent_value *value)
{
    free(value);
}

static struct number *number_new(uint32_t n)
{
    struct number *number = malloc(sizeof *number);

    if (number)
        *number = (struct number){.value = {1, free_plain}, .n = n};
    return number;
}

static void free_claim(struct persistent_value *value)
{
    struct claim *claim = (struct claim *)value;

    persistent_map_release(claim->nodes);
    persistent_map_release(claim->volumes);
    free(claim);
}

/* A copy of old (may be NULL), to be changed before it is put. */
static struct claim *claim_copy(const struct claim *old)
{
    struct claim *claim = calloc(1, sizeof *claim);

    if (!claim)
        return NULL;
    claim->value = (struct persistent_value){1, free_claim};
    if (old) {
        claim->nodes = old->nodes;
        claim->volumes = old->volumes;
    }
    persistent_map_hold(claim->nodes);
    persistent_map_hold(claim->volumes);
    return claim;
}

/* ---- Maps, changed in place. False without memory. */

/* Takes over the value, on failure too; NULL: there was no memory for it. */
static bool map_put(const struct persistent_map **map, bytes key, struct persistent_value *value)
{
    if (value && persistent_map_replace(map, key, value))
        return true;
    persistent_value_release(value);
    return false;
}

static bool map_remove(const struct persistent_map **map, bytes key)
{
    return persistent_map_replace(map, key, NULL);
}

static uint32_t map_number(const struct persistent_map *map, bytes key)
{
    const struct number *number = (const struct number *)persistent_map_get(map, key);

    return number ? number->n : 0;
}

/* Adds by to the number, which goes when it is 0. */
static bool map_count(const struct persistent_map **map, bytes key, int by)
{
    uint32_t n = map_number(*map, key) + (uint32_t)by;

    return n == 0 ? map_remove(map, key) : map_put(map, key, (struct persistent_value *)number_new(n));
}

static const struct record *record_of(const struct node_graph *g, enum map map, bytes key)
{
    return (const struct record *)persistent_map_get(g->maps[map], key);
}

/* ---- Keys and texts. */

struct path_key {
    uint8_t text[1 + KEY_MOST + 1 + NAME_MOST];
    size_t n;
};

static void add(struct path_key *k, bytes b)
{
    if (b.n > 0)
        memcpy(k->text + k->n, b.p, b.n);
    k->n += b.n;
}

/* One that an object can have, and that leaves keys and records with one reading. */
static bool is_name(bytes b)
{
    return b.n > 0 && b.n <= NAME_MOST && bytes_find(b, '/') == b.n && bytes_find(b, 0) == b.n;
}

/* The digit of what, namespace/name, NUL, node. False for what no object and no node is named. */
static bool path_key(enum node_object what, bytes namespace, bytes name, bytes node, struct path_key *ret)
{
    if (namespace.n > NAMESPACE_MOST || (namespace.n > 0 && !is_name(namespace)) || !is_name(name) || !is_name(node))
        return false;
    ret->text[0] = (uint8_t)('0' + what);
    ret->n = 1;
    add(ret, namespace);
    add(ret, BYTES("/"));
    add(ret, name);
    add(ret, BYTES("\0"));
    add(ret, node);
    return true;
}

/* The next text of a record. */
static bool take(bytes *rest, bytes *ret)
{
    size_t end = bytes_find(*rest, 0);

    if (end == rest->n)
        return false;
    *ret = (bytes){rest->p, end};
    *rest = bytes_skip(*rest, end + 1);
    return true;
}

static void split(bytes key, bytes *ret_namespace, bytes *ret_name)
{
    size_t slash = bytes_find(key, '/');

    *ret_namespace = slash < key.n ? (bytes){key.p, slash} : BYTES_NONE;
    *ret_name = slash < key.n ? bytes_skip(key, slash + 1) : key;
}

/* A key with two names that objects can have. */
static bool is_key(bytes key)
{
    bytes namespace, name;

    split(key, &namespace, &name);
    return namespace.n <= NAMESPACE_MOST && is_name(namespace) && is_name(name);
}

/* ---- Edges: by is 1 to add them, -1 to take them away. */

static bool count_path(struct node_graph *g, enum node_object what, bytes namespace, bytes name, bytes node, int by)
{
    struct path_key key;

    return !path_key(what, namespace, name, node, &key) || map_count(&g->maps[PATHS], (bytes){key.text, key.n}, by);
}

/* The secrets of a volume whose claim leads to the node. */
static bool count_secrets(struct node_graph *g, const struct record *volume, bytes node, int by)
{
    bytes rest = {volume->text, volume->n}, secret, namespace, name;
    bool done = take(&rest, &secret); /* the claim */

    while (done && take(&rest, &secret)) {
        split(secret, &namespace, &name);
        done = count_path(g, NODE_SECRET, namespace, name, node, by);
    }
    return done;
}

static bool put_claim(struct node_graph *g, bytes key, struct claim *claim)
{
    if (claim->nodes || claim->volumes)
        return map_put(&g->maps[CLAIMS], key, &claim->value);
    persistent_value_release(&claim->value);
    return map_remove(&g->maps[CLAIMS], key);
}

/* Of all volumes that are bound to the claim. */
static bool count_volumes(struct node_graph *g, const struct persistent_map *volumes, bytes node, int by)
{
    const struct persistent_value *value;
    struct persistent_cursor cursor;
    bytes name;
    bool done = true;

    persistent_map_begin(volumes, &cursor);
    while (done && persistent_map_next(&cursor, &name, &value)) {
        const struct record *volume = record_of(g, VOLUMES, name);
        done = !volume || count_secrets(g, volume, node, by);
    }
    return done;
}

/* A Pod on the node names the claim: with the first one the volumes' secrets lead there too. */
static bool count_claim(struct node_graph *g, bytes key, bytes node, int by)
{
    struct claim *claim = claim_copy((const struct claim *)persistent_map_get(g->maps[CLAIMS], key));
    bool before, done;

    if (!claim)
        return false;
    before = map_number(claim->nodes, node) > 0;
    done = map_count(&claim->nodes, node, by);
    if (done && before != (map_number(claim->nodes, node) > 0))
        done = count_volumes(g, claim->volumes, node, by);
    return put_claim(g, key, claim) && done;
}

static bool count_pod(struct node_graph *g, bytes key, const struct record *pod, int by)
{
    bytes rest = {pod->text, pod->n}, node, reference, namespace, unused;
    struct path_key claim;
    bool done = take(&rest, &node);

    node = bytes_skip(node, 1);
    split(key, &namespace, &unused);
    while (done && take(&rest, &reference)) {
        enum node_object what = (enum node_object)(reference.p[0] - '0');
        bytes name = bytes_skip(reference, 1);
        if (what != NODE_CLAIM)
            done = count_path(g, what, namespace, name, node, by);
        else if (path_key(what, namespace, name, node, &claim))
            done = count_claim(g, (bytes){claim.text + 1, namespace.n + 1 + name.n}, node, by);
    }
    return done;
}

static bool count_bound(struct node_graph *g, bytes name, const struct record *volume, int by)
{
    const struct persistent_value *value;
    struct persistent_cursor cursor;
    bytes rest = {volume->text, volume->n}, key, node;
    struct claim *claim;
    bool done;

    if (!take(&rest, &key))
        return true;
    claim = claim_copy((const struct claim *)persistent_map_get(g->maps[CLAIMS], key));
    if (!claim)
        return false;
    done = map_count(&claim->volumes, name, by);
    persistent_map_begin(claim->nodes, &cursor);
    while (done && persistent_map_next(&cursor, &node, &value))
        done = count_secrets(g, volume, node, by);
    return put_claim(g, key, claim) && done;
}

/* ---- Records. */

static struct record *record_new(size_t n)
{
    struct record *record = malloc(sizeof *record + n);

    if (record) {
        record->value = (struct persistent_value){1, free_plain};
        record->n = 0;
    }
    return record;
}

static void record_release(struct record *record)
{
    if (record)
        persistent_value_release(&record->value);
}

static void record_byte(struct record *record, char c)
{
    record->text[record->n++] = (uint8_t)c;
}

static void record_add(struct record *record, bytes text)
{
    memcpy(record->text + record->n, text.p, text.n);
    record->n += text.n;
    record_byte(record, 0);
}

static int compare_references(const void *left, const void *right)
{
    const struct node_reference *a = left, *b = right;

    return a->what != b->what ? (a->what > b->what) - (a->what < b->what) : bytes_compare(a->name, b->name);
}

/* Sorts them; what stands there twice, or names nothing, goes. */
static size_t tidy(struct node_reference *references, size_t count)
{
    size_t kept = 0;

    qsort(references, count, sizeof *references, compare_references);
    for (size_t i = 0; i < count; i++) {
        const struct node_reference *r = &references[i];
        if (is_name(r->name) && (kept == 0 || compare_references(&references[kept - 1], r) != 0))
            references[kept++] = *r;
    }
    return kept;
}

static struct record *record_of_references(
    bytes node, bool mirror, const struct node_reference *references, size_t count)
{
    size_t size = node.n + 2;
    struct record *record;

    for (size_t i = 0; i < count; i++)
        size += references[i].name.n + 2;
    record = record_new(size);
    if (!record)
        return NULL;
    record_byte(record, mirror ? MIRROR : PLAIN);
    record_add(record, node);
    for (size_t i = 0; i < count; i++) {
        record_byte(record, (char)('0' + references[i].what));
        record_add(record, references[i].name);
    }
    return record;
}

/* NULL: no memory. */
static struct record *record_of_pod(const struct node_pod *pod, bool mirror)
{
    size_t count = mirror ? 0 : pod->count;
    struct node_reference *references = calloc(count + 1, sizeof *references);
    struct record *record;

    if (!references)
        return NULL;
    if (count > 0)
        memcpy(references, pod->references, count * sizeof *references);
    record = record_of_references(pod->node, mirror, references, tidy(references, count));
    free(references);
    return record;
}

static struct record *record_of_volume(const struct node_volume *volume)
{
    size_t size = volume->claim.n + 1;
    struct record *record;

    for (size_t i = 0; i < volume->count; i++)
        size += volume->secrets[i].n + 1;
    record = record_new(size);
    if (!record)
        return NULL;
    record_add(record, volume->claim);
    for (size_t i = 0; i < volume->count; i++)
        if (is_key(volume->secrets[i]))
            record_add(record, volume->secrets[i]);
    return record;
}

static bool same(const struct record *a, const struct record *b)
{
    return a == b || (a && b && bytes_equal((bytes){a->text, a->n}, (bytes){b->text, b->n}));
}

/* ---- Changes: a copy, and then the swap. */

static void free_graph(struct published_value *value)
{
    struct node_graph *g = (struct node_graph *)value;

    for (size_t i = 0; i < MAPS; i++)
        persistent_map_release(g->maps[i]);
    free(g);
}

static const struct node_graph *newest(void)
{
    return (const struct node_graph *)published_newest(&current);
}

static uint64_t withdrawals; /* of whoever changes the graph */

static struct node_graph *copy_newest(void)
{
    struct node_graph *g = malloc(sizeof *g);

    if (!g)
        return NULL;
    g->value = (struct published_value){1, free_graph};
    g->version = withdrawals;
    memcpy(g->maps, newest()->maps, sizeof g->maps); /* not all of it: other threads count its references */
    for (size_t i = 0; i < MAPS; i++)
        persistent_map_hold(g->maps[i]);
    return g;
}

static bool finish(struct node_graph *g, bool done)
{
    if (done)
        published_swap(&current, &g->value);
    else
        published_release(&g->value);
    return done;
}

typedef bool count_function(struct node_graph *, bytes key, const struct record *, int by);

/* The record (taken over; NULL: none) in place of the one under the key, and its edges in place of that one's. */
static bool replace(enum map map, bytes key, struct record *record, count_function *count)
{
    const struct record *old = record_of(newest(), map, key);
    bool unchanged = same(old, record), done;
    struct node_graph *g = unchanged ? NULL : copy_newest();

    if (!g) {
        record_release(record);
        return unchanged;
    }
    if (old)
        g->version = ++withdrawals;
    done = !old || !count || count(g, key, old, -1); /* old lives in the newest graph */
    if (done && record && count)
        done = count(g, key, record, 1);
    if (done && record)
        done = map_put(&g->maps[map], key, &record->value);
    else if (done)
        done = map_remove(&g->maps[map], key);
    else
        record_release(record);
    return finish(g, done);
}

bool node_graph_put_pod(bytes key, const struct node_pod *pod)
{
    const struct record *old = record_of(newest(), PODS, key);
    struct record *record = NULL;

    if (pod && is_name(pod->node) && is_key(key)) {
        record = record_of_pod(pod, pod->mirror || (old && old->text[0] == MIRROR));
        if (!record)
            return false;
    }
    return replace(PODS, key, record, count_pod);
}

bool node_graph_put_volume(bytes name, const struct node_volume *volume)
{
    struct record *record = NULL;

    if (volume && is_key(volume->claim)) {
        record = record_of_volume(volume);
        if (!record)
            return false;
    }
    return replace(VOLUMES, name, record, count_bound);
}

bool node_graph_put_attachment(bytes name, bytes node)
{
    struct record *record = NULL;

    if (is_name(node)) {
        record = record_new(node.n + 1);
        if (!record)
            return false;
        record_add(record, node);
    }
    return replace(ATTACHMENTS, name, record, NULL);
}

uint64_t node_graph_version(void)
{
    return ((const struct node_graph *)published_see(&current))->version;
}

void node_graph_clear(void)
{
    withdrawals++;
    published_hold(&empty.value);
    published_swap(&current, &empty.value);
}

/* ---- Checks. */

static bool claim_leads(const struct node_graph *g, bytes key, bytes node)
{
    const struct claim *claim = (const struct claim *)persistent_map_get(g->maps[CLAIMS], key);

    return claim && persistent_map_get(claim->nodes, node);
}

static bool first_is(const struct record *record, size_t skip, bytes node)
{
    bytes rest, first;

    if (!record)
        return false;
    rest = (bytes){record->text, record->n};
    return take(&rest, &first) && bytes_equal(bytes_skip(first, skip), node);
}

static bool volume_leads(const struct node_graph *g, bytes name, bytes node)
{
    const struct record *volume = record_of(g, VOLUMES, name);
    bytes rest, claim;

    if (!volume)
        return false;
    rest = (bytes){volume->text, volume->n};
    return take(&rest, &claim) && claim_leads(g, claim, node);
}

bool node_graph_leads(enum node_object what, bytes namespace, bytes name, bytes node)
{
    const struct node_graph *g = (const struct node_graph *)published_see(&current);
    struct path_key key;
    bytes object;

    if (!path_key(what, namespace, name, node, &key))
        return false;
    object = (bytes){key.text + 1, namespace.n + 1 + name.n};
    switch (what) {
    case NODE_CLAIM:
        return claim_leads(g, object, node);
    case NODE_POD:
        return first_is(record_of(g, PODS, object), 1, node);
    case NODE_VOLUME:
        return volume_leads(g, name, node);
    case NODE_ATTACHMENT:
        return first_is(record_of(g, ATTACHMENTS, name), 0, node);
    default:
        return persistent_map_get(g->maps[PATHS], (bytes){key.text, key.n}) != NULL;
    }
}
