/* SPDX-License-Identifier: Apache-2.0 */
/* PATCH: the stored object with its resourceVersion, patched, then decoded like a body. The errors name what is wrong,
 * never the object: it may be a Secret. */
#include "serve/pod_writer.h"
#include "serve/subresource.h"

static err_t check_options(struct request *r)
{
    if (r->patch_type != PATCH_APPLY && r->options.has_force)
        return options_invalid(
            r, "FieldValueForbidden", "force", "Forbidden: may not be specified for non-apply patch");
    if (r->patch_type == PATCH_APPLY && r->options.field_manager.n == 0)
        return options_invalid(r, "FieldValueRequired", "fieldManager", "Required value: is required for apply patch");
    return options_check_write(r);
}

err_t patch_decode(struct request *r)
{
    TRY(patch_type_of(http_header(r->exchange, BYTES("content-type")), r->kind->custom, &r->patch_type, &r->error));
    TRY(check_options(r));
    r->flaws = (struct warnings){0};
    return patch_parse_strict(r->arena, r->patch_type, r->exchange->body,
        r->options.field_validation == FIELD_VALIDATION_IGNORE ? NULL : &r->flaws, &r->patch, &r->error);
}

/* What is patched: the stored object as clients see it. The tree shares all but metadata with old. */
static err_t seen_object(struct request *r, const struct json *object, struct json **ret)
{
    bytes revision = arena_format(r->arena, "%llu", (unsigned long long)r->old_revision);
    struct json *seen = json_copy(r->arena, object), *metadata = json_get(seen, BYTES("metadata"));

    if (!revision.p || !seen || !json_set(metadata, BYTES("resourceVersion"), json_string(r->arena, revision)))
        return arena_error(r->arena, &r->error);
    object_arrange(subresource_shown_kind(r), seen);
    *ret = seen;
    return ERR_OK;
}

/* `"" is invalid: patch: Invalid value: ...`, as kube-apiserver has it, without the object that it would quote there.
 */
static err_t refuse_result(struct request *r)
{
    bytes why = r->error.message;

    if (r->error.code != ERR_BAD_REQUEST)
        return r->error.code;
    r->details = (struct status_details){.present = true};
    (void)error_set(&r->error, ERR_INVALID, " \"\" is invalid: patch: Invalid value: %.*s", BYTES_FMT(why));
    error_cause(&r->error, "FieldValueInvalid", BYTES("patch"), "Invalid value: %.*s", BYTES_FMT(why));
    return r->error.code;
}

static err_t run(struct request *r, const struct json *seen, struct json **ret)
{
    const struct kind *kind = subresource_shown_kind(r);

    switch (r->patch_type) {
    case PATCH_JSON:
        return patch_json(r->arena, seen, r->patch, ret, &r->error);
    case PATCH_MERGE:
        return patch_merge(r->arena, seen, r->patch, ret, &r->error);
    default:
        return patch_strategic(r->arena, kind->schema, seen, r->patch, ret, &r->error);
    }
}

/* Of a strict request: the patch's own flaws go before those of what it made. */
static err_t refuse_flaws(struct request *r, err_t decoded)
{
    bytes strict = BYTES("strict decoding error: "), why = r->error.message;
    struct buffer all;

    if (decoded != ERR_OK && (decoded != ERR_BAD_REQUEST || !bytes_start(why, strict)))
        return decoded;
    buffer_init(&all, r->arena);
    for (size_t i = 0; i < r->flaws.count; i++) {
        buffer_text(&all, i > 0 ? ", " : "");
        buffer_put(&all, r->flaws.text[i]);
    }
    if (decoded != ERR_OK) {
        buffer_text(&all, ", ");
        buffer_put(&all, bytes_skip(why, strict.n));
    }
    if (all.failed)
        return arena_error(r->arena, &r->error);
    return error_set(&r->error, ERR_BAD_REQUEST, "%.*s%.*s", BYTES_FMT(strict), BYTES_FMT(buffer_bytes(&all)));
}

static err_t decode_result(struct request *r, const struct kind *kind, const struct json *patched)
{
    err_t code;

    for (size_t i = 0; r->options.field_validation == FIELD_VALIDATION_WARN && i < r->flaws.count; i++)
        warning_add(r->arena, &r->warnings, r->flaws.text[i]);
    code = decode_patched(r->arena, kind, patched, r->options.field_validation, &r->warnings, &r->object, &r->error);
    if (r->options.field_validation == FIELD_VALIDATION_STRICT && r->flaws.count > 0)
        code = refuse_flaws(r, code);
    return code == ERR_OK ? ERR_OK : refuse_result(r);
}

