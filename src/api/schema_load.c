/* SPDX-License-Identifier: Apache-2.0 */
/* Schema files to tables. Strict: whatever is not understood is an error, so that a misspelt keyword cannot weaken a
 * kind. */
#include "api/schema.h"

#define MAX_DEPTH 32

/* A place that holds a schema of nothing but a name, until the one of that name is put there. */
struct schema_reference {
    const struct schema **place;
    struct schema_reference *next;
};

struct loader {
    struct arena *arena;
    struct error *error;
    struct schema_list *list;
    bytes names[MAX_DEPTH]; /* where we are, for errors */
    unsigned depth;
};

static err_t refuse(struct loader *l, const char *what, bytes which)
{
    struct buffer path;
    buffer_init(&path, l->arena);
    for (unsigned i = 0; i < l->depth; i++) {
        if (i)
            buffer_byte(&path, '.');
        buffer_put(&path, l->names[i]);
    }
    return error_set(l->error, ERR_BAD_REQUEST, "%.*s: %s \"%.*s\"",
        BYTES_FMT(path.n ? buffer_bytes(&path) : BYTES("")), what, BYTES_FMT(which));
}

static err_t text_of(struct loader *l, const struct json *value, const char **ret)
{
    if (value->type != JSON_STRING)
        return refuse(l, "no string", value->key);
    bytes copy = arena_copy(l->arena, value->text);
    if (!copy.p)
        return arena_error(l->arena, l->error);
    *ret = (const char *)copy.p;
    return ERR_OK;
}

static err_t json_text_of(struct loader *l, const struct json *value, const char **ret)
{
    struct buffer b;
    buffer_init(&b, l->arena);
    json_write(&b, value);
    buffer_byte(&b, '\0');
    if (b.failed)
        return arena_error(l->arena, l->error);
    *ret = (const char *)b.p;
    return ERR_OK;
}

static err_t texts_of(struct loader *l, const struct json *list, const char *const **ret, uint32_t *ret_count)
{
    if (list->type != JSON_ARRAY)
        return refuse(l, "no list", list->key);
    const char **texts = arena_zero(l->arena, list->count * sizeof(*texts));
    if (!texts)
        return arena_error(l->arena, l->error);
    uint32_t n = 0;
    for (const struct json *item = list->first; item; item = item->next)
        TRY(text_of(l, item, &texts[n++]));
    *ret = texts, *ret_count = n;
    return ERR_OK;
}

/* What a keyword writes to. */
struct target {
    struct schema *schema;
    struct schema_property *property; /* NULL outside properties */
    const struct json *whole;         /* the schema in the file */
};

static err_t load(struct loader *l, struct target to);

static err_t note(struct loader *l, struct schema *schema)
{
    struct schema_node *node = arena_alloc(l->arena, sizeof(*node));
    if (!node)
        return arena_error(l->arena, l->error);
    *node = (struct schema_node){schema, l->list->all};
    l->list->all = node;
    return ERR_OK;
}

/* A schema at this name below where we are. */
static err_t load_at(
    struct loader *l, bytes name, const struct json *in, struct schema_property *property, struct schema **ret)
{
    if (l->depth == MAX_DEPTH)
        return refuse(l, "too deep", name);
    struct schema *schema = arena_zero(l->arena, sizeof(*schema));
    if (!schema)
        return arena_error(l->arena, l->error);
    TRY(note(l, schema));
    l->names[l->depth++] = name;
    TRY(load(l, (struct target){schema, property, in}));
    l->depth--;
    *ret = schema;
    return ERR_OK;
}

/* The same, into a place that may come to hold what a reference names. */
static err_t load_into(
    struct loader *l, bytes name, const struct json *in, struct schema_property *property, const struct schema **place)
{
    struct schema *schema = NULL;
    struct schema_reference *reference;
    TRY(load_at(l, name, in, property, &schema));
    *place = schema;
    if (!schema || !schema->openapi_name)
        return ERR_OK;
    reference = arena_alloc(l->arena, sizeof(*reference));
    if (!reference)
        return arena_error(l->arena, l->error);
    *reference = (struct schema_reference){place, l->list->references};
    l->list->references = reference;
    return ERR_OK;
}

