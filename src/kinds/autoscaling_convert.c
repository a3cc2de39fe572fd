/* SPDX-License-Identifier: Apache-2.0 */
/* HorizontalPodAutoscaler autoscaling/v1 to v2, which is stored, and back. What v1 has no field for stands in
 * annotations there: metrics and what was measured in v1's flat form, conditions as they are, behavior with the capital
 * letters of Go's members. */
#include "api/decode.h"
#include "api/schemas.h"
#include "kinds/autoscaling.h"
#include "kinds/kinds.h"
#include "kinds/tree.h"

#define PREFIX "autoscaling.alpha.kubernetes.io/"
enum { ANNOTATION_METRICS, ANNOTATION_CURRENT_METRICS, ANNOTATION_CONDITIONS, ANNOTATION_BEHAVIOR, ANNOTATION_COUNT };
static const char *const annotations[ANNOTATION_COUNT] = {
    AUTOSCALING_METRICS, PREFIX "current-metrics", PREFIX "conditions", PREFIX "behavior"};

/* ---- One metric, or what was measured of it */

/* Sources by type, and where v1 calls things otherwise. */
static const struct {
    const char *type, *member, *selector, *average;
} sources[] = {{"Object", "object", "selector", "averageValue"}, {"Pods", "pods", "selector", NULL},
    {"Resource", "resource", NULL, NULL}, {"ContainerResource", "containerResource", NULL, NULL},
    {"External", "external", "metricSelector", NULL}};

/* v1's word for a value, and v2's member and type of target. */
static const struct {
    const char *word, *member, *type;
} values[] = {{"Value", "value", "Value"}, {"AverageValue", "averageValue", "AverageValue"},
    {"AverageUtilization", "averageUtilization", "Utilization"}};

static size_t source_of(const struct json *metric)
{
    size_t i = 0;
    while (i < ARRAY_LEN(sources) && !bytes_equal(tree_text(metric, "type"), bytes_of(sources[i].type)))
        i++;
    return i;
}

/* "targetAverageValue" */
static bytes flat_name(struct arena *arena, size_t source, size_t value, bool status)
{
    if (value == 1 && sources[source].average)
        return bytes_of(sources[source].average);
    return arena_join(arena, status ? BYTES("current") : BYTES("target"), bytes_of(values[value].word), ARENA_END);
}

static bool move(struct arena *arena, const struct json *from, bytes name, struct json *to, bytes as)
{
    const struct json *value = json_get(from, name);
    return !value || value->type == JSON_NULL || json_set(to, as, json_copy(arena, value));
}

/* {metricName, targetValue ...} to {metric: {name}, target: {type, value} ...}. NULL when the arena is full. */
static struct json *deepen(struct arena *arena, const struct json *flat, size_t source, bool status)
{
    struct json *deep = json_new(arena, JSON_OBJECT), *metric = json_new(arena, JSON_OBJECT),
                *numbers = json_new(arena, JSON_OBJECT);
    bool fine = move(arena, flat, BYTES("name"), deep, BYTES("name")) &&
                move(arena, flat, BYTES("container"), deep, BYTES("container")) &&
                move(arena, flat, BYTES("target"), deep, BYTES("describedObject")) &&
                move(arena, flat, BYTES("metricName"), metric, BYTES("name"));
    if (sources[source].selector)
        fine = fine && move(arena, flat, bytes_of(sources[source].selector), metric, BYTES("selector")) &&
               json_set(deep, BYTES("metric"), metric);
    for (size_t i = 0; fine && i < ARRAY_LEN(values); i++) {
        bytes name = flat_name(arena, source, i, status);
        const struct json *value = name.p ? json_get(flat, name) : NULL;
        if (!name.p || !move(arena, flat, name, numbers, bytes_of(values[i].member)))
            return NULL;
        if (value && !status && !json_set(numbers, BYTES("type"), json_string(arena, bytes_of(values[i].type))))
            return NULL;
    }
    return fine && json_set(deep, status ? BYTES("current") : BYTES("target"), numbers) ? deep : NULL;
}

static struct json *flatten(struct arena *arena, const struct json *deep, size_t source, bool status)
{
    struct json *flat = json_new(arena, JSON_OBJECT);
    const struct json *metric = json_get(deep, BYTES("metric")),
                      *numbers = json_get(deep, status ? BYTES("current") : BYTES("target"));
    bool fine = move(arena, deep, BYTES("describedObject"), flat, BYTES("target")) &&
                move(arena, deep, BYTES("name"), flat, BYTES("name")) &&
                move(arena, metric, BYTES("name"), flat, BYTES("metricName"));
    for (size_t i = 0; fine && i < ARRAY_LEN(values); i++) {
        bytes name = flat_name(arena, source, i, status);
        fine = name.p && move(arena, numbers, bytes_of(values[i].member), flat, name);
    }
    if (sources[source].selector)
        fine = fine && move(arena, metric, BYTES("selector"), flat, bytes_of(sources[source].selector));
    return fine && move(arena, deep, BYTES("container"), flat, BYTES("container")) ? flat : NULL;
}

