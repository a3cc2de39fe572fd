/* SPDX-License-Identifier: Apache-2.0 */
/* Who set what by writes that are no apply. */
#include "api/managed_fields.h"

#include "api/managed_entries.h"

/* ---- What nobody owns, and what a subresource resets */

const struct field_set *managed_strip(struct arena *arena, const struct field_set *set)
{
    static const char *const paths[] = {"apiVersion", "kind", "metadata", "metadata.name", "metadata.namespace",
        "metadata.creationTimestamp", "metadata.selfLink", "metadata.uid", "metadata.clusterName",
        "metadata.generation", "metadata.managedFields", "metadata.resourceVersion"};
    return field_set_difference(arena, set, field_set_of_paths(arena, paths, ARRAY_LEN(paths)));
}

/* What a write through a subresource takes from the stored object, so that its manager does not own it; or, with only,
 * all that it may write. The first row that fits; group and kind NULL: any. "": the object itself, where it has a
 * status. */
static const struct {
    const char *group, *kind, *subresource;
    const char *paths[4];
    bool only;
} resets[] = {
    {"certificates.k8s.io", "CertificateSigningRequest", "", {"spec", "status"}, false},
    {"certificates.k8s.io", "CertificateSigningRequest", "status", {"spec", "status.conditions"}, false},
    {"certificates.k8s.io", "CertificateSigningRequest", "approval", {"spec", "status.certificate"}, false},
    {"", "Pod", "status", {"spec", "metadata.deletionTimestamp", "metadata.ownerReferences"}, false},
    {"", "Pod", "ephemeralcontainers", {"spec.ephemeralContainers"}, true},
    {"", "Pod", "resize",
        {"spec.containers.*.resources", "spec.containers.*.resizePolicy", "spec.initContainers.*.resources",
            "spec.initContainers.*.resizePolicy"},
        true},
    {"apps", "Deployment", "status", {"spec", "metadata.labels"}, false},
    {"apiextensions.k8s.io", "CustomResourceDefinition", "status", {"metadata", "spec"}, false},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "status", {"metadata", "spec"}, false},
    {"flowcontrol.apiserver.k8s.io", NULL, "status", {"metadata", "spec"}, false},
    {"storage.k8s.io", "VolumeAttachment", "status", {"metadata", "spec"}, false},
    {NULL, NULL, "status", {"spec"}, false},
    {NULL, NULL, "finalize", {"status"}, false},
    {NULL, NULL, "", {"status"}, false},
};

static bool fits(const char *pattern, const char *text)
{
    return !pattern || strcmp(pattern, text) == 0;
}

const struct field_set *managed_reset(
    struct arena *arena, const struct kind *kind, bytes subresource, const struct field_set *set)
{
    if (!subresource.n && !kind_has_status(kind))
        return set;
    for (size_t i = 0; i < ARRAY_LEN(resets); i++) {
        size_t count = 0;
        if (!fits(resets[i].group, kind->group) || !fits(resets[i].kind, kind->kind) ||
            !bytes_equal(bytes_of(resets[i].subresource), subresource))
            continue;
        while (count < ARRAY_LEN(resets[i].paths) && resets[i].paths[count])
            count++;
        return resets[i].only ? field_set_only(arena, set, resets[i].paths, count)
                              : field_set_cut(arena, set, field_set_of_paths(arena, resets[i].paths, count));
    }
    return set;
}

err_t managed_compare(struct arena *arena, const struct kind *kind, bytes subresource, const struct json *old,
    const struct json *new, const struct field_set **ret_changed, const struct field_set **ret_removed,
    struct error *error)
{
    const struct field_set *changed, *removed;
    TRY(field_set_compare(arena, kind->schema, old, new, &changed, &removed, error));
    *ret_changed = managed_reset(arena, kind, subresource, changed);
    *ret_removed = managed_reset(arena, kind, subresource, removed);
    return arena->failed ? arena_error(arena, error) : ERR_OK;
}

/* ---- Update */

err_t managed_entries_update(struct arena *arena, const struct kind *kind, struct managed_entries *entries,
    const struct json *old, const struct json *object, const struct field_manager *manager, struct error *error)
{
    const struct field_set *changed, *removed;
    struct managed_entry self = {.manager = manager->name.n ? manager->name : BYTES("unknown"),
        .api_version = kind_api_version(arena, kind),
        .subresource = manager->subresource};
    TRY(managed_entries_fit(arena, kind, entries, error));
    TRY(managed_compare(arena, kind, manager->subresource, old, object, &changed, &removed, error));
    const struct field_set *gone = field_set_union(arena, changed, removed);
    for (size_t i = 0; i < entries->count; i++)
        entries->items[i].set = field_set_difference(arena, entries->items[i].set, gone);
    const struct field_set *own = managed_strip(arena, changed);
    if (own) { /* a change moves the time even where the manager owned all of it before */
        struct managed_entry *entry = managed_entries_find(entries, &self);
        if (!entry)
            entry = managed_entries_add(arena, entries, &self);
        if (!entry)
            return arena_error(arena, error);
        entry->set = field_set_union(arena, entry->set, own);
        entry->time = managed_time(arena, manager->now);
        entry->seconds = manager->now;
    }
    managed_entries_drop_empty(entries);
    if (arena->failed)
        return arena_error(arena, error);
    return managed_entries_cap(arena, entries, error);
}

