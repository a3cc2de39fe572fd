/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions to kinds: one for each served version, all in one set, in memory of its own. */
#include "api/custom_kind.h"

#include "api/conditions.h"
#include "api/custom_schema.h"
#include "api/version_order.h"

#include <stdlib.h>

#define SET_MOST ((size_t)64 << 20)

struct builder {
    struct arena *arena; /* the set's */
    struct error *error;
    const struct json *spec, *names;
    bool ending;  /* nothing more is created */
    bool changed; /* since objects were first stored by it, as far as is known */
    struct kind_set *set;
    struct kind *kinds;          /* of versions that are served or stored */
    const struct json **schemas; /* of each */
    size_t count;
};

static err_t no_memory(struct builder *b)
{
    return arena_error(b->arena, b->error);
}

static err_t copy(struct builder *b, bytes text, const char **ret)
{
    bytes copied = arena_copy(b->arena, text);
    if (!copied.p)
        return no_memory(b);
    *ret = (const char *)copied.p;
    return ERR_OK;
}

static err_t copy_list(struct builder *b, const struct json *list, const char *const **ret, size_t *ret_count)
{
    const char **texts = arena_alloc(b->arena, (list ? list->count : 0) * sizeof(*texts));
    size_t n = 0;
    if (!texts)
        return no_memory(b);
    for (const struct json *item = list ? list->first : NULL; item; item = item->next)
        TRY(copy(b, item->text, &texts[n++]));
    *ret = texts;
    *ret_count = n;
    return ERR_OK;
}

static bool is_true(const struct json *object, bytes name)
{
    const struct json *value = json_get(object, name);
    return value && value->type == JSON_TRUE;
}

static int by_preference(const void *a, const void *b)
{
    return version_order((*(const struct kind *const *)a)->version, (*(const struct kind *const *)b)->version);
}

/* ---- Parts of a version. */

static err_t read_columns(struct builder *b, const struct json *version, struct kind *kind)
{
    static const struct column age = {
        "Age", "date", NULL, "The time since it was created.", 0, ".metadata.creationTimestamp"};
    const struct json *list = json_get(version, BYTES("additionalPrinterColumns"));
    int64_t priority;
    size_t n = 0;
    kind->columns = &age;
    kind->column_count = 1;
    if (!list || !list->count)
        return ERR_OK;
    struct column *columns = arena_zero(b->arena, list->count * sizeof(*columns));
    if (!columns)
        return no_memory(b);
    for (const struct json *c = list->first; c; c = c->next, n++) {
        const struct json *number = json_get(c, BYTES("priority"));
        bytes format = json_text(c, BYTES("format"));
        TRY(copy(b, json_text(c, BYTES("name")), &columns[n].name));
        TRY(copy(b, json_text(c, BYTES("type")), &columns[n].type));
        TRY(copy(b, json_text(c, BYTES("description")), &columns[n].description));
        TRY(copy(b, json_text(c, BYTES("jsonPath")), &columns[n].path));
        if (format.n)
            TRY(copy(b, format, &columns[n].format));
        if (number && json_to_int64(number, &priority))
            columns[n].priority = (int)priority;
    }
    kind->columns = columns;
    kind->column_count = n;
    return ERR_OK;
}

static err_t read_selectable(struct builder *b, const struct json *version, struct kind *kind)
{
    const struct json *list = json_get(version, BYTES("selectableFields"));
    size_t n = 0;
    const char **fields = arena_alloc(b->arena, (list ? list->count : 0) * sizeof(*fields));
    if (!fields)
        return no_memory(b);
    for (const struct json *f = list ? list->first : NULL; f; f = f->next) {
        bytes path = json_text(f, BYTES("jsonPath"));
        TRY(copy(b, bytes_start(path, BYTES(".")) ? bytes_skip(path, 1) : path, &fields[n++]));
    }
    kind->selectable_fields = fields;
    kind->selectable_field_count = n;
    return ERR_OK;
}

