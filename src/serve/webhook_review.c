/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/webhook_review.h"

#include "api/patch.h"
#include "api/schemas.h"
#include "base/base64.h"
#include "text/utf8.h"

#define CODE_LEAST 400
#define CODE_MOST  599

/* ---- Asking. */

static void put_text(struct buffer *b, const char *name, bytes text)
{
    buffer_format(b, ",\"%s\":", name);
    json_write_string(b, text);
}

static void put_text_if(struct buffer *b, const char *name, bytes text)
{
    if (text.n > 0)
        put_text(b, name, text);
}

static void put_kind(struct buffer *b, const char *name, const struct kind *kind)
{
    buffer_format(b, ",\"%s\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}", name, kind->group, kind->version,
        kind->kind);
}

static void put_resource(struct buffer *b, const char *name, const struct kind *kind)
{
    buffer_format(b, ",\"%s\":{\"group\":\"%s\",\"version\":\"%s\",\"resource\":\"%s\"}", name, kind->group,
        kind->version, kind->plural);
}

static void put_texts(struct buffer *b, const bytes *texts, size_t count)
{
    buffer_byte(b, '[');
    for (size_t i = 0; i < count; i++) {
        buffer_text(b, i > 0 ? "," : "");
        json_write_string(b, texts[i]);
    }
    buffer_byte(b, ']');
}

static void put_user(struct buffer *b, const struct user *user)
{
    buffer_text(b, ",\"userInfo\":{\"username\":");
    json_write_string(b, user->name);
    put_text_if(b, "uid", user->uid);
    if (user->group_count > 0) {
        buffer_text(b, ",\"groups\":");
        put_texts(b, user->groups, user->group_count);
    }
    for (size_t i = 0; i < user->extra_count; i++) {
        buffer_text(b, i > 0 ? "," : ",\"extra\":{");
        json_write_string(b, user->extra[i].key);
        buffer_byte(b, ':');
        put_texts(b, user->extra[i].values, user->extra[i].value_count);
    }
    buffer_text(b, user->extra_count > 0 ? "}}" : "}");
}

static void put_object(struct buffer *b, const char *name, const struct json *object)
{
    buffer_format(b, ",\"%s\":", name);
    if (object)
        json_write(b, object);
    else
        buffer_text(b, "null");
}

void review_write(struct buffer *b, const struct review_request *q)
{
    buffer_format(b,
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/%s\",\"request\":{\"uid\":\"%.*s\"",
        q->beta ? "v1beta1" : "v1", BYTES_FMT(q->uid));
    put_kind(b, "kind", q->kind);
    put_resource(b, "resource", q->resource);
    put_text_if(b, "subResource", q->subresource);
    put_kind(b, "requestKind", q->request_kind);
    put_resource(b, "requestResource", q->request_resource);
    put_text_if(b, "requestSubResource", q->subresource);
    put_text_if(b, "name", q->name);
    put_text_if(b, "namespace", q->namespace);
    put_text(b, "operation", q->operation);
    put_user(b, q->user);
    put_object(b, "object", q->object);
    put_object(b, "oldObject", q->old);
    buffer_format(b, ",\"dryRun\":%s,\"options\":%.*s}}", q->dry_run ? "true" : "false", BYTES_FMT(q->options));
}

/* ---- The answer. */

#define NOT_CALLED "failed to call webhook: "
#define NOT_VALID  "received invalid webhook response: "

static err_t check_version(const struct json *review, bool beta, struct error *error)
{
    bytes wanted = beta ? BYTES("admission.k8s.io/v1beta1") : BYTES("admission.k8s.io/v1"),
          version = json_text(review, BYTES("apiVersion")), kind = json_text(review, BYTES("kind"));

    if (beta && version.n == 0 && kind.n == 0)
        return ERR_OK;
    if (bytes_equal(version, wanted) && bytes_equal(kind, BYTES("AdmissionReview")))
        return ERR_OK;
    if (version.n > 128 || kind.n > 128)
        version.n = kind.n = 0;
    return error_set(error, ERR_BAD_REQUEST,
        NOT_VALID "expected webhook response of %.*s, Kind=AdmissionReview, got %.*s, Kind=%.*s", BYTES_FMT(wanted),
        BYTES_FMT(version), BYTES_FMT(kind));
}

