/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities of resources: "100m", "1.5Gi", "1e3" (apimachinery's resource.Quantity): parsed exactly, written in
 * canonical form as kube-apiserver stores them, compared and added. */
#ifndef COFFER_API_QUANTITY_H
#define COFFER_API_QUANTITY_H

#include "base/arena.h"

struct quantity {
    __int128 nano; /* value times 10^9; finer digits are rounded up, as upstream does */
    enum { QUANTITY_DECIMAL, QUANTITY_BINARY, QUANTITY_EXPONENT } format;
};

/* False when malformed or out of range. */
MUST_CHECK bool quantity_parse(bytes text, struct quantity *ret);
/* Canonical text into the arena. p is NULL when the arena is full. */
bytes quantity_text(struct arena *, const struct quantity *);
int quantity_compare(const struct quantity *, const struct quantity *);

#endif
