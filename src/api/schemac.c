/* SPDX-License-Identifier: Apache-2.0 */
/* schemac OUT.c OUT.h FILE.yaml...: compiles schema files to constant tables, at build. Each named schema becomes
 * schema_NAME in snake case: io.k8s.api.core.v1.Secret is schema_secret. */
#include "api/schema.h"
#include "text/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_LIMIT (4u << 20)

struct printer {
    FILE *c, *h;
    unsigned serial; /* of the next unnamed table */
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "schemac: %s: %s\n", what, why);
    exit(1);
}

static bytes read_file(struct arena *arena, const char *path)
{
    FILE *f = fopen(path, "rbe");
    uint8_t *p = arena_alloc(arena, FILE_LIMIT);
    if (!f || !p)
        die(path, strerror(errno));
    size_t n = fread(p, 1, FILE_LIMIT, f);
    if (ferror(f) || n == FILE_LIMIT)
        die(path, "cannot be read, or is too large");
    (void)fclose(f);
    return (bytes){p, n};
}

/* ObjectMeta is object_meta, FieldsV1 fields_v1. */
static void put_name(FILE *f, const char *name)
{
    fputs("schema_", f);
    for (const char *p = name; *p; p++) {
        if (isupper((unsigned char)*p) && p != name)
            fputc('_', f);
        fputc(tolower((unsigned char)*p), f);
    }
}

static void put_text(FILE *f, const char *text)
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

static void put_member(FILE *f, const char *member, const char *text)
{
    if (text) {
        fprintf(f, ", .%s = ", member);
        put_text(f, text);
    }
}

static const char *const type_names[] = {"ANY", "STRING", "BYTES", "TIME", "INTEGER", "NUMBER", "BOOLEAN", "ARRAY",
    "MAP", "OBJECT", "INT_OR_STRING", "RAW_JSON"};
static const char *const presence_names[] = {"OMITTED", "KEPT", "ALWAYS"};

static unsigned print_body(struct printer *, const struct schema *);

/* "&schema_x" or "&table_9", after printing what it needs. */
static void reference(struct printer *p, const struct schema *schema, char *ret, size_t size)
{
    if (!schema) {
        (void)snprintf(ret, size, "NULL");
    } else if (schema->name) {
        FILE *f = fmemopen(ret, size, "w");
        if (!f)
            die(schema->name, strerror(errno));
        fputc('&', f);
        put_name(f, schema->name);
        (void)fclose(f);
    } else {
        (void)snprintf(ret, size, "&table_%u", print_body(p, schema));
    }
}

static unsigned print_texts(struct printer *p, const char *const *texts, uint32_t count)
{
    unsigned serial = p->serial++;
    if (!count)
        return serial;
    fprintf(p->c, "static const char *const texts_%u[] = {", serial);
    for (uint32_t i = 0; i < count; i++) {
        put_text(p->c, texts[i]);
        fputs(i + 1 < count ? ", " : "};\n", p->c);
    }
    return serial;
}

static unsigned print_properties(struct printer *p, const struct schema *schema)
{
    char(*to)[128] = calloc(schema->property_count + 1, sizeof(*to));
    if (!to)
        die("memory", strerror(errno));
    for (uint32_t i = 0; i < schema->property_count; i++)
        reference(p, schema->properties[i].schema, to[i], sizeof(to[i]));
    unsigned serial = p->serial++;
    if (schema->property_count)
        fprintf(p->c, "static const struct schema_property properties_%u[] = {\n", serial);
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *property = &schema->properties[i];
        fprintf(p->c, "    {.name = \"%s\", .name_length = %u, .schema = %s, .protobuf = %u", property->name,
            property->name_length, to[i], property->protobuf);
        fprintf(p->c, ", .required = %s, .presence = PRESENCE_%s", property->required ? "true" : "false",
            presence_names[property->presence]);
        put_member(p->c, "description", property->description);
        put_member(p->c, "default_json", property->default_json);
        fputs("},\n", p->c);
    }
    if (schema->property_count)
        fputs("};\n", p->c);
    free(to);
    return serial;
}

/* Everything the schema needs, then the schema; returns its number. */
static unsigned print_body(struct printer *p, const struct schema *schema)
{
    char items[128];
    reference(p, schema->items, items, sizeof(items));
    unsigned properties = print_properties(p, schema);
    unsigned keys = print_texts(p, schema->list_map_keys, schema->list_map_key_count);
    unsigned values = print_texts(p, schema->enumeration, schema->enumeration_count);
    unsigned serial = p->serial++;
    if (schema->name) {
        fputs("const struct schema ", p->c);
        put_name(p->c, schema->name);
    } else {
        fprintf(p->c, "static const struct schema table_%u", serial);
    }
    fprintf(p->c, " = {.type = SCHEMA_%s, .items = %s", type_names[schema->type], items);
    if (schema->property_count)
        fprintf(p->c, ", .properties = properties_%u, .property_count = %u", properties, schema->property_count);
    if (schema->list_map_key_count)
        fprintf(p->c, ", .list_map_keys = texts_%u, .list_map_key_count = %u", keys, schema->list_map_key_count);
    if (schema->enumeration_count)
        fprintf(p->c, ", .enumeration = texts_%u, .enumeration_count = %u", values, schema->enumeration_count);
    const struct {
        const char *member, *text;
    } texts[] = {{"name", schema->name}, {"openapi_name", schema->openapi_name}, {"description", schema->description},
        {"format", schema->format}, {"patch_merge_key", schema->patch_merge_key},
        {"patch_strategy", schema->patch_strategy}, {"list_type", schema->list_type}, {"map_type", schema->map_type},
        {"gvk", schema->gvk}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        put_member(p->c, texts[i].member, texts[i].text);
    fputs("};\n", p->c);
    return serial;
}

static void print(struct printer *p, const struct schema_list *list)
{
    fputs("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by schemac from schemas/. */\n", p->h);
    fputs("#ifndef COFFER_API_SCHEMAS_H\n#define COFFER_API_SCHEMAS_H\n\n#include \"api/schema.h\"\n\nextern const "
          "struct schema",
        p->h);
    for (size_t i = 0; i < list->count; i++) {
        fputs(i ? ", " : " ", p->h);
        put_name(p->h, list->schemas[i]->name);
    }
    fputs(";\n\n#endif\n", p->h);
    fputs("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by schemac from schemas/. */\n#include "
          "\"api/schemas.h\"\n\n",
        p->c);
    for (size_t i = 0; i < list->count; i++)
        print_body(p, list->schemas[i]);
}

int main(int argc, char **argv)
{
    struct arena arena;
    struct error error;
    struct schema_list list = {0};
    if (argc < 4)
        die("usage", "schemac OUT.c OUT.h FILE.yaml...");
    arena_init(&arena, 256u << 20);
    error_init(&error, &arena);
    for (int i = 3; i < argc; i++) {
        struct json *file;
        if (yaml_parse(&arena, read_file(&arena, argv[i]), 0, &file, &error) != ERR_OK ||
            schemas_load(&arena, file, &list, &error) != ERR_OK)
            die(argv[i], (const char *)error.message.p);
    }
    if (schemas_link(&list, &error) != ERR_OK)
        die("schemas", (const char *)error.message.p);
    struct printer p = {.c = fopen(argv[1], "we"), .h = fopen(argv[2], "we")};
    if (!p.c || !p.h)
        die(argv[1], strerror(errno));
    print(&p, &list);
    if (ferror(p.c) || ferror(p.h) || fclose(p.c) || fclose(p.h))
        die(argv[1], strerror(errno));
    arena_reset(&arena);
    return 0;
}
