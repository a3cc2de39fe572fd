/* SPDX-License-Identifier: Apache-2.0 */
/* When a job fails and when it succeeds: its policies and its status. */
#include "base/clock.h"
#include "kinds/job.h"

#define RULES_MOST   20
#define VALUES_MOST  255
#define INDEXES_MOST (64 * 1024)

/* ---- Failure policies */

static void check_exit_codes(const struct field *codes, const struct name_table *containers)
{
    static const char *const operators[] = {"In", "NotIn"};
    const struct field *operator= FIELD(codes, "operator"), *name = FIELD(codes, "containerName");
    const struct field *values = FIELD(codes, "values");
    int64_t before = INT64_MIN;
    bool ordered = true;
    if (!field_text(operator).n)
        field_required_because(operator, "valid values: [\"In\" \"NotIn\"]");
    else
        CHECK_ONE_OF(operator, operators);
    if (name->value && !name_table_find(containers, field_text(name)))
        field_invalid(name, "must be one of the container or initContainer names in the pod template");
    if (!field_count(values))
        field_invalid_as(values, BYTES("[]"), "at least one value is required");
    else if (field_count(values) > VALUES_MOST)
        field_too_many(values, VALUES_MOST);
    FIELD_EACH(value, values)
    {
        int64_t code = field_integer(&value, 0);
        if (field_is(operator, "In") && code == 0)
            field_invalid(&value, "must not be 0 for the In operator");
        if (value.index && code == before)
            field_duplicate(&value);
        ordered = ordered && code >= before;
        before = code;
    }
    if (!ordered)
        field_invalid(values, "must be ordered");
}

static void check_conditions(const struct field *conditions)
{
    static const char *const statuses[] = {"False", "True", "Unknown"};
    if (field_count(conditions) > RULES_MOST)
        field_too_many(conditions, RULES_MOST);
    FIELD_EACH(condition, conditions)
    {
        const struct field *status = FIELD(&condition, "status");
        check_qualified_name(FIELD(&condition, "type"));
        if (!field_text(status).n)
            field_required_because(status, "valid values: [\"False\" \"True\" \"Unknown\"]");
        else
            CHECK_ONE_OF(status, statuses);
    }
}

static void check_failure_rule(const struct field *rule, const struct field *spec, const struct name_table *containers)
{
    static const char *const actions[] = {"Count", "FailIndex", "FailJob", "Ignore"};
    const struct field *action = FIELD(rule, "action"), *codes = FIELD(rule, "onExitCodes");
    const struct field *conditions = FIELD(rule, "onPodConditions");
    if (!field_text(action).n)
        field_required_because(action, "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
    else if (field_is(action, "FailIndex") && !FIELD(spec, "backoffLimitPerIndex")->value)
        field_invalid(action, "requires the backoffLimitPerIndex to be set");
    else
        CHECK_ONE_OF(action, actions);
    if (codes->value)
        check_exit_codes(codes, containers);
    check_conditions(conditions);
    if (codes->value && field_count(conditions))
        field_invalid_as(rule, BYTES_NONE, "specifying both OnExitCodes and OnPodConditions is not supported");
    if (!codes->value && !field_count(conditions))
        field_invalid_as(rule, BYTES_NONE, "specifying one of OnExitCodes and OnPodConditions is required");
}

void job_failure_policy_check(const struct field *spec)
{
    static const char *const lists[] = {"containers", "initContainers"};
    const struct field *rules = FIELD(FIELD(spec, "podFailurePolicy"), "rules");
    const struct json *pod = tree_at(spec->value, "template", "spec", NULL);
    struct name_table containers = {.arena = spec->check->arena};
    if (field_count(rules) > RULES_MOST)
        field_too_many(rules, RULES_MOST);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *container = tree_first(pod, lists[i]); container; container = container->next)
            (void)name_table_add(&containers, tree_text(container, "name"), NULL);
    FIELD_EACH(rule, rules)
    check_failure_rule(&rule, spec, &containers);
}

/* ---- Success policies */

/* Takes a number; p NULL: it was one and below completions. */
static bytes index_fault(struct arena *arena, bytes text, int64_t completions, int64_t *ret)
{
    uint64_t number;
    bytes digits = text;
    while (digits.n > 1 && digits.p[0] == '0')
        digits = bytes_skip(digits, 1);
    if (!bytes_to_uint64(digits, &number) || number > INT32_MAX)
        return arena_format(arena, "cannot convert string to integer for index: \"%.*s\"", BYTES_FMT(text));
    if ((int64_t)number >= completions)
        return arena_format(arena, "too large index: \"%.*s\"", BYTES_FMT(text));
    *ret = (int64_t)number;
    return BYTES_NONE;
}

bytes job_indexes_fault(struct arena *arena, bytes text, int64_t completions, int64_t *ret_count)
{
    int64_t last = -1, count = 0;
    for (bytes left = text; left.n;) {
        size_t comma = bytes_find(left, ','), dash;
        bytes interval = {left.p, comma}, fault;
        int64_t from = 0, to;
        left = bytes_skip(left, comma < left.n ? comma + 1 : comma);
        dash = bytes_find(interval, '-');
        if (dash < interval.n && bytes_find(bytes_skip(interval, dash + 1), '-') + dash + 1 < interval.n)
            return arena_format(arena,
                "the fragment \"%.*s\" violates the requirement that an index interval can have "
                "at most two parts separated by '-'",
                BYTES_FMT(interval));
        fault = index_fault(arena, (bytes){interval.p, dash}, completions, &from);
        if (fault.p)
            return fault;
        to = from;
        if (dash < interval.n) {
            fault = index_fault(arena, bytes_skip(interval, dash + 1), completions, &to);
            if (fault.p)
                return fault;
        }
        if (last >= from)
            return arena_format(
                arena, "non-increasing order, previous: %lld, current: %lld", (long long)last, (long long)from);
        if (dash < interval.n && from >= to)
            return arena_format(
                arena, "non-increasing order, previous: %lld, current: %lld", (long long)from, (long long)to);
        count += to - from + 1;
        last = to;
    }
    *ret_count = count;
    return BYTES_NONE;
}

