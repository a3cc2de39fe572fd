/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/subresource.h"

#include "api/json_path.h"
#include "api/schemas.h"
#include "base/clock.h"
#include "kinds/kinds.h"
#include "kinds/pod.h"
#include "serve/delete_options.h"
#include "serve/token_request.h"

static const struct kind scale_kind = {.group = "autoscaling",
    .version = "v1",
    .kind = "Scale",
    .plural = "scales",
    .namespaced = true,
    .schema = &schema_scale,
    .rules = &no_rules};
static const struct kind binding_kind = {.group = "",
    .version = "v1",
    .kind = "Binding",
    .plural = "bindings",
    .namespaced = true,
    .schema = &schema_binding,
    .rules = &no_rules};
static const struct kind eviction_kind = {.group = "policy",
    .version = "v1",
    .kind = "Eviction",
    .plural = "evictions",
    .namespaced = true,
    .schema = &schema_eviction,
    .rules = &no_rules};

const struct kind *subresource_shown_kind(const struct request *r)
{
    switch (r->subresource) {
    case SUBRESOURCE_SCALE:
        return &scale_kind;
    case SUBRESOURCE_BINDING:
        return &binding_kind;
    case SUBRESOURCE_EVICTION:
        return &eviction_kind;
    case SUBRESOURCE_TOKEN:
        return &token_request_kind;
    default:
        return r->kind;
    }
}

struct field_manager subresource_manager(const struct request *r)
{
    bytes name = r->options.field_manager;

    if (name.n == 0) {
        name = http_header(r->exchange, BYTES("user-agent"));
        name.n = bytes_find(name, '/');
    }
    if (name.n > FIELD_MANAGER_MOST)
        name.n = FIELD_MANAGER_MOST;
    return (struct field_manager){
        name.n > 0 ? name : BYTES("unknown"), bytes_of(subresource_name(r->subresource)), clock_wall_seconds()};
}

/* ---- Status and the like: which part of the object the request is about. */

static err_t carry_member(struct request *r, struct json *to, bytes name)
{
    const struct json *old = json_get(r->old, name);

    json_remove(to, name);
    if (old && !json_set(to, name, json_copy(r->arena, old)))
        return arena_error(r->arena, &r->error);
    return ERR_OK;
}

/* Everything but status, and of a built-in kind but metadata, is old's. */
static err_t carry_all_but_status(struct request *r)
{
    struct json *status = json_get(r->object, BYTES("status")), *metadata = json_get(r->object, BYTES("metadata"));
    struct json *object = json_copy(r->arena, r->old);

    if (!object)
        return arena_error(r->arena, &r->error);
    if (r->kind->custom) {
        struct json *managed = json_get(metadata, BYTES("managedFields"));
        metadata = json_get(object, BYTES("metadata"));
        json_remove(metadata, BYTES("managedFields"));
        if (managed && !json_set(metadata, BYTES("managedFields"), json_copy(r->arena, managed)))
            return arena_error(r->arena, &r->error);
    } else if (!json_set(object, BYTES("metadata"), json_copy(r->arena, metadata))) {
        return arena_error(r->arena, &r->error);
    }
    json_remove(object, BYTES("status"));
    if (status && !json_set(object, BYTES("status"), json_copy(r->arena, status)))
        return arena_error(r->arena, &r->error);
    r->object = object;
    object_arrange(r->kind, object);
    return ERR_OK;
}

err_t subresource_carry(struct request *r)
{
    switch (r->subresource) {
    case SUBRESOURCE_STATUS:
    case SUBRESOURCE_APPROVAL:
        return carry_all_but_status(r);
    case SUBRESOURCE_SCALE:
    case SUBRESOURCE_BINDING:
    case SUBRESOURCE_TOKEN:
        return ERR_OK; /* made from old */
    default:
        if (!kind_has_status(r->kind))
            return ERR_OK;
        TRY(carry_member(r, r->object, BYTES("status")));
        object_arrange(r->kind, r->object);
        return ERR_OK;
    }
}

err_t subresource_drop_status(struct request *r)
{
    const struct schema_property *status = schema_property(r->kind->schema, BYTES("status"));
    const struct json nothing = {.type = JSON_OBJECT};
    struct json *zero;

    if (!kind_has_status(r->kind) || r->kind->keeps_status)
        return ERR_OK;
    if (!status || status->presence != PRESENCE_ALWAYS) {
        json_remove(r->object, BYTES("status"));
        return ERR_OK;
    }
    TRY(decode_tree(r->arena, status->schema, &nothing, FIELD_VALIDATION_IGNORE, NULL, &zero, &r->error));
    if (!json_set(r->object, BYTES("status"), zero))
        return arena_error(r->arena, &r->error);
    object_arrange(r->kind, r->object);
    return ERR_OK;
}