static bool names(const struct json *list, bytes name)
{
    for (const struct json *item = list && list->type == JSON_ARRAY ? list->first : NULL; item; item = item->next)
        if (item->type == JSON_STRING && bytes_equal(item->text, name))
            return true;
    return false;
}

/* ---- Keywords */

static err_t keyword_ignored(struct loader *l, const struct json *value, struct target to)
{
    (void)l, (void)value, (void)to; /* type and format: read together by type_of */
    return ERR_OK;
}

static err_t keyword_ref(struct loader *l, const struct json *value, struct target to)
{
    return text_of(l, value, &to.schema->openapi_name);
}

static err_t keyword_description(struct loader *l, const struct json *value, struct target to)
{
    return text_of(l, value, to.property ? &to.property->description : &to.schema->description);
}

static err_t keyword_properties(struct loader *l, const struct json *value, struct target to)
{
    const struct json *required = json_get(to.whole, BYTES("required"));
    if (value->type != JSON_OBJECT)
        return refuse(l, "no map", value->key);
    struct schema_property *properties = arena_zero(l->arena, value->count * sizeof(*properties));
    if (!properties)
        return arena_error(l->arena, l->error);
    to.schema->properties = properties;
    for (const struct json *p = value->first; p; p = p->next, properties++) {
        bytes name = arena_copy(l->arena, p->key);
        if (!name.p)
            return arena_error(l->arena, l->error);
        properties->name = (const char *)name.p;
        properties->name_length = (uint32_t)name.n;
        properties->required = names(required, name);
        TRY(load_into(l, name, p, properties, &properties->schema));
        to.schema->property_count++;
    }
    return ERR_OK;
}

static err_t keyword_required(struct loader *l, const struct json *value, struct target to)
{
    const struct json *properties = json_get(to.whole, BYTES("properties"));
    if (value->type != JSON_ARRAY)
        return refuse(l, "no list", value->key);
    for (const struct json *item = value->first; item; item = item->next)
        if (item->type != JSON_STRING || !json_get(properties, item->text))
            return refuse(l, "required, but no property:", item->type == JSON_STRING ? item->text : BYTES(""));
    return ERR_OK;
}

static err_t keyword_items(struct loader *l, const struct json *value, struct target to)
{
    return load_into(l, value->key, value, NULL, &to.schema->items);
}

static err_t keyword_enum(struct loader *l, const struct json *value, struct target to)
{
    return texts_of(l, value, &to.schema->enumeration, &to.schema->enumeration_count);
}

static err_t keyword_default(struct loader *l, const struct json *value, struct target to)
{
    return to.property ? json_text_of(l, value, &to.property->default_json)
                       : refuse(l, "default outside properties:", value->key);
}

static err_t keyword_protobuf(struct loader *l, const struct json *value, struct target to)
{
    const struct json *number = value->type == JSON_ARRAY ? value->first : value;
    uint32_t path = 0;
    if (!to.property || !number || (value->type == JSON_ARRAY && value->count > PROTOBUF_PATH_MOST))
        return refuse(l, "no field number:", value->key);
    for (; number; number = value->type == JSON_ARRAY ? number->next : NULL) {
        int64_t n;
        if (!json_to_int64(number, &n) || n < 1 || n > UINT8_MAX)
            return refuse(l, "no field number:", value->key);
        path = path << 8 | (uint32_t)n;
    }
    to.property->protobuf = path;
    return ERR_OK;
}

static err_t keyword_presence(struct loader *l, const struct json *value, struct target to)
{
    const char *text = "";
    TRY(text_of(l, value, &text));
    static const char *const names[] = {
        [PRESENCE_OMITTED] = "", [PRESENCE_KEPT] = "kept", [PRESENCE_ALWAYS] = "always", [PRESENCE_NIL] = "nil"};
    for (size_t i = PRESENCE_KEPT; to.property && i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        to.property->presence = (enum schema_presence)i;
        return ERR_OK;
    }
    return refuse(l, "unknown presence", bytes_of(text));
}

static err_t keyword_gvk(struct loader *l, const struct json *value, struct target to)
{
    return json_text_of(l, value, &to.schema->gvk);
}

