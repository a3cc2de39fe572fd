/* SPDX-License-Identifier: Apache-2.0 */
/* Objects within custom resources (x-kubernetes-embedded-resource): their type and metadata are checked like those of
 * any object. */
#include "api/custom_names.h"
#include "api/object.h"
#include "api/schema_check.h"
#include "text/utf8.h"

/* A member that must be a text; BYTES_NONE when it has been refused. */
static bytes required_text(
    struct check *c, struct findings *list, const struct json *object, const char *name, const struct place *up)
{
    const struct place at = {.up = up, .name = bytes_of(name)};
    const struct json *value = json_get(object, at.name);
    if (!value)
        finding_add(c, list, place_field(c, &at), "FieldValueRequired", "Required value");
    else if (value->type != JSON_STRING)
        finding_add(c, list, place_field(c, &at), "FieldValueInvalid", "Invalid value: %.*s: must be a string",
            BYTES_FMT(value_text(c, value)));
    else if (!value->text.n)
        finding_add(c, list, place_field(c, &at), "FieldValueInvalid", "Invalid value: \"\": must not be empty");
    else
        return value->text;
    return BYTES_NONE;
}

static void check_api_version(struct check *c, struct findings *list, const struct json *object, const struct place *up)
{
    const struct place at = {.up = up, .name = BYTES("apiVersion")};
    bytes text = required_text(c, list, object, "apiVersion", up);
    size_t slash = bytes_find(text, '/');
    if (slash < text.n && bytes_find(bytes_skip(text, slash + 1), '/') < text.n - slash - 1) {
        bytes quoted = utf8_quote(c->arena, text);
        finding_add(c, list, place_field(c, &at), "FieldValueInvalid",
            "Invalid value: %.*s: unexpected GroupVersion string: %.*s", BYTES_FMT(quoted), BYTES_FMT(text));
    }
}

static void check_kind(struct check *c, struct findings *list, const struct json *object, const struct place *up)
{
    const struct place at = {.up = up, .name = BYTES("kind")};
    bytes text = required_text(c, list, object, "kind", up);
    const char *sentences[2];
    size_t count = text.n ? kind_name_errors(text, sentences) : 0;
    if (!count)
        return;
    bytes quoted = utf8_quote(c->arena, text);
    finding_add(c, list, place_field(c, &at), "FieldValueInvalid",
        "Invalid value: %.*s: may have mixed case, but should otherwise match: %s%s%s", BYTES_FMT(quoted), sentences[0],
        count > 1 ? "," : "", count > 1 ? sentences[1] : "");
}

/* The causes lie in "metadata"; here they are below the object. */
static void check_metadata(struct check *c, struct findings *list, const struct json *object, const struct place *up)
{
    const struct json *metadata = json_get(object, BYTES("metadata"));
    struct error found;
    error_init(&found, c->arena);
    if (!metadata || metadata->type != JSON_OBJECT)
        return;
    metadata_validate(c->arena, metadata, false, &found);
    for (const struct cause *cause = found.causes; cause; cause = cause->next) {
        const struct place at = {.up = up, .name = cause->field};
        finding_add(c, list, place_field(c, &at), cause->reason, "%.*s", BYTES_FMT(cause->message));
    }
}

void check_embedded(struct check *c, struct findings *list, const struct schema *schema, const struct json *value,
    const struct place *at)
{
    struct place place = {.up = at, .is_index = true};
    if (value->type == JSON_ARRAY && schema->type == SCHEMA_ARRAY && schema->items) {
        for (const struct json *item = value->first; item; item = item->next, place.index++)
            check_embedded(c, list, schema->items, item, &place);
        return;
    }
    if (value->type != JSON_OBJECT)
        return;
    if (schema->embedded_resource) {
        check_api_version(c, list, value, at);
        check_kind(c, list, value, at);
        check_metadata(c, list, value, at);
    }
    for (const struct json *member = value->first; member; member = member->next) {
        const struct schema_property *p = schema_property(schema, member->key);
        const struct schema *of = p ? p->schema : schema->type == SCHEMA_MAP ? schema->items : NULL;
        place = (struct place){.up = at, .name = member->key, .is_key = !p};
        if (of && of->custom)
            check_embedded(c, list, of, member, &place);
    }
}
