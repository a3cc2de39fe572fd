/* SPDX-License-Identifier: Apache-2.0 */
/* Admission webhooks as they are configured: MutatingWebhookConfigurations and ValidatingWebhookConfigurations compiled
 * into an immutable snapshot, which a request asks without a lock and, where there are none, for the cost of a load.
 *
 *   snapshot ──> configurations, by name ──> webhooks, in their order ──> rules, selectors, where to call
 *
 * Conditions in CEL (matchConditions) are not evaluated: a webhook is called as if all of them held. */
#ifndef COFFER_SERVE_WEBHOOK_H
#define COFFER_SERVE_WEBHOOK_H

#include "api/selector.h"
#include "base/published.h"
#include "net/http_client.h"

#include <pthread.h>

/* Whoever may see a Secret's values configures a webhook that sees them: an annotation, guarded (guard_webhook.c). */
#define ANNOTATION_READS_SECRETS "coffer.dev/may-read-secrets"

enum webhook_phase { WEBHOOK_MUTATING, WEBHOOK_VALIDATING, WEBHOOK_PHASES };

enum webhook_operation { OPERATION_CREATE = 1, OPERATION_UPDATE = 2, OPERATION_DELETE = 4, OPERATION_CONNECT = 8 };

struct webhook_rule {
    unsigned operations;                              /* of enum webhook_operation */
    const struct json *groups, *versions, *resources; /* arrays of texts */
    enum webhook_scope { SCOPE_ALL, SCOPE_CLUSTER, SCOPE_NAMESPACED } scope;
};

#define WEBHOOK_CLIENTS 4 /* that keep a connection open until the next call */

struct webhook {
    bytes name;
    enum webhook_phase phase;
    bool reads_secrets;   /* of a configuration that may */
    bool equivalent;      /* matchPolicy */
    bool ignores_failure; /* failurePolicy */
    bool dry_run;         /* sideEffects: none, or none on a dry run */
    bool reinvoked;       /* reinvocationPolicy IfNeeded */
    bool beta;            /* it prefers admission.k8s.io/v1beta1 */
    unsigned timeout_ms;
    struct webhook_rule *rules;
    size_t rule_count;
    struct selector namespaces, objects;
    bytes url;                        /* https://HOST[:PORT]/PATH; of a service https://NAME.NAMESPACE.svc:PORT/PATH */
    bytes destination;                /* its HOST[:PORT] */
    bytes service, service_namespace; /* empty: the URL's host says where it is */
    unsigned port;
    bytes ca_pem; /* empty: the system's */
    pthread_mutex_t mutex;
    struct http_client *idle[WEBHOOK_CLIENTS];
    size_t idle_count;
};

struct webhook_configuration;

/* A snapshot: published, so counted. */
struct webhook_set;

/* The newest snapshot, borrowed until this thread looks again; published_hold keeps it. */
const struct webhook_set *webhooks_current(void);
const struct published_value *webhook_set_value(const struct webhook_set *);

/* What a request is to rules. */
struct webhook_subject {
    enum webhook_operation operation;
    const struct kind *kind;
    bytes subresource; /* empty: none */
    bytes namespace;   /* empty: of the cluster */
};

/* The webhooks of one phase whose rules match, in the order in which they are called, at most `room`: *ret_as[i] is the
 * version of the kind that webhook i wants it in. Returns how many there are, which may be more. */
size_t webhooks_match(const struct webhook_set *, enum webhook_phase, const struct webhook_subject *,
    struct webhook **ret, const struct kind **ret_as, size_t room);

/* From a stored configuration, which is copied, to the next snapshot; NULL: it was deleted. One thread at a time (the
 * commit thread; the start). */
MUST_CHECK err_t webhooks_follow(enum webhook_phase, bytes name, const struct json *object, struct error *);

#endif
