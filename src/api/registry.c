/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of kinds: a published snapshot, which holds a reference to each custom set in it.
 *
 *   published ──> snapshot ──> kinds (by group, version, plural) ──> kind_set ──> its memory */
#include "api/kind.h"
#include "base/log.h"
#include "base/published.h"

#include <pthread.h>
#include <stdlib.h>

struct registry {
    struct published_value published;
    uint64_t version;
    size_t count;
    const struct kind **numbers; /* the stored versions, by number; behind kinds */
    size_t number_count;
    const struct kind *kinds[]; /* by group, version and plural */
};

static struct registry empty = {.published.references = 1};
static struct published published = PUBLISHED(0, &empty.published);
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

/* ---- Sets. */

const struct kind *kind_hold(const struct kind *kind)
{
    if (kind->set)
        atomic_fetch_add_explicit(&kind->set->references, 1, memory_order_relaxed);
    return kind;
}

static void set_release(struct kind_set *set)
{
    struct arena memory = set->memory; /* the set lies in it */

    if (atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1)
        arena_reset(&memory);
}

void kind_release(const struct kind *kind)
{
    if (kind && kind->set)
        set_release(kind->set);
}

/* ---- Snapshots. */

static void snapshot_free(struct published_value *value)
{
    struct registry *r = (struct registry *)value;

    for (size_t i = 0; i < r->count; i++)
        kind_release(r->kinds[i]);
    free(r);
}

const struct registry *registry_current(void)
{
    return (const struct registry *)published_see(&published);
}

static int order(const struct kind *a, const struct kind *b)
{
    int by = strcmp(a->group, b->group);

    by = by ? by : strcmp(a->version, b->version);
    return by ? by : strcmp(a->plural, b->plural);
}

static int order_of(const void *a, const void *b)
{
    return order(*(const struct kind *const *)a, *(const struct kind *const *)b);
}

static bool of_resource(const struct kind *kind, bytes group, bytes plural)
{
    return bytes_equal(group, bytes_of(kind->group)) && bytes_equal(plural, bytes_of(kind->plural));
}

static int order_of_numbers(const void *a, const void *b)
{
    const struct kind *x = *(const struct kind *const *)a, *y = *(const struct kind *const *)b;

    return (x->number > y->number) - (x->number < y->number);
}

/* Room for count kinds, and for as many numbers. */
static struct registry *snapshot_new(size_t count, uint64_t version)
{
    struct registry *r = calloc(1, sizeof *r + 2 * count * sizeof(const struct kind *));

    if (r)
        *r = (struct registry){{1, snapshot_free}, .version = version, .numbers = r->kinds + count};
    return r;
}

static void snapshot_sort(struct registry *r)
{
    qsort(r->kinds, r->count, sizeof(const struct kind *), order_of);
    for (size_t i = 0; i < r->count; i++) {
        const struct kind *kind = r->kinds[i];
        if (!kind_is_stored(kind))
            continue;
        if (kind->set ? kind->set->kinds[0] == kind : !kind->stored_as) /* what is stored need not be served */
            r->numbers[r->number_count++] = kind_stored(kind);
    }
    qsort(r->numbers, r->number_count, sizeof(const struct kind *), order_of_numbers);
}

/* The kinds but those of group and plural, and those of the set. NULL without memory. */
static struct registry *snapshot_with(const struct registry *old, bytes group, bytes plural, struct kind_set *set)
{
    struct registry *r = snapshot_new(old->count + (set ? set->count : 0), old->version + 1);

    if (!r)
        return NULL;
    for (size_t i = 0; i < old->count; i++)
        if (!of_resource(old->kinds[i], group, plural))
            r->kinds[r->count++] = kind_hold(old->kinds[i]);
    for (size_t i = 0; set && i < set->count; i++)
        r->kinds[r->count++] = kind_hold(set->kinds[i]);
    snapshot_sort(r);
    return r;
}

static bool swap(bytes group, bytes plural, struct kind_set *set)
{
    struct registry *new;

    pthread_mutex_lock(&changing);
    new = snapshot_with((const struct registry *)published_newest(&published), group, plural, set);
    if (new)
        published_swap(&published, &new->published);
    pthread_mutex_unlock(&changing);
    return new != NULL;
}

bool registry_put(struct kind_set *set)
{
    const struct kind *kind = set->kinds[0];

    if (!swap(bytes_of(kind->group), bytes_of(kind->plural), set))
        return false;
    set_release(set);
    return true;
}

bool registry_remove(bytes group, bytes plural)
{
    return swap(group, plural, NULL);
}

void kinds_register(const struct kind *const *kinds, size_t count)
{
    struct registry *r = snapshot_new(count, 1);

    if (!r) {
        log_event(LOG_ERROR, "no memory for the registry of kinds");
        exit(1);
    }
    r->count = count;
    memcpy(r->kinds, kinds, count * sizeof(const struct kind *));
    snapshot_sort(r);
    published_swap(&published, &r->published);
}

/* ---- Looking. */

const struct kind *const *registry_kinds(const struct registry *r, size_t *ret_count)
{
    *ret_count = r->count;
    return r->kinds;
}

uint64_t registry_version(const struct registry *r)
{
    return r->version;
}

static int compare(bytes text, const char *with)
{
    size_t n = strlen(with);
    int by = memcmp(text.n ? text.p : (const uint8_t *)"", with, text.n < n ? text.n : n);

    return by ? by : text.n < n ? -1 : text.n > n;
}

const struct kind *kind_by_resource(const struct registry *r, bytes group, bytes version, bytes plural)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        const struct kind *kind = r->kinds[(low + high) / 2];
        int by = compare(group, kind->group);
        by = by ? by : compare(version, kind->version);
        by = by ? by : compare(plural, kind->plural);
        if (by == 0)
            return kind;
        if (by < 0)
            high = (low + high) / 2;
        else
            low = (low + high) / 2 + 1;
    }
    return NULL;
}

const struct kind *kind_by_name(const struct registry *r, bytes group, bytes version, bytes name)
{
    for (size_t i = 0; i < r->count; i++)
        if (bytes_equal(name, bytes_of(r->kinds[i]->kind)) && bytes_equal(group, bytes_of(r->kinds[i]->group)) &&
            bytes_equal(version, bytes_of(r->kinds[i]->version)))
            return r->kinds[i];
    return NULL;
}

const struct kind *kind_by_number(const struct registry *r, uint16_t number)
{
    size_t low = 0, high = r->number_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->numbers[middle]->number == number)
            return r->numbers[middle];
        if (r->numbers[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
