/* SPDX-License-Identifier: Apache-2.0 */
/* Stored rows: format 2. Integers lie in the machine's byte order, as in LMDB's own pages.
 *
 *   log     key: revision u64          0 flags u8 (1: deletion)   1 zero u8         2 kind u16
 *                                      4 key length u16           6 owners length u16
 *                                      8 written, seconds i64    16 created u64    24 older u64
 *                                     32 key .. owners .. value, to the end of the row
 *   index   key: kind u16 (big-endian), name      0 newest revision u64
 *                                                 8 created u64, top bit: deletion, the next: the row has owners
 *   owners  key: uid                              kind u16 (big-endian), name; one for each object
 *
 * Format 1 had no owners: its rows are read as they are.
 *
 * `older` is the key's row before this one, also across a deletion; 0: there was none. */
#ifndef COFFER_STORE_ROW_H
#define COFFER_STORE_ROW_H

#include "store/store.h"

enum { ROW_FORMAT = 2, ROW_HEADER_SIZE = 32, INDEX_ROW_SIZE = 16, INDEX_KEY_MAX = 2 + STORE_KEY_MAX };

struct row {
    struct record record;
    uint64_t older;
    int64_t written;
};

struct index_row {
    uint64_t revision;
    uint64_t created;
    bool deleted, owned; /* owned: the row has owners */
};

static inline size_t row_size(const struct record *record)
{
    return ROW_HEADER_SIZE + record->key.name.n + record->owners.n + record->value.n;
}

/* The next of a row's owners; false at the end, and when they are malformed. */
MUST_CHECK bool owners_next(struct cursor *, bytes *ret_uid);

/* Writes row_size bytes. */
void row_encode(const struct row *, uint8_t *to);

/* False when these are not the bytes of a row of this revision; then *ret is untouched. Key and value point into
 * stored. */
MUST_CHECK bool row_decode(bytes stored, uint64_t revision, struct row *ret);

void index_row_encode(const struct index_row *, uint8_t to[INDEX_ROW_SIZE]);
MUST_CHECK bool index_row_decode(bytes stored, struct index_row *ret);

/* Returns the length. The name must not be over STORE_KEY_MAX. */
size_t index_key_encode(struct store_key, uint8_t to[INDEX_KEY_MAX]);
MUST_CHECK bool index_key_decode(bytes stored, struct store_key *ret);

#endif
