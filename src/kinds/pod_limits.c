/* SPDX-License-Identifier: Apache-2.0 */
/* LimitRanges: what they give containers, and what they don't let pass. */
#include "kinds/pod.h"
#include "kinds/pod_admission.h"

#define ANNOTATION "kubernetes.io/limit-ranger"

static bool is_for(const struct json *limit, const char *type)
{
    return bytes_equal(tree_text(limit, "type"), bytes_of(type));
}

/* ---- Defaults */

/* Adds what is missing; says what in text: "cpu, memory request for container c". */
static bool give(
    struct arena *arena, struct json *resources, const char *member, const struct json *defaults, struct buffer *set)
{
    struct json *list = tree_member(arena, resources, member, JSON_OBJECT);
    struct name_table known = {.arena = arena};
    for (const struct json *value = list ? list->first : NULL; value; value = value->next)
        if (!name_table_add(&known, value->key, NULL))
            return false;
    for (const struct json *value = list && defaults ? defaults->first : NULL; value; value = value->next) {
        if (name_table_find(&known, value->key))
            continue;
        if (!json_add(list, value->key, json_copy(arena, value)) || !name_table_add(&known, value->key, NULL))
            return false;
        buffer_text(set, set->n ? ", " : "");
        buffer_put(set, value->key);
    }
    if (list)
        json_sort(list);
    return list && !set->failed;
}

static bool give_container(struct arena *arena, struct json *container, const struct json *defaults, const char *what,
    struct buffer *annotation)
{
    static const struct {
        const char *member, *word;
    } lists[] = {{"limits", "limit"}, {"requests", "request"}};
    struct json *resources = tree_member(arena, container, "resources", JSON_OBJECT);
    struct buffer set[2];
    for (size_t i = 0; i < 2; i++) {
        buffer_init(&set[i], arena);
        if (!resources ||
            !give(arena, resources, lists[i].member, json_get(defaults, bytes_of(lists[i].member)), &set[i]))
            return false;
    }
    for (size_t i = 2; i-- > 0;)
        if (set[i].n) {
            buffer_text(annotation, annotation->n ? "; " : "");
            buffer_put(annotation, buffer_bytes(&set[i]));
            buffer_format(annotation, " %s for %s %.*s", lists[i].word, what, BYTES_FMT(tree_text(container, "name")));
        }
    return !annotation->failed;
}

static bool merge(struct arena *arena, struct json *into, const struct json *list)
{
    for (const struct json *value = list ? list->first : NULL; value; value = value->next)
        if (!json_set(into, value->key, json_copy(arena, value)))
            return false;
    return into != NULL;
}

/* {"limits": ..., "requests": ...} of all rows for containers, the later ones last. */
static struct json *defaults_of(struct arena *arena, const struct json *range)
{
    struct json *defaults = json_new(arena, JSON_OBJECT);
    struct json *limits = tree_member(arena, defaults, "limits", JSON_OBJECT);
    struct json *requests = tree_member(arena, defaults, "requests", JSON_OBJECT);
    const struct json *limit = tree_first(json_get(range, BYTES("spec")), "limits");
    for (; limit && limits && requests; limit = limit->next)
        if (is_for(limit, "Container") && (!merge(arena, requests, json_get(limit, BYTES("defaultRequest"))) ||
                                              !merge(arena, limits, json_get(limit, BYTES("default")))))
            return NULL;
    if (!limits || !requests)
        return NULL;
    json_sort(limits);
    json_sort(requests);
    return defaults;
}

static bool annotate(struct arena *arena, struct json *pod, const struct buffer *said)
{
    struct json *metadata = json_get(pod, BYTES("metadata"));
    if (!said->n)
        return true;
    struct json *annotations = tree_member(arena, metadata, "annotations", JSON_OBJECT);
    bytes text = arena_join(arena, BYTES("LimitRanger plugin set: "), buffer_bytes(said), ARENA_END);
    if (!annotations || !text.p || !tree_set_text(arena, annotations, ANNOTATION, text))
        return false;
    json_sort(annotations);
    return true;
}

