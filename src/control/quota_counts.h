/* SPDX-License-Identifier: Apache-2.0 */
/* Which objects a name in a ResourceQuota's spec.hard counts. */
#ifndef COFFER_CONTROL_QUOTA_COUNTS_H
#define COFFER_CONTROL_QUOTA_COUNTS_H

#include "api/kind.h"

struct quota_count {
    const struct kind *kind; /* NULL: it counts no objects of this server */
    bool alive_only;         /* pods that are neither Succeeded nor Failed */
};

/* "secrets", "pods", "count/deployments.apps". */
struct quota_count quota_count_find(const struct registry *, bytes name);

#endif
