/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's row in a table: `kubectl get pods` shows what its containers are up to. */
#include "api/present.h"
#include "base/clock.h"
#include "kinds/pod.h"

void put_cell(struct buffer *b, bytes text)
{
    buffer_byte(b, ',');
    json_write_string(b, text);
}

void put_number_cell(struct buffer *b, int64_t number)
{
    buffer_format(b, ",%lld", (long long)number);
}

void age_text(bytes time, int64_t now, char ret[24])
{
    int64_t seconds;
    char age[16];
    if (!time.n || !clock_parse(time, &seconds)) {
        memcpy(ret, "<unknown>", sizeof("<unknown>"));
        return;
    }
    human_duration(now - seconds, age);
    memcpy(ret, age, sizeof(age));
}

const struct json *pod_condition(const struct json *object, const char *type)
{
    const struct json *condition = tree_first(json_get(object, BYTES("status")), "conditions");
    while (condition && !bytes_equal(tree_text(condition, "type"), bytes_of(type)))
        condition = condition->next;
    return condition;
}

bool pod_condition_true(const struct json *object, const char *type)
{
    return bytes_equal(tree_text(pod_condition(object, type), "status"), BYTES("True"));
}

/* ---- What its containers say */

struct row {
    struct arena *arena;
    bytes reason;
    int64_t ready, total, restarts;
    int64_t sidecar_restarts;
    int64_t last, sidecar_last; /* of restarts, wall seconds; 0: none */
    struct name_table sidecars;
};

static const struct json *state_of(const struct json *status, const char *state)
{
    return tree_at(status, "state", state, NULL);
}

static void note_restart(const struct json *status, int64_t *count, int64_t *last)
{
    int64_t seconds;
    bytes finished = tree_text(tree_at(status, "lastState", "terminated", NULL), "finishedAt");
    *count += tree_integer(status, "restartCount", 0);
    if (finished.n && clock_parse(finished, &seconds) && seconds > *last)
        *last = seconds;
}

/* "Error", "ExitCode:1", "Signal:9" */
static bytes end_of(struct row *row, const char *prefix, const struct json *terminated)
{
    bytes reason = tree_text(terminated, "reason");
    int64_t signal = tree_integer(terminated, "signal", 0);
    if (reason.n)
        return arena_format(row->arena, "%s%.*s", prefix, BYTES_FMT(reason));
    return arena_format(row->arena, "%s%s:%lld", prefix, signal ? "Signal" : "ExitCode",
        (long long)(signal ? signal : tree_integer(terminated, "exitCode", 0)));
}

/* Whether the pod still starts up: then the first container that is not done says how. */
static bool is_starting(struct row *row, const struct json *spec, const struct json *status)
{
    const struct json *specs = json_get(spec, BYTES("initContainers"));
    unsigned place = 0;
    const struct json *container = tree_first(status, "initContainerStatuses");
    for (; container; container = container->next, place++) {
        const struct json *ended = state_of(container, "terminated"), *waits = state_of(container, "waiting");
        bool sidecar = name_table_find(&row->sidecars, tree_text(container, "name")) != NULL;
        bytes why = tree_text(waits, "reason");
        note_restart(container, &row->restarts, &row->last);
        if (sidecar)
            note_restart(container, &row->sidecar_restarts, &row->sidecar_last);
        if (ended && tree_integer(ended, "exitCode", 0) == 0)
            continue;
        if (sidecar && tree_true(container, "started")) {
            row->ready += tree_true(container, "ready");
            continue;
        }
        if (ended)
            row->reason = end_of(row, "Init:", ended);
        else if (why.n && !bytes_equal(why, BYTES("PodInitializing")))
            row->reason = arena_format(row->arena, "Init:%.*s", BYTES_FMT(why));
        else
            row->reason = arena_format(row->arena, "Init:%u/%u", place, specs ? specs->count : 0);
        return true;
    }
    return false;
}

