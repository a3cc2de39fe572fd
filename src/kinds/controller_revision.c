/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"

static void controller_revision_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *data = FIELD(&root, "data");
    (void)kind, (void)subresource;
    check_not_negative(FIELD(&root, "revision"));
    if (old) {
        if (!json_alike(data->value, json_get(old, BYTES("data"))))
            field_invalid(data, "field is immutable");
        return;
    }
    if (!data->value || data->value->type == JSON_NULL)
        field_required_because(data, "data is mandatory");
    else if (data->value->type != JSON_OBJECT)
        field_required_because(data, "data must be a valid JSON object");
}

/* "replicaset.apps/name" */
static void put_controller(struct arena *arena, struct buffer *b, const struct json *object)
{
    const struct json *owner = tree_first(json_get(object, BYTES("metadata")), "ownerReferences");
    while (owner && !tree_true(owner, "controller"))
        owner = owner->next;
    if (!owner) {
        put_cell(b, BYTES("<none>"));
        return;
    }
    bytes version = tree_text(owner, "apiVersion"), group = {version.p, bytes_find(version, '/')};
    bytes kind = lower_case(arena, tree_text(owner, "kind")), name = tree_text(owner, "name");
    bool grouped = group.n < version.n;
    bytes text = arena_format(arena, "%.*s%s%.*s/%.*s", BYTES_FMT(kind), grouped ? "." : "", grouped ? (int)group.n : 0,
        grouped ? (const char *)group.p : "", BYTES_FMT(name));
    b->failed = b->failed || !text.p;
    put_cell(b, text);
}

static void controller_revision_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)kind;
    put_controller(arena, b, object);
    put_number_cell(b, tree_integer(object, "revision", 0));
    put_age_cell(b, object, now);
}

const struct kind_rules controller_revision_rules = {
    .validate = controller_revision_validate,
    .cells = controller_revision_cells,
};
