/* SPDX-License-Identifier: Apache-2.0 */
#include "access/authorize.h"

err_t authorize(const struct attributes *attributes, struct error *error)
{
    if (attributes->anonymous || user_in_group(attributes->user, BYTES("system:masters")))
        return ERR_OK;
    return error_set(error, ERR_UNAUTHORIZED, "Unauthorized");
}
