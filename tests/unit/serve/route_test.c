/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to verbs, kinds and verdicts, as one table. */
#include "serve/steps.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ALL_VERBS (VERB_BIT(VERB_COUNT) - 1)

static const struct kind secret = {.number = 1,
    .group = "",
    .version = "v1",
    .kind = "Secret",
    .plural = "secrets",
    .singular = "secret",
    .namespaced = true,
    .verbs = ALL_VERBS & ~VERB_BIT(VERB_PATCH)};
static const struct kind namespace = {.number = 2,
    .group = "",
    .version = "v1",
    .kind = "Namespace",
    .plural = "namespaces",
    .singular = "namespace",
    .verbs = ALL_VERBS & ~(VERB_BIT(VERB_PATCH) | VERB_BIT(VERB_DELETECOLLECTION))};
static const struct kind role = {.number = 3,
    .group = "rbac.authorization.k8s.io",
    .version = "v1",
    .kind = "Role",
    .plural = "roles",
    .singular = "role",
    .namespaced = true,
    .verbs = ALL_VERBS};

static const struct row {
    const char *method, *target;
    err_t result;
    const char *verb, *resource, *namespace, *name;
} rows[] = {
    {"GET", "/api/v1/namespaces/golden/secrets/s1", ERR_OK, "get", "secrets", "golden", "s1"},
    {"HEAD", "/api/v1/namespaces/golden/secrets/s1", ERR_OK, "get", "secrets", "golden", "s1"},
    {"GET", "/api/v1/namespaces/golden/secrets", ERR_OK, "list", "secrets", "golden", ""},
    {"GET", "/api/v1/namespaces/golden/secrets/", ERR_OK, "list", "secrets", "golden", ""},
    {"GET", "/api/v1/secrets", ERR_OK, "list", "secrets", "", ""},
    {"GET", "/api/v1/secrets?watch=true", ERR_OK, "watch", "secrets", "", ""},
    {"GET", "/api/v1/secrets?limit=1&watch=1", ERR_OK, "watch", "secrets", "", ""},
    {"GET", "/api/v1/secrets?watch", ERR_OK, "watch", "secrets", "", ""},
    {"GET", "/api/v1/secrets?watch=0", ERR_OK, "list", "secrets", "", ""},
    {"GET", "/api/v1/secrets?watch=False", ERR_OK, "list", "secrets", "", ""},
    {"HEAD", "/api/v1/secrets?watch=true", ERR_OK, "list", "secrets", "", ""},
    {"GET", "/api/v1/namespaces/golden/secrets/s1?watch=true", ERR_OK, "get", "secrets", "golden", "s1"},
    {"GET", "/api/v1/watch/secrets", ERR_OK, "watch", "secrets", "", ""},
    {"GET", "/api/v1/watch/namespaces/golden/secrets", ERR_OK, "watch", "secrets", "golden", ""},
    {"GET", "/api/v1/watch/namespaces/golden/secrets/s1", ERR_OK, "watch", "secrets", "golden", "s1"},
    {"GET", "/api/v1/watch/namespaces", ERR_OK, "watch", "namespaces", "", ""},
    {"GET", "/api/v1/namespaces", ERR_OK, "list", "namespaces", "", ""},
    {"GET", "/api/v1/namespaces/golden", ERR_OK, "get", "namespaces", "golden", "golden"},
    {"POST", "/api/v1/namespaces", ERR_OK, "create", "namespaces", "", ""},
    {"DELETE", "/api/v1/namespaces/golden", ERR_OK, "delete", "namespaces", "golden", "golden"},
    {"DELETE", "/api/v1/namespaces", ERR_METHOD_NOT_ALLOWED, "deletecollection", "namespaces", "", ""},
    {"GET", "/api/v1/namespaces/golden/status", ERR_NOT_FOUND, "get", "namespaces", "golden", "golden"},
    {"PUT", "/api/v1/namespaces/golden/finalize", ERR_NOT_FOUND, "update", "namespaces", "golden", "golden"},
    {"POST", "/api/v1/namespaces/golden/secrets", ERR_OK, "create", "secrets", "golden", ""},
    {"POST", "/api/v1/secrets", ERR_METHOD_NOT_ALLOWED, "create", "secrets", "", ""},
    {"DELETE", "/api/v1/secrets", ERR_METHOD_NOT_ALLOWED, "deletecollection", "secrets", "", ""},
    {"POST", "/api/v1/namespaces/golden/secrets/s1", ERR_METHOD_NOT_ALLOWED, "post", "secrets", "golden", "s1"},
    {"PUT", "/api/v1/namespaces/golden/secrets", ERR_METHOD_NOT_ALLOWED, "put", "secrets", "golden", ""},
    {"PUT", "/api/v1/namespaces/golden/secrets/s1", ERR_OK, "update", "secrets", "golden", "s1"},
    {"PATCH", "/api/v1/namespaces/golden/secrets/s1", ERR_METHOD_NOT_ALLOWED, "patch", "secrets", "golden", "s1"},
    {"DELETE", "/api/v1/namespaces/golden/secrets", ERR_OK, "deletecollection", "secrets", "golden", ""},
    {"DELETE", "/api/v1/namespaces/golden/secrets/s1", ERR_OK, "delete", "secrets", "golden", "s1"},
    {"OPTIONS", "/api/v1/namespaces/golden/secrets/s1", ERR_METHOD_NOT_ALLOWED, "options", "secrets", "golden", "s1"},
    {"FROB", "/api/v1/namespaces/golden/secrets/s1", ERR_METHOD_NOT_ALLOWED, "unknown", "secrets", "golden", "s1"},
    {"GET", "/api/v1/namespaces/golden/frobs", ERR_NOT_FOUND, "list", "frobs", "golden", ""},
    {"GET", "/api/v9/secrets", ERR_NOT_FOUND, "list", "secrets", "", ""},
    {"GET", "/api/v1/secrets/s1", ERR_NOT_FOUND, "get", "secrets", "", "s1"},
    {"GET", "/api/v1/namespaces/golden/namespaces", ERR_NOT_FOUND, "list", "namespaces", "golden", ""},
    {"GET", "/api/v1/namespaces/golden/secrets/s1/status", ERR_NOT_FOUND, "get", "secrets", "golden", "s1"},
    {"GET", "/api/v1/secrets?fieldSelector=metadata.name%3Ds1", ERR_OK, "list", "secrets", "", "s1"},
    {"GET", "/api/v1/namespaces/golden/secrets?watch=1&fieldSelector=metadata.name==s1", ERR_OK, "watch", "secrets",
        "golden", "s1"},
    {"GET", "/api/v1/namespaces/golden/secrets?fieldSelector=&fieldSelector=metadata.name%3Ds1", ERR_OK, "list",
        "secrets", "golden", ""},
    {"GET", "/api/v1/namespaces/golden/secrets?fieldSelector=metadata.name!%3Ds1", ERR_OK, "list", "secrets", "golden",
        ""},
    {"GET", "/api/v1/namespaces/golden/secrets?fieldSelector=%3D%3D", ERR_OK, "list", "secrets", "golden", ""},
    {"DELETE", "/api/v1/namespaces/golden/secrets?fieldSelector=metadata.name%3Ds1", ERR_OK, "deletecollection",
        "secrets", "golden", ""},
    {"GET", "/api/v1/namespaces/golden/secrets/s2?fieldSelector=metadata.name%3Ds1", ERR_OK, "get", "secrets", "golden",
        "s2"},
    {"GET", "/api/v1/namespaces/golden/../golden/secrets/s1", ERR_NOT_FOUND, "get", "..", "golden", "golden"},
    {"GET", "/api/v1/namespaces/golden/secrets/s%31", ERR_OK, "get", "secrets", "golden", "s1"},
    {"GET", "/api/v1/namespaces/golden/secrets/a%2Fb", ERR_NOT_FOUND, "get", "secrets", "golden", "a"},
    {"GET", "/api/v1//secrets", ERR_NOT_FOUND, "get", "", "", "secrets"},
    {"GET", "/api/v1/a/b/c/d/e/f/g/h/i/j/k", ERR_NOT_FOUND, "get", "a", "", "b"},
    {"GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/golden/roles/r", ERR_OK, "get", "roles", "golden", "r"},
    {"GET", "/apis/rbac.authorization.k8s.io/v2/roles", ERR_NOT_FOUND, "list", "roles", "", ""},
    {"GET", "/", ERR_OK, "get", NULL, NULL, "/"},
    {"GET", "/version", ERR_OK, "get", NULL, NULL, "/version"},
    {"GET", "/version/", ERR_OK, "get", NULL, NULL, "/version"},
    {"POST", "/version", ERR_METHOD_NOT_ALLOWED, "post", NULL, NULL, "/version"},
    {"GET", "/api", ERR_OK, "get", NULL, NULL, "/api"},
    {"GET", "/api/v1", ERR_OK, "get", NULL, NULL, "/api"},
    {"GET", "/apis/rbac.authorization.k8s.io/v1", ERR_OK, "get", NULL, NULL, "/apis"},
    {"GET", "/readyz/ping", ERR_OK, "get", NULL, NULL, "/readyz"},
    {"GET", "/readyzz", ERR_NOT_FOUND, "get", NULL, NULL, ""},
    {"GET", "/nope", ERR_NOT_FOUND, "get", NULL, NULL, ""},
    {"GET", "//api/v1/namespaces", ERR_NOT_FOUND, "get", NULL, NULL, ""},
    {"GET", "*", ERR_NOT_FOUND, "get", NULL, NULL, ""},
    {"GET", "/api/v1/%zz", ERR_BAD_REQUEST, NULL, NULL, NULL, ""},
};

