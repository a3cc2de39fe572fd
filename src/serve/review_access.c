/* SPDX-License-Identifier: Apache-2.0 */
/* May somebody do something: SubjectAccessReviews of all three sorts, decided as the steps decide about a request. Who
 * is asked about has the groups that the review names and no others: system:authenticated is not added. */
#include "kinds/kinds.h"
#include "serve/review.h"

/* ---- Who is asked about. */

static err_t read_user(struct request *r, const struct json *spec, struct user *ret)
{
    const struct json *map = json_get(spec, BYTES("extra"));
    struct user_extra *extra = arena_alloc(r->arena, (map ? map->count : 0) * sizeof *extra);
    size_t n = 0;

    if (!extra)
        return arena_error(r->arena, &r->error);
    for (const struct json *item = map ? map->first : NULL; item; item = item->next, n++) {
        extra[n].key = item->key;
        TRY(review_read_texts(r, item, &extra[n].values, &extra[n].value_count));
    }
    *ret = (struct user){
        .name = json_text(spec, BYTES("user")), .uid = json_text(spec, BYTES("uid")), .extra = extra, .extra_count = n};
    return review_read_texts(r, json_get(spec, BYTES("groups")), &ret->groups, &ret->group_count);
}

/* ---- What is asked. Of a selector what cannot be understood is left out, which asks for more, and is told. */

struct selector_reading {
    struct selector selector;
    bool flawed;
};

static bool operator_is(const struct json *requirement, const char *name)
{
    return bytes_equal(json_text(requirement, BYTES("operator")), bytes_of(name));
}

/* A field equals one value, or does not. */
static bool read_field(const struct json *requirement, struct requirement *ret)
{
    const struct json *values = json_get(requirement, BYTES("values"));
    bool in = operator_is(requirement, "In");

    if ((!in && !operator_is(requirement, "NotIn")) || !values || values->count != 1)
        return false;
    *ret = (struct requirement){.operator= in ? SELECT_EQUALS : SELECT_NOT_EQUALS,
        .key = json_text(requirement, BYTES("key")),
        .values = &values->first->text,
        .value_count = 1};
    return true;
}

/* Nothing here decides by labels: only whether they can be understood is told. */
static bool read_label(const struct json *requirement, struct requirement *ret)
{
    *ret = (struct requirement){.operator= SELECT_EXISTS, .key = json_text(requirement, BYTES("key"))};
    return operator_is(requirement, "In") || operator_is(requirement, "NotIn") || operator_is(requirement, "Exists") ||
           operator_is(requirement, "DoesNotExist");
}

static err_t read_raw(struct request *r, bytes text, bool of_fields, struct selector_reading *ret)
{
    struct error error;
    err_t code;

    error_init(&error, r->arena);
    code = of_fields ? field_selector_parse(r->arena, NULL, text, &ret->selector, &error)
                     : label_selector_parse(r->arena, text, &ret->selector, &error);
    ret->flawed = code == ERR_BAD_REQUEST;
    return code == ERR_OK || ret->flawed ? ERR_OK : arena_error(r->arena, &r->error);
}

static err_t read_selector(
    struct request *r, const struct json *attributes, const char *name, bool of_fields, struct selector_reading *ret)
{
    const struct json *from = json_get(attributes, bytes_of(name)), *list = json_get(from, BYTES("requirements"));
    bytes raw = json_text(from, BYTES("rawSelector"));
    struct requirement *requirements = arena_alloc(r->arena, (list ? list->count : 0) * sizeof *requirements);

    *ret = (struct selector_reading){.flawed = false};
    if (!requirements)
        return arena_error(r->arena, &r->error);
    if (raw.n > 0)
        return read_raw(r, raw, of_fields, ret);
    ret->selector.requirements = requirements;
    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        struct requirement *next = &requirements[ret->selector.count];
        bool known = of_fields ? read_field(item, next) : read_label(item, next);
        ret->selector.count += known;
        ret->flawed = ret->flawed || !known;
    }
    return ERR_OK;
}

static void tell_flaw(struct buffer *b, const struct selector_reading *reading, const char *name)
{
    if (reading->flawed)
        buffer_format(b, "%sspec.resourceAttributes.%s %signored due to parse error", b->n > 0 ? "; " : "", name,
            reading->selector.count > 0 ? "partially " : "");
}

static struct attributes read_attributes(const struct json *spec)
{
    const struct json *resource = json_get(spec, BYTES("resourceAttributes")),
                      *path = json_get(spec, BYTES("nonResourceAttributes"));

    if (!resource)
        return (struct attributes){.verb = json_text(path, BYTES("verb")), .path = json_text(path, BYTES("path"))};
    return (struct attributes){.resource_request = true,
        .verb = json_text(resource, BYTES("verb")),
        .group = json_text(resource, BYTES("group")),
        .version = json_text(resource, BYTES("version")),
        .resource = json_text(resource, BYTES("resource")),
        .subresource = json_text(resource, BYTES("subresource")),
        .namespace = json_text(resource, BYTES("namespace")),
        .name = json_text(resource, BYTES("name"))};
}

/* ---- The answer. */

static err_t tell(struct request *r, const struct decision *decision, bytes flaws)
{
    struct json *status = json_new(r->arena, JSON_OBJECT);

    if (!json_add(status, BYTES("allowed"), json_bool(r->arena, decision->allowed)) ||
        (decision->reason.n > 0 && !json_add(status, BYTES("reason"), json_string(r->arena, decision->reason))) ||
        (flaws.n > 0 && !json_add(status, BYTES("evaluationError"), json_string(r->arena, flaws))))
        return arena_error(r->arena, &r->error);
    return review_set_status(r, status);
}

err_t review_access(struct request *r)
{
    const struct json *spec = json_get(r->object, BYTES("spec")),
                      *resource = json_get(spec, BYTES("resourceAttributes"));
    struct attributes attributes = read_attributes(spec);
    struct selector_reading fields, labels;
    struct user asked = r->user;
    struct decision decision;
    struct buffer flaws;

    if (r->kind != &self_subject_access_review_kind)
        TRY(read_user(r, spec, &asked));
    TRY(read_selector(r, resource, "fieldSelector", true, &fields));
    TRY(read_selector(r, resource, "labelSelector", false, &labels));
    attributes.user = &asked;
    attributes.fields = fields.selector.count > 0 ? &fields.selector : NULL;
    TRY(authorize(r->arena, &attributes, &decision, &r->error));
    buffer_init(&flaws, r->arena);
    tell_flaw(&flaws, &fields, "fieldSelector");
    tell_flaw(&flaws, &labels, "labelSelector");
    return flaws.failed ? arena_error(r->arena, &r->error) : tell(r, &decision, buffer_bytes(&flaws));
}