static err_t keyword_list_type(struct loader *l, const struct json *value, struct target to)
{
    return text_of(l, value, &to.schema->list_type);
}

static err_t keyword_list_map_keys(struct loader *l, const struct json *value, struct target to)
{
    return texts_of(l, value, &to.schema->list_map_keys, &to.schema->list_map_key_count);
}

static err_t keyword_map_type(struct loader *l, const struct json *value, struct target to)
{
    return text_of(l, value, &to.schema->map_type);
}

static err_t keyword_patch_strategy(struct loader *l, const struct json *value, struct target to)
{
    return text_of(l, value, &to.schema->patch_strategy);
}

static err_t keyword_patch_merge_key(struct loader *l, const struct json *value, struct target to)
{
    return text_of(l, value, &to.schema->patch_merge_key);
}

/* Of a kind's own schema alone; read by schemac. */
static err_t keyword_resource(struct loader *l, const struct json *value, struct target to)
{
    struct schema_resource *resource = arena_alloc(l->arena, sizeof(*resource));
    if (!resource)
        return arena_error(l->arena, l->error);
    if (l->depth != 1 || value->type != JSON_OBJECT)
        return refuse(l, "no resource:", value->key);
    *resource = (struct schema_resource){to.schema, value, l->list->resources};
    l->list->resources = resource;
    return ERR_OK;
}

static err_t read_target(struct loader *l, const struct json *value, enum schema_target *ret)
{
    const char *text = "";
    TRY(text_of(l, value, &text));
    for (enum schema_target t = TARGET_NONE + 1; t < TARGET_COUNT; t++) {
        if (strcmp(text, schema_target_name(t)) != 0)
            continue;
        *ret = t;
        return ERR_OK;
    }
    return refuse(l, "unknown target", bytes_of(text));
}

/* {none: REASON}: a property, or the whole type. */
static err_t excuse(struct loader *l, const struct json *reason, struct target to)
{
    if (reason->type != JSON_STRING || reason->text.n == 0)
        return refuse(l, "no reason:", reason->key);
    if (to.property)
        to.property->target = TARGET_NONE;
    else
        to.schema->unreferring = true;
    return ERR_OK;
}

static err_t keyword_reference(struct loader *l, const struct json *value, struct target to)
{
    const struct json *none = json_get(value, BYTES("none")), *target = json_get(value, BYTES("target")),
                      *namespace = json_get(value, BYTES("namespace"));
    if (none && value->count == 1)
        return excuse(l, none, to);
    if (!to.property)
        return refuse(l, "no property:", value->key);
    if (value->type == JSON_STRING)
        return read_target(l, value, &to.property->target);
    if (!target || !namespace || value->count != 2)
        return refuse(l, "no reference:", value->key);
    TRY(text_of(l, namespace, &to.property->target_namespace));
    return read_target(l, target, &to.property->target);
}

static const struct {
    const char *name;
    err_t (*read)(struct loader *, const struct json *, struct target);
} keywords[] = {
    {"type", keyword_ignored},
    {"format", keyword_ignored},
    {"$ref", keyword_ref},
    {"description", keyword_description},
    {"properties", keyword_properties},
    {"required", keyword_required},
    {"items", keyword_items},
    {"additionalProperties", keyword_items},
    {"enum", keyword_enum},
    {"default", keyword_default},
    {"x-protobuf", keyword_protobuf},
    {"x-presence", keyword_presence},
    {"x-coffer-resource", keyword_resource},
    {"x-coffer-reference", keyword_reference},
    {"x-kubernetes-group-version-kind", keyword_gvk},
    {"x-kubernetes-list-type", keyword_list_type},
    {"x-kubernetes-list-map-keys", keyword_list_map_keys},
    {"x-kubernetes-map-type", keyword_map_type},
    {"x-kubernetes-patch-strategy", keyword_patch_strategy},
    {"x-kubernetes-patch-merge-key", keyword_patch_merge_key},
};

