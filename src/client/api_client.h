/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to a Kubernetes API, by whoever needs objects of one: commands over the network, controllers of the server
 * in-process by the same steps that a request from outside walks. A client is one identity at one API. */
#ifndef COFFER_CLIENT_API_CLIENT_H
#define COFFER_CLIENT_API_CLIENT_H

#include "client/kubeconfig.h"
#include "text/json.h"

struct api_request {
    const char *method;       /* GET, POST ... */
    bytes path;               /* "/api/v1/namespaces/default/secrets/db", escaped, with its query */
    const char *content_type; /* of the body; NULL: application/json */
    bytes body;
};

struct api_reply {
    int status;
    bytes body; /* JSON, in the arena */
};

struct api_client {
    /* One request and its answer, whatever the status. The error is for what never was answered. */
    err_t (*call)(
        struct api_client *, struct arena *, const struct api_request *, struct api_reply *ret, struct error *);
    void (*free)(struct api_client *);
};

/* Calls over the network as the kubeconfig says. It borrows the kubeconfig, which must outlive it. Runs no plugin. */
MUST_CHECK err_t api_client_new(const struct kubeconfig *, struct arena *, struct api_client **ret, struct error *);
/* Accepts NULL. */
void api_client_free(struct api_client *);

/* The object at path. A Status of failure becomes the error: its reason the code, its message the sentence. The object
 * lives in the arena. */
MUST_CHECK err_t api_get(struct api_client *, struct arena *, bytes path, struct json **ret, struct error *);

/* A Status, or whatever the server sent instead of one, as an error. */
err_t api_status_error(const struct api_reply *, struct arena *, struct error *);

/* "/api/v1/namespaces/NS/secrets/NAME" with what a path cannot hold percent-encoded; p is NULL when the arena is full.
 */
bytes api_path(struct arena *, const char *namespace, const char *resource, bytes name);

#endif
