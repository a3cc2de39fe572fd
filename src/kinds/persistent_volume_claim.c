/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/kinds.h"
#include "kinds/persistent_volume.h"

static err_t claim_set_defaults(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    const struct json *status = json_get(object, BYTES("status"));
    const struct json *resources = tree_at(object, "spec", "resources", NULL);
    (void)kind;
    TRY(resource_list_settle(arena, json_get(resources, BYTES("limits")), error));
    TRY(resource_list_settle(arena, json_get(resources, BYTES("requests")), error));
    TRY(resource_list_settle(arena, json_get(status, BYTES("capacity")), error));
    return resource_list_settle(arena, json_get(status, BYTES("allocatedResources")), error);
}

/* ---- What the volume is filled from: dataSource in the old form, dataSourceRef in the new one. */

static bool is_old_source(const struct json *source)
{
    bytes group = tree_text(source, "apiGroup"), kind = tree_text(source, "kind");
    return (!group.n && bytes_equal(kind, BYTES("PersistentVolumeClaim"))) ||
           (bytes_equal(group, BYTES("snapshot.storage.k8s.io")) && bytes_equal(kind, BYTES("VolumeSnapshot")));
}

/* Sources of other namespaces are an upstream feature that is off; other kinds need the new form. */
static bool settle_sources(struct arena *arena, struct json *spec, const struct json *before)
{
    const struct json *source = json_get(spec, BYTES("dataSource")), *reference;
    if (source && !json_get(before, BYTES("dataSource")) && !is_old_source(source))
        json_remove(spec, BYTES("dataSource"));
    if (tree_text(json_get(spec, BYTES("dataSourceRef")), "namespace").n &&
        !tree_text(json_get(before, BYTES("dataSourceRef")), "namespace").n)
        json_remove(spec, BYTES("dataSourceRef"));
    source = json_get(spec, BYTES("dataSource"));
    reference = json_get(spec, BYTES("dataSourceRef"));
    if (source && !reference)
        return tree_set_copy(arena, spec, "dataSourceRef", source);
    if (reference && !source && !tree_text(reference, "namespace").n)
        return tree_set_copy(arena, spec, "dataSource", reference);
    return true;
}

static err_t claim_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    if (subresource != SUBRESOURCE_NONE)
        return ERR_OK;
    if (!settle_sources(arena, json_get(object, BYTES("spec")), json_get(old, BYTES("spec"))))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static void check_source(const struct field *source)
{
    const struct field *group = FIELD(source, "apiGroup"), *kind = FIELD(source, "kind");
    if (!source->value)
        return;
    (void)check_not_empty(FIELD(source, "name"));
    (void)check_not_empty(kind);
    if (field_text(group).n)
        check_dns_subdomain(group);
    else if (!field_is(kind, "PersistentVolumeClaim"))
        field_invalid_as(source,
            kind->value ? arena_join(source->check->arena, BYTES("\""), field_text(kind), BYTES("\""), ARENA_END)
                        : BYTES("\"\""),
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
}

static void check_spec(const struct field *spec)
{
    const struct field *source = FIELD(spec, "dataSource"), *reference = FIELD(spec, "dataSourceRef"),
                       *class = FIELD(spec, "volumeAttributesClassName");
    persistent_claim_spec_check(spec);
    check_source(source);
    check_source(reference);
    if (source->value && reference->value && !json_alike(source->value, reference->value))
        field_invalid_as(spec, BYTES("{}"), "must match dataSourceRef");
    if (field_text(class).n)
        check_dns_subdomain(class);
}

static int compare_storage(const struct json *a, const struct json *b)
{
    struct quantity x = {0}, y = {0};
    if ((a && !quantity_parse(a->text, &x)) || (b && !quantity_parse(b->text, &y)))
        return 0;
    return quantity_compare(&x, &y);
}

/* Whether the member of the spec may differ from what it was. */
static bool may_change(const struct json *member, const char *name, const struct json *before, bool bound)
{
    if (strcmp(name, "volumeName") == 0)
        return !tree_text(before, name).n;
    if (strcmp(name, "storageClassName") == 0)
        return member && !json_get(before, bytes_of(name));
    return bound && strcmp(name, "volumeAttributesClassName") == 0;
}

static bool same_resources(const struct json *now, const struct json *then, bool bound)
{
    const struct json *requests = json_get(now, BYTES("requests")), *others = json_get(then, BYTES("requests"));
    if (!bound)
        return json_alike(now, then);
    for (const struct json *one = requests ? requests->first : NULL; one; one = one->next)
        if (!bytes_equal(one->key, BYTES("storage")) && !json_alike(one, json_get(others, one->key)))
            return false;
    return json_alike(json_get(now, BYTES("limits")), json_get(then, BYTES("limits"))) &&
           (requests ? requests->count : 0) == (others ? others->count : 0);
}

static void check_change(const struct field *spec, const struct json *old, bool bound)
{
    static const char *const members[] = {"accessModes", "selector", "volumeName", "storageClassName", "volumeMode",
        "dataSource", "dataSourceRef", "volumeAttributesClassName"};
    const struct json *before = json_get(old, BYTES("spec")), *resources = FIELD(spec, "resources")->value,
                      *then = json_get(before, BYTES("resources"));
    const struct field *storage = FIELD(FIELD(FIELD(spec, "resources"), "requests"), "storage");
    bool same = same_resources(resources, then, bound);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const struct json *now = FIELD(spec, members[i])->value;
        same = same &&
               (json_alike(now, json_get(before, bytes_of(members[i]))) || may_change(now, members[i], before, bound));
    }
    if (!same)
        field_forbidden(spec, "spec is immutable after creation except resources.requests and "
                              "volumeAttributesClassName for bound claims");
    if (compare_storage(storage->value, tree_at(then, "requests", "storage", NULL)) < 0 &&
        compare_storage(storage->value, tree_at(old, "status", "capacity", "storage", NULL)) <= 0)
        field_forbidden(storage, "field can not be less than status.capacity");
    struct field mode = field_root(spec->check, "volumeMode", FIELD(spec, "volumeMode")->value);
    check_immutable(&mode, json_get(before, BYTES("volumeMode")));
}