static const struct {
    const char *type, *format;
    enum schema_type is;
} types[] = {
    {"string", "", SCHEMA_STRING},
    {"string", "byte", SCHEMA_BYTES},
    {"", "", SCHEMA_ANY},
    {"string", "date-time", SCHEMA_TIME},
    {"string", "micro-time", SCHEMA_MICRO_TIME},
    {"string", "quantity", SCHEMA_QUANTITY},
    {"string", "int-or-string", SCHEMA_INT_OR_STRING},
    {"integer", "int32", SCHEMA_INTEGER},
    {"integer", "int64", SCHEMA_INTEGER},
    {"number", "", SCHEMA_NUMBER},
    {"number", "double", SCHEMA_NUMBER},
    {"boolean", "", SCHEMA_BOOLEAN},
    {"array", "", SCHEMA_ARRAY},
    {"object", "", SCHEMA_OBJECT},
    {"object", "json", SCHEMA_RAW_JSON},
    {"union", "", SCHEMA_UNION},
};

static err_t type_of(struct loader *l, const struct json *in, struct schema *schema)
{
    bytes type = json_text(in, BYTES("type")), format = json_text(in, BYTES("format"));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (!bytes_equal(type, bytes_of(types[i].type)) || !bytes_equal(format, bytes_of(types[i].format)))
            continue;
        bool map = types[i].is == SCHEMA_OBJECT && json_get(in, BYTES("additionalProperties"));
        schema->type = map ? SCHEMA_MAP : types[i].is;
        schema->format = format.n ? types[i].format : NULL;
        if ((schema->type == SCHEMA_ARRAY || map) != (schema->items != NULL))
            return refuse(l, "items do not fit the type", type);
        return ERR_OK;
    }
    return refuse(l, "unknown type", type);
}

static err_t load(struct loader *l, struct target to)
{
    if (to.whole->type != JSON_OBJECT)
        return refuse(l, "no map", to.whole->key);
    for (const struct json *member = to.whole->first; member; member = member->next) {
        size_t i = 0;
        while (i < ARRAY_LEN(keywords) && !bytes_equal(member->key, bytes_of(keywords[i].name)))
            i++;
        if (i == ARRAY_LEN(keywords))
            return refuse(l, "unknown keyword", member->key);
        TRY(keywords[i].read(l, member, to));
    }
    return to.schema->openapi_name ? ERR_OK : type_of(l, to.whole, to.schema); /* a reference is linked later */
}

/* "Secret" of io.k8s.api.core.v1.Secret. */
static const char *go_name(const char *openapi_name)
{
    const char *dot = strrchr(openapi_name, '.');
    return dot ? dot + 1 : openapi_name;
}

static err_t list_add(struct arena *arena, struct schema_list *list, struct schema *schema, struct error *error)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 32;
        struct schema **grown = arena_alloc(arena, capacity * sizeof(struct schema *));
        if (!grown)
            return arena_error(arena, error);
        if (list->count)
            memcpy(grown, list->schemas, list->count * sizeof(struct schema *));
        list->schemas = grown, list->capacity = capacity;
    }
    list->schemas[list->count++] = schema;
    return ERR_OK;
}

err_t schemas_load(struct arena *arena, const struct json *file, struct schema_list *list, struct error *error)
{
    struct loader l = {.arena = arena, .error = error, .list = list};
    if (file->type != JSON_OBJECT)
        return refuse(&l, "no map of schemas", BYTES(""));
    for (const struct json *member = file->first; member; member = member->next) {
        struct schema *schema = NULL;
        bytes name = arena_copy(arena, member->key);
        if (!name.p)
            return arena_error(arena, error);
        TRY(load_at(&l, name, member, NULL, &schema));
        if (!schema || schema->openapi_name)
            return refuse(&l, "a reference by itself:", name);
        schema->openapi_name = (const char *)name.p;
        schema->name = go_name(schema->openapi_name);
        TRY(list_add(arena, list, schema, error));
    }
    return ERR_OK;
}

err_t schemas_link(struct schema_list *list, struct error *error)
{
    for (struct schema_reference *r = list->references; r; r = r->next) {
        size_t i = 0;
        while (i < list->count && strcmp(list->schemas[i]->openapi_name, (*r->place)->openapi_name) != 0)
            i++;
        if (i == list->count)
            return error_set(error, ERR_BAD_REQUEST, "$ref: no schema is named \"%s\"", (*r->place)->openapi_name);
        *r->place = list->schemas[i];
    }
    list->references = NULL;
    return schemas_mark(list, error);
}
