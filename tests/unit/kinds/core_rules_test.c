/* SPDX-License-Identifier: Apache-2.0 */
/* What kube-apiserver makes of, and says about, some hundred creates and updates of ConfigMaps, ServiceAccounts,
 * Leases, Events of both groups, LimitRanges, ResourceQuotas, Services, Endpoints, PersistentVolumes and their claims
 * (tests/golden/objects/core-rules.json): objects, errors, warnings and cells come out the same here. Addresses and
 * ports that are drawn, and the diffs that Go appends to some sentences, are left out there and masked here. */
#include "served.h"

/* ---- Comparing */

static bytes replaced(bytes in, bytes what)
{
    struct buffer b;
    const uint8_t *found;
    buffer_init(&b, &arena);
    while (what.n && (found = memmem(in.p, in.n, what.p, what.n))) {
        buffer_put(&b, (bytes){in.p, (size_t)(found - in.p)});
        buffer_byte(&b, '0');
        in = bytes_skip(in, (size_t)(found - in.p) + what.n);
    }
    buffer_put(&b, in);
    assert_false(b.failed);
    return buffer_bytes(&b);
}

/* 0 in the place of what was drawn: that is, of what the client did not send. */
static bytes masked(bytes in, const struct json *service, const struct json *one)
{
    const struct json *spec = json_get(service, BYTES("spec")), *health = json_get(spec, BYTES("healthCheckNodePort"));
    bytes sent = written(json_get(one, BYTES("body"))), drawn[8] = {tree_text(spec, "clusterIP")};
    const struct json *more[] = {json_get(one, BYTES("put")), json_get(one, BYTES("patch"))};
    size_t n = 1;
    if (health)
        drawn[n++] = health->text;
    for (const struct json *port = tree_first(spec, "ports"); port && n < ARRAY_LEN(drawn); port = port->next)
        if (json_get(port, BYTES("nodePort")))
            drawn[n++] = json_get(port, BYTES("nodePort"))->text;
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        if (more[i])
            sent = arena_join(&arena, sent, written(more[i]), ARENA_END);
    for (size_t i = 0; i < n; i++)
        if (drawn[i].n > 4 && !memmem(sent.p, sent.n, drawn[i].p, drawn[i].n))
            in = replaced(in, drawn[i]);
    return in;
}

static void remove_passing(struct json *object)
{
    static const char *const passing[] = {"uid", "creationTimestamp", "namespace", "generation"};
    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        json_remove(json_get(object, BYTES("metadata")), bytes_of(passing[i]));
    json_remove(json_get(object, BYTES("status")), BYTES("lastPhaseTransitionTime"));
}

static unsigned wrong;

static void compare(const struct json *one, const char *what, bytes got, bytes wanted)
{
    if (bytes_equal(got, wanted))
        return;
    wrong++;
    print_error("%s %s %s %s: %s\n  %s\nis not\n  %s\n", text(tree_text(one, "kind")),
        text(written(json_get(one, BYTES("body")))),
        json_get(one, BYTES("patch")) ? text(written(json_get(one, BYTES("patch")))) : "",
        json_get(one, BYTES("put")) ? text(written(json_get(one, BYTES("put")))) : "", what, text(got), text(wanted));
}

static bytes warned(void)
{
    struct buffer b;
    buffer_init(&b, &arena);
    for (size_t i = 0; i < warnings.count; i++) {
        buffer_text(&b, i ? "," : "");
        json_write_string(&b, warnings.text[i]);
    }
    return arena_join(&arena, BYTES("["), buffer_bytes(&b), BYTES("]"), ARENA_END);
}

static bytes cells_of(const struct kind *kind, const struct json *object)
{
    struct buffer b;
    buffer_init(&b, &arena);
    buffer_text(&b, "[\"x\"");
    present_cells(&arena, &b, kind, object, 1795247998);
    buffer_byte(&b, ']');
    assert_false(b.failed);
    return buffer_bytes(&b);
}

static bool tells_time(const struct kind *kind, size_t column)
{
    static const char *const columns[] = {"Age", "Created At"};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (column < kind->column_count && strcmp(kind->columns[column].name, columns[i]) == 0)
            return true;
    return false;
}

static void compare_cells(const struct kind *kind, const struct json *one, const struct json *object)
{
    struct json *cells, *cell;
    const struct json *wanted = json_get(one, BYTES("cells"));
    bytes all = masked(cells_of(kind, object), object, one);
    if (!wanted)
        return;
    assert_int_equal(json_parse(&arena, all, &(struct json_options){0}, &cells, NULL, &error), ERR_OK);
    bool named = strcmp(kind->columns[kind->column_count - 1].name, "Name") == 0;
    cell = cells->first->next;
    wanted = named ? wanted->first : wanted->first->next;
    for (size_t i = 0; cell && wanted; i++, cell = cell->next, wanted = wanted->next)
        if (!tells_time(kind, i))
            compare(one, kind->columns[i].name, written(cell), written(wanted));
    assert_true(!cell && !wanted);
}

static void check_case(const struct json *one)
{
    const struct kind *kind = recorded_kind(tree_text(one, "kind"));
    const struct json *answer = json_get(one, BYTES("answer"));
    struct json *created, *object;
    err_t code = serve_case(one, &created, &object);
    assert_int_equal(error_http_status(code), tree_integer(one, "code", 200));
    if (code != ERR_OK || answer->type == JSON_STRING) {
        bytes got = code == ERR_OK ? written(object) : error.message;
        compare(one, "answer", masked(got, created, one), answer->type == JSON_STRING ? answer->text : written(answer));
        return;
    }
    compare_cells(kind, one, object);
    remove_passing(object);
    compare(one, "answer", masked(written(object), object, one), written(answer));
    const struct json *sentences = json_get(one, BYTES("warnings"));
    compare(one, "warnings", warned(), sentences ? written(sentences) : BYTES("[]"));
}

static void answers_are_those_of_kubernetes(void **state)
{
    struct json *all;
    size_t count = 0;
    (void)state;
    assert_int_equal(
        json_parse(&arena, golden("objects/core-rules.json"), &(struct json_options){0}, &all, NULL, &error), ERR_OK);
    for (const struct json *one = all->first; one; one = one->next, count++)
        check_case(one);
    assert_true(count >= 500);
    assert_int_equal(wrong, 0);
}

static int register_kinds(void **state)
{
    (void)state;
    kinds_register_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(answers_are_those_of_kubernetes)};
    return cmocka_run_group_tests(tests, register_kinds, NULL);
}
