/* SPDX-License-Identifier: Apache-2.0 */
/* Security contexts of pods and containers. Privileged containers are allowed, as --allow-privileged does upstream. */
#include "kinds/pod.h"

static void check_id(const struct field *id)
{
    int64_t number = field_integer(id, 0);
    if (number < 0 || number > INT32_MAX)
        field_invalid(id, "must be between 0 and 2147483647, inclusive");
}

/* "Localhost" needs a profile, the other types have none. */
static void check_seccomp(const struct field *profile)
{
    static const char *const types[] = {"Localhost", "RuntimeDefault", "Unconfined"};
    const struct field *type = FIELD(profile, "type"), *path = FIELD(profile, "localhostProfile");
    if (!profile->value)
        return;
    if (!field_text(type).n)
        field_required_because(type, "type is required when seccompProfile is set");
    else
        CHECK_ONE_OF(type, types);
    if (!field_is(type, "Localhost")) {
        if (path->value)
            field_invalid(FIELD_WITH(profile, "localhostProfile", profile->value),
                "can only be set when seccomp type is Localhost");
    } else if (!path->value) {
        field_required_because(path, "must be set when seccomp type is Localhost");
    } else {
        check_local_path(path);
    }
}

static void check_app_armor(const struct field *profile)
{
    static const char *const types[] = {"Localhost", "RuntimeDefault", "Unconfined"};
    const struct field *type = FIELD(profile, "type"), *name = FIELD(profile, "localhostProfile");
    bytes text = field_text(name);
    if (!profile->value)
        return;
    if (!field_text(type).n) {
        field_required_because(type, "type is required when appArmorProfile is set");
    } else if (!field_is(type, "Localhost")) {
        if (name->value && (field_is(type, "RuntimeDefault") || field_is(type, "Unconfined")))
            field_invalid(name, "can only be set when AppArmor type is Localhost");
        CHECK_ONE_OF(type, types);
    } else if (!text.n) {
        field_required_because(name, "must be set when AppArmor type is Localhost");
    } else {
        if (text.p[0] <= ' ' || text.p[text.n - 1] <= ' ')
            field_invalid(name, "must not be padded with whitespace");
        if (text.n > 4095)
            field_too_long(name, 4095);
    }
}

static void check_escalation(const struct field *context)
{
    const struct field *escalation = FIELD(context, "allowPrivilegeEscalation");
    const struct field *added = FIELD(FIELD(context, "capabilities"), "add");
    if (!escalation->value || field_true(escalation))
        return;
    if (field_true(FIELD(context, "privileged")))
        field_invalid(context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    FIELD_EACH(capability, added)
    if (field_is(&capability, "CAP_SYS_ADMIN"))
        field_invalid(context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
}

void pod_container_security_check(const struct field *security, const struct pod_rules_context *context)
{
    static const char *const mounts[] = {"Default", "Unmasked"};
    const struct field *mount = FIELD(security, "procMount");
    if (!security->value)
        return;
    check_id(FIELD(security, "runAsUser"));
    check_id(FIELD(security, "runAsGroup"));
    if (mount->value) {
        CHECK_ONE_OF(mount, mounts);
        if (context->host_users && field_is(mount, "Unmasked"))
            field_invalid(mount, "`hostUsers` must be false to use `Unmasked`");
    }
    check_seccomp(FIELD(security, "seccompProfile"));
    check_escalation(security);
    check_app_armor(FIELD(security, "appArmorProfile"));
}

/* ---- Pods */

static bool is_low(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Segments of [a-z0-9]([-_a-z0-9]*[a-z0-9])? joined by '.' or '/'. */
static bool is_sysctl(bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool joint = c == '.' || c == '/', inside = c == '-' || c == '_';
        if (!is_low(c) && !joint && !inside)
            return false;
        if (is_low(c))
            continue;
        if (i == 0 || i + 1 == name.n)
            return false;
        uint8_t before = name.p[i - 1], after = name.p[i + 1];
        if (joint && (!is_low(before) || !is_low(after)))
            return false;
        if (inside && (before == '.' || before == '/' || after == '.' || after == '/'))
            return false;
    }
    return name.n > 0 && name.n <= 253;
}

static void check_sysctl(const struct field *sysctl, const struct field *spec, struct name_table *seen)
{
    static const char *const of_host[] = {"kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."};
    const struct field *name = FIELD(sysctl, "name");
    bytes text = field_text(name);
    if (!text.n)
        field_required(name);
    else if (!is_sysctl(text))
        field_invalid(name, "must have at most 253 characters and match regex "
                            "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
    else if (!name_table_add(seen, text, NULL))
        field_duplicate(name);
    if (field_true(FIELD(spec, "hostNetwork")) && bytes_start(text, BYTES("net.")))
        field_invalid(name, "may not be specified when 'hostNetwork' is true");
    for (size_t i = 0; field_true(FIELD(spec, "hostIPC")) && i < ARRAY_LEN(of_host); i++)
        if (bytes_start(text, bytes_of(of_host[i])))
            field_invalid(name, "may not be specified when 'hostIPC' is true");
}

static void check_optional(const struct field *member, const char *const *values, size_t count)
{
    if (member->value)
        check_one_of(member, values, count);
}

void pod_security_check(const struct field *spec)
{
    static const char *const change[] = {"Always", "OnRootMismatch"}, *const groups_policy[] = {"Merge", "Strict"},
                             *const relabel[] = {"MountOption", "Recursive"};
    const struct field *security = FIELD(spec, "securityContext"), *groups = FIELD(security, "supplementalGroups");
    const struct field *shares = FIELD(spec, "shareProcessNamespace"), *sysctls = FIELD(security, "sysctls");
    struct name_table seen = {.arena = spec->check->arena};
    check_id(FIELD(security, "fsGroup"));
    check_id(FIELD(security, "runAsUser"));
    check_id(FIELD(security, "runAsGroup"));
    FIELD_EACH(group, groups)
    check_id(&group);
    if (field_true(shares) && field_true(FIELD(spec, "hostPID")))
        field_invalid(FIELD_WITH(security, "shareProcessNamespace", shares->value),
            "ShareProcessNamespace and HostPID cannot both be enabled");
    FIELD_EACH(sysctl, sysctls)
    check_sysctl(&sysctl, spec, &seen);
    check_optional(FIELD(security, "fsGroupChangePolicy"), change, ARRAY_LEN(change));
    check_seccomp(FIELD(security, "seccompProfile"));
    check_app_armor(FIELD(security, "appArmorProfile"));
    check_optional(FIELD(security, "supplementalGroupsPolicy"), groups_policy, ARRAY_LEN(groups_policy));
    check_optional(FIELD(security, "seLinuxChangePolicy"), relabel, ARRAY_LEN(relabel));
}
