/* SPDX-License-Identifier: Apache-2.0 */
/* The owners of fields, slow and obvious: an object is a flat list of paths, a set is a list of texts, each look is a
 * walk over all of it. Knows one kind, whose fields are written down here; no nulls, no values that change their type.
 */
#ifndef COFFER_TESTS_API_FIELD_OWNERS_REFERENCE_H
#define COFFER_TESTS_API_FIELD_OWNERS_REFERENCE_H

#include "text/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 96
#define PATHS     256
#define OWNERS    32

struct paths {
    char v[PATHS][PATH_SIZE];
    size_t n;
};

/* A value's place: what is a leaf has its text. hollow: an empty map, or what lost all that was in it (null). */
struct place {
    char path[PATH_SIZE], text[PATH_SIZE];
    bool leaf, hollow, item;
};

struct places {
    struct place v[PATHS];
    size_t n;
};

struct owner {
    char name[16];
    bool applied;
    struct paths fields;
};

struct owners {
    struct owner v[OWNERS];
    size_t n;
};

/* ---- The kind: how each field is walked, by its path without keys. */

static const struct {
    const char *path;
    enum { MAP, ATOMIC, KEYED, SET } walked;
} reference_fields[] = {
    {".metadata", MAP},
    {".metadata.labels", MAP},
    {".metadata.annotations", MAP},
    {".metadata.finalizers", SET},
    {".spec", MAP},
    {".spec.number", ATOMIC},
    {".spec.atom", ATOMIC},
    {".spec.list", ATOMIC},
    {".spec.map", MAP},
    {".spec.set", SET},
    {".spec.keyed", KEYED},
    {".spec.keyed.k", ATOMIC},
    {".spec.keyed.l", ATOMIC},
    {".spec.keyed.v", ATOMIC},
    {".spec.keyed.map", MAP},
};

static int reference_walked(const char *path)
{
    char plain[PATH_SIZE];
    size_t n = 0;
    bool inside = false;
    for (const char *c = path; *c; c++) {
        inside = inside || *c == '[';
        if (!inside)
            plain[n++] = *c;
        inside = inside && *c != ']';
    }
    plain[n] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(reference_fields); i++)
        if (strcmp(reference_fields[i].path, plain) == 0 && path[strlen(path) - 1] != ']')
            return (int)reference_fields[i].walked;
    return -1;
}

static bool reference_named(const char *path)
{
    return reference_walked(path) >= 0;
}

/* ---- Sets */

static bool has(const struct paths *set, const char *path)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->v[i], path) == 0)
            return true;
    return false;
}

static void add(struct paths *set, const char *path)
{
    if (has(set, path))
        return;
    if (set->n == PATHS)
        abort();
    if (strlen(path) >= PATH_SIZE)
        abort();
    strcpy(set->v[set->n++], path);
}

static void drop(struct paths *set, const struct paths *gone)
{
    struct paths left = {.n = 0};
    for (size_t i = 0; i < set->n; i++)
        if (!has(gone, set->v[i]))
            add(&left, set->v[i]);
    *set = left;
}

static void join(struct paths *set, const struct paths *more)
{
    for (size_t i = 0; i < more->n; i++)
        add(set, more->v[i]);
}

static bool is_under(const char *path, const char *above)
{
    size_t n = strlen(above);
    return strncmp(path, above, n) == 0 && (path[n] == '.' || path[n] == '[');
}

/* The named fields above its members too. */
static struct paths with_named(const struct paths *set)
{
    struct paths all = *set;
    for (size_t i = 0; i < set->n; i++) {
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof(path), "%s", set->v[i]);
        for (size_t n = strlen(path); n-- > 1;) {
            if (path[n] != '.' && path[n] != '[')
                continue;
            path[n] = '\0';
            if (reference_named(path))
                add(&all, path);
        }
    }
    return all;
}

/* ---- Objects */

static const struct place *place_at(const struct places *object, const char *path)
{
    for (size_t i = 0; i < object->n; i++)
        if (strcmp(object->v[i].path, path) == 0)
            return &object->v[i];
    return NULL;
}

static void flatten(struct arena *arena, const struct json *value, const char *path, bool item, struct places *to);

