/* SPDX-License-Identifier: Apache-2.0 */
/* Events are stored as core/v1; events.k8s.io/v1 is the same object with other names for its fields, and with rules
 * that core events are spared. */
#ifndef COFFER_KINDS_EVENT_H
#define COFFER_KINDS_EVENT_H

#include "kinds/tree.h"

enum event_field {
    EVENT_ABOUT,
    EVENT_MESSAGE,
    EVENT_SOURCE,
    EVENT_FIRST,
    EVENT_LAST,
    EVENT_COUNT,
    EVENT_REPORTER,
    EVENT_FIELDS
};

/* What a field is called in core/v1 (and in field errors), or in events.k8s.io/v1. */
const char *event_field_name(enum event_field, bool core);
/* The field of an event of either group. */
struct json *event_field(const struct json *event, enum event_field);

#endif
