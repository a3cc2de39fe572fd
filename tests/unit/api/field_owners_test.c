/* SPDX-License-Identifier: Apache-2.0 */
/* Random updates and applies by several managers, against the reference. */
#include "api/decode.h"
#include "api/managed_fields.h"
#include "field_owners_reference.h"
#include "fixture.h"
#include "thing.h"

/* ---- Random things */

static uint32_t seed;

static uint32_t below(uint32_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % bound;
}

static void put_texts(struct buffer *b, const char *names)
{
    bool comma = false;
    buffer_byte(b, '{');
    for (; *names; names++)
        if (below(3) == 0) {
            buffer_format(b, "%s\"%c\":\"%u\"", comma ? "," : "", *names, below(2));
            comma = true;
        }
    buffer_byte(b, '}');
}

/* Some of the letters, each once, from a random one on. */
static void put_set(struct buffer *b, const char *letters)
{
    size_t n = strlen(letters), start = below((uint32_t)n);
    bool comma = false;
    buffer_byte(b, '[');
    for (size_t i = 0; i < n; i++)
        if (below(2)) {
            buffer_format(b, "%s\"e/%c\"", comma ? "," : "", letters[(start + i) % n]);
            comma = true;
        }
    buffer_byte(b, ']');
}

static void put_keyed(struct buffer *b)
{
    static const char *const both[] = {
        "\"k\":\"a\"", "\"k\":\"a\",\"l\":\"2\"", "\"k\":\"b\"", "\"k\":\"b\",\"l\":\"3\"", "\"l\":\"1\",\"k\":\"c\""};
    uint32_t start = below(ARRAY_LEN(both));
    bool comma = false;
    buffer_byte(b, '[');
    for (uint32_t i = 0; i < ARRAY_LEN(both); i++) {
        if (below(2))
            continue;
        buffer_format(b, "%s{%s", comma ? "," : "", both[(start + i) % ARRAY_LEN(both)]);
        if (below(2))
            buffer_format(b, ",\"v\":\"%u\"", below(2));
        if (below(2)) {
            buffer_text(b, ",\"map\":");
            put_texts(b, "xy");
        }
        buffer_byte(b, '}');
        comma = true;
    }
    buffer_byte(b, ']');
}

static struct json *random_thing(void)
{
    struct buffer b;
    struct json *value = NULL;
    buffer_init(&b, &arena);
    buffer_text(&b, "{\"apiVersion\":\"test/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"t\"");
#define MAYBE(text, put)                                                                                               \
    if (below(3)) {                                                                                                    \
        buffer_text(&b, text);                                                                                         \
        put;                                                                                                           \
    }
    MAYBE(",\"labels\":", put_texts(&b, "abc"))
    MAYBE(",\"annotations\":", put_texts(&b, "pq"))
    MAYBE(",\"finalizers\":", put_set(&b, "uvw"))
    buffer_text(&b, "},\"spec\":{\"list\":");
    put_set(&b, "mn");
    MAYBE(",\"number\":", buffer_format(&b, "%u", below(3)))
    MAYBE(",\"atom\":", put_texts(&b, "de"))
    MAYBE(",\"map\":", put_texts(&b, "fgh"))
    MAYBE(",\"set\":", put_set(&b, "rst"))
    MAYBE(",\"keyed\":", put_keyed(&b))
    buffer_text(&b, "}}");
    assert_int_equal(json_parse(&arena, buffer_bytes(&b), &(struct json_options){0}, &value, NULL, &error), ERR_OK);
    return value;
}

/* ---- Comparing */

struct shown {
    struct paths paths;
};

static void take(void *context, bytes path)
{
    char copy[PATH_SIZE];
    (void)snprintf(copy, sizeof(copy), "%.*s", BYTES_FMT(path));
    add(&((struct shown *)context)->paths, copy);
}

static void assert_same_paths(const struct paths *ours, const struct paths *expected, const char *whose)
{
    for (size_t i = 0; i < expected->n; i++)
        if (!has(ours, expected->v[i]))
            fail_msg("%s lacks %s", whose, expected->v[i]);
    for (size_t i = 0; i < ours->n; i++)
        if (!has(expected, ours->v[i]))
            fail_msg("%s has %s", whose, ours->v[i]);
}

