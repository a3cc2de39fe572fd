/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of the Pod Security Standards: one table, by level and by the minor versions that a row is for. */
#include "kinds/pod.h"
#include "kinds/pod_security_inquiry.h"
#include "text/utf8.h"

static const struct json *security_of(const struct json *owner, const char *member)
{
    return tree_at(owner, "securityContext", member, NULL);
}

static bool is_allowed(const struct inquiry *q, bytes value)
{
    for (const char *const *allowed = q->allowed; *allowed; allowed++)
        if (bytes_equal(value, bytes_of(*allowed)))
            return true;
    return false;
}

static bool note_unless_allowed(struct inquiry *q, bytes value)
{
    if (is_allowed(q, value))
        return false;
    words_add(q, &q->values, value);
    return true;
}

static bool is_true(const struct json *value)
{
    return value && value->type == JSON_TRUE;
}

static bool is_false(const struct json *value)
{
    return value && value->type == JSON_FALSE;
}

/* ---- Baseline. */

static bool has_app_armor(struct inquiry *q, const struct json *owner)
{
    const struct json *profile = security_of(owner, "appArmorProfile");
    return profile && note_unless_allowed(q, tree_text(profile, "type"));
}

/* "key="value"": as Go's %s=%q makes it. */
static void add_annotation(struct inquiry *q, struct words *words, const struct json *annotation)
{
    bytes value = utf8_quote(q->arena, annotation->text),
          word = value.p ? arena_join(q->arena, annotation->key, BYTES("="), value, ARENA_END) : BYTES_NONE;
    if (word.p)
        words_add(q, words, word);
    else
        q->detail.failed = true;
}

static void check_app_armor_profile(struct inquiry *q)
{
    struct words annotations = {0};
    bool found = inquiry_find(q, has_app_armor);
    words_settle(&q->values);
    for (const struct json *a = tree_first(q->metadata, "annotations"); a; a = a->next)
        if (bytes_start(a->key, BYTES(APP_ARMOR_ANNOTATION)) && a->text.n > 0 &&
            !bytes_equal(a->text, BYTES("runtime/default")) && !bytes_start(a->text, BYTES(APP_ARMOR_LOCALHOST)))
            add_annotation(q, &annotations, a);
    if (!found && annotations.count == 0)
        return;
    words_settle(&annotations);
    for (size_t i = 0; i < annotations.count; i++)
        words_add(q, &q->values, annotations.items[i]);
    if (q->values.count == 1)
        q->reason = "forbidden AppArmor profile";
    inquiry_put_owners(q);
    if (annotations.count > 0)
        buffer_format(&q->detail, "%sannotation%s", found ? " and " : "", annotations.count == 1 ? "" : "s");
    buffer_text(&q->detail, " must not set AppArmor profile type to ");
    inquiry_put_words(q, &q->values, "\"");
}

static bool adds_capabilities(struct inquiry *q, const struct json *owner)
{
    bool found = false;
    for (const struct json *c = tree_first(security_of(owner, "capabilities"), "add"); c; c = c->next)
        found |= note_unless_allowed(q, c->text);
    return found;
}

static void put_added_capabilities(struct inquiry *q)
{
    words_settle(&q->values);
    inquiry_put_named(q, "container", &q->containers);
    buffer_text(&q->detail, " must not include ");
    inquiry_put_words(q, &q->values, "\"");
    buffer_text(&q->detail, " in securityContext.capabilities.add");
}

static void check_added_capabilities(struct inquiry *q)
{
    if (inquiry_find_in_containers(q, adds_capabilities))
        put_added_capabilities(q);
}

