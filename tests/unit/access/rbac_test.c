/* SPDX-License-Identifier: Apache-2.0 */
/* RBAC against a reference that looks at every object for every question, on random ones while objects come and go: a
 * million. */
#include "access/rbac_snapshot.h"
#include "base/clock.h"
#include "base/memory.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OBJECTS   24  /* of each of the four kinds */
#define QUESTIONS 125 /* between two changes */
#define ROUNDS    8000

static unsigned seed = 5;

static unsigned draw(unsigned bound)
{
    return (unsigned)rand_r(&seed) % bound;
}

static const char *pick(const char *const *from, size_t count)
{
    return from[draw((unsigned)count)];
}
#define PICK(list) pick(list, ARRAY_LEN(list))

static const char *const verbs[] = {"get", "list", "create", "*", "mount"};
static const char *const groups[] = {"", "apps", "*"};
static const char *const resources[] = {
    "secrets", "pods", "pods/log", "*/log", "*", "secrets/log", "pods/*", "deployments"};
static const char *const asked_resources[] = {"secrets", "pods", "deployments"};
static const char *const parts[] = {"", "", "log", "status"};
static const char *const names[] = {"a", "b", "c"};
static const char *const urls[] = {"/healthz", "/healthz/*", "/api*", "*", "/apis"};
static const char *const paths[] = {"/healthz", "/healthz/", "/healthz/etcd", "/api", "/apis", "/apix", "/"};
static const char *const namespaces[] = {"n1", "n2"};
static const char *const people[] = {"ann", "bob", "system:serviceaccount:n1:s", "system:serviceaccount:n2:s"};
static const char *const teams[] = {"red", "blue", "green"};
static const char *const roles[] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"};

/* ---- Objects as JSON text, and where they lie. */

enum { ROLE, CLUSTER_ROLE, BINDING, CLUSTER_BINDING, KINDS };
static struct object {
    struct json *tree; /* NULL: not there */
    char key[32];
} world[KINDS][OBJECTS];
static struct arena memory;

static void list(struct buffer *b, const char *name, const char *const *from, size_t count, unsigned most)
{
    unsigned n = 1 + draw(most);
    buffer_format(b, "\"%s\":[", name);
    for (unsigned i = 0; i < n; i++)
        buffer_format(b, "%s\"%s\"", i ? "," : "", pick(from, count));
    buffer_text(b, "]");
}
#define LIST(b, name, from, most) list(b, name, from, ARRAY_LEN(from), most)

static void role_text(struct buffer *b)
{
    unsigned count = draw(4);
    buffer_text(b, "{\"rules\":[");
    for (unsigned i = 0; i < count; i++) {
        buffer_text(b, i ? ",{" : "{");
        LIST(b, "verbs", verbs, 2);
        buffer_text(b, ",");
        if (draw(4) == 0) {
            LIST(b, "nonResourceURLs", urls, 2);
        } else {
            LIST(b, "apiGroups", groups, 2);
            buffer_text(b, ",");
            LIST(b, "resources", resources, 3);
            if (draw(3) == 0) {
                buffer_text(b, ",");
                LIST(b, "resourceNames", names, 2);
            }
        }
        buffer_text(b, "}");
    }
    buffer_text(b, "]}");
}

static void subject_text(struct buffer *b)
{
    switch (draw(3)) {
    case 0:
        buffer_format(b, "{\"kind\":\"User\",\"name\":\"%s\"}", PICK(people));
        return;
    case 1:
        buffer_format(b, "{\"kind\":\"Group\",\"name\":\"%s\"}", PICK(teams));
        return;
    default:
        buffer_text(b, "{\"kind\":\"ServiceAccount\",\"name\":\"s\"");
        if (draw(2))
            buffer_format(b, ",\"namespace\":\"%s\"", PICK(namespaces));
        buffer_text(b, "}");
    }
}

static void binding_text(struct buffer *b, bool cluster)
{
    unsigned count = draw(4);
    buffer_format(b, "{\"roleRef\":{\"kind\":\"%s\",\"name\":\"%s\"},\"subjects\":[",
        cluster || draw(2) ? "ClusterRole" : "Role", PICK(roles));
    for (unsigned i = 0; i < count; i++) {
        buffer_text(b, i ? "," : "");
        subject_text(b);
    }
    buffer_text(b, "]}");
}