err_t pod_admit_limits(
    struct arena *arena, struct json *pod, const struct json *const *ranges, size_t count, struct error *error)
{
    static const struct {
        const char *list, *what;
    } lists[] = {{"containers", "container"}, {"initContainers", "init container"}};
    const struct json *spec = json_get(pod, BYTES("spec"));
    for (size_t i = 0; i < count; i++) {
        const struct json *defaults = defaults_of(arena, ranges[i]);
        struct buffer said;
        buffer_init(&said, arena);
        for (size_t j = 0; defaults && j < ARRAY_LEN(lists); j++)
            for (struct json *container = tree_first(spec, lists[j].list); container; container = container->next)
                if (!give_container(arena, container, defaults, lists[j].what, &said))
                    return arena_error(arena, error);
        if (!defaults || !annotate(arena, pod, &said))
            return arena_error(arena, error);
    }
    return ERR_OK;
}

/* ---- Bounds */

struct violations {
    struct arena *arena;
    struct buffer text;
    struct name_table said; /* each once, as Go's aggregates do */
};

static void violate(struct violations *v, const char *format, ...) PRINTF_LIKE(2, 3);
static void violate(struct violations *v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bytes text = arena_vformat(v->arena, format, args);
    va_end(args);
    v->text.failed = v->text.failed || !text.p;
    if (!text.p || v->said.count >= CAUSES_MOST || !name_table_add(&v->said, text, NULL))
        return;
    buffer_text(&v->text, v->text.n ? ", " : "");
    buffer_put(&v->text, text);
}

/* What one container, or the pod as a whole, asks for. NULL: nothing of that name. */
struct asked {
    struct resource_sums requests, limits;
};

static bytes shown(struct violations *v, const struct quantity *quantity)
{
    bytes text = quantity_text(v->arena, quantity);
    v->text.failed = v->text.failed || !text.p;
    return text;
}

static void check_least(struct violations *v, bytes type, const struct json *bound, const struct quantity *least,
    const struct quantity *request, const struct quantity *limit)
{
    bytes name = bound->key, most = bound->text;
    if (!request)
        violate(v, "minimum %.*s usage per %.*s is %.*s.  No request is specified", BYTES_FMT(name), BYTES_FMT(type),
            BYTES_FMT(most));
    else if (quantity_compare(request, least) < 0)
        violate(v, "minimum %.*s usage per %.*s is %.*s, but request is %.*s", BYTES_FMT(name), BYTES_FMT(type),
            BYTES_FMT(most), BYTES_FMT(shown(v, request)));
    else if (limit && quantity_compare(limit, least) < 0)
        violate(v, "minimum %.*s usage per %.*s is %.*s, but limit is %.*s", BYTES_FMT(name), BYTES_FMT(type),
            BYTES_FMT(most), BYTES_FMT(shown(v, limit)));
}

static void check_most(struct violations *v, bytes type, const struct json *bound, const struct quantity *most,
    const struct quantity *request, const struct quantity *limit)
{
    bytes name = bound->key, text = bound->text;
    if (!limit)
        violate(v, "maximum %.*s usage per %.*s is %.*s.  No limit is specified", BYTES_FMT(name), BYTES_FMT(type),
            BYTES_FMT(text));
    else if (quantity_compare(limit, most) > 0)
        violate(v, "maximum %.*s usage per %.*s is %.*s, but limit is %.*s", BYTES_FMT(name), BYTES_FMT(type),
            BYTES_FMT(text), BYTES_FMT(shown(v, limit)));
    else if (request && quantity_compare(request, most) > 0)
        violate(v, "maximum %.*s usage per %.*s is %.*s, but request is %.*s", BYTES_FMT(name), BYTES_FMT(type),
            BYTES_FMT(text), BYTES_FMT(shown(v, request)));
}