/* ---- Scale. */

static const struct json *find_one(struct request *r, const char *path, const struct json *object)
{
    const struct json_path *parsed;
    const struct json *found;

    if (!path || json_path_parse(r->arena, bytes_of(path), true, &parsed, NULL) != ERR_OK)
        return NULL;
    return json_path_find(parsed, object, &found, 1) > 0 ? found : NULL;
}

static bool set_integer(struct request *r, struct json *to, bytes name, const struct json *from)
{
    int64_t number = 0;

    if (from && !json_to_int64(from, &number))
        number = 0;
    return json_set(to, name, json_integer(r->arena, number)) != NULL;
}

/* The selector as text: custom resources keep it so, built-in kinds as a LabelSelector. */
static err_t selector_text(struct request *r, const struct json *selector, bytes *ret)
{
    struct buffer text;

    *ret = BYTES_NONE;
    if (selector && selector->type == JSON_STRING)
        *ret = selector->text;
    if (!selector || selector->type != JSON_OBJECT)
        return ERR_OK;
    buffer_init(&text, r->arena);
    label_selector_write(&text, selector);
    *ret = buffer_bytes(&text);
    return text.failed ? arena_error(r->arena, &r->error) : ERR_OK;
}

static bool copy_metadata(struct request *r, const struct json *from, struct json *scale)
{
    static const char *const names[] = {"name", "namespace", "uid", "creationTimestamp"};
    struct json *metadata = json_set(scale, BYTES("metadata"), json_new(r->arena, JSON_OBJECT));

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct json *value = json_at(from, BYTES("metadata"), bytes_of(names[i]), BYTES_NONE);
        if (value && !json_set(metadata, bytes_of(names[i]), json_copy(r->arena, value)))
            return false;
    }
    return metadata != NULL;
}

err_t subresource_scale(struct request *r, const struct json *object, struct json **ret)
{
    const struct kind_scale *paths = r->kind->scale;
    struct json *scale = json_new(r->arena, JSON_OBJECT), *spec, *status;
    const struct json *replicas = find_one(r, paths->spec_replicas, object);
    int64_t wanted = 0;
    bytes selector;

    TRY(selector_text(r, find_one(r, paths->label_selector, object), &selector));
    if (!scale || !json_set(scale, BYTES("kind"), json_string(r->arena, BYTES("Scale"))) ||
        !json_set(scale, BYTES("apiVersion"), json_string(r->arena, BYTES("autoscaling/v1"))) ||
        !copy_metadata(r, object, scale))
        return arena_error(r->arena, &r->error);
    spec = json_set(scale, BYTES("spec"), json_new(r->arena, JSON_OBJECT));
    status = json_set(scale, BYTES("status"), json_new(r->arena, JSON_OBJECT));
    if (replicas && json_to_int64(replicas, &wanted) && wanted != 0 &&
        !set_integer(r, spec, BYTES("replicas"), replicas))
        return arena_error(r->arena, &r->error);
    if (!spec || !set_integer(r, status, BYTES("replicas"), find_one(r, paths->status_replicas, object)) ||
        (selector.n > 0 && !json_set(status, BYTES("selector"), json_string(r->arena, selector))))
        return arena_error(r->arena, &r->error);
    *ret = scale;
    return ERR_OK;
}

/* A uid of what was sent is a precondition; of a Binding its resourceVersion too. */
static err_t check_expected(struct request *r, const struct json *sent)
{
    const struct json *metadata = json_get(sent, BYTES("metadata")), *old = json_get(r->old, BYTES("metadata"));
    bytes revision = arena_format(r->arena, "%llu", (unsigned long long)r->old_revision);
    err_t code;

    if (!revision.p)
        return arena_error(r->arena, &r->error);
    code = object_fit_precondition(r->arena, r->kind, r->namespace, r->name, "UID", json_text(metadata, BYTES("uid")),
        json_text(old, BYTES("uid")), &r->error);
    if (code == ERR_OK && r->subresource == SUBRESOURCE_BINDING)
        code = object_fit_precondition(r->arena, r->kind, r->namespace, r->name, "ResourceVersion",
            json_text(metadata, BYTES("resourceVersion")), revision, &r->error);
    if (code == ERR_CONFLICT)
        r->details = (struct status_details){
            .name = r->name, .group = bytes_of(r->kind->group), .kind = bytes_of(r->kind->plural)};
    return code;
}

