/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static struct row sample(void)
{
    return (struct row){
        .record = {.key = {7, BYTES("ns/name")}, .revision = 9, .created = 3, .previous = 5, .value = BYTES("value")},
        .older = 5,
        .written = 1234};
}

static void test_round_trip(void **state)
{
    (void)state;
    const struct row row = sample();
    uint8_t stored[128];
    struct row got;
    row_encode(&row, stored);
    assert_int_equal(row_size(&row.record), ROW_HEADER_SIZE + 7 + 5);
    assert_true(row_decode((bytes){stored, row_size(&row.record)}, 9, &got));
    assert_int_equal(got.record.key.kind, 7);
    assert_bytes(got.record.key.name, "ns/name");
    assert_bytes(got.record.value, "value");
    assert_int_equal(got.record.created, 3);
    assert_int_equal(got.record.previous, 5);
    assert_int_equal(got.record.revision, 9);
    assert_int_equal(got.written, 1234);
    assert_false(got.record.deleted);
}

/* The bytes of format 2, written down; without owners they are those of format 1: a change of layout needs a new
 * format. */
static void test_layout(void **state)
{
    (void)state;
    static const uint8_t want[] = {0, 0, 7, 0, 7, 0, 0, 0, 0xd2, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0,
        0, 0, 0, 0, 0, 'n', 's', '/', 'n', 'a', 'm', 'e', 'v', 'a', 'l', 'u', 'e'};
    const struct row row = sample();
    uint8_t stored[sizeof want];
    row_encode(&row, stored);
    assert_memory_equal(stored, want, sizeof want);
}

static void test_owners(void **state)
{
    (void)state;
    uint8_t owners[STORE_OWNERS_MAX], stored[128], long_uid[STORE_OWNER_MAX + 1] = "x";
    size_t n = 0;
    struct row row = sample(), got;
    bytes uid;
    assert_false(store_owners_add(owners, &n, BYTES("")));
    assert_false(store_owners_add(owners, &n, (bytes){long_uid, sizeof long_uid}));
    assert_true(store_owners_add(owners, &n, BYTES("one")));
    assert_true(store_owners_add(owners, &n, BYTES("two")));
    row.record.owners = (bytes){owners, n};
    row_encode(&row, stored);
    assert_true(row_decode((bytes){stored, row_size(&row.record)}, 9, &got));
    assert_bytes(got.record.key.name, "ns/name");
    assert_bytes(got.record.value, "value");
    struct cursor c = cursor_of(got.record.owners);
    assert_true(owners_next(&c, &uid));
    assert_bytes(uid, "one");
    assert_true(owners_next(&c, &uid));
    assert_bytes(uid, "two");
    assert_false(owners_next(&c, &uid));
    while (store_owners_add(owners, &n, (bytes){long_uid, STORE_OWNER_MAX}))
        assert_true(n <= STORE_OWNERS_MAX);
    /* A deletion has none. */
    row.record.deleted = true;
    row.record.value = BYTES_NONE;
    row_encode(&row, stored);
    assert_false(row_decode((bytes){stored, row_size(&row.record)}, 9, &got));
}

static void test_hostile(void **state)
{
    (void)state;
    struct row row = sample(), untouched = {.written = 42}, got = untouched;
    uint8_t stored[128];
    const size_t n = row_size(&row.record);
    row_encode(&row, stored);
    for (size_t cut = 0; cut < ROW_HEADER_SIZE + 7; cut++)
        assert_false(row_decode((bytes){stored, cut}, 9, &got));
    static const struct {
        size_t at;
        uint8_t byte;
    } bad[] = {
        {0, 2}, {0, 0x80}, {0, 1}, {1, 1}, {2, 0}, {4, 200}, {5, 1}, {7, 0x20}, {16, 0}, {16, 10}, {24, 9}, {24, 2}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t changed[128];
        memcpy(changed, stored, n);
        changed[bad[i].at] = bad[i].byte;
        assert_false(row_decode((bytes){changed, n}, 9, &got));
    }
    assert_false(row_decode((bytes){stored, n}, 5, &got));
    assert_memory_equal(&got, &untouched, sizeof got);
}

static void test_index(void **state)
{
    (void)state;
    uint8_t stored[INDEX_ROW_SIZE], key[INDEX_KEY_MAX];
    struct index_row got;
    struct store_key name;
    index_row_encode(&(struct index_row){9, 3, true}, stored);
    assert_true(index_row_decode((bytes){stored, sizeof stored}, &got));
    assert_true(got.deleted && got.revision == 9 && got.created == 3);
    assert_false(index_row_decode((bytes){stored, 15}, &got));
    index_row_encode(&(struct index_row){3, 9, false}, stored);
    assert_false(index_row_decode((bytes){stored, sizeof stored}, &got));
    size_t n = index_key_encode((struct store_key){0x102, BYTES("a/b")}, key);
    assert_memory_equal(key, "\1\2a/b", n);
    assert_true(index_key_decode((bytes){key, n}, &name));
    assert_int_equal(name.kind, 0x102);
    assert_false(index_key_decode((bytes){key, 1}, &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_layout),
        cmocka_unit_test(test_owners), cmocka_unit_test(test_hostile), cmocka_unit_test(test_index)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
