/* SPDX-License-Identifier: Apache-2.0 */
/* AdmissionReview (admission.k8s.io/v1, v1beta1): what a webhook is asked, and what it answers. Inside src/serve only.
 */
#ifndef COFFER_SERVE_WEBHOOK_REVIEW_H
#define COFFER_SERVE_WEBHOOK_REVIEW_H

#include "access/user.h"
#include "api/kind.h"
#include "text/json.h"

#define REVIEW_ANSWER_MOST (3u << 20)

struct review_request {
    bool beta;
    bytes uid;
    const struct kind *kind, *resource;                 /* of what is sent; of its path, as the webhook wants it */
    const struct kind *request_kind, *request_resource; /* as the client asked */
    bytes subresource, name, namespace, operation;
    const struct user *user;
    const struct json *object, *old; /* NULL: none */
    bool dry_run;
    bytes options; /* JSON */
};

/* Errors stay in the buffer. */
void review_write(struct buffer *, const struct review_request *);

struct review_answer {
    bool allowed;
    const struct json *patch;    /* of JSON patch, an array; NULL: none */
    const struct json *result;   /* a Status, as it was sent; NULL: none */
    const struct json *warnings; /* an array; NULL: none */
};

/* Reads a hostile answer of at most REVIEW_ANSWER_MOST; the result borrows from the body. The error's sentence is what
 * comes after `failed calling webhook "w": `; it quotes nothing of the answer but its version and uid.
 * ERR_BAD_REQUEST: as kube-apiserver's call failures, which failurePolicy judges. ERR_INTERNAL: the patch is none. */
MUST_CHECK err_t review_read(
    struct arena *, bytes body, bytes uid, bool beta, bool mutating, struct review_answer *ret, struct error *);

/* The Status that the client gets when a webhook said no: its own, with what must be in it. */
struct review_refusal {
    int status; /* HTTP */
    bytes text; /* the whole body */
    bytes message;
    unsigned retry_after_seconds;
};
MUST_CHECK err_t review_refuse(
    struct arena *, bytes webhook, const struct json *result, struct review_refusal *ret, struct error *);

#endif
