/* SPDX-License-Identifier: Apache-2.0 */
/* schemac SCHEMAS.c SCHEMAS.h KINDS.c KINDS.h FILE.yaml...: compiles schema files to constant tables, at build. Each
 * named schema becomes
 * schema_NAME in snake case: io.k8s.api.core.v1.Secret is schema_secret. Where several groups have a type of one name,
 * all but the core group's say which: io.k8s.api.events.v1.Event is schema_events_v1_event. */
#include "api/schemac.h"

#include "text/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILE_LIMIT (4 << 20)

void schemac_die(const char *what, const char *why)
{
    fprintf(stderr, "schemac: %s: %s\n", what, why);
    exit(1);
}

static bytes read_file(struct arena *arena, const char *path)
{
    struct stat status;
    FILE *f = fopen(path, "rbe");
    if (!f || fstat(fileno(f), &status) != 0)
        schemac_die(path, strerror(errno));
    size_t size = status.st_size < FILE_LIMIT ? (size_t)status.st_size : 0;
    uint8_t *p = arena_alloc(arena, size);
    if (!p || fread(p, 1, size, f) != size || fgetc(f) != EOF)
        schemac_die(path, "cannot be read, or is too large");
    (void)fclose(f);
    return (bytes){p, size};
}

/* ---- Texts */

/* ObjectMeta is object_meta, FieldsV1 fields_v1, CSIDriver csi_driver. */
static void put_snake(FILE *f, const char *name)
{
    for (const char *p = name; *p && *p != '.'; p++) {
        if (isupper((unsigned char)*p) && p != name && (!isupper((unsigned char)p[-1]) || islower((unsigned char)p[1])))
            fputc('_', f);
        fputc(tolower((unsigned char)*p), f);
    }
}

/* The part of io.k8s.api.core.v1.Secret that is so many dots before the end. */
static const char *part(const char *openapi_name, int dots)
{
    const char *p = openapi_name + strlen(openapi_name);
    while (p > openapi_name && (p[-1] != '.' || --dots >= 0))
        p--;
    return p;
}

void schemac_put_name(FILE *f, const struct schema_list *list, const struct schema *schema)
{
    size_t same = 0;
    for (size_t i = 0; i < list->count; i++)
        same += strcmp(list->schemas[i]->name, schema->name) == 0;
    if (same > 1 && strncmp(part(schema->openapi_name, 2), "core.", 5) != 0) {
        put_snake(f, part(schema->openapi_name, 2));
        fputc('_', f);
        put_snake(f, part(schema->openapi_name, 1));
        fputc('_', f);
    }
    put_snake(f, schema->name);
}

void schemac_put_text(FILE *f, const char *text)
{
    if (!text) {
        fputs("NULL", f);
        return;
    }
    fputc('"', f);
    for (const char *p = text; *p; p++) {
        if (*p == '\n')
            fputs("\\n", f);
        else if (*p == '"' || *p == '\\')
            fprintf(f, "\\%c", *p);
        else
            fputc(*p, f);
    }
    fputc('"', f);
}

void schemac_put_member(FILE *f, const char *member, const char *text)
{
    if (text) {
        fprintf(f, ", .%s = ", member);
        schemac_put_text(f, text);
    }
}

/* ---- Tables: what is the same is printed once */

struct schemac_table {
    char *text;
    unsigned serial;
    struct schemac_table *next;
};

FILE *schemac_open(struct schemac_text *text)
{
    FILE *f = open_memstream(&text->p, &text->n);
    if (!f)
        schemac_die("memory", strerror(errno));
    return text->f = f;
}

unsigned schemac_close(struct schemac *s, struct schemac_text *text, const char *type, const char *name)
{
    if (fclose(text->f) != 0)
        schemac_die("memory", strerror(errno));
    for (const struct schemac_table *t = s->tables; t; t = t->next) {
        if (strcmp(t->text, text->p) != 0)
            continue;
        free(text->p);
        return t->serial;
    }
    struct schemac_table *table = malloc(sizeof(*table));
    if (!table)
        schemac_die("memory", strerror(errno));
    *table = (struct schemac_table){text->p, s->serial++, s->tables};
    s->tables = table;
    fprintf(s->c, "static const %s %s_%u%s = %s;\n", type, name, table->serial, text->p[1] == '.' ? "" : "[]", text->p);
    return table->serial;
}

