/* SPDX-License-Identifier: Apache-2.0 */
/* A hierarchical timing wheel: four levels of 64 slots, a slot of level n spans 64^n ms. Setting, postponing and
 * cancelling are O(1); a postponed timer stays in its slot and is put further when the wheel comes by. Private to
 * loop.c and its test. */
#ifndef COFFER_NET_WHEEL_H
#define COFFER_NET_WHEEL_H

#include "net/loop.h"

#define WHEEL_BITS   6
#define WHEEL_SLOTS  (1u << WHEEL_BITS)
#define WHEEL_LEVELS 4

struct wheel {
    uint64_t now_ms;
    uint64_t filled[WHEEL_LEVELS]; /* a bit per slot that may hold timers */
    struct timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_set(struct wheel *, struct timer *, uint64_t due_ms);
void wheel_cancel(struct timer *);
/* Fires all that is due up to now_ms, in order of slots. */
void wheel_advance(struct wheel *, uint64_t now_ms);
/* When the wheel must be advanced next; UINT64_MAX when it is empty. */
uint64_t wheel_next(const struct wheel *);

#endif
