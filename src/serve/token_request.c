/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/token_request.h"

#include "access/service_account_token.h"
#include "api/managed_fields.h"
#include "api/schema_value.h"
#include "api/schemas.h"
#include "base/clock.h"
#include "kinds/kinds.h"
#include "serve/admission.h"
#include "serve/subresource.h"

#define SECONDS_LEAST  600
#define SECONDS_MOST   (INT64_C(1) << 32)
#define SECONDS_MARKED 3607 /* what kubelet asks for its mounts: issued for longer, told as this */
#define SECONDS_LONGER (365 * 24 * 3600)
#define AUDIENCES_MOST 64

const struct kind token_request_kind = {.group = "authentication.k8s.io",
    .version = "v1",
    .kind = "TokenRequest",
    .plural = "tokenrequests",
    .namespaced = true,
    .schema = &schema_authentication_v1_token_request,
    .rules = &no_rules};

/* What the request binds the token to. */
struct binding {
    struct token_object pod, secret, node;
};

/* ---- Refusals. */

static err_t invalid(struct request *r, bytes name, const char *field, const char *value, const char *sentence)
{
    bytes message =
        arena_format(r->arena, "TokenRequest.authentication.k8s.io \"%.*s\" is invalid: %s: Invalid value: %s: %s",
            BYTES_FMT(name), field, value, sentence);

    if (!message.p)
        return arena_error(r->arena, &r->error);
    error_cause(&r->error, "FieldValueInvalid", bytes_of(field), "Invalid value: %s: %s", value, sentence);
    r->details =
        (struct status_details){.name = name, .group = BYTES("authentication.k8s.io"), .kind = BYTES("TokenRequest")};
    r->error.message = message;
    return r->error.code = ERR_INVALID;
}

static err_t check_named(
    struct request *r, const struct json *metadata, const char *member, bytes expected, const char *sentence)
{
    bytes given = json_text(metadata, bytes_of(member)), field = arena_format(r->arena, "metadata.%s", member);
    struct buffer quoted;

    if (given.n == 0 || bytes_equal(given, expected))
        return ERR_OK;
    buffer_init(&quoted, r->arena);
    json_write_string(&quoted, given);
    buffer_byte(&quoted, 0);
    if (quoted.failed || !field.p)
        return arena_error(r->arena, &r->error);
    return invalid(r, r->name, (const char *)field.p, (const char *)quoted.p, sentence);
}

static err_t check_seconds(struct request *r, int64_t seconds)
{
    const char *sentence = seconds < SECONDS_LEAST  ? "may not specify a duration less than 10 minutes"
                           : seconds > SECONDS_MOST ? "may not specify a duration larger than 2^32 seconds"
                                                    : NULL;
    bytes value = arena_format(r->arena, "%lld", (long long)seconds);

    if (!value.p)
        return arena_error(r->arena, &r->error);
    return sentence ? invalid(r, BYTES_NONE, "spec.expirationSeconds", (const char *)value.p, sentence) : ERR_OK;
}

/* ---- What it binds to. */

static struct token_object token_object_of(const struct json *object)
{
    const struct json *metadata = json_get(object, BYTES("metadata"));

    return (struct token_object){json_text(metadata, BYTES("name")), json_text(metadata, BYTES("uid"))};
}

static err_t find(struct request *r, struct read_txn *txn, const struct kind *kind, bytes name, struct json **ret)
{
    bytes key = object_key(r->arena, kind->namespaced ? r->namespace : BYTES_NONE, name);

    if (!key.p)
        return arena_error(r->arena, &r->error);
    return admission_get(r, txn, kind, key, ret, NULL);
}

/* The node that a Pod runs on; of one that is gone the name. */
static err_t find_node(struct request *r, struct read_txn *txn, const struct json *pod, struct token_object *ret)
{
    bytes name = json_text(json_get(pod, BYTES("spec")), BYTES("nodeName"));
    struct json *node = NULL;

    if (name.n > 0)
        TRY(find(r, txn, &node_kind, name, &node));
    *ret = node ? token_object_of(node) : (struct token_object){name, BYTES_NONE};
    return ERR_OK;
}

static err_t take_pod(struct request *r, struct read_txn *txn, const struct json *pod, struct binding *ret)
{
    bytes account = json_text(json_get(pod, BYTES("spec")), BYTES("serviceAccountName"));

    if (!bytes_equal(account, r->name))
        return error_set(&r->error, ERR_BAD_REQUEST,
            "cannot bind token for serviceaccount \"%.*s\" to pod running with different serviceaccount name.",
            BYTES_FMT(r->name));
    ret->pod = token_object_of(pod);
    return find_node(r, txn, pod, &ret->node);
}

