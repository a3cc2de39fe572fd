/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: one source each, of one of many sorts. */
#include "kinds/pod_volumes.h"

#define ONE_TYPE "may not specify more than 1 volume type"

static void check_empty_directory(const struct field *source, const struct pod_rules_context *context)
{
    struct quantity limit;
    bytes text = field_text(FIELD(source, "sizeLimit"));
    (void)context;
    if (text.n && quantity_parse(text, &limit) && limit.nano < 0)
        field_forbidden(FIELD(source, "sizeLimit"), "SizeLimit field must be a valid resource quantity");
}

void pod_host_path_check(const struct field *source, const struct pod_rules_context *context)
{
    static const char *const types[] = {
        "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"};
    const struct field *type = FIELD(source, "type");
    (void)context;
    if (!check_not_empty(FIELD(source, "path")))
        return;
    check_no_backsteps(FIELD(source, "path"));
    if (field_text(type).n)
        CHECK_ONE_OF(type, types);
}

static void check_named(const struct field *source, const char *name)
{
    (void)check_not_empty(FIELD(source, name));
    check_file_mode(FIELD(source, "defaultMode"));
    const struct field *items = FIELD(source, "items");
    FIELD_EACH(item, items)
    pod_key_to_path_check(&item);
}

static void check_secret(const struct field *source, const struct pod_rules_context *context)
{
    (void)context;
    check_named(source, "secretName");
}

static void check_config_map(const struct field *source, const struct pod_rules_context *context)
{
    (void)context;
    check_named(source, "name");
}

static void check_claim(const struct field *source, const struct pod_rules_context *context)
{
    (void)context;
    (void)check_not_empty(FIELD(source, "claimName"));
}

void csi_driver_name_check(const struct field *driver)
{
    bytes name = field_text(driver), lower = lower_case(driver->check->arena, name);
    if (!name.n)
        field_required(driver);
    if (name.n > 63)
        field_too_long(driver, 63);
    if (!lower.p)
        (void)arena_error(driver->check->arena, driver->check->error);
    else
        check_dns_subdomain_of(driver, lower);
}

static void check_csi(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *secret = FIELD(source, "nodePublishSecretRef");
    (void)context;
    csi_driver_name_check(FIELD(source, "driver"));
    if (secret->value && check_not_empty(FIELD(secret, "name")))
        check_dns_subdomain_of(
            FIELD_WITH(source, "name", FIELD(secret, "name")->value), field_text(FIELD(secret, "name")));
}

static void check_ephemeral(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *template = FIELD(source, "volumeClaimTemplate");
    (void)context;
    if (!template->value) {
        field_required(template);
        return;
    }
    persistent_claim_spec_check(FIELD(template, "spec"));
}

static void check_image(const struct field *source, const struct pod_rules_context *context)
{
    static const char *const policies[] = {"Always", "IfNotPresent", "Never"};
    if (context->is_pod)
        (void)check_not_empty(FIELD(source, "reference"));
    CHECK_ONE_OF(FIELD(source, "pullPolicy"), policies);
}

