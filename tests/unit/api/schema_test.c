/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schemas.h"
#include "fixture.h"

#include <strings.h>

#define ADDRESS(schema) &(schema),
static const struct schema *const all[] = {SCHEMAS_EACH(ADDRESS)};

static const struct schema *named(bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (bytes_equal(name, bytes_of(all[i]->openapi_name)))
            return all[i];
    fail_msg("%s is not among the schemas", text(name));
    return NULL;
}

static const char *type_name(const struct schema *schema)
{
    static const char *const names[SCHEMA_TYPE_COUNT] = {[SCHEMA_STRING] = "string",
        [SCHEMA_NUMBER] = "number",
        [SCHEMA_OBJECT] = "object",
        [SCHEMA_BYTES] = "string",
        [SCHEMA_TIME] = "string",
        [SCHEMA_INTEGER] = "integer",
        [SCHEMA_BOOLEAN] = "boolean",
        [SCHEMA_ARRAY] = "array",
        [SCHEMA_MAP] = "object"};
    return names[schema->type] ? names[schema->type] : "";
}

static void check_keyword(const struct json *fact, const char *keyword, const char *ours)
{
    assert_string_equal(text(json_text(fact, bytes_of(keyword))), ours ? ours : "");
}

static void check_type(const struct json *fact, const struct schema *schema)
{
    bytes ref = json_text(fact, BYTES("$ref"));
    if (ref.n && bytes_end(ref, BYTES(".Time"))) {
        assert_int_equal(schema->type, SCHEMA_TIME);
        return;
    }
    if (ref.n && bytes_end(ref, BYTES(".MicroTime"))) {
        assert_int_equal(schema->type, SCHEMA_MICRO_TIME);
        return;
    }
    if (ref.n) {
        assert_string_equal(schema->openapi_name, text(ref));
        return;
    }
    check_keyword(fact, "type", type_name(schema));
    check_keyword(fact, "format", schema->type == SCHEMA_BYTES ? "byte" : schema->format);
    check_keyword(fact, "x-kubernetes-list-type", schema->list_type);
    check_keyword(fact, "x-kubernetes-patch-strategy", schema->patch_strategy);
    check_keyword(fact, "x-kubernetes-patch-merge-key", schema->patch_merge_key);
    const struct json *keys = json_get(fact, BYTES("x-kubernetes-list-map-keys")),
                      *items = json_get(fact, BYTES("items"));
    assert_int_equal(keys ? keys->count : 0, schema->list_map_key_count);
    if (!items)
        items = json_get(fact, BYTES("additionalProperties"));
    assert_int_equal(items != NULL, schema->items != NULL);
    if (items)
        check_type(items, schema->items);
}

static bool contains(const struct json *list, const char *name)
{
    for (const struct json *item = list ? list->first : NULL; item; item = item->next)
        if (bytes_equal(item->text, bytes_of(name)))
            return true;
    return false;
}

/* ---- Numbers, by message: members of one object may lie in a message within */

static const struct json *field_of(const struct json *fact, uint32_t number, uint32_t *ret_place)
{
    *ret_place = 0;
    for (const struct json *field = json_get(fact, BYTES("fields"))->first; field; field = field->next, ++*ret_place) {
        int64_t n;
        assert_true(json_to_int64(field->first, &n));
        if (n == number)
            return field;
    }
    fail_msg("%s has no field %u", text(fact->key), number);
    return NULL;
}

/* The message that a field names, of the same package. */
static const struct json *message_of(const struct json *facts, const struct json *fact, const struct json *field)
{
    size_t n = fact->key.n;
    while (n && fact->key.p[n - 1] != '.')
        n--;
    bytes name = arena_join(&arena, (bytes){fact->key.p, n}, field->first->next->next->text, ARENA_END);
    const struct json *message = json_get(facts, name);
    if (!message)
        fail_msg("%s is not among the facts", text(name));
    return message;
}

/* Go's generator writes a few names otherwise than the JSON has them. */
static bool same_name(const char *json, bytes wire)
{
    size_t n = strlen(json);
    if (strchr(json, '-') || json[0] == '$')
        return true;
    return n == wire.n && strncasecmp(json, (const char *)wire.p, n) == 0;
}

/* Returns where in the order of the outer message's fields it is. */
static uint32_t check_number(const struct json *facts, const struct json *fact, const struct schema_property *p)
{
    int shift = p->protobuf > 0xffff ? 16 : p->protobuf > 0xff ? 8 : 0;
    uint32_t first, place;
    const struct json *field = field_of(fact, p->protobuf >> shift, &first);
    while (shift) {
        shift -= 8;
        fact = message_of(facts, fact, field);
        field = field_of(fact, p->protobuf >> shift & 0xff, &place);
    }
    if (!same_name(p->name, field->first->next->text))
        fail_msg("%s of %s has the number of %s", p->name, text(fact->key), text(field->first->next->text));
    return first;
}

static void check_properties(const struct json *facts, const struct json *fact, const struct schema *schema)
{
    const struct json *openapi = json_get(fact, BYTES("openapi")), *properties = json_get(openapi, BYTES("properties"));
    uint32_t before = 0;
    assert_int_equal(properties ? properties->count : 0, schema->property_count);
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        const struct json *known = json_get(properties, bytes_of(p->name));
        assert_non_null(known);
        check_type(known, p->schema);
        assert_int_equal(p->required, contains(json_get(openapi, BYTES("required")), p->name));
        assert_int_equal(p->name_length, strlen(p->name));
        if (!p->protobuf)
            continue; /* kind and apiVersion, which lie in the envelope */
        uint32_t place = check_number(facts, fact, p);
        assert_true(place >= before);
        before = place;
    }
}