static void check_ratio(struct violations *v, bytes type, const struct json *bound, const struct quantity *most,
    const struct quantity *request, const struct quantity *limit)
{
    bytes name = bound->key, text = bound->text;
    if (!request || request->nano == 0) {
        violate(v, "%.*s max limit to request ratio per %.*s is %.*s, but no request is specified or request is 0",
            BYTES_FMT(name), BYTES_FMT(type), BYTES_FMT(text));
        return;
    }
    if (!limit || limit->nano == 0) {
        violate(v, "%.*s max limit to request ratio per %.*s is %.*s, but no limit is specified or limit is 0",
            BYTES_FMT(name), BYTES_FMT(type), BYTES_FMT(text));
        return;
    }
    double ratio = (double)limit->nano / (double)request->nano;
    if (ratio * 1e9 > (double)most->nano)
        violate(v, "%.*s max limit to request ratio per %.*s is %.*s, but provided ratio is %f", BYTES_FMT(name),
            BYTES_FMT(type), BYTES_FMT(text), ratio);
}

static void check_limit(struct violations *v, const struct json *limit, const struct asked *asked)
{
    static const struct {
        const char *member;
        void (*check)(struct violations *, bytes, const struct json *, const struct quantity *, const struct quantity *,
            const struct quantity *);
    } bounds[] = {{"min", check_least}, {"max", check_most}, {"maxLimitRequestRatio", check_ratio}};
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
        for (const struct json *bound = tree_first(limit, bounds[i].member); bound; bound = bound->next) {
            struct quantity quantity;
            if (quantity_parse(bound->text, &quantity))
                bounds[i].check(v, tree_text(limit, "type"), bound, &quantity,
                    resource_sums_find(&asked->requests, bound->key), resource_sums_find(&asked->limits, bound->key));
        }
}

static bool check_containers(struct violations *v, const struct json *limit, const struct json *spec, const char *list)
{
    for (const struct json *container = tree_first(spec, list); container; container = container->next) {
        struct asked asked;
        if (!resource_list_sum(v->arena, tree_at(container, "resources", "requests", NULL), &asked.requests) ||
            !resource_list_sum(v->arena, tree_at(container, "resources", "limits", NULL), &asked.limits))
            return false;
        check_limit(v, limit, &asked);
    }
    return true;
}

static bool check_range(struct violations *v, const struct json *range, const struct json *spec)
{
    const struct json *limit = tree_first(json_get(range, BYTES("spec")), "limits");
    for (; limit; limit = limit->next) {
        struct asked asked;
        if (is_for(limit, "Container") &&
            (!check_containers(v, limit, spec, "containers") || !check_containers(v, limit, spec, "initContainers")))
            return false;
        if (!is_for(limit, "Pod"))
            continue;
        if (!pod_sum_resources(v->arena, spec, "requests", true, &asked.requests) ||
            !pod_sum_resources(v->arena, spec, "limits", true, &asked.limits))
            return false;
        check_limit(v, limit, &asked);
    }
    return !v->text.failed && v->arena->failed == ERR_OK;
}

err_t pod_check_limits(
    struct arena *arena, const struct json *pod, const struct json *const *ranges, size_t count, struct error *error)
{
    const struct json *metadata = json_get(pod, BYTES("metadata"));
    bytes name = tree_text(metadata, "name");
    for (size_t i = 0; i < count; i++) {
        struct violations v = {.arena = arena, .said = {.arena = arena}};
        buffer_init(&v.text, arena);
        if (!check_range(&v, ranges[i], json_get(pod, BYTES("spec"))))
            return arena_error(arena, error);
        if (!v.said.count)
            continue;
        if (!name.n)
            name = tree_text(metadata, "generateName");
        return error_set(error, ERR_FORBIDDEN, "pods \"%.*s\" is forbidden: %s%.*s%s", BYTES_FMT(name),
            v.said.count > 1 ? "[" : "", BYTES_FMT(buffer_bytes(&v.text)), v.said.count > 1 ? "]" : "");
    }
    return ERR_OK;
}
