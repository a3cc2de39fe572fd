/* SPDX-License-Identifier: Apache-2.0 */
/* Custom resources: what kube-apiserver 1.34.4 said to the same definitions and objects (golden/custom). */
#include "api/custom_kind.h"
#include "api/object.h"
#include "api/schema_value.h"
#include "fixture.h"

static struct json *parsed(bytes text_)
{
    struct json *value;
    assert_int_equal(ERR_OK, json_parse(&arena, text_, &(struct json_options){.keep_duplicates = true}, &value, NULL, &error));
    return value;
}

static struct kind_set *compiled(const char *file)
{
    struct kind_set *set;
    if (custom_kinds_compile(parsed(golden(file)), 300, &set, &error) != ERR_OK)
        fail_msg("%s: %s", file, text(error.message));
    assert_non_null(set);
    return set;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines in order: maps have none in Go. */
static const char *sorted_lines(bytes all)
{
    const char *lines[128];
    size_t n = 0;
    struct buffer b;
    while (all.n) {
        size_t end = bytes_find(all, '\n');
        lines[n++] = text((bytes){all.p, end});
        all = bytes_skip(all, end < all.n ? end + 1 : end);
    }
    qsort(lines, n, sizeof(*lines), by_text);
    buffer_init(&b, &arena);
    for (size_t i = 0; i < n; i++) {
        buffer_text(&b, lines[i]);
        buffer_byte(&b, '\n');
    }
    return text(buffer_bytes(&b));
}

/* What the server would say: causes, or the object's spec as it is stored. */
static bytes answer(const struct kind *kind, const struct json *in)
{
    struct json *object;
    struct buffer b;
    struct error why;
    buffer_init(&b, &arena);
    error_init(&why, &arena);
    err_t result = decode_tree(&arena, kind->schema, in, FIELD_VALIDATION_IGNORE, NULL, &object, &why);
    if (result == ERR_OK)
        result = schema_set_defaults(&arena, kind->schema, object, &why);
    if (result != ERR_OK) {
        buffer_format(&b, "400 %s in version \"%s\" cannot be handled as a %s: %s", kind->kind, kind->version,
            kind->kind, text(why.message));
        return buffer_bytes(&b);
    }
    result = object_validate(&arena, kind, SUBRESOURCE_NONE, object, NULL, &why);
    for (const struct cause *c = why.causes; c; c = c->next)
        buffer_format(&b, "%s|%s|%s\n", c->reason, text(c->field), text(c->message));
    assert_int_equal(why.causes ? ERR_INVALID : ERR_OK, result);
    if (why.causes)
        return buffer_bytes(&b);
    buffer_text(&b, "OK ");
    const struct json *spec = json_get(object, BYTES("spec"));
    if (spec)
        json_write(&b, spec);
    else
        buffer_text(&b, "null");
    return buffer_bytes(&b);
}

static void test_values(void **state)
{
    struct kind_set *set = compiled("custom/values-definition.json");
    const struct json *cases = parsed(golden("custom/values.json"));
    unsigned wrong = 0;
    (void)state;
    for (const struct json *c = cases->first; c; c = c->next) {
        bytes in = c->first->text;
        if (in.p[0] == '!')
            in = bytes_skip(in, 1);
        else
            in = arena_join(&arena,
                BYTES("{\"apiVersion\":\"x.io/v1\",\"kind\":\"Tests\",\"metadata\":{\"name\":\"a\"},\"spec\":"), in,
                BYTES("}"), ARENA_END);
        const char *ours = sorted_lines(answer(set->kinds[0], parsed(in))), *theirs = sorted_lines(c->last->text);
        if (strcmp(ours, theirs) == 0)
            continue;
        print_error("%s\n  ours:   %s  theirs: %s", text(c->first->text), ours, theirs);
        wrong++;
    }
    kind_release(set->kinds[0]);
    assert_int_equal(0, wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