static err_t read_scale(struct builder *b, const struct json *scale, struct kind *kind)
{
    struct kind_scale *s = arena_zero(b->arena, sizeof(*s));
    bytes selector = json_text(scale, BYTES("labelSelectorPath"));
    if (!s)
        return no_memory(b);
    TRY(copy(b, json_text(scale, BYTES("specReplicasPath")), &s->spec_replicas));
    TRY(copy(b, json_text(scale, BYTES("statusReplicasPath")), &s->status_replicas));
    if (selector.n)
        TRY(copy(b, selector, &s->label_selector));
    kind->scale = s;
    return ERR_OK;
}

static err_t read_subresources(struct builder *b, const struct json *version, struct kind *kind)
{
    static const unsigned verbs = VERB_BIT(VERB_GET) | VERB_BIT(VERB_UPDATE) | VERB_BIT(VERB_PATCH);
    static const struct kind_subresource both[] = {
        {SUBRESOURCE_STATUS, verbs, NULL, NULL, NULL}, {SUBRESOURCE_SCALE, verbs, "autoscaling", "v1", "Scale"}};
    const struct json *subresources = json_get(version, BYTES("subresources"));
    const struct json *status = json_get(subresources, BYTES("status")),
                      *scale = json_get(subresources, BYTES("scale"));
    kind->subresources = status ? both : both + 1;
    kind->subresource_count = (status != NULL) + (size_t)(scale != NULL);
    kind->keeps_status = !status;
    return scale ? read_scale(b, scale, kind) : ERR_OK;
}

static err_t read_deprecation(struct builder *b, const struct json *version, struct kind *kind)
{
    bytes warning = json_text(version, BYTES("deprecationWarning"));
    if (!is_true(version, BYTES("deprecated")))
        return ERR_OK;
    if (!warning.n)
        warning = arena_format(b->arena, "%s/%s %s is deprecated", kind->group, kind->version, kind->kind);
    return warning.p ? copy(b, warning, &kind->deprecation) : no_memory(b);
}

/* Versions whose schemas are the same share one: then nothing is done between them. */
static err_t read_schema(struct builder *b, const struct json *version, struct kind *kind)
{
    static const struct json none = {.type = JSON_OBJECT};
    const struct json *schema = json_at(version, BYTES("schema"), BYTES("openAPIV3Schema"), BYTES_NONE);
    b->schemas[b->count] = schema ? schema : &none;
    for (size_t i = 0; i < b->count; i++)
        if (json_equal(b->schemas[b->count], b->schemas[i])) {
            kind->schema = b->kinds[i].schema;
            return ERR_OK;
        }
    return custom_schema_compile(b->arena, b->schemas[b->count], &kind->schema, b->error);
}

static err_t read_version(struct builder *b, const struct json *version, struct kind *kind)
{
    TRY(copy(b, json_text(version, BYTES("name")), &kind->version));
    TRY(read_columns(b, version, kind));
    TRY(read_selectable(b, version, kind));
    TRY(read_subresources(b, version, kind));
    TRY(read_deprecation(b, version, kind));
    return read_schema(b, version, kind);
}

/* ---- The whole. */

/* What all versions have in common. */
static err_t read_common(struct builder *b, uint16_t number, struct kind *kind)
{
    const struct json *names = b->names;
    *kind = (struct kind){.number = number,
        .namespaced = bytes_equal(json_text(b->spec, BYTES("scope")), BYTES("Namespaced")),
        .custom = true,
        .fits_on_read = b->changed,
        .generation = true,
        .verbs = (VERB_BIT(VERB_COUNT) - 1) & ~(b->ending ? VERB_BIT(VERB_CREATE) : 0),
        .rules = &custom_rules,
        .set = b->set};
    TRY(copy(b, json_text(b->spec, BYTES("group")), &kind->group));
    TRY(copy(b, json_text(names, BYTES("kind")), &kind->kind));
    TRY(copy(b, json_text(names, BYTES("listKind")), &kind->list_kind));
    TRY(copy(b, json_text(names, BYTES("plural")), &kind->plural));
    TRY(copy(b, json_text(names, BYTES("singular")), &kind->singular));
    TRY(copy_list(b, json_get(names, BYTES("shortNames")), &kind->short_names, &kind->short_name_count));
    TRY(copy_list(b, json_get(names, BYTES("categories")), &kind->categories, &kind->category_count));
    bytes prefix = arena_format(b->arena, "%s/%s", kind->group, kind->plural);
    if (!prefix.p)
        return no_memory(b);
    kind->storage_prefix = (const char *)prefix.p;
    return ERR_OK;
}

