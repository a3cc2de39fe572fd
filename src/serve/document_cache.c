/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/document_cache.h"

#include "api/discovery.h"
#include "base/clock.h"
#include "base/memory.h"
#include "crypt/kdf.h"
#include "net/gzip_kept.h"

#include <pthread.h>
#include <stdlib.h>

#define IDLE_MS (3 * 60 * 1000)
#define BUILD_MEMORY                                                                                                   \
    ((size_t)1 << 30) /* a bound for arithmetic: documents are as large as the schemas that are stored */

struct entry {
    struct entry *next;
    struct document_cache *cache;
    enum document_type type;
    uint64_t version;          /* of the registry that it was made from */
    const struct kind **kinds; /* held; of DOCUMENT_V3, which is the same as long as they are */
    size_t kind_count;
    bool known; /* tag is */
    char tag[DOCUMENT_TAG_SIZE];
    struct kept_document *document; /* NULL: not kept */
    bool building;
    struct task *waiting; /* requests, by their tasks */
    uint64_t used_ms;
    struct task task; /* through the pool */
};

struct document_cache {
    pthread_mutex_t mutex;
    struct entry *entries;
    struct timer timer; /* on the loop where it was set */
    bool timer_set;
};

struct document_cache *document_cache_new(void)
{
    struct document_cache *cache = calloc(1, sizeof *cache);

    if (cache)
        pthread_mutex_init(&cache->mutex, NULL);
    return cache;
}

void kept_document_release(struct kept_document *d)
{
    if (d && atomic_fetch_sub_explicit(&d->references, 1, memory_order_acq_rel) == 1)
        free(d);
}

static struct kept_document *kept_document_hold(struct kept_document *d)
{
    atomic_fetch_add_explicit(&d->references, 1, memory_order_relaxed);
    return d;
}

/* ---- Entries. Under the mutex, but for those that are being built: their kinds do not change. */

static void entry_forget(struct entry *e)
{
    kept_document_release(e->document);
    for (size_t i = 0; i < e->kind_count; i++)
        kind_release(e->kinds[i]);
    free(e->kinds);
    e->document = NULL, e->kinds = NULL, e->kind_count = 0, e->known = false;
}

static void entry_free(struct entry *e)
{
    entry_forget(e);
    free(e);
}

void document_cache_free(struct document_cache *cache)
{
    if (!cache)
        return;
    for (struct entry *e = cache->entries, *next; e; e = next) {
        next = e->next;
        entry_free(e);
    }
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

static bool is_of(const struct entry *e, enum document_type type, const struct kind *const *kinds, size_t count)
{
    return e->type == type && (count == 0 || (e->kind_count && strcmp(e->kinds[0]->group, kinds[0]->group) == 0 &&
                                                 strcmp(e->kinds[0]->version, kinds[0]->version) == 0));
}

static bool is_current(const struct entry *e, uint64_t version, const struct kind *const *kinds, size_t count)
{
    if (count == 0)
        return e->version == version;
    return e->kind_count == count && memcmp(e->kinds, kinds, count * sizeof(const struct kind *)) == 0;
}

static bool entry_hold(struct entry *e, const struct kind *const *kinds, size_t count)
{
    e->kinds = count ? malloc(count * sizeof(const struct kind *)) : NULL;
    if (count && !e->kinds)
        return false;
    for (; e->kind_count < count; e->kind_count++)
        e->kinds[e->kind_count] = kind_hold(kinds[e->kind_count]);
    return true;
}

/* The entry, emptied unless it is of today's registry; NULL without memory. One that is being built stays as it is. */
static struct entry *entry_find(struct document_cache *cache, const struct registry *registry, enum document_type type,
    const struct kind *const *kinds, size_t count)
{
    uint64_t version = registry_version(registry);
    struct entry *e = cache->entries;

    while (e && !is_of(e, type, kinds, count))
        e = e->next;
    if (e && e->building)
        return e;
    if (e && is_current(e, version, kinds, count)) {
        e->version = version;
        return e;
    }
    if (!e) {
        e = calloc(1, sizeof *e);
        if (!e)
            return NULL;
        e->cache = cache, e->type = type, e->next = cache->entries;
        if (!entry_hold(e, kinds, count)) {
            free(e);
            return NULL;
        }
        cache->entries = e;
    } else {
        struct entry new = {0};
        if (!entry_hold(&new, kinds, count))
            return NULL;
        entry_forget(e);
        e->kinds = new.kinds, e->kind_count = new.kind_count;
    }
    e->version = version;
    return e;
}

/* ---- Making. */

static void make_tag(bytes plain, char ret[DOCUMENT_TAG_SIZE])
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t hash[SHA256_SIZE];

    sha256(plain, hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        ret[2 * i] = digits[hash[i] >> 4];
        ret[2 * i + 1] = digits[hash[i] & 15];
    }
}

