/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and what CronJobs have of them. */
#ifndef COFFER_KINDS_JOB_H
#define COFFER_KINDS_JOB_H

#include "kinds/workload.h"

/* The rules of a job's spec, but for its selector. */
void job_spec_check(const struct field *spec);
void job_failure_policy_check(const struct field *spec);
void job_success_policy_check(const struct field *spec);
void job_status_check(const struct field *job, const struct json *old);
/* "1,3-5" in order, each below completions: how many; an error sentence in the arena when it is not. */
bytes job_indexes_fault(struct arena *, bytes text, int64_t completions, int64_t *ret_count);

/* What is wrong with a schedule, as robfig/cron says it; p NULL: nothing. */
bytes cron_schedule_fault(struct arena *, bytes schedule);

#endif
