/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds that make pods from a template share. */
#ifndef COFFER_KINDS_WORKLOAD_H
#define COFFER_KINDS_WORKLOAD_H

#include "api/selector.h"
#include "kinds/pod.h"

/* ---- Label selectors as objects have them (meta/v1 LabelSelector). */
/* False when the arena is full. Unknown operators count as Exists. */
MUST_CHECK bool selector_of_json(struct arena *, const struct json *selector, struct selector *ret);
/* NULL selects nothing, an empty one all. */
bool selector_selects(struct arena *, const struct json *selector, const struct json *labels);
/* "a=b,c in (d,e)"; "<none>" for an empty or absent one. p is NULL when the arena is full. */
bytes selector_text(struct arena *, const struct json *selector);
/* A plain map: "a=b,c=d" or "<none>". */
bytes labels_text(struct arena *, const struct json *labels);

/* ---- Defaults and rules. */
MUST_CHECK err_t workload_template_set_defaults(struct arena *, struct json *template, struct error *);
/* spec.selector is there and selects something. word: as in "empty selector is invalid for deployment". False: it is
 * no selector that could select. */
MUST_CHECK bool workload_selector_check(const struct field *spec, bool required, const char *word);
/* selector: NULL selects nothing. The template has the labels, and its pods restart always. word: as in
 * "activeDeadlineSeconds in ReplicaSet is not Supported". checked: the template with what the kind's controller will
 * change, or NULL. */
void workload_template_check(
    const struct field *template, const struct json *selector, const struct json *checked, const char *word);
void workload_template_labels_check(const struct field *template, const struct json *selector);
/* Numbers of a spec or status that may not be negative. */
void workload_numbers_check(const struct field *owner, const char *const *members, size_t count);
#define WORKLOAD_NUMBERS_CHECK(owner, members) workload_numbers_check((owner), (members), ARRAY_LEN(members))
/* Members that may not be above status.replicas; and availableReplicas not above readyReplicas. than: how that one is
 * named in the sentence, NULL: no such rule. */
void workload_replicas_check(const struct field *status, const char *const *members, size_t count, const char *than);
void workload_collision_count_check(const struct field *status, const struct json *old);
/* A number or a percentage that is not negative. */
void check_int_or_percent(const struct field *);
void check_at_most_all(const struct field *); /* at most 100% */
int64_t int_or_percent(const struct field *); /* the number, of either */

/* A sentence for names that make no good host names. use: "Pod names and hostnames". */
void workload_warn_name(struct arena *, const struct json *object, const char *use, struct warnings *);
void workload_warn(struct arena *, const struct kind *, const struct json *object, struct warnings *);

/* ---- Cells. */
/* Names, then images of containers, each after a comma. */
void put_container_cells(struct arena *, struct buffer *, const struct json *pod_spec);
void put_selector_cell(struct arena *, struct buffer *, const struct json *selector);

#endif