/* The first container's state counts most: upstream walks them from the last. */
static void read_containers(struct row *row, const struct json *pod, const struct json *status)
{
    bool running = false, decided = false;
    row->restarts = row->sidecar_restarts;
    row->last = row->sidecar_last;
    const struct json *container = tree_first(status, "containerStatuses");
    for (; container; container = container->next) {
        const struct json *waits = state_of(container, "waiting"), *ended = state_of(container, "terminated");
        bytes why = tree_text(waits, "reason");
        note_restart(container, &row->restarts, &row->last);
        if (why.n || ended) {
            if (!decided)
                row->reason = why.n ? why : end_of(row, "", ended);
            decided = true;
        } else if (tree_true(container, "ready") && state_of(container, "running")) {
            running = true;
            row->ready++;
        }
    }
    if (running && bytes_equal(row->reason, BYTES("Completed")))
        row->reason = pod_condition_true(pod, "Ready") ? BYTES("Running") : BYTES("NotReady");
}

static void read_deletion(struct row *row, const struct json *pod, const struct json *status)
{
    bytes phase = tree_text(status, "phase");
    if (!tree_text(json_get(pod, BYTES("metadata")), "deletionTimestamp").n)
        return;
    if (bytes_equal(tree_text(status, "reason"), BYTES("NodeLost")))
        row->reason = BYTES("Unknown");
    else if (!bytes_equal(phase, BYTES("Failed")) && !bytes_equal(phase, BYTES("Succeeded")))
        row->reason = BYTES("Terminating");
}

static void read_row(struct row *row, const struct json *pod)
{
    const struct json *spec = json_get(pod, BYTES("spec")), *status = json_get(pod, BYTES("status"));
    const struct json *containers = json_get(spec, BYTES("containers"));
    row->total = containers ? containers->count : 0;
    row->sidecars.arena = row->arena;
    for (const struct json *container = tree_first(spec, "initContainers"); container; container = container->next) {
        row->total += pod_is_sidecar(container);
        if (pod_is_sidecar(container))
            (void)name_table_add(&row->sidecars, tree_text(container, "name"), NULL);
    }
    row->reason = tree_text(status, "reason");
    if (!row->reason.n)
        row->reason = tree_text(status, "phase");
    if (bytes_equal(tree_text(pod_condition(pod, "PodScheduled"), "reason"), BYTES("SchedulingGated")))
        row->reason = BYTES("SchedulingGated");
    if (!is_starting(row, spec, status) || pod_condition_true(pod, "Initialized"))
        read_containers(row, pod, status);
    read_deletion(row, pod, status);
}

/* ---- The row */

static void put_or_none(struct buffer *b, bytes text)
{
    put_cell(b, text.n ? text : BYTES("<none>"));
}

static void put_gates(struct arena *arena, struct buffer *b, const struct json *pod)
{
    struct name_table conditions = {.arena = arena};
    const struct json *gates = tree_at(pod, "spec", "readinessGates", NULL);
    unsigned ready = 0;
    if (!gates || !gates->count) {
        put_or_none(b, BYTES_NONE);
        return;
    }
    struct json *condition = tree_first(json_get(pod, BYTES("status")), "conditions");
    for (; condition; condition = condition->next)
        (void)name_table_add(&conditions, tree_text(condition, "type"), condition);
    for (const struct json *gate = gates->first; gate; gate = gate->next) {
        const struct name_row *row = name_table_find(&conditions, tree_text(gate, "conditionType"));
        ready += row && bytes_equal(tree_text(row->value, "status"), BYTES("True"));
    }
    buffer_format(b, ",\"%u/%u\"", ready, gates->count);
}

void pod_cells(struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *pod, int64_t now)
{
    struct row row = {.arena = arena};
    const struct json *status = json_get(pod, BYTES("status"));
    char since[16];
    (void)kind;
    read_row(&row, pod);
    buffer_format(b, ",\"%lld/%lld\"", (long long)row.ready, (long long)row.total);
    put_cell(b, row.reason);
    human_duration(now - row.last, since);
    if (row.restarts && row.last)
        buffer_format(b, ",\"%lld (%s ago)\"", (long long)row.restarts, since);
    else
        buffer_format(b, ",\"%lld\"", (long long)row.restarts);
    put_age_cell(b, pod, now);
    put_or_none(b, tree_text(tree_first(status, "podIPs"), "ip"));
    put_or_none(b, tree_text(json_get(pod, BYTES("spec")), "nodeName"));
    put_or_none(b, tree_text(status, "nominatedNodeName"));
    put_gates(arena, b, pod);
}
