/* SPDX-License-Identifier: Apache-2.0 */
#include "store/row.h"

#define DELETED_BIT (1ull << 63)
#define OWNED_BIT   (1ull << 62)

struct header {
    uint8_t flags, zero;
    uint16_t kind, key_size, owners_size;
    int64_t written;
    uint64_t created, older;
};
_Static_assert(sizeof(struct header) == ROW_HEADER_SIZE, "the header has no padding");

bool store_owners_add(uint8_t to[STORE_OWNERS_MAX], size_t *n, bytes uid)
{
    if (uid.n == 0 || uid.n > STORE_OWNER_MAX || *n + 1 + uid.n > STORE_OWNERS_MAX)
        return false;
    to[(*n)++] = (uint8_t)uid.n;
    memcpy(to + *n, uid.p, uid.n);
    *n += uid.n;
    return true;
}

bool owners_next(struct cursor *c, bytes *ret_uid)
{
    uint64_t n;
    return c->left && cursor_uint(c, 1, &n) && n > 0 && cursor_take(c, (size_t)n, ret_uid);
}

void row_encode(const struct row *row, uint8_t *to)
{
    const struct record *r = &row->record;
    const struct header header = {.flags = r->deleted,
        .kind = r->key.kind,
        .key_size = (uint16_t)r->key.name.n,
        .owners_size = (uint16_t)r->owners.n,
        .written = row->written,
        .created = r->created,
        .older = row->older};
    memcpy(to, &header, sizeof header);
    to += sizeof header;
    if (r->key.name.n)
        memcpy(to, r->key.name.p, r->key.name.n);
    to += r->key.name.n;
    if (r->owners.n)
        memcpy(to, r->owners.p, r->owners.n);
    to += r->owners.n;
    if (r->value.n)
        memcpy(to, r->value.p, r->value.n);
}

/* What every row keeps: an object begins with a row of its own, which is no deletion; later rows know an older one. */
static bool history_sound(const struct header *h, uint64_t revision, size_t value_size)
{
    if (h->created == 0 || h->created > revision || h->older >= revision)
        return false;
    if (h->created == revision)
        return !h->flags;
    return h->older >= h->created && (!h->flags || value_size == 0);
}

bool row_decode(bytes stored, uint64_t revision, struct row *ret)
{
    struct cursor c = cursor_of(stored);
    struct header h;
    bytes head, name, owners;
    if (!cursor_take(&c, sizeof h, &head))
        return false;
    memcpy(&h, head.p, sizeof h);
    if (h.flags > 1 || h.zero || h.key_size > STORE_KEY_MAX || h.owners_size > STORE_OWNERS_MAX ||
        !cursor_take(&c, h.key_size, &name) || !cursor_take(&c, h.owners_size, &owners))
        return false;
    if ((h.flags && h.owners_size) || h.kind == 0 || c.left > STORE_VALUE_MAX || !history_sound(&h, revision, c.left))
        return false;
    *ret = (struct row){.record = {.key = {h.kind, name},
                            .revision = revision,
                            .created = h.created,
                            .previous = h.created == revision ? 0 : h.older,
                            .deleted = h.flags,
                            .owners = owners,
                            .value = {c.p, c.left}},
        .older = h.older,
        .written = h.written};
    return true;
}

void index_row_encode(const struct index_row *row, uint8_t to[INDEX_ROW_SIZE])
{
    const uint64_t words[2] = {
        row->revision, row->created | (row->deleted ? DELETED_BIT : 0) | (row->owned ? OWNED_BIT : 0)};
    memcpy(to, words, sizeof words);
}

bool index_row_decode(bytes stored, struct index_row *ret)
{
    uint64_t words[2];
    if (stored.n != sizeof words)
        return false;
    memcpy(words, stored.p, sizeof words);
    const uint64_t created = words[1] & ~(DELETED_BIT | OWNED_BIT);
    if (created == 0 || created > words[0])
        return false;
    *ret = (struct index_row){words[0], created, words[1] & DELETED_BIT, words[1] & OWNED_BIT};
    return true;
}

size_t index_key_encode(struct store_key key, uint8_t to[INDEX_KEY_MAX])
{
    to[0] = (uint8_t)(key.kind >> 8);
    to[1] = (uint8_t)key.kind;
    if (key.name.n)
        memcpy(to + 2, key.name.p, key.name.n);
    return 2 + key.name.n;
}

bool index_key_decode(bytes stored, struct store_key *ret)
{
    struct cursor c = cursor_of(stored);
    uint64_t kind;
    if (!cursor_uint(&c, 2, &kind) || c.left > STORE_KEY_MAX)
        return false;
    *ret = (struct store_key){(uint16_t)kind, {c.p, c.left}};
    return true;
}