/* As Go writes a GroupVersionKind; its group and version are those that apiVersion says, if it says any. */
static err_t other_kind(struct request *r, bytes version, bytes kind)
{
    size_t slash = bytes_find(version, '/');
    bool odd = slash < version.n && bytes_find(bytes_skip(version, slash + 1), '/') + slash + 1 < version.n;

    return error_set(&r->error, ERR_BAD_REQUEST, "cannot bind token to object of type %s%.*s, Kind=%.*s",
        slash < version.n && !odd ? "" : "/", BYTES_FMT(odd ? BYTES_NONE : version), BYTES_FMT(kind));
}

static err_t check_uid(struct request *r, const struct json *reference, bytes kind, bytes uid)
{
    bytes expected = json_text(reference, BYTES("uid")), name = json_text(reference, BYTES("name"));

    if (expected.n == 0 || bytes_equal(expected, uid))
        return ERR_OK;
    r->details = (struct status_details){.name = name, .kind = kind};
    return error_set(&r->error, ERR_CONFLICT,
        "Operation cannot be fulfilled on %.*s \"%.*s\": the UID in the bound object reference (%.*s) does not match "
        "the UID in record. The object might have been deleted and then recreated",
        BYTES_FMT(kind), BYTES_FMT(name), BYTES_FMT(expected));
}

static err_t bind(struct request *r, struct read_txn *txn, const struct json *reference, struct binding *ret)
{
    static const struct kind *const kinds[] = {&pod_kind, &secret_kind, &node_kind};
    bytes named = json_text(reference, BYTES("kind")), version = json_text(reference, BYTES("apiVersion")),
          name = json_text(reference, BYTES("name"));
    const struct kind *kind = NULL;
    struct json *object;

    for (size_t i = 0; i < ARRAY_LEN(kinds) && bytes_find(version, '/') == version.n; i++)
        if (bytes_equal(named, bytes_of(kinds[i]->kind)))
            kind = kinds[i];
    if (!kind)
        return other_kind(r, version, named);
    TRY(find(r, txn, kind, name, &object));
    if (!object)
        return status_not_found(&r->error, &r->details, kind, name);
    if (kind == &pod_kind)
        TRY(take_pod(r, txn, object, ret));
    else if (kind == &secret_kind)
        ret->secret = token_object_of(object);
    else
        ret->node = token_object_of(object);
    return check_uid(r, reference, named, token_object_of(object).uid);
}

static err_t find_binding(struct request *r, struct binding *ret)
{
    const struct json *reference = json_at(r->sent, BYTES("spec"), BYTES("boundObjectRef"), BYTES_NONE);
    struct read_txn *txn;
    err_t code;

    *ret = (struct binding){.pod = {BYTES_NONE, BYTES_NONE}};
    if (!reference || reference->type != JSON_OBJECT)
        return ERR_OK;
    TRY(store_read_begin(r->server->store, &txn, &r->error));
    code = bind(r, txn, reference, ret);
    store_read_end(txn);
    return code;
}

/* ---- The request, made whole. */

static int64_t seconds_of(const struct json *spec)
{
    const struct json *given = json_get(spec, BYTES("expirationSeconds"));
    int64_t seconds = 0;

    return given && json_to_int64(given, &seconds) ? seconds : 0;
}

static err_t cap_seconds(struct request *r, struct json *spec)
{
    int64_t most = authenticator_current()->token_seconds_most, asked = seconds_of(spec);
    bytes warning;

    if (most == 0 || asked <= most)
        return ERR_OK;
    warning = arena_format(
        r->arena, "requested expiration of %lld seconds shortened to %lld seconds", (long long)asked, (long long)most);
    if (!warning.p || !json_set(spec, BYTES("expirationSeconds"), json_integer(r->arena, most)))
        return arena_error(r->arena, &r->error);
    warning_add(r->arena, &r->warnings, warning);
    return ERR_OK;
}

static err_t default_audiences(struct request *r, struct json *spec)
{
    const struct authenticator *a = authenticator_current();
    struct json *audiences = json_get(spec, BYTES("audiences"));

    if (audiences && audiences->type == JSON_ARRAY && audiences->count > 0)
        return audiences->count <= AUDIENCES_MOST
                   ? ERR_OK
                   : error_set(&r->error, ERR_BAD_REQUEST, "a token is for at most %d audiences", AUDIENCES_MOST);
    audiences = json_set(spec, BYTES("audiences"), json_new(r->arena, JSON_ARRAY));
    for (size_t i = 0; i < a->audience_count; i++)
        if (!json_append(audiences, json_string(r->arena, a->audiences[i])))
            return arena_error(r->arena, &r->error);
    return audiences ? ERR_OK : arena_error(r->arena, &r->error);
}

