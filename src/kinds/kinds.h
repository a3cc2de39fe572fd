/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that this server knows: a schema each, which says all of struct kind (pod_kind), and where that is not
 * enough rules (pod_rules), named in the schema. */
#ifndef COFFER_KINDS_KINDS_H
#define COFFER_KINDS_KINDS_H

#include "api/builtin_kinds.h"
#include "api/present.h"

/* Registers them all. Main calls it before anything else. */
void kinds_register_all(void);

#endif