static void check_status(const struct field *status)
{
    static const char *const states[] = {"ControllerResizeInProgress", "ControllerResizeInfeasible",
        "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"};
    static const char *const storage[] = {"storage"};
    const struct field *all = FIELD(status, "allocatedResourceStatuses"), *sizes = FIELD(status, "allocatedResources");
    FIELD_EACH(quantity, FIELD(status, "capacity"))
    {
        struct quantity amount;
        if (quantity_parse(field_text(&quantity), &amount) && amount.nano < 0)
            field_invalid_as(&quantity, field_text(&quantity), "must be a valid resource quantity");
    }
    FIELD_EACH(state, all)
    {
        struct json key = {.type = JSON_STRING, .text = state.key};
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(states); i++)
            known = known || field_is(&state, states[i]);
        if (!known)
            FIELD_UNSUPPORTED(FIELD_WITH(status, "allocatedResourceStatuses", &key), states);
    }
    FIELD_EACH(size, sizes)
    {
        struct json key = {.type = JSON_STRING, .text = size.key};
        if (!bytes_equal(size.key, BYTES("storage")) && bytes_find(size.key, '/') == size.key.n)
            FIELD_UNSUPPORTED(FIELD_WITH(status, "allocatedResources", &key), storage);
    }
}

static void claim_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field status = field_root(&check, "status", json_get(object, BYTES("status")));
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS) {
        check_status(&status);
        return;
    }
    check_spec(&spec);
    if (old)
        check_change(&spec, old, field_is(FIELD(&status, "phase"), "Bound"));
}

/* ---- Showing */

static void claim_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    bool named = tree_text(spec, "volumeName").n > 0;
    (void)kind;
    put_phase_cell(b, object);
    put_cell(b, tree_text(spec, "volumeName"));
    put_text_cell(b, named ? tree_text(json_get(status, BYTES("capacity")), "storage") : BYTES_NONE, named ? "0" : "");
    put_access_modes_cell(arena, b, named ? json_get(status, BYTES("accessModes")) : NULL);
    put_class_cell(b, object);
    put_optional_cell(b, spec, "volumeAttributesClassName");
    put_age_cell(b, object, now);
    put_optional_cell(b, spec, "volumeMode");
}

static void claim_warn(
    struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    (void)kind;
    warn_of_class_annotation(arena, object, warnings);
}

const struct kind_rules persistent_volume_claim_rules = {
    .set_defaults = claim_set_defaults,
    .prepare = claim_prepare,
    .validate = claim_validate,
    .warn = claim_warn,
    .cells = claim_cells,
};
