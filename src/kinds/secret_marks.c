/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "kinds/secret.h"

/* kubectl apply keeps what it was given in an annotation, values and all: the keys stay, the values go. */
static void remove_values(struct json *configuration, bytes field)
{
    struct json *values = json_get(configuration, field);
    if (!values)
        return;
    if (values->type != JSON_OBJECT) {
        json_remove(configuration, field);
        return;
    }
    for (struct json *value = values->first; value; value = value->next) {
        value->type = JSON_STRING;
        value->text = BYTES(REMOVED_MARK);
    }
}

static bool is_harmless(bytes name)
{
    static const char *const names[] = {"apiVersion", "immutable", "kind", "metadata", "type"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal(name, bytes_of(names[i])))
            return true;
    return false;
}

err_t secret_redact_metadata(struct arena *arena, struct json *metadata, struct error *error)
{
    struct json *annotation = json_at(metadata, BYTES("annotations"), BYTES(LAST_APPLIED), BYTES_NONE), *configuration;
    struct error why;
    struct buffer text;
    if (!annotation)
        return ERR_OK;
    error_init(&why, arena);
    err_t result = annotation->type == JSON_STRING
                       ? json_parse(arena, annotation->text, &(struct json_options){0}, &configuration, NULL, &why)
                       : ERR_BAD_REQUEST;
    if (result != ERR_OK && result != ERR_BAD_REQUEST)
        return arena_error(arena, error);
    annotation->type = JSON_STRING;
    annotation->text = BYTES("");
    if (result == ERR_BAD_REQUEST || configuration->type != JSON_OBJECT)
        return ERR_OK;
    for (struct json *member = configuration->first, *next; member; member = next) {
        next = member->next;
        if (bytes_equal(member->key, BYTES("data")) || bytes_equal(member->key, BYTES("stringData")))
            remove_values(configuration, member->key);
        else if (!is_harmless(member->key)) /* a member that is no field of a Secret may hold what was meant for one */
            json_remove(configuration, member->key);
    }
    buffer_init(&text, arena);
    json_write(&text, configuration);
    buffer_byte(&text, '\n');
    if (text.failed)
        return arena_error(arena, error);
    annotation->text = buffer_bytes(&text);
    return ERR_OK;
}

/* ---- For webhooks. */

err_t secret_hide(struct arena *arena, struct json *object, struct error *error)
{
    struct json *data = json_get(object, BYTES("data")), *metadata = json_get(object, BYTES("metadata"));
    bytes mark = base64_encode(arena, BASE64_STANDARD, BYTES(REMOVED_MARK));

    if (!mark.p)
        return arena_error(arena, error);
    for (struct json *value = data ? data->first : NULL; value; value = value->next)
        value->text = mark;
    return metadata ? secret_redact_metadata(arena, metadata, error) : ERR_OK;
}

static err_t touched(struct arena *arena, const char *format, bytes key, bytes *ret_field, struct error *error)
{
    *ret_field = arena_join(arena, bytes_of(format), key, BYTES("]"), ARENA_END);
    return ret_field->p ? ERR_OK : arena_error(arena, error);
}

/* Both are sorted by key. */
static err_t reveal_data(
    struct arena *arena, struct json *data, const struct json *real, bytes *ret_field, struct error *error)
{
    bytes mark = base64_encode(arena, BASE64_STANDARD, BYTES(REMOVED_MARK));
    struct json *value = data ? data->first : NULL;
    const struct json *was = real ? real->first : NULL;

    if (!mark.p)
        return arena_error(arena, error);
    while (value || was) {
        int order = !value ? 1 : !was ? -1 : bytes_compare(value->key, was->key);
        bool marked = value && order <= 0 && bytes_equal(value->text, mark);
        if (order > 0 || marked != (order == 0))
            return touched(arena, "data[", order > 0 ? was->key : value->key, ret_field, error);
        if (order == 0) {
            value->text = was->text;
            was = was->next;
        }
        value = value->next;
    }
    return ERR_OK;
}

static struct json *last_applied(const struct json *object)
{
    return json_at(object, BYTES("metadata"), BYTES("annotations"), BYTES(LAST_APPLIED), BYTES_NONE);
}

err_t secret_reveal(struct arena *arena, struct json *object, const struct json *hidden, const struct json *real,
    bytes *ret_field, struct error *error)
{
    const struct json *annotation = last_applied(real), *shown = last_applied(hidden);
    struct json *now = last_applied(object);

    *ret_field = BYTES_NONE;
    TRY(reveal_data(arena, json_get(object, BYTES("data")), json_get(real, BYTES("data")), ret_field, error));
    if (ret_field->n > 0 || !annotation)
        return ERR_OK;
    if (!now || !shown || !json_equal(now, shown))
        return touched(arena, "metadata.annotations[", BYTES(LAST_APPLIED), ret_field, error);
    now->text = annotation->text;
    return ERR_OK;
}