static void flatten_children(struct arena *arena, const struct json *value, const char *path, struct places *to)
{
    for (const struct json *child = value->first; child; child = child->next) {
        char below[2 * PATH_SIZE];
        if (value->type == JSON_OBJECT)
            (void)snprintf(below, sizeof(below), "%s.%.*s", path, BYTES_FMT(child->key));
        else if (child->type == JSON_OBJECT)
            (void)snprintf(below, sizeof(below), "%s[k=\"%.*s\",l=\"%.*s\"]", path,
                BYTES_FMT(json_text(child, BYTES("k"))),
                BYTES_FMT(json_get(child, BYTES("l")) ? json_text(child, BYTES("l")) : BYTES("1")));
        else
            (void)snprintf(below, sizeof(below), "%s[=\"%.*s\"]", path, BYTES_FMT(child->text));
        flatten(arena, child, below, value->type == JSON_ARRAY, to);
    }
}

static void flatten(struct arena *arena, const struct json *value, const char *path, bool item, struct places *to)
{
    bool container = value->type == JSON_OBJECT || value->type == JSON_ARRAY;
    struct place *place = &to->v[to->n];
    struct buffer b;
    if (to->n++ == PATHS)
        abort();
    *place = (struct place){.item = item};
    (void)snprintf(place->path, PATH_SIZE, "%s", path);
    place->leaf = !container || (reference_named(path) && reference_walked(path) == ATOMIC);
    place->hollow = value->type == JSON_OBJECT && !value->count;
    buffer_init(&b, arena);
    json_write(&b, value);
    if (place->leaf)
        (void)snprintf(place->text, PATH_SIZE, "%.*s", BYTES_FMT(buffer_bytes(&b)));
    else
        flatten_children(arena, value, path, to);
}

/* Without the root; metadata as far as it is anyone's. */
static struct places places_of(struct arena *arena, const struct json *object)
{
    static const char *const members[] = {"labels", "annotations", "finalizers"};
    struct places all = {.n = 0};
    const struct json *metadata = json_get(object, BYTES("metadata")), *spec = json_get(object, BYTES("spec"));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        char path[PATH_SIZE];
        const struct json *member = json_get(metadata, bytes_of(members[i]));
        (void)snprintf(path, sizeof(path), ".metadata.%s", members[i]);
        if (member)
            flatten(arena, member, path, false, &all);
    }
    if (spec)
        flatten(arena, spec, ".spec", false, &all);
    return all;
}

/* The fields that a configuration sets. */
static struct paths fields_of(const struct places *object)
{
    struct paths set = {.n = 0};
    for (size_t i = 0; i < object->n; i++) {
        const struct place *p = &object->v[i];
        if (p->leaf || p->item || p->hollow || !reference_named(p->path))
            add(&set, p->path);
    }
    return set;
}

/* What a change of objects changed, and what it took away. */
static void differences(const struct places *old, const struct places *new, struct paths *changed, struct paths *gone)
{
    changed->n = gone->n = 0;
    for (size_t i = 0; i < new->n; i++) {
        const struct place *before = place_at(old, new->v[i].path);
        if (!before || (new->v[i].leaf &&strcmp(before->text, new->v[i].text) != 0))
            add(changed, new->v[i].path);
    }
    for (size_t i = 0; i < old->n; i++)
        if (!place_at(new, old->v[i].path))
            add(gone, old->v[i].path);
}

static bool holds_any(const struct places *object, const char *path)
{
    for (size_t i = 0; i < object->n; i++)
        if (is_under(object->v[i].path, path))
            return true;
    return false;
}

/* Without the places of the set and all under them. */
static struct places without(const struct places *object, const struct paths *set)
{
    struct places left = {.n = 0};
    for (size_t i = 0; i < object->n; i++) {
        bool gone = has(set, object->v[i].path);
        for (size_t j = 0; !gone && j < set->n; j++)
            gone = is_under(object->v[i].path, set->v[j]);
        if (!gone)
            left.v[left.n++] = object->v[i];
    }
    for (size_t i = 0; i < left.n; i++)
        if (holds_any(object, left.v[i].path) && !holds_any(&left, left.v[i].path))
            left.v[i].hollow = true;
    return left;
}

