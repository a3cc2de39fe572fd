/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wheel.h"

#define SPAN_MAX ((uint64_t)1 << (WHEEL_BITS * WHEEL_LEVELS))

static unsigned slot_of(uint64_t ms, unsigned level)
{
    return (unsigned)(ms >> (WHEEL_BITS * level)) & (WHEEL_SLOTS - 1);
}

static void insert(struct wheel *w, struct timer *t, uint64_t visit_ms)
{
    uint64_t ahead = visit_ms - w->now_ms;
    if (ahead >= SPAN_MAX)
        ahead = SPAN_MAX - 1, visit_ms = w->now_ms + ahead;
    unsigned level = 0;
    while (ahead >> (WHEEL_BITS * (level + 1)))
        level++;
    unsigned slot = slot_of(visit_ms, level);
    struct timer **head = &w->slots[level][slot];
    t->visit_ms = visit_ms;
    t->next = *head;
    t->link = head;
    if (t->next)
        t->next->link = &t->next;
    *head = t;
    w->filled[level] |= (uint64_t)1 << slot;
}

void wheel_cancel(struct timer *t)
{
    if (!t->link)
        return;
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->next = NULL;
    t->link = NULL;
}

void wheel_set(struct wheel *w, struct timer *t, uint64_t due_ms)
{
    t->due_ms = due_ms > w->now_ms ? due_ms : w->now_ms + 1;
    if (t->link && t->due_ms >= t->visit_ms)
        return;
    wheel_cancel(t);
    insert(w, t, t->due_ms);
}

uint64_t wheel_next(const struct wheel *w)
{
    uint64_t next = UINT64_MAX;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t bits = w->filled[level];
        if (!bits)
            continue;
        unsigned shift = WHEEL_BITS * level;
        /* Bit 0 becomes the slot after the present one; the present one itself comes round last. */
        unsigned from = (slot_of(w->now_ms, level) + 1) & (WHEEL_SLOTS - 1);
        uint64_t turned = from ? bits >> from | bits << (WHEEL_SLOTS - from) : bits;
        uint64_t at = ((w->now_ms >> shift) + 1 + (unsigned)__builtin_ctzll(turned)) << shift;
        next = at < next ? at : next;
    }
    return next;
}

static void visit(struct wheel *w, unsigned level)
{
    unsigned slot = slot_of(w->now_ms, level);
    struct timer *list = w->slots[level][slot];
    w->slots[level][slot] = NULL;
    w->filled[level] &= ~((uint64_t)1 << slot);
    if (list)
        list->link = &list;
    while (list) {
        struct timer *t = list;
        wheel_cancel(t);
        if (level > 0 || t->due_ms > w->now_ms)
            insert(w, t, t->due_ms);
        else
            t->fire(t);
    }
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
    for (uint64_t at; (at = wheel_next(w)) <= now_ms;) {
        w->now_ms = at;
        for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--)
            if ((at & (((uint64_t)1 << (WHEEL_BITS * level)) - 1)) == 0)
                visit(w, level);
        visit(w, 0);
    }
    if (now_ms > w->now_ms)
        w->now_ms = now_ms;
}
