/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), bounded: a reader that walks fields, a
 * writer that appends them, and messages as tables of fields for what is fixed (etcd, KMS). Kinds are decoded by their
 * schemas instead (src/api/decode.c), with the same reader. */
#ifndef COFFER_TEXT_PROTOBUF_H
#define COFFER_TEXT_PROTOBUF_H

#include "base/arena.h"

enum protobuf_wire { PROTOBUF_VARINT = 0, PROTOBUF_FIXED64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_FIXED32 = 5 };

struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value; /* VARINT, FIXED32, FIXED64 */
    bytes content;  /* BYTES: borrowed from the input */
};

/* Takes the next field. 1: *ret is set; 0: the end; -1: malformed (overlong or truncated varint, length past the end,
 * groups, field number 0). */
MUST_CHECK int protobuf_next(struct cursor *, struct protobuf_field *ret);

void protobuf_put_varint(struct buffer *, uint32_t number, uint64_t value);
void protobuf_put_fixed64(struct buffer *, uint32_t number, uint64_t value);
void protobuf_put_bytes(struct buffer *, uint32_t number, bytes);
/* The head of a length-delimited field whose n content bytes follow. */
void protobuf_put_head(struct buffer *, uint32_t number, size_t n);
size_t protobuf_varint_size(uint64_t);
/* A nested message whose size is not known before: what is written between the two becomes the content of field
 * `number`. It is moved once, to let its head in. */
size_t protobuf_open(const struct buffer *);
void protobuf_close(struct buffer *, size_t opened, uint32_t number);

/* A message as a table. Decoding fills the struct at `offset`; unknown fields are skipped; the last of a repeated
 * scalar wins. */
enum protobuf_type {
    PROTOBUF_T_UINT64,
    PROTOBUF_T_INT64,
    PROTOBUF_T_BOOL,
    PROTOBUF_T_BYTES,
    PROTOBUF_T_STRING,
    PROTOBUF_T_MESSAGE,
    PROTOBUF_T_REPEATED_BYTES,
    PROTOBUF_T_REPEATED_MESSAGE,
    PROTOBUF_T_MAP_BYTES
};

struct protobuf_message;
struct protobuf_member {
    uint32_t number;
    enum protobuf_type type;
    uint32_t offset;                        /* of the member in the C struct; see protobuf_list for repeated ones */
    const struct protobuf_message *message; /* MESSAGE, REPEATED_MESSAGE */
};
struct protobuf_message {
    size_t size; /* of the C struct */
    const struct protobuf_member *members;
    size_t member_count;
};
/* C type of repeated members: items are bytes, or structs of the message; maps are bytes pairs (key, value). */
struct protobuf_list {
    void *items;
    size_t count;
};
struct protobuf_pair {
    bytes key, value;
};

/* C types: uint64_t, int64_t, bool, bytes (BYTES, STRING: strict UTF-8), struct * (MESSAGE: NULL when absent), struct
 * protobuf_list. At most 32 levels and 65,536 items of a list. ERR_CORRUPT without content in the sentence. */
MUST_CHECK err_t protobuf_decode(struct arena *, bytes in, const struct protobuf_message *, void *ret, struct error *);
/* Writes members that are not zero, empty or NULL, in table order. */
void protobuf_encode(struct buffer *, const struct protobuf_message *, const void *from);

#endif
