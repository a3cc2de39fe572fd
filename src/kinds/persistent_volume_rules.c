/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/go_value.h"
#include "kinds/persistent_volume.h"

#define ONE_TYPE "may not specify more than 1 volume type"

/* ---- Sources that differ from those of pods */

/* Of a Secret anywhere. */
static void check_reference(const struct field *reference, bool names)
{
    const struct field *name = FIELD(reference, "name"), *namespace = FIELD(reference, "namespace");
    if (!reference->value)
        return;
    if (check_not_empty(name) && names)
        check_dns_subdomain(name);
    if (check_not_empty(namespace) && names)
        check_dns_label(namespace);
}

static void check_referenced(const struct field *source, const struct pod_rules_context *context)
{
    (void)context;
    check_reference(FIELD(source, "secretRef"), false);
}

static void check_glusterfs(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *namespace = FIELD(source, "endpointsNamespace");
    (void)context;
    if (!namespace->value)
        return;
    if (field_text(namespace).n)
        check_dns_label(namespace);
    else
        field_invalid(namespace, "if the endpointnamespace is set, it must be a valid namespace name");
}

static void check_azure_file(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *namespace = FIELD(source, "secretNamespace");
    (void)context;
    if (namespace->value)
        (void)check_not_empty(namespace);
}

static void check_local(const struct field *source, const struct pod_rules_context *context)
{
    (void)context;
    check_no_backsteps(FIELD(source, "path"));
}

static void check_csi(const struct field *source, const struct pod_rules_context *context)
{
    static const char *const references[] = {
        "controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"};
    (void)context;
    csi_driver_name_check(FIELD(source, "driver"));
    (void)check_not_empty(FIELD(source, "volumeHandle"));
    for (size_t i = 0; i < ARRAY_LEN(references); i++)
        check_reference(FIELD(source, references[i]), true);
}

/* In upstream's order: of two sources the first is the volume's, the second is too much. */
static const struct {
    const char *member, *shown_second, *shown; /* in paths, where they differ from the member */
    void (*check)(const struct field *, const struct pod_rules_context *);
    const char *required[3];
} sources[] = {
    {"hostPath", NULL, NULL, pod_host_path_check, {0}},
    {"gcePersistentDisk", NULL, "persistentDisk", pod_partition_check, {"pdName"}},
    {"awsElasticBlockStore", NULL, NULL, pod_partition_check, {"volumeID"}},
    {"glusterfs", NULL, NULL, check_glusterfs, {"endpoints", "path"}},
    {"flocker", NULL, NULL, pod_flocker_check, {0}},
    {"nfs", NULL, NULL, pod_nfs_check, {"server", "path"}},
    {"rbd", NULL, NULL, NULL, {"monitors", "image"}},
    {"quobyte", NULL, NULL, pod_quobyte_check, {0}},
    {"cephfs", "cephFS", NULL, NULL, {"monitors"}},
    {"iscsi", NULL, NULL, pod_iscsi_check, {"targetPortal"}},
    {"cinder", NULL, NULL, check_referenced, {"volumeID"}},
    {"fc", NULL, NULL, pod_fibre_channel_check, {0}},
    {"flexVolume", NULL, NULL, pod_flex_check, {"driver"}},
    {"azureFile", NULL, NULL, check_azure_file, {"secretName", "shareName"}},
    {"vsphereVolume", NULL, NULL, NULL, {"volumePath"}},
    {"photonPersistentDisk", NULL, NULL, NULL, {"pdID"}},
    {"portworxVolume", NULL, NULL, NULL, {"volumeID"}},
    {"azureDisk", NULL, NULL, pod_azure_disk_check, {"diskName", "diskURI"}},
    {"scaleIO", NULL, NULL, NULL, {"gateway", "system", "volumeName"}},
    {"local", NULL, NULL, check_local, {"path"}},
    {"storageos", NULL, NULL, check_referenced, {"volumeName"}},
    {"csi", NULL, NULL, check_csi, {0}},
};

static void check_source(const struct field *spec)
{
    const struct pod_rules_context context = {0};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct json *value = json_get(spec->value, bytes_of(sources[i].member));
        if (!value)
            continue;
        if (found) {
            const char *second = sources[i].shown_second ? sources[i].shown_second : sources[i].member;
            field_forbidden(FIELD_WITH(spec, second, value), ONE_TYPE);
            continue;
        }
        found = true;
        const struct field *source = FIELD_WITH(spec, sources[i].shown ? sources[i].shown : sources[i].member, value);
        for (size_t j = 0; j < ARRAY_LEN(sources[i].required) && sources[i].required[j]; j++)
            (void)check_not_empty(FIELD(source, sources[i].required[j]));
        if (sources[i].check)
            sources[i].check(source, &context);
        if (strcmp(sources[i].member, "local") == 0 && !FIELD(spec, "nodeAffinity")->value)
            field_required_because(FIELD(spec, "nodeAffinity"), "Local volume requires node affinity");
    }
    if (!found)
        field_required_because(spec, "must specify a volume type");
}

/* ---- The other parts of the spec */

void access_modes_check(const struct field *modes, const char *detail)
{
    static const char *const supported[] = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"};
    bool single = false, others = false;
    if (!field_count(modes) && detail)
        field_required_because(modes, "%s", detail);
    else if (!field_count(modes))
        field_required(modes);
    FIELD_EACH(mode, modes)
    {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(supported); i++)
            known = known || field_is(&mode, supported[i]);
        if (!known)
            FIELD_UNSUPPORTED(FIELD_WITH(modes->parent, "accessModes", mode.value), supported);
        else if (field_is(&mode, "ReadWriteOncePod"))
            single = true;
        else
            others = true;
    }
    if (single && others)
        field_forbidden(modes, "may not use ReadWriteOncePod with other access modes");
}

