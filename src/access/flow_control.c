/* SPDX-License-Identifier: Apache-2.0 */
#include "access/flow_control.h"

#include "access/rbac_snapshot.h"
#include "base/published.h"

#include <stdio.h>
#include <stdlib.h>

#define PUBLISHED_FLOWS 7 /* each its own: base/published.h */
#define OBJECT_MEMORY   (64u << 20)
#define CATCH_ALL       BYTES("catch-all")
#define EXEMPT          BYTES("exempt")

/* The first member of schemas and levels: counted by the snapshots that hold it. */
struct item {
    struct persistent_value value;
    struct arena memory;
    bytes name;
    char uid[FLOW_UID_LIMIT];
};

struct level {
    struct item item;
    bool exempt, rejects;
    unsigned shares;
    uint64_t queued, flow_queued; /* requests that may wait */
    unsigned number;
};

struct subject {
    enum { SUBJECT_USER, SUBJECT_GROUP, SUBJECT_ACCOUNT } kind;
    bytes name; /* "*": all */
    bytes namespace;
};

struct resource_rule {
    struct rbac_texts verbs, groups, resources, namespaces;
    bool cluster_scope;
};

struct policy {
    struct subject *subjects;
    struct resource_rule *rules;
    size_t subject_count, rule_count;
};

struct schema {
    struct item item;
    bytes level;
    int64_t precedence;
    enum { FLOWS_ONE, FLOWS_BY_USER, FLOWS_BY_NAMESPACE } flows;
    struct policy *policies;
    size_t policy_count;
};

struct list {
    struct item **items;
    size_t count;
};

struct flow_set {
    struct published_value published;
    struct list schemas;          /* by precedence, then name */
    struct list levels;           /* by name */
    const struct level **targets; /* of each schema; NULL: it has none */
    uint64_t shares;              /* of all levels */
};

static struct flow_set none = {.published.references = 1};
static struct published published = PUBLISHED(PUBLISHED_FLOWS, &none.published);

/* What is in force where nobody stored it, as kube-apiserver has it. */
static const struct level catch_all = {.rejects = true, .shares = 5, .number = 0};
static const struct level exempt = {.exempt = true, .number = 1};
#define FIRST_NUMBER 2

/* ---- Lifetimes. */

static void item_free(struct persistent_value *value)
{
    struct item *item = (struct item *)value;

    arena_reset(&item->memory);
    free(item);
}

static void list_release(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        persistent_value_release(&list->items[i]->value);
    free(list->items);
}

static void set_free(struct published_value *value)
{
    struct flow_set *set = (struct flow_set *)value;

    list_release(&set->schemas);
    list_release(&set->levels);
    free(set->targets);
    free(set);
}

/* ---- From objects. */

static int64_t number_of(const struct json *object, const char *name, int64_t otherwise)
{
    int64_t number = otherwise;

    return json_to_int64(json_get(object, bytes_of(name)), &number) ? number : otherwise;
}

static bool is_text(const struct json *object, const char *name, const char *text)
{
    return bytes_equal(json_text(object, bytes_of(name)), bytes_of(text));
}

/* size: of the schema or level that begins with the item. */
static err_t item_new(size_t size, bytes name, const struct json *object, struct item **ret, struct error *error)
{
    struct item *item = calloc(1, size);
    bytes uid = json_text(json_get(object, BYTES("metadata")), BYTES("uid"));

    if (item) {
        item->value = (struct persistent_value){1, item_free};
        arena_init_plain(&item->memory, OBJECT_MEMORY);
        item->name = arena_copy(&item->memory, name);
        (void)snprintf(item->uid, sizeof item->uid, "%.*s", BYTES_FMT(uid));
    }
    if (item && item->name.p) {
        *ret = item;
        return ERR_OK;
    }
    if (item)
        item_free(&item->value);
    return error_set(error, ERR_NO_MEMORY, "no memory for flow control");
}

