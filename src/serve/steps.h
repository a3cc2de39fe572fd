/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that the list in steps.c is made of, by the file that has them. Inside src/serve only. */
#ifndef COFFER_SERVE_STEPS_H
#define COFFER_SERVE_STEPS_H

#include "serve/request.h"

typedef enum step_result step_function(struct request *);

/* A path that is no resource. */
struct route {
    const char *path;
    bool below;     /* answers what lies below path/ too */
    bool bare_open; /* without query: for everyone under --anonymous-health */
    step_function *answer;
};

/* route.c: what the request line asks for; told by route_step, after authorization. */
step_function resolve_step, route_step;
/* The segments after the first n of path; for rows with `below`. */
bytes route_rest(const struct request *);

/* access.c: who asks, as whom, and whether they may. */
step_function authenticate_step, impersonate_step, selector_step, authorize_step;
/* The 403 of authorization for what was asked, and its details. */
enum step_result access_forbid(struct request *, const struct attributes *, bytes reason);

/* An apply that becomes a create needs the right to that too. ERR_FORBIDDEN, or want of memory. */
MUST_CHECK err_t access_create(struct request *);
/* The same question as authorize_step's, where the rules have changed since: for writes, which wait for bodies, threads
 * and webhooks. */
MUST_CHECK err_t access_again(struct request *);

/* visible.c: whether the form that was chosen is one that the user may see. */
step_function visible_step;

/* options.c */
step_function options_step;
/* The Invalid of an options object from the one cause it has. */
err_t options_invalid(struct request *, const char *reason, const char *field, const char *sentence);
/* Rules over several values that all writes share; patches are checked once their type is known. */
MUST_CHECK err_t options_check_write(struct request *);
/* Checks what a query and a DeleteOptions body said together. */
MUST_CHECK err_t options_check_delete(struct request *);
/* Go's time.ParseDuration in milliseconds, rounded up. False when malformed or negative. */
bool duration_parse(bytes text, uint64_t *ret_ms);

/* read.c */
step_function get_step;

/* list.c: opens at a revision, plans the page of a limit, streams. */
step_function list_open_step, list_plan_step, list_answer_step;
void list_end(struct request *);

/* write.c: from the body to the object as it is to be stored. */
step_function decode_step, load_step, change_step, default_step, own_step, prepare_step, validate_step;
/* Puts what a webhook made of request.object, decoded, in its place: what the client, the server and the field managers
 * had settled stays, what may not be touched is carried over, defaults are set. */
MUST_CHECK err_t settle_again(struct request *, struct json *object);

/* patch.c */
MUST_CHECK err_t patch_decode(struct request *);
/* request.old with the patch: request.object, or keep. */
MUST_CHECK err_t patch_object(struct request *);

/* admission.c: what must hold when the write commits, and what other objects say about it. */
step_function admit_step;
/* admit_pod.c: a Pod of a new namespace waits, for a second at most, until the controller made the account that Pods
 * run as when they name none. Before the body is looked at: on the loop, where waiting holds up nobody. */
step_function account_step;
/* admit_pod.c: whether PodDisruptionBudgets let the pod be evicted; counts it in the one that does, so that it comes
 * after all that may refuse. Blocks: not on a loop. */
step_function evict_step;
/* Adds a compare to the write. */
MUST_CHECK err_t compare_add(struct request *, uint8_t type, const struct kind *, bytes key, uint64_t revision);

/* webhooks.c: what admission webhooks make of a write and say about it. Deletes ask both sorts at once; an eviction
 * before a budget counts it. */
step_function webhook_mutate_step, webhook_validate_step, webhook_evict_step, webhook_delete_step;
/* Where a collection is deleted. */
step_function webhook_collection_step;

/* guard.c: whether who writes may write just this, once it is as it will be stored. */
step_function guard_step;

/* garbage.c: after the commit: what the garbage collector must look at. */
void garbage_note_write(struct request *);

/* quota.c: a create in a namespace that quotas limit. */
step_function quota_step;

/* seal.c: seals and commits what the steps before made. */
step_function seal_step, encode_step, commit_step, conclude_step, write_answer_step;
/* Finalizers that the garbage collector takes away; a name in the store's index of owners too. */
#define FINALIZER_FOREGROUND "foregroundDeletion"
#define FINALIZER_ORPHAN     "orphan"
#define CHANGED              "the object has been modified; please apply your changes to the latest version and try again"

/* delete.c */
MUST_CHECK err_t delete_decode(struct request *);
/* Sets removes, and object when it is stored again or shown. */
MUST_CHECK err_t delete_prepare(struct request *);

/* collection.c: deletes what the selectors match, on the pool. */
step_function collection_step;

/* review.c: answers what was asked, in place of sealing and committing. */
step_function review_step;

/* commit.c: queues writes and waits for all of them; not on a loop. */
struct commit_barrier;
struct awaited_write {
    struct store_write write;
    struct commit_barrier *barrier;
};
void commit_all(struct store *, struct awaited_write *, size_t count);

/* documents.c, health.c, metrics.c */
step_function version_document, api_document, apis_document, api_below_document, apis_below_document,
    openapi_v2_document, openapi_v3_document, openapi_v3_below_document, root_document;
step_function health_document, metrics_document;

/* openid.c */
step_function openid_configuration_document, openid_keys_document;

/* All rows, for the document of paths at /. */
const struct route *routes_all(size_t *ret_count);

/* metrics.c: of one loop, counted on its thread. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *);
void metrics_begin(struct metrics *);
void metrics_end(struct metrics *);
/* An answer. verb VERB_COUNT: no resource. */
void metrics_count(struct metrics *, enum verb, int status, uint64_t microseconds);

#endif