static void check_host_namespaces(struct inquiry *q)
{
    static const char *const members[] = {"hostNetwork", "hostPID", "hostIPC"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (tree_true(q->spec, members[i]))
            buffer_format(&q->detail, "%s%s=true", q->detail.n > 0 ? ", " : "", members[i]);
}

static void check_host_path_volumes(struct inquiry *q)
{
    for (const struct json *volume = tree_first(q->spec, "volumes"); volume; volume = volume->next)
        if (json_get(volume, BYTES("hostPath")))
            words_add(q, &q->values, tree_text(volume, "name"));
    if (q->values.count > 0)
        inquiry_put_named(q, "volume", &q->values);
}

static bool has_host_port(struct inquiry *q, const struct json *container)
{
    bool found = false;
    for (const struct json *port = tree_first(container, "ports"); port; port = port->next) {
        int64_t number = tree_integer(port, "hostPort", 0);
        if (number == 0)
            continue;
        bytes text = arena_format(q->arena, "%lld", (long long)number);
        words_add(q, &q->values, text);
        q->detail.failed |= !text.p;
        found = true;
    }
    return found;
}

static void check_host_ports(struct inquiry *q)
{
    if (!inquiry_find_in_containers(q, has_host_port))
        return;
    words_settle(&q->values);
    inquiry_put_named(q, "container", &q->containers);
    buffer_format(
        &q->detail, " %s hostPort%s ", q->containers.count == 1 ? "uses" : "use", q->values.count == 1 ? "" : "s");
    inquiry_put_words(q, &q->values, "");
}

static bool handler_has_host(struct inquiry *q, const struct json *handler)
{
    static const char *const members[] = {"httpGet", "tcpSocket"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        bytes host = tree_text(json_get(handler, bytes_of(members[i])), "host");
        if (host.n == 0)
            continue;
        words_add(q, &q->values, host);
        found = true;
    }
    return found;
}

static bool has_probe_host(struct inquiry *q, const struct json *container)
{
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"}, *const hooks[] = {
                                                                                                 "postStart",
                                                                                                 "preStop"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(probes); i++)
        found |= handler_has_host(q, json_get(container, bytes_of(probes[i])));
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
        found |= handler_has_host(q, tree_at(container, "lifecycle", hooks[i], NULL));
    return found;
}

static void check_probe_hosts(struct inquiry *q)
{
    if (!inquiry_find_in_containers(q, has_probe_host))
        return;
    words_settle(&q->containers);
    words_settle(&q->values);
    inquiry_put_named(q, "container", &q->containers);
    buffer_text(&q->detail, q->containers.count == 1 ? " uses " : " use ");
    inquiry_put_named(q, "probe or lifecycle host", &q->values);
}

static bool is_privileged(struct inquiry *q, const struct json *container)
{
    (void)q;
    return is_true(security_of(container, "privileged"));
}

static void check_privileged(struct inquiry *q)
{
    if (!inquiry_find_in_containers(q, is_privileged))
        return;
    inquiry_put_named(q, "container", &q->containers);
    buffer_text(&q->detail, " must not set securityContext.privileged=true");
}

static bool has_proc_mount(struct inquiry *q, const struct json *container)
{
    const struct json *mount = security_of(container, "procMount");
    return mount && note_unless_allowed(q, mount->text);
}

static void check_proc_mount(struct inquiry *q)
{
    if (!inquiry_find_in_containers(q, has_proc_mount))
        return;
    words_settle(&q->values);
    inquiry_put_named(q, "container", &q->containers);
    buffer_text(&q->detail, " must not set securityContext.procMount to ");
    inquiry_put_words(q, &q->values, "\"");
}

static bool has_selinux_options(struct inquiry *q, const struct json *owner)
{
    const struct json *options = security_of(owner, "seLinuxOptions");
    bool type = options && note_unless_allowed(q, tree_text(options, "type"));
    bool user = tree_text(options, "user").n > 0, role = tree_text(options, "role").n > 0;
    q->user |= user;
    q->role |= role;
    return type || user || role;
}

static void check_selinux_options(struct inquiry *q)
{
    const char *separator = "";
    if (!inquiry_find(q, has_selinux_options))
        return;
    words_settle(&q->values);
    inquiry_put_owners(q);
    buffer_text(&q->detail, " set forbidden securityContext.seLinuxOptions: ");
    if (q->values.count > 0) {
        inquiry_put_named(q, "type", &q->values);
        separator = "; ";
    }
    if (q->user) {
        buffer_format(&q->detail, "%suser may not be set", separator);
        separator = "; ";
    }
    if (q->role)
        buffer_format(&q->detail, "%srole may not be set", separator);
}

/* ---- Seccomp: annotations before 1.19, then fields. */

