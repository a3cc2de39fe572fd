/* SPDX-License-Identifier: Apache-2.0 */
/* What RBAC costs: checks and changes with 1,000 users and 10,000 bindings, a tenth of them of the cluster, to 200
 * roles of 5 rules in 100 namespaces; each user is in 3 groups, of which one is bound.
 *
 *   authorize            prints: nanoseconds of a check that is allowed, of one that is not, microseconds of a change
 */
#include "access/rbac.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define USERS      1000u
#define BINDINGS   10000u
#define ROLES      200u
#define NAMESPACES 100u
#define CHECKS     2000000u
#define CHANGES    5000u

static struct arena arena;

static void put(enum rbac_kind kind, const char *key, const char *text)
{
    struct error error;
    struct json *object;

    error_init(&error, &arena);
    if (json_parse(&arena, bytes_of(text), &(struct json_options){0}, &object, NULL, &error) != ERR_OK ||
        rbac_put(kind, bytes_of(key), object, &error) != ERR_OK) {
        (void)fprintf(stderr, "%.*s\n", BYTES_FMT(error.message));
        exit(1);
    }
    arena_reset(&arena);
}

static void put_role(unsigned i)
{
    char key[32], text[1024];
    size_t n = 0;

    (void)snprintf(key, sizeof key, "role-%u", i);
    n += (size_t)snprintf(text, sizeof text, "{\"rules\":[");
    for (unsigned rule = 0; rule < 5; rule++)
        n += (size_t)snprintf(text + n, sizeof text - n,
            "%s{\"verbs\":[\"get\",\"list\",\"watch\"],\"apiGroups\":[\"\"],\"resources\":[\"%s\",\"thing-%u\"]}",
            rule ? "," : "", rule == 4 ? "secrets" : "configmaps", i);
    (void)snprintf(text + n, sizeof text - n, "]}");
    put(RBAC_ROLES, key, text);
}

static void put_binding(unsigned i)
{
    char key[48], text[512];
    bool cluster = i % 10 == 0;

    if (cluster)
        (void)snprintf(key, sizeof key, "binding-%u", i);
    else
        (void)snprintf(key, sizeof key, "team-%u/binding-%u", i / 10 % NAMESPACES, i);
    (void)snprintf(text, sizeof text,
        "{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"role-%u\"},\"subjects\":[{\"kind\":\"%s\",\"name\":\"%s-%"
        "u\"}]}",
        i % ROLES, i % 4 ? "User" : "Group", i % 4 ? "user" : "group", i % USERS);
    put(RBAC_BINDINGS, key, text);
}

static struct asker {
    char name[16], group[16], namespace[16];
    bytes groups[3];
    struct user user;
} askers[USERS];

static void make_askers(void)
{
    for (unsigned i = 0; i < USERS; i++) {
        struct asker *a = &askers[i];
        (void)snprintf(a->name, sizeof a->name, "user-%u", i);
        (void)snprintf(a->group, sizeof a->group, "group-%u", i);
        (void)snprintf(a->namespace, sizeof a->namespace, "team-%u", i / 10 % NAMESPACES);
        a->groups[0] = BYTES("system:authenticated");
        a->groups[1] = BYTES("everybody");
        a->groups[2] = bytes_of(a->group);
        a->user = (struct user){.name = bytes_of(a->name), .groups = a->groups, .group_count = 3};
    }
}

static uint64_t check(bool allowed)
{
    uint64_t from = clock_monotonic_us(), met = 0;

    for (unsigned i = 0; i < CHECKS; i++) {
        const struct asker *asker = &askers[i * 7919u % USERS];
        const struct attributes a = {.user = &asker->user,
            .resource_request = true,
            .verb = BYTES("get"),
            .version = BYTES("v1"),
            .resource = allowed ? BYTES("secrets") : BYTES("pods"),
            .namespace = bytes_of(asker->namespace),
            .name = BYTES("db")};
        met += authorized(&a);
    }
    if (allowed ? met == 0 : met > 0) {
        (void)fputs("the checks do not decide as they should\n", stderr);
        exit(1);
    }
    return (clock_monotonic_us() - from) * 1000 / CHECKS;
}

int main(void)
{
    uint64_t yes, no, from;

    arena_init_plain(&arena, 16u << 20);
    for (unsigned i = 0; i < ROLES; i++)
        put_role(i);
    for (unsigned i = 0; i < BINDINGS; i++)
        put_binding(i);
    make_askers();
    (void)check(true); /* warm */
    yes = check(true);
    no = check(false);
    from = clock_monotonic_us();
    for (unsigned i = 0; i < CHANGES; i++)
        i % 2 ? put_binding(i * 31u % BINDINGS) : put_role(i % ROLES);
    printf("%llu %llu %llu\n", (unsigned long long)yes, (unsigned long long)no,
        (unsigned long long)((clock_monotonic_us() - from) / CHANGES));
    return 0;
}