static struct server server;

static struct request resolve(struct http_exchange *x, const char *method, const char *target)
{
    bytes whole = bytes_of(target);
    size_t path = bytes_find(whole, '?');

    *x = (struct http_exchange){.method = bytes_of(method), .path = {whole.p, path}};
    if (path < whole.n)
        x->query = bytes_skip(whole, path + 1);
    arena_init(&x->arena, 1 << 20);
    struct request r = {.exchange = x, .arena = &x->arena, .server = &server, .verb = VERB_COUNT};
    assert_int_equal(resolve_step(&r), STEP_NEXT);
    assert_int_equal(selector_step(&r), STEP_NEXT);
    return r;
}

static void assert_text(bytes got, const char *wanted, const char *target)
{
    if (!bytes_equal(got, bytes_of(wanted)))
        fail_msg("%s: got \"%.*s\", not \"%s\"", target, BYTES_FMT(got), wanted);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct http_exchange x;
        struct request r = resolve(&x, row->method, row->target);
        if (r.route_result != row->result)
            fail_msg("%s %s: result %d, not %d", row->method, row->target, (int)r.route_result, (int)row->result);
        if (row->verb)
            assert_text(r.attributes.verb, row->verb, row->target);
        assert_int_equal(r.attributes.resource_request, row->resource != NULL);
        if (row->resource) {
            assert_text(r.attributes.resource, row->resource, row->target);
            assert_text(r.attributes.namespace, row->namespace, row->target);
            assert_text(r.attributes.name, row->name, row->target);
        } else {
            assert_text(bytes_of(r.route ? r.route->path : ""), row->name, row->target);
        }
        /* Nothing that was refused has a verb by which a step would run. */
        if (row->result != ERR_OK)
            assert_int_equal(r.verb, VERB_COUNT);
        arena_reset(&x.arena);
    }
}