/* ---- Owners */

static struct owner *owner_of(struct owners *owners, const char *name, bool applied)
{
    for (size_t i = 0; i < owners->n; i++)
        if (strcmp(owners->v[i].name, name) == 0 && owners->v[i].applied == applied)
            return &owners->v[i];
    struct owner *owner = &owners->v[owners->n++];
    if (owners->n == OWNERS)
        abort();
    *owner = (struct owner){.applied = applied};
    (void)snprintf(owner->name, sizeof(owner->name), "%s", name);
    return owner;
}

static void reference_update(
    struct owners *owners, const char *name, const struct places *old, const struct places *new)
{
    struct paths changed, gone;
    differences(old, new, &changed, &gone);
    for (size_t i = 0; i < owners->n; i++) {
        drop(&owners->v[i].fields, &changed);
        drop(&owners->v[i].fields, &gone);
    }
    join(&owner_of(owners, name, false)->fields, &changed);
}

/* The places of both; leaves as they are applied. */
static struct places reference_merge(const struct places *live, const struct places *applied)
{
    struct places merged = *live;
    for (size_t i = 0; i < applied->n; i++) {
        struct place *there = (struct place *)(uintptr_t)place_at(&merged, applied->v[i].path);
        if (!there)
            there = &merged.v[merged.n++];
        *there = applied->v[i];
    }
    for (size_t i = 0; i < merged.n; i++)
        merged.v[i].hollow = merged.v[i].hollow && !holds_any(&merged, merged.v[i].path);
    return merged;
}

/* What was applied last, is not now, and is no one else's, goes. */
static struct places reference_prune(const struct places *merged, const struct owners *owners, const struct paths *last)
{
    struct paths named = with_named(last), all = fields_of(merged), kept, owned = {.n = 0}, gone = {.n = 0};
    struct places pruned = without(merged, &named);
    all = with_named(&all);
    for (size_t i = 0; i < owners->n; i++)
        join(&owned, &owners->v[i].fields);
    owned = with_named(&owned);
    kept = fields_of(&pruned);
    kept = with_named(&kept);
    for (size_t i = 0; i < all.n; i++)
        if (!has(&kept, all.v[i]) && !has(&owned, all.v[i]))
            add(&gone, all.v[i]);
    pruned = without(merged, &gone);
    kept = fields_of(&pruned);
    kept = with_named(&kept);
    gone.n = 0;
    for (size_t i = 0; i < all.n; i++)
        if (!has(&kept, all.v[i]) && has(&named, all.v[i]))
            add(&gone, all.v[i]);
    return without(merged, &gone);
}

/* False: conflicts, each "NAME PATH" in *ret_conflicts, and nothing changed. */
static bool reference_apply(struct owners *owners, const char *name, const struct places *live,
    const struct places *applied, bool force, struct places *ret_object, struct paths *ret_conflicts)
{
    struct owners after = *owners;
    struct owner *self = owner_of(&after, name, true);
    struct paths last = self->fields, changed, gone;
    struct places merged = reference_merge(live, applied);
    self->fields = fields_of(applied);
    *ret_object = last.n ? reference_prune(&merged, &after, &last) : merged;
    differences(live, ret_object, &changed, &gone);
    ret_conflicts->n = 0;
    for (size_t i = 0; i < after.n; i++)
        for (size_t j = 0; &after.v[i] != self && j < after.v[i].fields.n; j++)
            if (has(&changed, after.v[i].fields.v[j])) {
                char text[2 * PATH_SIZE];
                (void)snprintf(text, sizeof(text), "%s%s %s", after.v[i].name, after.v[i].applied ? "" : "*",
                    after.v[i].fields.v[j]);
                text[PATH_SIZE - 1] = '\0';
                add(ret_conflicts, text);
            }
    if (ret_conflicts->n && !force)
        return false;
    for (size_t i = 0; i < after.n; i++)
        if (&after.v[i] != self) {
            drop(&after.v[i].fields, &changed);
            drop(&after.v[i].fields, &gone);
        }
    *owners = after;
    return true;
}

#endif
