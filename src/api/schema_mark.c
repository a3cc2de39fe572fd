/* SPDX-License-Identifier: Apache-2.0 */
/* Which fields name another object: none that looks like one may be forgotten. */
#include "api/schema.h"

#include <strings.h>

#define DEPTH_MOST 32

const char *schema_target_name(enum schema_target target)
{
    static const char *const names[TARGET_COUNT] = {[TARGET_SECRET] = "secret",
        [TARGET_SERVICE_ACCOUNT] = "serviceaccount",
        [TARGET_CONFIG_MAP] = "configmap",
        [TARGET_CLAIM] = "persistentvolumeclaim",
        [TARGET_VOLUME] = "persistentvolume",
        [TARGET_RESOURCE_CLAIM] = "resourceclaim",
        [TARGET_RESOURCE_CLAIM_TEMPLATE] = "resourceclaimtemplate",
        [TARGET_SERVICE] = "service",
        [TARGET_ENDPOINTS] = "endpoints",
        [TARGET_OBJECT] = "object"};
    return names[target];
}

/* ---- What looks like a reference. */

/* What a field holds, in however many lists and maps. */
static const struct schema *held(const struct schema *schema)
{
    while (schema->items && (schema->type == SCHEMA_ARRAY || schema->type == SCHEMA_MAP))
        schema = schema->items;
    return schema;
}

static bool can_name(const struct schema *schema)
{
    switch (schema->type) {
    case SCHEMA_ANY:
    case SCHEMA_STRING:
    case SCHEMA_OBJECT:
    case SCHEMA_UNION:
    case SCHEMA_INT_OR_STRING:
    case SCHEMA_RAW_JSON:
        return true;
    default:
        return false;
    }
}

static bool has_word(const char *name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

static const struct schema_property *string_property(const struct schema *schema, const char *name)
{
    const struct schema_property *p = schema->type == SCHEMA_OBJECT ? schema_property(schema, bytes_of(name)) : NULL;
    return p && p->schema->type == SCHEMA_STRING ? p : NULL;
}

static bool type_looks_like_one(const struct schema *type)
{
    static const char *const words[] = {"Secret", "ServiceAccount", "ConfigMap", "Reference"};
    if (type->gvk || type->unreferring)
        return false;
    return (type->name && has_word(type->name, words, ARRAY_LEN(words))) ||
           (string_property(type, "name") && string_property(type, "namespace"));
}

static bool is_taken(const struct schema *in, const char *name)
{
    for (uint32_t i = 0; i < in->property_count; i++)
        if (in->properties[i].target_namespace && strcmp(in->properties[i].target_namespace, name) == 0)
            return true;
    return false;
}

/* A namespace that no reference takes. A type that has a name too is a reference as a whole. */
static bool is_loose_namespace(const struct schema *in, const struct schema_property *p)
{
    bytes name = {(const uint8_t *)p->name, p->name_length};
    if (p->schema->type != SCHEMA_STRING || in->unreferring)
        return false;
    if (bytes_equal(name, BYTES("namespace")))
        return !string_property(in, "name");
    return bytes_end(name, BYTES("Namespace"));
}

static bool looks_like_one(const struct schema *in, const struct schema_property *p)
{
    static const char *const words[] = {"secret", "serviceaccount", "configmap", "claimname"};
    const struct schema *type = held(p->schema);
    if (is_taken(in, p->name))
        return false;
    return can_name(type) &&
           (has_word(p->name, words, ARRAY_LEN(words)) || type_looks_like_one(type) || is_loose_namespace(in, p));
}

static bool has_mark(const struct schema *type)
{
    for (uint32_t i = 0; i < type->property_count; i++)
        if (type->properties[i].target > TARGET_NONE)
            return true;
    return false;
}

/* ---- Whether each is settled, and rightly. */

static err_t refuse(struct error *error, const struct schema *owner, const struct schema_property *p, const char *why)
{
    return error_set(error, ERR_BAD_REQUEST, "%s.%s: %s", owner->openapi_name, p->name, why);
}

static bool fits(const struct schema *in, const struct schema_property *p)
{
    const struct schema *type = held(p->schema);
    if (p->target_namespace)
        return type->type == SCHEMA_STRING && string_property(in, p->target_namespace);
    return type->type == SCHEMA_STRING || string_property(type, "name");
}

/* owner: the named schema that holds it. */
static err_t check(const struct schema *owner, const struct schema *schema, unsigned depth, struct error *error)
{
    if (depth == DEPTH_MOST)
        return error_set(error, ERR_BAD_REQUEST, "%s: too deep", owner->openapi_name);
    if (schema->items && !schema->items->name)
        TRY(check(owner, schema->items, depth + 1, error));
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        if (p->target > TARGET_NONE && !fits(schema, p))
            return refuse(error, owner, p, "x-coffer-reference does not fit its type, or what stands beside it");
        if (p->target == TARGET_UNMARKED && looks_like_one(schema, p) && !has_mark(held(p->schema)))
            return refuse(error, owner, p,
                "looks like a reference to another object, and has no x-coffer-reference: mark what it names, or "
                "say {none: REASON}");
        if (!p->schema->name)
            TRY(check(owner, p->schema, depth + 1, error));
    }
    return ERR_OK;
}

/* ---- What lies below. */

static uint32_t targets_below(const struct schema *schema)
{
    uint32_t targets = schema->items ? schema->items->targets : 0;
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        targets |= p->schema->targets | (p->target > TARGET_NONE ? TARGET_BIT(p->target) : 0);
    }
    return targets;
}

err_t schemas_mark(struct schema_list *list, struct error *error)
{
    for (size_t i = 0; i < list->count; i++)
        TRY(check(list->schemas[i], list->schemas[i], 0, error));
    for (bool changed = true; changed;) { /* schemas may hold themselves */
        changed = false;
        for (struct schema_node *node = list->all; node; node = node->next) {
            uint32_t targets = targets_below(node->schema);
            changed = changed || targets != node->schema->targets;
            node->schema->targets = targets;
        }
    }
    return ERR_OK;
}
