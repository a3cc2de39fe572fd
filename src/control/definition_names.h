/* SPDX-License-Identifier: Apache-2.0 */
/* Which names of kinds are taken, in which group, by which definition. Inside src/control only; one thread's. */
#ifndef COFFER_CONTROL_DEFINITION_NAMES_H
#define COFFER_CONTROL_DEFINITION_NAMES_H

#include "text/json.h"

/* Zero is empty. */
struct definition_names {
    struct claim *claims;
};

/* Takes the names that a definition's status says are accepted for what it claims; of one that is gone, none.
 * *ret_freed: it claims less than before. False without memory: then it claims nothing. */
MUST_CHECK bool definition_names_learn(
    struct definition_names *, const struct json *definition, bool gone, bool *ret_freed);
/* Calls for all other definitions of its group. */
void definition_names_others(const struct definition_names *, const struct json *definition,
    void (*take)(void *context, bytes name), void *context);
void definition_names_free(struct definition_names *);

struct name_verdict {
    struct json *accepted; /* status.acceptedNames as they should be: what was asked for and is free */
    const char *reason;    /* NULL: all were; else what conflicts, in upstream's words */
    bytes message;
};
MUST_CHECK err_t definition_names_judge(const struct definition_names *, struct arena *, const struct json *definition,
    struct name_verdict *ret, struct error *);

#endif