/* The hash of a group version's document, which is made for that unless it is known. */
static bool tag_of(struct document_cache *cache, const struct registry *registry, const struct group_version *v,
    char ret[DOCUMENT_TAG_SIZE])
{
    struct arena arena;
    struct buffer plain;
    struct entry *e;
    bool known;

    pthread_mutex_lock(&cache->mutex);
    e = entry_find(cache, registry, DOCUMENT_V3, v->kinds, v->count);
    known = e && e->known && is_current(e, 0, v->kinds, v->count);
    if (e)
        e->used_ms = clock_monotonic_ms();
    if (known)
        memcpy(ret, e->tag, DOCUMENT_TAG_SIZE);
    pthread_mutex_unlock(&cache->mutex);
    if (known || !e)
        return known;
    arena_init_plain(&arena, BUILD_MEMORY);
    buffer_init(&plain, &arena);
    openapi_v3(&plain, v->kinds, v->count);
    known = !plain.failed;
    if (known) {
        make_tag(buffer_bytes(&plain), ret);
        pthread_mutex_lock(&cache->mutex);
        e = entry_find(cache, registry, DOCUMENT_V3, v->kinds, v->count);
        if (e && !e->building) {
            memcpy(e->tag, ret, DOCUMENT_TAG_SIZE);
            e->known = true;
        }
        pthread_mutex_unlock(&cache->mutex);
    }
    arena_reset(&arena);
    return known;
}

static void write_index(struct document_cache *cache, struct buffer *b, const struct registry *registry)
{
    char tag[DOCUMENT_TAG_SIZE];
    size_t count;
    const struct group_version *versions = group_versions(b->arena, registry, &count);

    b->failed = !versions;
    buffer_text(b, "{\"paths\":{");
    for (size_t i = 0; versions && !b->failed && i < count; i++) {
        const struct kind *k = versions[i].kinds[0];
        const char *root = k->group[0] ? "apis/" : "api";
        if (!tag_of(cache, registry, &versions[i], tag))
            b->failed = true;
        buffer_format(b, "%s\"%s%s/%s\":{\"serverRelativeURL\":\"/openapi/v3/%s%s/%s?hash=%.*s\"}", i ? "," : "", root,
            k->group, k->version, root, k->group, k->version, DOCUMENT_TAG_SIZE, tag);
    }
    buffer_text(b, "}}\n");
}

static void write_document(const struct entry *e, const struct registry *registry, struct buffer *plain)
{
    switch (e->type) {
    case DOCUMENT_CORE:
    case DOCUMENT_GROUPS:
        discovery_aggregated(plain, registry, e->type == DOCUMENT_CORE);
        break;
    case DOCUMENT_V2_JSON:
        openapi_v2_json(plain, registry);
        break;
    case DOCUMENT_V2_PROTOBUF:
        openapi_v2_protobuf(plain, registry);
        break;
    case DOCUMENT_V3_INDEX:
        write_index(e->cache, plain, registry);
        break;
    case DOCUMENT_V3:
        openapi_v3(plain, e->kinds, e->kind_count);
        break;
    }
}

/* NULL without memory. */
static struct kept_document *make(const struct entry *e, const struct registry *registry)
{
    struct kept_document *d = NULL;
    struct buffer plain;
    struct arena arena;
    bytes packed;

    arena_init_plain(&arena, BUILD_MEMORY);
    buffer_init(&plain, &arena);
    write_document(e, registry, &plain);
    packed = plain.failed ? BYTES_NONE : gzip_compress(&arena, buffer_bytes(&plain));
    if (packed.p && (d = malloc(sizeof *d + packed.n))) {
        atomic_init(&d->references, 1);
        make_tag(buffer_bytes(&plain), d->tag);
        d->plain_size = plain.n;
        memcpy(d + 1, packed.p, packed.n);
        d->packed = (bytes){(const uint8_t *)(d + 1), packed.n};
    }
    arena_reset(&arena);
    memory_trim(); /* a document takes some MB to make, and tens of KB to keep */
    return d;
}

