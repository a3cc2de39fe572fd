/* SPDX-License-Identifier: Apache-2.0 */
/* Structural schemas to the tables that schemac makes of ours. */
#include "api/custom_schema.h"
#include "api/schema_check.h"
#include "api/schema_format.h"
#include "text/regex.h"

#include <stdlib.h>

#define PATTERNS_MOST 64

struct compiler {
    struct arena *arena;
    struct error *error;
    struct { /* the same few patterns stand at many places */
        const char *text;
        const struct regex *regex;
    } patterns[PATTERNS_MOST];
    size_t pattern_count;
};

static const struct schema any_string = {.type = SCHEMA_STRING};
/* additionalProperties: true: values of any type, in which objects are empty. */
static const struct schema pruned = {.type = SCHEMA_ANY, .custom = true, .nullable = true};

static err_t fill(struct compiler *, const struct json *, bool nested, bool whole, struct schema *);
static err_t keep(struct compiler *, const struct schema *, const struct schema **ret);
static err_t compile(struct compiler *, const struct json *, bool nested, const struct schema **ret);

/* ---- Pieces. */

static bool is_true(const struct json *schema, const char *keyword)
{
    const struct json *value = json_get(schema, bytes_of(keyword));
    return value && value->type == JSON_TRUE;
}

static err_t no_memory(struct compiler *c)
{
    return arena_error(c->arena, c->error);
}

static err_t copy_text(struct compiler *c, bytes text, const char **ret)
{
    bytes copy = text.n ? arena_copy(c->arena, text) : BYTES_NONE;
    if (text.n && !copy.p)
        return no_memory(c);
    *ret = (const char *)copy.p;
    return ERR_OK;
}

static err_t copy_texts(struct compiler *c, const struct json *list, const char *const **ret, size_t *ret_count)
{
    size_t n = 0;
    if (!list || list->type != JSON_ARRAY || !list->count)
        return ERR_OK;
    const char **texts = arena_alloc(c->arena, list->count * sizeof(*texts));
    if (!texts)
        return no_memory(c);
    for (const struct json *item = list->first; item; item = item->next, n++) {
        bytes copy = arena_copy(c->arena, item->type == JSON_STRING ? item->text : BYTES(""));
        if (!copy.p)
            return no_memory(c);
        texts[n] = (const char *)copy.p;
    }
    *ret = texts;
    *ret_count = n;
    return ERR_OK;
}

static err_t copy_default(struct compiler *c, const struct json *schema, const char **ret)
{
    const struct json *value = json_get(schema, BYTES("default"));
    struct json *canonical;
    struct buffer b;
    if (!value || value->type == JSON_NULL)
        return ERR_OK;
    TRY(decode_tree(c->arena, &custom_any, value, FIELD_VALIDATION_IGNORE, NULL, &canonical, c->error));
    buffer_init(&b, c->arena);
    json_write(&b, canonical);
    buffer_byte(&b, '\0');
    if (b.failed)
        return no_memory(c);
    *ret = (const char *)b.p;
    return ERR_OK;
}

/* ---- Value validations. */

static void read_bounds(const struct json *schema, struct schema_constraints *k)
{
    const struct {
        const char *name;
        int64_t *place;
    } counts[] = {{"minLength", &k->min_length}, {"maxLength", &k->max_length}, {"minItems", &k->min_items},
        {"maxItems", &k->max_items}, {"minProperties", &k->min_properties}, {"maxProperties", &k->max_properties}};
    const struct {
        const char *name, *exclusive;
        double *place;
        unsigned flag, exclusive_flag;
    } numbers[] = {{"minimum", "exclusiveMinimum", &k->minimum, HAS_MINIMUM, EXCLUSIVE_MINIMUM},
        {"maximum", "exclusiveMaximum", &k->maximum, HAS_MAXIMUM, EXCLUSIVE_MAXIMUM},
        {"multipleOf", "", &k->multiple_of, HAS_MULTIPLE_OF, 0}};
    struct number n;
    unsigned flags = 0;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        const struct json *value = json_get(schema, bytes_of(counts[i].name));
        *counts[i].place = -1;
        if (value && json_to_int64(value, &n.whole) && n.whole >= 0)
            *counts[i].place = n.whole;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct json *value = json_get(schema, bytes_of(numbers[i].name));
        if (!value || !number_of(value, &n))
            continue;
        *numbers[i].place = n.value;
        flags |= numbers[i].flag | (is_true(schema, numbers[i].exclusive) ? numbers[i].exclusive_flag : 0);
    }
    k->flags = flags;
}

