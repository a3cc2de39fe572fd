/* SPDX-License-Identifier: Apache-2.0 */
#include "api/managed_entries.h"

#include "base/clock.h"

#define UPDATES_MOST    10
#define ANCIENT_CHANGES "ancient-changes"

/* ---- Order and identity */

/* The entry of an applier is the same whatever version it applies. */
static int compare_identity(const struct managed_entry *a, const struct managed_entry *b)
{
    int order = bytes_compare(a->manager, b->manager);
    if (!order)
        order = (int)b->applied - (int)a->applied;
    if (!order && !a->applied)
        order = bytes_compare(a->api_version, b->api_version);
    return order ? order : bytes_compare(a->subresource, b->subresource);
}

/* How they are written: appliers first, the oldest first. */
static int compare_written(const struct managed_entry *a, const struct managed_entry *b)
{
    if (a->applied != b->applied)
        return a->applied ? -1 : 1;
    if (a->seconds != b->seconds)
        return a->seconds < b->seconds ? -1 : 1;
    int order = bytes_compare(a->manager, b->manager);
    if (!order)
        order = bytes_compare(a->api_version, b->api_version);
    return order ? order : bytes_compare(a->subresource, b->subresource);
}

/* Bottom-up merge sort: stable, and n log n whatever a client sent. */
static bool sort(struct arena *arena, struct managed_entries *entries,
    int (*compare)(const struct managed_entry *, const struct managed_entry *))
{
    size_t count = entries->count;
    struct managed_entry *from = entries->items, *to = arena_alloc(arena, count * sizeof(*to));
    if (!to)
        return false;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = start + width < count ? start + width : count;
            size_t end = start + 2 * width < count ? start + 2 * width : count;
            for (size_t x = start, y = middle, z = start; z < end; z++)
                to[z] = y == end || (x < middle && compare(&from[x], &from[y]) <= 0) ? from[x++] : from[y++];
        }
        struct managed_entry *swap = from;
        from = to;
        to = swap;
    }
    entries->items = from;
    entries->capacity = count;
    return true;
}

struct managed_entry *managed_entries_find(const struct managed_entries *entries, const struct managed_entry *identity)
{
    for (size_t i = 0; i < entries->count; i++)
        if (compare_identity(&entries->items[i], identity) == 0)
            return &entries->items[i];
    return NULL;
}

struct managed_entry *managed_entries_add(
    struct arena *arena, struct managed_entries *entries, const struct managed_entry *identity)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->count + 4;
        struct managed_entry *items = arena_alloc(arena, capacity * sizeof(*items));
        if (!items)
            return NULL;
        if (entries->count)
            memcpy(items, entries->items, entries->count * sizeof(*items));
        entries->items = items;
        entries->capacity = capacity;
    }
    struct managed_entry *entry = &entries->items[entries->count++];
    *entry = (struct managed_entry){.manager = identity->manager,
        .api_version = identity->api_version,
        .subresource = identity->subresource,
        .applied = identity->applied};
    return entry;
}

void managed_entries_drop_empty(struct managed_entries *entries)
{
    size_t kept = 0;
    for (size_t i = 0; i < entries->count; i++)
        if (entries->items[i].set)
            entries->items[kept++] = entries->items[i];
    entries->count = kept;
}

/* ---- In */

static err_t read_entry(struct arena *arena, const struct json *from, struct managed_entry *ret, struct error *error)
{
    bytes operation = json_text(from, BYTES("operation"));
    const struct json *fields = json_get(from, BYTES("fieldsV1"));
    struct managed_entry entry = {.manager = json_text(from, BYTES("manager")),
        .api_version = json_text(from, BYTES("apiVersion")),
        .subresource = json_text(from, BYTES("subresource")),
        .time = json_text(from, BYTES("time")),
        .applied = bytes_equal(operation, BYTES("Apply"))};
    if (!entry.applied && !bytes_equal(operation, BYTES("Update")))
        return error_set(error, ERR_BAD_REQUEST, "operation must be `Apply` or `Update`");
    if (!entry.api_version.n)
        return error_set(error, ERR_BAD_REQUEST, "apiVersion must not be empty");
    if (!bytes_equal(json_text(from, BYTES("fieldsType")), BYTES("FieldsV1")))
        return error_set(error, ERR_BAD_REQUEST, "fieldsType must be `FieldsV1`");
    if (entry.time.n && !clock_parse(entry.time, &entry.seconds))
        return error_set(error, ERR_BAD_REQUEST, "time must be as in RFC 3339");
    if (fields)
        TRY(field_set_parse(arena, fields, &entry.set, error));
    *ret = entry;
    return ERR_OK;
}

