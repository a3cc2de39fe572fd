/* SPDX-License-Identifier: Apache-2.0 */
/* What a container gets to see: its environment and its mounts. */
#include "kinds/pod.h"

/* ---- Environment */

static void check_variable_name(const struct field *name)
{
    bytes text = field_text(name);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] > '~' || text.p[i] == '=') {
            field_invalid(name,
                "a valid environment variable name must consist only of printable ASCII characters other than '='");
            return;
        }
}

static void check_key_reference(const struct field *reference)
{
    const struct field *key = FIELD(reference, "key");
    check_dns_subdomain(FIELD(reference, "name"));
    if (!check_not_empty(key))
        return;
    const char *sentence = config_map_key_error(field_text(key));
    if (sentence)
        field_invalid(key, "%s", sentence);
}

static void check_value_source(const struct field *variable)
{
    const struct field *from = FIELD(variable, "valueFrom");
    const struct field *field = FIELD(from, "fieldRef"), *resource = FIELD(from, "resourceFieldRef");
    const struct field *map = FIELD(from, "configMapKeyRef"), *secret = FIELD(from, "secretKeyRef");
    unsigned count = 0;
    if (!from->value)
        return;
    if (field->value && ++count)
        pod_field_reference_check(field, false);
    if (resource->value && ++count)
        pod_resource_reference_check(resource, false);
    if (map->value && ++count)
        check_key_reference(map);
    if (secret->value && ++count)
        check_key_reference(secret);
    if (!count)
        field_invalid_as(from, BYTES("\"\""),
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
    else if (field_text(FIELD(variable, "value")).n)
        field_invalid_as(from, BYTES("\"\""), "may not be specified when `value` is not empty");
    else if (count > 1)
        field_invalid_as(from, BYTES("\"\""), "may not have more than one field specified at a time");
}

static void check_source_name(const struct field *source)
{
    const struct field *name = FIELD(source, "name");
    if (check_not_empty(name))
        check_dns_subdomain(name);
}

void pod_environment_check(const struct field *container)
{
    const struct field *variables = FIELD(container, "env"), *sources = FIELD(container, "envFrom");
    FIELD_EACH(variable, variables)
    {
        const struct field *name = FIELD(&variable, "name");
        if (check_not_empty(name))
            check_variable_name(name);
        check_value_source(&variable);
    }
    FIELD_EACH(source, sources)
    {
        const struct field *map = FIELD(&source, "configMapRef"), *secret = FIELD(&source, "secretRef");
        check_variable_name(FIELD(&source, "prefix"));
        if (map->value)
            check_source_name(map);
        if (secret->value)
            check_source_name(secret);
        if (!map->value && !secret->value)
            field_invalid_as(sources, BYTES("\"\""), "must specify one of: `configMapRef` or `secretRef`");
        else if (map->value && secret->value)
            field_invalid_as(sources, BYTES("\"\""), "may not have more than one field specified at a time");
    }
}

/* ---- Mounts and devices */

/* Names and paths that a list uses. */
struct used {
    struct name_table names, paths;
};

static void collect(const struct field *list, const char *path, struct used *ret)
{
    struct check *check = list->check;
    *ret = (struct used){{.arena = check->arena}, {.arena = check->arena}};
    FIELD_EACH(item, list)
    {
        (void)name_table_add(&ret->names, field_text(FIELD(&item, "name")), NULL);
        (void)name_table_add(&ret->paths, field_text(FIELD(&item, path)), NULL);
    }
    if (check->arena->failed != ERR_OK)
        (void)arena_error(check->arena, check->error);
}

static void check_propagation(const struct field *mounts, const struct field *mount, bool privileged)
{
    static const char *const modes[] = {"Bidirectional", "HostToContainer", "None"};
    static const char *const recursive[] = {"Disabled", "Enabled", "IfPossible"};
    const struct field *mode = FIELD(mount, "mountPropagation"), *read_only = FIELD(mount, "recursiveReadOnly");
    const struct field *at = FIELD_WITH(mounts, "mountPropagation", mode->value);
    if (mode->value)
        CHECK_ONE_OF(at, modes);
    if (field_is(mode, "Bidirectional") && !privileged)
        field_forbidden(at, "Bidirectional mount propagation is available only to privileged containers");
    at = FIELD_WITH(mounts, "recursiveReadOnly", read_only->value);
    if (!read_only->value || field_is(read_only, "Disabled"))
        return;
    CHECK_ONE_OF(at, recursive);
    if (!field_is(read_only, "Enabled") && !field_is(read_only, "IfPossible"))
        return;
    if (!field_true(FIELD(mount, "readOnly")))
        field_forbidden(at, "may only be specified when readOnly is true");
    if (mode->value && !field_is(mode, "None"))
        field_forbidden(at, "may only be specified when mountPropagation is None or not specified");
}

static void check_sub_paths(const struct field *mounts, const struct field *mount)
{
    const struct field *path = FIELD(mount, "subPath"), *expression = FIELD(mount, "subPathExpr");
    if (field_text(path).n)
        check_local_path(FIELD_WITH(mounts, "subPath", path->value));
    if (!field_text(expression).n)
        return;
    if (field_text(path).n)
        field_invalid(expression, "subPathExpr and subPath are mutually exclusive");
    check_local_path(FIELD_WITH(mounts, "subPathExpr", expression->value));
}

static void check_mounts(
    const struct field *container, const struct used *devices, const struct pod_rules_context *context)
{
    struct check *check = container->check;
    const struct field *mounts = FIELD(container, "volumeMounts");
    bool privileged = field_true(FIELD(FIELD(container, "securityContext"), "privileged"));
    struct name_table paths = {.arena = check->arena};
    FIELD_EACH(mount, mounts)
    {
        const struct field *name = FIELD(&mount, "name"), *path = FIELD(&mount, "mountPath");
        (void)check_not_empty(name);
        if (!name_table_find(&context->volumes, field_text(name)))
            field_not_found(name);
        (void)check_not_empty(path);
        if (!name_table_add(&paths, field_text(path), NULL))
            field_invalid(path, "must be unique");
        if (name_table_find(&devices->names, field_text(name)))
            field_invalid(name, "must not already exist in volumeDevices");
        if (name_table_find(&devices->paths, field_text(path)))
            field_invalid(path, "must not already exist as a path in volumeDevices");
        check_sub_paths(mounts, &mount);
        check_propagation(mounts, &mount, privileged);
    }
}

static bool goes_back(bytes path)
{
    for (;;) {
        size_t slash = bytes_find(path, '/');
        if (bytes_equal((bytes){path.p, slash}, BYTES("..")))
            return true;
        if (slash == path.n)
            return false;
        path = bytes_skip(path, slash + 1);
    }
}

static void check_devices(
    const struct field *container, const struct used *mounts, const struct pod_rules_context *context)
{
    struct check *check = container->check;
    const struct field *devices = FIELD(container, "volumeDevices");
    struct used seen = {{.arena = check->arena}, {.arena = check->arena}};
    FIELD_EACH(device, devices)
    {
        const struct field *name = FIELD(&device, "name"), *path = FIELD(&device, "devicePath");
        const struct name_row *volume = name_table_find(&context->volumes, field_text(name));
        (void)check_not_empty(name);
        if (field_text(name).n && !name_table_add(&seen.names, field_text(name), NULL))
            field_invalid(name, "must be unique");
        if (!volume)
            field_not_found(name);
        else if (!json_get(volume->value, BYTES("persistentVolumeClaim")) &&
                 !json_get(volume->value, BYTES("ephemeral")))
            field_invalid(name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
        (void)check_not_empty(path);
        if (name_table_find(&seen.paths, field_text(path)))
            field_invalid(path, "must be unique");
        if (goes_back(field_text(path)))
            field_invalid(path, "can not contain backsteps ('..')");
        else
            (void)name_table_add(&seen.paths, field_text(path), NULL);
        if (name_table_find(&mounts->names, field_text(name)))
            field_invalid(name, "must not already exist in volumeMounts");
        if (name_table_find(&mounts->paths, field_text(path)))
            field_invalid(path, "must not already exist as a path in volumeMounts");
    }
}

void pod_mounts_check(const struct field *container, const struct pod_rules_context *context)
{
    struct used mounts, devices;
    collect(FIELD(container, "volumeMounts"), "mountPath", &mounts);
    collect(FIELD(container, "volumeDevices"), "devicePath", &devices);
    check_mounts(container, &devices, context);
    check_devices(container, &mounts, context);
}