static void change_one(void)
{
    unsigned kind = draw(KINDS), at = draw(OBJECTS);
    struct object *object = &world[kind][at];
    bool cluster = kind == CLUSTER_ROLE || kind == CLUSTER_BINDING, role = kind == ROLE || kind == CLUSTER_ROLE;
    struct error error;
    struct buffer b;
    if (!object->key[0]) {
        const char *namespace = namespaces[at % 2];
        (void)snprintf(object->key, sizeof object->key, role ? "%s%sr%u" : "%s%sb%u", cluster ? "" : namespace,
            cluster ? "" : "/", cluster ? at : at / 2);
    }
    object->tree = NULL;
    error_init(&error, &memory);
    if (draw(4)) {
        buffer_init(&b, &memory);
        if (role)
            role_text(&b);
        else
            binding_text(&b, cluster);
        assert_int_equal(
            json_parse(&memory, buffer_bytes(&b), &(struct json_options){0}, &object->tree, NULL, &error), 0);
    }
    assert_int_equal(rbac_put(role ? RBAC_ROLES : RBAC_BINDINGS, bytes_of(object->key), object->tree, &error), ERR_OK);
}

/* ---- The reference, straight from the rules of Kubernetes. */

static bool holds(const struct json *rule, const char *field, bytes text, bool star)
{
    const struct json *items = json_get(rule, bytes_of(field));
    for (const struct json *i = items ? items->first : NULL; i; i = i->next)
        if (bytes_equal(i->text, text) || (star && bytes_equal(i->text, BYTES("*"))))
            return true;
    return false;
}

static bool says(const struct json *rule, const struct attributes *a)
{
    char whole[64], any[64];
    if (!holds(rule, "verbs", a->verb, true))
        return false;
    if (!a->resource_request) {
        const struct json *items = json_get(rule, BYTES("nonResourceURLs"));
        for (const struct json *i = items ? items->first : NULL; i; i = i->next) {
            bytes prefix = {i->text.p, i->text.n - 1};
            if (bytes_equal(i->text, a->path) || (i->text.p[prefix.n] == '*' && bytes_start(a->path, prefix)))
                return true;
        }
        return false;
    }
    (void)snprintf(whole, sizeof whole, "%.*s%s%.*s", BYTES_FMT(a->resource), a->subresource.n ? "/" : "",
        BYTES_FMT(a->subresource));
    (void)snprintf(any, sizeof any, "*/%.*s", BYTES_FMT(a->subresource));
    if (!holds(rule, "apiGroups", a->group, true))
        return false;
    if (!holds(rule, "resources", bytes_of(whole), true) &&
        !(a->subresource.n && holds(rule, "resources", bytes_of(any), false)))
        return false;
    return !json_get(rule, BYTES("resourceNames")) || holds(rule, "resourceNames", a->name, false);
}

static bool names_user(const struct json *binding, bytes namespace, const struct user *user)
{
    const struct json *subjects = json_get(binding, BYTES("subjects"));
    for (const struct json *s = subjects->first; s; s = s->next) {
        bytes kind = json_text(s, BYTES("kind")), name = json_text(s, BYTES("name")), at;
        char account[64];
        if (bytes_equal(kind, BYTES("User")) && bytes_equal(name, user->name))
            return true;
        if (bytes_equal(kind, BYTES("Group")) && user_in_group(user, name))
            return true;
        at = json_text(s, BYTES("namespace"));
        at = at.n ? at : namespace;
        (void)snprintf(account, sizeof account, "system:serviceaccount:%.*s:%.*s", BYTES_FMT(at), BYTES_FMT(name));
        if (bytes_equal(kind, BYTES("ServiceAccount")) && bytes_equal(bytes_of(account), user->name))
            return true;
    }
    return false;
}

