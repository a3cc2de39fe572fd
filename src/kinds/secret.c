/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/secret.h"

#include "api/object.h"
#include "api/schemas.h"
#include "base/base64.h"
#include "base/clock.h"
#include "kinds/kinds.h"

#define DATA_MOST 1048576

#define TYPE_OPAQUE        "Opaque"
#define TYPE_SERVICE_TOKEN "kubernetes.io/service-account-token"
#define SERVICE_ACCOUNT    "kubernetes.io/service-account.name"

/* ---- Decoding */

/* stringData goes over data and is gone. */
static err_t secret_decoded(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    (void)kind;
    struct json *strings = json_get(object, BYTES("stringData")), *data = json_get(object, BYTES("data"));
    json_remove(object, BYTES("stringData"));
    if (!strings || !strings->count)
        return ERR_OK;
    struct json *merged = json_new(arena, JSON_OBJECT), *from = data ? data->first : NULL, *over = strings->first;
    while (merged && (from || over)) { /* both are sorted, each key once */
        int order = !from ? 1 : !over ? -1 : bytes_compare(from->key, over->key);
        struct json *taken = order < 0 ? from : over;
        if (order <= 0)
            from = from->next;
        if (order >= 0) {
            over = over->next;
            taken->text = base64_encode(arena, BASE64_STANDARD, taken->text);
            if (!taken->text.p)
                return arena_error(arena, error);
        }
        json_append(merged, taken);
    }
    if (!json_set(object, BYTES("data"), merged))
        return arena_error(arena, error);
    schema_arrange(&schema_secret, object);
    return ERR_OK;
}

static err_t secret_set_defaults(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    (void)kind;
    if (json_text(object, BYTES("type")).n)
        return ERR_OK;
    return json_set(object, BYTES("type"), json_string(arena, BYTES(TYPE_OPAQUE))) ? ERR_OK : arena_error(arena, error);
}

/* ---- Validation */

/* Values are in base64 that the decoder has checked; sizes count what they stand for. */
static size_t decoded_size(bytes text)
{
    size_t padding = 0;
    while (padding < text.n && padding < 2 && text.p[text.n - 1 - padding] == '=')
        padding++;
    return text.n / 4 * 3 - padding;
}

static bytes data_field(struct arena *arena, bytes key, struct error *error)
{
    bytes field = arena_join(arena, BYTES("data["), key, BYTES("]"), ARENA_END);
    if (!field.p)
        (void)arena_error(arena, error);
    return field;
}

static void validate_data(struct arena *arena, const struct json *data, struct error *error)
{
    size_t total = 0;
    for (const struct json *value = data ? data->first : NULL; value; value = value->next) {
        const char *sentence = error->cause_count < CAUSES_MOST ? config_map_key_error(value->key) : NULL;
        if (sentence)
            cause_invalid(arena, data_field(arena, value->key, error), value->key, sentence, error);
        total += decoded_size(value->text);
    }
    if (total > DATA_MOST)
        error_cause(error, "FieldValueTooLong", BYTES("data"), "Too long: may not be more than %d bytes", DATA_MOST);
}

static void require(struct arena *arena, const char *key, struct error *error)
{
    error_cause(error, "FieldValueRequired", data_field(arena, bytes_of(key), error), "Required value");
}

/* The value must be JSON, as Go would read a map of it. Its text never shows. */
static void validate_json(struct arena *arena, const struct json *data, const char *key, struct error *error)
{
    const struct json *value = json_get(data, bytes_of(key));
    const char *redacted = "Invalid value: \"<secret contents redacted>\": ";
    struct error why;
    struct json *parsed;
    bytes text;
    size_t offset;
    if (!value) {
        require(arena, key, error);
        return;
    }
    error_init(&why, arena);
    if (base64_decode(arena, BASE64_STANDARD, value->text, &text, &offset) != ERR_OK) {
        (void)arena_error(arena, error);
        return;
    }
    err_t result = json_parse(arena, text, &(struct json_options){.keep_duplicates = true}, &parsed, NULL, &why);
    if (result == ERR_BAD_REQUEST)
        error_cause(error, "FieldValueInvalid", data_field(arena, bytes_of(key), error), "%s%.*s", redacted,
            BYTES_FMT(why.message));
    else if (result == ERR_OK && parsed->type != JSON_OBJECT && parsed->type != JSON_NULL)
        error_cause(error, "FieldValueInvalid", data_field(arena, bytes_of(key), error),
            "%sjson: cannot unmarshal %s into Go value of type map[string]interface {}", redacted,
            parsed->type == JSON_ARRAY    ? "array"
            : parsed->type == JSON_STRING ? "string"
            : parsed->type == JSON_NUMBER ? "number"
                                          : "bool");
}

