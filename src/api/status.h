/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes Status objects (meta/v1), from errors. */
#ifndef COFFER_API_STATUS_H
#define COFFER_API_STATUS_H

#include "api/kind.h"

struct status_details {
    bytes name, group, kind, uid; /* kind is the resource ("secrets"), for Invalid the Kind */
    unsigned retry_after_seconds;
    bool present; /* write "details" even when all is empty */
};

/* {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",...,"code":N} and a newline as kube-apiserver
 * ends it (see golden). */
void status_write_failure(struct buffer *, const struct error *, const struct status_details *);
/* The answer to a delete. */
void status_write_success(struct buffer *, const struct status_details *);

/* Sentences that many verbs share; they set error and details. */
err_t status_not_found(struct error *, struct status_details *, const struct kind *, bytes name);
err_t status_already_exists(struct error *, struct status_details *, const struct kind *, bytes name);
err_t status_conflict(
    struct error *, struct status_details *, const struct kind *, bytes name, const char *reason_sentence);
/* After object_validate: details of an Invalid one. */
void status_invalid_details(struct status_details *, const struct kind *, bytes name);

#endif
