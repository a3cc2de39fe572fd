/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/cells.h"
#include "kinds/kinds.h"

static void service_account_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)arena, (void)kind;
    put_count_cell(b, json_get(object, BYTES("secrets")));
    put_age_cell(b, object, now);
}

const struct kind_rules service_account_rules = {.cells = service_account_cells};