static void check_seccomp_annotation(struct inquiry *q, bytes key)
{
    const struct json *annotation = key.p ? json_get(json_get(q->metadata, BYTES("annotations")), key) : NULL;
    q->detail.failed |= !key.p;
    if (annotation && !is_allowed(q, annotation->text) && !bytes_start(annotation->text, BYTES("localhost/")))
        add_annotation(q, &q->values, annotation);
}

static void check_seccomp_annotations(struct inquiry *q)
{
    size_t list = 0;
    check_seccomp_annotation(q, BYTES("seccomp.security.alpha.kubernetes.io/pod"));
    for (const struct json *c = NULL; (c = inquiry_next_container(q, c, &list));)
        check_seccomp_annotation(q, arena_join(q->arena, BYTES("container.seccomp.security.alpha.kubernetes.io/"),
                                        tree_text(c, "name"), ARENA_END));
    if (q->values.count == 0)
        return;
    words_settle(&q->values);
    buffer_format(&q->detail, "forbidden annotation%s ", q->values.count == 1 ? "" : "s");
    inquiry_put_words(q, &q->values, "");
}

static bool has_seccomp(struct inquiry *q, const struct json *owner)
{
    const struct json *profile = security_of(owner, "seccompProfile");
    return profile && note_unless_allowed(q, tree_text(profile, "type"));
}

static bool lacks_seccomp(struct inquiry *q, const struct json *owner)
{
    (void)q;
    return !security_of(owner, "seccompProfile");
}

static void check_seccomp_profile(struct inquiry *q)
{
    if (!inquiry_find(q, has_seccomp))
        return;
    words_settle(&q->values);
    inquiry_put_owners(q);
    buffer_text(&q->detail, " must not set securityContext.seccompProfile.type to ");
    inquiry_put_words(q, &q->values, "\"");
}

