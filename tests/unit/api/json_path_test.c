/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_path.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char document[] =
    "{\"spec\":{\"replicas\":3,\"a\":{\"b\":\"x\"},\"x.y\":true,\"none\":null},"
    "\"items\":[{\"n\":1,\"t\":\"p\"},{\"n\":2,\"t\":\"q\"},{\"n\":2.5},{\"t\":null}],\"empty\":[],"
    "\"status\":{\"conditions\":[{\"type\":\"Old\",\"status\":\"False\"},{\"type\":\"Ready\",\"status\":\"True\"}]},"
    "\"deep\":{\"a\":{\"a\":{\"b\":7}}}}";

static struct json *parse_document(struct arena *arena, const char *text)
{
    struct json *root = NULL;
    struct error error;
    error_init(&error, arena);
    assert_int_equal(json_parse(arena, bytes_of(text), &(struct json_options){0}, &root, NULL, &error), ERR_OK);
    return root;
}

static const struct json_path *path_of(struct arena *arena, const char *text, bool simple)
{
    const struct json_path *path = NULL;
    struct error error;
    error_init(&error, arena);
    assert_int_equal(json_path_parse(arena, bytes_of(text), simple, &path, &error), ERR_OK);
    return path;
}

/* Results with spaces between: what client-go 0.34.4 finds, but for the order of an object's members. */
static void finds_as_upstream(void **state)
{
    static const struct {
        const char *path, *found;
    } cases[] = {
        {".spec.replicas", "3"},
        {"@.spec.replicas", "3"},
        {"$.spec.replicas", "3"},
        {".spec['replicas']", "3"},
        {".spec['a.b']", "\"x\""},
        {".spec.x\\.y", "true"},
        {".spec['x\\.y']", "true"},
        {".spec.x.y", ""},
        {".spec.none", "null"},
        {".spec.none.more", ""},
        {".spec.replicas.more", ""},
        {".", ""},
        {".items[0].n", "1"},
        {".items[-1]", "{\"t\":null}"},
        {".items[-4].t", "\"p\""},
        {".items[4].n", ""},
        {".items[-5].n", ""},
        {".items[0:2].n", "1 2"},
        {".items[1:].n", "2 2.5"},
        {".items[:-2].n", "1 2"},
        {".items[::2].n", "1 2.5"},
        {".items[0,2].n", "1 2.5"},
        {".items[*].n", "1 2 2.5"},
        {".items.*.n", "1 2 2.5"},
        {".items[2:2].n", ""},
        {".items[3:1].n", ""},
        {".items[0:2:0].n", ""},
        {".items[9223372036854775807]", ""},
        {".items['n']", ""},
        {".empty[0]", ""},
        {".empty[*]", ""},
        {".spec[0]", ""},
        {".spec['replicas','a'].b", "\"x\""},
        {".status.conditions[?(@.type==\"Ready\")].status", "\"True\""},
        {".status.conditions[?(@.type == 'Ready')].status", "\"True\""},
        {".status.conditions[?(@.type!=\"Ready\")].status", "\"False\""},
        {".status.conditions[?(@.type>\"P\")].type", "\"Ready\""},
        {".status.conditions[?(@.missing==\"Ready\")].type", ""},
        {".status.conditions[?(@.status==@.status)].type", "\"Old\" \"Ready\""},
        {".items[?(@.n)].n", "1 2 2.5"},
        {".items[0:2][?(@.n>=2)].n", ""}, /* a filter takes lists alone */
        {".items[?(@.n>1)].n", ""},       /* an integer and a float */
        {".items[?(@.n)]..n", "1 2 2.5"},
        {".items[?(1==1)].n", "1 2 2.5"},
        {".items[?(true<false)].n", ""},
        {".empty[?(@.n>1)].n", ""},
        {".spec[?(@.n)]", ""},
        {"..b", "\"x\" 7"},
        {".deep..a", "{\"a\":{\"b\":7}} {\"b\":7}"},
        {".deep..['b']", "7"},
        {".spec ['a'].b", "\"x\""},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    const struct json *root = parse_document(&arena, document);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json *found[8];
        struct buffer out;
        buffer_init(&out, &arena);
        size_t count = json_path_find(path_of(&arena, cases[i].path, false), root, found, ARRAY_LEN(found));
        for (size_t at = 0; at < count && at < ARRAY_LEN(found); at++) {
            buffer_text(&out, at ? " " : "");
            json_write(&out, found[at]);
        }
        buffer_byte(&out, 0);
        assert_string_equal((const char *)out.p, cases[i].found);
    }
    arena_reset(&arena);
}