/* A list of metrics in the other form. Those of an unknown type keep theirs. */
static struct json *convert(struct arena *arena, const struct json *metrics, bool status,
    struct json *(*one)(struct arena *, const struct json *, size_t, bool))
{
    struct json *list = json_new(arena, JSON_ARRAY);
    for (const struct json *m = metrics ? metrics->first : NULL; m; m = m->next) {
        struct json *metric = json_copy(arena, m);
        size_t source = source_of(m);
        const struct json *from = source < ARRAY_LEN(sources) ? json_get(m, bytes_of(sources[source].member)) : NULL;
        if (from && !json_set(metric, bytes_of(sources[source].member), one(arena, from, source, status)))
            return NULL;
        if (!json_append(list, metric))
            return NULL;
    }
    return list;
}

/* ---- Annotations */

/* NULL when there is none, or no JSON of this type: then it stays a note to no one. */
static struct json *annotated(struct arena *arena, const struct json *object, size_t which, enum json_type type)
{
    bytes text = tree_text(tree_at(object, "metadata", "annotations", NULL), annotations[which]);
    struct error error;
    struct json *value;
    error_init(&error, arena);
    if (!text.n || json_parse(arena, text, &(struct json_options){0}, &value, NULL, &error) != ERR_OK)
        return NULL;
    return value->type == type ? value : NULL;
}

static bool annotate(struct arena *arena, struct json *object, size_t which, const struct json *value)
{
    struct buffer text;
    if (!value || !value->count)
        return value != NULL;
    struct json *map = tree_member(arena, json_get(object, BYTES("metadata")), "annotations", JSON_OBJECT);
    buffer_init(&text, arena);
    json_write(&text, value);
    if (text.failed || !map || !tree_set_text(arena, map, annotations[which], buffer_bytes(&text)))
        return false;
    json_sort(map);
    return true;
}

static void drop_annotations(struct json *object)
{
    struct json *metadata = json_get(object, BYTES("metadata")), *map = json_get(metadata, BYTES("annotations"));
    for (size_t i = 0; map && i < ANNOTATION_COUNT; i++)
        json_remove(map, bytes_of(annotations[i]));
    if (map && !map->count)
        json_remove(metadata, BYTES("annotations"));
}

/* Members with a small or a capital first letter, all the way down. */
static bool recase(struct arena *arena, struct json *value, bool capital)
{
    for (struct json *member = value->first; member; member = member->next) {
        if (value->type == JSON_OBJECT && member->key.n) {
            bytes key = arena_copy(arena, member->key);
            if (!key.p)
                return false;
            uint8_t *first = (uint8_t *)(uintptr_t)key.p;
            *first = capital ? *first & 0xdf : *first | 0x20;
            member->key = key;
        }
        if (!recase(arena, member, capital))
            return false;
    }
    return true;
}

/* ---- The CPU's utilization, the one metric that v1 has a field for */

static bool is_cpu(const struct json *metric, const char *numbers)
{
    const struct json *resource = json_get(metric, BYTES("resource"));
    return bytes_equal(tree_text(metric, "type"), BYTES("Resource")) &&
           bytes_equal(tree_text(resource, "name"), BYTES("cpu")) &&
           json_get(json_get(resource, bytes_of(numbers)), BYTES("averageUtilization"));
}

struct json *autoscaling_cpu_metric(struct arena *arena, bool status, int64_t percent)
{
    struct json *metric = json_new(arena, JSON_OBJECT), *resource = json_new(arena, JSON_OBJECT),
                *numbers = json_new(arena, JSON_OBJECT);
    bool fine = tree_set_text(arena, metric, "type", BYTES("Resource")) &&
                tree_set_text(arena, resource, "name", BYTES("cpu")) &&
                (status || tree_set_text(arena, numbers, "type", BYTES("Utilization"))) &&
                tree_set_integer(arena, numbers, "averageUtilization", percent) &&
                json_set(resource, status ? BYTES("current") : BYTES("target"), numbers) &&
                json_set(metric, BYTES("resource"), resource);
    return fine ? metric : NULL;
}

