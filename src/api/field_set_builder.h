/* SPDX-License-Identifier: Apache-2.0 */
/* Grows one level of a set. Nodes come in order. Only src/api/field_set*.c include this. */
#ifndef COFFER_API_FIELD_SET_BUILDER_H
#define COFFER_API_FIELD_SET_BUILDER_H

#include "api/field_set.h"

struct field_set_builder {
    struct arena *arena; /* its failed tells whether something is missing */
    struct field_node *nodes;
    size_t count, capacity;
};

/* Adds a node; one that is neither a member nor has children is no node. */
void field_set_put(struct field_set_builder *, const struct field_element *, bool member, const struct field_set *);
/* A builder with room for count nodes at once. */
struct field_set_builder field_set_builder_for(struct arena *, size_t count);
/* NULL when empty or the arena is full. */
const struct field_set *field_set_built(const struct field_set_builder *);

/* Orders count items of that size, each with a struct field_element first; stable. False when the arena is full. */
MUST_CHECK bool field_elements_sort(struct arena *, void *items, size_t count, size_t size);

#endif
