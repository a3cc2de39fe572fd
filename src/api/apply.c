/* SPDX-License-Identifier: Apache-2.0 */
/* Server-side apply: merges, takes out what the manager alone owned and no longer names, finds conflicts. */
#include "api/apply_values.h"
#include "api/decode.h"
#include "api/managed_entries.h"
#include "api/object.h"
#include "text/utf8.h"

#define BEFORE_FIRST_APPLY "before-first-apply"
#define KUBECTL            "kubectl"

struct apply {
    struct arena *arena;
    const struct kind *kind;
    const struct json *live;
    struct json *applied;
    const struct field_manager *manager;
    struct managed_entries entries;
    struct managed_entry *self; /* among them */
    struct json *merged;
    const struct field_set *changed, *removed; /* by the merge */
    struct error *error;
};

static err_t full(const struct apply *a)
{
    return arena_error(a->arena, a->error);
}

/* ---- Before: the entries, and the configuration */

/* Who wrote the object before anyone was tracked is one manager. */
static err_t read_entries(struct apply *a, const struct json *old)
{
    const struct json *list = json_at(old, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE);
    struct field_manager before = *a->manager;
    err_t result = managed_entries_read(a->arena, list, &a->entries, a->error);
    if (result == ERR_BAD_REQUEST)
        return error_set(a->error, ERR_UNKNOWN, "failed to decode managed fields: %.*s", BYTES_FMT(a->error->message));
    TRY(result);
    if (old && !a->entries.count) {
        before.name = BYTES(BEFORE_FIRST_APPLY);
        return managed_entries_update(a->arena, a->kind, &a->entries, NULL, old, &before, a->error);
    }
    return managed_entries_fit(a->arena, a->kind, &a->entries, a->error);
}

/* A copy, with what the kind's rules move in a decoded object (stringData) moved in what the client sent. */
static err_t copy_applied(struct apply *a, const struct json *applied)
{
    a->applied = apply_copy(a->arena, applied);
    if (!a->applied)
        return full(a);
    if (!a->kind->rules->decoded)
        return ERR_OK;
    for (struct json *member = a->applied->first; member; member = member->next)
        json_sort(member); /* as in a decoded object */
    return a->kind->rules->decoded(a->arena, a->kind, a->applied, a->error);
}

