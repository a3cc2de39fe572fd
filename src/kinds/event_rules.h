/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of events: of core/v1, and the stricter ones of events.k8s.io/v1. As kind_rules has them. */
#ifndef COFFER_KINDS_EVENT_RULES_H
#define COFFER_KINDS_EVENT_RULES_H

#include "kinds/check_table.h"

void event_validate(struct arena *, const struct kind *, enum subresource, const struct json *object,
    const struct json *old, struct error *);
void events_event_validate(struct arena *, const struct kind *, enum subresource, const struct json *object,
    const struct json *old, struct error *);

#endif
