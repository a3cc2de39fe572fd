/* SPDX-License-Identifier: Apache-2.0 */
/* Projected and downward volumes, and the paths and references that they share with others. */
#include "kinds/pod_volumes.h"

/* ---- Paths */

void check_no_backsteps(const struct field *path)
{
    for (bytes rest = field_text(path);;) {
        size_t slash = bytes_find(rest, '/');
        if (bytes_equal((bytes){rest.p, slash}, BYTES(".."))) {
            field_invalid(path, "must not contain '..'");
            return;
        }
        if (slash == rest.n)
            return;
        rest = bytes_skip(rest, slash + 1);
    }
}

void check_local_path(const struct field *path)
{
    if (bytes_start(field_text(path), BYTES("/")))
        field_invalid(path, "must be a relative path");
    check_no_backsteps(path);
}

void check_local_not_reserved_path(const struct field *path)
{
    bytes text = field_text(path);
    check_local_path(path);
    if (bytes_start(text, BYTES("..")) && !bytes_start(text, BYTES("../")))
        field_invalid(path, "must not start with '..'");
}

void check_file_mode(const struct field *mode)
{
    int64_t number = field_integer(mode, 0);
    if (number < 0 || number > 0777)
        field_invalid(mode, "must be a number between 0 and 0777 (octal), both inclusive");
}

void pod_key_to_path_check(const struct field *item)
{
    (void)check_not_empty(FIELD(item, "key"));
    (void)check_not_empty(FIELD(item, "path"));
    check_local_not_reserved_path(FIELD(item, "path"));
    check_file_mode(FIELD(item, "mode"));
}

/* ---- References to the pod's own fields */

/* metadata.labels['KEY']: the part before and the key. */
static bool has_subscript(bytes path, bytes *ret_field, bytes *ret_key)
{
    size_t bracket = bytes_find(path, '[');
    if (!bytes_end(path, BYTES("']")) || bracket + 4 > path.n || path.p[bracket + 1] != '\'')
        return false;
    *ret_field = (bytes){path.p, bracket};
    *ret_key = (bytes){path.p + bracket + 2, path.n - bracket - 4};
    return true;
}

static bool is_among(bytes text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(text, bytes_of(names[i])))
            return true;
    return false;
}

static void check_subscript(const struct field *reference, const struct field *path, bytes field, bytes key)
{
    struct arena *arena = reference->check->arena;
    if (bytes_equal(field, BYTES("metadata.annotations"))) {
        key = lower_case(arena, key);
        if (!key.p) {
            (void)arena_error(arena, reference->check->error);
            return;
        }
    } else if (!bytes_equal(field, BYTES("metadata.labels"))) {
        field_invalid(path, "error converting fieldPath: field label does not support subscript: %.*s",
            BYTES_FMT(field_text(path)));
        return;
    }
    struct json shown = {.type = JSON_STRING, .text = key};
    struct field name = *reference;
    name.value = &shown;
    check_qualified_name(&name);
}