static err_t fill_metadata(struct request *r, struct json *metadata)
{
    char now[CLOCK_RFC3339_SIZE];
    bytes moment;

    clock_format(clock_wall_seconds(), now);
    moment = arena_copy(r->arena, bytes_of(now));
    if (!moment.p || !json_set(metadata, BYTES("name"), json_string(r->arena, r->name)) ||
        !json_set(metadata, BYTES("namespace"), json_string(r->arena, r->namespace)) ||
        !json_set(metadata, BYTES("uid"), json_string(r->arena, token_object_of(r->old).uid)) ||
        !json_set(metadata, BYTES("creationTimestamp"), json_string(r->arena, moment)))
        return arena_error(r->arena, &r->error);
    json_remove(metadata, BYTES("resourceVersion"));
    object_arrange(&token_request_kind, r->sent);
    return ERR_OK;
}

err_t token_request_take(struct request *r, struct json *sent)
{
    struct json *metadata = json_get(sent, BYTES("metadata")), *spec;
    struct field_manager manager = subresource_manager(r);
    struct binding binding;

    r->object = json_copy(r->arena, r->old);
    if (!r->object)
        return arena_error(r->arena, &r->error);
    TRY(check_named(r, metadata, "name", r->name, "must match the service account name if specified"));
    TRY(check_named(r, metadata, "namespace", r->namespace, "must match the service account namespace if specified"));
    TRY(schema_set_defaults(r->arena, token_request_kind.schema, sent, &r->error));
    TRY(managed_fields_update(r->arena, &token_request_kind, sent, NULL, &manager, &r->error));
    spec = json_get(sent, BYTES("spec"));
    TRY(default_audiences(r, spec));
    TRY(fill_metadata(r, json_get(sent, BYTES("metadata"))));
    TRY(check_seconds(r, seconds_of(spec)));
    TRY(find_binding(r, &binding));
    return cap_seconds(r, spec);
}

/* ---- The token. */

/* Kubelet's own mounts, for the server alone, last longer than they say: clients that never read the file again go on.
 */
static bool is_marked(const struct token_request *t)
{
    const struct authenticator *a = authenticator_current();
    const struct audiences own = {a->audiences, a->audience_count};

    if (t->pod.name.n == 0 || t->seconds != SECONDS_MARKED)
        return false;
    for (size_t i = 0; i < t->audience_count; i++)
        if (!audiences_hold(&own, t->audiences[i]))
            return false;
    return true;
}

static err_t sign(struct request *r, int64_t now, bytes *ret)
{
    const struct json *spec = json_get(r->sent, BYTES("spec")), *audiences = json_get(spec, BYTES("audiences"));
    int64_t most = authenticator_current()->token_seconds_most;
    struct binding binding;
    bytes list[AUDIENCES_MOST];
    size_t n = 0;

    TRY(find_binding(r, &binding));
    for (const struct json *one = audiences->first; one && n < AUDIENCES_MOST; one = one->next)
        list[n++] = one->text;
    struct token_request t = {.namespace = r->namespace,
        .account = token_object_of(r->old),
        .pod = binding.pod,
        .secret = binding.secret,
        .node = binding.node,
        .audiences = list,
        .audience_count = n,
        .now = now,
        .seconds = seconds_of(spec)};
    if (is_marked(&t)) {
        t.warn_after = t.seconds;
        t.seconds = most > 0 && most < SECONDS_LONGER ? most : SECONDS_LONGER;
    }
    return service_account_token_issue(r->arena, &t, ret, &r->error);
}

err_t token_request_answer(struct request *r, bytes *ret)
{
    int64_t now = clock_wall_seconds();
    struct json *status = json_set(r->sent, BYTES("status"), json_new(r->arena, JSON_OBJECT));
    char end[CLOCK_RFC3339_SIZE];
    bytes token = BYTES(""), moment;

    if (!r->options.dry_run)
        TRY(sign(r, now, &token));
    clock_format(now + seconds_of(json_get(r->sent, BYTES("spec"))), end);
    moment = arena_copy(r->arena, bytes_of(end));
    if (!moment.p || !json_add(status, BYTES("token"), json_string(r->arena, token)) ||
        !json_add(status, BYTES("expirationTimestamp"), json_string(r->arena, moment)))
        return arena_error(r->arena, &r->error);
    *ret = object_store_text(r->arena, &token_request_kind, r->sent);
    return ret->p ? ERR_OK : arena_error(r->arena, &r->error);
}
