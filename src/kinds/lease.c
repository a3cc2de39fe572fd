/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/field.h"
#include "kinds/kinds.h"

/* Of coordinated leader election, a feature that is off: upstream drops what was not there before. */
static err_t lease_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec"));
    const struct json *before = json_get(old, BYTES("spec"));
    (void)arena, (void)kind, (void)subresource, (void)error;
    if (json_get(before, BYTES("strategy")) || json_get(before, BYTES("preferredHolder")))
        return ERR_OK;
    json_remove(spec, BYTES("strategy"));
    json_remove(spec, BYTES("preferredHolder"));
    return ERR_OK;
}

static void lease_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    (void)kind, (void)subresource, (void)old;
    if (field_integer(FIELD(&spec, "leaseDurationSeconds"), 1) <= 0)
        field_invalid(FIELD(&spec, "leaseDurationSeconds"), "must be greater than 0");
    check_not_negative(FIELD(&spec, "leaseTransitions"));
}

const struct kind_rules lease_rules = {.prepare = lease_prepare, .validate = lease_validate};