static err_t check_uid(struct arena *arena, const struct json *response, bytes uid, bool beta, struct error *error)
{
    bytes given = json_text(response, BYTES("uid")), shown;

    if (bytes_equal(given, uid) || beta)
        return ERR_OK;
    if (given.n > 128)
        given.n = 0;
    shown = utf8_quote(arena, given);
    return shown.p ? error_set(error, ERR_BAD_REQUEST, NOT_VALID "expected response.uid=\"%.*s\", got %.*s",
                         BYTES_FMT(uid), BYTES_FMT(shown))
                   : arena_error(arena, error);
}

/* The member when it is of this type; absent and null are none. */
static err_t member(
    const struct json *object, const char *name, enum json_type type, const struct json **ret, struct error *error)
{
    const struct json *value = json_get(object, bytes_of(name));

    *ret = value && value->type != JSON_NULL ? value : NULL;
    if (!*ret || value->type == type)
        return ERR_OK;
    return error_set(error, ERR_BAD_REQUEST, NOT_CALLED "its answer cannot be read: %s is of a wrong type", name);
}

static err_t read_patch(struct arena *arena, const struct json *patch, struct review_answer *ret, struct error *error)
{
    struct json *operations;
    bytes text;
    size_t offset;
    err_t code = base64_decode(arena, BASE64_STANDARD, patch->text, &text, &offset);

    if (code == ERR_BAD_REQUEST)
        return error_set(error, ERR_BAD_REQUEST,
            NOT_CALLED "its answer cannot be read: illegal base64 data at input byte %zu of response.patch", offset);
    if (code != ERR_OK)
        return arena_error(arena, error);
    code = patch_parse(arena, PATCH_JSON, text, &operations, error);
    if (code == ERR_BAD_REQUEST || code == ERR_TOO_LARGE)
        return error->code = ERR_INTERNAL;
    TRY(code);
    ret->patch = operations->count > 0 ? operations : NULL;
    return ERR_OK;
}

/* Which of patch and patchType may be there; *ret_patch NULL: no patch. */
static err_t check_patch(
    const struct json *response, bool beta, bool mutating, const struct json **ret_patch, struct error *error)
{
    const struct json *patch, *type;

    TRY(member(response, "patch", JSON_STRING, &patch, error));
    TRY(member(response, "patchType", JSON_STRING, &type, error));
    *ret_patch = patch && patch->text.n > 0 ? patch : NULL;
    if (!mutating && beta)
        *ret_patch = NULL;
    if (beta)
        return ERR_OK;
    if (!mutating && *ret_patch)
        return error_set(error, ERR_BAD_REQUEST, NOT_VALID "validating webhook may not return response.patch");
    if (!mutating && type)
        return error_set(error, ERR_BAD_REQUEST, NOT_VALID "validating webhook may not return response.patchType");
    if (*ret_patch && !type)
        return error_set(
            error, ERR_BAD_REQUEST, NOT_VALID "webhook returned response.patch but not response.patchType");
    if (!*ret_patch && type)
        return error_set(
            error, ERR_BAD_REQUEST, NOT_VALID "webhook returned response.patchType but not response.patch");
    if (type && !bytes_equal(type->text, BYTES("JSONPatch")))
        return error_set(error, ERR_BAD_REQUEST,
            type->text.n > 0 ? "unsupported patch type"
                             : NOT_VALID "webhook returned invalid response.patchType of \"\"");
    return ERR_OK;
}

static err_t parse(struct arena *arena, bytes body, struct json **ret, struct error *error)
{
    err_t code = json_parse(arena, body, &(struct json_options){0}, ret, NULL, error);

    if (code == ERR_BAD_REQUEST)
        return error_set(error, ERR_BAD_REQUEST, NOT_CALLED "couldn't get version/kind; json parse error: %.*s",
            BYTES_FMT(error->message));
    TRY(code);
    return (*ret)->type == JSON_OBJECT
               ? ERR_OK
               : error_set(error, ERR_BAD_REQUEST, NOT_CALLED "couldn't get version/kind; json parse error: no object");
}

static err_t check_warnings(const struct json *warnings, struct error *error)
{
    for (const struct json *w = warnings ? warnings->first : NULL; w; w = w->next)
        if (w->type != JSON_STRING)
            return error_set(
                error, ERR_BAD_REQUEST, NOT_CALLED "its answer cannot be read: a warning is of a wrong type");
    return ERR_OK;
}