/* What a type needs of its keys. */
static const struct {
    const char *type;
    const char *keys[2];
    bool one_is_enough, not_empty, json;
} types[] = {
    {.type = "kubernetes.io/dockercfg", .keys = {".dockercfg"}, .json = true},
    {.type = "kubernetes.io/dockerconfigjson", .keys = {".dockerconfigjson"}, .json = true},
    {.type = "kubernetes.io/basic-auth", .keys = {"username", "password"}, .one_is_enough = true},
    {.type = "kubernetes.io/ssh-auth", .keys = {"ssh-privatekey"}, .not_empty = true},
    {.type = "kubernetes.io/tls", .keys = {"tls.crt", "tls.key"}},
};

static void validate_keys(struct arena *arena, size_t row, const struct json *data, struct error *error)
{
    bool missing[2] = {false, false};
    for (size_t i = 0; i < 2 && types[row].keys[i]; i++) {
        const struct json *value = json_get(data, bytes_of(types[row].keys[i]));
        missing[i] = !value || (types[row].not_empty && !value->text.n);
    }
    if (types[row].one_is_enough && !(missing[0] && missing[1]))
        return;
    for (size_t i = 0; i < 2; i++)
        if (missing[i])
            require(arena, types[row].keys[i], error);
}

static void validate_type(struct arena *arena, const struct json *object, struct error *error)
{
    bytes type = json_text(object, BYTES("type"));
    const struct json *data = json_get(object, BYTES("data"));
    if (bytes_equal(type, BYTES(TYPE_SERVICE_TOKEN)) &&
        !json_text(json_at(object, BYTES("metadata"), BYTES("annotations"), BYTES_NONE), BYTES(SERVICE_ACCOUNT)).n)
        error_cause(error, "FieldValueRequired", BYTES("metadata.annotations[" SERVICE_ACCOUNT "]"), "Required value");
    for (size_t row = 0; row < ARRAY_LEN(types); row++) {
        if (!bytes_equal(type, bytes_of(types[row].type)))
            continue;
        if (types[row].json)
            validate_json(arena, data, types[row].keys[0], error);
        else
            validate_keys(arena, row, data, error);
    }
}

static bool is_immutable(const struct json *object)
{
    const struct json *immutable = json_get(object, BYTES("immutable"));
    return immutable && immutable->type == JSON_TRUE;
}

static bool same_data(const struct json *a, const struct json *b)
{
    static const struct json none = {.type = JSON_OBJECT};
    const struct json *x = json_get(a, BYTES("data")), *y = json_get(b, BYTES("data"));
    return json_equal(x ? x : &none, y ? y : &none);
}

static void validate_change(struct arena *arena, const struct json *object, const struct json *old, struct error *error)
{
    static const char forbidden[] = "Forbidden: field is immutable when `immutable` is set";
    bytes type = json_text(object, BYTES("type"));
    if (!bytes_equal(type, json_text(old, BYTES("type"))))
        cause_invalid(arena, BYTES("type"), type, "field is immutable", error);
    if (!is_immutable(old))
        return;
    if (!is_immutable(object))
        error_cause(error, "FieldValueForbidden", BYTES("immutable"), "%s", forbidden);
    if (!same_data(object, old))
        error_cause(error, "FieldValueForbidden", BYTES("data"), "%s", forbidden);
}

/* What the mark of a removed value would do in an object: whoever applies what a list of metadata showed them would
 * lose the value. */
