/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities of resources: "100m", "1.5Gi", "1e3" (apimachinery's resource.Quantity): parsed exactly, written in
 * canonical form as kube-apiserver stores them, compared and added. */
#ifndef COFFER_API_QUANTITY_H
#define COFFER_API_QUANTITY_H

#include "base/arena.h"

struct quantity {
    __int128 nano; /* value times 10^9; finer digits are rounded away from zero, as upstream does */
    enum { QUANTITY_DECIMAL, QUANTITY_BINARY, QUANTITY_EXPONENT } format;
    /* As it was written, borrowed, where upstream keeps that ("1.123" stays, "1.5" becomes 1500m); else empty. Who
     * changes nano makes it BYTES_NONE. */
    bytes written;
};

/* False when malformed, or 10^28 and more: there upstream goes on, with digits nobody means. White space around is
 * skipped, as in upstream's JSON. Binary quantities above 2^63-1 become that. */
MUST_CHECK bool quantity_parse(bytes text, struct quantity *ret);
/* Upstream's sentence about a text that quantity_parse refuses; NULL when it takes it. */
const char *quantity_fault(bytes text);
/* Canonical text into the arena. p is NULL when the arena is full. */
bytes quantity_text(struct arena *, const struct quantity *);
int quantity_compare(const struct quantity *, const struct quantity *);
/* Adds to the first, which takes the other's format when it is zero. False, and nothing changed, when out of range. */
MUST_CHECK bool quantity_add(struct quantity *, const struct quantity *);

#endif