/* The first such metric becomes a field; all of them leave the list where the rest is kept. */
static bool take_cpu(
    struct arena *arena, struct json *metrics, const char *numbers, struct json *to, const char *field, bool keep)
{
    struct json **link = metrics ? &metrics->first : NULL, *last = NULL;
    while (link && *link) {
        struct json *metric = *link;
        const struct json *percent =
            json_at(metric, BYTES("resource"), bytes_of(numbers), BYTES("averageUtilization"), BYTES_NONE);
        bool cpu = is_cpu(metric, numbers);
        if (cpu && !json_get(to, bytes_of(field)) && !json_set(to, bytes_of(field), json_copy(arena, percent)))
            return false;
        if (cpu && !keep) {
            *link = metric->next;
            metrics->count--;
        } else {
            last = metric;
            link = &metric->next;
        }
    }
    if (metrics)
        metrics->last = last;
    return true;
}

/* ---- Objects */

static err_t finish(struct arena *arena, const struct kind *kind, struct json *object, bool fine, struct error *error)
{
    struct warnings none = {0};
    struct json *clean;
    bytes version = kind_api_version(arena, kind);
    if (!fine || !version.p || !tree_set_text(arena, object, "apiVersion", version))
        return arena_error(arena, error);
    TRY(decode_tree(arena, kind->schema, object, FIELD_VALIDATION_IGNORE, &none, &clean, error));
    clean->key = object->key;
    clean->next = object->next;
    *object = *clean;
    return ERR_OK;
}

static bool spec_to_v2(struct arena *arena, struct json *object)
{
    struct json *spec = json_get(object, BYTES("spec")),
                *other = annotated(arena, object, ANNOTATION_METRICS, JSON_ARRAY);
    struct json *metrics = convert(arena, other, false, deepen),
                *cpu = json_get(spec, BYTES("targetCPUUtilizationPercentage")),
                *behavior = annotated(arena, object, ANNOTATION_BEHAVIOR, JSON_OBJECT);
    int64_t percent = AUTOSCALING_DEFAULT_CPU;
    if (!metrics)
        return false;
    bool needed = (cpu && json_to_int64(cpu, &percent)) || !metrics->count;
    if (needed && !json_append(metrics, autoscaling_cpu_metric(arena, false, percent)))
        return false;
    if (behavior && (!recase(arena, behavior, false) || !json_set(spec, BYTES("behavior"), behavior)))
        return false;
    return json_set(spec, BYTES("metrics"), metrics) != NULL;
}

static bool status_to_v2(struct arena *arena, struct json *object)
{
    struct json *status = json_get(object, BYTES("status")),
                *cpu = json_get(status, BYTES("currentCPUUtilizationPercentage")),
                *measured = annotated(arena, object, ANNOTATION_CURRENT_METRICS, JSON_ARRAY),
                *conditions = annotated(arena, object, ANNOTATION_CONDITIONS, JSON_ARRAY);
    struct json *metrics = convert(arena, measured, true, deepen);
    int64_t percent;
    if (!metrics || !status)
        return metrics != NULL;
    if (cpu && !measured && json_to_int64(cpu, &percent) &&
        !json_append(metrics, autoscaling_cpu_metric(arena, true, percent)))
        return false;
    if (metrics->count && !json_set(status, BYTES("currentMetrics"), metrics))
        return false;
    return !conditions || json_set(status, BYTES("conditions"), conditions);
}

err_t autoscaling_to_stored(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    if (!kind->stored_as)
        return ERR_OK;
    bool fine = spec_to_v2(arena, object) && status_to_v2(arena, object);
    drop_annotations(object);
    return finish(arena, kind->stored_as, object, fine, error);
}

err_t autoscaling_from_stored(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    if (!kind->stored_as)
        return ERR_OK;
    struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    struct json *metrics = json_get(spec, BYTES("metrics")), *measured = json_get(status, BYTES("currentMetrics")),
                *behavior = json_get(spec, BYTES("behavior")), *conditions = json_get(status, BYTES("conditions"));
    bool fine = take_cpu(arena, metrics, "target", spec, "targetCPUUtilizationPercentage", false) &&
                (!status || take_cpu(arena, measured, "current", status, "currentCPUUtilizationPercentage", true)) &&
                (!behavior || recase(arena, behavior, true)) &&
                annotate(arena, object, ANNOTATION_METRICS, convert(arena, metrics, false, flatten)) &&
                annotate(arena, object, ANNOTATION_CURRENT_METRICS, convert(arena, measured, true, flatten)) &&
                (!conditions || annotate(arena, object, ANNOTATION_CONDITIONS, conditions)) &&
                (!behavior || annotate(arena, object, ANNOTATION_BEHAVIOR, behavior));
    return finish(arena, kind, object, fine, error);
}
