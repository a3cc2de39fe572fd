/* SPDX-License-Identifier: Apache-2.0 */
#include "text/protobuf.h"

#include "text/utf8.h"

#define NUMBER_MOST ((1U << 29) - 1)
#define DEPTH_MOST  32
#define ITEMS_MOST  65536

/* Seven bits a byte, the least first. Ten bytes at most, the tenth at most 1; a last byte of 0 is a longer form of the
 * same. */
static bool take_varint(struct cursor *c, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < c->left; i++) {
        uint8_t byte = c->p[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if ((i == 9 && byte > 1) || (i > 0 && byte == 0))
            return false;
        c->p += i + 1, c->left -= i + 1;
        *ret = value;
        return true;
    }
    return false;
}

static bool take_fixed(struct cursor *c, size_t size, uint64_t *ret)
{
    bytes b;
    uint64_t value = 0;
    if (!cursor_take(c, size, &b))
        return false;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | b.p[i];
    *ret = value;
    return true;
}

static bool take_content(struct cursor *c, struct protobuf_field *field)
{
    uint64_t n = 0;
    switch (field->wire) {
    case PROTOBUF_VARINT:
        return take_varint(c, &field->value);
    case PROTOBUF_FIXED64:
        return take_fixed(c, 8, &field->value);
    case PROTOBUF_FIXED32:
        return take_fixed(c, 4, &field->value);
    case PROTOBUF_BYTES:
        return take_varint(c, &n) && cursor_take(c, n, &field->content);
    }
    return false;
}

