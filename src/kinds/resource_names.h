/* SPDX-License-Identifier: Apache-2.0 */
/* What resources are called: of containers, of pods as a whole, of quotas. */
#ifndef COFFER_KINDS_RESOURCE_NAMES_H
#define COFFER_KINDS_RESOURCE_NAMES_H

#include "kinds/pod.h"

enum resource_use { RESOURCE_OF_ANY, RESOURCE_OF_CONTAINER, RESOURCE_OF_POD, RESOURCE_OF_QUOTA };

/* name: of the resource whose quantity stands at the field. */
void resource_name_check(const struct field *quantity, bytes name, enum resource_use);

bool resource_is_huge_pages(bytes name);
/* Whether more may be promised than there is. */
bool resource_may_overcommit(bytes name);
/* Only whole numbers of it. */
bool resource_is_counted(struct arena *, bytes name);
/* Among the names without a domain that quotas count. */
bool resource_is_quota(bytes name);

#endif
