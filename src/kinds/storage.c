/* SPDX-License-Identifier: Apache-2.0 */
/* storage.k8s.io: classes of storage, and what its drivers say of themselves. */
#include "kinds/cells.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"

#define PARAMETERS_MOST 512
#define PARAMETERS_SIZE (256 << 10)

/* ---- Classes */

static void check_driver(const struct field *driver)
{
    struct field lower = *driver;
    if (!check_not_empty(driver))
        return;
    struct json copy = *driver->value;
    copy.text = lower_case(driver->check->arena, copy.text);
    lower.value = &copy;
    if (copy.text.p)
        check_qualified_name(&lower);
}

static void check_parameters(const struct field *parameters, bool needed)
{
    size_t size = 0;
    if (needed && !field_count(parameters))
        field_required_because(parameters, "must contain at least one key/value pair");
    if (field_count(parameters) > PARAMETERS_MOST) {
        field_too_long(parameters, PARAMETERS_MOST);
        return;
    }
    FIELD_EACH(value, parameters)
    {
        size += value.key.n + field_text(&value).n;
        if (!value.key.n)
            field_invalid_as(parameters, BYTES("\"\""), "field can not be empty.");
    }
    if (size > PARAMETERS_SIZE)
        field_too_long(parameters, PARAMETERS_SIZE);
}

static void storage_class_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"reclaimPolicy", CHECK_ONE_OF, "Delete Retain"},
        {"volumeBindingMode", CHECK_ONE_OF, "Immediate WaitForFirstConsumer"},
        {"allowedTopologies[].matchLabelExpressions[].key", CHECK_QUALIFIED, NULL},
        {"allowedTopologies[].matchLabelExpressions[].values", CHECK_NEEDED, NULL},
        {"parameters", CHECK_FORBIDDEN, "updates to parameters are forbidden."},
        {"provisioner", CHECK_FORBIDDEN, "updates to provisioner are forbidden."},
        {"reclaimPolicy", CHECK_FORBIDDEN, "updates to reclaimPolicy are forbidden."},
        {"volumeBindingMode", CHECK_UNCHANGED, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field provisioner = field_root(&check, "provisioner", json_get(object, BYTES("provisioner")));
    struct field parameters = field_root(&check, "parameters", json_get(object, BYTES("parameters")));
    (void)kind, (void)subresource;
    check_driver(&provisioner);
    check_parameters(&parameters, false);
    CHECK_TABLE(arena, rows, object, old, error);
}

static const struct check_row attributes_class_rows[] = {
    {"driverName", CHECK_FORBIDDEN, "updates to driverName are forbidden."},
    {"parameters", CHECK_FORBIDDEN, "updates to parameters are forbidden."}};

static void attributes_class_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field driver = field_root(&check, "driverName", json_get(object, BYTES("driverName")));
    struct field parameters = field_root(&check, "parameters", json_get(object, BYTES("parameters")));
    (void)kind, (void)subresource;
    check_driver(&driver);
    check_parameters(&parameters, true);
    CHECK_TABLE(arena, attributes_class_rows, object, old, error);
}

/* The name says which class is the default one. */
static void storage_class_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    static const char *const marks[] = {
        "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"};
    const struct json *metadata = json_get(object, BYTES("metadata"));
    bool is_default = false;
    (void)kind;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        is_default =
            is_default || bytes_equal(tree_text(json_get(metadata, BYTES("annotations")), marks[i]), BYTES("true"));
    put_cell(
        b, arena_join(arena, tree_text(metadata, "name"), is_default ? BYTES(" (default)") : BYTES(""), ARENA_END));
    put_cell(b, tree_text(object, "provisioner"));
    put_text_cell(b, tree_text(object, "reclaimPolicy"), "Delete");
    put_text_cell(b, tree_text(object, "volumeBindingMode"), "Immediate");
    put_bool_cell(b, tree_true(object, "allowVolumeExpansion"));
    put_age_cell(b, object, now);
}

const struct kind_rules storage_class_rules = {.validate = storage_class_validate, .cells = storage_class_cells};
const struct kind_rules volume_attributes_class_rules = {.validate = attributes_class_validate};

/* ---- Drivers */

