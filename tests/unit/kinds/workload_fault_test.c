/* SPDX-License-Identifier: Apache-2.0 */
/* Pods and workloads without memory, at every allocation: an error that says so, never half a pod, never a sentence
 * about a pod that is fine. */
#include "workloads.h"

static struct arena bodies; /* what outlives each try */
static const struct json *all, *bad, *rows;

static int parse_all(void **state)
{
    (void)state;
    arena_init(&arena, 16u << 20);
    arena_init(&bodies, 16u << 20);
    all = json_copy(&bodies, recorded("objects/created.json"));
    bad = json_copy(&bodies, recorded("kinds/workloads.json"));
    rows = json_copy(&bodies, recorded("kinds/tables.json"));
    arena_reset(&arena);
    return all && bad && rows ? 0 : -1;
}

static int drop_all(void **state)
{
    (void)state;
    arena_reset(&bodies);
    arena_reset(&arena);
    return 0;
}

static void fill(size_t limit, size_t used)
{
    arena_reset(&arena);
    arena_init(&arena, limit);
    error_init(&error, &arena);
    warnings = (struct warnings){0};
    (void)!arena_alloc(&arena, used);
}

/* Tries with ever more memory until the step is done wherever memory ends; says what it was done with. */
static void starve(err_t (*step)(const struct json *), const struct json *input, err_t expected)
{
    bool done = false;
    for (size_t limit = 2048; !done; limit += 2048) {
        done = true;
        for (size_t used = 0; used < 2000; used += 180) {
            fill(limit, used);
            if (arena.failed != ERR_OK) {
                done = false;
                continue;
            }
            err_t result = step(input);
            done = done && arena.failed == ERR_OK;
            if (arena.failed == ERR_OK)
                assert_int_equal(result, expected);
            else if (result != ERR_TOO_MANY_REQUESTS && result != ERR_NO_MEMORY)
                fail_msg(
                    "%zu, %zu: %d %s", limit, used, (int)result, error.message.p ? (const char *)error.message.p : "");
        }
        assert_true(limit < 4u << 20);
    }
}

static const struct kind *making;

static err_t make_it(const struct json *body)
{
    struct json *object;
    return make(making, body, &object);
}

static void what_is_made_is_whole(void **state)
{
    static const struct {
        const char *name;
        const struct kind *kind;
    } entries[] = {{"pod-full", &pod_kind}, {"replicationcontroller", &replication_controller_kind},
        {"node-status", &node_kind}, {"deployment", &deployment_kind}, {"statefulset", &stateful_set_kind},
        {"daemonset", &daemon_set_kind}, {"job", &job_kind}, {"cronjob", &cron_job_kind}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        making = entries[i].kind;
        starve(make_it, tree_at(all, entries[i].name, "request", "body", NULL), ERR_OK);
    }
}

static void what_is_refused_is_refused_for_a_reason(void **state)
{
    unsigned place = 0;
    (void)state;
    for (const struct json *c = bad->first; c; c = c->next) {
        if (json_get(c, BYTES("old")) || tree_integer(c, "code", 0) != 422 || place++ % 5)
            continue;
        making = workload_kind(tree_text(c, "kind"));
        starve(make_it, json_get(c, BYTES("body")), ERR_INVALID);
    }
    assert_true(place > 200);
}

static err_t print_row(const struct json *c)
{
    const struct kind *kind = workload_kind(tree_text(c, "kind"));
    struct buffer b;
    buffer_init(&b, &arena);
    kind->rules->cells(&arena, &b, kind, json_get(c, BYTES("object")), 1795254050);
    return b.failed ? arena_error(&arena, &error) : arena.failed;
}

static void rows_are_printed_whole(void **state)
{
    (void)state;
    for (const struct json *c = rows->first; c; c = c->next)
        starve(print_row, c, ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_made_is_whole), TEST(what_is_refused_is_refused_for_a_reason), TEST(rows_are_printed_whole)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, parse_all, drop_all);
}