static err_t level_new(bytes name, const struct json *object, struct item **ret, struct error *error)
{
    const struct json *spec = json_get(object, BYTES("spec"));
    const struct json *limited = json_get(spec, BYTES("limited")), *own = json_get(spec, BYTES("exempt"));
    const struct json *queuing = json_at(limited, BYTES("limitResponse"), BYTES("queuing"), BYTES_NONE);
    int64_t length = number_of(queuing, "queueLengthLimit", 50), hand = number_of(queuing, "handSize", 8);
    int64_t queues = number_of(queuing, "queues", 64), shares;
    struct level *level;

    TRY(item_new(sizeof *level, name, object, ret, error));
    level = (struct level *)*ret;
    level->exempt = is_text(spec, "type", "Exempt");
    level->rejects = is_text(json_get(limited, BYTES("limitResponse")), "type", "Reject");
    shares = number_of(level->exempt ? own : limited, "nominalConcurrencyShares", level->exempt ? 0 : 30);
    level->shares = shares > 0 && shares <= INT32_MAX ? (unsigned)shares : 0;
    if (!level->exempt && !level->rejects && length > 0 && length <= INT32_MAX && hand > 0 && hand <= queues &&
        queues <= INT32_MAX) {
        level->queued = (uint64_t)queues * (uint64_t)length;
        level->flow_queued = (uint64_t)hand * (uint64_t)length;
    }
    return ERR_OK;
}

/* NULL where it is no list, whoever wrote that into the store. */
static const struct json *list_of(const struct json *object, const char *name)
{
    const struct json *list = json_get(object, bytes_of(name));

    return list && list->type == JSON_ARRAY ? list : NULL;
}

static bool read_subject(struct arena *arena, const struct json *from, struct subject *ret)
{
    static const char *const members[] = {"user", "group", "serviceAccount"}, *const kinds[] = {"User", "Group"};
    const struct json *of;

    ret->kind = is_text(from, "kind", kinds[0])   ? SUBJECT_USER
                : is_text(from, "kind", kinds[1]) ? SUBJECT_GROUP
                                                  : SUBJECT_ACCOUNT;
    of = json_get(from, bytes_of(members[ret->kind]));
    ret->name = arena_copy(arena, json_text(of, BYTES("name")));
    ret->namespace = arena_copy(arena, json_text(of, BYTES("namespace")));
    return ret->name.p && ret->namespace.p;
}

static bool read_rule(struct arena *arena, const struct json *from, struct resource_rule *ret)
{
    const struct json *scope = json_get(from, BYTES("clusterScope"));

    ret->cluster_scope = scope && scope->type == JSON_TRUE;
    return rbac_texts_read(arena, json_get(from, BYTES("verbs")), &ret->verbs) &&
           rbac_texts_read(arena, json_get(from, BYTES("apiGroups")), &ret->groups) &&
           rbac_texts_read(arena, json_get(from, BYTES("resources")), &ret->resources) &&
           rbac_texts_read(arena, json_get(from, BYTES("namespaces")), &ret->namespaces);
}

static bool read_policy(struct arena *arena, const struct json *from, struct policy *ret)
{
    const struct json *subjects = list_of(from, "subjects"), *rules = list_of(from, "resourceRules");

    ret->subjects = arena_alloc(arena, (subjects ? subjects->count : 0) * sizeof *ret->subjects);
    ret->rules = arena_alloc(arena, (rules ? rules->count : 0) * sizeof *ret->rules);
    if (!ret->subjects || !ret->rules)
        return false;
    for (const struct json *subject = subjects ? subjects->first : NULL; subject; subject = subject->next)
        if (!read_subject(arena, subject, &ret->subjects[ret->subject_count++]))
            return false;
    for (const struct json *rule = rules ? rules->first : NULL; rule; rule = rule->next)
        if (!read_rule(arena, rule, &ret->rules[ret->rule_count++]))
            return false;
    return true;
}

static bool read_schema(struct schema *s, const struct json *spec)
{
    const struct json *method = json_get(spec, BYTES("distinguisherMethod")), *rules = list_of(spec, "rules");
    struct arena *arena = &s->item.memory;

    s->precedence = number_of(spec, "matchingPrecedence", 1000);
    s->flows = is_text(method, "type", "ByUser")        ? FLOWS_BY_USER
               : is_text(method, "type", "ByNamespace") ? FLOWS_BY_NAMESPACE
                                                        : FLOWS_ONE;
    s->level = arena_copy(arena, json_text(json_get(spec, BYTES("priorityLevelConfiguration")), BYTES("name")));
    s->policies = arena_zero(arena, (rules ? rules->count : 0) * sizeof *s->policies);
    if (!s->policies || !s->level.p)
        return false;
    for (const struct json *rule = rules ? rules->first : NULL; rule; rule = rule->next)
        if (!read_policy(arena, rule, &s->policies[s->policy_count++]))
            return false;
    return true;
}

