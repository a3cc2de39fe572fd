/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes of storage systems that are served from outside of the cluster. */
#include "kinds/persistent_volume.h"

void pod_git_check(const struct field *source, const struct pod_rules_context *context)
{
    (void)context;
    check_local_path(FIELD(source, "directory"));
}

void pod_partition_check(const struct field *source, const struct pod_rules_context *context)
{
    int64_t partition = field_integer(FIELD(source, "partition"), 0);
    (void)context;
    if (partition < 0 || partition > 255)
        field_invalid(FIELD(source, "partition"), "must be between 1 and 255, inclusive");
}

void pod_nfs_check(const struct field *source, const struct pod_rules_context *context)
{
    (void)context;
    if (!bytes_start(field_text(FIELD(source, "path")), BYTES("/")))
        field_invalid(FIELD(source, "path"), "must be an absolute path");
}

/* ---- iSCSI names: iqn.2001-04.com.example:storage, eui.16 letters or digits, naa.32 of them. */

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_number_of(bytes text, size_t most)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_alphanumeric(text.p[i]))
            return false;
    return text.n == most;
}

static bool is_iqn(bytes name)
{
    static const char shape[] = "iqn.dddd-dd.";
    if (name.n < sizeof(shape))
        return false;
    for (size_t i = 0; i < sizeof(shape) - 1; i++)
        if (shape[i] == 'd' ? name.p[i] < '0' || name.p[i] > '9' : name.p[i] != (uint8_t)shape[i])
            return false;
    bytes rest = bytes_skip(name, sizeof(shape) - 1);
    size_t colon = bytes_find(rest, ':');
    if (colon == 0 || colon + 1 >= rest.n)
        return false;
    for (size_t i = 0; i < colon; i++)
        if (!is_alphanumeric(rest.p[i]) && rest.p[i] != '-' && rest.p[i] != '.')
            return false;
    for (size_t i = colon + 1; i < rest.n; i++)
        if (strchr(",;*&$| \t\n\f\r", rest.p[i]))
            return false;
    return true;
}

static void check_iscsi_name(const struct field *name)
{
    bytes text = field_text(name);
    bool fits = false;
    if (bytes_start(text, BYTES("iqn")))
        fits = is_iqn(text);
    else if (bytes_start(text, BYTES("eui")))
        fits = text.n > 4 && is_number_of(bytes_skip(text, 4), 16);
    else if (bytes_start(text, BYTES("naa")))
        fits = text.n > 4 && is_number_of(bytes_skip(text, 4), 32);
    else {
        field_invalid(name, "must be valid format starting with iqn, eui, or naa");
        return;
    }
    if (!fits)
        field_invalid(name, "must be valid format");
}

static void check_unit(const struct field *unit)
{
    int64_t number = field_integer(unit, 0);
    if (number < 0 || number > 255)
        field_invalid(unit, "must be between 0 and 255, inclusive");
}

void pod_iscsi_check(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *initiator = FIELD(source, "initiatorName"), *secret = FIELD(source, "secretRef");
    (void)context;
    if (check_not_empty(FIELD(source, "iqn")))
        check_iscsi_name(FIELD(source, "iqn"));
    check_unit(FIELD(source, "lun"));
    if ((field_true(FIELD(source, "chapAuthDiscovery")) || field_true(FIELD(source, "chapAuthSession"))) &&
        !secret->value)
        field_required(secret);
    if (!initiator->value)
        return;
    check_iscsi_name(FIELD_WITH(source, "initiatorname", initiator->value));
    const struct field *name = FIELD(source->parent, "name");
    if (field_text(name).n + 1 + field_text(FIELD(source, "targetPortal")).n > 64)
        field_invalid(name, "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
                            "iscsi.initiatorName is specified.");
}

/* ---- The others */

void pod_flocker_check(const struct field *source, const struct pod_rules_context *context)
{
    bytes name = field_text(FIELD(source, "datasetName")), id = field_text(FIELD(source, "datasetUUID"));
    (void)context;
    if (!name.n && !id.n)
        field_required_because(source, "one of datasetName and datasetUUID is required");
    if (name.n && id.n)
        field_invalid_as(
            source, BYTES("\"resource\""), "datasetName and datasetUUID can not be specified simultaneously");
    if (bytes_find(name, '/') < name.n)
        field_invalid(FIELD(source, "datasetName"), "must not contain '/'");
}

void pod_cinder_check(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *secret = FIELD(source, "secretRef");
    (void)context;
    if (secret->value)
        (void)check_not_empty(FIELD(secret, "name"));
}