void schemac_close_tables(struct schemac *s)
{
    while (s->tables) {
        struct schemac_table *table = s->tables;
        s->tables = table->next;
        free(table->text);
        free(table);
    }
}

void schemac_put_texts(struct schemac *s, const char *const *texts, size_t count, char ret[static 24])
{
    struct schemac_text text;
    if (!count) {
        (void)snprintf(ret, 24, "NULL");
        return;
    }
    FILE *f = schemac_open(&text);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "{", f);
        schemac_put_text(f, texts[i]);
    }
    fputs("}", f);
    (void)snprintf(ret, 24, "texts_%u", schemac_close(s, &text, "char *const", "texts"));
}

/* ---- Schemas */

static const char *const type_names[SCHEMA_TYPE_COUNT] = {"ANY", "STRING", "BYTES", "TIME", "INTEGER", "NUMBER",
    "BOOLEAN", "ARRAY", "MAP", "OBJECT", "INT_OR_STRING", "RAW_JSON", "MICRO_TIME", "QUANTITY", "UNION"};
static const char *const presence_names[] = {"OMITTED", "KEPT", "ALWAYS", "NIL"};

static void put_body(struct schemac *, FILE *, const struct schema *);

/* "&schema_x" or "&table_9", after printing what it needs. */
static void reference(struct schemac *s, const struct schema *schema, char *ret, size_t size)
{
    struct schemac_text text;
    if (!schema) {
        (void)snprintf(ret, size, "NULL");
    } else if (schema->name) {
        FILE *f = fmemopen(ret, size, "w");
        if (!f)
            schemac_die(schema->name, strerror(errno));
        fputs("&schema_", f);
        schemac_put_name(f, s->list, schema);
        (void)fclose(f);
    } else {
        put_body(s, schemac_open(&text), schema);
        (void)snprintf(ret, size, "&table_%u", schemac_close(s, &text, "struct schema", "table"));
    }
}

static void put_properties(struct schemac *s, FILE *f, const struct schema *schema)
{
    struct schemac_text text;
    char to[128];
    if (!schema->property_count)
        return;
    FILE *rows = schemac_open(&text);
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *property = &schema->properties[i];
        reference(s, property->schema, to, sizeof(to));
        fprintf(rows, "%s    {.name = \"%s\", .name_length = %u, .schema = %s, .protobuf = %u", i ? ",\n" : "{\n",
            property->name, property->name_length, to, property->protobuf);
        fprintf(rows, ", .required = %s, .presence = PRESENCE_%s", property->required ? "true" : "false",
            presence_names[property->presence]);
        if (property->target != TARGET_UNMARKED)
            fprintf(rows, ", .target = %d", (int)property->target);
        schemac_put_member(rows, "target_namespace", property->target_namespace);
        schemac_put_member(rows, "description", property->description);
        schemac_put_member(rows, "default_json", property->default_json);
        fputs("}", rows);
    }
    fputs("}", rows);
    fprintf(f, ", .properties = properties_%u, .property_count = %u",
        schemac_close(s, &text, "struct schema_property", "properties"), schema->property_count);
}

