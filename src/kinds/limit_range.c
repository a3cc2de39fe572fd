/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/kinds.h"
#include "kinds/resource_names.h"

static const char *const lists[] = {"max", "min", "default", "defaultRequest", "maxLimitRequestRatio"};

/* ---- Defaults: what has a bound has a default, for containers alone. */

static bool fill(struct arena *arena, struct json *limit, const char *name, const char *from)
{
    const struct json *source = tree_first(limit, from);
    struct json *list = source ? tree_member(arena, limit, name, JSON_OBJECT) : NULL;
    if (source && !list)
        return false;
    for (; source; source = source->next)
        if (!json_get(list, source->key) && !json_add(list, source->key, json_string(arena, source->text)))
            return false;
    if (list)
        json_sort(list);
    return true;
}

static err_t limit_range_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    for (struct json *limit = tree_first(json_get(object, BYTES("spec")), "limits"); limit; limit = limit->next) {
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
            TRY(resource_list_settle(arena, json_get(limit, bytes_of(lists[i])), error));
        if (!bytes_equal(tree_text(limit, "type"), BYTES("Container")))
            continue;
        if (!fill(arena, limit, "default", "max") || !fill(arena, limit, "defaultRequest", "default") ||
            !fill(arena, limit, "defaultRequest", "min"))
            return arena_error(arena, error);
    }
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static void check_type(const struct field *type, struct name_table *seen)
{
    static const char *const types[] = {"Pod", "Container", "PersistentVolumeClaim"};
    bytes text = field_text(type);
    unsigned causes = type->check->error->cause_count;
    bool known = false;
    check_qualified_name(type);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || field_is(type, types[i]);
    if (type->check->error->cause_count == causes && bytes_find(text, '/') == text.n && !known)
        field_invalid(type, "must be a standard limit type or fully qualified");
    if (!name_table_add(seen, text, NULL) && !type->check->arena->failed)
        field_duplicate(type);
}

/* The quantities of one resource. */
enum bound { MAX, MIN, DEFAULT, REQUEST, RATIO, BOUNDS };

struct bounds {
    const struct field *limit;
    bytes resource;
    bool has[BOUNDS];
    struct quantity of[BOUNDS];
    bytes text[BOUNDS];
};

/* `shown` stands at `at`, and the bound `low` is above `high`. */
struct order {
    enum bound low, high, at, shown;
    const char *sentence;
};

static void fault(const struct bounds *b, enum bound at, enum bound shown, const char *format, ...) PRINTF_LIKE(4, 5);
static void fault(const struct bounds *b, enum bound at, enum bound shown, const char *format, ...)
{
    struct json value = {.type = JSON_STRING, .text = b->text[shown]};
    va_list args;
    va_start(args, format);
    bytes detail = arena_vformat(b->limit->check->arena, format, args);
    va_end(args);
    field_invalid(FIELD_KEY(FIELD(b->limit, lists[at]), b->resource, &value), "%.*s", BYTES_FMT(detail));
}

static void check_order(const struct bounds *b)
{
    static const struct order orders[] = {{MIN, MAX, MIN, MIN, "min value %.*s is greater than max value %.*s"},
        {MIN, REQUEST, REQUEST, REQUEST, "min value %.*s is greater than default request value %.*s"},
        {REQUEST, MAX, REQUEST, REQUEST, "default request value %.*s is greater than max value %.*s"},
        {REQUEST, DEFAULT, REQUEST, REQUEST, "default request value %.*s is greater than default limit value %.*s"},
        {MIN, DEFAULT, DEFAULT, MIN, "min value %.*s is greater than default value %.*s"},
        {DEFAULT, MAX, DEFAULT, MAX, "default value %.*s is greater than max value %.*s"}};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        const struct order *o = &orders[i];
        if (b->has[o->low] && b->has[o->high] && quantity_compare(&b->of[o->low], &b->of[o->high]) > 0) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            fault(b, o->at, o->shown, o->sentence, BYTES_FMT(b->text[o->low]), BYTES_FMT(b->text[o->high]));
#pragma GCC diagnostic pop
        }
    }
}

static void check_ratio(const struct bounds *b)
{
    const struct quantity one = {.nano = 1000000000};
    if (!b->has[RATIO])
        return;
    if (quantity_compare(&b->of[RATIO], &one) < 0)
        fault(b, RATIO, RATIO, "ratio %.*s is less than 1", BYTES_FMT(b->text[RATIO]));
    if (!b->has[MIN] || !b->has[MAX] || b->of[MIN].nano == 0)
        return;
    double most = (double)b->of[MAX].nano / (double)b->of[MIN].nano;
    if ((double)b->of[RATIO].nano / 1e9 > most)
        fault(b, RATIO, RATIO, "ratio %.*s is greater than max/min = %f", BYTES_FMT(b->text[RATIO]), most);
}

static void check_bounds(const struct field *limit, bytes resource)
{
    struct bounds b = {.limit = limit, .resource = resource};
    for (size_t i = 0; i < BOUNDS; i++) {
        const struct json *value = json_get(json_get(limit->value, bytes_of(lists[i])), resource);
        b.has[i] = value && quantity_parse(value->text, &b.of[i]);
        b.text[i] = value ? value->text : BYTES_NONE;
    }
    check_order(&b);
    check_ratio(&b);
    if (!resource_may_overcommit(resource) && b.has[DEFAULT] && b.has[REQUEST] &&
        quantity_compare(&b.of[DEFAULT], &b.of[REQUEST]) != 0)
        fault(&b, REQUEST, REQUEST, "default value %.*s must equal to defaultRequest value %.*s in %.*s",
            BYTES_FMT(b.text[DEFAULT]), BYTES_FMT(b.text[REQUEST]), BYTES_FMT(resource));
}

static void check_limit(const struct field *limit, struct name_table *types)
{
    const struct field *type = FIELD(limit, "type");
    bool pod = field_is(type, "Pod"), container = field_is(type, "Container");
    struct name_table resources = {.arena = limit->check->arena};
    check_type(type, types);
    for (size_t i = 0; i < BOUNDS; i++) {
        const struct field *list = FIELD(limit, lists[i]);
        if (pod && (i == DEFAULT || i == REQUEST)) {
            if (field_count(list))
                field_forbidden(list, "may not be specified when `type` is 'Pod'");
            continue;
        }
        if (i == RATIO && field_is(type, "PersistentVolumeClaim") && !FIELD(FIELD(limit, "max"), "storage")->value &&
            !FIELD(FIELD(limit, "min"), "storage")->value)
            field_required_because(FIELD(limit, "limits"),
                "either minimum or maximum storage value is required, but neither was provided");
        FIELD_EACH(quantity, list)
        resource_name_check(&quantity, quantity.key, pod || container ? RESOURCE_OF_CONTAINER : RESOURCE_OF_ANY);
    }
    for (size_t i = 0; i < BOUNDS; i++)
        FIELD_EACH(quantity, FIELD(limit, lists[i]))
    if (name_table_add(&resources, quantity.key, NULL))
        check_bounds(limit, quantity.key);
}

static void limit_range_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct name_table types = {.arena = arena};
    (void)kind, (void)subresource, (void)old;
    FIELD_EACH(limit, FIELD(&spec, "limits"))
    check_limit(&limit, &types);
}

const struct kind_rules limit_range_rules = {
    .set_defaults = limit_range_set_defaults, .validate = limit_range_validate};
