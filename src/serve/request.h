/* SPDX-License-Identifier: Apache-2.0 */
/* A request on its way through the steps. It lives in its exchange's arena and has one owner at a time: the loop, or a
 * thread of the writers pool, or the commit. */
#ifndef COFFER_SERVE_REQUEST_H
#define COFFER_SERVE_REQUEST_H

#include "access/authenticate.h"
#include "access/authorize.h"
#include "access/impersonate.h"
#include "api/decode.h"
#include "api/patch.h"
#include "api/present.h"
#include "api/record.h"
#include "api/selector.h"
#include "api/status.h"
#include "serve/outbound.h"
#include "serve/server.h"
#include "serve/webhook_review.h"

#define BODY_LIMIT (3u << 20)

/* What a step says. */
enum step_result {
    STEP_NEXT,      /* go on with the next step */
    STEP_DONE,      /* answered, or an answer is streaming: the request is over for the list */
    STEP_WAIT,      /* somebody else calls request_continue later (body, commit) */
    STEP_ELSEWHERE, /* run this step again on the outbound pool, for request.destination */
    STEP_AGAIN,     /* run this step again after request.wait_ms on the loop */
    STEP_FAIL,      /* request.error says why */
};

enum match { MATCH_UNSET, MATCH_EXACT, MATCH_NOT_OLDER_THAN };

/* The query, and for deletes the body: parsed and validated by options.c. Texts are decoded, in the arena. */
struct request_options {
    /* writes */
    bool dry_run, dry_run_unsupported;
    bytes dry_run_values; /* quoted, joined by commas */
    enum field_validation field_validation;
    bytes field_manager;
    bool has_force, force; /* of an apply */
    /* list, watch, deletecollection */
    bytes label_selector, field_selector;
    struct selector labels, fields;
    int64_t limit; /* 0: none; never negative */
    bytes continue_token;
    enum match match;
    bool match_given;
    bytes match_text;
    bool watch, allow_bookmarks;
    bool has_send_initial_events, send_initial_events;
    int64_t timeout_seconds; /* of a watch; 0: not given */
    /* get, list, watch, deletecollection */
    bool has_revision; /* resourceVersion was given and not empty */
    uint64_t revision;
    /* forms of answers */
    bytes pretty, include_object;
    /* delete */
    bytes propagation_policy; /* "", Foreground, Background, Orphan */
    bool has_grace_period, has_orphan_dependents, orphan_dependents;
    int64_t grace_period_seconds;
    bytes precondition_uid; /* "": none */
    bool has_precondition_revision;
    bytes precondition_revision;
    /* all but watch */
    uint64_t timeout_ms;
};

/* What of a collection a user may see who may not see all of it. */
struct visible {
    bool metadata_only; /* by the virtual verb list-metadata: forms that hold no values */
    bool limited;       /* by rules with resourceNames: these names alone, sorted */
    const bytes *names;
    size_t count;
};

struct route;
struct list;
struct webhook_run;
struct kept_document;

struct request {
    struct http_exchange *exchange;
    struct arena *arena; /* the exchange's */
    struct server *server;
    size_t step;            /* the next one of the list */
    unsigned attempt;       /* of a write: how often its compares lost */
    unsigned wait_ms;       /* STEP_AGAIN */
    uint64_t wait_until_us; /* of wait_for_revision; 0: it has not begun */
    uint64_t deadline_us;   /* clock_monotonic_us */
    bool held;              /* http_hold was called */
    bool legacy_watch;      /* /api/v1/watch/...: one name of it must fit the field selector */

    /* route.c */
    bytes path;                /* decoded */
    const struct route *route; /* of paths that are no resource; NULL: none */
    bool forbidden;            /* by authorization: such a 403 has a header more */
    bool open;                 /* for everyone, also without a credential */
    err_t route_result;        /* what the route step will say; known before authentication, told after authorization */
    const struct kind *kind;   /* of resources */
    enum verb verb; /* what the steps do; attributes.verb is what was asked: a binding is a create, and updates */
    enum subresource subresource;
    bytes namespace, name; /* namespace "" for cluster scope or all namespaces */
    struct attributes attributes;
    struct user user;
    struct user real_user;                     /* without impersonation */
    struct impersonation_rights impersonation; /* what that took; none: nothing */
    struct credential credential;
    uint64_t rules_version, graph_version; /* of what it was authorized by */
    bool filtered;                         /* of a list or watch: only what may be seen is wanted */
    struct visible visible;                /* and that is this */

    struct request_options options;
    struct presentation presentation;

