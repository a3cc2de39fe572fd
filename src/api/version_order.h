/* SPDX-License-Identifier: Apache-2.0 */
/* Which version of a group is preferred: v2, v1, v1beta2, v1beta1, v1alpha1, then others by name. */
#ifndef COFFER_API_VERSION_ORDER_H
#define COFFER_API_VERSION_ORDER_H

/* Below 0: a comes before b. */
int version_order(const char *a, const char *b);

#endif