static bool role_says(int kind, const char *key, const struct attributes *a)
{
    for (size_t i = 0; i < OBJECTS; i++) {
        const struct json *rules = world[kind][i].tree ? json_get(world[kind][i].tree, BYTES("rules")) : NULL;
        for (const struct json *rule = rules && strcmp(world[kind][i].key, key) == 0 ? rules->first : NULL; rule;
             rule = rule->next)
            if (says(rule, a))
                return true;
    }
    return false;
}

static bool bound_by(int kind, const struct object *binding, const struct attributes *a)
{
    const struct json *ref = json_get(binding->tree, BYTES("roleRef"));
    size_t slash = bytes_find(bytes_of(binding->key), '/');
    bytes namespace = kind == BINDING ? (bytes){(const uint8_t *)binding->key, slash} : BYTES("");
    bool cluster_role = bytes_equal(json_text(ref, BYTES("kind")), BYTES("ClusterRole"));
    char key[64];
    if (kind == BINDING && (!a->resource_request || !bytes_equal(namespace, a->namespace)))
        return false;
    (void)snprintf(key, sizeof key, "%.*s%s%.*s", cluster_role ? 0 : (int)slash, binding->key, cluster_role ? "" : "/",
        BYTES_FMT(json_text(ref, BYTES("name"))));
    return names_user(binding->tree, namespace, a->user) && role_says(cluster_role ? CLUSTER_ROLE : ROLE, key, a);
}

static bool reference(const struct attributes *a)
{
    for (int kind = BINDING; kind <= CLUSTER_BINDING; kind++)
        for (size_t i = 0; i < OBJECTS; i++)
            if (world[kind][i].tree && bound_by(kind, &world[kind][i], a))
                return true;
    return false;
}

/* ---- Questions. */

static struct attributes question(struct user *user, bytes user_groups[2])
{
    struct attributes a = {.user = user, .resource_request = draw(8) > 0, .verb = bytes_of(verbs[draw(3)])};
    user_groups[0] = bytes_of(PICK(teams));
    user_groups[1] = bytes_of(PICK(teams));
    *user = (struct user){.name = bytes_of(PICK(people)), .groups = user_groups, .group_count = draw(3)};
    a.path = bytes_of(PICK(paths));
    if (!a.resource_request)
        return a;
    a.group = bytes_of(groups[draw(2)]);
    a.resource = bytes_of(PICK(asked_resources));
    a.subresource = bytes_of(PICK(parts));
    a.namespace = draw(4) ? bytes_of(PICK(namespaces)) : BYTES("");
    a.name = draw(2) ? bytes_of(PICK(names)) : BYTES("");
    return a;
}

static void random_questions(void **state)
{
    size_t allowed = 0, all = (size_t)ROUNDS * QUESTIONS;
    (void)state;
    arena_init_plain(&memory, 256u << 20);
    for (unsigned i = 0; i < OBJECTS * KINDS * 2; i++)
        change_one();
    for (unsigned round = 0; round < ROUNDS; round++) {
        change_one();
        for (unsigned i = 0; i < QUESTIONS; i++) {
            bytes user_groups[2];
            struct user user;
            struct attributes a = question(&user, user_groups);
            bool expected = reference(&a);
            if (rbac_allows(rbac_current(), &a, NULL) != expected)
                fail_msg("user %.*s, verb %.*s, %.*s/%.*s \"%.*s\" in \"%.*s\": should be %d", BYTES_FMT(user.name),
                    BYTES_FMT(a.verb), BYTES_FMT(a.resource), BYTES_FMT(a.subresource), BYTES_FMT(a.name),
                    BYTES_FMT(a.namespace), expected);
            allowed += expected;
        }
    }
    assert_in_range(allowed, all / 20, all - all / 20); /* both outcomes count */
    assert_int_equal(rbac_clear(NULL), ERR_OK);
    (void)rbac_current();
    arena_reset(&memory);
}

/* ---- What is said, and the names of rules. */

static void put(enum rbac_kind kind, const char *key, const char *text)
{
    struct error error;
    struct json *tree;
    error_init(&error, &memory);
    assert_int_equal(json_parse(&memory, bytes_of(text), &(struct json_options){0}, &tree, NULL, &error), ERR_OK);
    assert_int_equal(rbac_put(kind, bytes_of(key), tree, &error), ERR_OK);
}