static void assert_same_owners(const struct json *object, struct owners *expected)
{
    const struct json *list = json_at(object, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE);
    size_t entries = 0, owners = 0;
    for (const struct json *entry = list ? list->first : NULL; entry; entry = entry->next, entries++) {
        static struct shown shown;
        const struct field_set *set;
        const char *name = text(json_text(entry, BYTES("manager")));
        bool applied = bytes_equal(json_text(entry, BYTES("operation")), BYTES("Apply"));
        shown.paths.n = 0;
        assert_int_equal(field_set_parse(&arena, json_get(entry, BYTES("fieldsV1")), &set, &error), ERR_OK);
        assert_true(field_set_each_path(&arena, set, take, &shown));
        assert_same_paths(&shown.paths, &owner_of(expected, name, applied)->fields, name);
    }
    for (size_t i = 0; i < expected->n; i++)
        owners += expected->v[i].fields.n > 0;
    assert_int_equal(entries, owners);
}

/* Leaves alone: a decoded object has dropped what is empty. */
static void assert_same_leaves(const struct json *object, const struct places *expected)
{
    static struct places ours;
    ours = places_of(&arena, object);
    for (size_t i = 0; i < expected->n; i++)
        if (expected->v[i].leaf && strcmp(expected->v[i].text, "{}") != 0 && strcmp(expected->v[i].text, "[]") != 0) {
            const struct place *there = place_at(&ours, expected->v[i].path);
            if (!there)
                fail_msg("the object lacks %s", expected->v[i].path);
            assert_string_equal(there->text, expected->v[i].text);
        }
    for (size_t i = 0; i < ours.n; i++)
        if (ours.v[i].leaf && !place_at(expected, ours.v[i].path))
            fail_msg("the object has %s", ours.v[i].path);
}

/* ---- Steps */

static struct owners owners;
static struct places before, after;
static struct paths conflicts;

static struct json *update(struct json *old, const char *name)
{
    const struct field_manager manager = {.name = bytes_of(name), .now = 1700000000};
    struct warnings none = {0};
    struct json *object = NULL;
    assert_int_equal(
        decode_patched(&arena, &thing, random_thing(), FIELD_VALIDATION_IGNORE, &none, &object, &error), ERR_OK);
    after = places_of(&arena, object);
    bool tracked = !old || json_at(old, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE);
    if (tracked)
        reference_update(&owners, name, &before, &after);
    assert_int_equal(managed_fields_update(&arena, &thing, object, old, &manager, &error), ERR_OK);
    return object;
}

static void assert_same_conflicts(void)
{
    size_t causes = 0;
    for (const struct cause *cause = error.causes; cause; cause = cause->next, causes++) {
        char expected[2 * PATH_SIZE];
        const char *quote = strchr(text(cause->message), '"') + 1;
        (void)snprintf(expected, sizeof(expected), "%.*s%s %.*s", (int)strcspn(quote, "\""), quote,
            strstr(quote, "using") ? "*" : "", BYTES_FMT(cause->field));
        expected[PATH_SIZE - 1] = '\0';
        if (!has(&conflicts, expected))
            fail_msg("no conflict: %s", expected);
    }
    assert_int_equal(causes, conflicts.n);
}

static struct json *apply(struct json *old, const char *name)
{
    const struct field_manager manager = {.name = bytes_of(name), .now = 1700000000};
    static struct places applied, nothing;
    struct json *configuration = random_thing(), *merged = NULL;
    bool force = below(2), changed = false;
    if (old && !json_at(old, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE)) {
        owners.n = 0;
        reference_update(&owners, "before-first-apply", &nothing, &before);
    }
    applied = places_of(&arena, configuration);
    bool expected = reference_apply(&owners, name, &before, &applied, force, &after, &conflicts);
    err_t result = managed_fields_apply(&arena, &thing, old, configuration, &manager, force, &merged, &changed, &error);
    if (!expected) {
        assert_int_equal(result, ERR_CONFLICT);
        assert_same_conflicts();
        after = before;
        return NULL;
    }
    assert_int_equal(result, ERR_OK);
    assert_int_equal(changed, !old || !managed_fields_same(old, merged));
    return merged;
}

static void owners_are_the_reference_s(void **state)
{
    static const char *const names[] = {"m1", "m2", "m3"};
    size_t steps = 0, refused = 0;
    (void)state;
    for (uint32_t sequence = 1; sequence <= 300; sequence++) {
        struct json *object = NULL;
        seed = sequence;
        owners.n = before.n = 0;
        for (int step = 0; step < 12; step++, steps++) {
            const char *name = names[below(ARRAY_LEN(names))];
            bool applies = below(3) > 0;
            struct json *next = applies ? apply(object, name) : update(object, name);
            if (!next) {
                refused++;
                continue;
            }
            assert_same_leaves(next, &after);
            assert_same_owners(next, &owners);
            before = places_of(&arena, next);
            object = next;
        }
        arena_reset(&arena);
    }
    assert_int_equal(steps, 3600);
    assert_in_range(refused, 300, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(owners_are_the_reference_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