    /* a write on its way */
    enum patch_type patch_type;
    struct json *patch;    /* of a PATCH: its body */
    struct warnings flaws; /* what fieldValidation has against the patch itself */
    struct json *sent;     /* a Scale or Binding that was sent, for the object that is not loaded yet */
    bool creates;          /* nothing is stored under the name yet: a create, or an apply that becomes one */
    struct json *object;   /* canonical tree: what will be stored */
    bytes text;            /* object's stored text; of a delete: what is answered */
    bytes sent_revision;   /* metadata.resourceVersion of the body of a PUT, or of what a patch made */
    bytes key;             /* "namespace/name" or "name" */
    bool generated_name;   /* a name that is taken is drawn anew */
    struct json *old;      /* what is stored now; NULL on create, or unreadable */
    bytes old_text;
    bool old_stale;          /* stored with an older key: written even when nothing changed */
    uint64_t old_revision;   /* of it; 0 on create */
    bool keep;               /* nothing to store: dry run, or no change */
    bool pull_secrets_given; /* the Pod's are those of its account, which the client did not write */
    bool removes;            /* the write deletes the object */
    struct compare *compares;
    size_t compare_count;
    struct store_write write;

    struct list *list; /* list.c */

    /* webhooks.c */
    struct webhook_run *webhooks;              /* the calls that are under way; NULL: none */
    const struct published_value *webhook_set; /* what they are from, held; NULL: nothing */
    bytes destination;             /* who is called next: the step belongs to the outbound pool; "": nobody */
    bytes at;                      /* whose place this thread holds */
    bool waits_here;               /* the thread may wait for any destination */
    struct review_refusal refusal; /* what a webhook answers the client with, instead of error */

    struct kept_document *document; /* document_cache.c: what is answered, held */
    uint64_t document_version;      /* of the registry when it was asked for */

    /* the answer */
    struct error error;
    struct status_details details;
    struct warnings warnings;
    bytes fresh_token; /* metadata.continue of a list's 410 */

    struct {
        int status;
        const struct http_header *headers;
        size_t header_count;
        bytes body;
        uint64_t mark; /* what stands in it for a revision that is not known yet */
    } answer;
    size_t promised;                /* of the server's memory */
    struct fair_turn turn;          /* fairness.h */
    struct fairness_place share;    /* what it is counted in */
    const struct flow_class *flows; /* what it belongs to, which its answer tells; NULL: nothing */

    struct outbound_task outbound;
    struct task task;   /* through a pool, and back to the loop */
    struct timer timer; /* STEP_AGAIN */
};

static inline struct request *request_of(struct http_exchange *x)
{
    return x->user;
}

/* Goes on with the list at request->step. On the loop's thread. */
void request_continue(struct request *);
/* The same from any thread that owns the request: hands it back to its loop. */
void request_return(struct request *);

/* Where a step of a write starts anew when its compares lost. */
enum step_result request_retry(struct request *);

/* ---- answer.c */
/* The headers of every answer: Audit-Id, Cache-Control, Content-Type (left out when empty), Warnings, Retry-After.
 * extra (may be NULL) goes after them. NULL when the arena is full. */
const struct http_header *answer_headers(
    struct request *, bytes content_type, const struct http_header *extra, size_t extra_count, size_t *ret_count);
/* Sends a whole body. Out of memory: 503 from static text. */
void answer_bytes(struct request *, int status, bytes content_type, bytes body);
void answer_bytes_with(
    struct request *, int status, bytes content_type, bytes body, const struct http_header *extra, size_t extra_count);
/* Plain text; and what answers a path that is nothing. */
enum step_result answer_text(struct request *, int status, bytes text);
enum step_result answer_page_not_found(struct request *);
/* One object in its form: text is canonical. revision 0: shown without one. */
enum step_result answer_object(struct request *, int status, bytes text, uint64_t revision);
/* The Status of request->error. */
void answer_error(struct request *);
/* The same in two parts, for writes: all that needs memory before the commit, with REVISION_UNKNOWN where the revision
 * is not known yet, and after it what cannot fail. */
#define REVISION_UNKNOWN UINT64_MAX
MUST_CHECK err_t answer_prepare_object(struct request *, int status, bytes text, uint64_t revision);
/* The Status of a delete; details NULL: of what was created and is not shown. */
MUST_CHECK err_t answer_prepare_success(struct request *, int status, const struct status_details *);
void answer_set_revision(struct request *, uint64_t revision);
void answer_send(struct request *);
/* A streamed answer; after it only the source may be touched, not the request. */
enum step_result answer_stream(struct request *, int status, bytes content_type, struct http_source *);
/* From static text: 429 when the arena's limit was met, else 503. Returns which. */
int answer_no_memory(struct http_exchange *);

/* ---- read.c: what reads and writes share. */
/* Arena of what shows objects, one at a time: a body of BODY_LIMIT that is all short strings is a tree of 33 MiB, which
 * a watch holds three times (before, after, as a row) and an indented list too. What fits in must come out. */
#define READ_ARENA_LIMIT (256u << 20)
/* Turns request->error, an unreadable object's, into the answer for it. */
err_t unreadable_error(struct request *, bytes name);
/* A resourceVersion that lies ahead of the store: STEP_AGAIN for up to 3 s, then STEP_FAIL with kube-apiserver's 504.
 * Else STEP_NEXT. */
enum step_result wait_for_revision(struct request *, uint64_t wanted, uint64_t newest);

#endif