static void csi_driver_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {
        {"spec.fsGroupPolicy", CHECK_ONE_OF, "File None ReadWriteOnceWithFSType"},
        {"spec.tokenRequests", CHECK_UNIQUE, "audience"},
        {"spec.volumeLifecycleModes", CHECK_UNCHANGED, NULL},
    };
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    static const char *const lifecycles[] = {"Persistent", "Ephemeral"};
    struct field modes = field_member(&spec, "volumeLifecycleModes"),
                 attach = field_root(&check, "spec.attachedRequired", tree_at(object, "spec", "attachRequired", NULL));
    (void)kind, (void)subresource;
    FIELD_EACH(request, FIELD(&spec, "tokenRequests"))
    {
        struct field seconds = field_member(&request, "expirationSeconds");
        if (seconds.value && field_integer(&seconds, 0) < 600)
            field_invalid(&seconds, "may not specify a duration less than 10 minutes");
        if (field_integer(&seconds, 0) > INT64_C(1) << 32)
            field_invalid(&seconds, "may not specify a duration larger than 2^32 seconds");
    }
    FIELD_EACH(mode, &modes)
    if (!field_is(&mode, "Persistent") && !field_is(&mode, "Ephemeral"))
        FIELD_UNSUPPORTED(FIELD_WITH(&spec, "volumeLifecycleModes", mode.value), lifecycles);
    CHECK_TABLE(arena, rows, object, old, error);
    if (old)
        check_immutable(&attach, tree_at(old, "spec", "attachRequired", NULL));
}

static void csi_driver_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec"));
    (void)kind;
    put_bool_cell(b, tree_true(spec, "attachRequired"));
    put_bool_cell(b, tree_true(spec, "podInfoOnMount"));
    put_bool_cell(b, tree_true(spec, "storageCapacity"));
    put_joined_cell(
        arena, b, json_get(spec, BYTES("tokenRequests")), (struct joined){"audience", ",", NULL, NULL}, "<unset>");
    put_bool_cell(b, tree_true(spec, "requiresRepublish"));
    put_joined_cell(
        arena, b, json_get(spec, BYTES("volumeLifecycleModes")), (struct joined){NULL, ",", NULL, NULL}, "<none>");
    put_age_cell(b, object, now);
}

const struct kind_rules csi_driver_rules = {.validate = csi_driver_validate, .cells = csi_driver_cells};

static void csi_node_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.drivers[].name", CHECK_NEEDED, NULL},
        {"spec.drivers[].name", CHECK_SUBDOMAIN, ""}, {"spec.drivers[].nodeID", CHECK_NEEDED, NULL},
        {"spec.drivers[].allocatable.count", CHECK_NOT_NEGATIVE, NULL}, {"spec.drivers", CHECK_UNIQUE, "name"},
        {"spec.drivers[].topologyKeys[]", CHECK_QUALIFIED, NULL}, {"spec.drivers[].topologyKeys", CHECK_UNIQUE, ""}};
    (void)kind, (void)subresource;
    CHECK_TABLE(arena, rows, object, old, error);
}

static void csi_node_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)arena, (void)kind;
    put_count_cell(b, tree_at(object, "spec", "drivers", NULL));
    put_age_cell(b, object, now);
}

const struct kind_rules csi_node_rules = {.validate = csi_node_validate, .cells = csi_node_cells};

/* ---- Capacities and attachments */

static void capacity_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"nodeTopology", CHECK_SELECTOR, NULL},
        {"storageClassName", CHECK_SUBDOMAIN, ""}, {"nodeTopology", CHECK_UNCHANGED, NULL},
        {"storageClassName", CHECK_UNCHANGED, NULL}};
    (void)kind, (void)subresource;
    CHECK_TABLE(arena, rows, object, old, error);
}

const struct kind_rules csi_storage_capacity_rules = {.validate = capacity_validate};

static void attachment_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.attacher", CHECK_NEEDED, NULL},
        {"spec.nodeName", CHECK_SUBDOMAIN, ""}, {"spec.source.persistentVolumeName", CHECK_SUBDOMAIN, NULL},
        {"spec.attacher", CHECK_SUBDOMAIN, ""}, {"spec", CHECK_UNCHANGED, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    const struct json *source = json_get(spec.value, BYTES("source"));
    bool claim = json_get(source, BYTES("persistentVolumeName")), inlined = json_get(source, BYTES("inlineVolumeSpec"));
    (void)kind, (void)subresource;
    if (!claim && !inlined)
        field_required_because(
            FIELD(&spec, "source"), "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
    if (claim && inlined)
        field_forbidden(
            FIELD(&spec, "source"), "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
    CHECK_TABLE(arena, rows, object, old, error);
}

const struct kind_rules volume_attachment_rules = {.validate = attachment_validate};