/* Those whose form OpenAPI does not tell. */
static bool is_special(const struct schema *schema)
{
    return schema->type == SCHEMA_UNION || schema->type == SCHEMA_ANY || schema->type == SCHEMA_QUANTITY ||
           schema->type == SCHEMA_INT_OR_STRING || schema->type == SCHEMA_RAW_JSON;
}

static bool is_inlined(const struct json *fact)
{
    return !json_get(fact, BYTES("openapi")) || bytes_end(fact->key, BYTES(".meta.v1.Time")) ||
           bytes_end(fact->key, BYTES(".meta.v1.MicroTime"));
}

static void the_schemas_are_those_of_kubernetes(void **state)
{
    struct json *facts;
    size_t checked = 0;
    (void)state;
    assert_int_equal(
        json_parse(&arena, golden("schema/facts.json"), &(struct json_options){0}, &facts, NULL, &error), ERR_OK);
    for (const struct json *fact = facts->first; fact; fact = fact->next) {
        if (is_inlined(fact))
            continue;
        const struct schema *schema = named(fact->key);
        check_keyword(json_get(fact, BYTES("openapi")), "x-kubernetes-map-type", schema->map_type);
        if (!is_special(schema))
            check_properties(facts, fact, schema);
        checked++;
    }
    assert_int_equal(checked, ARRAY_LEN(all));
}

/* ---- Loading */

static const char *load(const char *json)
{
    struct schema_list list = {0};
    struct json *file;
    assert_int_equal(json_parse(&arena, bytes_of(json), &(struct json_options){0}, &file, NULL, &error), ERR_OK);
    if (schemas_load(&arena, file, &list, &error) == ERR_OK && schemas_link(&list, &error) == ERR_OK)
        return "";
    return text(error.message);
}

static void what_is_not_understood_is_refused(void **state)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"{\"a.B\":{\"type\":\"object\"}}", ""},
        {"[]", ": no map of schemas \"\""},
        {"{\"a.B\":5}", "a.B: no map \"a.B\""},
        {"{\"a.B\":{\"typ\":\"object\"}}", "a.B: unknown keyword \"typ\""},
        {"{\"a.B\":{\"type\":\"objekt\"}}", "a.B: unknown type \"objekt\""},
        {"{\"a.B\":{}}", ""},
        {"{\"a.B\":{\"type\":\"array\"}}", "a.B: items do not fit the type \"array\""},
        {"{\"a.B\":{\"type\":\"string\",\"items\":{\"type\":\"string\"}}}",
            "a.B: items do not fit the type \"string\""},
        {"{\"a.B\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"string\",\"x\":1}}}}",
            "a.B.c: unknown keyword \"x\""},
        {"{\"a.B\":{\"type\":\"object\",\"required\":[\"c\"]}}", "a.B: required, but no property: \"c\""},
        {"{\"a.B\":{\"type\":\"object\",\"properties\":{\"c\":{\"$ref\":\"a.C\"}}}}",
            "$ref: no schema is named \"a.C\""},
        {"{\"a.B\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"string\",\"x-presence\":\"often\"}}}}",
            "a.B.c: unknown presence \"often\""},
        {"{\"a.B\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"string\",\"x-protobuf\":0}}}}",
            "a.B.c: no field number: \"x-protobuf\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(load(cases[i].json), cases[i].says);
}

static void references_are_linked(void **state)
{
    struct schema_list list = {0};
    struct json *file;
    bytes json = BYTES("{\"x.A\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"array\",\"items\":{\"$ref\":"
                       "\"x.B\"}}}},\"x.B\":{\"type\":\"object\"}}");
    (void)state;
    assert_int_equal(json_parse(&arena, json, &(struct json_options){0}, &file, NULL, &error), ERR_OK);
    assert_int_equal(schemas_load(&arena, file, &list, &error), ERR_OK);
    assert_int_equal(schemas_link(&list, &error), ERR_OK);
    assert_int_equal(list.count, 2);
    assert_ptr_equal(list.schemas[0]->properties[0].schema->items, list.schemas[1]);
}

static void members_are_arranged_in_canonical_order(void **state)
{
    struct json *object;
    struct buffer out;
    bytes json = BYTES("{\"type\":\"t\",\"other\":1,\"metadata\":{\"uid\":\"u\",\"labels\":{\"b\":\"\",\"a\":\"\"},"
                       "\"name\":\"n\"},\"kind\":\"Secret\"}");
    (void)state;
    assert_int_equal(json_parse(&arena, json, &(struct json_options){0}, &object, NULL, &error), ERR_OK);
    schema_arrange(&schema_secret, object);
    buffer_init(&out, &arena);
    json_write(&out, object);
    assert_string_equal(text(buffer_bytes(&out)), "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\",\"uid\":\"u\","
                                                  "\"labels\":{\"a\":\"\",\"b\":\"\"}},\"type\":\"t\",\"other\":1}");
    assert_null(object->last->next);
    assert_string_equal(text(object->last->key), "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(the_schemas_are_those_of_kubernetes),
        TEST(what_is_not_understood_is_refused), TEST(references_are_linked),
        TEST(members_are_arranged_in_canonical_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
