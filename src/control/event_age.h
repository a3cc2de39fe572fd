/* SPDX-License-Identifier: Apache-2.0 */
/* How old an Event is. */
#ifndef COFFER_CONTROL_EVENT_AGE_H
#define COFFER_CONTROL_EVENT_AGE_H

#include "text/json.h"

/* When it was last written, in wall seconds, by what it says itself: its creation, what its reporters counted last, and
 * who changed it when. Never later than now. 0: it says nothing, and may not be judged. */
int64_t event_last_write(const struct json *event, int64_t now);

#endif