/* Any stable text will do: clients see whether it changed. */
static err_t make_hash(struct builder *b, const struct kind *stored)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    const char *const parts[] = {stored->group, "/", stored->version, "/", stored->kind};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (const char *p = parts[i]; *p; p++)
            hash = (hash ^ (uint8_t)*p) * 1099511628211u;
    bytes text = arena_format(b->arena, "%016llx", (unsigned long long)hash);
    if (!text.p)
        return no_memory(b);
    for (size_t i = 0; i < b->count; i++)
        b->kinds[i].storage_version_hash = (const char *)text.p;
    return ERR_OK;
}

static err_t read_versions(struct builder *b, uint16_t number)
{
    const struct json *versions = json_get(b->spec, BYTES("versions"));
    struct kind common, *stored = NULL;
    const struct kind **served;
    size_t n = 0;
    if (!versions || !versions->count)
        return error_set(b->error, ERR_INVALID, "a definition has no versions");
    b->kinds = arena_alloc(b->arena, versions->count * sizeof(*b->kinds));
    b->schemas = arena_alloc(b->arena, versions->count * sizeof(const struct json *));
    served = arena_alloc(b->arena, versions->count * sizeof(const struct kind *));
    if (!b->kinds || !b->schemas || !served)
        return no_memory(b);
    TRY(read_common(b, number, &common));
    for (const struct json *v = versions->first; v; v = v->next) {
        struct kind *kind = &b->kinds[b->count];
        if (!is_true(v, BYTES("storage")) && !is_true(v, BYTES("served")))
            continue;
        *kind = common;
        TRY(read_version(b, v, kind));
        b->count++;
        if (is_true(v, BYTES("storage")))
            stored = kind;
        if (is_true(v, BYTES("served")))
            served[n++] = kind;
    }
    if (!stored)
        return error_set(b->error, ERR_INVALID, "a definition has no version that is stored");
    TRY(make_hash(b, stored));
    for (size_t i = 0; i < b->count; i++)
        b->kinds[i].stored_as = &b->kinds[i] == stored ? NULL : stored;
    qsort(served, n, sizeof(const struct kind *), by_preference);
    b->set->kinds = served;
    b->set->count = n;
    return ERR_OK;
}

static err_t build(
    struct arena *memory, const struct json *definition, uint16_t number, struct kind_set **ret, struct error *error)
{
    const struct json *accepted = json_at(definition, BYTES("status"), BYTES("acceptedNames"), BYTES_NONE);
    const struct json *generation = json_at(definition, BYTES("metadata"), BYTES("generation"), BYTES_NONE);
    int64_t changes;
    struct builder b = {.arena = memory, .error = error, .spec = json_get(definition, BYTES("spec"))};
    b.ending = condition_is_true(json_get(definition, BYTES("status")), "Terminating");
    b.names = json_text(accepted, BYTES("plural")).n ? accepted : json_get(b.spec, BYTES("names"));
    b.set = arena_zero(memory, sizeof(*b.set));
    if (!b.set)
        return no_memory(&b);
    b.changed = generation && (!json_to_int64(generation, &changes) || changes > 1);
    TRY(read_versions(&b, number));
    *ret = b.set;
    return ERR_OK;
}

err_t custom_kinds_compile(const struct json *definition, uint16_t number, struct kind_set **ret, struct error *error)
{
    struct arena memory;
    struct kind_set *set = NULL;
    arena_init_plain(&memory, SET_MOST);
    err_t result = build(&memory, definition, number, &set, error);
    if (result != ERR_OK) {
        arena_reset(&memory);
        return result;
    }
    if (!set->count) {
        arena_reset(&memory);
        *ret = NULL;
        return ERR_OK;
    }
    atomic_init(&set->references, 1);
    set->memory = memory;
    *ret = set;
    return ERR_OK;
}
