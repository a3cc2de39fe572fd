/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to a Kubernetes API, by whoever needs objects of one: commands over the network, controllers of the server
 * in-process by the same steps that a request from outside walks. A client is one identity at one API. */
#ifndef COFFER_CLIENT_API_CLIENT_H
#define COFFER_CLIENT_API_CLIENT_H

#include "api/kind.h"
#include "client/kubeconfig.h"
#include "text/json.h"

struct api_request {
    const char *method;       /* GET, POST ... */
    bytes path;               /* "/api/v1/namespaces/default/secrets/db", escaped, with its query */
    const char *content_type; /* of the body; NULL: application/json */
    const char *accept;       /* NULL: application/json */
    bytes body;
    bool discard; /* the answer to a success is not wanted: its body may come empty */
};

struct api_reply {
    int status;
    bytes body; /* JSON, in the arena */
};

enum api_event_type {
    API_NONE, /* nothing came in time */
    API_ADDED,
    API_MODIFIED,
    API_DELETED,
    API_BOOKMARK,
    API_END /* the server ended the watch: open another from the last object's revision */
};

struct api_event {
    enum api_event_type type;
    struct json *object; /* in the arena; NULL for NONE and END */
};

/* A watch under way; one thread's at a time. */
struct api_watch {
    /* The next event, waiting until until_ms of clock_monotonic_ms (0: not at all, UINT64_MAX: for ever). An ERROR
     * event, or a refusal to watch, is an error: ERR_EXPIRED and ERR_GONE ask for a new list. */
    err_t (*next)(struct api_watch *, struct arena *, uint64_t until_ms, struct api_event *ret, struct error *);
    void (*free)(struct api_watch *);
};

struct api_client {
    /* One request and its answer, whatever the status. The error is for what never was answered. */
    err_t (*call)(
        struct api_client *, struct arena *, const struct api_request *, struct api_reply *ret, struct error *);
    /* Asks for a watch; accept as in api_request. NULL: this client cannot. Waits for nothing. */
    err_t (*watch)(struct api_client *, bytes path, const char *accept, struct api_watch **ret, struct error *);
    void (*free)(struct api_client *);
};

/* Calls over the network as the kubeconfig says. It borrows the kubeconfig, which must outlive it. Runs no plugin. */
MUST_CHECK err_t api_client_new(const struct kubeconfig *, struct arena *, struct api_client **ret, struct error *);
/* Accepts NULL. */
void api_client_free(struct api_client *);

/* The object at path. A Status of failure becomes the error: its reason the code, its message the sentence. The object
 * lives in the arena. */
MUST_CHECK err_t api_get(struct api_client *, struct arena *, bytes path, struct json **ret, struct error *);

/* The same of any request: the object that answered it with a status below 300. */
MUST_CHECK err_t api_do(
    struct api_client *, struct arena *, const struct api_request *, struct json **ret, struct error *);

/* A list in pages. Starts with path, accept and limit set, the rest zero. */
struct api_list {
    bytes path; /* of the collection, maybe with a query; must outlive the list */
    const char *accept;
    unsigned limit;
    bool started, done;
    char resource_version[24]; /* of all pages: where a watch goes on */
    char token[1536];
};
/* The next page's items, an array in the arena, which may be reset between pages; NULL after the last. ERR_EXPIRED: it
 * took too long, begin anew. */
MUST_CHECK err_t api_list_next(
    struct api_client *, struct arena *, struct api_list *, struct json **ret_items, struct error *);

/* One line of a watch's answer, for clients: an ERROR event becomes the error. */
MUST_CHECK err_t api_event_parse(struct arena *, bytes line, struct api_event *ret, struct error *);
/* Accepts NULL. */
void api_watch_free(struct api_watch *);

/* A Status, or whatever the server sent instead of one, as an error. */
err_t api_status_error(const struct api_reply *, struct arena *, struct error *);

/* "/api/v1/namespaces/NS/secrets/NAME" with what a path cannot hold percent-encoded; p is NULL when the arena is full.
 */
bytes api_path(struct arena *, const char *namespace, const char *resource, bytes name);
/* The path of a kind's object, or of its collection when name is empty: in namespace, or in all of them when that is
 * empty. As api_path. */
bytes api_kind_path(struct arena *, const struct kind *, bytes namespace, bytes name);
/* path?name=value, or path&name=value when it has a query already. */
bytes api_path_query(struct arena *, bytes path, const char *name, bytes value);

#endif