static void check_capacity(const struct field *capacity)
{
    static const char *const storage[] = {"storage"};
    const struct json null = {.type = JSON_NULL};
    if (!field_count(capacity))
        field_required(capacity);
    if (field_count(capacity) != 1 || !FIELD(capacity, "storage")->value) {
        struct field shown = *capacity;
        if (!field_count(capacity))
            shown.value = &null;
        FIELD_UNSUPPORTED(&shown, storage);
    }
    FIELD_EACH(quantity, capacity)
    {
        struct quantity amount;
        if (!quantity_parse(field_text(&quantity), &amount))
            continue;
        if (amount.nano < 0)
            field_invalid_as(&quantity, field_text(&quantity), "must be a valid resource quantity");
        if (amount.nano <= 0)
            field_invalid(&quantity, "must be greater than zero");
    }
}

static bool is_root(bytes path)
{
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] != '/' && path.p[i] != '.')
            return false;
    return path.n > 0;
}

static void check_policy(const struct field *spec)
{
    static const char *const policies[] = {"Delete", "Recycle", "Retain"};
    const struct field *policy = FIELD(spec, "persistentVolumeReclaimPolicy");
    if (field_text(policy).n)
        CHECK_ONE_OF(policy, policies);
}

static void check_affinity(const struct field *affinity)
{
    const struct field *required = FIELD(affinity, "required");
    if (!affinity->value)
        return;
    if (required->value)
        node_selector_check(required, false);
    else
        field_required_because(required, "must specify required node constraints");
}

static void check_classes(const struct field *spec)
{
    static const char *const modes[] = {"Block", "Filesystem"};
    const struct field *class = FIELD(spec, "storageClassName"), *attributes = FIELD(spec, "volumeAttributesClassName");
    if (field_text(class).n)
        check_dns_subdomain(class);
    if (FIELD(spec, "volumeMode")->value)
        CHECK_ONE_OF(FIELD(spec, "volumeMode"), modes);
    if (!attributes->value)
        return;
    if (field_text(attributes).n)
        check_dns_subdomain(attributes);
    else
        field_required_because(attributes, "an empty string is disallowed");
    if (!FIELD(spec, "csi")->value)
        field_required_because(FIELD(spec, "csi"), "has to be specified when using volumeAttributesClassName");
}

/* ---- Changes */

/* Secrets for growing may come later. */
static bool same_csi(const struct json *csi, const struct json *before)
{
    static const char *const late[] = {"controllerExpandSecretRef", "nodeExpandSecretRef"};
    size_t added = 0;
    for (const struct json *member = csi->first; member; member = member->next) {
        const struct json *other = json_get(before, member->key);
        bool new =
            !other && (bytes_equal(member->key, bytes_of(late[0])) || bytes_equal(member->key, bytes_of(late[1])));
        added += new;
        if (!new && !json_alike(member, other))
            return false;
    }
    return csi->count == before->count + added;
}

static void check_change(const struct field *spec, const struct json *before)
{
    static const struct go_member requirement[] = {{"Key", "key", GO_TEXT, NULL},
        {"Operator", "operator", GO_TEXT, NULL}, {"Values", "values", GO_LIST, NULL}, {0}};
    static const struct go_member term[] = {{"MatchExpressions", "matchExpressions", GO_LIST_OF, requirement},
        {"MatchFields", "matchFields", GO_LIST_OF, requirement}, {0}};
    static const struct go_member selector[] = {{"NodeSelectorTerms", "nodeSelectorTerms", GO_LIST_OF, term}, {0}};
    static const struct go_member shown[] = {{"Required", "required", GO_POINTER, selector}, {0}};
    struct check *check = spec->check;
    const struct json *affinity = FIELD(spec, "nodeAffinity")->value, *old = json_get(before, BYTES("nodeAffinity"));
    bool same = true;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct json *now = json_get(spec->value, bytes_of(sources[i].member)),
                          *then = json_get(before, bytes_of(sources[i].member));
        bool csi = now && then && strcmp(sources[i].member, "csi") == 0;
        same = same && !now == !then && (csi ? same_csi(now, then) : json_alike(now, then));
    }
    if (!same)
        field_forbidden(
            FIELD(spec, "persistentvolumesource"), "spec.persistentvolumesource is immutable after creation");
    struct field mode = field_root(check, "volumeMode", FIELD(spec, "volumeMode")->value);
    check_immutable(&mode, json_get(before, BYTES("volumeMode")));
    struct field at = field_root(check, "nodeAffinity", affinity);
    if (old && !json_alike(affinity, old))
        field_invalid_as(&at, affinity ? go_value_text(check->arena, shown, affinity) : BYTES("null"),
            "field is immutable, except for updating from beta label to GA");
    if (json_get(before, BYTES("volumeAttributesClassName")) && !FIELD(spec, "volumeAttributesClassName")->value)
        field_forbidden(FIELD(spec, "volumeAttributesClassName"), "update from non-nil value to nil is forbidden");
}

void persistent_volume_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    const struct field *policy = FIELD(&spec, "persistentVolumeReclaimPolicy");
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS)
        return;
    access_modes_check(FIELD(&spec, "accessModes"), NULL);
    check_capacity(FIELD(&spec, "capacity"));
    check_policy(&spec);
    check_affinity(FIELD(&spec, "nodeAffinity"));
    check_source(&spec);
    if (field_is(policy, "Recycle") && is_root(field_text(FIELD(FIELD(&spec, "hostPath"), "path"))))
        field_forbidden(policy, "may not be 'recycle' for a hostPath mount of '/'");
    check_classes(&spec);
    if (old)
        check_change(&spec, json_get(old, BYTES("spec")));
}
