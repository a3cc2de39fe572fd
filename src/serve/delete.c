/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes: DeleteOptions from a body, preconditions, finalizers. What has finalizers is marked and stays; what has none
 * goes. */
#include "base/clock.h"
#include "kinds/kinds.h"
#include "serve/steps.h"
#include "text/protobuf.h"
#include "text/utf8.h"
#include "text/yaml.h"

#define FOREGROUND BYTES("foregroundDeletion")
#define ORPHAN     BYTES("orphan")

/* ---- DeleteOptions. Clients send it without kind and apiVersion. */

static err_t wrong_type(struct request *r, const struct json *value, const char *field, const char *type)
{
    static const char *const names[] = {[JSON_NULL] = "null",
        [JSON_FALSE] = "bool",
        [JSON_TRUE] = "bool",
        [JSON_NUMBER] = "number",
        [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object"};

    return error_set(&r->error, ERR_BAD_REQUEST,
        "json: cannot unmarshal %s into Go struct field DeleteOptions.%s of type %s", names[value->type], field, type);
}

static err_t take_dry_run(struct request *r, bytes value)
{
    bytes quoted = utf8_quote(r->arena, value);

    r->options.dry_run = true;
    if (!bytes_equal(value, BYTES("All"))) {
        r->options.dry_run_unsupported = true;
        r->options.dry_run_values = quoted;
    }
    return quoted.p ? ERR_OK : arena_error(r->arena, &r->error);
}

static err_t take_text(struct request *r, const struct json *value, const char *field, bytes *ret)
{
    if (value->type != JSON_STRING)
        return wrong_type(r, value, field, "string");
    *ret = value->text;
    return ERR_OK;
}

static err_t read_preconditions(struct request *r, const struct json *value)
{
    const struct json *uid = json_get(value, BYTES("uid")), *revision = json_get(value, BYTES("resourceVersion"));
    struct request_options *o = &r->options;

    if (value->type != JSON_OBJECT)
        return wrong_type(r, value, "preconditions", "v1.Preconditions");
    if (uid && uid->type != JSON_NULL)
        TRY(take_text(r, uid, "preconditions.uid", &o->precondition_uid));
    if (revision && revision->type != JSON_NULL) {
        o->has_precondition_revision = true;
        TRY(take_text(r, revision, "preconditions.resourceVersion", &o->precondition_revision));
    }
    return ERR_OK;
}

static err_t read_policy(struct request *r, const struct json *value)
{
    return take_text(r, value, "propagationPolicy", &r->options.propagation_policy);
}

static err_t read_orphan(struct request *r, const struct json *value)
{
    if (value->type != JSON_TRUE && value->type != JSON_FALSE)
        return wrong_type(r, value, "orphanDependents", "bool");
    r->options.has_orphan_dependents = true;
    r->options.orphan_dependents = value->type == JSON_TRUE;
    return ERR_OK;
}

static err_t read_grace(struct request *r, const struct json *value)
{
    r->options.has_grace_period = true;
    return json_to_int64(value, &r->options.grace_period_seconds) ? ERR_OK
                                                                  : wrong_type(r, value, "gracePeriodSeconds", "int64");
}

static err_t read_dry_run(struct request *r, const struct json *value)
{
    if (value->type != JSON_ARRAY)
        return wrong_type(r, value, "dryRun", "[]string");
    for (const struct json *item = value->first; item; item = item->next) {
        bytes text;
        TRY(take_text(r, item, "dryRun", &text));
        TRY(take_dry_run(r, text));
    }
    return ERR_OK;
}

static err_t check_kind(struct request *r, bytes kind, bytes version)
{
    if (kind.n == 0 || bytes_equal(kind, BYTES("DeleteOptions")))
        return ERR_OK;
    return error_set(&r->error, ERR_BAD_REQUEST,
        "no kind \"%.*s\" is registered for version \"%.*s\" in scheme \"pkg/runtime/scheme.go:110\"", BYTES_FMT(kind),
        BYTES_FMT(version));
}

static err_t read_tree(struct request *r, const struct json *tree)
{
    static const struct {
        const char *name;
        err_t (*read)(struct request *, const struct json *);
    } fields[] = {{"dryRun", read_dry_run}, {"gracePeriodSeconds", read_grace}, {"orphanDependents", read_orphan},
        {"preconditions", read_preconditions}, {"propagationPolicy", read_policy}};

    if (tree->type != JSON_OBJECT)
        return error_set(&r->error, ERR_BAD_REQUEST, "the body of a delete must be a DeleteOptions object");
    TRY(check_kind(r, json_text(tree, BYTES("kind")), json_text(tree, BYTES("apiVersion"))));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct json *value = json_get(tree, bytes_of(fields[i].name));
        if (value && value->type != JSON_NULL)
            TRY(fields[i].read(r, value));
    }
    return ERR_OK;
}

/* The one content field of a message by number; empty when absent. False when malformed. */
static bool content_of(bytes message, uint32_t number, bytes *ret)
{
    struct cursor c = cursor_of(message);
    struct protobuf_field field;
    int more;

    *ret = BYTES_NONE;
    while ((more = protobuf_next(&c, &field)) > 0)
        if (field.number == number && field.wire == PROTOBUF_BYTES)
            *ret = field.content;
    return more == 0;
}

/* Field numbers of k8s.io/apimachinery/pkg/apis/meta/v1 DeleteOptions. */
static err_t read_message(struct request *r, bytes message, bool *ret_well)
{
    struct request_options *o = &r->options;
    struct cursor c = cursor_of(message);
    struct protobuf_field field;
    int more;

    while ((more = protobuf_next(&c, &field)) > 0) {
        if (field.number == 1 && field.wire == PROTOBUF_VARINT) {
            o->has_grace_period = true;
            o->grace_period_seconds = (int64_t)field.value;
        } else if (field.number == 2 && field.wire == PROTOBUF_BYTES) {
            if (!content_of(field.content, 1, &o->precondition_uid) ||
                !content_of(field.content, 2, &o->precondition_revision))
                break;
            o->has_precondition_revision = o->precondition_revision.n > 0;
        } else if (field.number == 3 && field.wire == PROTOBUF_VARINT) {
            o->has_orphan_dependents = true;
            o->orphan_dependents = field.value != 0;
        } else if (field.number == 4 && field.wire == PROTOBUF_BYTES) {
            o->propagation_policy = field.content;
        } else if (field.number == 5 && field.wire == PROTOBUF_BYTES) {
            TRY(take_dry_run(r, field.content));
        }
    }
    *ret_well = more == 0;
    return ERR_OK;
}

static err_t read_protobuf(struct request *r, bytes body)
{
    static const uint8_t magic[4] = {'k', '8', 's', 0};
    bytes type, raw, kind, version;
    bool well = false;

    if (bytes_start(body, (bytes){magic, sizeof magic})) {
        body = bytes_skip(body, sizeof magic);
        if (content_of(body, 1, &type) && content_of(type, 1, &version) && content_of(type, 2, &kind) &&
            content_of(body, 2, &raw)) {
            TRY(check_kind(r, kind, version));
            TRY(read_message(r, raw, &well));
        }
    }
    return well ? ERR_OK : error_set(&r->error, ERR_BAD_REQUEST, "the body is no DeleteOptions in protobuf");
}

static err_t read_body(struct request *r, enum body_format format, bytes body)
{
    struct json_options options = {.max_depth = 64, .keep_duplicates = true};
    struct json *tree;
    err_t code;

    if (format == BODY_PROTOBUF)
        return read_protobuf(r, body);
    if (format == BODY_YAML)
        TRY(yaml_parse(r->arena, body, 0, &tree, &r->error));
    else if ((code = json_parse(r->arena, body, &options, &tree, NULL, &r->error)) != ERR_OK)
        return code != ERR_BAD_REQUEST ? code
                                       : error_set(&r->error, code, "couldn't get version/kind; json parse error: %.*s",
                                             BYTES_FMT(r->error.message));
    return tree->type == JSON_NULL ? ERR_OK : read_tree(r, tree);
}

err_t delete_decode(struct request *r)
{
    enum body_format format;

    if (r->exchange->body.n > 0) {
        TRY(body_format_of(http_header(r->exchange, BYTES("content-type")), &format, &r->error));
        TRY(read_body(r, format, r->exchange->body));
    }
    return options_check_delete(r);
}

/* ---- What becomes of the object. */

/* This conflict names the Kind where others name the resource. */
static err_t precondition_failed(
    struct request *r, const char *what, bytes wanted, bytes found, const char *consequence)
{
    r->details.name = r->name;
    r->details.kind = bytes_of(r->kind->kind);
    r->details.group = bytes_of(r->kind->group);
    return error_set(&r->error, ERR_CONFLICT,
        "Operation cannot be fulfilled on %s \"%.*s\": the %s in the precondition (%.*s) does not match the %s in "
        "record "
        "(%.*s). The object might have been %s",
        r->kind->kind, BYTES_FMT(r->name), what, BYTES_FMT(wanted), what, BYTES_FMT(found), consequence);
}

static err_t check_preconditions(struct request *r)
{
    const struct request_options *o = &r->options;
    bytes uid = json_text(json_get(r->old, BYTES("metadata")), BYTES("uid"));
    bytes revision = arena_format(r->arena, "%llu", (unsigned long long)r->old_revision);

    if (o->precondition_uid.n > 0 && !r->old)
        return status_conflict(&r->error, &r->details, r->kind, r->name,
            "it cannot be read, so its uid cannot be compared with the one in the precondition; delete it without "
            "that");
    if (o->precondition_uid.n > 0 && !bytes_equal(o->precondition_uid, uid))
        return precondition_failed(r, "UID", o->precondition_uid, uid, "deleted and then recreated");
    if (o->has_precondition_revision && !bytes_equal(o->precondition_revision, revision))
        return precondition_failed(r, "ResourceVersion", o->precondition_revision, revision, "modified");
    return ERR_OK;
}

static err_t check_protected(struct request *r)
{
    static const char *const names[] = {"default", "kube-system", "kube-public", "kube-node-lease"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal(r->name, bytes_of(names[i]))) {
            r->details.name = r->name;
            r->details.kind = bytes_of(r->kind->plural);
            return error_set(&r->error, ERR_FORBIDDEN, "%s \"%s\" is forbidden: this namespace may not be deleted",
                r->kind->plural, names[i]);
        }
    return ERR_OK;
}

/* The finalizers that the policy leaves. *ret_changed: they are others than before. NULL when the arena is full. */
static struct json *finalizers_after(struct request *r, const struct json *before, bool *ret_changed)
{
    const struct request_options *o = &r->options;
    bool foreground = bytes_equal(o->propagation_policy, BYTES("Foreground"));
    bool orphan = bytes_equal(o->propagation_policy, BYTES("Orphan")) || o->orphan_dependents;
    bool decided = o->propagation_policy.n > 0 || o->has_orphan_dependents;
    struct json *after = json_new(r->arena, JSON_ARRAY);

    *ret_changed = false;
    for (const struct json *f = before ? before->first : NULL; f && after; f = f->next) {
        bool ours = bytes_equal(f->text, FOREGROUND) || bytes_equal(f->text, ORPHAN);
        bool wanted = bytes_equal(f->text, FOREGROUND) ? foreground : orphan;
        if (!ours || !decided || wanted) {
            if (!json_append(after, json_string(r->arena, f->text)))
                return NULL;
            foreground = foreground && !bytes_equal(f->text, FOREGROUND);
            orphan = orphan && !bytes_equal(f->text, ORPHAN);
        } else {
            *ret_changed = true;
        }
    }
    if (after && (foreground || orphan)) {
        *ret_changed = true;
        if (!json_append(after, json_string(r->arena, foreground ? FOREGROUND : ORPHAN)))
            return NULL;
    }
    return after;
}

/* The object as it shows that it is being deleted. */
static err_t mark(struct request *r, struct json *finalizers)
{
    char now[CLOCK_RFC3339_SIZE];
    struct json *object = json_copy(r->arena, r->old), *metadata = json_get(object, BYTES("metadata"));
    bool marked = json_text(metadata, BYTES("deletionTimestamp")).n > 0, fine = metadata && finalizers;
    struct warnings warnings = {0};

    clock_format(clock_wall_seconds(), now);
    if (fine && !marked)
        fine =
            json_set(metadata, BYTES("deletionTimestamp"), json_string(r->arena, arena_copy(r->arena, bytes_of(now))));
    if (fine && !marked && r->kind != &namespace_kind)
        fine = json_set(metadata, BYTES("deletionGracePeriodSeconds"), json_integer(r->arena, 0));
    if (fine && r->kind == &namespace_kind) {
        struct json *status = json_get(object, BYTES("status"));
        if (!status)
            status = json_set(object, BYTES("status"), json_new(r->arena, JSON_OBJECT));
        fine = json_set(status, BYTES("phase"), json_string(r->arena, BYTES("Terminating")));
    }
    fine = fine && json_set(metadata, BYTES("finalizers"), finalizers);
    if (!fine)
        return arena_error(r->arena, &r->error);
    /* Back into canonical order. */
    return decode_tree(r->arena, r->kind->schema, object, FIELD_VALIDATION_IGNORE, &warnings, &r->object, &r->error);
}

err_t delete_prepare(struct request *r)
{
    const struct json *metadata = json_get(r->old, BYTES("metadata"));
    struct json *finalizers;
    bool changed;

    if (r->kind == &namespace_kind)
        TRY(check_protected(r));
    TRY(check_preconditions(r));
    finalizers = finalizers_after(r, json_get(metadata, BYTES("finalizers")), &changed);
    if (!finalizers)
        return arena_error(r->arena, &r->error);
    r->removes = !r->old || finalizers->count == 0;
    if (!r->old || (r->removes && !r->kind->delete_returns_object))
        return ERR_OK;
    return mark(r, finalizers);
}
