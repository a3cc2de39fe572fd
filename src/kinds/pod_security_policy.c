/* SPDX-License-Identifier: Apache-2.0 */
/* What the labels of a namespace say about the standards of its pods. */
#include "base/arena.h"
#include "kinds/pod_security_standards.h"

#define LABEL_PREFIX "pod-security.kubernetes.io/"

const char *const pod_security_levels[] = {"privileged", "baseline", "restricted", NULL};

void pod_security_standard_write(struct buffer *b, struct pod_security_standard standard)
{
    buffer_text(b, pod_security_levels[standard.level]);
    if (standard.minor == POD_SECURITY_LATEST)
        buffer_text(b, ":latest");
    else
        buffer_format(b, ":v1.%llu", (unsigned long long)standard.minor);
}

bool pod_security_standard_equal(struct pod_security_standard a, struct pod_security_standard b)
{
    return a.level == b.level && a.minor == b.minor;
}

/* ---- One label. */

static bool parse_level(bytes text, enum pod_security_level *ret)
{
    for (unsigned i = 0; pod_security_levels[i]; i++) {
        if (!bytes_equal(text, bytes_of(pod_security_levels[i])))
            continue;
        *ret = (enum pod_security_level)i;
        return true;
    }
    return false;
}

/* "latest" or "v1.N", where N is a Go int without leading zeros. */
static bool parse_version(bytes text, uint64_t *ret)
{
    *ret = POD_SECURITY_LATEST;
    if (bytes_equal(text, BYTES("latest")))
        return true;
    return bytes_start(text, BYTES("v1.")) && bytes_to_uint64(bytes_skip(text, 3), ret) && *ret <= INT64_MAX;
}

static void refuse(struct error *error, bytes label, bytes value, const char *why)
{
    bytes path = error && error->arena
                     ? arena_join(error->arena, BYTES("metadata.labels["), label, BYTES("]"), ARENA_END)
                     : BYTES_NONE;
    error_cause(error, "FieldValueInvalid", path, "Invalid value: \"%.*s\": %s", BYTES_FMT(value), why);
}

/* ---- A mode: two labels. */

enum given { GIVEN_NOTHING, GIVEN_LEVEL, GIVEN_NONSENSE };

struct mode {
    bytes level, version; /* labels */
    enum pod_security_level failed;
};
static const struct mode enforce_mode = {BYTES(LABEL_PREFIX "enforce"), BYTES(LABEL_PREFIX "enforce-version"),
                             POD_SECURITY_RESTRICTED},
                         audit_mode = {BYTES(LABEL_PREFIX "audit"), BYTES(LABEL_PREFIX "audit-version"),
                             POD_SECURITY_PRIVILEGED},
                         warn_mode = {
                             BYTES(LABEL_PREFIX "warn"), BYTES(LABEL_PREFIX "warn-version"), POD_SECURITY_PRIVILEGED};

static enum given read_mode(
    const struct json *labels, const struct mode *mode, struct pod_security_standard *standard, struct error *error)
{
    const struct json *level = json_get(labels, mode->level), *version = json_get(labels, mode->version);
    enum given given = level ? GIVEN_LEVEL : GIVEN_NOTHING;

    if (level && !parse_level(level->text, &standard->level)) {
        given = GIVEN_NONSENSE;
        standard->level = mode->failed;
        refuse(error, mode->level, level->text, "must be one of privileged, baseline, restricted");
    }
    if (version && !parse_version(version->text, &standard->minor)) {
        standard->minor = POD_SECURITY_LATEST;
        refuse(error, mode->version, version->text, "must be \"latest\" or \"v1.x\"");
    }
    return given;
}

struct pod_security_policy pod_security_policy_of(
    const struct json *labels, enum pod_security_level by_default, struct error *error)
{
    const struct pod_security_standard standard = {by_default, POD_SECURITY_LATEST};
    struct pod_security_policy policy = {standard, standard, standard};
    enum given enforced = read_mode(labels, &enforce_mode, &policy.enforce, error);
    (void)read_mode(labels, &audit_mode, &policy.audit, error);
    enum given warned = read_mode(labels, &warn_mode, &policy.warn, error);

    /* What is going to be refused is warned of where only warnings are given: in templates. */
    if (warned == GIVEN_NOTHING && enforced == GIVEN_LEVEL && policy.enforce.level > policy.warn.level) {
        policy.warn.level = policy.enforce.level;
        if (!json_get(labels, warn_mode.version))
            policy.warn.minor = policy.enforce.minor;
    }
    return policy;
}

static bool equivalent(struct pod_security_standard a, struct pod_security_standard b)
{
    return a.level == b.level && (a.minor == b.minor || a.level == POD_SECURITY_PRIVILEGED);
}

bool pod_security_policy_equivalent(const struct pod_security_policy *a, const struct pod_security_policy *b)
{
    return equivalent(a->enforce, b->enforce) && equivalent(a->audit, b->audit) && equivalent(a->warn, b->warn);
}

bool pod_security_policy_allows_all(const struct pod_security_policy *policy)
{
    return policy->enforce.level == POD_SECURITY_PRIVILEGED && policy->audit.level == POD_SECURITY_PRIVILEGED &&
           policy->warn.level == POD_SECURITY_PRIVILEGED;
}

void pod_security_policy_write(struct buffer *b, const struct pod_security_policy *policy, const struct json *labels)
{
    const struct {
        const char *name;
        const struct mode *mode;
        struct pod_security_standard standard;
    } rows[] = {{"enforce=", &enforce_mode, policy->enforce}, {"audit=", &audit_mode, policy->audit},
        {"warn=", &warn_mode, policy->warn}};
    const char *separator = "";

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].standard.level == POD_SECURITY_PRIVILEGED ||
            (!json_get(labels, rows[i].mode->level) && !json_get(labels, rows[i].mode->version)))
            continue;
        buffer_text(b, separator);
        buffer_text(b, rows[i].name);
        pod_security_standard_write(b, rows[i].standard);
        separator = ", ";
    }
}