/* The initializer of a schema; what it points to is printed before. */
static void put_body(struct schemac *s, FILE *f, const struct schema *schema)
{
    char items[128], keys[24], values[24];
    reference(s, schema->items, items, sizeof(items));
    fprintf(f, "{.type = SCHEMA_%s, .items = %s", type_names[schema->type], items);
    put_properties(s, f, schema);
    schemac_put_texts(s, schema->list_map_keys, schema->list_map_key_count, keys);
    schemac_put_texts(s, schema->enumeration, schema->enumeration_count, values);
    if (schema->list_map_key_count)
        fprintf(f, ", .list_map_keys = %s, .list_map_key_count = %u", keys, schema->list_map_key_count);
    if (schema->enumeration_count)
        fprintf(f, ", .enumeration = %s, .enumeration_count = %u", values, schema->enumeration_count);
    if (schema->targets)
        fprintf(f, ", .targets = %u", schema->targets);
    const struct {
        const char *member, *text;
    } texts[] = {{"name", schema->name}, {"openapi_name", schema->openapi_name}, {"description", schema->description},
        {"format", schema->format}, {"patch_merge_key", schema->patch_merge_key},
        {"patch_strategy", schema->patch_strategy}, {"list_type", schema->list_type}, {"map_type", schema->map_type},
        {"gvk", schema->gvk}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        schemac_put_member(f, texts[i].member, texts[i].text);
    fputs("}", f);
}

static void print_header(struct schemac *s, FILE *h)
{
    fputs("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by schemac from schemas/. */\n#ifndef "
          "COFFER_API_SCHEMAS_H\n#define COFFER_API_SCHEMAS_H\n\n#include \"api/schema.h\"\n\n",
        h);
    for (size_t i = 0; i < s->list->count; i++) {
        fputs(i ? ", schema_" : "extern const struct schema schema_", h);
        schemac_put_name(h, s->list, s->list->schemas[i]);
    }
    fputs(";\n\n/* F(schema_x) for each. */\n#define SCHEMAS_EACH(F)", h);
    for (size_t i = 0; i < s->list->count; i++) {
        fputs(" F(schema_", h);
        schemac_put_name(h, s->list, s->list->schemas[i]);
        fputs(")", h);
    }
    fputs("\n\n#endif\n", h);
}

static void print_schemas(struct schemac *s)
{
    fputs("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by schemac from schemas/. */\n#include "
          "\"api/schemas.h\"\n\n",
        s->c);
    for (size_t i = 0; i < s->list->count; i++) {
        struct schemac_text text;
        put_body(s, schemac_open(&text), s->list->schemas[i]);
        if (fclose(text.f) != 0)
            schemac_die("memory", strerror(errno));
        fputs("const struct schema schema_", s->c);
        schemac_put_name(s->c, s->list, s->list->schemas[i]);
        fprintf(s->c, " = %s;\n", text.p);
        free(text.p);
    }
    schemac_close_tables(s);
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "we");
    if (!f)
        schemac_die(path, strerror(errno));
    return f;
}

static void close_file(FILE *f, const char *path)
{
    bool failed = ferror(f);
    if (fclose(f) != 0 || failed)
        schemac_die(path, strerror(errno));
}

int main(int argc, char **argv)
{
    struct arena arena;
    struct error error;
    struct schema_list list = {0};
    if (argc < 6)
        schemac_die("usage", "schemac SCHEMAS.c SCHEMAS.h KINDS.c KINDS.h FILE.yaml...");
    arena_init(&arena, 256u << 20);
    error_init(&error, &arena);
    for (int i = 5; i < argc; i++) {
        struct json *file;
        if (yaml_parse(&arena, read_file(&arena, argv[i]), 0, &file, &error) != ERR_OK ||
            schemas_load(&arena, file, &list, &error) != ERR_OK)
            schemac_die(argv[i], (const char *)error.message.p);
    }
    if (schemas_link(&list, &error) != ERR_OK)
        schemac_die("schemas", (const char *)error.message.p);
    struct schemac s = {.arena = &arena, .list = &list, .c = create(argv[1])};
    print_schemas(&s);
    close_file(s.c, argv[1]);
    FILE *h = create(argv[2]);
    print_header(&s, h);
    close_file(h, argv[2]);
    s.c = create(argv[3]);
    schemac_print_kinds(&s);
    close_file(s.c, argv[3]);
    h = create(argv[4]);
    schemac_print_kinds_header(&s, h);
    close_file(h, argv[4]);
    arena_reset(&arena);
    return 0;
}
