/* SPDX-License-Identifier: Apache-2.0 */
/* Minimal and full objects of every kind, as kube-apiserver answered to their creation (tests/golden/objects): decoded,
 * defaulted, prepared and validated here they come out the same, but for what admission adds and what differs from
 * run to run. */
#include "writes.h"

/* What kube-apiserver's admission plugins add, and its controllers: no part of a kind. Paths as the walk below has
 * them;
 * [] is any item. */
static const struct {
    const char *entry; /* the start of its name */
    const char *path;
} added[] = {
    {"", ".metadata.managedFields"},
    {"", ".metadata.uid"},
    {"", ".metadata.resourceVersion"},
    {"", ".metadata.creationTimestamp"},
    {"", ".metadata.generation"}, /* counted by serve */
    {"", ".metadata.namespace"},
    {"crd", ".status"},        /* written by the controllers of definitions */
    {"csr", ".spec.username"}, /* who asks */
    {"csr", ".spec.groups"},
    {"csr", ".spec.extra"},
    {"service", ".spec.clusterIP"}, /* drawn */
    {"service", ".spec.clusterIPs"},
    {"persistentvolume", ".metadata.finalizers"}, /* docs/compatibility.md */
    {"persistentvolume", ".status.lastPhaseTransitionTime"},
};

/* Pods and Jobs, which workload_objects_test.c compares with what admission adds and what is drawn; and definitions,
 * which have tests of their own. */
static const char *const later[] = {"Pod", "Job", "CustomResourceDefinition"};

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void remove_path(struct json *value, const char *path)
{
    char name[64];
    size_t n = strcspn(path + 1, ".[");
    if (!value || value->type != JSON_OBJECT || n >= sizeof(name))
        return;
    memcpy(name, path + 1, n);
    name[n] = '\0';
    path += n + 1;
    struct json *member = json_get(value, bytes_of(name));
    if (!*path)
        json_remove(value, bytes_of(name));
    else if (path[0] == '[')
        for (struct json *item = member ? member->first : NULL; item; item = item->next)
            remove_path(item, path + 2);
    else
        remove_path(member, path);
}

static void remove_added(const char *entry, struct json *object)
{
    for (size_t i = 0; i < ARRAY_LEN(added); i++)
        if (starts(entry, added[i].entry))
            remove_path(object, added[i].path);
}

/* Of "/apis/apps/v1/namespaces/d/deployments". */
static const struct kind *kind_of(bytes path)
{
    bytes parts[8];
    size_t n = 0;
    for (size_t from = 1, i = 1; i <= path.n && n < ARRAY_LEN(parts); i++) {
        if (i < path.n && path.p[i] != '/')
            continue;
        parts[n++] = (bytes){path.p + from, i - from};
        from = i + 1;
    }
    bool core = bytes_equal(parts[0], BYTES("api"));
    size_t version = core ? 1 : 2;
    bool namespaced = n == version + 4 && bytes_equal(parts[version + 1], BYTES("namespaces"));
    if (n != version + 2 && !namespaced)
        return NULL;
    return kind_by_resource(registry_current(), core ? BYTES("") : parts[1], parts[version], parts[n - 1]);
}

static struct json *zero_status(const struct kind *kind)
{
    const struct schema_property *status = schema_property(kind->schema, BYTES("status"));
    const struct json nothing = {.type = JSON_OBJECT};
    struct json *zero;
    assert_int_equal(
        decode_tree(&arena, status->schema, &nothing, FIELD_VALIDATION_IGNORE, NULL, &zero, &error), ERR_OK);
    return zero;
}

