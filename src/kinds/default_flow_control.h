/* SPDX-License-Identifier: Apache-2.0 */
/* What every cluster starts with of API priority and fairness, as Kubernetes 1.34 has it (kubernetes-api.md 8). */
#ifndef COFFER_KINDS_DEFAULT_FLOW_CONTROL_H
#define COFFER_KINDS_DEFAULT_FLOW_CONTROL_H

#include "api/kind.h"

struct default_flow_object {
    const struct kind *kind;
    const char *name;
    bool mandatory;   /* its spec is this: no other is valid, and each start makes it so */
    const char *spec; /* YAML */
};

extern const struct default_flow_object default_flow_objects[];
extern const size_t default_flow_object_count;

#endif
