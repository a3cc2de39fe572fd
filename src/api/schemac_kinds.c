/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds out of x-coffer-resource, which stands beside x-kubernetes-group-version-kind in the schema of a whole object:
 *
 *   number: in the store's keys; left out by kinds that are never stored, whose verbs are [create]
 *   plural, singular, shortNames, categories, scope: Namespaced or Cluster
 *   verbs: all eight when left out     storagePrefix: the plural when left out       storageVersionHash
 *   selectableFields: [status.phase]   subresources: [{name, verbs, group, version, kind}]
 *   columns: [{name, type, format, description, priority, path}], after Name
 *   scale: {specReplicas, statusReplicas, labelSelector}
 *   generation, keepsStatus, deleteReturnsObject: true       deprecation: a Warning
 *   storedAs: the OpenAPI name of the version that is stored
 *   rules: secret for secret_rules, which a file of src/kinds has; no_rules when left out
 *
 * Each becomes a row NAME_kind (secret_kind), named as its schema. */
#include "api/kind.h"
#include "api/schemac.h"

#include <stdlib.h>

#define CHECK(where, map, known) check(where, map, known, ARRAY_LEN(known))

struct member {
    const char *name;
    enum { TEXT, NUMBER, FLAG, TEXTS, LIST, MAP } is;
};

static const struct member members[] = {{"number", NUMBER}, {"plural", TEXT}, {"singular", TEXT}, {"shortNames", TEXTS},
    {"categories", TEXTS}, {"scope", TEXT}, {"verbs", TEXTS}, {"storagePrefix", TEXT}, {"storageVersionHash", TEXT},
    {"selectableFields", TEXTS}, {"subresources", LIST}, {"columns", LIST}, {"scale", MAP}, {"generation", FLAG},
    {"keepsStatus", FLAG}, {"deleteReturnsObject", FLAG}, {"deprecation", TEXT}, {"storedAs", TEXT}, {"rules", TEXT}};
static const struct member column_members[] = {
    {"name", TEXT}, {"type", TEXT}, {"format", TEXT}, {"description", TEXT}, {"priority", NUMBER}, {"path", TEXT}};
static const struct member subresource_members[] = {
    {"name", TEXT}, {"verbs", TEXTS}, {"group", TEXT}, {"version", TEXT}, {"kind", TEXT}};
static const struct member scale_members[] = {
    {"specReplicas", TEXT}, {"statusReplicas", TEXT}, {"labelSelector", TEXT}};

/* ---- Reading */

/* Ends the program at a member that is none of these, or of another type. */
static void check(const char *where, const struct json *map, const struct member *known, size_t count)
{
    static const enum json_type types[] = {[TEXT] = JSON_STRING,
        [NUMBER] = JSON_NUMBER,
        [FLAG] = JSON_TRUE,
        [TEXTS] = JSON_ARRAY,
        [LIST] = JSON_ARRAY,
        [MAP] = JSON_OBJECT};
    for (const struct json *m = map->first; m; m = m->next) {
        size_t i = 0;
        while (i < count && !bytes_equal(m->key, bytes_of(known[i].name)))
            i++;
        if (i == count || m->type != types[known[i].is])
            schemac_die(where, (const char *)m->key.p);
        for (const struct json *item = m->first; item && known[i].is == TEXTS; item = item->next)
            if (item->type != JSON_STRING)
                schemac_die(where, known[i].name);
    }
}

static const char *text_of(struct schemac *s, const struct json *map, const char *name)
{
    const struct json *value = json_get(map, bytes_of(name));
    bytes copy = value ? arena_copy(s->arena, value->text) : BYTES_NONE;
    return (const char *)copy.p;
}

static const char *needed(struct schemac *s, const char *where, const struct json *map, const char *name)
{
    const char *text = text_of(s, map, name);
    if (!text || !*text)
        schemac_die(where, name);
    return text;
}

static const struct json *list_of(const struct json *map, const char *name, size_t *ret_count)
{
    const struct json *list = json_get(map, bytes_of(name));
    *ret_count = list ? list->count : 0;
    return list ? list->first : NULL;
}

static unsigned verbs_of(const char *where, const struct json *map)
{
    size_t count;
    unsigned bits = 0;
    const struct json *verb = list_of(map, "verbs", &count);
    if (!verb)
        return VERB_BIT(VERB_COUNT) - 1;
    for (; verb; verb = verb->next) {
        enum verb v = VERB_GET;
        while (v < VERB_COUNT && !bytes_equal(verb->text, bytes_of(verb_name(v))))
            v++;
        if (v == VERB_COUNT)
            schemac_die(where, "unknown verb");
        bits |= VERB_BIT(v);
    }
    return bits;
}

static const struct schema *schema_of(struct schemac *s, const char *openapi_name)
{
    for (size_t i = 0; i < s->list->count; i++)
        if (strcmp(s->list->schemas[i]->openapi_name, openapi_name) == 0)
            return s->list->schemas[i];
    schemac_die(openapi_name, "no such schema");
}