/* As serve does it. */
static err_t create_as_served(const struct kind *kind, struct json *body, struct json **ret)
{
    struct json *object;
    error_init(&error, &arena);
    TRY(decode_patched(&arena, kind, body, FIELD_VALIDATION_STRICT, &warnings, &object, &error));
    TRY(object_prepare_create(&arena, kind, object, kind->namespaced ? BYTES("d") : BYTES(""), &error));
    if (kind_has_status(kind) && !kind->keeps_status)
        assert_non_null(json_set(object, BYTES("status"), zero_status(kind)));
    TRY(schema_set_defaults(&arena, kind->schema, object, &error));
    if (kind->rules->set_defaults)
        TRY(kind->rules->set_defaults(&arena, kind, object, &error));
    if (kind->rules->prepare)
        TRY(kind->rules->prepare(&arena, kind, SUBRESOURCE_NONE, object, NULL, &error));
    TRY(object_validate(&arena, kind, SUBRESOURCE_NONE, object, NULL, &error));
    TRY(object_to_stored(&arena, kind, object, &error));
    TRY(object_from_stored(&arena, kind, object, &error));
    *ret = object;
    return ERR_OK;
}

static void check_entry(const char *entry, const struct kind *kind, const struct json *exchange)
{
    struct json *body = json_at(exchange, BYTES("request"), BYTES("body"), BYTES_NONE);
    struct json *expected = json_copy(&arena, json_get(exchange, BYTES("response"))), *object;
    if (create_as_served(kind, json_copy(&arena, body), &object) != ERR_OK)
        fail_msg("%s: %s", entry, text(error.message));
    remove_added(entry, object);
    remove_added(entry, expected);
    object_arrange(kind, object);
    struct buffer got, wanted;
    buffer_init(&got, &arena);
    buffer_init(&wanted, &arena);
    json_write(&got, object);
    json_write(&wanted, expected);
    if (!bytes_equal(buffer_bytes(&got), buffer_bytes(&wanted)))
        fail_msg("%s:\n%s\nis not\n%s", entry, text(buffer_bytes(&got)), text(buffer_bytes(&wanted)));
}

static bool is_later(const struct kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(later); i++)
        if (strcmp(kind->kind, later[i]) == 0)
            return true;
    return false;
}

static void what_is_created_is_what_kubernetes_makes_of_it(void **state)
{
    struct json *all;
    size_t checked = 0;
    (void)state;
    assert_int_equal(
        json_parse(&arena, golden("objects/created.json"), &(struct json_options){0}, &all, NULL, &error), ERR_OK);
    for (const struct json *exchange = all->first; exchange; exchange = exchange->next) {
        const struct json *request = json_get(exchange, BYTES("request"));
        const struct kind *kind = kind_of(json_text(request, BYTES("path")));
        const char *entry = text(exchange->key);
        if (!kind || !bytes_equal(json_text(request, BYTES("method")), BYTES("POST")) || is_later(kind))
            continue;
        check_entry(entry, kind, exchange);
        checked++;
    }
    assert_true(checked >= 47);
}

/* ---- Refusals */

static bool has_cause(const struct json *wanted)
{
    bytes field = wanted->first->text, reason = wanted->first->next->text, message = wanted->last->text;
    for (const struct cause *cause = error.causes; cause; cause = cause->next)
        if (bytes_equal(cause->field, field) && bytes_equal(bytes_of(cause->reason), reason) &&
            bytes_equal(cause->message, message))
            return true;
    return false;
}

/* The order of causes is left open: several of upstream's own come out of maps. */
static void bad_objects_get_kubernetes_sentences(void **state)
{
    struct json *cases, *object;
    (void)state;
    assert_int_equal(
        json_parse(&arena, golden("objects/refused.json"), &(struct json_options){0}, &cases, NULL, &error), ERR_OK);
    for (const struct json *c = cases->first; c; c = c->next) {
        const struct json *causes = json_get(c, BYTES("causes"));
        bytes path = json_text(c, BYTES("path"));
        const struct kind *kind = kind_of(path);
        assert_non_null(kind);
        assert_int_equal(create_as_served(kind, json_copy(&arena, json_get(c, BYTES("body"))), &object), ERR_INVALID);
        for (const struct json *cause = causes->first; cause; cause = cause->next)
            if (!has_cause(cause))
                fail_msg("%s: nothing says %s: %s", text(path), text(cause->first->text), text(cause->last->text));
        assert_int_equal(error.cause_count, causes->count);
    }
    assert_true(cases->count >= 40);
}

/* ---- Tables */