err_t managed_entries_read(
    struct arena *arena, const struct json *list, struct managed_entries *ret, struct error *error)
{
    struct managed_entries entries = {0};
    size_t kept = 0;
    if (list && list->type == JSON_ARRAY && list->count) {
        entries.items = arena_alloc(arena, list->count * sizeof(*entries.items));
        if (!entries.items)
            return arena_error(arena, error);
        entries.capacity = list->count;
        for (const struct json *from = list->first; from; from = from->next)
            TRY(read_entry(arena, from, &entries.items[entries.count++], error));
        if (!sort(arena, &entries, compare_identity))
            return arena_error(arena, error);
    }
    for (size_t i = 0; i < entries.count; i++)
        if (i + 1 == entries.count || compare_identity(&entries.items[i], &entries.items[i + 1]) != 0)
            entries.items[kept++] = entries.items[i];
    entries.count = kept;
    *ret = entries;
    return ERR_OK;
}

static bool has_version(const struct kind *kind, bytes api_version)
{
    size_t slash = bytes_find(api_version, '/');
    bytes group = slash < api_version.n ? (bytes){api_version.p, slash} : BYTES("");
    bytes version = slash < api_version.n ? bytes_skip(api_version, slash + 1) : api_version;
    if (bytes_equal(group, bytes_of(kind->group)) && bytes_equal(version, bytes_of(kind->version)))
        return true;
    return kind_by_name(registry_current(), group, version, bytes_of(kind->kind)) != NULL;
}

err_t managed_entries_fit(
    struct arena *arena, const struct kind *kind, struct managed_entries *entries, struct error *error)
{
    for (size_t i = 0; i < entries->count; i++) {
        struct managed_entry *entry = &entries->items[i];
        bool known = has_version(kind, entry->api_version);
        entry->set = known ? field_set_reconcile(arena, kind->schema, entry->set) : NULL;
    }
    managed_entries_drop_empty(entries);
    return arena->failed ? arena_error(arena, error) : ERR_OK;
}

/* ---- Many */

static int compare_age(const struct managed_entry *a, const struct managed_entry *b)
{
    if (a->applied != b->applied)
        return a->applied ? 1 : -1;
    if (a->seconds != b->seconds)
        return a->seconds < b->seconds ? -1 : 1;
    return compare_identity(a, b);
}

/* Where the oldest updates of one version go. */
struct bucket {
    bytes api_version;
    struct managed_entry *first, *into; /* the oldest of this version; NULL until a second one comes */
    const struct field_set **sets;      /* what into will hold */
    size_t count;
};
#define VERSIONS_MOST 4

/* That of the version; a new one when there is room, else NULL. */
static struct bucket *bucket_of(struct bucket *buckets, bytes api_version)
{
    for (size_t i = 0; i < VERSIONS_MOST; i++)
        if (!buckets[i].first || bytes_equal(buckets[i].api_version, api_version))
            return &buckets[i];
    return NULL;
}

static bool open_bucket(struct arena *arena, struct managed_entries *entries, struct bucket *bucket)
{
    const struct managed_entry identity = {.manager = BYTES(ANCIENT_CHANGES), .api_version = bucket->api_version};
    bucket->sets = arena_alloc(arena, (entries->count + 1) * sizeof(struct field_set *));
    if (!bucket->sets)
        return false;
    bucket->into = managed_entries_find(entries, &identity);
    if (!bucket->into) {
        bucket->into = bucket->first;
        bucket->into->manager = identity.manager;
        bucket->into->subresource = BYTES("");
    }
    bucket->sets[bucket->count++] = bucket->into->set;
    return true;
}