static void refuses_with_a_sentence(void **state)
{
    static const struct {
        const char *path, *sentence;
        bool simple;
    } cases[] = {
        {"spec", "unrecognized character in action: U+0073 's'", false},
        {".a]", "unrecognized character in action: U+005D ']'", false},
        {".a}", "unrecognized character in action: U+007D '}'", false},
        {".a\n", "unrecognized character in action: U+000A", false},
        {".a\\", "unclosed action", false},
        {".a[0", "unterminated array", false},
        {".a[x]", "invalid array index x", false},
        {".a[\"b\"]", "invalid array index \"b\"", false},
        {".a[1:2:3:4]", "invalid array index 1:2:3:4", false},
        {".a[9223372036854775808]", "invalid array index 9223372036854775808", false},
        {".a[?(@.b==1]", "unterminated filter", false},
        {".a[?(@.b==1)", "unclosed array expect ]", false},
        {".a[?(@.b=1)]", "unrecognized filter operator =", false},
        {".a[?(@.b==)]", "unrecognized character in action: U+003D '='", false},
        {".a[?(@.b==1x)]", "cannot parse number 1x", false},
        {".a[?(@.b==\"x'[]')]", "unterminated filter", false},
        {".a[?(@.b==\"x\" )]x", "unrecognized character in action: U+0078 'x'", false},
        {".a....b", "invalid multiple recursive descent", false},
        {".a[0]", "only names are allowed in a simple path", true},
        {".a.*", "only names are allowed in a simple path", true},
        {"..a", "only names are allowed in a simple path", true},
        {".a.", "must not have an empty name", true},
        {"", "must name a field", true},
        {".a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
         "a."
         "a.a.a.a.a.a.a.a.a.a",
            "must have at most 64 steps", false},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json_path *path = NULL;
        struct error error;
        error_init(&error, &arena);
        assert_int_equal(
            json_path_parse(&arena, bytes_of(cases[i].path), cases[i].simple, &path, &error), ERR_BAD_REQUEST);
        assert_string_equal((const char *)error.message.p, cases[i].sentence);
        assert_null(path);
    }
    arena_reset(&arena);
}

static void counts_what_it_has_no_room_for(void **state)
{
    const struct json *found[1] = {NULL};
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    const struct json *root = parse_document(&arena, "[1,2,3]");
    assert_int_equal(json_path_find(path_of(&arena, "[*]", false), root, found, 1), 3);
    assert_ptr_equal(found[0], root->first);
    assert_int_equal(json_path_find(path_of(&arena, "[*]", false), root, NULL, 0), 3);
    arena_reset(&arena);
}

/* Descents within descents multiply: given up, not walked for hours. */
static void gives_up_on_what_explodes(void **state)
{
    char text[256] = "", path[256] = "";
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    for (int i = 0; i < 60; i++)
        text[i] = '[', text[60 + i] = ']';
    for (int i = 0; i < 20; i++)
        strcat(path, "..[*]");
    const struct json *root = parse_document(&arena, text);
    assert_int_equal(json_path_find(path_of(&arena, path, false), root, NULL, 0), 0);
    arena_reset(&arena);
}

static void sets_and_makes_objects_on_the_way(void **state)
{
    static const struct {
        const char *before, *path, *after; /* NULL: refused */
    } cases[] = {
        {"{}", ".spec.replicas", "{\"spec\":{\"replicas\":5}}"},
        {"{\"spec\":{\"replicas\":1,\"x\":2}}", ".spec.replicas", "{\"spec\":{\"replicas\":5,\"x\":2}}"},
        {"{\"spec\":{}}", ".spec['a\\.b']", "{\"spec\":{\"a.b\":5}}"},
        {"{\"spec\":[]}", ".spec.replicas", NULL},
        {"{\"spec\":null}", ".spec.replicas", NULL},
        {"[]", ".spec", NULL},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *root = parse_document(&arena, cases[i].before);
        const struct json_path *path = path_of(&arena, cases[i].path, true);
        struct buffer out;
        bool done = json_path_set(&arena, path, root, json_integer(&arena, 5));
        assert_int_equal(done, cases[i].after != NULL);
        buffer_init(&out, &arena);
        json_write(&out, root);
        buffer_byte(&out, 0);
        assert_string_equal((const char *)out.p, done ? cases[i].after : cases[i].before);
    }
    const struct json_path *path = path_of(&arena, ".a.b.c", true);
    struct json *root = json_new(&arena, JSON_OBJECT), *value = json_integer(&arena, 5);
    struct arena full;
    arena_init(&full, 0);
    assert_false(json_path_set(&full, path, root, value));
    arena_reset(&arena);
}

static void parsing_survives_a_full_arena(void **state)
{
    bytes text = BYTES(".a\\.b[0,'c'][?(@.x=='y')]..z");
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (long n = 0;; n++) {
        const struct json_path *path = NULL;
        struct error error;
        error_init(&error, NULL);
        memory_fail_after(n);
        err_t code = json_path_parse(&arena, text, false, &path, &error);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_int_equal(code == ERR_OK, !fired);
        assert_int_equal(path != NULL, !fired);
        arena_reset(&arena);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_as_upstream),
        cmocka_unit_test(refuses_with_a_sentence),
        cmocka_unit_test(counts_what_it_has_no_room_for),
        cmocka_unit_test(gives_up_on_what_explodes),
        cmocka_unit_test(sets_and_makes_objects_on_the_way),
        cmocka_unit_test(parsing_survives_a_full_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
