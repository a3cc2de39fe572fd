/* SPDX-License-Identifier: Apache-2.0 */
/* Controllers: each makes one thing of the cluster what it should be, again and again, by what API answers alone. All
 * run on one thread, which sleeps while nothing changes.
 *
 *   list, then watch each collection ──object──> changed() ──key──> queue ──due──> reconcile(key)
 *                                                                     ^─ error: later, at growing intervals
 *
 * A controller may be killed at any point and starts over: reconcile looks at the world, compares, and changes what
 * differs. When a watch ends or breaks, all collections of that controller are listed again. An error of a read is
 * never taken for absence. */
#ifndef COFFER_CONTROL_CONTROL_H
#define COFFER_CONTROL_CONTROL_H

#include "client/api_client.h"
#include "control/work_queue.h"
#include "net/http_local.h"

struct worker;

/* What a controller lists and watches. */
struct collection {
    const char *group, *version, *resource;
    const char *query;  /* "fieldSelector=metadata.name%3Ddefault"; NULL: all of it */
    bool metadata_only; /* as PartialObjectMetadata */
};

struct controller {
    const char *name; /* as upstream's controllers: its user is system:serviceaccount:kube-system:NAME */
    const struct collection *collections; /* a controller for one that this server does not have does not run */
    size_t collection_count;
    /* An object of a collection was there at the start, came, changed (API_ADDED, API_MODIFIED) or went: says which
     * keys to look at, by worker_enqueue. NULL: the key is the object's "namespace/name", or "name". */
    void (*changed)(struct worker *, const struct kind *, const struct json *object, enum api_event_type);
    /* Makes right what the key stands for; the arena is the call's. An error brings the key back later. Should take
     * well under a second: more is done in another call, after worker_enqueue. */
    err_t (*reconcile)(struct worker *, struct arena *, bytes key, struct error *);
    /* NULL: nothing to do. start comes before the first list. */
    err_t (*start)(struct worker *, struct error *);
    void (*stop)(struct worker *);
    /* Called whenever the thread is awake: takes what came otherwise than by collections. NULL: nothing does. */
    void (*poll)(struct worker *);
    size_t state_size;
};

/* What controllers need to know of the server. */
struct control_settings {
    /* What clients verify the server by, PEM; p is NULL when the arena is full. On the controllers' thread. */
    bytes (*trusted)(struct arena *);
    /* A certificate by the own CA for a request in PEM that the caller found right, with usages of enum x509_usage, for
     * so many seconds (0, or more than the server gives: what it gives). Blocks. ERR_INVALID: what cannot be signed. */
    err_t (*sign)(struct arena *, bytes csr_pem, unsigned usages, int64_t seconds, bytes *ret_pem, struct error *);
    /* What a Secret of that name holds as the token of an account (service_account_token.h). Blocks. */
    err_t (*sign_account_token)(
        struct arena *, bytes namespace, bytes account, bytes uid, bytes secret, bytes *ret, struct error *);
    /* On the controllers' thread, once: they have looked at everything, and nothing has happened for a moment. */
    void (*settled)(void);
    const char *address; /* where it listens, numeric */
    uint16_t port;
    uint64_t event_ttl_ms;
};

/* A controller at work: what its functions are given. */
struct worker {
    const struct controller *controller;
    const struct control_settings *settings;
    struct api_client *client; /* as the controller's user */
    void *state;               /* state_size bytes, zero at first */
    struct worker_state *own;  /* worker.c's */
};

/* The key is looked at after after_ms, or sooner when it waits already. Without memory the controller begins anew. */
void worker_enqueue(struct worker *, bytes key, uint64_t after_ms);
/* Makes the thread call poll. Any thread, until stop() returned. */
void worker_wake(struct worker *);
/* Lists and watches one more collection, in a namespace or (empty) in all; no matter when it does already. The kind
 * must have the verbs. False without memory. */
MUST_CHECK bool worker_watch(struct worker *, const struct kind *, bytes namespace, bool metadata_only);
/* Forgets what worker_watch added for that namespace, but for what is asked for again before the function returns. */
void worker_unwatch(struct worker *, bytes namespace);
/* One request with a body (NULL: none); the object that answered it, or its Status as the error. */
MUST_CHECK err_t worker_send(struct worker *, struct arena *, const char *method, bytes path, const struct json *body,
    struct json **ret, struct error *);
/* Whether the namespace is there and not being deleted: what is missing in it is worth making. */
MUST_CHECK err_t worker_namespace_active(struct worker *, struct arena *, bytes namespace, bool *ret, struct error *);
/* How clients of lists and watches ask for metadata alone. */
extern const char metadata_list[], metadata_watch[];

/* ---- The thread. */

struct control;

/* Starts the thread with a worker for each. The settings must outlive it. The loop is one of the server's. */
MUST_CHECK err_t control_start(struct http_server *, struct loop *, const struct control_settings *,
    const struct controller *const *, size_t count, struct control **ret, struct error *);
/* What the settings tell has changed: all controllers look anew. Any thread. Accepts NULL. */
void control_refresh(struct control *);
/* Makes it end, soon. Any thread; does not wait. Accepts NULL. */
void control_stop(struct control *);
/* Waits for its end. Calls under way end with the server's drain, or http_server_close; nothing that the server held of
 * them may be left. Accepts NULL. */
void control_free(struct control *);

/* All of them: controllers.c is the table. */
const struct controller *const *controllers_all(size_t *ret_count);

#endif
