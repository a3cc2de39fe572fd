/* SPDX-License-Identifier: Apache-2.0 */
/* What kube-apiserver makes of, and says about, some hundred creates and updates of ConfigMaps, ServiceAccounts,
 * Leases, Events of both groups, LimitRanges, ResourceQuotas, Services, Endpoints, PersistentVolumes and their claims
 * (tests/golden/objects/core-rules.json): objects, errors, warnings and cells come out the same here. Addresses and
 * ports that are drawn, and the diffs that Go appends to some sentences, are left out there and masked here. */
#include "api/patch.h"
#include "kinds/tree.h"
#include "writes.h"

/* ---- As serve does it. */

static bytes written(const struct json *value)
{
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, value);
    assert_false(b.failed);
    return buffer_bytes(&b);
}

static const struct kind *kind_of(bytes path)
{
    size_t first = bytes_find(path, '/'), second = first + 1 + bytes_find(bytes_skip(path, first + 1), '/');
    bool core = second > path.n - 1;
    bytes group = core ? BYTES("") : (bytes){path.p, first};
    bytes version = core ? (bytes){path.p, first} : (bytes){path.p + first + 1, second - first - 1};
    const struct kind *kind =
        kind_by_resource(registry_current(), group, version, bytes_skip(path, (core ? first : second) + 1));
    assert_non_null(kind);
    return kind;
}

static bool set_status(const struct kind *kind, struct json *object, const struct json *old)
{
    const struct schema_property *status = schema_property(kind->schema, BYTES("status"));
    const struct json nothing = {.type = JSON_OBJECT};
    struct json *zero;
    if (old)
        return tree_set_copy(&arena, object, "status", json_get(old, BYTES("status")));
    return decode_tree(&arena, status->schema, &nothing, FIELD_VALIDATION_IGNORE, NULL, &zero, &error) == ERR_OK &&
           json_set(object, BYTES("status"), zero);
}

static bool carry(const struct kind *kind, enum subresource subresource, struct json *object, const struct json *old)
{
    if (!kind_has_status(kind))
        return true;
    if (subresource != SUBRESOURCE_STATUS)
        return set_status(kind, object, old);
    for (const struct json *member = old->first; member; member = member->next)
        if (!bytes_equal(member->key, BYTES("status")) && !bytes_equal(member->key, BYTES("metadata")) &&
            !json_set(object, member->key, json_copy(&arena, member)))
            return false;
    return true;
}

static err_t finish(const struct kind *kind, enum subresource subresource, struct json *object, const struct json *old)
{
    if (!carry(kind, subresource, object, old))
        return arena_error(&arena, &error);
    TRY(schema_set_defaults(&arena, kind->schema, object, &error));
    if (kind->rules->set_defaults)
        TRY(kind->rules->set_defaults(&arena, kind, object, &error));
    if (kind->rules->prepare)
        TRY(kind->rules->prepare(&arena, kind, subresource, object, old, &error));
    TRY(object_validate(&arena, kind, subresource, object, old, &error));
    warnings = (struct warnings){0};
    if (kind->rules->warn)
        kind->rules->warn(&arena, kind, object, &warnings);
    TRY(object_to_stored(&arena, kind, object, &error));
    TRY(object_from_stored(&arena, kind, object, &error));
    object_arrange(kind, object);
    return arena.failed ? arena_error(&arena, &error) : ERR_OK;
}

static err_t create_served(const struct kind *kind, const struct json *body, struct json **ret)
{
    error_init(&error, &arena);
    TRY(decode_object(&arena, kind, BODY_JSON, written(body), FIELD_VALIDATION_IGNORE, &warnings, ret, &error));
    TRY(object_prepare_create(&arena, kind, *ret, kind->namespaced ? BYTES("d") : BYTES(""), &error));
    return finish(kind, SUBRESOURCE_NONE, *ret, NULL);
}

/* SAME stands for the address that the service has. */
static bool fill_in(struct json *body, const struct json *old)
{
    static const char *const names[] = {"clusterIP", "clusterIPs"};
    struct json *spec = json_get(body, BYTES("spec"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal(tree_text(spec, names[i]), BYTES("SAME")) &&
            !tree_set_copy(&arena, spec, names[i], json_get(json_get(old, BYTES("spec")), bytes_of(names[i]))))
            return false;
    return true;
}

static err_t update_served(const struct kind *kind, const struct json *one, const struct json *old, struct json **ret)
{
    enum subresource subresource = json_get(one, BYTES("subresource")) ? SUBRESOURCE_STATUS : SUBRESOURCE_NONE;
    const struct json *patch = json_get(one, BYTES("patch"));
    struct json *body = json_copy(&arena, json_get(one, BYTES("put")));
    bytes name = json_text(json_get(old, BYTES("metadata")), BYTES("name"));
    if (!patch) {
        struct json *metadata = tree_member(&arena, body, "metadata", JSON_OBJECT);
        assert_true(tree_set_text(&arena, metadata, "name", name) && fill_in(body, old));
    } else {
        TRY(patch_merge(&arena, old, patch, &body, &error));
        body = json_copy(&arena, body);
    }
    TRY(decode_patched(&arena, kind, body, FIELD_VALIDATION_IGNORE, &warnings, ret, &error));
    TRY(object_prepare_update(&arena, kind, *ret, old, kind->namespaced ? BYTES("d") : BYTES(""), name, &error));
    return finish(kind, subresource, *ret, old);
}

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
    const struct kind *kind = kind_of(tree_text(one, "kind"));
    struct json *object, *updated = NULL, *answer = json_get(one, BYTES("answer"));
    bool updates = json_get(one, BYTES("patch")) || json_get(one, BYTES("put"));
    err_t code = create_served(kind, json_get(one, BYTES("body")), &object);
    if (updates && code != ERR_OK)
        fail_msg("%s: %s", text(written(one)), text(error.message));
    if (updates) {
        code = update_served(kind, one, object, &updated);
        object = code == ERR_OK ? updated : object;
    }
    if (code != ERR_OK || answer->type == JSON_STRING) {
        bytes got = code == ERR_OK ? written(object) : error.message;
        compare(one, "answer", masked(got, object, one), answer->type == JSON_STRING ? answer->text : written(answer));
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