static bool names_itself(const struct kind *kind)
{
    for (size_t i = 0; i < kind->column_count; i++)
        if (strcmp(kind->columns[i].name, "Name") == 0)
            return true;
    return false;
}

static void check_columns(const struct kind *kind, const struct json *columns)
{
    const struct json *column = columns->first;
    size_t named = 0;
    if (!names_itself(kind)) {
        assert_string_equal(text(column->first->text), "Name");
        column = column->next;
        named = 1;
    }
    assert_int_equal(columns->count, kind->column_count + named);
    for (size_t i = 0; i < kind->column_count; i++, column = column->next) {
        const struct json *name = column->first, *type = name->next, *format = type->next;
        int64_t priority;
        assert_true(json_to_int64(format->next, &priority));
        assert_string_equal(kind->columns[i].name, text(name->text));
        assert_string_equal(kind->columns[i].type, text(type->text));
        assert_string_equal(kind->columns[i].format ? kind->columns[i].format : "", text(format->text));
        assert_int_equal(kind->columns[i].priority, priority);
        assert_true(strlen(kind->columns[i].description) > 5);
    }
}

/* What differs from run to run, and what controllers have written by then. */
static bool is_passing(const char *column)
{
    static const char *const names[] = {"Age", "Created At", "MissingPL"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(column, names[i]) == 0)
            return true;
    return false;
}

static void check_row(const struct kind *kind, const struct json *object, const struct json *row)
{
    struct buffer b;
    struct json *cells;
    buffer_init(&b, &arena);
    buffer_text(&b, "[0");
    present_cells(&arena, &b, kind, object, 0);
    buffer_byte(&b, ']');
    assert_int_equal(json_parse(&arena, buffer_bytes(&b), &(struct json_options){0}, &cells, NULL, &error), ERR_OK);
    const struct json *cell = cells->first->next, *wanted = names_itself(kind) ? row->first : row->first->next;
    assert_int_equal(cells->count - 1, kind->column_count);
    for (size_t i = 0; i < kind->column_count; i++, cell = cell->next, wanted = wanted->next)
        if (!is_passing(kind->columns[i].name) && !json_equal(cell, wanted))
            fail_msg("%s %s: %s is not %s", kind->kind, kind->columns[i].name, text(cell->text), text(wanted->text));
}

/* The recorded objects of the table's kind beside the rows of the same name. */
static size_t check_rows(const struct kind *kind, const struct json *table, const struct json *all)
{
    size_t checked = 0;
    for (const struct json *exchange = all->first; exchange; exchange = exchange->next) {
        const struct json *object = json_get(exchange, BYTES("response"));
        bytes name = json_text(json_get(object, BYTES("metadata")), BYTES("name"));
        if (kind_of(json_text(json_get(exchange, BYTES("request")), BYTES("path"))) != kind)
            continue;
        for (const struct json *row = json_get(table, BYTES("rows"))->first; row; row = row->next)
            if (bytes_equal(row->first->text, name)) {
                check_row(kind, object, row);
                checked++;
            }
    }
    return checked;
}

static void tables_are_those_of_kubernetes(void **state)
{
    struct json *tables, *all;
    size_t columns = 0, rows = 0;
    (void)state;
    assert_int_equal(
        json_parse(&arena, golden("objects/created.json"), &(struct json_options){0}, &all, NULL, &error), ERR_OK);
    assert_int_equal(
        json_parse(&arena, golden("objects/tables.json"), &(struct json_options){0}, &tables, NULL, &error), ERR_OK);
    for (const struct json *table = tables->first; table; table = table->next) {
        const struct kind *kind = kind_of(table->key);
        if (!kind)
            continue;
        check_columns(kind, json_get(table, BYTES("columns")));
        columns++;
        if (!is_later(kind))
            rows += check_rows(kind, table, all);
    }
    assert_true(columns >= 45);
    assert_true(rows >= 35);
}

static int register_kinds(void **state)
{
    (void)state;
    kinds_register_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(what_is_created_is_what_kubernetes_makes_of_it),
        TEST(bad_objects_get_kubernetes_sentences), TEST(tables_are_those_of_kubernetes)};
    return cmocka_run_group_tests(tests, register_kinds, NULL);
}
