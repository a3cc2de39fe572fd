/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: what kube-apiserver 1.34.4 said to them (golden/custom/definitions.json). */
#include "../api/fixture.h"
#include "api/custom_kind.h"
#include "api/object.h"
#include "api/schema_value.h"
#include "kinds/kinds.h"

static struct json *parsed(bytes in)
{
    struct json *value;
    assert_int_equal(ERR_OK, json_parse(&arena, in, &(struct json_options){0}, &value, NULL, &error));
    return value;
}

static const struct kind *definitions(void)
{
    return kind_by_name(
        registry_current(), BYTES("apiextensions.k8s.io"), BYTES("v1"), BYTES("CustomResourceDefinition"));
}

/* As a write goes: decoded, defaulted, prepared. */
static err_t made(const struct json *in, const struct json *old, struct json **ret, struct error *why)
{
    const struct kind *kind = definitions();
    struct buffer b;
    struct warnings warnings = {0};
    buffer_init(&b, &arena);
    json_write(&b, in);
    TRY(decode_object(&arena, kind, BODY_JSON, buffer_bytes(&b), FIELD_VALIDATION_IGNORE, &warnings, ret, why));
    TRY(schema_set_defaults(&arena, kind->schema, *ret, why));
    TRY(kind->rules->set_defaults(&arena, kind, *ret, why));
    if (old)
        json_set(*ret, BYTES("status"), json_copy(&arena, json_get(old, BYTES("status"))));
    return kind->rules->prepare(&arena, kind, SUBRESOURCE_NONE, *ret, old, why);
}

static bytes answer(const struct json *in)
{
    const struct kind *kind = definitions();
    struct json *object;
    struct buffer b;
    struct error why;
    buffer_init(&b, &arena);
    error_init(&why, &arena);
    if (made(in, NULL, &object, &why) != ERR_OK) {
        buffer_format(&b, "400 %s", text(why.message));
        return buffer_bytes(&b);
    }
    err_t result = object_validate(&arena, kind, SUBRESOURCE_NONE, object, NULL, &why);
    for (const struct cause *c = why.causes; c; c = c->next)
        buffer_format(&b, "%s|%s|%s\n", c->reason, text(c->field), text(c->message));
    assert_int_equal(why.causes ? ERR_INVALID : ERR_OK, result);
    if (!why.causes)
        buffer_text(&b, "OK\n");
    return buffer_bytes(&b);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines in order, without warnings; of a value that is a dump of Go's own types only the sentence around it. */
static const char *comparable(bytes all)
{
    const char *lines[128];
    size_t n = 0;
    struct buffer b;
    while (all.n) {
        size_t end = bytes_find(all, '\n');
        bytes line = {all.p, end};
        const char *whole = text(line), *dump = strstr(whole, "Invalid value: {"), *last = strstr(whole, "}: only [");
        if (dump && last)
            line = arena_format(&arena, "%.*s%s", (int)(dump - whole), whole, last);
        if (!bytes_start(line, BYTES("WARN")))
            lines[n++] = text(line);
        all = bytes_skip(all, end < all.n ? end + 1 : end);
    }
    if (n)
        qsort(lines, n, sizeof(*lines), by_text);
    buffer_init(&b, &arena);
    for (size_t i = 0; i < n; i++) {
        buffer_text(&b, lines[i]);
        buffer_byte(&b, '\n');
    }
    return text(buffer_bytes(&b));
}

static void test_sentences(void **state)
{
    const struct json *cases = parsed(golden("custom/definitions.json"));
    unsigned wrong = 0;
    (void)state;
    for (const struct json *c = cases->first; c; c = c->next) {
        const struct json *definition = c->first->next;
        const char *ours = comparable(answer(definition)), *theirs = comparable(c->last->text);
        if (strcmp(ours, theirs) == 0)
            continue;
        print_error("%s\n  ours:   %s  theirs: %s", text(c->first->text), ours, theirs);
        wrong++;
    }
    assert_int_equal(0, wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sentences),
    };
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