/* An empty list, or one empty entry: the client wants none. Of custom resources upstream takes the second alone. */
static bool is_reset(const struct kind *kind, const struct json *list)
{
    if (!list || list->type != JSON_ARRAY || !list->count)
        return list && list->type == JSON_ARRAY && !kind->custom;
    return list->count == 1 && list->first->type == JSON_OBJECT && !list->first->count;
}

/* What cannot be read counts as nothing. */
static err_t read_lenient(
    struct arena *arena, const struct json *list, struct managed_entries *ret, struct error *error)
{
    struct error ignored;
    error_init(&ignored, arena);
    err_t result = managed_entries_read(arena, list, ret, &ignored);
    if (result != ERR_BAD_REQUEST)
        return result == ERR_OK ? ERR_OK : arena_error(arena, error);
    *ret = (struct managed_entries){0};
    return ERR_OK;
}

/* The entries that the client sent, else the stored ones: those who do not know them do not lose them. Through a
 * subresource none may be sent. */
static err_t read_entries(struct arena *arena, const struct kind *kind, const struct json *object,
    const struct json *old, const struct field_manager *manager, struct managed_entries *ret, struct error *error)
{
    const struct json *sent = json_at(object, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE);
    struct managed_entries entries = {0};
    if (!manager->subresource.n) {
        TRY(read_lenient(arena, sent, &entries, error));
        if (entries.count || is_reset(kind, sent)) {
            *ret = entries;
            return ERR_OK;
        }
    }
    return read_lenient(arena, json_at(old, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE), ret, error);
}

err_t managed_fields_update(struct arena *arena, const struct kind *kind, struct json *object, const struct json *old,
    const struct field_manager *manager, struct error *error)
{
    struct managed_entries entries;
    TRY(read_entries(arena, kind, object, old, manager, &entries, error));
    json_remove(json_get(object, BYTES("metadata")), BYTES("managedFields"));
    if (old && !entries.count) /* nobody was tracked: tracking begins with the first apply */
        return ERR_OK;
    TRY(managed_entries_update(arena, kind, &entries, old, object, manager, error));
    return managed_entries_write(arena, kind, object, &entries, error);
}

/* ---- Equality */

static bool same_members(const struct json *a, const struct json *b, bytes but);

static bool same_entries(const struct json *a, const struct json *b)
{
    if (!a || !b || a->type != JSON_ARRAY || b->type != JSON_ARRAY)
        return a == b;
    const struct json *x = a->first, *y = b->first;
    while (x && y && same_members(x, y, BYTES("time"))) {
        x = x->next;
        y = y->next;
    }
    return !x && !y;
}

static const struct json *skip(const struct json *member, bytes but)
{
    return member && bytes_equal(member->key, but) ? member->next : member;
}

/* Both in one order, as canonical objects are; one member aside. */
static bool same_members(const struct json *a, const struct json *b, bytes but)
{
    const struct json *x = skip(a->first, but), *y = skip(b->first, but);
    while (x && y && bytes_equal(x->key, y->key) && json_equal(x, y)) {
        x = skip(x->next, but);
        y = skip(y->next, but);
    }
    return !x && !y;
}

bool managed_fields_same(const struct json *old, const struct json *object)
{
    const struct json *a = json_get(old, BYTES("metadata")), *b = json_get(object, BYTES("metadata"));
    if (!a || !b)
        return a == b && same_members(old, object, BYTES(""));
    return same_members(old, object, BYTES("metadata")) && same_members(a, b, BYTES("managedFields")) &&
           same_entries(json_get(a, BYTES("managedFields")), json_get(b, BYTES("managedFields")));
}

err_t managed_fields_keep_times(struct arena *arena, struct json *object, const struct json *old, struct error *error)
{
    const struct json *list = json_at(old, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE);
    if (!list || !managed_fields_same(old, object))
        return ERR_OK;
    return json_set(json_get(object, BYTES("metadata")), BYTES("managedFields"), json_copy(arena, list))
               ? ERR_OK
               : arena_error(arena, error);
}