/* The object with the replicas of a Scale that was sent. */
static err_t take_scale(struct request *r, struct json *scale)
{
    const struct json *replicas = json_at(scale, BYTES("spec"), BYTES("replicas"), BYTES_NONE);
    const struct json_path *path;
    int64_t wanted = 0;

    if (replicas && (!json_to_int64(replicas, &wanted) || wanted < 0)) {
        error_cause(&r->error, "FieldValueInvalid", BYTES("spec.replicas"),
            "Invalid value: %lld: must be greater than or equal to 0", (long long)wanted);
        r->details = (struct status_details){.name = r->name, .group = BYTES("autoscaling"), .kind = BYTES("Scale")};
        bytes message = arena_format(r->arena,
            "Scale.autoscaling \"%.*s\" is invalid: spec.replicas: Invalid value: %lld: must be greater than or equal "
            "to 0",
            BYTES_FMT(r->name), (long long)wanted);
        if (!message.p)
            return arena_error(r->arena, &r->error);
        r->error.message = message;
        return r->error.code = ERR_INVALID;
    }
    TRY(check_expected(r, scale));
    TRY(json_path_parse(r->arena, bytes_of(r->kind->scale->spec_replicas), true, &path, &r->error));
    r->sent_revision = json_text(json_get(scale, BYTES("metadata")), BYTES("resourceVersion"));
    r->object = json_copy(r->arena, r->old);
    if (!r->object || !json_path_set(r->arena, path, r->object, json_integer(r->arena, wanted)))
        return arena_error(r->arena, &r->error);
    object_arrange(r->kind, r->object);
    return ERR_OK;
}

/* ---- What the steps ask. */

err_t subresource_seen(struct request *r, struct json **ret)
{
    if (r->subresource == SUBRESOURCE_SCALE)
        return subresource_scale(r, r->old, ret);
    *ret = r->old;
    return ERR_OK;
}

err_t subresource_take(struct request *r, struct json *sent)
{
    switch (r->subresource) {
    case SUBRESOURCE_SCALE:
        return take_scale(r, sent);
    case SUBRESOURCE_BINDING:
        TRY(check_expected(r, sent));
        r->object = json_copy(r->arena, r->old);
        if (!r->object)
            return arena_error(r->arena, &r->error);
        return pod_bind(r->arena, r->kind, r->name, r->object, sent, clock_wall_seconds(), &r->error);
    case SUBRESOURCE_TOKEN:
        return token_request_take(r, sent);
    default:
        return ERR_OK;
    }
}

err_t subresource_applied(struct request *r, const struct json *decoded, struct json **ret)
{
    const struct json *replicas = json_at(decoded, BYTES("spec"), BYTES("replicas"), BYTES_NONE);
    struct json *object = json_new(r->arena, JSON_OBJECT), *metadata;
    bytes version = kind_api_version(r->arena, r->kind);
    const struct json_path *path;

    *ret = r->patch;
    if (r->subresource != SUBRESOURCE_SCALE)
        return ERR_OK;
    TRY(json_path_parse(r->arena, bytes_of(r->kind->scale->spec_replicas), true, &path, &r->error));
    if (!version.p || !json_add(object, BYTES("apiVersion"), json_string(r->arena, version)) ||
        !json_add(object, BYTES("kind"), json_string(r->arena, bytes_of(r->kind->kind))))
        return arena_error(r->arena, &r->error);
    metadata = json_add(object, BYTES("metadata"), json_new(r->arena, JSON_OBJECT));
    if (!json_add(metadata, BYTES("name"), json_string(r->arena, r->name)) ||
        (replicas && !json_path_set(r->arena, path, object, json_copy(r->arena, replicas))))
        return arena_error(r->arena, &r->error);
    *ret = object;
    return ERR_OK;
}

err_t subresource_decode(struct request *r, enum body_format format)
{
    const struct kind *kind = subresource_shown_kind(r);
    struct json *sent, *options;

    TRY(decode_object(
        r->arena, kind, format, r->exchange->body, r->options.field_validation, &r->warnings, &sent, &r->error));
    r->sent = sent; /* the object that it is about is not loaded yet */
    if (r->subresource == SUBRESOURCE_EVICTION) {
        options = json_get(sent, BYTES("deleteOptions"));
        return options ? delete_options_take(r, options) : ERR_OK;
    }
    return ERR_OK;
}

err_t subresource_show(struct request *r, bytes text, bytes *ret)
{
    struct json *object, *scale;

    *ret = text;
    if (r->subresource != SUBRESOURCE_SCALE)
        return ERR_OK;
    TRY(record_parse(r->arena, r->kind, text, &object, &r->error));
    TRY(subresource_scale(r, object, &scale));
    *ret = object_store_text(r->arena, &scale_kind, scale);
    return ret->p ? ERR_OK : arena_error(r->arena, &r->error);
}