int protobuf_next(struct cursor *c, struct protobuf_field *ret)
{
    struct cursor ahead = *c;
    struct protobuf_field field = {0};
    uint64_t tag;
    if (c->left == 0)
        return 0;
    if (!take_varint(&ahead, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MOST)
        return -1;
    field.number = (uint32_t)(tag >> 3);
    field.wire = (enum protobuf_wire)(tag & 7);
    if (!take_content(&ahead, &field))
        return -1;
    *c = ahead;
    *ret = field;
    return 1;
}

size_t protobuf_varint_size(uint64_t value)
{
    size_t n = 1;
    for (; value >= 0x80; value >>= 7)
        n++;
    return n;
}

static void put_varint(struct buffer *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buffer_byte(out, (uint8_t)(value | 0x80));
    buffer_byte(out, (uint8_t)value);
}

void protobuf_put_varint(struct buffer *out, uint32_t number, uint64_t value)
{
    put_varint(out, (uint64_t)number << 3 | PROTOBUF_VARINT);
    put_varint(out, value);
}

void protobuf_put_fixed64(struct buffer *out, uint32_t number, uint64_t value)
{
    put_varint(out, (uint64_t)number << 3 | PROTOBUF_FIXED64);
    for (unsigned i = 0; i < 8; i++)
        buffer_byte(out, (uint8_t)(value >> (8 * i)));
}

void protobuf_put_head(struct buffer *out, uint32_t number, size_t n)
{
    put_varint(out, (uint64_t)number << 3 | PROTOBUF_BYTES);
    put_varint(out, n);
}

void protobuf_put_bytes(struct buffer *out, uint32_t number, bytes content)
{
    protobuf_put_head(out, number, content.n);
    buffer_put(out, content);
}

size_t protobuf_open(const struct buffer *out)
{
    return out->n;
}

void protobuf_close(struct buffer *out, size_t opened, uint32_t number)
{
    size_t n = out->n - opened, head = protobuf_varint_size((uint64_t)number << 3) + protobuf_varint_size(n);
    if (!buffer_reserve(out, head))
        return;
    memmove(out->p + opened + head, out->p + opened, n);
    out->n = opened;
    protobuf_put_head(out, number, n);
    out->n += n;
}

struct decoder {
    struct arena *arena;
    struct error *error;
    unsigned depth;
};

static err_t malformed(struct decoder *d)
{
    return error_set(d->error, ERR_CORRUPT, "malformed protocol buffer");
}

static err_t no_memory(struct decoder *d)
{
    return arena_error(d->arena, d->error);
}

static err_t decode_message(struct decoder *, bytes in, const struct protobuf_message *, void *ret);

/* Whether the wire type is the one that the member's type is written with. */
static bool wire_fits(enum protobuf_type type, enum protobuf_wire wire)
{
    bool varint = type == PROTOBUF_T_UINT64 || type == PROTOBUF_T_INT64 || type == PROTOBUF_T_BOOL;
    return wire == (varint ? PROTOBUF_VARINT : PROTOBUF_BYTES);
}

static size_t item_size(const struct protobuf_member *member)
{
    switch (member->type) {
    case PROTOBUF_T_REPEATED_BYTES:
        return sizeof(bytes);
    case PROTOBUF_T_MAP_BYTES:
        return sizeof(struct protobuf_pair);
    case PROTOBUF_T_REPEATED_MESSAGE:
        return member->message->size;
    default:
        return 0;
    }
}

/* Lists are counted first, so that each takes one piece of the arena. */
static err_t allocate_lists(struct decoder *d, bytes in, const struct protobuf_message *message, uint8_t *ret)
{
    for (const struct protobuf_member *m = message->members; m < message->members + message->member_count; m++) {
        struct cursor c = cursor_of(in);
        struct protobuf_field field;
        size_t count = 0, size = item_size(m);
        int more;
        if (size == 0)
            continue;
        while ((more = protobuf_next(&c, &field)) > 0)
            count += field.number == m->number;
        if (more < 0)
            return malformed(d);
        if (count > ITEMS_MOST)
            return error_set(d->error, ERR_CORRUPT, "a list in a protocol buffer has over %d items", ITEMS_MOST);
        struct protobuf_list *list = (struct protobuf_list *)(void *)(ret + m->offset);
        list->items = count ? arena_zero(d->arena, count * size) : NULL;
        if (count && !list->items)
            return no_memory(d);
    }
    return ERR_OK;
}

static const struct protobuf_member pair_members[] = {
    {1, PROTOBUF_T_BYTES, offsetof(struct protobuf_pair, key), NULL},
    {2, PROTOBUF_T_BYTES, offsetof(struct protobuf_pair, value), NULL},
};
static const struct protobuf_message pair_message = {
    sizeof(struct protobuf_pair), pair_members, ARRAY_LEN(pair_members)};

/* A message that comes again replaces the one before: messages of one writer don't come in parts. */
static err_t decode_pointer(struct decoder *d, bytes in, const struct protobuf_message *message, void **ret)
{
    void *value = arena_zero(d->arena, message->size);
    if (!value)
        return no_memory(d);
    TRY(decode_message(d, in, message, value));
    *ret = value;
    return ERR_OK;
}

static err_t decode_member(
    struct decoder *d, const struct protobuf_field *field, const struct protobuf_member *m, void *to)
{
    struct protobuf_list *list = to;
    if (!wire_fits(m->type, field->wire))
        return malformed(d);
    switch (m->type) {
    case PROTOBUF_T_UINT64:
        *(uint64_t *)to = field->value;
        return ERR_OK;
    case PROTOBUF_T_INT64:
        *(int64_t *)to = (int64_t)field->value;
        return ERR_OK;
    case PROTOBUF_T_BOOL:
        *(bool *)to = field->value != 0;
        return ERR_OK;
    case PROTOBUF_T_STRING:
        if (!utf8_valid(field->content))
            return error_set(d->error, ERR_CORRUPT, "a string in a protocol buffer is not UTF-8");
        *(bytes *)to = field->content;
        return ERR_OK;
    case PROTOBUF_T_BYTES:
        *(bytes *)to = field->content;
        return ERR_OK;
    case PROTOBUF_T_MESSAGE:
        return decode_pointer(d, field->content, m->message, to);
    case PROTOBUF_T_REPEATED_BYTES:
        ((bytes *)list->items)[list->count++] = field->content;
        return ERR_OK;
    case PROTOBUF_T_REPEATED_MESSAGE:
        return decode_message(d, field->content, m->message, (uint8_t *)list->items + list->count++ * m->message->size);
    case PROTOBUF_T_MAP_BYTES:
        return decode_message(d, field->content, &pair_message, (struct protobuf_pair *)list->items + list->count++);
    }
    return malformed(d);
}

static const struct protobuf_member *find_member(const struct protobuf_message *message, uint32_t number)
{
    for (size_t i = 0; i < message->member_count; i++)
        if (message->members[i].number == number)
            return &message->members[i];
    return NULL;
}

static err_t decode_message(struct decoder *d, bytes in, const struct protobuf_message *message, void *ret)
{
    struct cursor c = cursor_of(in);
    struct protobuf_field field;
    int more;
    if (d->depth == DEPTH_MOST)
        return error_set(d->error, ERR_CORRUPT, "a protocol buffer is nested deeper than %d levels", DEPTH_MOST);
    TRY(allocate_lists(d, in, message, ret));
    d->depth++;
    while ((more = protobuf_next(&c, &field)) > 0) {
        const struct protobuf_member *m = find_member(message, field.number);
        if (m)
            TRY(decode_member(d, &field, m, (uint8_t *)ret + m->offset));
    }
    d->depth--;
    return more < 0 ? malformed(d) : ERR_OK;
}

err_t protobuf_decode(
    struct arena *arena, bytes in, const struct protobuf_message *message, void *ret, struct error *error)
{
    struct decoder d = {arena, error, 0};
    void *decoded = arena_zero(arena, message->size);
    if (!decoded)
        return no_memory(&d);
    TRY(decode_message(&d, in, message, decoded));
    memcpy(ret, decoded, message->size);
    return ERR_OK;
}

static void encode_nested(struct buffer *out, uint32_t number, const struct protobuf_message *message, const void *from)
{
    size_t opened = protobuf_open(out);
    protobuf_encode(out, message, from);
    protobuf_close(out, opened, number);
}

static void encode_list(struct buffer *out, const struct protobuf_member *m, const struct protobuf_list *list)
{
    size_t size = item_size(m);
    const struct protobuf_message *message = m->type == PROTOBUF_T_MAP_BYTES ? &pair_message : m->message;
    for (size_t i = 0; i < list->count && !out->failed; i++) {
        const uint8_t *item = (const uint8_t *)list->items + i * size;
        if (m->type == PROTOBUF_T_REPEATED_BYTES)
            protobuf_put_bytes(out, m->number, *(const bytes *)(const void *)item);
        else
            encode_nested(out, m->number, message, item);
    }
}

static void encode_member(struct buffer *out, const struct protobuf_member *m, const void *from)
{
    switch (m->type) {
    case PROTOBUF_T_UINT64:
    case PROTOBUF_T_INT64:
        if (*(const uint64_t *)from)
            protobuf_put_varint(out, m->number, *(const uint64_t *)from);
        return;
    case PROTOBUF_T_BOOL:
        if (*(const bool *)from)
            protobuf_put_varint(out, m->number, 1);
        return;
    case PROTOBUF_T_BYTES:
    case PROTOBUF_T_STRING:
        if (((const bytes *)from)->n)
            protobuf_put_bytes(out, m->number, *(const bytes *)from);
        return;
    case PROTOBUF_T_MESSAGE:
        if (*(const void *const *)from)
            encode_nested(out, m->number, m->message, *(const void *const *)from);
        return;
    case PROTOBUF_T_REPEATED_BYTES:
    case PROTOBUF_T_REPEATED_MESSAGE:
    case PROTOBUF_T_MAP_BYTES:
        encode_list(out, m, from);
    }
}

void protobuf_encode(struct buffer *out, const struct protobuf_message *message, const void *from)
{
    for (size_t i = 0; i < message->member_count; i++)
        encode_member(out, &message->members[i], (const uint8_t *)from + message->members[i].offset);
}
