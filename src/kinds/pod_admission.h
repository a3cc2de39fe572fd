/* SPDX-License-Identifier: Apache-2.0 */
/* What kube-apiserver's admission plugins do to a pod, as functions of the pod and what they look up: whoever creates
 * pods reads those objects and calls these, in this order, after defaults and before kind_rules.prepare:
 *
 *   pod_admit_limits           LimitRanger, defaults     pod_check_limits   LimitRanger, bounds: last
 *   pod_admit_service_account  ServiceAccount
 *   pod_admit_priority         Priority
 *   pod_admit_tolerations      DefaultTolerationSeconds
 *
 * Pods are edited in place; they are in canonical order after the kind's prepare. Refusals are ERR_FORBIDDEN with the
 * whole sentence (`pods "p" is forbidden: ...`). What is set here belongs to no field manager. */
#ifndef COFFER_KINDS_POD_ADMISSION_H
#define COFFER_KINDS_POD_ADMISSION_H

#include "text/json.h"

/* The account to look up in the pod's namespace. BYTES_NONE: none (a mirror pod). */
bytes pod_service_account(const struct json *pod);
/* Names the account in the pod, mounts its token where the pod or the account does not say otherwise, and takes its
 * imagePullSecrets. account: NULL when there is none of that name. */
MUST_CHECK err_t pod_admit_service_account(
    struct arena *, struct json *pod, bytes namespace, const struct json *account, struct error *);

/* Five minutes for nodes that are not ready or not reachable; on updates too. */
MUST_CHECK err_t pod_admit_tolerations(struct arena *, struct json *spec, struct error *);

/* The PriorityClass to look up; BYTES_NONE: the one with globalDefault that has the lowest value. */
bytes pod_priority_class(const struct json *pod);
/* class: NULL when there is none. */
MUST_CHECK err_t pod_admit_priority(struct arena *, struct json *pod, const struct json *class, struct error *);

/* ranges: the LimitRanges of the namespace. */
MUST_CHECK err_t pod_admit_limits(
    struct arena *, struct json *pod, const struct json *const *ranges, size_t count, struct error *);
MUST_CHECK err_t pod_check_limits(
    struct arena *, const struct json *pod, const struct json *const *ranges, size_t count, struct error *);

#endif
