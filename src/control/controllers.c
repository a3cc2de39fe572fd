/* SPDX-License-Identifier: Apache-2.0 */
#include "control/controllers.h"

const struct controller *const *controllers_all(size_t *ret_count)
{
    static const struct controller *const all[] = {
        &namespace_controller,
    };
    *ret_count = ARRAY_LEN(all);
    return all;
}
