/* SPDX-License-Identifier: Apache-2.0 */
/* A kind with a field of every sort that owners are kept of. */
#ifndef COFFER_TESTS_API_THING_H
#define COFFER_TESTS_API_THING_H

#include "api/kind.h"
#include "api/schemas.h"

static const struct schema text_schema = {.type = SCHEMA_STRING}, number_schema = {.type = SCHEMA_INTEGER};
static const struct schema texts_schema = {.type = SCHEMA_MAP, .items = &text_schema};
static const struct schema atom_schema = {.type = SCHEMA_MAP, .items = &text_schema, .map_type = "atomic"};
static const struct schema list_schema = {.type = SCHEMA_ARRAY, .items = &text_schema};
static const struct schema set_schema = {.type = SCHEMA_ARRAY, .items = &text_schema, .list_type = "set"};
#define PROPERTY(member, of, ...)                                                                                      \
    {                                                                                                                  \
        .name = member, .schema = of, .name_length = sizeof(member) - 1, __VA_ARGS__                                   \
    }
static const struct schema_property item_properties[] = {
    PROPERTY("k", &text_schema, .required = true),
    PROPERTY("l", &text_schema, .default_json = "\"1\""),
    PROPERTY("v", &text_schema),
    PROPERTY("map", &texts_schema),
};
static const struct schema item_schema = {
    .type = SCHEMA_OBJECT, .properties = item_properties, .property_count = ARRAY_LEN(item_properties)};
static const char *const keys[] = {"k", "l"};
static const struct schema keyed_schema = {
    .type = SCHEMA_ARRAY, .items = &item_schema, .list_type = "map", .list_map_keys = keys, .list_map_key_count = 2};
static const struct schema_property spec_properties[] = {
    PROPERTY("number", &number_schema, .presence = PRESENCE_KEPT),
    PROPERTY("atom", &atom_schema),
    PROPERTY("list", &list_schema),
    PROPERTY("map", &texts_schema),
    PROPERTY("set", &set_schema),
    PROPERTY("keyed", &keyed_schema),
};
static const struct schema spec_schema = {
    .type = SCHEMA_OBJECT, .properties = spec_properties, .property_count = ARRAY_LEN(spec_properties)};
static const struct schema_property properties[] = {
    PROPERTY("kind", &text_schema),
    PROPERTY("apiVersion", &text_schema),
    PROPERTY("metadata", &schema_object_meta, .presence = PRESENCE_ALWAYS),
    PROPERTY("spec", &spec_schema),
    PROPERTY("status", &texts_schema),
};
static const struct schema thing_schema = {
    .type = SCHEMA_OBJECT, .properties = properties, .property_count = ARRAY_LEN(properties)};
static const struct kind_subresource thing_subresources[] = {{.which = SUBRESOURCE_STATUS}};
static const struct kind thing = {.group = "test",
    .version = "v1",
    .kind = "Thing",
    .plural = "things",
    .schema = &thing_schema,
    .rules = &no_rules,
    .subresources = thing_subresources,
    .subresource_count = ARRAY_LEN(thing_subresources)};

#endif