void pod_field_reference_check(const struct field *reference, bool volume)
{
    static const char *const known[] = {"metadata.annotations", "metadata.labels", "metadata.name",
        "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName",
        "spec.schedulerName", "status.phase", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
        "spec.host"};
    static const char *const environment[] = {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
        "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"};
    static const char *const files[] = {
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"};
    const struct field *path = FIELD(reference, "fieldPath"), *version = FIELD(reference, "apiVersion");
    bytes text = field_text(path), field, key;
    if (!check_not_empty(version) || !check_not_empty(path))
        return;
    if (!field_is(version, "v1")) {
        field_invalid(
            path, "error converting fieldPath: unsupported pod version: %.*s", BYTES_FMT(field_text(version)));
    } else if (has_subscript(text, &field, &key)) {
        check_subscript(reference, path, field, key);
    } else if (!is_among(text, known, ARRAY_LEN(known))) {
        field_invalid(path, "error converting fieldPath: field label not supported: %.*s", BYTES_FMT(text));
    } else if (volume) {
        if (!is_among(text, files, ARRAY_LEN(files)))
            FIELD_UNSUPPORTED(path, files);
    } else if (!is_among(text, environment, ARRAY_LEN(environment)) && !field_is(path, "spec.host")) {
        FIELD_UNSUPPORTED(path, environment);
    }
}

static void check_divisor(const struct field *reference, bytes resource)
{
    static const char units[] = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    static const char *const cpu[] = {"1", "1m"};
    static const char *const sizes[] = {
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"};
    static const struct {
        const char *suffix, *what;
    } sorts[] = {{".memory", "memory"}, {".ephemeral-storage", "local ephemeral storage"}};
    struct json shown = {.type = JSON_STRING, .text = resource};
    const struct field *divisor = FIELD(reference, "divisor");
    const struct field *as = FIELD_WITH(reference, "divisor", &shown);
    struct quantity quantity;
    if (!quantity_parse(field_text(divisor), &quantity) || quantity.nano == 0)
        return;
    if (bytes_end(resource, BYTES(".cpu"))) {
        if (!is_among(field_text(divisor), cpu, ARRAY_LEN(cpu)))
            field_invalid(as, "only divisor's values 1m and 1 are supported with the cpu resource");
        return;
    }
    if (is_among(field_text(divisor), sizes, ARRAY_LEN(sizes)))
        return;
    for (size_t i = 0; i < ARRAY_LEN(sorts); i++)
        if (bytes_end(resource, bytes_of(sorts[i].suffix)))
            field_invalid(as, "only divisor's values %s are supported with the %s resource", units, sorts[i].what);
    if (bytes_start(resource, BYTES("requests.hugepages-")) || bytes_start(resource, BYTES("limits.hugepages-")))
        field_invalid(as, "only divisor's values %s are supported with the hugepages resource", units);
}

void pod_resource_reference_check(const struct field *reference, bool volume)
{
    static const char *const known[] = {"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
        "requests.ephemeral-storage", "requests.memory"};
    const struct field *resource = FIELD(reference, "resource");
    bytes name = field_text(resource);
    if (volume && !field_text(FIELD(reference, "containerName")).n)
        field_required(FIELD(reference, "containerName"));
    else if (!name.n)
        field_required(resource);
    else if (!is_among(name, known, ARRAY_LEN(known)) && !bytes_start(name, BYTES("requests.hugepages-")) &&
             !bytes_start(name, BYTES("limits.hugepages-")))
        FIELD_UNSUPPORTED(resource, known);
    check_divisor(reference, name);
}

/* The causes of a file stand at its list's owner, without its place in the list: so upstream has it. */
static void check_downward_file(const struct field *owner, const struct json *file)
{
    struct field at = *owner;
    at.value = file;
    const struct field *field = FIELD(&at, "fieldRef"), *resource = FIELD(&at, "resourceFieldRef");
    (void)check_not_empty(FIELD(&at, "path"));
    check_local_not_reserved_path(FIELD(&at, "path"));
    if (field->value) {
        pod_field_reference_check(field, true);
        if (resource->value)
            field_invalid_as(
                owner, BYTES("\"resource\""), "fieldRef and resourceFieldRef can not be specified simultaneously");
    } else if (resource->value) {
        pod_resource_reference_check(resource, true);
    } else {
        field_required_because(owner, "one of fieldRef and resourceFieldRef is required");
    }
    check_file_mode(FIELD(&at, "mode"));
}

void pod_downward_check(const struct field *source, const struct pod_rules_context *context)
{
    const struct field *items = FIELD(source, "items");
    (void)context;
    check_file_mode(FIELD(source, "defaultMode"));
    FIELD_EACH(item, items)
    check_downward_file(source, item.value);
}

/* ---- Projections */

struct projection {
    const struct field *volume; /* where causes about all sources stand */
    struct name_table paths;
};

static void claim_path(struct projection *projection, bytes path, bytes shown)
{
    struct arena *arena = projection->volume->check->arena;
    struct json value = {.type = JSON_STRING, .text = shown};
    struct field at = *projection->volume;
    at.value = &value;
    if (name_table_add(&projection->paths, path, NULL))
        return;
    if (arena->failed != ERR_OK)
        (void)arena_error(arena, projection->volume->check->error);
    else
        field_invalid(&at, "conflicting duplicate paths");
}

static void check_projected_keys(const struct field *source, struct projection *projection)
{
    const struct field *items = FIELD(source, "items");
    (void)check_not_empty(FIELD(source, "name"));
    FIELD_EACH(item, items)
    {
        bytes path = field_text(FIELD(&item, "path"));
        pod_key_to_path_check(&item);
        if (path.n)
            claim_path(projection, path, field_text(FIELD(source, "name")));
    }
}

static void check_projected_files(const struct field *source, struct projection *projection)
{
    const struct field *items = FIELD(source, "items");
    FIELD_EACH(item, items)
    {
        bytes path = field_text(FIELD(&item, "path"));
        check_downward_file(source, item.value);
        if (path.n)
            claim_path(projection, path, path);
    }
}

static void check_projected_token(const struct field *source, struct projection *projection)
{
    const struct field *expiration = FIELD(source, "expirationSeconds");
    int64_t seconds = field_integer(expiration, 3600);
    const struct json *path = json_get(source->value, BYTES("path"));
    const struct field *at = FIELD_WITH(projection->volume, "path", path);
    if (seconds < 600)
        field_invalid(expiration, "may not specify a duration less than 10 minutes");
    if (seconds > (int64_t)1 << 32)
        field_invalid(expiration, "may not specify a duration larger than 2^32 seconds");
    if (check_not_empty(at))
        check_local_not_reserved_path(at);
}

static void check_projected_bundle(const struct field *source, struct projection *projection)
{
    const struct field *name = FIELD(source, "name"), *signer = FIELD(source, "signerName");
    const struct field *selector = FIELD(source, "labelSelector"), *path = FIELD(source, "path");
    if (name->value && signer->value) {
        field_invalid(source, "only one of name and signerName may be used");
    } else if (name->value) {
        if (!field_text(name).n)
            field_required_because(name, "must be a valid object name");
        if (selector->value)
            field_invalid(selector, "labelSelector must be unset if name is specified");
    } else if (signer->value) {
        if (!field_text(signer).n)
            field_required_because(signer, "must be a valid signer name");
        check_label_selector(selector);
    } else {
        field_required_because(source, "either name or signerName must be specified");
    }
    (void)check_not_empty(path);
    check_local_not_reserved_path(path);
    claim_path(projection, field_text(path), field_text(path));
}

void pod_projected_check(const struct field *volume, const struct pod_rules_context *context)
{
    static const struct {
        const char *member;
        void (*check)(const struct field *, struct projection *);
    } sorts[] = {
        {"secret", check_projected_keys},
        {"configMap", check_projected_keys},
        {"downwardAPI", check_projected_files},
        {"serviceAccountToken", check_projected_token},
        {"clusterTrustBundle", check_projected_bundle},
    };
    struct projection projection = {.volume = volume, .paths = {.arena = volume->check->arena}};
    const struct field *sources = FIELD(volume, "sources");
    (void)context;
    check_file_mode(FIELD(volume, "defaultMode"));
    FIELD_EACH(source, sources)
    {
        unsigned count = 0;
        for (size_t i = 0; i < ARRAY_LEN(sorts); i++) {
            const struct field *sort = FIELD(&source, sorts[i].member);
            if (!sort->value)
                continue;
            count++;
            sorts[i].check(sort, &projection);
        }
        if (count > 1)
            field_forbidden(&source, "may not specify more than 1 volume type per source");
    }
}