static void check_success_rule(const struct field *rule, int64_t completions)
{
    const struct field *count = FIELD(rule, "succeededCount"), *indexes = FIELD(rule, "succeededIndexes");
    int64_t total = 0, needed = field_integer(count, 0);
    if (!count->value && !indexes->value)
        field_required_because(rule, "at least one of succeededCount or succeededIndexes must be specified");
    if (field_text(indexes).n > INDEXES_MOST)
        field_too_long(indexes, INDEXES_MOST);
    bytes fault = job_indexes_fault(rule->check->arena, field_text(indexes), completions, &total);
    if (fault.p)
        field_invalid(indexes, "error parsing succeededIndexes: %.*s", BYTES_FMT(fault));
    if (!count->value)
        return;
    check_not_negative(count);
    if (needed > completions)
        field_invalid(
            count, "must be less than or equal to %lld (the number of specified completions)", (long long)completions);
    if (indexes->value && needed > total)
        field_invalid(count,
            "must be less than or equal to %lld (the number of indexes in the specified succeededIndexes field)",
            (long long)total);
}

void job_success_policy_check(const struct field *spec)
{
    const struct field *rules = FIELD(FIELD(spec, "successPolicy"), "rules");
    if (!field_count(rules))
        field_required_because(rules, "at least one rules must be specified when the successPolicy is specified");
    if (field_count(rules) > RULES_MOST)
        field_too_many(rules, RULES_MOST);
    FIELD_EACH(rule, rules)
    check_success_rule(&rule, field_integer(FIELD(spec, "completions"), 0));
}

/* ---- Status */

static void check_times(const struct field *status, bool complete)
{
    const struct field *start = FIELD(status, "startTime"), *end = FIELD(status, "completionTime");
    int64_t from, to;
    if (end->value && !complete)
        field_invalid(end, "cannot set completionTime when there is no Complete=True condition");
    if (!end->value && complete)
        field_required_because(end, "completionTime is required for Complete jobs");
    if (clock_parse(field_text(start), &from) && clock_parse(field_text(end), &to) && to < from)
        field_invalid(end, "must be equal to or after `startTime`");
}

static void check_status_change(const struct field *job, const struct json *old)
{
    static const char *const terminal[] = {"Failed", "Complete", "FailureTarget"};
    static const char *const counters[] = {"failed", "succeeded"};
    const struct field *status = FIELD(job, "status");
    const struct json *before = json_get(old, BYTES("status"));
    for (size_t i = 0; i < ARRAY_LEN(terminal); i++)
        if (pod_condition_true(old, terminal[i]) && !pod_condition_true(job->value, terminal[i]))
            field_invalid_as(
                FIELD(status, "conditions"), BYTES_NONE, "cannot disable the terminal %s=True condition", terminal[i]);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        const struct field *counter = FIELD(status, counters[i]);
        int64_t now = field_integer(counter, 0);
        if (now < tree_integer(before, counters[i], 0))
            field_invalid_as(counter, arena_format(job->check->arena, "%lld", (long long)now),
                "cannot decrease the %s counter", counters[i]);
    }
}

void job_status_check(const struct field *job, const struct json *old)
{
    static const char *const numbers[] = {"active", "succeeded", "failed", "ready", "terminating"};
    static const struct {
        const char *first, *second;
    } exclusive[] = {{"Complete", "Failed"}, {"Complete", "FailureTarget"}, {"SuccessCriteriaMet", "Failed"},
        {"SuccessCriteriaMet", "FailureTarget"}};
    const struct field *status = FIELD(job, "status"), *conditions = FIELD(status, "conditions");
    bool complete = pod_condition_true(job->value, "Complete"), failed = pod_condition_true(job->value, "Failed");
    WORKLOAD_NUMBERS_CHECK(status, numbers);
    for (size_t i = 0; i < ARRAY_LEN(exclusive); i++)
        if (pod_condition_true(job->value, exclusive[i].first) && pod_condition_true(job->value, exclusive[i].second))
            field_invalid_as(conditions, BYTES_NONE, "cannot set %s=True and %s=true conditions", exclusive[i].first,
                exclusive[i].second);
    check_times(status, complete);
    if (failed && !pod_condition_true(job->value, "FailureTarget"))
        field_invalid_as(
            conditions, BYTES_NONE, "cannot set Failed=True condition without the FailureTarget=true condition");
    if (complete && !pod_condition_true(job->value, "SuccessCriteriaMet"))
        field_invalid_as(
            conditions, BYTES_NONE, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
    if ((complete || failed) && field_integer(FIELD(status, "active"), 0) > 0)
        field_invalid(FIELD(status, "active"), "active>0 is invalid for finished job");
    if ((complete || failed) && !FIELD(status, "startTime")->value)
        field_required_because(FIELD(status, "startTime"), "startTime is required for finished job");
    if (field_integer(FIELD(status, "ready"), 0) > field_integer(FIELD(status, "active"), 0))
        field_invalid(FIELD(status, "ready"), "cannot set more ready pods than active");
    check_status_change(job, old);
}