/* ---- Writing */

static void put_list(
    struct schemac *s, FILE *f, const struct json *resource, const char *name, const char *member, const char *one)
{
    char table[24];
    const char *texts[32];
    size_t count, n = 0;
    const struct json *item = list_of(resource, name, &count);
    if (!count)
        return;
    if (count > ARRAY_LEN(texts))
        schemac_die(name, "too many");
    for (; item; item = item->next)
        texts[n++] = (const char *)arena_copy(s->arena, item->text).p;
    schemac_put_texts(s, texts, n, table);
    fprintf(f, ", .%s = %s, .%s_count = %zu", member, table, one, n);
}

static void put_columns(struct schemac *s, FILE *f, const char *where, const struct json *resource)
{
    struct schemac_text text;
    size_t count;
    int64_t priority;
    const struct json *column = list_of(resource, "columns", &count);
    if (!count)
        return;
    FILE *rows = schemac_open(&text);
    for (const char *comma = "{"; column; column = column->next, comma = ",\n") {
        CHECK(where, column, column_members);
        fprintf(rows, "%s    {.name = ", comma);
        schemac_put_text(rows, needed(s, where, column, "name"));
        schemac_put_member(rows, "type", needed(s, where, column, "type"));
        schemac_put_member(rows, "description", needed(s, where, column, "description"));
        schemac_put_member(rows, "format", text_of(s, column, "format"));
        schemac_put_member(rows, "path", text_of(s, column, "path"));
        if (json_to_int64(json_get(column, BYTES("priority")), &priority))
            fprintf(rows, ", .priority = %d", (int)priority);
        fputs("}", rows);
    }
    fputs("}", rows);
    fprintf(
        f, ", .columns = columns_%u, .column_count = %zu", schemac_close(s, &text, "struct column", "columns"), count);
}

static void put_subresources(struct schemac *s, FILE *f, const char *where, const struct json *resource)
{
    struct schemac_text text;
    size_t count;
    const struct json *item = list_of(resource, "subresources", &count);
    if (!count)
        return;
    FILE *rows = schemac_open(&text);
    for (const char *comma = "{"; item; item = item->next, comma = ", ") {
        enum subresource which = SUBRESOURCE_STATUS;
        CHECK(where, item, subresource_members);
        while (which < SUBRESOURCE_COUNT &&
               !bytes_equal(json_text(item, BYTES("name")), bytes_of(subresource_name(which))))
            which++;
        if (which == SUBRESOURCE_COUNT || !json_get(item, BYTES("verbs")))
            schemac_die(where, "unknown subresource, or one without verbs");
        fprintf(rows, "%s{.which = %d, .verbs = %u", comma, which, verbs_of(where, item));
        schemac_put_member(rows, "group", text_of(s, item, "group"));
        schemac_put_member(rows, "version", text_of(s, item, "version"));
        schemac_put_member(rows, "kind", text_of(s, item, "kind"));
        fputs("}", rows);
    }
    fputs("}", rows);
    fprintf(f, ", .subresources = subresources_%u, .subresource_count = %zu",
        schemac_close(s, &text, "struct kind_subresource", "subresources"), count);
}

static void put_scale(struct schemac *s, FILE *f, const char *where, const struct json *resource)
{
    struct schemac_text text;
    const struct json *scale = json_get(resource, BYTES("scale"));
    if (!scale)
        return;
    CHECK(where, scale, scale_members);
    FILE *row = schemac_open(&text);
    fputs("{.spec_replicas = ", row);
    schemac_put_text(row, needed(s, where, scale, "specReplicas"));
    schemac_put_member(row, "status_replicas", needed(s, where, scale, "statusReplicas"));
    schemac_put_member(row, "label_selector", text_of(s, scale, "labelSelector"));
    fputs("}", row);
    fprintf(f, ", .scale = &scale_%u", schemac_close(s, &text, "struct kind_scale", "scale"));
}

/* Group, version and kind are the schema's. */
static void put_gvk(struct schemac *s, FILE *f, const char *where, const struct schema *schema)
{
    struct json *gvk;
    struct error error;
    error_init(&error, s->arena);
    if (!schema->gvk ||
        json_parse(s->arena, bytes_of(schema->gvk), &(struct json_options){0}, &gvk, NULL, &error) != ERR_OK ||
        !gvk->first)
        schemac_die(where, "no x-kubernetes-group-version-kind");
    fputs(".group = ", f);
    schemac_put_text(f, text_of(s, gvk->first, "group"));
    schemac_put_member(f, "version", needed(s, where, gvk->first, "version"));
    schemac_put_member(f, "kind", needed(s, where, gvk->first, "kind"));
}

