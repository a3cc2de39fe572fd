/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that look while one swaps: each sees a whole value, none that was let go, and never an older one. */
#include "base/published.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOOKERS 3
#define SWAPS   20000

struct value {
    struct published_value published;
    unsigned n, twice;
};

static struct value first = {.published.references = 1};
static struct published place = PUBLISHED(PUBLISHED_MOST - 1, &first.published);
static atomic_uint alive;
static atomic_bool over;

static void value_free(struct published_value *p)
{
    struct value *value = (struct value *)p;
    value->twice = value->n = 0;
    atomic_fetch_sub(&alive, 1);
    free(value);
}

static void *look(void *argument)
{
    unsigned newest = 0;
    bool *fine = argument;
    while (!atomic_load(&over)) {
        const struct value *value = (const struct value *)published_see(&place);
        *fine = *fine && value->twice == 2 * value->n && value->n >= newest;
        newest = value->n;
    }
    return NULL;
}

static void swapped_under_lookers(void **state)
{
    pthread_t threads[LOOKERS];
    bool fine[LOOKERS];
    (void)state;
    for (size_t i = 0; i < LOOKERS; i++) {
        fine[i] = true;
        assert_int_equal(pthread_create(&threads[i], NULL, look, &fine[i]), 0);
    }
    for (unsigned n = 1; n <= SWAPS; n++) {
        struct value *value = malloc(sizeof *value);
        assert_non_null(value);
        *value = (struct value){{1, value_free}, n, 2 * n};
        atomic_fetch_add(&alive, 1);
        published_swap(&place, &value->published);
        assert_int_equal(((const struct value *)published_see(&place))->n, n);
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < LOOKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(fine[i]);
    }
    assert_int_equal(atomic_load(&alive), 1); /* threads that ended hold nothing */
    published_hold(&first.published);
    published_swap(&place, &first.published);
    (void)published_see(&place);
    assert_int_equal(atomic_load(&alive), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(swapped_under_lookers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
