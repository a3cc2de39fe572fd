/* SPDX-License-Identifier: Apache-2.0 */
/* The reader always moves on or stops; what decodes by a table is the same after encoding and decoding again. */
#include "text/protobuf.h"

#include <stdlib.h>

struct node {
    uint64_t number;
    int64_t whole;
    bool truth;
    bytes raw, text;
    struct node *child;
    struct protobuf_list names, children, labels;
};
static const struct protobuf_message message;
static const struct protobuf_member members[] = {
    {1, PROTOBUF_T_UINT64, offsetof(struct node, number), NULL},
    {2, PROTOBUF_T_INT64, offsetof(struct node, whole), NULL},
    {3, PROTOBUF_T_BOOL, offsetof(struct node, truth), NULL},
    {4, PROTOBUF_T_BYTES, offsetof(struct node, raw), NULL},
    {5, PROTOBUF_T_STRING, offsetof(struct node, text), NULL},
    {6, PROTOBUF_T_MESSAGE, offsetof(struct node, child), &message},
    {7, PROTOBUF_T_REPEATED_BYTES, offsetof(struct node, names), NULL},
    {8, PROTOBUF_T_REPEATED_MESSAGE, offsetof(struct node, children), &message},
    {9, PROTOBUF_T_MAP_BYTES, offsetof(struct node, labels), NULL},
};
static const struct protobuf_message message = {sizeof(struct node), members, ARRAY_LEN(members)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = {data, size};
    struct protobuf_field field;
    struct arena arena;
    struct node node, again;
    size_t left = size;
    int more;
    while ((more = protobuf_next(&c, &field)) > 0) {
        if (c.left >= left || field.content.n > size)
            abort();
        left = c.left;
    }
    arena_init(&arena, 1UL << 26);
    err_t code = protobuf_decode(&arena, (bytes){data, size}, &message, &node, NULL);
    if (code == ERR_OK && more < 0)
        abort();
    if (code == ERR_OK) {
        struct buffer out, out_again;
        buffer_init(&out, &arena);
        protobuf_encode(&out, &message, &node);
        if (!out.failed) {
            if (protobuf_decode(&arena, buffer_bytes(&out), &message, &again, NULL) != ERR_OK)
                abort();
            buffer_init(&out_again, &arena);
            protobuf_encode(&out_again, &message, &again);
            if (!out_again.failed && !bytes_equal(buffer_bytes(&out), buffer_bytes(&out_again)))
                abort();
        }
    }
    arena_reset(&arena);
    return 0;
}
