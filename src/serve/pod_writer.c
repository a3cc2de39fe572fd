/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/pod_writer.h"

#include "api/schemas.h"
#include "kinds/kinds.h"

#define PATH_MOST 8

static const bytes annotation = {(const uint8_t *)ANNOTATION_POD_WRITER, sizeof ANNOTATION_POD_WRITER - 1};

/* ---- Which part Pods are made from. */

/* The names down to it, outermost first; 0: there is none. Only what a Pod is has a field for its account. */
static size_t path_to_part(const struct schema *schema, bytes path[PATH_MOST], size_t depth)
{
    if (depth == PATH_MOST || !(schema->targets & TARGET_BIT(TARGET_SERVICE_ACCOUNT)))
        return 0;
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        size_t found = p->schema == &schema_pod_spec || p->schema == &schema_pod_template_spec
                           ? depth + 1
                           : path_to_part(p->schema, path, depth + 1);
        if (found > 0) {
            path[depth] = (bytes){(const uint8_t *)p->name, p->name_length};
            return found;
        }
    }
    return 0;
}

/* A ControllerRevision holds the template of a StatefulSet or DaemonSet as any JSON: no schema tells. */
static size_t path_in(const struct kind *kind, bytes path[PATH_MOST])
{
    if (kind != &controller_revision_kind)
        return path_to_part(kind->schema, path, 0);
    path[0] = BYTES("data");
    path[1] = BYTES("spec");
    path[2] = BYTES("template");
    return 3;
}

bool pod_part_kind(const struct kind *kind)
{
    bytes path[PATH_MOST];

    return path_in(kind, path) > 0;
}

const struct json *pod_part(const struct kind *kind, const struct json *object)
{
    bytes path[PATH_MOST];
    size_t n = path_in(kind, path);

    for (size_t i = 0; i < n; i++)
        object = json_get(object, path[i]);
    return n > 0 ? object : NULL;
}

static bool member_same(const struct json *a, const struct json *b, bytes name)
{
    a = json_get(a, name);
    b = json_get(b, name);
    return a && b ? json_equal(a, b) : a == b;
}

bool pod_template_same(const struct json *template, const struct json *other)
{
    return template && other && member_same(template, other, BYTES("spec")) &&
           member_same(json_get(template, BYTES("metadata")), json_get(other, BYTES("metadata")), BYTES("annotations"));
}

/* ---- The annotation. */

static bool drop(struct json *metadata)
{
    struct json *annotations = json_get(metadata, BYTES("annotations"));

    if (!json_get(annotations, annotation))
        return false;
    json_remove(annotations, annotation);
    if (annotations->count == 0)
        json_remove(metadata, BYTES("annotations"));
    return true;
}

/* text empty: none. */
static err_t put(struct request *r, bytes text)
{
    struct json *metadata = json_get(r->object, BYTES("metadata")),
                *annotations = json_get(metadata, BYTES("annotations"));

    if (text.n == 0) {
        (void)drop(metadata);
        return ERR_OK;
    }
    if (bytes_equal(json_text(annotations, annotation), text))
        return ERR_OK;
    if (!annotations)
        annotations = json_set(metadata, BYTES("annotations"), json_new(r->arena, JSON_OBJECT));
    if (!json_set(annotations, annotation, json_string(r->arena, text)))
        return arena_error(r->arena, &r->error);
    json_sort(annotations);
    object_arrange(r->kind, r->object);
    return ERR_OK;
}

static bytes text_in(const struct json *object)
{
    return json_text(json_at(object, BYTES("metadata"), BYTES("annotations"), BYTES_NONE), annotation);
}

err_t pod_writer_restore(struct request *r)
{
    return pod_part_kind(r->kind) ? put(r, r->creates ? BYTES_NONE : text_in(r->old)) : ERR_OK;
}

void pod_writer_drop(const struct kind *kind, struct json *configuration)
{
    if (pod_part_kind(kind))
        (void)drop(json_get(configuration, BYTES("metadata")));
}

/* ---- What it says. */

err_t pod_writer_read(struct arena *arena, const struct kind *kind, const struct json *object, struct user *ret,
    bool *ret_found, struct error *error)
{
    bytes text = text_in(object);
    struct json *record;
    const struct json *groups;
    bytes *names;

    *ret_found = false;
    if (text.n == 0 || !pod_part_kind(kind))
        return ERR_OK;
    err_t code = json_parse(arena, text, &(struct json_options){0}, &record, NULL, error);
    if (code == ERR_BAD_REQUEST)
        error_init(error, arena);
    if (code != ERR_OK)
        return code == ERR_BAD_REQUEST ? ERR_OK : code;
    groups = json_get(record, BYTES("groups"));
    *ret = (struct user){.name = json_text(record, BYTES("username")), .uid = json_text(record, BYTES("uid"))};
    *ret_found = ret->name.n > 0;
    if (!groups || groups->type != JSON_ARRAY)
        return ERR_OK;
    names = arena_alloc(arena, groups->count * sizeof *names);
    if (!names)
        return arena_error(arena, error);
    ret->groups = names;
    for (const struct json *group = groups->first; group; group = group->next)
        if (group->type == JSON_STRING)
            names[ret->group_count++] = group->text;
    return ERR_OK;
}

err_t pod_writer_set(struct request *r, const struct user *user)
{
    struct json *record = json_new(r->arena, JSON_OBJECT), *groups = json_new(r->arena, JSON_ARRAY);
    struct buffer text;
    size_t size = 0;
    bool fine;

    if (!user)
        return put(r, BYTES_NONE);
    fine = json_set(record, BYTES("username"), json_string(r->arena, user->name)) &&
           (user->uid.n == 0 || json_set(record, BYTES("uid"), json_string(r->arena, user->uid)));
    for (size_t i = 0; fine && i < user->group_count && size < POD_WRITER_MOST; i++) {
        size += user->groups[i].n + sizeof "\"\",";
        if (size < POD_WRITER_MOST)
            fine = json_append(groups, json_string(r->arena, user->groups[i])) != NULL;
    }
    fine = fine && json_set(record, BYTES("groups"), groups);
    buffer_init(&text, r->arena);
    if (fine)
        json_write(&text, record);
    if (!fine || text.failed)
        return arena_error(r->arena, &r->error);
    return put(r, buffer_bytes(&text));
}