static bool is_host_port(bytes text)
{
    size_t colon = bytes_find(text, ':');
    return colon < text.n && bytes_find(bytes_skip(text, colon + 1), ':') == text.n - colon - 1;
}

void pod_quobyte_check(const struct field *source, const struct pod_rules_context *context)
{
    static const char pairs[] = "must be a host:port pair or multiple pairs separated by commas";
    const struct field *registry = FIELD(source, "registry");
    bytes left = field_text(registry);
    (void)context;
    if (!left.n)
        field_required_because(registry, "%s", pairs);
    else if (field_text(FIELD(source, "tenant")).n >= 65)
        field_required_because(FIELD(source, "tenant"), "must be a UUID and may not exceed a length of 64 characters");
    else
        for (bool more = true; more;) {
            size_t comma = bytes_find(left, ',');
            if (!is_host_port((bytes){left.p, comma}))
                field_invalid(registry, "%s", pairs);
            more = comma < left.n && source->check->error->cause_count < CAUSES_MOST;
            if (more)
                left = bytes_skip(left, comma + 1);
        }
    (void)check_not_empty(FIELD(source, "volume"));
}

void pod_fibre_channel_check(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *targets = FIELD(source, "targetWWNs"), *unit = FIELD(source, "lun");
    size_t names = field_count(targets), ids = field_count(FIELD(source, "wwids"));
    (void)context;
    if (!names && !ids)
        field_required_because(targets, "must specify either targetWWNs or wwids, but not both");
    if (names && ids)
        field_invalid(targets, "targetWWNs and wwids can not be specified simultaneously");
    if (!names)
        return;
    if (!unit->value)
        field_required_because(unit, "lun is required if targetWWNs is specified");
    else
        check_unit(unit);
}

static bool ends_reserved(bytes option)
{
    bytes domain = {option.p, bytes_find(option, '/')};
    static const char *const reserved[] = {"kubernetes.io", "k8s.io"};
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        size_t n = strlen(reserved[i]);
        if (domain.n >= n && strncasecmp((const char *)domain.p + domain.n - n, reserved[i], n) == 0 &&
            (domain.n == n || domain.p[domain.n - n - 1] == '.'))
            return true;
    }
    return false;
}

void pod_flex_check(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *options = FIELD(source, "options");
    (void)context;
    FIELD_EACH(option, options)
    {
        struct json key = {.type = JSON_STRING, .text = option.key};
        if (ends_reserved(option.key))
            field_invalid(FIELD_KEY(options, option.key, &key), "kubernetes.io and k8s.io namespaces are reserved");
    }
}

void pod_azure_disk_check(const struct field *source, const struct pod_rules_context *context)
{
    static const char *const caching[] = {"None", "ReadOnly", "ReadWrite"};
    static const char *const kinds[] = {"Dedicated", "Managed", "Shared"};
    static const char *const managed[] = {"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/"
                                          "microsoft.compute/disks/{disk-id}"};
    static const char *const blob[] = {"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"};
    const struct field *kind = FIELD(source, "kind"), *uri = FIELD(source, "diskURI");
    (void)context;
    if (FIELD(source, "cachingMode")->value)
        CHECK_ONE_OF(FIELD(source, "cachingMode"), caching);
    if (!kind->value)
        return;
    CHECK_ONE_OF(kind, kinds);
    bool is_managed = field_is(kind, "Managed");
    if (!bytes_start(field_text(uri), is_managed ? BYTES("/subscriptions/") : BYTES("https://")))
        field_unsupported(uri, is_managed ? managed : blob, 1);
}

/* ---- Claims inside of other objects */

void persistent_claim_spec_check(const struct field *spec)
{
    static const char *const modes[] = {"Block", "Filesystem"};
    const struct field *resources = FIELD(spec, "resources"), *class = FIELD(spec, "storageClassName");
    access_modes_check(FIELD(spec, "accessModes"), "at least 1 access mode is required");
    check_label_selector(FIELD(spec, "selector"));
    const struct json *value = tree_at(resources->value, "requests", "storage", NULL);
    const struct field *storage = FIELD_KEY(resources, BYTES("storage"), value);
    struct quantity quantity;
    if (!value)
        field_required(storage);
    else if (quantity_parse(field_text(storage), &quantity) && quantity.nano <= 0)
        field_invalid(storage, "must be greater than zero");
    if (field_text(class).n)
        check_dns_subdomain(class);
    if (FIELD(spec, "volumeMode")->value)
        CHECK_ONE_OF(FIELD(spec, "volumeMode"), modes);
}
