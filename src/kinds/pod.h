/* SPDX-License-Identifier: Apache-2.0 */
/* Pods and what holds pod templates: the parts that their kinds share. */
#ifndef COFFER_KINDS_POD_H
#define COFFER_KINDS_POD_H

#include "api/quantity.h"
#include "kinds/field.h"
#include "kinds/tree.h"

#define MIRROR_POD_ANNOTATION "kubernetes.io/config.mirror"
#define APP_ARMOR_ANNOTATION  "container.apparmor.security.beta.kubernetes.io/" /* and a container's name */
#define APP_ARMOR_LOCALHOST   "localhost/"

/* ---- Defaults that depend on other fields (the schema has the rest). */
/* Of a pod's spec and a template's alike. ERR_BAD_REQUEST for a malformed quantity. */
MUST_CHECK err_t pod_spec_set_defaults(struct arena *, struct json *spec, struct error *);
/* "Always" for :latest and for no tag, else "IfNotPresent", as the container runtime would read the reference. */
const char *pod_pull_policy(bytes image);

/* ---- Resources: lists of quantities by name. */
/* Each rounded up to milli and in canonical form. */
MUST_CHECK err_t resource_list_settle(struct arena *, struct json *list, struct error *);
/* Limits without a request become requests; pod level too. Pods alone: templates stay as they are. */
MUST_CHECK bool pod_default_requests(struct arena *, struct json *spec);

struct resource_sums {
    struct name_table by_name; /* of struct quantity */
};
/* The quantities of one list. False when the arena is full. */
MUST_CHECK bool resource_list_sum(struct arena *, const struct json *list, struct resource_sums *ret);
/* NULL: none of that name. */
const struct quantity *resource_sums_find(const struct resource_sums *, bytes name);
/* What a pod takes: containers and sidecars together, or the greediest step of its start. member: "requests" or
 * "limits". pod_level: what the pod says for itself stands over its containers' cpu and memory. False when the arena is
 * full. */
MUST_CHECK bool pod_sum_resources(
    struct arena *, const struct json *spec, const char *member, bool pod_level, struct resource_sums *ret);
/* "Guaranteed", "Burstable" or "BestEffort". */
const char *pod_quality_class(const struct json *spec);

/* What annotations of a new pod say of AppArmor goes into the containers' fields, where those say nothing. False when
 * the arena is full. */
MUST_CHECK bool pod_take_app_armor_annotations(struct arena *, struct json *pod);

/* A new pod's own labels go into the selectors that name them by key. False when the arena is full. */
MUST_CHECK bool pod_merge_label_keys(struct arena *, struct json *pod);

/* Warnings about owner.spec; path: of owner, "" for a pod, "spec.template". */
void pod_spec_warn(struct arena *, const struct json *owner, const char *path, struct warnings *);

/* ---- Rules. */
struct pod_rules_context {
    bool is_pod;   /* else a template */
    bytes name;    /* of the pod; empty for a template */
    int64_t grace; /* terminationGracePeriodSeconds */
    bool has_grace;
    bytes restart_policy;
    bool host_users;
    struct name_table volumes; /* name -> the volume */
    struct name_table claims;  /* spec.resourceClaims */
};

void pod_spec_check(const struct field *spec, bool is_pod, bytes name);
void pod_template_check(const struct field *template);
/* Annotations that mean something to pods. */
void pod_annotations_check(const struct field *annotations, const struct json *spec);

