/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of tables as a real kube-apiserver printed them (tests/golden/kinds/tables.json): pods that start, fail, wait
 * and end, and the workloads. */
#include "base/clock.h"
#include "workloads.h"

/* Ages and "3 (5m ago)": how long ago depends on when it was asked. */
static bytes timeless(bytes cell)
{
    const uint8_t *bracket = memmem(cell.p, cell.n, " (", 2);
    return bracket ? (bytes){cell.p, (size_t)(bracket - cell.p)} : cell;
}

static bool cells_alike(const struct json *ours, const struct json *theirs)
{
    if (ours->type != theirs->type)
        return false;
    if (ours->type == JSON_STRING && memmem(theirs->text.p, theirs->text.n, " ago)", 5))
        return bytes_equal(timeless(ours->text), timeless(theirs->text)) && bytes_end(ours->text, BYTES(" ago)"));
    return json_equal(ours, theirs);
}

static void check_row(unsigned place, const struct json *c)
{
    const struct kind *kind = workload_kind(tree_text(c, "kind"));
    const struct json *object = json_get(c, BYTES("object")), *row = json_get(c, BYTES("cells"));
    struct json *ours;
    struct buffer b;
    int64_t now;
    buffer_init(&b, &arena);
    buffer_text(&b, "[\"x\"");
    assert_true(clock_parse(tree_text(json_get(object, BYTES("metadata")), "creationTimestamp"), &now));
    kind->rules->cells(&arena, &b, kind, object, now);
    buffer_byte(&b, ']');
    assert_int_equal(json_parse(&arena, buffer_bytes(&b), NULL, &ours, NULL, &error), ERR_OK);
    const struct json *cell = ours->first, *theirs = row->first;
    bool same = ours->count == row->count && row->count == kind->column_count + 1;
    for (size_t i = 0; same && cell; cell = cell->next, theirs = theirs->next, i++)
        same = (i && strcmp(kind->columns[i - 1].name, "Age") == 0) ? bytes_equal(cell->text, BYTES("0s"))
                                                                    : cells_alike(cell, theirs);
    if (same)
        return;
    struct buffer should;
    buffer_init(&should, &arena);
    json_write(&should, row);
    fail_msg("row %u:\n%s\n%s", place, text(buffer_bytes(&b)), text(buffer_bytes(&should)));
}

static void rows_are_printed_as_recorded(void **state)
{
    unsigned place = 0;
    (void)state;
    for (const struct json *c = recorded("kinds/tables.json")->first; c; c = c->next)
        check_row(place++, c);
    assert_true(place > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(rows_are_printed_as_recorded)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
