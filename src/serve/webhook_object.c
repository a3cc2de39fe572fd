/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schemas.h"
#include "serve/delete_options.h"
#include "serve/subresource.h"
#include "serve/webhooks.h"

#include <stdarg.h>

err_t review_internal_error(struct request *r, const char *format, ...)
{
    bytes text;
    va_list arguments;

    va_start(arguments, format);
    text = arena_vformat(r->arena, format, arguments);
    va_end(arguments);
    if (!text.p)
        return arena_error(r->arena, &r->error);
    r->details = (struct status_details){.present = true};
    (void)error_set(&r->error, ERR_INTERNAL, "Internal error occurred: %.*s", BYTES_FMT(text));
    error_cause(&r->error, "", BYTES_NONE, "%.*s", BYTES_FMT(text));
    return r->error.code = ERR_INTERNAL;
}

/* Parts of an object that are made by a create: of them alone a webhook hears. */
static bool is_posted(const struct request *r)
{
    return r->subresource == SUBRESOURCE_BINDING || r->subresource == SUBRESOURCE_EVICTION ||
           r->subresource == SUBRESOURCE_TOKEN;
}

enum webhook_operation review_operation(const struct request *r)
{
    if (r->creates || is_posted(r))
        return OPERATION_CREATE;
    return r->verb == VERB_DELETE || r->verb == VERB_DELETECOLLECTION ? OPERATION_DELETE : OPERATION_UPDATE;
}

err_t review_subject(struct request *r, const struct json **ret, const struct json **ret_old)
{
    struct json *scale, *old_scale;

    *ret_old = r->creates ? NULL : r->old;
    *ret = r->verb == VERB_DELETE ? NULL : r->object;
    if (is_posted(r)) {
        *ret = r->sent;
        *ret_old = NULL;
    } else if (r->subresource == SUBRESOURCE_SCALE) {
        TRY(subresource_scale(r, r->object, &scale));
        TRY(subresource_scale(r, r->old, &old_scale));
        *ret = scale;
        *ret_old = old_scale;
    }
    return ERR_OK;
}

/* ---- What is sent. */

static err_t set_revision(struct request *r, struct json *object, bytes revision)
{
    struct json *metadata = json_get(object, BYTES("metadata"));

    if (revision.n == 0 || !metadata)
        return ERR_OK;
    if (!json_set(metadata, BYTES("resourceVersion"), json_string(r->arena, revision)))
        return arena_error(r->arena, &r->error);
    object_arrange(subresource_shown_kind(r), object);
    return ERR_OK;
}

/* A copy as this webhook may see it. */
static err_t copy_for(
    struct request *r, const struct webhook *w, const struct json *object, bytes revision, struct json **ret)
{
    const struct kind *shown = subresource_shown_kind(r);

    *ret = NULL;
    if (!object)
        return ERR_OK;
    *ret = json_copy(r->arena, object);
    if (!*ret)
        return arena_error(r->arena, &r->error);
    if (shown->rules->hide && !w->reads_secrets)
        TRY(shown->rules->hide(r->arena, *ret, &r->error));
    return set_revision(r, *ret, revision);
}

/* Between two versions of one kind, in place. */
static err_t convert(struct request *r, const struct kind *from, const struct kind *to, struct json *object)
{
    if (from == to || !object)
        return ERR_OK;
    TRY(object_to_stored(r->arena, from, object, &r->error));
    return object_from_stored(r->arena, to, object, &r->error);
}

/* What kube-apiserver gives an object only after its mutating webhooks were asked. */
static void take_back(const struct request *r, const struct webhook *w, struct json *object)
{
    struct json *metadata = json_get(object, BYTES("metadata"));

    if (!r->creates || w->phase != WEBHOOK_MUTATING)
        return;
    json_remove(metadata, BYTES("uid"));
    json_remove(metadata, BYTES("creationTimestamp"));
    if (r->generated_name)
        json_remove(metadata, BYTES("name"));
}

err_t review_objects(
    struct request *r, const struct webhook *w, const struct kind *as, struct json **ret, struct json **ret_old)
{
    bool whole = subresource_shown_kind(r) == r->kind;
    const struct json *object, *old;
    bytes revision = BYTES_NONE;

    TRY(review_subject(r, &object, &old));
    if (old) {
        revision = arena_format(r->arena, "%llu", (unsigned long long)r->old_revision);
        if (!revision.p)
            return arena_error(r->arena, &r->error);
    }
    TRY(copy_for(r, w, object, object && whole ? r->sent_revision : BYTES_NONE, ret));
    TRY(copy_for(r, w, old, revision, ret_old));
    if (*ret)
        take_back(r, w, *ret);
    if (!whole)
        return ERR_OK;
    TRY(convert(r, r->kind, as, *ret));
    return convert(r, r->kind, as, *ret_old);
}

/* ---- Options. */

static void put_option(struct buffer *b, const char *name, bytes value)
{
    if (value.n == 0)
        return;
    buffer_format(b, ",\"%s\":", name);
    json_write_string(b, value);
}

static void put_delete_options(struct buffer *b, const struct request_options *o)
{
    if (o->has_grace_period)
        buffer_format(b, ",\"gracePeriodSeconds\":%lld", (long long)o->grace_period_seconds);
    if (o->precondition_uid.n > 0 || o->has_precondition_revision) {
        buffer_text(b, ",\"preconditions\":{");
        if (o->precondition_uid.n > 0) {
            buffer_text(b, "\"uid\":");
            json_write_string(b, o->precondition_uid);
        }
        if (o->has_precondition_revision) {
            buffer_text(b, o->precondition_uid.n > 0 ? ",\"resourceVersion\":" : "\"resourceVersion\":");
            json_write_string(b, o->precondition_revision);
        }
        buffer_byte(b, '}');
    }
    if (o->has_orphan_dependents)
        buffer_format(b, ",\"orphanDependents\":%s", o->orphan_dependents ? "true" : "false");
    put_option(b, "propagationPolicy", o->propagation_policy);
}

