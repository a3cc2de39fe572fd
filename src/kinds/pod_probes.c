/* SPDX-License-Identifier: Apache-2.0 */
/* Probes and lifecycle hooks. */
#include "kinds/pod.h"

/* [a-z0-9-], a letter among them, hyphens single and inside, at most 15 characters. */
static void check_port_name(const struct field *port)
{
    bytes name = field_text(port);
    bool fits = name.n > 0, letter = false, doubled = false;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        letter = letter || (c >= 'a' && c <= 'z');
        fits = fits && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
        doubled = doubled || (i && c == '-' && name.p[i - 1] == '-');
    }
    if (name.n > 15)
        field_invalid(port, "must be no more than 15 characters");
    if (!fits)
        field_invalid(port, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    if (!letter)
        field_invalid(port, "must contain at least one letter (a-z)");
    if (doubled)
        field_invalid(port, "must not contain consecutive hyphens");
    if (name.n && (name.p[0] == '-' || name.p[name.n - 1] == '-'))
        field_invalid(port, "must not begin or end with a hyphen");
}

static bool number_is_port(int64_t number)
{
    return number >= 1 && number <= 65535;
}

void check_port(const struct field *port)
{
    if (port->value && port->value->type == JSON_STRING)
        check_port_name(port);
    else if (!number_is_port(field_integer(port, 0)))
        field_invalid_as(port, arena_format(port->check->arena, "%lld", (long long)field_integer(port, 0)),
            "must be between 1 and 65535, inclusive");
}

/* ---- Handlers */

static void check_exec(const struct field *handler, const struct pod_rules_context *context)
{
    (void)context;
    (void)check_not_empty(FIELD(handler, "command"));
}

static bool is_header_name(bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        if (c != '-' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
            return false;
    }
    return name.n > 0;
}

static void check_http(const struct field *handler, const struct pod_rules_context *context)
{
    static const char *const schemes[] = {"HTTP", "HTTPS"};
    const struct field *headers = FIELD(handler, "httpHeaders"), *scheme = FIELD(handler, "scheme");
    (void)context;
    (void)check_not_empty(FIELD(handler, "path"));
    check_port(FIELD(handler, "port"));
    if (!field_is(scheme, "HTTP") && !field_is(scheme, "HTTPS"))
        FIELD_UNSUPPORTED(scheme, schemes);
    FIELD_EACH(header, headers)
    if (!is_header_name(field_text(FIELD(&header, "name"))))
        field_invalid(FIELD_WITH(handler, "httpHeaders", FIELD(&header, "name")->value),
            "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used "
            "for validation is '[-A-Za-z0-9]+')");
}

static void check_socket(const struct field *handler, const struct pod_rules_context *context)
{
    (void)context;
    check_port(FIELD(handler, "port"));
}

static void check_sleep(const struct field *handler, const struct pod_rules_context *context)
{
    int64_t seconds = field_integer(FIELD(handler, "seconds"), 0);
    if (context->has_grace && (seconds < 0 || seconds > context->grace))
        field_invalid_as(handler, arena_format(handler->check->arena, "%lld", (long long)seconds),
            "must be non-negative and less than terminationGracePeriodSeconds (%lld)", (long long)context->grace);
}

static const struct {
    const char *member;
    void (*check)(const struct field *, const struct pod_rules_context *);
} handlers[] = {
    {"exec", check_exec},
    {"httpGet", check_http},
    {"tcpSocket", check_socket},
    {"grpc", check_socket},
    {"sleep", check_sleep},
};

static void check_handler(const struct field *owner, const struct pod_rules_context *context)
{
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        const struct field *handler = FIELD(owner, handlers[i].member);
        if (!handler->value)
            continue;
        if (found)
            field_forbidden(handler, "may not specify more than 1 handler type");
        else
            handlers[i].check(handler, context);
        found = true;
    }
    if (!found)
        field_required_because(owner, "must specify a handler type");
}

/* ---- Probes */

static void check_probe(const struct field *probe, const struct pod_rules_context *context)
{
    static const char *const numbers[] = {
        "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"};
    const struct field *grace = FIELD(probe, "terminationGracePeriodSeconds");
    check_handler(probe, context);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        check_not_negative(FIELD(probe, numbers[i]));
    if (grace->value && field_integer(grace, 0) <= 0)
        field_invalid(grace, "must be greater than 0");
}

void pod_probes_check(const struct field *container, const struct pod_rules_context *context)
{
    static const struct {
        const char *member;
        bool readiness;
    } probes[] = {{"livenessProbe", false}, {"readinessProbe", true}, {"startupProbe", false}};
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        const struct field *probe = FIELD(container, probes[i].member);
        if (!probe->value)
            continue;
        check_probe(probe, context);
        const struct field *grace = FIELD(probe, "terminationGracePeriodSeconds");
        if (probes[i].readiness && grace->value)
            field_invalid(grace, "must not be set for readinessProbes");
        const struct field *successes = FIELD(probe, "successThreshold");
        if (!probes[i].readiness && field_integer(successes, 1) != 1)
            field_invalid(successes, "must be 1");
    }
}

/* ---- Lifecycle */

static void check_stop_signal(const struct field *signal, const struct field *spec)
{
    static const char *const windows[] = {"SIGKILL", "SIGTERM"};
    static const char *const linux_signals[] = {"SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT",
        "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO", "SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR",
        "SIGQUIT", "SIGRTMAX", "SIGRTMAX-1", "SIGRTMAX-10", "SIGRTMAX-11", "SIGRTMAX-12", "SIGRTMAX-13", "SIGRTMAX-14",
        "SIGRTMAX-2", "SIGRTMAX-3", "SIGRTMAX-4", "SIGRTMAX-5", "SIGRTMAX-6", "SIGRTMAX-7", "SIGRTMAX-8", "SIGRTMAX-9",
        "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14",
        "SIGRTMIN+15", "SIGRTMIN+2", "SIGRTMIN+3", "SIGRTMIN+4", "SIGRTMIN+5", "SIGRTMIN+6", "SIGRTMIN+7", "SIGRTMIN+8",
        "SIGRTMIN+9", "SIGSEGV", "SIGSTKFLT", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN",
        "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "SIGXCPU", "SIGXFSZ"};
    const struct field *system = FIELD(FIELD(spec, "os"), "name");
    if (!FIELD(spec, "os")->value)
        field_forbidden(signal, "may not be set for containers with empty `spec.os.name`");
    else if (field_is(system, "windows"))
        CHECK_ONE_OF(signal, windows);
    else if (field_is(system, "linux"))
        CHECK_ONE_OF(signal, linux_signals);
}

void pod_lifecycle_check(
    const struct field *container, const struct field *spec, const struct pod_rules_context *context)
{
    static const char *const hooks[] = {"postStart", "preStop"};
    const struct field *lifecycle = FIELD(container, "lifecycle");
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
        if (FIELD(lifecycle, hooks[i])->value)
            check_handler(FIELD(lifecycle, hooks[i]), context);
    if (FIELD(lifecycle, "stopSignal")->value)
        check_stop_signal(FIELD(lifecycle, "stopSignal"), spec);
}