err_t review_read(struct arena *arena, bytes body, bytes uid, bool beta, bool mutating, struct review_answer *ret,
    struct error *error)
{
    const struct json *response, *allowed, *patch;
    struct json *review;

    *ret = (struct review_answer){0};
    TRY(parse(arena, body, &review, error));
    TRY(member(review, "response", JSON_OBJECT, &response, error));
    if (!response)
        return error_set(error, ERR_BAD_REQUEST, NOT_VALID "webhook response was absent");
    TRY(check_uid(arena, response, uid, beta, error));
    TRY(check_version(review, beta, error));
    allowed = json_get(response, BYTES("allowed"));
    if (allowed && allowed->type != JSON_TRUE && allowed->type != JSON_FALSE)
        return error_set(error, ERR_BAD_REQUEST, NOT_CALLED "its answer cannot be read: allowed is of a wrong type");
    ret->allowed = allowed && allowed->type == JSON_TRUE;
    TRY(member(response, "status", JSON_OBJECT, &ret->result, error));
    TRY(member(response, "warnings", JSON_ARRAY, &ret->warnings, error));
    TRY(check_warnings(ret->warnings, error));
    TRY(check_patch(response, beta, mutating, &patch, error));
    return patch && ret->allowed ? read_patch(arena, patch, ret, error) : ERR_OK;
}

/* ---- A denial. */

/* kube-apiserver's: `admission webhook "w" denied the request: why`. */
static bytes denial(struct arena *arena, bytes webhook, const struct json *status)
{
    bytes why = json_text(status, BYTES("message"));

    if (why.n == 0)
        why = json_text(status, BYTES("reason"));
    return arena_format(arena, "admission webhook \"%.*s\" denied the request%s%.*s", BYTES_FMT(webhook),
        why.n > 0 ? ": " : " without explanation", BYTES_FMT(why));
}

static int code_of(const struct json *status)
{
    const struct json *code = json_get(status, BYTES("code"));
    int64_t number;

    if (!code || !json_to_int64(code, &number) || number < CODE_LEAST)
        return CODE_LEAST;
    return number > CODE_MOST ? 500 : (int)number;
}

/* What is in it by the schema of a Status, or nothing when it is none. */
static err_t decode_status(struct arena *arena, const struct json *result, struct json **ret, struct error *error)
{
    static const struct json nothing = {.type = JSON_OBJECT};
    struct error why;
    err_t code;

    error_init(&why, arena);
    code = decode_tree(arena, &schema_status, result ? result : &nothing, FIELD_VALIDATION_IGNORE, NULL, ret, &why);
    if (code == ERR_BAD_REQUEST)
        code = decode_tree(arena, &schema_status, &nothing, FIELD_VALIDATION_IGNORE, NULL, ret, &why);
    return code == ERR_OK ? ERR_OK : error_set(error, code, "%.*s", BYTES_FMT(why.message));
}

err_t review_refuse(
    struct arena *arena, bytes webhook, const struct json *result, struct review_refusal *ret, struct error *error)
{
    struct json *status;
    const struct json *seconds;
    struct buffer text;
    int64_t wait = 0;

    TRY(decode_status(arena, result, &status, error));
    ret->status = code_of(status);
    ret->message = denial(arena, webhook, status);
    seconds = json_at(status, BYTES("details"), BYTES("retryAfterSeconds"), BYTES_NONE);
    if (seconds && json_to_int64(seconds, &wait) && wait > 0 && wait < 3600)
        ret->retry_after_seconds = (unsigned)wait;
    if (!ret->message.p || !json_set(status, BYTES("kind"), json_string(arena, BYTES("Status"))) ||
        !json_set(status, BYTES("apiVersion"), json_string(arena, BYTES("v1"))) ||
        !json_set(status, BYTES("status"), json_string(arena, BYTES("Failure"))) ||
        !json_set(status, BYTES("message"), json_string(arena, ret->message)) ||
        !json_set(status, BYTES("code"), json_integer(arena, ret->status)))
        return arena_error(arena, error);
    schema_arrange(&schema_status, status);
    buffer_init(&text, arena);
    json_write(&text, status);
    buffer_byte(&text, '\n');
    ret->text = buffer_bytes(&text);
    return text.failed ? arena_error(arena, error) : ERR_OK;
}