/* Parts of pod_spec_check, a file each. */
void pod_volumes_check(const struct field *volumes, struct pod_rules_context *);
void pod_containers_check(const struct field *spec, struct pod_rules_context *);
void pod_images_check(const struct field *spec);
void pod_container_security_check(const struct field *security, const struct pod_rules_context *);
void pod_security_check(const struct field *spec);
void pod_affinity_check(const struct field *affinity);
void pod_tolerations_check(const struct field *tolerations);
void pod_taint_effect_check(const struct field *effect);
void pod_spread_check(const struct field *constraints);
void pod_resources_check(const struct field *resources, const struct name_table *claims, bool pod_level);
void pod_level_resources_check(const struct field *spec, const struct pod_rules_context *);
void resource_quantity_check(const struct field *quantity, bytes name);
void pod_probes_check(const struct field *container, const struct pod_rules_context *);
void pod_lifecycle_check(const struct field *container, const struct field *spec, const struct pod_rules_context *);
void pod_environment_check(const struct field *container);
void pod_mounts_check(const struct field *container, const struct pod_rules_context *);
/* metadata.labels and the like of an env's or a volume's fieldRef. */
void pod_field_reference_check(const struct field *reference, bool volume);
void pod_resource_reference_check(const struct field *reference, bool volume);
/* A path that stays below where it starts: relative, without "..". */
void check_local_path(const struct field *path);
void check_no_backsteps(const struct field *path);
void check_local_not_reserved_path(const struct field *path);
void check_file_mode(const struct field *mode);
/* A port's number or name. */
void check_port(const struct field *port);

/* Restarted always, beside the containers. */
bool pod_is_sidecar(const struct json *init_container);

/* ---- Changes of a pod, by subresource. */
void pod_update_check(const struct field *pod, const struct json *old);
void pod_status_update_check(const struct field *pod, const struct json *old);
void pod_ephemeral_containers_update_check(const struct field *pod, const struct json *old);
void pod_resize_check(const struct field *pod, const struct json *old);
/* Take back all that the subresource does not change. False when the arena is full. */
MUST_CHECK bool pod_keep_only_ephemeral_containers(struct arena *, struct json *pod, const struct json *old);
MUST_CHECK bool pod_keep_only_resources(struct arena *, struct json *pod, const struct json *old);

void pod_cells(struct arena *, struct buffer *, const struct kind *, const struct json *pod, int64_t now);

/* ---- Subresources that are no updates of the client's object: src/serve calls these with the stored pod, edited in
 * place (canonical order afterwards), and stores what comes out. */

/* POST pods/NAME/binding: the pod is set on its node, gets the binding's annotations and the condition PodScheduled.
 * ERR_CONFLICT for a pod that is bound, gated or on its way out; ERR_UNKNOWN with the field errors of a bad binding, as
 * upstream sends them. name: of the URL. The answer is a Status, Success, with code 201. */
MUST_CHECK err_t pod_bind(struct arena *, const struct kind *, bytes name, struct json *pod, const struct json *binding,
    int64_t now, struct error *);

/* POST pods/NAME/eviction. First what it is allowed by, then what is changed. */
enum eviction {
    EVICTION_ALLOWED, /* delete the pod, after setting its condition */
    EVICTION_COUNTED, /* the same, and the budget's status (edited in place) is stored before */
};
struct eviction_refusal { /* with ERR_TOO_MANY_REQUESTS: the cause that goes into details.causes, and when to retry */
    bytes cause;          /* of type "DisruptionBudget" */
    unsigned retry_after_seconds;
};
/* budgets: the PodDisruptionBudgets of the namespace. *ret_budget: the one to store, for EVICTION_COUNTED. */
MUST_CHECK err_t pod_evict(struct arena *, const struct json *pod, struct json *const *budgets, size_t count,
    int64_t now, enum eviction *ret, struct json **ret_budget, struct eviction_refusal *ret_refusal, struct error *);
/* The condition DisruptionTarget of a pod that is going to be evicted. */
MUST_CHECK err_t pod_set_disruption_target(
    struct arena *, const struct kind *, struct json *pod, int64_t now, struct error *);

/* Sets or adds a condition; its times change only with its status. False when the arena is full. */
MUST_CHECK bool pod_set_condition(struct arena *, struct json *pod, const char *type, const char *status,
    const char *reason, const char *message, int64_t now);
const struct json *pod_condition(const struct json *object, const char *type);
bool pod_condition_true(const struct json *object, const char *type);

/* Appends a table's cell as a JSON string, after a comma. */
void put_cell(struct buffer *, bytes text);
void put_number_cell(struct buffer *, int64_t);
/* "5m" since a time, "<unknown>" for none. */
void age_text(bytes time, int64_t now, char ret[24]);

#endif
