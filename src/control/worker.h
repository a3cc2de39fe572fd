/* SPDX-License-Identifier: Apache-2.0 */
/* One controller at work: its collections, its queue. Inside src/control only. */
#ifndef COFFER_CONTROL_WORKER_H
#define COFFER_CONTROL_WORKER_H

#include "client/local_client.h"
#include "control/control.h"

/* ret is NULL when the server has not all of its kinds. */
MUST_CHECK err_t worker_new(struct local_hub *, const struct controller *, const struct control_settings *,
    struct worker **ret, struct error *);
void worker_free(struct worker *);
/* Lists all again. */
void worker_refresh(struct worker *);
/* Does a part of what there is to do. True: there is more. Else *next_ms becomes the time of what waits, if that is
 * sooner. */
bool worker_step(struct worker *, struct arena *, uint64_t *next_ms);

#endif
