/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/kinds.h"

void kinds_register_all(void)
{
    kinds_register(builtin_kinds, builtin_kind_count);
}