static err_t read_pattern(struct compiler *c, bytes text, const struct regex **ret, const char **ret_text)
{
    size_t at = 0;
    if (!text.n)
        return ERR_OK;
    while (at < c->pattern_count && !bytes_equal(text, bytes_of(c->patterns[at].text)))
        at++;
    if (at == PATTERNS_MOST)
        at = 0; /* forget one */
    if (at == c->pattern_count || !bytes_equal(text, bytes_of(c->patterns[at].text))) {
        const char *copy = NULL;
        const struct regex *regex = NULL;
        TRY(copy_text(c, text, &copy));
        err_t result = regex_compile(c->arena, bytes_of(copy), &regex, c->error);
        if (result == ERR_BAD_REQUEST)
            return error_set(c->error, ERR_INVALID, "a pattern does not compile");
        TRY(result);
        c->patterns[at].text = copy;
        c->patterns[at].regex = regex;
        c->pattern_count += at == c->pattern_count;
    }
    *ret = c->patterns[at].regex;
    *ret_text = c->patterns[at].text;
    return ERR_OK;
}

static err_t read_alternatives(struct compiler *c, const struct json *schema, const char *keyword,
    const struct schema *const **ret, size_t *ret_count)
{
    const struct json *list = json_get(schema, bytes_of(keyword));
    size_t n = 0;
    if (!list || list->type != JSON_ARRAY || !list->count)
        return ERR_OK;
    const struct schema **schemas = arena_alloc(c->arena, list->count * sizeof(const struct schema *));
    if (!schemas)
        return no_memory(c);
    for (const struct json *item = list->first; item; item = item->next)
        TRY(compile(c, item, true, &schemas[n++]));
    *ret = schemas;
    *ret_count = n;
    return ERR_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names that are required but no properties; those of properties are marked there. */
static err_t read_required(
    struct compiler *c, const struct json *schema, const struct schema *s, struct schema_constraints *k)
{
    const struct json *list = json_get(schema, BYTES("required"));
    size_t n = 0;
    if (!list || list->type != JSON_ARRAY)
        return ERR_OK;
    const char **names = arena_alloc(c->arena, list->count * sizeof(*names));
    if (!names)
        return no_memory(c);
    for (const struct json *item = list->first; item; item = item->next)
        if (item->type == JSON_STRING && !schema_property(s, item->text)) {
            bytes copy = arena_copy(c->arena, item->text);
            if (!copy.p)
                return no_memory(c);
            names[n++] = (const char *)copy.p;
        }
    if (n)
        qsort(names, n, sizeof(*names), by_text);
    k->required = names;
    k->required_count = n;
    return ERR_OK;
}

static err_t read_format(struct compiler *c, struct schema *s, const struct json *schema, struct schema_constraints *k)
{
    bytes format = json_text(schema, BYTES("format"));
    TRY(copy_text(c, format, &s->format));
    k->format = format.n ? schema_format_find(format) : NULL;
    return k->format ? schema_format_pattern(k->format, &k->format_pattern, c->error) : ERR_OK;
}

/* What there is one of, is kept; most schemas have none. */
static bool is_constrained(const struct schema_constraints *k)
{
    return k->flags || k->min_length >= 0 || k->max_length >= 0 || k->min_items >= 0 || k->max_items >= 0 ||
           k->min_properties >= 0 || k->max_properties >= 0 || k->pattern || k->format || k->required_count ||
           k->enumeration || k->all_of_count || k->any_of_count || k->one_of_count || k->not || k->rule_count;
}

static err_t read_constraints(struct compiler *c, const struct json *schema, struct schema *s)
{
    struct schema_constraints k = {0}, *kept;
    const struct json *values = json_get(schema, BYTES("enum")), *not = json_get(schema, BYTES("not")),
                      *rules = json_get(schema, BYTES("x-kubernetes-validations"));
    read_bounds(schema, &k);
    TRY(read_pattern(c, json_text(schema, BYTES("pattern")), &k.pattern, &k.pattern_text));
    TRY(read_format(c, s, schema, &k));
    TRY(read_required(c, schema, s, &k));
    if (values && values->type == JSON_ARRAY && values->count && !(k.enumeration = json_copy(c->arena, values)))
        return no_memory(c);
    TRY(read_alternatives(c, schema, "allOf", &k.all_of, &k.all_of_count));
    TRY(read_alternatives(c, schema, "anyOf", &k.any_of, &k.any_of_count));
    TRY(read_alternatives(c, schema, "oneOf", &k.one_of, &k.one_of_count));
    if (not )
        TRY(compile(c, not, true, &k.not ));
    k.rule_count = rules ? rules->count : 0;
    if (!is_constrained(&k))
        return ERR_OK;
    kept = arena_alloc(c->arena, sizeof(*kept));
    if (!kept)
        return no_memory(c);
    *kept = k;
    s->constraints = kept;
    return ERR_OK;
}

/* ---- Structure. */

static enum schema_type type_of(const struct json *schema)
{
    static const struct {
        const char *name;
        enum schema_type type;
    } types[] = {{"string", SCHEMA_STRING}, {"integer", SCHEMA_INTEGER}, {"number", SCHEMA_NUMBER},
        {"boolean", SCHEMA_BOOLEAN}, {"array", SCHEMA_ARRAY}, {"object", SCHEMA_OBJECT}};
    bytes name = json_text(schema, BYTES("type"));
    if (is_true(schema, "x-kubernetes-int-or-string"))
        return SCHEMA_INT_OR_STRING;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (bytes_equal(name, bytes_of(types[i].name)))
            return types[i].type;
    return SCHEMA_ANY;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct schema_property *)a)->name, ((const struct schema_property *)b)->name);
}

