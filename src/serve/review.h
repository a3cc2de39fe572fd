/* SPDX-License-Identifier: Apache-2.0 */
/* What each review answers, and what their answers share. Inside src/serve only. */
#ifndef COFFER_SERVE_REVIEW_H
#define COFFER_SERVE_REVIEW_H

#include "serve/steps.h"

/* Each makes of request.object, which was validated, what is answered with 201. They read snapshots and never wait. */
MUST_CHECK err_t review_access(struct request *); /* review_access.c */
MUST_CHECK err_t review_rules(struct request *);  /* review_rules.c */
MUST_CHECK err_t review_self(struct request *);
MUST_CHECK err_t review_token(struct request *); /* review_token.c */

/* Puts the status into request.object, in place of the client's; NULL: the arena is full. */
MUST_CHECK err_t review_set_status(struct request *, struct json *status);
/* An empty object of the kind: of some reviews upstream shows nothing that was sent. */
MUST_CHECK err_t review_begin_anew(struct request *);
/* The strings of a list, borrowed; of none when it is absent. */
MUST_CHECK err_t review_read_texts(struct request *, const struct json *list, const bytes **ret, size_t *ret_count);
/* A list of strings; a UserInfo. NULL when the arena is full. */
struct json *review_texts(struct arena *, const bytes *texts, size_t count);
struct json *review_user(struct arena *, const struct user *);

#endif