static void assert_text(bytes got, const char *expected)
{
    if (!bytes_equal(got, bytes_of(expected)))
        fail_msg("%.*s, not %s", BYTES_FMT(got), expected);
}

static void reasons_and_names(void **state)
{
    bytes team = BYTES("red");
    struct user ann = {.name = BYTES("ann"), .groups = &team, .group_count = 1};
    struct user account = {.name = BYTES("system:serviceaccount:n1:s")};
    struct attributes a = {.user = &ann,
        .verb = BYTES("get"),
        .resource_request = true,
        .resource = BYTES("secrets"),
        .namespace = BYTES("n1"),
        .name = BYTES("db")};
    const bytes *found;
    struct decision decision;
    struct error error;
    size_t count;
    (void)state;
    arena_init(&memory, 1u << 20);
    error_init(&error, &memory);
    put(RBAC_ROLES, "reader",
        "{\"rules\":[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],"
        "\"resourceNames\":[\"db\",\"a\",\"db\"]}]}");
    put(RBAC_BINDINGS, "n1/b",
        "{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"reader\"},\"subjects\":[{\"kind\":\"Group\",\"name\":"
        "\"red\"},"
        "{\"kind\":\"ServiceAccount\",\"name\":\"s\"}]}");
    put(RBAC_BINDINGS, "c",
        "{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"gone\"},\"subjects\":[{\"kind\":\"User\","
        "\"name\":\"ann\"}]}");
    assert_int_equal(authorize(&memory, &a, &decision, &error), ERR_OK);
    assert_true(decision.allowed);
    assert_text(decision.reason, "RBAC: allowed by RoleBinding \"b/n1\" of ClusterRole \"reader\" to Group \"red\"");
    a.user = &account;
    assert_int_equal(authorize(&memory, &a, &decision, &error), ERR_OK);
    assert_text(
        decision.reason, "RBAC: allowed by RoleBinding \"b/n1\" of ClusterRole \"reader\" to ServiceAccount \"s/n1\"");
    a.user = &ann;
    a.verb = BYTES("delete");
    assert_int_equal(authorize(&memory, &a, &decision, &error), ERR_OK);
    assert_false(decision.allowed);
    assert_text(decision.reason, "RBAC: clusterrole.rbac.authorization.k8s.io \"gone\" not found");
    a.verb = BYTES("list");
    a.name = BYTES("");
    assert_int_equal(rbac_names(&memory, rbac_current(), &a, &found, &count, &error), ERR_OK);
    assert_int_equal(count, 2);
    assert_text(found[0], "a");
    assert_text(found[1], "db");
    assert_false(authorized(&a));
    assert_int_equal(authorize_forbid(&memory, &a, decision.reason, &error), ERR_FORBIDDEN);
    assert_text(error.message,
        "secrets is forbidden: User \"ann\" cannot list resource \"secrets\" in API group \"\" in "
        "the namespace \"n1\": RBAC: clusterrole.rbac.authorization.k8s.io \"gone\" not found");
    assert_int_equal(rbac_clear(NULL), ERR_OK);
    (void)rbac_current();
    arena_reset(&memory);
}

/* ---- What it takes. */

static struct json *tree_of(const char *text)
{
    struct json *tree;
    assert_int_equal(json_parse(&memory, bytes_of(text), &(struct json_options){0}, &tree, NULL, NULL), ERR_OK);
    return tree;
}

static const char small_role[] =
    "{\"rules\":[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"secrets\"]},"
    "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/healthz\"]}]}";
static const char small_binding[] =
    "{\"roleRef\":{\"kind\":\"Role\",\"name\":\"reader\"},\"subjects\":["
    "{\"kind\":\"User\",\"name\":\"ann\"},{\"kind\":\"ServiceAccount\",\"name\":\"s\"},{\"kind\":\"Group\"}]}";

