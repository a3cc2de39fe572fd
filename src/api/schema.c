/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema.h"

const struct schema_property *schema_property(const struct schema *schema, bytes name)
{
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        if (p->name_length == name.n && memcmp(p->name, name.p, name.n) == 0)
            return p;
    }
    return NULL;
}

const struct schema_property *schema_property_by_number(const struct schema *schema, uint32_t protobuf)
{
    for (uint32_t i = 0; protobuf && i < schema->property_count; i++)
        if (schema->properties[i].protobuf == protobuf)
            return &schema->properties[i];
    return NULL;
}

/* Place of a member in canonical order. */
static uint32_t rank(const struct schema *schema, const struct json *member)
{
    const struct schema_property *p = schema_property(schema, member->key);
    return p ? (uint32_t)(p - schema->properties) : schema->property_count;
}

/* Stable insertion: members are few, and nearly always in order. */
static void order_members(const struct schema *schema, struct json *object)
{
    struct json *rest = object->first;
    object->first = object->last = NULL;
    while (rest) {
        struct json *member = rest, **at = &object->first;
        rest = rest->next;
        uint32_t r = rank(schema, member);
        if (object->last && rank(schema, object->last) <= r)
            at = &object->last->next;
        else
            while (*at && rank(schema, *at) <= r)
                at = &(*at)->next;
        member->next = *at;
        *at = member;
        if (!member->next)
            object->last = member;
    }
}

void schema_arrange(const struct schema *schema, struct json *object)
{
    if (!object || object->type != JSON_OBJECT)
        return;
    if (schema->type == SCHEMA_MAP || schema->custom)
        json_sort(object);
    else if (schema->type == SCHEMA_OBJECT)
        order_members(schema, object);
    for (struct json *member = schema->property_count ? object->first : NULL; member; member = member->next) {
        const struct schema_property *p = schema_property(schema, member->key);
        if (p)
            schema_arrange(p->schema, member);
    }
}