static err_t set_name(struct compiler *c, struct schema_property *p, bytes name)
{
    bytes copy = arena_copy(c->arena, name);
    if (!copy.p)
        return no_memory(c);
    p->name = (const char *)copy.p;
    p->name_length = (uint32_t)name.n;
    p->presence = PRESENCE_KEPT;
    return ERR_OK;
}

static err_t read_property(struct compiler *c, const struct json *member, bool nested, struct schema_property *ret)
{
    struct schema s;
    TRY(set_name(c, ret, member->key));
    TRY(fill(c, member, nested, false, &s));
    ret->description = s.description;
    ret->default_json = s.default_json;
    s.description = s.default_json = NULL;
    return keep(c, &s, &ret->schema);
}

static void mark_required(const struct json *schema, struct schema_property *properties, uint32_t count)
{
    const struct json *list = json_get(schema, BYTES("required"));
    const struct schema sorted = {.custom = true, .properties = properties, .property_count = count};
    for (const struct json *item = list && list->type == JSON_ARRAY ? list->first : NULL; item; item = item->next) {
        const struct schema_property *p = item->type == JSON_STRING ? schema_property(&sorted, item->text) : NULL;
        if (p)
            properties[p - properties].required = true;
    }
}

/* Room for `more` properties at the end, which are not made yet. */
static err_t read_properties(struct compiler *c, const struct json *schema, bool nested, uint32_t more,
    struct schema_property **ret, uint32_t *ret_count)
{
    const struct json *members = json_get(schema, BYTES("properties"));
    bool any = members && members->type == JSON_OBJECT;
    uint32_t n = 0;
    struct schema_property *properties =
        arena_zero(c->arena, ((any ? members->count : 0) + (size_t)more) * sizeof(*properties));
    if (!properties)
        return no_memory(c);
    for (const struct json *member = any ? members->first : NULL; member; member = member->next)
        TRY(read_property(c, member, nested, &properties[n++]));
    if (n)
        qsort(properties, n, sizeof(*properties), by_name);
    mark_required(schema, properties, n);
    *ret = properties;
    *ret_count = n;
    return ERR_OK;
}

/* The typed metadata, with what the definition asks of names. */
static err_t make_metadata(struct compiler *c, const struct schema *asked, const struct schema **ret)
{
    static const char *const names[] = {"generateName", "name"};
    const struct schema *meta = custom_object_meta();
    struct schema *copy = arena_alloc(c->arena, sizeof(*copy));
    if (!copy)
        return arena_error(c->arena, c->error);
    if (!meta)
        return error_set(c->error, ERR_NO_MEMORY, "out of memory");
    *copy = *meta;
    *ret = meta;
    struct schema_property *properties = arena_alloc(c->arena, meta->property_count * sizeof(*properties));
    if (!properties)
        return no_memory(c);
    memcpy(properties, meta->properties, meta->property_count * sizeof(*properties));
    copy->properties = properties;
    copy->constraints = asked ? asked->constraints : NULL;
    for (uint32_t i = 0; asked && i < meta->property_count; i++)
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            const struct schema_property *p = schema_property(asked, bytes_of(names[k]));
            if (!p || strcmp(properties[i].name, names[k]) != 0)
                continue;
            struct schema *text = arena_alloc(c->arena, sizeof(*text));
            if (!text)
                return no_memory(c);
            *text = any_string;
            text->constraints = p->schema->constraints;
            text->format = p->schema->format;
            properties[i].schema = text;
            properties[i].required = p->required;
            *ret = copy;
        }
    if (copy->constraints)
        *ret = copy;
    return ERR_OK;
}

/* Objects with a type and metadata of their own: the root and embedded ones. What they say of apiVersion and kind is
 * kept for the validation. */
static err_t add_type_and_metadata(struct compiler *c, struct schema_property *properties, uint32_t *count)
{
    static const char *const names[] = {"apiVersion", "kind", "metadata"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct schema_property *p = NULL;
        for (uint32_t k = 0; k < *count; k++)
            if (strcmp(properties[k].name, names[i]) == 0)
                p = &properties[k];
        if (!p) {
            p = &properties[(*count)++];
            TRY(set_name(c, p, bytes_of(names[i])));
        }
        if (i == 2)
            TRY(make_metadata(c, p->schema, &p->schema));
        else if (!p->schema)
            p->schema = &any_string;
        p->default_json = NULL;
    }
    qsort(properties, *count, sizeof(*properties), by_name);
    return ERR_OK;
}

