/* SPDX-License-Identifier: Apache-2.0 */
/* The Pod Security Standards, as the labels pod-security.kubernetes.io/... of a namespace choose them and as
 * kube-apiserver 1.34 checks them:
 *
 *   labels of the namespace ──> policy ──> standards to enforce, audit and warn of ──> what a pod violates, in a
 * sentence
 *
 * A standard is a level and the minor version whose checks it means. What is allowed once stays allowed under that
 * version. Sources: kubernetes.io/docs/concepts/security/pod-security-standards; answers of a real kube-apiserver
 * (tests/golden/pod-security). All functions may be called on any thread. */
#ifndef COFFER_KINDS_POD_SECURITY_STANDARDS_H
#define COFFER_KINDS_POD_SECURITY_STANDARDS_H

#include "text/json.h"

/* Each allows less than the one before. */
enum pod_security_level { POD_SECURITY_PRIVILEGED, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED };
/* Their names, by number; ends in NULL. */
extern const char *const pod_security_levels[];

#define POD_SECURITY_LATEST UINT64_MAX

struct pod_security_standard {
    enum pod_security_level level;
    uint64_t minor; /* of Kubernetes 1.x; POD_SECURITY_LATEST */
};
/* "baseline:latest", "restricted:v1.25" */
void pod_security_standard_write(struct buffer *, struct pod_security_standard);
bool pod_security_standard_equal(struct pod_security_standard, struct pod_security_standard);

struct pod_security_policy {
    struct pod_security_standard enforce, audit, warn;
};
/* The policy of a namespace with these labels (NULL: none); what they do not say is of the latest version of
 * `by_default`. A label that is neither level nor version adds a cause to the error (code ERR_INVALID), and counts as
 * `restricted` and `latest`, for audit and warn as `privileged`. error may be NULL. */
struct pod_security_policy pod_security_policy_of(
    const struct json *labels, enum pod_security_level by_default, struct error *);
/* Whether both say the same, whatever the version of `privileged`; whether all is privileged. */
bool pod_security_policy_equivalent(const struct pod_security_policy *, const struct pod_security_policy *);
bool pod_security_policy_allows_all(const struct pod_security_policy *);
/* `enforce=baseline:latest, warn=restricted:v1.30`: what the labels themselves ask for beyond privileged. */
void pod_security_policy_write(struct buffer *, const struct pod_security_policy *, const struct json *labels);

/* What a pod (or a template: both are metadata and spec) has that the standard forbids, in kube-apiserver's words and
 * order: `host namespaces (hostPID=true), privileged (container "c" must not set securityContext.privileged=true)`;
 * without what stands in parentheses unless `details`. n is 0 when there is nothing; p is NULL when the arena is full.
 */
bytes pod_security_violations(
    struct arena *, struct pod_security_standard, const struct json *metadata, const struct json *spec, bool details);

#endif
