/* SPDX-License-Identifier: Apache-2.0 */
/* Who wrote what Pods are made from: the user who last changed the template of a Deployment, Job and the like, kept in
 * an annotation that the server owns (docs/pod-secrets.md). Kinds with a template are found by their schema. Inside
 * src/serve only. */
#ifndef COFFER_SERVE_POD_WRITER_H
#define COFFER_SERVE_POD_WRITER_H

#include "serve/request.h"

/* {"username":...,"uid":...,"groups":[...]} */
#define ANNOTATION_POD_WRITER "coffer.dev/pod-writer"
/* Longer records lose groups at their end: the writer may less then, never more. */
#define POD_WRITER_MOST (32u << 10)

/* Whether objects of the kind hold the spec of a Pod, as a ControllerRevision does too; those of custom kinds say
 * nothing of it. */
bool pod_part_kind(const struct kind *);
/* That part of an object: the spec of a Pod, the template of others; NULL when it has none. */
const struct json *pod_part(const struct kind *, const struct json *object);
/* Whether Pods of both come out the same: the same but for labels, which name the one that made it. */
bool pod_template_same(const struct json *template, const struct json *other);

/* What the client says about it gives way to what is stored: before the fields' owners are told. Does nothing for kinds
 * without such a part. */
MUST_CHECK err_t pod_writer_restore(struct request *);
/* Takes it out of the configuration of an apply. */
void pod_writer_drop(const struct kind *, struct json *configuration);

/* The recorded one, into the arena; false when there is none, or nothing that can be read. */
MUST_CHECK err_t pod_writer_read(
    struct arena *, const struct kind *, const struct json *object, struct user *ret, bool *ret_found, struct error *);
/* Into request.object; NULL: nobody. */
MUST_CHECK err_t pod_writer_set(struct request *, const struct user *);

#endif
