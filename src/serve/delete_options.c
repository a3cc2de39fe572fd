/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a delete: DeleteOptions in JSON, YAML or protobuf, by its schema. Clients send it without kind and
 * apiVersion. */
#include "serve/delete_options.h"

#include "api/schemas.h"
#include "text/utf8.h"
#include "text/yaml.h"

static err_t check_kind(struct request *r, bytes kind, bytes version)
{
    if (kind.n == 0 || bytes_equal(kind, BYTES("DeleteOptions")))
        return ERR_OK;
    return error_set(&r->error, ERR_BAD_REQUEST,
        "no kind \"%.*s\" is registered for version \"%.*s\" in scheme \"pkg/runtime/scheme.go:110\"", BYTES_FMT(kind),
        BYTES_FMT(version));
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

/* From the typed tree: what is there was checked by the schema. */
static err_t take(struct request *r, const struct json *tree)
{
    const struct json *grace = json_get(tree, BYTES("gracePeriodSeconds")),
                      *orphan = json_get(tree, BYTES("orphanDependents"));
    const struct json *preconditions = json_get(tree, BYTES("preconditions")),
                      *dry_run = json_get(tree, BYTES("dryRun"));
    struct request_options *o = &r->options;

    o->has_grace_period = o->has_grace_period || grace;
    if (grace && !json_to_int64(grace, &o->grace_period_seconds))
        return error_set(&r->error, ERR_BAD_REQUEST, "gracePeriodSeconds is out of range");
    if (orphan) {
        o->has_orphan_dependents = true;
        o->orphan_dependents = orphan->type == JSON_TRUE;
    }
    if (json_get(tree, BYTES("propagationPolicy")))
        o->propagation_policy = json_text(tree, BYTES("propagationPolicy"));
    if (json_get(preconditions, BYTES("uid")))
        o->precondition_uid = json_text(preconditions, BYTES("uid"));
    if (json_get(preconditions, BYTES("resourceVersion"))) {
        o->has_precondition_revision = true;
        o->precondition_revision = json_text(preconditions, BYTES("resourceVersion"));
    }
    for (const struct json *item = dry_run ? dry_run->first : NULL; item; item = item->next)
        TRY(take_dry_run(r, item->text));
    return ERR_OK;
}

static err_t parse_protobuf(struct request *r, bytes body, struct json **ret)
{
    struct protobuf_envelope envelope;

    TRY(decode_envelope(body, &envelope, &r->error));
    TRY(check_kind(r, envelope.kind, envelope.api_version));
    return decode_protobuf(r->arena, &schema_delete_options, envelope.raw, ret, &r->error);
}

static err_t parse_json(struct request *r, bytes body, struct json **ret)
{
    const struct json_options options = {.max_depth = 64, .keep_duplicates = true};
    err_t code = json_parse(r->arena, body, &options, ret, NULL, &r->error);

    if (code != ERR_BAD_REQUEST)
        return code;
    return error_set(&r->error, code, "couldn't get version/kind; json parse error: %.*s", BYTES_FMT(r->error.message));
}

err_t delete_options_take(struct request *r, const struct json *options)
{
    struct warnings unknown = {0}; /* fields that are not known are passed over, as kube-apiserver does */
    struct json *tree;

    TRY(decode_tree(r->arena, &schema_delete_options, options, FIELD_VALIDATION_IGNORE, &unknown, &tree, &r->error));
    return take(r, tree);
}

err_t delete_options_read(struct request *r)
{
    enum body_format format;
    struct json *tree;
    bytes body = r->exchange->body;

    if (body.n == 0)
        return ERR_OK;
    TRY(body_format_of(http_header(r->exchange, BYTES("content-type")), &format, &r->error));
    if (format == BODY_PROTOBUF) {
        TRY(parse_protobuf(r, body, &tree));
    } else {
        TRY(format == BODY_YAML ? yaml_parse(r->arena, body, 0, &tree, &r->error) : parse_json(r, body, &tree));
        if (tree->type == JSON_NULL)
            return ERR_OK;
        TRY(check_kind(r, json_text(tree, BYTES("kind")), json_text(tree, BYTES("apiVersion"))));
    }
    return delete_options_take(r, tree);
}
