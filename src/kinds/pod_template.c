/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/kinds.h"
#include "kinds/workload.h"

static err_t pod_template_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    TRY(workload_template_set_defaults(arena, json_get(object, BYTES("template")), error));
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static void pod_template_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    (void)kind, (void)subresource, (void)old;
    pod_template_check(FIELD(&root, "template"));
}

static void pod_template_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    bytes labels = labels_text(arena, tree_at(object, "template", "metadata", "labels", NULL));
    (void)kind, (void)now;
    put_container_cells(arena, b, tree_at(object, "template", "spec", NULL));
    b->failed = b->failed || !labels.p;
    put_cell(b, labels);
}

static void pod_template_warn(
    struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    (void)kind;
    pod_spec_warn(arena, json_get(object, BYTES("template")), "template", warnings);
}

const struct kind_rules pod_template_rules = {
    .warn = pod_template_warn,
    .set_defaults = pod_template_set_defaults,
    .validate = pod_template_validate,
    .cells = pod_template_cells,
};