/* A block as large as what it holds, but for what malloc rounds up. */
static void a_block_holds_no_more_than_the_object(void **state)
{
    size_t role_size = sizeof(struct rbac_role) + 2 * (sizeof(struct rbac_rule) + sizeof(struct rbac_sieve)) +
                       6 * sizeof(bytes) + strlen("getlistsecretsget/healthz");
    size_t binding_size = sizeof(struct rbac_binding) + 3 * sizeof(struct rbac_subject) +
                          strlen("n1/bn1/readerUserannServiceAccountsystem:serviceaccount:n1:sGroup");
    struct persistent_value *value;
    const struct rbac_binding *binding;
    (void)state;
    arena_init(&memory, 1u << 20);
    assert_int_equal(rbac_role_new(tree_of(small_role), &value, NULL), ERR_OK);
    assert_in_range(malloc_usable_size(value), role_size, role_size + 15);
    persistent_value_release(value);
    assert_int_equal(rbac_role_new(tree_of("{}"), &value, NULL), ERR_OK);
    assert_in_range(malloc_usable_size(value), sizeof(struct rbac_role), sizeof(struct rbac_role) + 15);
    persistent_value_release(value);
    assert_int_equal(rbac_binding_new(BYTES("n1/b"), tree_of(small_binding), &value, NULL), ERR_OK);
    assert_in_range(malloc_usable_size(value), binding_size, binding_size + 15);
    binding = (const struct rbac_binding *)value;
    assert_text(binding->namespace, "n1");
    assert_text(binding->name, "b");
    assert_text(binding->role_key, "n1/reader");
    assert_text(binding->role_name, "reader");
    assert_int_equal(binding->count, 3);
    assert_text(binding->subjects[0].name, "ann");
    assert_text(binding->subjects[0].namespace, "");
    assert_text(binding->subjects[1].kind, "ServiceAccount");
    assert_text(binding->subjects[1].namespace, "n1");
    assert_text(binding->subjects[1].name, "s");
    assert_text(binding->subjects[1].as, "system:serviceaccount:n1:s");
    assert_true(binding->subjects[2].group);
    assert_text(binding->subjects[2].as, "");
    persistent_value_release(value);
    assert_int_equal(rbac_binding_new(BYTES("c"), tree_of("{}"), &value, NULL), ERR_OK);
    assert_text(((const struct rbac_binding *)value)->name, "c");
    assert_text(((const struct rbac_binding *)value)->namespace, "");
    persistent_value_release(value);
    arena_reset(&memory);
}

/* Names beyond some are found by their hashes: each of them, and no other. */
static void many_names_are_found(void **state)
{
    struct user ann = {.name = BYTES("ann")};
    struct attributes a = {.user = &ann,
        .verb = BYTES("get"),
        .resource_request = true,
        .resource = BYTES("secrets"),
        .namespace = BYTES("n")};
    struct error error;
    struct buffer b;
    (void)state;
    for (unsigned count = 30; count < 5000; count = count < 36 ? count + 1 : 3 * count) {
        arena_init(&memory, 4u << 20);
        error_init(&error, &memory);
        buffer_init(&b, &memory);
        buffer_text(&b,
            "{\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"]},"
            "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"\"");
        for (unsigned i = 0; i < count; i++)
            buffer_format(&b, ",\"s%u\"", i);
        buffer_text(&b, "]}]}");
        buffer_byte(&b, 0);
        put(RBAC_ROLES, "many", (const char *)buffer_bytes(&b).p);
        put(RBAC_BINDINGS, "c",
            "{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"many\"},\"subjects\":[{\"kind\":\"User\",\"name\":"
            "\"ann\"}]}");
        for (unsigned i = 0; i < 2 * count; i++) {
            a.name = arena_format(&memory, "s%u", i);
            assert_int_equal(rbac_allows(rbac_current(), &a, NULL), i < count);
        }
        a.name = BYTES("");
        assert_true(rbac_allows(rbac_current(), &a, NULL));
        assert_int_equal(rbac_clear(NULL), ERR_OK);
        (void)rbac_current();
        arena_reset(&memory);
    }
}