static struct request *request_of_task(struct task *task)
{
    return (struct request *)((char *)task - offsetof(struct request, task));
}

/* On the pool. Who asked when the registry was newer looks again. */
static void build(struct task *task)
{
    struct entry *e = (struct entry *)((char *)task - offsetof(struct entry, task));
    const struct registry *registry = registry_current();
    uint64_t version = registry_version(registry);
    struct kept_document *d = make(e, registry);
    struct task *waiting;

    pthread_mutex_lock(&e->cache->mutex);
    if (e->type == DOCUMENT_V3)
        version = e->version; /* of its kinds */
    e->version = version;
    e->document = d;
    e->known = d;
    if (d)
        memcpy(e->tag, d->tag, DOCUMENT_TAG_SIZE);
    e->building = false;
    waiting = e->waiting;
    e->waiting = NULL;
    for (struct task *t = waiting; d && t; t = t->next)
        if (request_of_task(t)->document_version <= version)
            request_of_task(t)->document = kept_document_hold(d);
    pthread_mutex_unlock(&e->cache->mutex);
    while (waiting) {
        struct request *r = request_of_task(waiting);
        waiting = waiting->next;
        if (!d)
            (void)error_set(&r->error, ERR_NO_MEMORY, "the system has no memory for this document now");
        request_return(r);
    }
}

/* ---- Getting. */

/* Drops what nobody asked for; what is of an older registry too, when nobody asks again. */
static void sweep(struct timer *timer)
{
    struct document_cache *cache = (struct document_cache *)((char *)timer - offsetof(struct document_cache, timer));
    uint64_t now = clock_monotonic_ms();
    struct entry **place = &cache->entries, *e;
    bool kept = false;

    pthread_mutex_lock(&cache->mutex);
    while ((e = *place)) {
        if (!e->building && now - e->used_ms >= IDLE_MS) {
            *place = e->next;
            entry_free(e);
        } else {
            kept = true;
            place = &e->next;
        }
    }
    cache->timer_set = kept;
    pthread_mutex_unlock(&cache->mutex);
    if (kept)
        timer_set(loop_current(), timer, IDLE_MS);
}

/* Under the mutex. */
static enum step_result wait_for(struct request *r, struct entry *e)
{
    if (!e->building) {
        e->task.run = build;
        if (!pool_submit(r->server->writers, &e->task)) {
            r->details.retry_after_seconds = 1;
            return error_set(&r->error, ERR_TOO_MANY_REQUESTS, "too many requests are waiting, please try again later"),
                   STEP_FAIL;
        }
        e->building = true;
    }
    if (!r->held)
        http_hold(r->exchange);
    r->held = true;
    r->step--; /* this step once more */
    r->task.next = e->waiting;
    e->waiting = &r->task;
    return STEP_WAIT;
}

static enum step_result take(struct request *r, const struct registry *registry, enum document_type type,
    const struct kind *const *kinds, size_t count)
{
    struct document_cache *cache = r->server->documents;
    struct entry *e = entry_find(cache, registry, type, kinds, count);

    if (!e)
        return error_set(&r->error, ERR_NO_MEMORY, "the system has no memory for this document now"), STEP_FAIL;
    e->used_ms = clock_monotonic_ms();
    if (!cache->timer_set) {
        cache->timer.fire = sweep;
        timer_set(loop_current(), &cache->timer, IDLE_MS);
        cache->timer_set = true;
    }
    if (e->building || !e->document)
        return wait_for(r, e);
    r->document = kept_document_hold(e->document);
    return STEP_NEXT;
}

enum step_result kept_document_get(
    struct request *r, enum document_type type, const struct kind *const *kinds, size_t count)
{
    const struct registry *registry = registry_current();
    struct document_cache *cache = r->server->documents;
    enum step_result result;

    if (r->document)
        return STEP_NEXT;
    if (r->error.code != ERR_OK)
        return STEP_FAIL;
    r->document_version = registry_version(registry);
    pthread_mutex_lock(&cache->mutex);
    result = take(r, registry, type, kinds, count);
    pthread_mutex_unlock(&cache->mutex);
    return result;
}
