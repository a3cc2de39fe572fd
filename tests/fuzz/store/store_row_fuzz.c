/* SPDX-License-Identifier: Apache-2.0 */
/* Stored rows: whatever decodes lies within its bytes, keeps what rows keep, and encodes to the same bytes. */
#include "store/row.h"

#include <stdlib.h>

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static void log_row(bytes stored, uint64_t revision)
{
    struct row row;
    if (!row_decode(stored, revision, &row))
        return;
    const struct record *r = &row.record;
    REQUIRE(row_size(r) == stored.n);
    REQUIRE(r->key.kind && r->key.name.n <= STORE_KEY_MAX && r->value.n <= STORE_VALUE_MAX);
    REQUIRE(r->revision == revision && r->created && r->created <= revision && row.older < revision);
    REQUIRE(!r->deleted || (r->value.n == 0 && r->created < revision));
    uint8_t *copy = malloc(stored.n);
    if (!copy)
        return;
    row_encode(&row, copy);
    REQUIRE(memcmp(copy, stored.p, stored.n) == 0);
    free(copy);
}

static void index_row(bytes stored)
{
    struct index_row row;
    struct store_key key;
    uint8_t copy[INDEX_KEY_MAX];
    if (index_row_decode(stored, &row)) {
        index_row_encode(&row, copy);
        REQUIRE(memcmp(copy, stored.p, stored.n) == 0);
    }
    if (index_key_decode(stored, &key)) {
        REQUIRE(index_key_encode(key, copy) == stored.n);
        REQUIRE(memcmp(copy, stored.p, stored.n) == 0);
    }
}

/* The first eight bytes are the revision, as the key of the log is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = {data, size};
    uint64_t revision;
    bytes key;
    index_row((bytes){data, size});
    if (!cursor_take(&c, sizeof revision, &key))
        return 0;
    memcpy(&revision, key.p, sizeof revision);
    log_row((bytes){c.p, c.left}, revision);
    return 0;
}