/* One more goes in; where the turn is the bucket's own, the oldest does. */
static bool put_in_bucket(
    struct arena *arena, struct managed_entries *entries, struct bucket *bucket, struct managed_entry *entry)
{
    if (!bucket->into && !open_bucket(arena, entries, bucket))
        return false;
    struct managed_entry *from = entry == bucket->into ? bucket->first : entry;
    bucket->sets[bucket->count++] = from->set;
    bucket->into->time = entry->time;
    bucket->into->seconds = entry->seconds;
    from->set = NULL;
    return true;
}

/* As upstream: of each version the oldest waits until the next oldest comes, then both become one. */
err_t managed_entries_cap(struct arena *arena, struct managed_entries *entries, struct error *error)
{
    struct bucket buckets[VERSIONS_MOST] = {0};
    size_t updates = 0;
    for (size_t i = 0; i < entries->count; i++)
        updates += !entries->items[i].applied;
    if (updates <= UPDATES_MOST)
        return ERR_OK;
    if (!sort(arena, entries, compare_age))
        return arena_error(arena, error);
    size_t left = updates;
    for (size_t i = 0; i < updates && left > UPDATES_MOST; i++) {
        struct managed_entry *entry = &entries->items[i];
        struct bucket *bucket = bucket_of(buckets, entry->api_version);
        if (bucket && !bucket->first)
            *bucket = (struct bucket){.api_version = entry->api_version, .first = entry};
        else if (bucket && !put_in_bucket(arena, entries, bucket, entry))
            return arena_error(arena, error);
        else if (bucket)
            left--;
    }
    for (size_t i = 0; i < VERSIONS_MOST; i++)
        if (buckets[i].into)
            buckets[i].into->set = field_set_union_all(arena, buckets[i].sets, buckets[i].count);
    managed_entries_drop_empty(entries);
    return arena->failed ? arena_error(arena, error) : ERR_OK;
}

/* ---- Out */

static struct json *put_text(struct arena *arena, struct json *to, bytes name, bytes text)
{
    return text.n ? json_add(to, name, json_string(arena, text)) : to;
}

static struct json *entry_json(struct arena *arena, const struct managed_entry *entry)
{
    struct json *to = json_new(arena, JSON_OBJECT);
    bool made = to && put_text(arena, to, BYTES("manager"), entry->manager) &&
                put_text(arena, to, BYTES("operation"), entry->applied ? BYTES("Apply") : BYTES("Update")) &&
                put_text(arena, to, BYTES("apiVersion"), entry->api_version) &&
                put_text(arena, to, BYTES("time"), entry->time) &&
                put_text(arena, to, BYTES("fieldsType"), BYTES("FieldsV1")) &&
                json_add(to, BYTES("fieldsV1"), field_set_json(arena, entry->set)) &&
                put_text(arena, to, BYTES("subresource"), entry->subresource);
    return made ? to : NULL;
}

err_t managed_entries_write(struct arena *arena, const struct kind *kind, struct json *object,
    struct managed_entries *entries, struct error *error)
{
    struct json *metadata = json_get(object, BYTES("metadata"));
    json_remove(metadata, BYTES("managedFields"));
    if (!entries->count)
        return ERR_OK;
    if (!metadata)
        metadata = json_set(object, BYTES("metadata"), json_new(arena, JSON_OBJECT));
    if (!sort(arena, entries, compare_written))
        return arena_error(arena, error);
    struct json *list = json_new(arena, JSON_ARRAY);
    for (size_t i = 0; list && i < entries->count; i++) {
        struct json *entry = entry_json(arena, &entries->items[i]);
        if (entry && kind->custom)
            json_sort(entry);
        list = json_append(list, entry) ? list : NULL;
    }
    if (!json_set(metadata, BYTES("managedFields"), list))
        return arena_error(arena, error);
    if (kind->custom)
        json_sort(metadata);
    else
        schema_arrange(schema_property(kind->schema, BYTES("metadata"))->schema, metadata);
    return ERR_OK;
}

bytes managed_time(struct arena *arena, int64_t seconds)
{
    char text[CLOCK_RFC3339_SIZE];
    clock_format(seconds, text);
    return arena_copy(arena, bytes_of(text));
}
