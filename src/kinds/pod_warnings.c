/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted in a pod's spec, but hardly meant. */
#include "kinds/pod.h"

struct warner {
    struct arena *arena;
    struct warnings *warnings;
};

static void say(struct warner *w, const struct field *field, const char *format, ...) PRINTF_LIKE(3, 4);
static void say(struct warner *w, const struct field *field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bytes sentence = arena_vformat(w->arena, format, args);
    va_end(args);
    bytes path = field_path(field), text = arena_join(w->arena, path, BYTES(": "), sentence, ARENA_END);
    if (path.p && sentence.p && text.p && w->warnings->count < CAUSES_MOST)
        warning_add(w->arena, w->warnings, text);
}

/* Members of an object that say something when they are there. */
struct remark {
    const char *member, *shown, *sentence;
};

static const struct remark old_labels[] = {
    {"beta.kubernetes.io/arch", NULL, "deprecated since v1.14; use \"kubernetes.io/arch\" instead"},
    {"beta.kubernetes.io/os", NULL, "deprecated since v1.14; use \"kubernetes.io/os\" instead"},
    {"failure-domain.beta.kubernetes.io/region", NULL,
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"},
    {"failure-domain.beta.kubernetes.io/zone", NULL,
        "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"},
    {"beta.kubernetes.io/instance-type", NULL,
        "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"},
};

static const struct remark old_volumes[] = {
    {"photonPersistentDisk", NULL, "deprecated in v1.11, non-functional in v1.16+"},
    {"gitRepo", NULL, "deprecated in v1.11, and disabled by default in v1.33+"},
    {"scaleIO", NULL, "deprecated in v1.16, non-functional in v1.22+"},
    {"flocker", NULL, "deprecated in v1.22, non-functional in v1.25+"},
    {"storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"},
    {"quobyte", NULL, "deprecated in v1.22, non-functional in v1.25+"},
    {"glusterfs", NULL, "deprecated in v1.25, non-functional in v1.26+"},
    {"cephfs", NULL, "deprecated in v1.28, non-functional in v1.31+"},
    {"rbd", NULL, "deprecated in v1.28, non-functional in v1.31+"},
};

static void warn_of_volumes(struct warner *w, const struct field *volumes)
{
    FIELD_EACH(volume, volumes)
    for (size_t i = 0; i < ARRAY_LEN(old_volumes); i++) {
        const struct json *source = json_get(volume.value, bytes_of(old_volumes[i].member));
        const char *shown = old_volumes[i].shown ? old_volumes[i].shown : old_volumes[i].member;
        if (source)
            say(w, FIELD_WITH(&volume, shown, source), "%s", old_volumes[i].sentence);
    }
}

static void warn_of_bytes(struct warner *w, const struct field *list)
{
    static const char *const names[] = {"memory", "ephemeral-storage"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct json *value = json_get(list->value, bytes_of(names[i]));
        struct quantity quantity;
        if (value && quantity_parse(value->text, &quantity) && quantity.nano % 1000000000 != 0)
            say(w, FIELD_KEY(list, bytes_of(names[i]), value),
                "fractional byte value \"%.*s\" is invalid, must be an integer", BYTES_FMT(value->text));
    }
}

/* A variable again, that does not build on the one before. */
static void warn_of_hidden(struct warner *w, const struct field *variables)
{
    struct name_table seen = {.arena = w->arena};
    FIELD_EACH(variable, variables)
    {
        bytes name = field_text(FIELD(&variable, "name")), value = field_text(FIELD(&variable, "value"));
        if (name_table_add(&seen, name, NULL) || w->arena->failed != ERR_OK)
            continue;
        bytes reference = arena_join(w->arena, BYTES("$("), name, BYTES(")"), ARENA_END);
        bool builds = reference.p && value.n > reference.n && memmem(value.p, value.n, reference.p, reference.n);
        if (FIELD(&variable, "valueFrom")->value || !builds)
            say(w, &variable, "hides previous definition of \"%.*s\", which may be dropped when using apply",
                BYTES_FMT(name));
    }
}

static void warn_of_containers(struct warner *w, const struct field *spec)
{
    static const char *const lists[] = {"initContainers", "containers"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct field *containers = FIELD(spec, lists[i]);
        FIELD_EACH(container, containers)
        {
            const struct field *resources = FIELD(&container, "resources");
            warn_of_bytes(w, FIELD(resources, "limits"));
            warn_of_bytes(w, FIELD(resources, "requests"));
            warn_of_hidden(w, FIELD(&container, "env"));
        }
    }
}

static void warn_of_repeats(struct warner *w, const struct field *spec)
{
    const struct field *aliases = FIELD(spec, "hostAliases"), *secrets = FIELD(spec, "imagePullSecrets");
    struct name_table addresses = {.arena = w->arena}, names = {.arena = w->arena};
    FIELD_EACH(alias, aliases)
    {
        const struct field *ip = FIELD(&alias, "ip");
        if (!name_table_add(&addresses, field_text(ip), NULL))
            say(w, ip, "duplicate ip \"%.*s\"", BYTES_FMT(field_text(ip)));
    }
    FIELD_EACH(secret, secrets)
    {
        const struct field *name = FIELD(&secret, "name");
        if (!field_text(name).n)
            say(w, name, "invalid empty name \"\"");
        else if (!name_table_add(&names, field_text(name), NULL))
            say(w, name, "duplicate name \"%.*s\"", BYTES_FMT(field_text(name)));
    }
}

/* owner: what has the spec, at the path of its template. */
void pod_spec_warn(struct arena *arena, const struct json *owner, const char *path, struct warnings *warnings)
{
    struct error nowhere;
    error_init(&nowhere, arena);
    struct check check = {arena, &nowhere};
    struct warner w = {arena, warnings};
    struct field root = field_root(&check, path, owner);
    const struct field *spec = FIELD(&root, "spec"), *labels = FIELD(spec, "nodeSelector");
    const struct field *constraints = FIELD(spec, "topologySpreadConstraints");
    for (size_t i = 0; i < ARRAY_LEN(old_labels); i++) {
        const struct json *label = json_get(labels->value, bytes_of(old_labels[i].member));
        if (label)
            say(&w, FIELD_KEY(labels, label->key, label), "%s", old_labels[i].sentence);
    }
    FIELD_EACH(constraint, constraints)
    if (!FIELD(&constraint, "labelSelector")->value)
        say(&w, FIELD(&constraint, "labelSelector"), "a null labelSelector results in matching no pod");
    warn_of_volumes(&w, FIELD(spec, "volumes"));
    warn_of_repeats(&w, spec);
    warn_of_bytes(&w, FIELD(spec, "overhead"));
    warn_of_containers(&w, spec);
    if (field_integer(FIELD(spec, "terminationGracePeriodSeconds"), 0) < 0)
        say(&w, FIELD(spec, "terminationGracePeriodSeconds"),
            "must be >= 0; negative values are invalid and will be treated as 1");
}
