/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema.h"

/* Those of custom resources are in order, and may be as many as a definition has room for. */
static const struct schema_property *search(const struct schema *schema, bytes name)
{
    uint32_t low = 0, high = schema->property_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct schema_property *p = &schema->properties[middle];
        int order = bytes_compare(name, (bytes){(const uint8_t *)p->name, p->name_length});
        if (order == 0)
            return p;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct schema_property *schema_property(const struct schema *schema, bytes name)
{
    if (schema->custom)
        return search(schema, name);
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

static void arrange_children(const struct schema *schema, struct json *value)
{
    for (struct json *child = value->first; child; child = child->next) {
        const struct schema_property *p = schema->property_count ? schema_property(schema, child->key) : NULL;
        const struct schema *of_child = p ? p->schema : schema->items;
        if (of_child)
            schema_arrange(of_child, child);
    }
}

void schema_arrange(const struct schema *schema, struct json *value)
{
    if (!value || (value->type != JSON_OBJECT && value->type != JSON_ARRAY))
        return;
    if (value->type == JSON_OBJECT && (schema->type == SCHEMA_MAP || schema->custom))
        json_sort(value);
    else if (value->type == JSON_OBJECT && schema->type == SCHEMA_OBJECT)
        order_members(schema, value);
    arrange_children(schema, value);
}
