/* SPDX-License-Identifier: Apache-2.0 */
/* Maps that share, against plain arrays: every version stays what it was. */
#include "base/persistent_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS     300
#define VERSIONS 64
#define STEPS    20000

struct number {
    struct persistent_value value;
    unsigned n;
};

static unsigned alive;

static void number_free(struct persistent_value *value)
{
    alive--;
    free(value);
}

static struct persistent_value *number_new(unsigned n)
{
    struct number *number = malloc(sizeof *number);
    assert_non_null(number);
    *number = (struct number){{1, number_free}, n};
    alive++;
    return &number->value;
}

struct version {
    const struct persistent_map *map;
    unsigned values[KEYS]; /* 0: not there */
};

static bytes key_of(unsigned i, char buffer[16])
{
    return (bytes){(const uint8_t *)buffer, (size_t)snprintf(buffer, 16, "%.*s%u", (int)(i % 9), "namespace", i)};
}

static void check(const struct version *v)
{
    struct persistent_cursor cursor;
    const struct persistent_value *value;
    char text[16];
    size_t count = 0, seen = 0;
    bytes key;
    for (unsigned i = 0; i < KEYS; i++) {
        const struct number *found = (const struct number *)persistent_map_get(v->map, key_of(i, text));
        count += v->values[i] > 0;
        assert_int_equal(found ? found->n : 0, v->values[i]);
    }
    assert_int_equal(persistent_map_count(v->map), count);
    persistent_map_begin(v->map, &cursor);
    while (persistent_map_next(&cursor, &key, &value)) {
        assert_ptr_equal(persistent_map_get(v->map, key), value);
        seen++;
    }
    assert_int_equal(seen, count);
}

static void versions_stay(void **state)
{
    static struct version versions[VERSIONS];
    unsigned seed = 7;
    (void)state;
    for (unsigned step = 1; step <= STEPS; step++) {
        const struct version *from = &versions[(unsigned)rand_r(&seed) % VERSIONS];
        struct version *to = &versions[(unsigned)rand_r(&seed) % VERSIONS], next = *from;
        unsigned i = (unsigned)rand_r(&seed) % KEYS;
        char text[16];
        next.values[i] = rand_r(&seed) % 3 ? step : 0;
        if (next.values[i])
            assert_true(persistent_map_put(from->map, key_of(i, text), number_new(step), &next.map));
        else
            assert_true(persistent_map_remove(from->map, key_of(i, text), &next.map));
        persistent_map_release(to->map);
        *to = next;
        if (step % 100 == 0)
            check(&versions[(unsigned)rand_r(&seed) % VERSIONS]);
    }
    for (size_t i = 0; i < VERSIONS; i++) {
        check(&versions[i]);
        persistent_map_release(versions[i].map);
    }
    assert_int_equal(alive, 0);
}

static void empty_and_odd_keys(void **state)
{
    const struct persistent_map *one, *two, *none;
    (void)state;
    assert_null(persistent_map_get(NULL, BYTES("a")));
    assert_int_equal(persistent_map_count(NULL), 0);
    assert_true(persistent_map_remove(NULL, BYTES("a"), &none));
    assert_null(none);
    assert_true(persistent_map_put(NULL, BYTES_NONE, number_new(1), &one));
    assert_non_null(persistent_map_get(one, BYTES("")));
    assert_null(persistent_map_get(one, BYTES("\0")));
    assert_true(persistent_map_put(one, BYTES("\0"), number_new(2), &two));
    assert_int_equal(persistent_map_count(two), 2);
    assert_int_equal(((const struct number *)persistent_map_get(two, BYTES("\0")))->n, 2);
    persistent_map_release(one);
    assert_true(persistent_map_remove(two, BYTES_NONE, &one));
    persistent_map_release(two);
    assert_true(persistent_map_remove(one, BYTES("\0"), &none));
    assert_null(none);
    persistent_map_release(one);
    assert_int_equal(alive, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions_stay), cmocka_unit_test(empty_and_odd_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