static err_t change(struct request *r)
{
    const struct kind *kind = subresource_shown_kind(r);
    struct json *seen, *patched;
    err_t code;

    TRY(subresource_seen(r, &seen));
    TRY(seen_object(r, seen, &seen));
    code = run(r, seen, &patched);
    if (code == ERR_INVALID)
        r->details.present = true;
    TRY(code);
    TRY(decode_result(r, kind, patched));
    r->sent_revision = json_text(json_get(r->object, BYTES("metadata")), BYTES("resourceVersion"));
    return kind == r->kind ? ERR_OK : subresource_take(r, r->object);
}

/* ---- Server-side apply. */

static err_t check_applied(struct request *r, const struct json *applied)
{
    const struct json *metadata = json_get(applied, BYTES("metadata"));
    const struct json *managed = json_get(metadata, BYTES("managedFields"));
    bytes api_version = json_text(applied, BYTES("apiVersion")), kind = json_text(applied, BYTES("kind")),
          expected = kind_api_version(r->arena, subresource_shown_kind(r)), uid = json_text(metadata, BYTES("uid"));

    if (!expected.p)
        return arena_error(r->arena, &r->error);
    if (api_version.n == 0 || kind.n == 0)
        return error_set(&r->error, ERR_BAD_REQUEST, "invalid object type: %s%.*s, Kind=%.*s",
            bytes_find(api_version, '/') < api_version.n ? "" : "/", BYTES_FMT(api_version), BYTES_FMT(kind));
    if (managed && managed->count > 0)
        return error_set(&r->error, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
    if (!bytes_equal(api_version, expected))
        return error_set(&r->error, ERR_BAD_REQUEST,
            "Incorrect version specified in apply patch. Specified patch version: %.*s, expected: %.*s",
            BYTES_FMT(api_version), BYTES_FMT(expected));
    if (r->creates && uid.n > 0) {
        (void)status_conflict(&r->error, &r->details, r->kind, r->name, "");
        return error_set(&r->error, ERR_CONFLICT,
            "Operation cannot be fulfilled on %s \"%.*s\": uid mismatch: the provided object specified uid %.*s, "
            "and no existing object was found",
            r->kind->plural, BYTES_FMT(r->name), BYTES_FMT(uid));
    }
    return ERR_OK;
}

/* What the schema does not know is refused with the apply, in its words. */
static err_t decode_applied(struct request *r, struct json **ret)
{
    struct warnings none = {0};
    err_t code =
        decode_patched(r->arena, subresource_shown_kind(r), r->patch, FIELD_VALIDATION_IGNORE, &none, ret, &r->error);
    bytes why = r->error.message;

    if (code != ERR_BAD_REQUEST)
        return code;
    return error_set(&r->error, ERR_BAD_REQUEST,
        "failed to create typed patch object (%.*s%s%.*s; %s/%s, Kind=%s): %.*s", BYTES_FMT(r->namespace), "/",
        BYTES_FMT(r->name), r->kind->group, r->kind->version, r->kind->kind, BYTES_FMT(why));
}

static err_t apply(struct request *r)
{
    struct field_manager manager = subresource_manager(r);
    struct json *applied, *configuration, *merged, *metadata;
    bool changed = true;
    err_t code;

    if (r->patch->type != JSON_OBJECT)
        return error_set(&r->error, ERR_BAD_REQUEST, "error decoding YAML: an object is expected");
    TRY(check_applied(r, r->patch));
    pod_writer_drop(r->kind, r->patch);
    TRY(decode_applied(r, &applied));
    metadata = json_get(applied, BYTES("metadata"));
    r->sent_revision = json_text(metadata, BYTES("resourceVersion"));
    TRY(subresource_applied(r, applied, &configuration));
    code = managed_fields_apply(r->arena, r->kind, r->creates ? NULL : r->old, configuration, &manager,
        r->options.force, &merged, &changed, &r->error);
    if (code == ERR_CONFLICT)
        r->details = (struct status_details){.present = true};
    TRY(code);
    r->object = changed ? merged : json_copy(r->arena, r->old);
    return r->object ? ERR_OK : arena_error(r->arena, &r->error);
}

err_t patch_object(struct request *r)
{
    return r->patch_type == PATCH_APPLY ? apply(r) : change(r);
}