static err_t schema_new(bytes name, const struct json *object, struct item **ret, struct error *error)
{
    bool large;

    TRY(item_new(sizeof(struct schema), name, object, ret, error));
    if (read_schema((struct schema *)*ret, json_get(object, BYTES("spec"))))
        return ERR_OK;
    large = (*ret)->memory.failed != ERR_NO_MEMORY; /* trying again would not help */
    item_free(&(*ret)->value);
    return large ? error_set(error, ERR_TOO_LARGE, "its rules take more than %u MiB", OBJECT_MEMORY >> 20)
                 : error_set(error, ERR_NO_MEMORY, "no memory for flow control");
}

/* ---- One snapshot from another. */

typedef int order_function(const void *, const void *);

static int by_precedence(const void *a, const void *b)
{
    const struct schema *x = *(const struct schema *const *)a, *y = *(const struct schema *const *)b;

    if (x->precedence != y->precedence)
        return x->precedence < y->precedence ? -1 : 1;
    return bytes_compare(x->item.name, y->item.name);
}

static int by_name(const void *a, const void *b)
{
    return bytes_compare((*(struct item *const *)a)->name, (*(struct item *const *)b)->name);
}

/* The list without the item of this name, and with the other one, if any, in its place. */
static bool list_copy(struct list *to, const struct list *from, bytes name, struct item *put, order_function *order)
{
    *to = (struct list){.items = calloc(from->count + 1, sizeof(struct item *))};
    if (!to->items)
        return false;
    for (size_t i = 0; i < from->count; i++) {
        struct item *item = from->items[i];
        if (name.p && bytes_equal(item->name, name))
            continue;
        if (put && order(&put, &item) < 0) {
            to->items[to->count++] = put;
            put = NULL;
        }
        persistent_value_hold(&item->value);
        to->items[to->count++] = item;
    }
    if (put)
        to->items[to->count++] = put;
    return true;
}

static const struct level *level_find(const struct list *levels, bytes name)
{
    struct item wanted = {.name = name}, *key = &wanted, **found;

    if (levels->count == 0)
        return NULL;
    found = bsearch(&key, levels->items, levels->count, sizeof(struct item *), by_name);
    return found ? (const struct level *)*found : NULL;
}

/* A level keeps its number as long as it is there: requests of it are counted by that. */
static void number_level(struct level *level, const struct list *others)
{
    const struct level *before = level_find(others, level->item.name);
    uint32_t taken = (1u << FIRST_NUMBER) - 1;

    for (size_t i = 0; i < others->count; i++)
        taken |= 1u << ((const struct level *)others->items[i])->number;
    level->number = before                                     ? before->number
                    : bytes_equal(level->item.name, CATCH_ALL) ? catch_all.number
                    : bytes_equal(level->item.name, EXEMPT)    ? exempt.number
                    : ~taken                                   ? (unsigned)__builtin_ctz(~taken)
                                                               : FLOW_LEVELS - 1;
}

static bool settle(struct flow_set *set)
{
    set->targets = calloc(set->schemas.count + 1, sizeof(struct level *));
    if (!set->targets)
        return false;
    for (size_t i = 0; i < set->levels.count; i++)
        set->shares += ((const struct level *)set->levels.items[i])->shares;
    for (size_t i = 0; i < set->schemas.count; i++)
        set->targets[i] = level_find(&set->levels, ((const struct schema *)set->schemas.items[i])->level);
    return true;
}

/* Takes over the item (NULL: the name is gone). */
static err_t swap(bool of_levels, bytes name, struct item *put, struct error *error)
{
    const struct flow_set *old = (const struct flow_set *)published_newest(&published);
    struct flow_set *set = calloc(1, sizeof *set);
    bool made;

    if (put && of_levels)
        number_level((struct level *)put, &old->levels);
    if (set) {
        atomic_init(&set->published.references, 1);
        set->published.free = set_free;
    }
    made = set && list_copy(&set->schemas, &old->schemas, of_levels ? BYTES_NONE : name, of_levels ? NULL : put,
                      by_precedence);
    if (made && !of_levels)
        put = NULL;
    made = made && list_copy(&set->levels, &old->levels, of_levels ? name : BYTES_NONE, put, by_name);
    if (made)
        put = NULL;
    if (made && settle(set)) {
        published_swap(&published, &set->published);
        return ERR_OK;
    }
    if (put)
        item_free(&put->value);
    if (set)
        set_free(&set->published);
    return error_set(error, ERR_NO_MEMORY, "no memory for flow control");
}

err_t flow_schema_put(bytes name, const struct json *object, struct error *error)
{
    struct item *item = NULL;

    if (object)
        TRY(schema_new(name, object, &item, error));
    return swap(false, name, item, error);
}

err_t flow_level_put(bytes name, const struct json *object, struct error *error)
{
    struct item *item = NULL;

    if (object)
        TRY(level_new(name, object, &item, error));
    return swap(true, name, item, error);
}