static void put_kind(struct schemac *s, FILE *f, const struct schema_resource *r)
{
    static const char *const flags[][2] = {{"generation", "generation"}, {"keepsStatus", "keeps_status"},
        {"deleteReturnsObject", "delete_returns_object"}};
    static const char *const texts[][2] = {
        {"singular", "singular"}, {"storageVersionHash", "storage_version_hash"}, {"deprecation", "deprecation"}};
    const char *where = r->schema->openapi_name, *scope, *prefix, *rules, *stored_as;
    int64_t number = 0;
    CHECK(where, r->resource, members);
    const char *plural = needed(s, where, r->resource, "plural");
    scope = needed(s, where, r->resource, "scope");
    if (json_get(r->resource, BYTES("number"))
            ? !json_to_int64(json_get(r->resource, BYTES("number")), &number) || number < 1 || number >= 1000
            : verbs_of(where, r->resource) != VERB_BIT(VERB_CREATE))
        schemac_die(where, "number");
    fputs("{", f);
    put_gvk(s, f, where, r->schema);
    fprintf(f, ", .number = %d, .namespaced = %s, .verbs = %u", (int)number,
        strcmp(scope, "Namespaced") == 0 ? "true" : "false", verbs_of(where, r->resource));
    prefix = text_of(s, r->resource, "storagePrefix");
    schemac_put_member(f, "plural", plural);
    if (number != 0)
        schemac_put_member(f, "storage_prefix", prefix ? prefix : plural);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        schemac_put_member(f, texts[i][1], text_of(s, r->resource, texts[i][0]));
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (json_get(r->resource, bytes_of(flags[i][0])))
            fprintf(f, ", .%s = true", flags[i][1]);
    put_list(s, f, r->resource, "shortNames", "short_names", "short_name");
    put_list(s, f, r->resource, "categories", "categories", "category");
    put_list(s, f, r->resource, "selectableFields", "selectable_fields", "selectable_field");
    put_columns(s, f, where, r->resource);
    put_subresources(s, f, where, r->resource);
    put_scale(s, f, where, r->resource);
    if ((stored_as = text_of(s, r->resource, "storedAs"))) {
        fputs(", .stored_as = &", f);
        schemac_put_name(f, s->list, schema_of(s, stored_as));
        fputs("_kind", f);
    }
    fputs(", .schema = &schema_", f);
    schemac_put_name(f, s->list, r->schema);
    rules = text_of(s, r->resource, "rules");
    fprintf(f, ", .rules = &%s_rules}", rules ? rules : "no");
}

void schemac_print_kinds(struct schemac *s)
{
    fputs("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by schemac from schemas/. */\n#include "
          "\"api/builtin_kinds.h\"\n\n#include \"api/schemas.h\"\n\n",
        s->c);
    for (const struct schema_resource *r = s->list->resources; r; r = r->next) {
        struct schemac_text text;
        put_kind(s, schemac_open(&text), r);
        if (fclose(text.f) != 0)
            schemac_die("memory", r->schema->name);
        fputs("const struct kind ", s->c);
        schemac_put_name(s->c, s->list, r->schema);
        fprintf(s->c, "_kind = %s;\n", text.p);
        free(text.p);
    }
    fputs("\nconst struct kind *const builtin_kinds[] = {", s->c);
    size_t count = 0;
    for (const struct schema_resource *r = s->list->resources; r; r = r->next, count++) {
        fputs(count ? ", &" : "&", s->c);
        schemac_put_name(s->c, s->list, r->schema);
        fputs("_kind", s->c);
    }
    fprintf(s->c, "};\nconst size_t builtin_kind_count = %zu;\n", count);
    schemac_close_tables(s);
}

/* Rules are declared once each, though versions of a kind share them. */
static void declare_rules(struct schemac *s, FILE *h)
{
    for (const struct schema_resource *r = s->list->resources; r; r = r->next) {
        const char *rules = text_of(s, r->resource, "rules");
        const struct schema_resource *later = r->next;
        while (rules && later && !bytes_equal(json_text(later->resource, BYTES("rules")), bytes_of(rules)))
            later = later->next;
        if (rules && !later)
            fprintf(h, "extern const struct kind_rules %s_rules;\n", rules);
    }
}

void schemac_print_kinds_header(struct schemac *s, FILE *h)
{
    fputs("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by schemac from schemas/. */\n#ifndef "
          "COFFER_API_BUILTIN_KINDS_H\n#define COFFER_API_BUILTIN_KINDS_H\n\n#include \"api/kind.h\"\n\n",
        h);
    for (const struct schema_resource *r = s->list->resources; r; r = r->next) {
        fputs("extern const struct kind ", h);
        schemac_put_name(h, s->list, r->schema);
        fputs("_kind;\n", h);
    }
    declare_rules(s, h);
    fputs("extern const struct kind *const builtin_kinds[];\nextern const size_t builtin_kind_count;\n\n#endif\n", h);
}
