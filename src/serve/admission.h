/* SPDX-License-Identifier: Apache-2.0 */
/* What admission reads of other objects. Inside src/serve only. */
#ifndef COFFER_SERVE_ADMISSION_H
#define COFFER_SERVE_ADMISSION_H

#include "serve/steps.h"

/* The object of a built-in kind as a tree, by key; *ret NULL when there is none. *ret_revision may be NULL. */
MUST_CHECK err_t admission_get(
    struct request *, struct read_txn *, const struct kind *, bytes key, struct json **ret, uint64_t *ret_revision);
/* All objects whose keys start so, at most ADMISSION_LIST_MOST: more is an error. Their revisions are beside them. */
#define ADMISSION_LIST_MOST 256
struct admission_list {
    struct json *objects[ADMISSION_LIST_MOST];
    uint64_t revisions[ADMISSION_LIST_MOST];
    size_t count;
};
MUST_CHECK err_t admission_list(
    struct request *, struct read_txn *, const struct kind *, bytes prefix, struct admission_list *ret);

/* admit_pod.c: what kube-apiserver's plugins do to a Pod. before: limits, account, priority, tolerations; after:
 * bounds.
 */
MUST_CHECK err_t admit_pod(struct request *, struct read_txn *);
MUST_CHECK err_t admit_pod_bounds(struct request *, struct read_txn *);

#endif