bytes review_options(struct request *r)
{
    static const bytes validations[] = {[FIELD_VALIDATION_IGNORE] = {(const uint8_t *)"Ignore", 6},
        [FIELD_VALIDATION_STRICT] = {(const uint8_t *)"Strict", 6}}; /* Warn is what nobody asks for */
    enum webhook_operation operation = review_operation(r);
    const struct request_options *o = &r->options;
    struct buffer b;

    buffer_init(&b, r->arena);
    buffer_format(&b, "{\"kind\":\"%sOptions\",\"apiVersion\":\"meta.k8s.io/v1\"",
        operation == OPERATION_CREATE   ? "Create"
        : operation == OPERATION_UPDATE ? "Update"
                                        : "Delete");
    if (operation == OPERATION_DELETE)
        put_delete_options(&b, o);
    if (o->dry_run)
        buffer_text(&b, ",\"dryRun\":[\"All\"]");
    if (operation != OPERATION_DELETE) {
        put_option(&b, "fieldManager", o->field_manager);
        if (o->field_validation < ARRAY_LEN(validations))
            put_option(&b, "fieldValidation", validations[o->field_validation]);
    }
    buffer_byte(&b, '}');
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

/* ---- What comes back. */

static err_t reveal(struct request *r, const struct webhook *w, struct json *object)
{
    struct json *hidden;
    bytes field;

    if (!r->kind->rules->reveal || w->reads_secrets)
        return ERR_OK;
    TRY(copy_for(r, w, r->object, BYTES_NONE, &hidden));
    TRY(r->kind->rules->reveal(r->arena, object, hidden, r->object, &field, &r->error));
    if (field.n == 0)
        return ERR_OK;
    r->details =
        (struct status_details){.name = r->name, .group = bytes_of(r->kind->group), .kind = bytes_of(r->kind->plural)};
    return error_set(&r->error, ERR_FORBIDDEN,
        "%s \"%.*s\" is forbidden: admission webhook \"%.*s\" attempted to modify %.*s, whose value it was not shown: "
        "a "
        "webhook reads and changes values of Secrets only if its configuration has the "
        "annotation " ANNOTATION_READS_SECRETS ": \"true\"",
        r->kind->plural, BYTES_FMT(r->name), BYTES_FMT(w->name), BYTES_FMT(field));
}

/* From the patched tree to an object of the request's kind. Sentences name fields, and quote no values. */
static err_t decode(struct request *r, const struct kind *as, const struct json *shown, const struct json *patch,
    struct json **ret, struct error *why)
{
    struct json *patched, *object;

    TRY(patch_json(r->arena, shown, patch, &patched, why));
    TRY(decode_patched(r->arena, as, patched, FIELD_VALIDATION_IGNORE, NULL, &object, why));
    *ret = json_copy(r->arena, object); /* it shares texts and parts with what was sent */
    return *ret ? ERR_OK : arena_error(r->arena, why);
}

/* What a changed Scale, Binding, TokenRequest or Eviction makes of the object, or of the delete: then there is none. */
static err_t take_part(struct request *r, struct json *part, struct json **ret)
{
    bytes revision = r->sent_revision;
    struct json *before = r->object;

    *ret = NULL;
    if (r->subresource != SUBRESOURCE_SCALE)
        r->sent = part;
    if (r->subresource == SUBRESOURCE_EVICTION) {
        const struct json *options = json_get(part, BYTES("deleteOptions"));
        return options ? delete_options_take(r, options) : ERR_OK;
    }
    TRY(subresource_take(r, part));
    *ret = r->object;
    r->object = before;
    r->sent_revision = revision;
    return ERR_OK;
}

static err_t cannot_apply(struct request *r, const struct webhook *w, bytes why)
{
    return review_internal_error(
        r, "the patch of admission webhook \"%.*s\" cannot be applied: %.*s", BYTES_FMT(w->name), BYTES_FMT(why));
}

err_t review_apply(struct request *r, const struct webhook *w, const struct kind *as, struct json *shown,
    const struct json *patch, bool *ret_changed)
{
    bool whole = subresource_shown_kind(r) == r->kind;
    const struct json *before = r->object;
    struct json *object;
    struct error why;
    err_t code;

    if (!shown)
        return review_internal_error(r,
            "admission webhook \"%.*s\" attempted to modify the object, which is not supported for this operation",
            BYTES_FMT(w->name));
    error_init(&why, r->arena);
    code = decode(r, whole ? as : subresource_shown_kind(r), shown, patch, &object, &why);
    if (code == ERR_NO_MEMORY || code == ERR_TOO_MANY_REQUESTS)
        return error_set(&r->error, code, "%.*s", BYTES_FMT(why.message));
    if (code != ERR_OK)
        return cannot_apply(r, w, why.message);
    if (whole) {
        TRY(convert(r, as, r->kind, object));
        TRY(reveal(r, w, object));
    } else {
        TRY(take_part(r, object, &object));
    }
    code = object ? settle_again(r, object) : ERR_OK;
    if (code == ERR_BAD_REQUEST) /* another name, or namespace */
        return cannot_apply(r, w, r->error.message);
    TRY(code);
    *ret_changed = object && !json_equal(before, r->object);
    return ERR_OK;
}