static err_t check_applied(struct apply *a)
{
    const struct json *metadata = json_get(a->applied, BYTES("metadata"));
    bytes name = json_text(metadata, BYTES("name")), namespace = json_text(metadata, BYTES("namespace"));
    if (json_get(metadata, BYTES("managedFields")))
        return error_set(a->error, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
    err_t result = apply_check(a->arena, a->kind->schema, a->applied, a->error);
    if (result != ERR_BAD_REQUEST)
        return result;
    return error_set(a->error, ERR_BAD_REQUEST, "failed to create typed patch object (%.*s/%.*s; %s/%s, Kind=%s): %.*s",
        BYTES_FMT(namespace), BYTES_FMT(name), a->kind->group, a->kind->version, a->kind->kind,
        BYTES_FMT(a->error->message));
}

/* The manager's entry gets what it applies now; *ret_last is what it applied last. */
static err_t take_over(struct apply *a, const struct field_set **ret_last)
{
    const struct managed_entry identity = {.manager = a->manager->name.n ? a->manager->name : BYTES("unknown"),
        .api_version = kind_api_version(a->arena, a->kind),
        .subresource = a->manager->subresource,
        .applied = true};
    const struct field_set *set;
    TRY(field_set_of(a->arena, a->kind->schema, a->applied, &set, a->error));
    a->self = managed_entries_find(&a->entries, &identity);
    *ret_last = a->self ? a->self->set : NULL;
    if (!a->self)
        a->self = managed_entries_add(a->arena, &a->entries, &identity);
    if (!a->self || !identity.api_version.p)
        return full(a);
    a->self->api_version = identity.api_version;
    a->self->set = managed_reset(a->arena, a->kind, a->manager->subresource, set);
    return ERR_OK;
}

/* ---- Pruning */

/* The fields of a tree, with the named ones above them. */
static err_t with_named(struct apply *a, const struct json *tree, const struct field_set **ret)
{
    const struct field_set *set;
    TRY(field_set_of(a->arena, a->kind->schema, tree, &set, a->error));
    *ret = field_set_with_named(a->arena, a->kind->schema, set);
    return a->arena->failed ? full(a) : ERR_OK;
}

static err_t without(struct apply *a, const struct field_set *set, struct json **ret)
{
    *ret = apply_remove(a->arena, a->kind->schema, a->merged, set);
    return *ret ? ERR_OK : full(a);
}

/* All fields that a manager owns, what is applied now among them. */
static const struct field_set *owned(struct apply *a)
{
    const struct field_set **sets = arena_alloc(a->arena, a->entries.count * sizeof(struct field_set *));
    for (size_t i = 0; sets && i < a->entries.count; i++)
        sets[i] = a->entries.items[i].set;
    const struct field_set *set = sets ? field_set_union_all(a->arena, sets, a->entries.count) : NULL;
    return field_set_with_named(a->arena, a->kind->schema, set);
}

/* A field goes when this manager applied it last and does not now, and no other owns it. A parent that goes takes along
 * what nobody owns and nobody applied; but that is put back: only what was applied last ever goes. */
static err_t prune(struct apply *a, const struct field_set *last)
{
    const struct field_set *all, *kept, *gone;
    struct arena *arena = a->arena;
    struct json *pruned;
    if (!field_set_difference(arena, last, a->self->set)) /* all of it is applied again */
        return arena->failed ? full(a) : ERR_OK;
    last = field_set_with_named(arena, a->kind->schema, last);
    TRY(with_named(a, a->merged, &all));
    TRY(without(a, last, &pruned));
    TRY(with_named(a, pruned, &kept));
    gone = field_set_difference(arena, all, field_set_union(arena, kept, owned(a)));
    TRY(without(a, gone, &pruned));
    TRY(with_named(a, pruned, &kept));
    gone = field_set_intersection(arena, field_set_difference(arena, all, kept), last);
    return without(a, gone, &a->merged);
}

/* ---- Conflicts */

struct conflicts {
    struct error *error;
    struct buffer text;
    bytes manager; /* whose paths come */
    unsigned count;
};

static bytes manager_text(struct arena *arena, const struct managed_entry *entry)
{
    struct buffer b;
    bytes name = utf8_quote(arena, entry->manager), subresource = utf8_quote(arena, entry->subresource);
    buffer_init(&b, arena);
    buffer_put(&b, name);
    if (entry->subresource.n)
        buffer_format(&b, " with subresource %.*s", BYTES_FMT(subresource));
    if (!entry->applied)
        buffer_format(&b, " using %.*s", BYTES_FMT(entry->api_version));
    return b.failed || !name.p || !subresource.p ? BYTES_NONE : buffer_bytes(&b);
}

static void take_conflict(void *context, bytes path)
{
    struct conflicts *c = context;
    error_cause(c->error, "FieldManagerConflict", path, "conflict with %.*s", BYTES_FMT(c->manager));
    buffer_text(&c->text, "\n- ");
    buffer_put(&c->text, path);
    c->count++;
}

/* The sentence and the causes. sets: of each entry, NULL where it has none. */
static err_t refuse(struct apply *a, const struct field_set **sets)
{
    struct error causes;
    struct conflicts c = {.error = &causes};
    error_init(&causes, a->arena);
    buffer_init(&c.text, a->arena);
    for (size_t i = 0; i < a->entries.count; i++) {
        if (!sets[i])
            continue;
        c.manager = manager_text(a->arena, &a->entries.items[i]);
        if (!c.manager.p)
            return full(a);
        buffer_format(&c.text, "%sconflicts with %.*s:", c.count ? "\n" : "", BYTES_FMT(c.manager));
        if (!field_set_each_path(a->arena, sets[i], take_conflict, &c))
            return full(a);
    }
    if (c.text.failed || a->arena->failed)
        return full(a);
    if (c.count == 1)
        (void)error_set(a->error, ERR_CONFLICT, "Apply failed with 1 conflict: %.*s: %.*s",
            BYTES_FMT(causes.causes->message), BYTES_FMT(causes.causes->field));
    else
        (void)error_set(
            a->error, ERR_CONFLICT, "Apply failed with %u conflicts: %.*s", c.count, BYTES_FMT(buffer_bytes(&c.text)));
    a->error->causes = causes.causes;
    a->error->last_cause = causes.last_cause;
    a->error->cause_count = causes.cause_count;
    return ERR_CONFLICT;
}

/* What kubectl applied on the client's side before, as far as it still stands so: that is its own to change now. NULL
 * without, or when the annotation cannot be read. */
static err_t own_by_annotation(struct apply *a, const struct field_set **ret)
{
    bytes text = json_text(json_at(a->live, BYTES("metadata"), BYTES("annotations"), BYTES_NONE), BYTES(LAST_APPLIED));
    bytes version = kind_api_version(a->arena, a->kind);
    const struct field_set *set, *changed, *removed;
    struct json *last = NULL;
    struct error ignored;
    *ret = NULL;
    error_init(&ignored, a->arena);
    err_t result = json_parse(a->arena, text, &(struct json_options){0}, &last, NULL, &ignored);
    if (a->arena->failed || !version.p)
        return full(a);
    if (result != ERR_OK || !bytes_equal(json_text(last, BYTES("apiVersion")), version))
        return ERR_OK;
    TRY(field_set_of(a->arena, a->kind->schema, last, &set, a->error));
    TRY(field_set_compare(a->arena, a->kind->schema, last, a->live, &changed, &removed, a->error));
    *ret = field_set_difference(a->arena, set, field_set_union(a->arena, changed, removed));
    return a->arena->failed ? full(a) : ERR_OK;
}

static err_t find_conflicts(struct apply *a)
{
    const struct field_set **sets = arena_zero(a->arena, a->entries.count * sizeof(struct field_set *));
    const struct field_set *own = NULL;
    bool any = false;
    if (!sets)
        return full(a);
    if (bytes_equal(a->manager->name, BYTES(KUBECTL)))
        TRY(own_by_annotation(a, &own));
    for (size_t i = 0; i < a->entries.count; i++) {
        const struct managed_entry *entry = &a->entries.items[i];
        if (entry != a->self)
            sets[i] = field_set_difference(a->arena, field_set_intersection(a->arena, entry->set, a->changed), own);
        any = any || sets[i];
    }
    if (a->arena->failed)
        return full(a);
    return any ? refuse(a, sets) : ERR_OK;
}

/* ---- After */

static void sort_tree(struct json *tree)
{
    json_sort(tree);
    if (tree->type == JSON_OBJECT || tree->type == JSON_ARRAY)
        for (struct json *child = tree->first; child; child = child->next)
            sort_tree(child);
}

#define ANNOTATIONS_MOST ((size_t)256 * 1024)

/* Where kubectl applied on the client's side before, the annotation follows, so that it can go back. */
static err_t follow_annotation(struct apply *a)
{
    struct json *annotations = json_at(a->merged, BYTES("metadata"), BYTES("annotations"), BYTES_NONE);
    struct json *annotation = json_get(annotations, BYTES(LAST_APPLIED)), *applied;
    struct buffer text;
    size_t size = 0;
    if (!bytes_equal(a->manager->name, BYTES(KUBECTL)) || !annotation || annotation->type != JSON_STRING ||
        !annotation->text.n)
        return ERR_OK;
    if (!(applied = apply_copy(a->arena, a->applied)))
        return full(a);
    json_remove(json_at(applied, BYTES("metadata"), BYTES("annotations"), BYTES_NONE), BYTES(LAST_APPLIED));
    sort_tree(applied);
    buffer_init(&text, a->arena);
    json_write(&text, applied);
    buffer_byte(&text, '\n');
    if (text.failed)
        return full(a);
    annotation->text = buffer_bytes(&text);
    for (const struct json *each = annotations->first; each; each = each->next)
        size += each->key.n + (each->type == JSON_STRING ? each->text.n : 0);
    if (size > ANNOTATIONS_MOST)
        json_remove(annotations, BYTES(LAST_APPLIED));
    return ERR_OK;
}

/* Entries lose what the merge changed or took out; the manager's own time moves with the object. */
static err_t settle_entries(struct apply *a)
{
    const struct field_set *gone = field_set_union(a->arena, a->changed, a->removed);
    for (size_t i = 0; i < a->entries.count; i++) {
        struct managed_entry *entry = &a->entries.items[i];
        entry->set =
            entry == a->self ? managed_strip(a->arena, entry->set) : field_set_difference(a->arena, entry->set, gone);
    }
    if (!json_equal(a->live, a->merged)) {
        a->self->time = managed_time(a->arena, a->manager->now);
        a->self->seconds = a->manager->now;
    }
    managed_entries_drop_empty(&a->entries);
    return a->arena->failed ? full(a) : ERR_OK;
}

/* The merged tree as an object of the kind: what was applied may hold nulls, empty values, numbers in any spelling. */
static err_t settle_object(struct apply *a)
{
    struct warnings none = {0};
    TRY(decode_patched(a->arena, a->kind, a->merged, FIELD_VALIDATION_IGNORE, &none, &a->merged, a->error));
    TRY(follow_annotation(a));
    return managed_entries_write(a->arena, a->kind, a->merged, &a->entries, a->error);
}

err_t managed_fields_apply(struct arena *arena, const struct kind *kind, const struct json *old,
    const struct json *applied, const struct field_manager *manager, bool force, struct json **ret, bool *ret_changed,
    struct error *error)
{
    static const struct json nothing = {.type = JSON_OBJECT};
    struct apply a = {.arena = arena, .kind = kind, .live = old ? old : &nothing, .manager = manager, .error = error};
    const struct field_set *last;
    TRY(copy_applied(&a, applied));
    TRY(check_applied(&a));
    TRY(read_entries(&a, old));
    TRY(take_over(&a, &last));
    a.merged = apply_merge(arena, kind->schema, kind->custom, a.live, a.applied);
    if (!a.merged)
        return full(&a);
    TRY(prune(&a, last));
    TRY(managed_compare(arena, kind, manager->subresource, a.live, a.merged, &a.changed, &a.removed, error));
    if (!force)
        TRY(find_conflicts(&a));
    TRY(settle_entries(&a));
    TRY(settle_object(&a));
    *ret_changed = !old || !managed_fields_same(old, a.merged);
    *ret = a.merged;
    return ERR_OK;
}