static bool is_mark(const struct json *value)
{
    return value->type == JSON_STRING && bytes_equal(value->text, BYTES(REMOVED_MARK));
}

static void validate_last_applied(struct arena *arena, const struct json *object, struct error *error)
{
    static const char *const fields[] = {"data", "stringData"};
    const struct json *annotation =
        json_at(object, BYTES("metadata"), BYTES("annotations"), BYTES(LAST_APPLIED), BYTES_NONE);
    struct json *configuration;
    if (!annotation || annotation->type != JSON_STRING ||
        !memmem(annotation->text.p, annotation->text.n, REMOVED_MARK, strlen(REMOVED_MARK)) ||
        json_parse(arena, annotation->text, &(struct json_options){0}, &configuration, NULL, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct json *values = json_get(configuration, bytes_of(fields[i]));
        for (const struct json *v = values && values->type == JSON_OBJECT ? values->first : NULL; v; v = v->next)
            if (is_mark(v)) {
                error_cause(error, "FieldValueInvalid", BYTES("metadata.annotations[" LAST_APPLIED "]"),
                    "Invalid value: \"" REMOVED_MARK
                    "\": the mark of a value that was left out cannot be stored in its "
                    "place: read the Secret itself");
                return;
            }
    }
}

/* The same as a value: stringData became data, so it stands there in base64. */
static void validate_no_mark(struct arena *arena, const struct json *data, struct error *error)
{
    bytes mark = base64_encode(arena, BASE64_STANDARD, BYTES(REMOVED_MARK));
    for (const struct json *value = data ? data->first : NULL; value && mark.p; value = value->next)
        if (bytes_equal(value->text, mark)) {
            bytes field = arena_format(arena, "data[%.*s]", BYTES_FMT(value->key));
            error_cause(error, "FieldValueInvalid", field.p ? field : BYTES("data"),
                "Invalid value: \"" REMOVED_MARK "\": the mark of a value that was left out cannot be stored in its "
                "place: read the Secret itself");
        }
}

static void secret_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    (void)kind, (void)subresource;
    if (old)
        validate_change(arena, object, old, error);
    validate_data(arena, json_get(object, BYTES("data")), error);
    validate_no_mark(arena, json_get(object, BYTES("data")), error);
    validate_last_applied(arena, object, error);
    validate_type(arena, object, error);
}

static bool holds_pem(struct arena *arena, bytes text)
{
    bytes plain;
    size_t offset;
    return base64_decode(arena, BASE64_STANDARD, text, &plain, &offset) == ERR_OK &&
           memmem(plain.p, plain.n, "-----BEGIN ", 11);
}

/* A pair that no TLS server could use is accepted, with a word about it. */
static void secret_warn(
    struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    (void)kind;
    static const struct {
        const char *key, *sentence;
    } parts[] = {{"tls.crt", "tls: failed to find any PEM data in certificate input"},
        {"tls.key", "tls: failed to find any PEM data in key input"}};
    const struct json *data = json_get(object, BYTES("data"));
    if (!bytes_equal(json_text(object, BYTES("type")), BYTES("kubernetes.io/tls")))
        return;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const struct json *value = json_get(data, bytes_of(parts[i].key));
        if (!value || holds_pem(arena, value->text))
            continue;
        warning_add(arena, warnings, bytes_of(parts[i].sentence));
        return;
    }
}

/* ---- Showing */

static void secret_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)arena, (void)kind;
    const struct json *data = json_get(object, BYTES("data"));
    buffer_byte(b, ',');
    json_write_string(b, json_text(object, BYTES("type")));
    buffer_format(b, ",%u", data ? data->count : 0);
    put_age_cell(b, object, now);
}

const struct kind_rules secret_rules = {
    .decoded = secret_decoded,
    .set_defaults = secret_set_defaults,
    .validate = secret_validate,
    .warn = secret_warn,
    .cells = secret_cells,
    .redact_metadata = secret_redact_metadata,
    .hide = secret_hide,
    .reveal = secret_reveal,
};
