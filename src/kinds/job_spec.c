/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/job.h"

#define INDEXED_PARALLELISM_MOST 100000
#define FAILED_INDEXES_MOST      100000
#define COMPLETIONS_SOFT_MOST    100000
#define HIGH_COMPLETIONS_MOST    10000
#define MANAGED_BY_MOST          63

static void check_indexed(const struct field *spec)
{
    const struct field *completions = FIELD(spec, "completions"), *parallelism = FIELD(spec, "parallelism");
    const struct field *failed = FIELD(spec, "maxFailedIndexes");
    int64_t all = field_integer(completions, 0), at_once = field_integer(parallelism, 0);
    int64_t failures = field_integer(failed, 0);
    if (!completions->value)
        field_required_because(completions, "when completion mode is Indexed");
    if (at_once > INDEXED_PARALLELISM_MOST)
        field_invalid(
            parallelism, "must be less than or equal to %d when completion mode is Indexed", INDEXED_PARALLELISM_MOST);
    if (completions->value && failures > all)
        field_invalid(failed, "must be less than or equal to completions");
    if (failures > FAILED_INDEXES_MOST)
        field_invalid(failed, "must be less than or equal to %d", FAILED_INDEXES_MOST);
    if (all <= COMPLETIONS_SOFT_MOST || !FIELD(spec, "backoffLimitPerIndex")->value)
        return;
    if (!failed->value)
        field_required_because(failed, "must be specified when completions is above %d", COMPLETIONS_SOFT_MOST);
    if (at_once > HIGH_COMPLETIONS_MOST)
        field_invalid(parallelism,
            "must be less than or equal to %d when completions are above %d and used with backoff limit per index",
            HIGH_COMPLETIONS_MOST, COMPLETIONS_SOFT_MOST);
    if (failures > HIGH_COMPLETIONS_MOST)
        field_invalid(failed,
            "must be less than or equal to %d when completions are above %d and used with backoff limit per index",
            HIGH_COMPLETIONS_MOST, COMPLETIONS_SOFT_MOST);
}

static void check_mode(const struct field *spec)
{
    static const char *const modes[] = {"NonIndexed", "Indexed"};
    static const char *const indexed_only[] = {"backoffLimitPerIndex", "maxFailedIndexes"};
    const struct field *mode = FIELD(spec, "completionMode");
    if (mode->value)
        CHECK_ONE_OF(mode, modes);
    if (field_is(mode, "Indexed"))
        check_indexed(spec);
    if (mode->value && !field_is(mode, "NonIndexed"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(indexed_only); i++)
        if (FIELD(spec, indexed_only[i])->value)
            field_invalid(FIELD(spec, indexed_only[i]), "requires indexed completion mode");
}

static void check_manager(const struct field *manager)
{
    bytes text = field_text(manager), path;
    size_t slash = bytes_find(text, '/');
    if (!manager->value)
        return;
    if (!text.n) {
        field_required(manager);
        return;
    }
    if (slash == 0 || slash + 1 >= text.n) {
        field_invalid(manager, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    } else {
        path = bytes_skip(text, slash + 1);
        check_dns_subdomain_of(manager, (bytes){text.p, slash});
        for (size_t i = 0; i < path.n; i++)
            if (path.p[i] <= ' ' || path.p[i] == '%' || path.p[i] > '~') {
                field_invalid(manager, "Invalid path (regex used for validation is "
                                       "'[A-Za-z0-9/\\-._~%%!$&'()*+,;=:]+')");
                break;
            }
    }
    if (text.n > MANAGED_BY_MOST)
        field_too_long(manager, MANAGED_BY_MOST);
}

static void check_replacement(const struct field *spec)
{
    static const char *const policies[] = {"Failed", "TerminatingOrFailed"};
    const struct field *policy = FIELD(spec, "podReplacementPolicy");
    bool failed_only = FIELD(spec, "podFailurePolicy")->value != NULL;
    if (policy->value && !field_is(policy, "Failed") && (failed_only || !field_is(policy, "TerminatingOrFailed")))
        field_unsupported(policy, policies, failed_only ? 1 : 2);
}

static void check_restart(const struct field *spec)
{
    static const char *const policies[] = {"OnFailure", "Never"};
    const struct field *restart = FIELD(FIELD(FIELD(spec, "template"), "spec"), "restartPolicy");
    if (field_is(restart, "Always") || !field_text(restart).n)
        field_required_because(restart, "valid values: \"OnFailure\", \"Never\"");
    else if (!field_is(restart, "OnFailure") && !field_is(restart, "Never"))
        FIELD_UNSUPPORTED(restart, policies);
    else if (FIELD(spec, "podFailurePolicy")->value && !field_is(restart, "Never"))
        field_invalid(restart, "only \"Never\" is supported when podFailurePolicy is specified");
}

void job_spec_check(const struct field *spec)
{
    static const char *const numbers[] = {"parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
        "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"};
    const struct field *success = FIELD(spec, "successPolicy");
    WORKLOAD_NUMBERS_CHECK(spec, numbers);
    if (FIELD(spec, "maxFailedIndexes")->value && !FIELD(spec, "backoffLimitPerIndex")->value)
        field_required_because(FIELD(spec, "backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    check_manager(FIELD(spec, "managedBy"));
    check_mode(spec);
    if (FIELD(spec, "podFailurePolicy")->value)
        job_failure_policy_check(spec);
    if (success->value && !field_is(FIELD(spec, "completionMode"), "Indexed"))
        field_invalid(success, "requires indexed completion mode");
    else if (success->value)
        job_success_policy_check(spec);
    check_replacement(spec);
    pod_template_check(FIELD(spec, "template"));
    check_restart(spec);
}