static err_t read_structure(struct compiler *c, const struct json *schema, bool nested, bool whole, struct schema *s)
{
    const struct json *items = json_get(schema, BYTES("items")),
                      *values = json_get(schema, BYTES("additionalProperties"));
    struct schema_property *properties = NULL;
    bool typed = whole || s->embedded_resource;
    TRY(read_properties(c, schema, nested, typed ? 3 : 0, &properties, &s->property_count));
    if (typed)
        TRY(add_type_and_metadata(c, properties, &s->property_count));
    s->properties = properties;
    if (items && items->type == JSON_OBJECT) {
        s->type = s->type == SCHEMA_ANY ? SCHEMA_ARRAY : s->type;
        return compile(c, items, nested, &s->items);
    }
    if (!values || s->property_count)
        return ERR_OK;
    if (values->type == JSON_OBJECT)
        TRY(compile(c, values, nested, &s->items));
    else if (values->type == JSON_TRUE)
        s->items = &pruned;
    else
        return ERR_OK;
    s->type = SCHEMA_MAP;
    return ERR_OK;
}

static err_t read_extensions(struct compiler *c, const struct json *schema, struct schema *s)
{
    size_t keys = 0;
    s->nullable = is_true(schema, "nullable");
    s->preserves_unknown = is_true(schema, "x-kubernetes-preserve-unknown-fields");
    s->embedded_resource = is_true(schema, "x-kubernetes-embedded-resource");
    TRY(copy_text(c, json_text(schema, BYTES("description")), &s->description));
    TRY(copy_text(c, json_text(schema, BYTES("x-kubernetes-list-type")), &s->list_type));
    TRY(copy_text(c, json_text(schema, BYTES("x-kubernetes-map-type")), &s->map_type));
    TRY(copy_texts(c, json_get(schema, BYTES("x-kubernetes-list-map-keys")), &s->list_map_keys, &keys));
    s->list_map_key_count = (uint32_t)keys;
    return copy_default(c, schema, &s->default_json);
}

static err_t fill(struct compiler *c, const struct json *schema, bool nested, bool whole, struct schema *s)
{
    *s = (struct schema){.custom = true};
    if (schema->type != JSON_OBJECT)
        return error_set(c->error, ERR_INVALID, "a schema is no object");
    s->type = type_of(schema);
    s->typeless = s->type == SCHEMA_ANY;
    TRY(read_extensions(c, schema, s));
    TRY(read_structure(c, schema, nested, whole, s));
    return read_constraints(c, schema, s);
}

/* Most schemas are a type and no more: there is one of each. */
static err_t keep(struct compiler *c, const struct schema *s, const struct schema **ret)
{
    static const struct schema plain[] = {[SCHEMA_STRING] = {.type = SCHEMA_STRING, .custom = true},
        [SCHEMA_INTEGER] = {.type = SCHEMA_INTEGER, .custom = true},
        [SCHEMA_NUMBER] = {.type = SCHEMA_NUMBER, .custom = true},
        [SCHEMA_BOOLEAN] = {.type = SCHEMA_BOOLEAN, .custom = true}};
    bool scalar =
        s->type == SCHEMA_STRING || s->type == SCHEMA_INTEGER || s->type == SCHEMA_NUMBER || s->type == SCHEMA_BOOLEAN;
    if (scalar && !s->description && !s->default_json && !s->format && !s->constraints && !s->nullable && !s->items &&
        !s->preserves_unknown && !s->property_count && !s->list_type) {
        *ret = &plain[s->type];
        return ERR_OK;
    }
    struct schema *copy = arena_alloc(c->arena, sizeof(*copy));
    if (!copy)
        return no_memory(c);
    *copy = *s;
    *ret = copy;
    return ERR_OK;
}

static err_t compile(struct compiler *c, const struct json *schema, bool nested, const struct schema **ret)
{
    struct schema s;
    TRY(fill(c, schema, nested, false, &s));
    return keep(c, &s, ret);
}

err_t custom_schema_compile(
    struct arena *arena, const struct json *schema, const struct schema **ret, struct error *error)
{
    struct compiler c = {.arena = arena, .error = error};
    struct schema s;
    TRY(fill(&c, schema, false, true, &s));
    return keep(&c, &s, ret);
}

err_t custom_schema_compile_part(
    struct arena *arena, const struct json *schema, const struct schema **ret, struct error *error)
{
    struct compiler c = {.arena = arena, .error = error};
    return compile(&c, schema, false, ret);
}