/* ---- Classifying. */

static bool is_subject(const struct subject *s, const struct user *user)
{
    bytes namespace, name;

    switch (s->kind) {
    case SUBJECT_USER:
        return bytes_equal(s->name, BYTES("*")) || bytes_equal(s->name, user->name);
    case SUBJECT_GROUP:
        return bytes_equal(s->name, BYTES("*")) || user_in_group(user, s->name);
    case SUBJECT_ACCOUNT:
        return user_is_account(user->name, &namespace, &name) && bytes_equal(s->namespace, namespace) &&
               (bytes_equal(s->name, BYTES("*")) || bytes_equal(s->name, name));
    }
    return false;
}

/* "pods", "pods/status", "*": as upstream, which knows no star for a part. */
static bool names_resource(struct rbac_texts resources, const struct attributes *a)
{
    for (size_t i = 0; i < resources.count; i++) {
        size_t slash = bytes_find(resources.items[i], '/');
        bytes of = {resources.items[i].p, slash}, part = bytes_skip(resources.items[i], slash);
        if (bytes_equal(resources.items[i], BYTES("*")))
            return true;
        if (part.n > 0)
            part = bytes_skip(part, 1);
        if (bytes_equal(of, a->resource) && bytes_equal(part, a->subresource))
            return true;
    }
    return false;
}

static bool is_of_rule(const struct resource_rule *rule, const struct attributes *a)
{
    return rbac_has_or_all(rule->verbs, a->verb) && rbac_has_or_all(rule->groups, a->group) &&
           names_resource(rule->resources, a) &&
           (a->namespace.n > 0 ? rbac_has_or_all(rule->namespaces, a->namespace) : rule->cluster_scope);
}

static bool is_of_policy(const struct policy *p, const struct attributes *a)
{
    size_t subject = 0, rule = 0;

    while (subject < p->subject_count && !is_subject(&p->subjects[subject], a->user))
        subject++;
    while (subject < p->subject_count && rule < p->rule_count && !is_of_rule(&p->rules[rule], a))
        rule++;
    return subject < p->subject_count && rule < p->rule_count;
}

static bool is_of_schema(const struct schema *s, const struct attributes *a)
{
    size_t i = 0;

    while (i < s->policy_count && !is_of_policy(&s->policies[i], a))
        i++;
    return i < s->policy_count;
}

static unsigned bounded(uint64_t n)
{
    return n < INT32_MAX ? (unsigned)n : INT32_MAX;
}

static void describe(const struct flow_set *set, const struct schema *s, const struct level *level,
    const struct attributes *a, struct flow_class *ret)
{
    uint64_t shares = set->shares > 0 ? set->shares : catch_all.shares;
    uint64_t seats = ((uint64_t)FLOW_SEATS * level->shares + shares - 1) / shares;

    *ret = (struct flow_class){.level = level->number,
        .weight = level->exempt       ? bounded(shares)
                  : level->shares > 0 ? level->shares
                                      : 1,
        .exempt = level->exempt,
        .most = bounded(seats + level->queued),
        .flow_most = bounded(seats + level->flow_queued),
        .distinguisher = !s || s->flows == FLOWS_BY_USER  ? a->user->name
                         : s->flows == FLOWS_BY_NAMESPACE ? a->namespace
                                                          : BYTES("")};
    memcpy(ret->level_uid, level->item.uid, sizeof ret->level_uid);
    if (s)
        memcpy(ret->schema_uid, s->item.uid, sizeof ret->schema_uid);
}

static const struct level *stored_or(const struct flow_set *set, bytes name, const struct level *otherwise)
{
    const struct level *level = level_find(&set->levels, name);

    return level ? level : otherwise;
}

void flow_classify(const struct attributes *a, struct flow_class *ret)
{
    const struct flow_set *set = (const struct flow_set *)published_see(&published);
    bool master = user_in_group(a->user, BYTES(USER_MASTERS));

    for (size_t i = 0; i < set->schemas.count; i++) {
        const struct schema *s = (const struct schema *)set->schemas.items[i];
        if (set->targets[i] && (!master || set->targets[i]->exempt) && is_of_schema(s, a)) {
            describe(set, s, set->targets[i], a, ret);
            return;
        }
    }
    describe(set, NULL, master ? stored_or(set, EXEMPT, &exempt) : stored_or(set, CATCH_ALL, &catch_all), a, ret);
    ret->exempt = ret->exempt || master; /* whatever the store calls "exempt" */
}