static void check_seccomp_profile_required(struct inquiry *q)
{
    check_seccomp_profile(q);
    if (q->detail.n > 0 || !lacks_seccomp(q, q->spec) || !inquiry_find_in_containers(q, lacks_seccomp))
        return;
    buffer_text(&q->detail, "pod or ");
    inquiry_put_named(q, "container", &q->containers);
    buffer_text(&q->detail, " must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"");
}

/* ---- Baseline, the rest. */

static void check_sysctls(struct inquiry *q)
{
    const struct json *sysctl = tree_first(json_get(q->spec, BYTES("securityContext")), "sysctls");
    for (; sysctl; sysctl = sysctl->next)
        (void)note_unless_allowed(q, tree_text(sysctl, "name"));
    inquiry_put_words(q, &q->values, "");
}

static bool has_host_process(struct inquiry *q, const struct json *owner)
{
    (void)q;
    return tree_true(security_of(owner, "windowsOptions"), "hostProcess");
}

static void check_windows_host_process(struct inquiry *q)
{
    if (!inquiry_find(q, has_host_process))
        return;
    inquiry_put_owners(q);
    buffer_text(&q->detail, " must not set securityContext.windowsOptions.hostProcess=true");
}

/* ---- Restricted. */

static bool may_escalate(struct inquiry *q, const struct json *container)
{
    (void)q;
    return !is_false(security_of(container, "allowPrivilegeEscalation"));
}

static void check_privilege_escalation(struct inquiry *q)
{
    if (!inquiry_find_in_containers(q, may_escalate))
        return;
    inquiry_put_named(q, "container", &q->containers);
    buffer_text(&q->detail, " must set securityContext.allowPrivilegeEscalation=false");
}

static bool keeps_capabilities(struct inquiry *q, const struct json *container)
{
    (void)q;
    for (const struct json *c = tree_first(security_of(container, "capabilities"), "drop"); c; c = c->next)
        if (bytes_equal(c->text, BYTES("ALL")))
            return false;
    return true;
}

static void check_dropped_capabilities(struct inquiry *q)
{
    if (inquiry_find_in_containers(q, keeps_capabilities)) {
        inquiry_put_named(q, "container", &q->containers);
        buffer_text(&q->detail, " must set securityContext.capabilities.drop=[\"ALL\"]");
    }
    q->containers.count = 0;
    if (!inquiry_find_in_containers(q, adds_capabilities))
        return;
    buffer_text(&q->detail, q->detail.n > 0 ? "; " : "");
    put_added_capabilities(q);
}

/* A volume is of the type that its source is named by, the member beside its name. */
static bool has_restricted_type(struct inquiry *q, const struct json *volume)
{
    bool sourced = false;
    for (const struct json *member = volume->type == JSON_OBJECT ? volume->first : NULL; member;
         member = member->next) {
        if (bytes_equal(member->key, BYTES("name")))
            continue;
        if (note_unless_allowed(q, member->key))
            return true;
        sourced = true;
    }
    return !sourced && note_unless_allowed(q, BYTES("unknown"));
}

static void check_volume_types(struct inquiry *q)
{
    struct words volumes = {0};
    for (const struct json *volume = tree_first(q->spec, "volumes"); volume; volume = volume->next)
        if (has_restricted_type(q, volume))
            words_add(q, &volumes, tree_text(volume, "name"));
    if (volumes.count == 0)
        return;
    words_settle(&q->values);
    inquiry_put_named(q, "volume", &volumes);
    buffer_text(&q->detail, volumes.count == 1 ? " uses " : " use ");
    inquiry_put_named(q, "restricted volume type", &q->values);
}

static bool runs_as_root(struct inquiry *q, const struct json *owner)
{
    (void)q;
    return is_false(security_of(owner, "runAsNonRoot"));
}

static bool may_run_as_root(struct inquiry *q, const struct json *owner)
{
    (void)q;
    return !security_of(owner, "runAsNonRoot");
}

static void check_run_as_non_root(struct inquiry *q)
{
    if (inquiry_find(q, runs_as_root)) {
        inquiry_put_owners(q);
        buffer_text(&q->detail, " must not set securityContext.runAsNonRoot=false");
    } else if (may_run_as_root(q, q->spec) && inquiry_find_in_containers(q, may_run_as_root)) {
        buffer_text(&q->detail, "pod or ");
        inquiry_put_named(q, "container", &q->containers);
        buffer_text(&q->detail, " must set securityContext.runAsNonRoot=true");
    }
}

static bool is_user_root(struct inquiry *q, const struct json *owner)
{
    (void)q;
    return tree_integer(json_get(owner, BYTES("securityContext")), "runAsUser", -1) == 0;
}

static void check_run_as_user(struct inquiry *q)
{
    if (!inquiry_find(q, is_user_root))
        return;
    inquiry_put_owners(q);
    buffer_text(&q->detail, " must not set runAsUser=0");
}

/* ---- The table. */

static const char *const profile_types[] = {"RuntimeDefault", "Localhost", NULL};
static const char *const seccomp_annotations[] = {"runtime/default", "docker/default", NULL};
static const char *const capabilities[] = {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", NULL};
static const char *const restricted_capabilities[] = {"NET_BIND_SERVICE", NULL};
static const char *const proc_mounts[] = {"Default", NULL};
static const char *const selinux_types[] = {"", "container_t", "container_init_t", "container_kvm_t", NULL};
static const char *const selinux_types_31[] = {
    "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", NULL};
#define SYSCTLS                                                                                                        \
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",  \
        "net.ipv4.ip_unprivileged_port_start"
#define SYSCTLS_27 SYSCTLS, "net.ipv4.ip_local_reserved_ports"
#define SYSCTLS_29                                                                                                     \
    SYSCTLS_27, "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",             \
        "net.ipv4.tcp_keepalive_probes"
#define SYSCTLS_32 SYSCTLS_29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"
static const char *const sysctls[] = {SYSCTLS, NULL}, *const sysctls_27[] = {SYSCTLS_27, NULL},
                         *const sysctls_29[] = {SYSCTLS_29, NULL}, *const sysctls_32[] = {SYSCTLS_32, NULL};
static const char *const volume_types[] = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image",
    "persistentVolumeClaim", "projected", "secret", NULL};

#define BASELINE   (1u << POD_SECURITY_BASELINE)
#define RESTRICTED (1u << POD_SECURITY_RESTRICTED)
#define BOTH       (BASELINE | RESTRICTED)
#define FOREVER    UINT64_MAX

/* In the order in which violations are told: by level, then by upstream's name of the check. Where `restricted` has a
 * stricter check of the same thing, that stands in its place. */
static const struct standard_check {
    const char *reason;
    unsigned levels;
    uint64_t from, until; /* minor versions: from <= version < until */
    void (*run)(struct inquiry *);
    const char *const *allowed;
    bool not_windows; /* passes for pods whose spec.os is windows: it asks for what they cannot set */
} checks[] = {
    {"forbidden AppArmor profiles", BOTH, 0, FOREVER, check_app_armor_profile, profile_types},
    {"non-default capabilities", BOTH, 0, 22, check_added_capabilities, capabilities},
    {"non-default capabilities", BASELINE, 22, FOREVER, check_added_capabilities, capabilities},
    {"host namespaces", BOTH, 0, FOREVER, check_host_namespaces},
    {"hostPath volumes", BASELINE, 0, FOREVER, check_host_path_volumes},
    {"hostPort", BOTH, 0, FOREVER, check_host_ports},
    {"probe or lifecycle host", BOTH, 34, FOREVER, check_probe_hosts},
    {"privileged", BOTH, 0, FOREVER, check_privileged},
    {"procMount", BOTH, 0, FOREVER, check_proc_mount, proc_mounts},
    {"seLinuxOptions", BOTH, 0, 31, check_selinux_options, selinux_types},
    {"seLinuxOptions", BOTH, 31, FOREVER, check_selinux_options, selinux_types_31},
    {"seccompProfile", BOTH, 0, 19, check_seccomp_annotations, seccomp_annotations},
    {"seccompProfile", BASELINE, 19, FOREVER, check_seccomp_profile, profile_types},
    {"forbidden sysctls", BOTH, 0, 27, check_sysctls, sysctls},
    {"forbidden sysctls", BOTH, 27, 29, check_sysctls, sysctls_27},
    {"forbidden sysctls", BOTH, 29, 32, check_sysctls, sysctls_29},
    {"forbidden sysctls", BOTH, 32, FOREVER, check_sysctls, sysctls_32},
    {"hostProcess", BOTH, 0, FOREVER, check_windows_host_process},
    {"allowPrivilegeEscalation != false", RESTRICTED, 8, 25, check_privilege_escalation},
    {"allowPrivilegeEscalation != false", RESTRICTED, 25, FOREVER, check_privilege_escalation, NULL, true},
    {"unrestricted capabilities", RESTRICTED, 22, 25, check_dropped_capabilities, restricted_capabilities},
    {"unrestricted capabilities", RESTRICTED, 25, FOREVER, check_dropped_capabilities, restricted_capabilities, true},
    {"restricted volume types", RESTRICTED, 0, FOREVER, check_volume_types, volume_types},
    {"runAsNonRoot != true", RESTRICTED, 0, FOREVER, check_run_as_non_root},
    {"runAsUser=0", RESTRICTED, 23, FOREVER, check_run_as_user},
    {"seccompProfile", RESTRICTED, 19, 25, check_seccomp_profile_required, profile_types},
    {"seccompProfile", RESTRICTED, 25, FOREVER, check_seccomp_profile_required, profile_types, true},
};

static bool applies(const struct standard_check *check, struct pod_security_standard standard, bool windows)
{
    return (check->levels & 1u << standard.level) != 0 && standard.minor >= check->from &&
           (standard.minor < check->until || check->until == FOREVER) && !(windows && check->not_windows);
}

bytes pod_security_violations(struct arena *arena, struct pod_security_standard standard, const struct json *metadata,
    const struct json *spec, bool details)
{
    bool windows = bytes_equal(tree_text(json_get(spec, BYTES("os")), "name"), BYTES("windows"));
    struct buffer all;

    buffer_init(&all, arena);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct inquiry q = {arena, metadata, spec, checks[i].allowed, checks[i].reason};
        if (!applies(&checks[i], standard, windows))
            continue;
        buffer_init(&q.detail, arena);
        checks[i].run(&q);
        all.failed |= q.detail.failed;
        if (q.detail.n == 0)
            continue;
        buffer_format(&all, "%s%s", all.n > 0 ? ", " : "", q.reason);
        if (details)
            buffer_format(&all, " (%.*s)", BYTES_FMT(buffer_bytes(&q.detail)));
    }
    if (all.failed)
        return BYTES_NONE;
    return all.n > 0 ? buffer_bytes(&all) : BYTES("");
}
