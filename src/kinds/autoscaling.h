/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of HorizontalPodAutoscaler: its two versions. */
#ifndef COFFER_KINDS_AUTOSCALING_H
#define COFFER_KINDS_AUTOSCALING_H

#include "api/kind.h"

#define AUTOSCALING_DEFAULT_CPU 80 /* percent, where no metric is given */
/* v1's annotation for all metrics but the CPU's utilization. */
#define AUTOSCALING_METRICS "autoscaling.alpha.kubernetes.io/metrics"

/* As kind_rules has them. */
MUST_CHECK err_t autoscaling_to_stored(struct arena *, const struct kind *, struct json *object, struct error *);
MUST_CHECK err_t autoscaling_from_stored(struct arena *, const struct kind *, struct json *object, struct error *);
/* A v2 metric of the CPU's utilization: its target, or what was measured. NULL when the arena is full. */
struct json *autoscaling_cpu_metric(struct arena *, bool status, int64_t percent);

#endif