/* As many as a role may have, all the same: neither reading nor asking walks past them. */
static void a_name_that_comes_again(void **state)
{
    struct user ann = {.name = BYTES("ann")};
    struct attributes a = {
        .user = &ann, .resource_request = true, .verb = BYTES("get"), .resource = BYTES("secrets"), .name = BYTES("a")};
    struct json *role, *rule, *list, *binding;
    struct error error;
    uint64_t began;
    (void)state;
    arena_init(&memory, 16u << 20);
    error_init(&error, &memory);
    role = tree_of("{\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"secrets\"]}]}");
    binding = tree_of(
        "{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"ann\"}]}");
    rule = json_get(role, BYTES("rules"))->first;
    list = json_add(rule, BYTES("resourceNames"), json_new(&memory, JSON_ARRAY));
    for (size_t i = 0; i < 16000; i++)
        assert_non_null(json_append(list, json_string(&memory, BYTES("a"))));
    assert_int_equal(rbac_put(RBAC_BINDINGS, BYTES("b"), binding, &error), ERR_OK);
    began = clock_monotonic_ms();
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(rbac_put(RBAC_ROLES, BYTES("r"), role, &error), ERR_OK);
    assert_true(rbac_allows(rbac_current(), &a, NULL));
    a.name = BYTES("b");
    assert_false(rbac_allows(rbac_current(), &a, NULL));
    assert_in_range(clock_monotonic_ms() - began, 0, 2000);
    assert_int_equal(rbac_clear(NULL), ERR_OK);
    (void)rbac_current();
    arena_reset(&memory);
}

/* An object beyond the bound says so; one that finds no memory changed nothing. */
static void what_does_not_fit_is_refused(void **state)
{
    struct user ann = {.name = BYTES("ann")};
    struct attributes a = {.user = &ann, .verb = BYTES("get"), .path = BYTES("/healthz")};
    struct json *role, *binding;
    struct error error;
    long refused = 0;
    (void)state;
    arena_init(&memory, 1u << 20);
    error_init(&error, &memory);
    role = tree_of(small_role);
    binding = tree_of(
        "{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"ann\"},"
        "{\"kind\":\"ServiceAccount\",\"namespace\":\"n1\",\"name\":\"s\"}]}");
    for (int kind = 0; kind < 2; kind++)
        for (long after = 0;; after++) {
            bytes key = kind == 0 ? BYTES("r") : BYTES("b");
            memory_fail_after(after);
            err_t code = rbac_put(kind == 0 ? RBAC_ROLES : RBAC_BINDINGS, key, kind == 0 ? role : binding, &error);
            bool fired = memory_fail_fired();
            memory_fail_after(-1);
            assert_int_equal(rbac_allows(rbac_current(), &a, NULL), kind == 1 && code == ERR_OK);
            if (code == ERR_OK && !fired)
                break;
            assert_int_equal(code, ERR_NO_MEMORY);
            refused++;
        }
    assert_in_range(refused, 4, 200);
    assert_int_equal(rbac_clear(NULL), ERR_OK);
    (void)rbac_current();
    arena_reset(&memory);
}

static void an_object_beyond_the_bound_is_too_large(void **state)
{
    struct json *role, *rules;
    struct error error;
    (void)state;
    arena_init_plain(&memory, 512u << 20);
    error_init(&error, &memory);
    role = json_new(&memory, JSON_OBJECT);
    rules = json_add(role, BYTES("rules"), json_new(&memory, JSON_ARRAY));
    for (size_t i = 0; i <= (64u << 20) / sizeof(struct rbac_rule); i++)
        assert_non_null(json_append(rules, json_new(&memory, JSON_OBJECT)));
    assert_int_equal(rbac_put(RBAC_ROLES, BYTES("r"), role, &error), ERR_TOO_LARGE);
    assert_text(error.message, "its rules take more than 64 MiB");
    assert_null(rbac_role_find(rbac_current(), BYTES("r")));
    arena_reset(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_questions),
        cmocka_unit_test(reasons_and_names),
        cmocka_unit_test(a_block_holds_no_more_than_the_object),
        cmocka_unit_test(many_names_are_found),
        cmocka_unit_test(a_name_that_comes_again),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(an_object_beyond_the_bound_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