static void test_bare_health_alone_is_open(void **state)
{
    static const struct {
        const char *method, *target;
        bool open;
    } cases[] = {{"GET", "/livez", true}, {"GET", "/readyz", true}, {"GET", "/readyz/", true}, {"HEAD", "/livez", true},
        {"GET", "/healthz", false}, {"GET", "/readyz?verbose", false}, {"GET", "/livez/ping", false},
        {"POST", "/livez", false}, {"GET", "/version", false}, {"GET", "/api/v1/namespaces/default/secrets", false}};

    (void)state;
    for (int allowed = 0; allowed < 2; allowed++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct http_exchange x;
            server.options.anonymous_health = allowed;
            struct request r = resolve(&x, cases[i].method, cases[i].target);
            assert_int_equal(r.open, allowed && cases[i].open);
            arena_reset(&x.arena);
        }
    server.options.anonymous_health = false;
}

static void test_rest(void **state)
{
    struct http_exchange x;
    struct request r = resolve(&x, "GET", "/openapi/v3/apis/g/v1/");

    (void)state;
    assert_text(route_rest(&r), "apis/g/v1", "/openapi/v3/apis/g/v1/");
    arena_reset(&x.arena);
}

int main(void)
{
    static const struct kind *const kinds[] = {&namespace, &secret, &role};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bare_health_alone_is_open),
        cmocka_unit_test(test_rest),
    };

    kinds_register(kinds, ARRAY_LEN(kinds));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
