/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of answers in the form and encoding that the client asked for. Inside src/serve only. */
#ifndef COFFER_SERVE_FORM_H
#define COFFER_SERVE_FORM_H

#include "serve/request.h"

/* One object as the request's presentation has it: text is canonical. revision 0: without one; REVISION_UNKNOWN: to be
 * set by form_set_revision. */
MUST_CHECK err_t form_object(struct request *, bytes text, uint64_t revision, bytes *ret);
/* A document in canonical JSON, a newline at its end, in the presentation's encoding. */
MUST_CHECK err_t form_document(
    struct request *, const struct presentation *, const struct schema *, bytes json, bytes *ret);
/* Puts the revision where form_object left room for it, in the same memory. */
bytes form_set_revision(const struct request *, bytes body, uint64_t revision);

#endif