/* In upstream's order: of two sources the first is the volume's, the second is too much. */
static const struct {
    const char *member;
    const char *shown_second, *shown; /* in paths, where they differ from the member */
    void (*check)(const struct field *, const struct pod_rules_context *);
    const char *required[3];
} sources[] = {
    {"emptyDir", NULL, NULL, check_empty_directory, {0}},
    {"hostPath", NULL, NULL, pod_host_path_check, {0}},
    {"gitRepo", NULL, NULL, pod_git_check, {"repository"}},
    {"gcePersistentDisk", NULL, "persistentDisk", pod_partition_check, {"pdName"}},
    {"awsElasticBlockStore", NULL, NULL, pod_partition_check, {"volumeID"}},
    {"secret", NULL, NULL, check_secret, {0}},
    {"nfs", NULL, NULL, pod_nfs_check, {"server", "path"}},
    {"iscsi", NULL, NULL, pod_iscsi_check, {"targetPortal"}},
    {"glusterfs", NULL, NULL, NULL, {"endpoints", "path"}},
    {"flocker", NULL, NULL, pod_flocker_check, {0}},
    {"persistentVolumeClaim", NULL, NULL, check_claim, {0}},
    {"rbd", NULL, NULL, NULL, {"monitors", "image"}},
    {"cinder", NULL, NULL, pod_cinder_check, {"volumeID"}},
    {"cephfs", "cephFS", NULL, NULL, {"monitors"}},
    {"quobyte", NULL, NULL, pod_quobyte_check, {0}},
    {"downwardAPI", "downwarAPI", NULL, pod_downward_check, {0}},
    {"fc", NULL, NULL, pod_fibre_channel_check, {0}},
    {"flexVolume", NULL, NULL, pod_flex_check, {"driver"}},
    {"configMap", NULL, NULL, check_config_map, {0}},
    {"azureFile", NULL, NULL, NULL, {"secretName", "shareName"}},
    {"vsphereVolume", NULL, NULL, NULL, {"volumePath"}},
    {"photonPersistentDisk", NULL, NULL, NULL, {"pdID"}},
    {"portworxVolume", NULL, NULL, NULL, {"volumeID"}},
    {"azureDisk", NULL, NULL, pod_azure_disk_check, {"diskName", "diskURI"}},
    {"storageos", NULL, NULL, NULL, {"volumeName"}},
    {"projected", NULL, NULL, pod_projected_check, {0}},
    {"scaleIO", NULL, NULL, NULL, {"gateway", "system", "volumeName"}},
    {"csi", NULL, NULL, check_csi, {0}},
    {"ephemeral", NULL, NULL, check_ephemeral, {0}},
    {"image", NULL, NULL, check_image, {0}},
};

static void check_source(const struct field *volume, const struct pod_rules_context *context)
{
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct json *value = json_get(volume->value, bytes_of(sources[i].member));
        if (!value)
            continue;
        if (found) {
            const char *second = sources[i].shown_second ? sources[i].shown_second : sources[i].member;
            field_forbidden(FIELD_WITH(volume, second, value), ONE_TYPE);
            continue;
        }
        found = true;
        const struct field *source = FIELD_WITH(volume, sources[i].shown ? sources[i].shown : sources[i].member, value);
        for (size_t j = 0; j < ARRAY_LEN(sources[i].required) && sources[i].required[j]; j++)
            (void)check_not_empty(FIELD(source, sources[i].required[j]));
        if (sources[i].check)
            sources[i].check(source, context);
    }
    if (!found)
        field_required_because(volume, "must specify a volume type");
}

/* The claim of an ephemeral volume is named after the pod and the volume. */
static void check_claim_name(const struct field *volume, const struct pod_rules_context *context)
{
    struct check *check = volume->check;
    struct error why;
    bytes name = field_text(FIELD(volume, "name"));
    if (!FIELD(volume, "ephemeral")->value || !context->name.n || !name.n)
        return;
    bytes claim = arena_join(check->arena, context->name, BYTES("-"), name, ARENA_END);
    error_init(&why, check->arena);
    validate_dns1123_subdomain(check->arena, claim, false, BYTES(""), &why);
    for (const struct cause *cause = why.causes; cause; cause = cause->next)
        field_invalid(
            FIELD(volume, "name"), "PVC name \"%.*s\": %.*s", BYTES_FMT(claim), BYTES_FMT(cause_sentence(cause)));
}

void pod_volumes_check(const struct field *volumes, struct pod_rules_context *context)
{
    struct check *check = volumes->check;
    context->volumes = (struct name_table){.arena = check->arena};
    FIELD_EACH(volume, volumes)
    {
        unsigned causes = check->error->cause_count;
        const struct field *name = FIELD(&volume, "name");
        check_source(&volume, context);
        check_claim_name(&volume, context);
        if (check_not_empty(name))
            check_dns_label(name);
        if (name_table_find(&context->volumes, field_text(name)))
            field_duplicate(name);
        if (check->error->cause_count == causes &&
            !name_table_add(&context->volumes, field_text(name), (void *)(uintptr_t)volume.value))
            (void)arena_error(check->arena, check->error);
    }
}
