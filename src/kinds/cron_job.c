/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "kinds/job.h"
#include "kinds/kinds.h"

#include <fcntl.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo"

static err_t cron_job_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *template = tree_at(object, "spec", "jobTemplate", "spec", "template", NULL);
    TRY(workload_template_set_defaults(arena, template, error));
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static bool has_zone(bytes schedule)
{
    return schedule.n > 1 && memmem(schedule.p, schedule.n, "TZ", 2);
}

static void check_schedule(const struct field *spec, const struct json *old)
{
    const struct field *schedule = FIELD(spec, "schedule");
    bytes text = field_text(schedule);
    bool zone_allowed = has_zone(tree_text(json_get(old, BYTES("spec")), "schedule"));
    if (!check_not_empty(schedule))
        return;
    bytes fault = cron_schedule_fault(spec->check->arena, text);
    if (fault.p)
        field_invalid(schedule, "%.*s", BYTES_FMT(fault));
    if (!has_zone(text))
        return;
    if (!zone_allowed)
        field_invalid(schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    else if (FIELD(spec, "timeZone")->value)
        field_invalid(schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
}

static bool is_zone_part(bytes part)
{
    if (!part.n || part.n > 14 || part.p[0] == '-' || bytes_equal(part, BYTES(".")) || bytes_equal(part, BYTES("..")))
        return false;
    for (size_t i = 0; i < part.n; i++) {
        uint8_t c = part.p[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr(".-_+", c))
            return false;
    }
    return true;
}

static bool is_zone_name(bytes zone)
{
    for (;;) {
        size_t slash = bytes_find(zone, '/');
        if (!is_zone_part((bytes){zone.p, slash}))
            return false;
        if (slash == zone.n)
            return true;
        zone = bytes_skip(zone, slash + 1);
    }
}

/* Whether the system's time zones have it; a system without any takes every name of the right form. */
static bool zone_exists(struct arena *arena, bytes zone)
{
    char magic[4];
    bytes path = arena_format(arena, ZONES "/%.*s", BYTES_FMT(zone));
    if (bytes_equal(zone, BYTES("UTC")) || access(ZONES, F_OK) != 0 || !path.p)
        return true;
    int fd = open((const char *)path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool found = read(fd, magic, sizeof(magic)) == sizeof(magic) && memcmp(magic, "TZif", sizeof(magic)) == 0;
    (void)close(fd);
    return found;
}

static void check_zone(const struct field *zone, const struct json *old)
{
    bytes text = field_text(zone);
    if (!zone->value || (old && json_alike(zone->value, tree_at(old, "spec", "timeZone", NULL))))
        return;
    if (!text.n) {
        field_invalid(zone, "timeZone must be nil or non-empty string");
        return;
    }
    if (!is_zone_name(text)) {
        field_invalid(zone, "unknown time zone %.*s", BYTES_FMT(text));
        return;
    }
    if (text.n == 5 && strncasecmp((const char *)text.p, "Local", 5) == 0)
        field_invalid(zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
    if (!bytes_equal(text, BYTES("Local")) && !zone_exists(zone->check->arena, text))
        field_invalid(zone, "unknown time zone %.*s", BYTES_FMT(text));
}

static void check_job_template(const struct field *template)
{
    static const char *const manual[] = {"nil", "false"};
    const struct field *spec = FIELD(template, "spec");
    job_spec_check(spec);
    if (FIELD(spec, "selector")->value)
        field_invalid(FIELD(spec, "selector"), "`selector` will be auto-generated");
    if (field_true(FIELD(spec, "manualSelector")))
        FIELD_UNSUPPORTED(FIELD(spec, "manualSelector"), manual);
}

static void cron_job_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const char *const policies[] = {"Allow", "Forbid", "Replace"};
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec"), *name = FIELD(FIELD(&root, "metadata"), "name");
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS)
        return;
    check_schedule(spec, old);
    check_not_negative(FIELD(spec, "startingDeadlineSeconds"));
    check_zone(FIELD(spec, "timeZone"), old);
    CHECK_ONE_OF(FIELD(spec, "concurrencyPolicy"), policies);
    check_job_template(FIELD(spec, "jobTemplate"));
    check_not_negative(FIELD(spec, "successfulJobsHistoryLimit"));
    check_not_negative(FIELD(spec, "failedJobsHistoryLimit"));
    if (!old && field_text(name).n > 52)
        field_invalid(name, "must be no more than 52 characters");
}

/* ---- Cells */

static void cron_job_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    const struct json *job = tree_at(spec, "jobTemplate", "spec", NULL);
    const struct json *active = json_get(status, BYTES("active"));
    bytes zone = tree_text(spec, "timeZone"), last = tree_text(status, "lastScheduleTime");
    char since[24] = "<none>";
    (void)kind;
    put_cell(b, tree_text(spec, "schedule"));
    put_cell(b, json_get(spec, BYTES("timeZone")) ? zone : BYTES("<none>"));
    put_cell(b, tree_true(spec, "suspend") ? BYTES("True") : BYTES("False"));
    put_number_cell(b, active ? active->count : 0);
    if (last.n)
        age_text(last, now, since);
    put_cell(b, bytes_of(since));
    put_age_cell(b, object, now);
    put_container_cells(arena, b, tree_at(job, "template", "spec", NULL));
    put_selector_cell(arena, b, json_get(job, BYTES("selector")));
}

static void cron_job_warn(
    struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    const struct json *template = tree_at(object, "spec", "jobTemplate", "spec", "template", NULL);
    (void)kind;
    workload_warn_name(arena, object, "Pod names and hostnames", warnings);
    pod_spec_warn(arena, template, "spec.jobTemplate.spec.template", warnings);
    if (has_zone(tree_text(json_get(object, BYTES("spec")), "schedule")))
        warning_add(arena, warnings,
            BYTES("spec.schedule: TZ or CRON_TZ in schedule is not officially supported, see "
                  "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"));
}

const struct kind_rules cron_job_rules = {
    .set_defaults = cron_job_set_defaults,
    .validate = cron_job_validate,
    .warn = cron_job_warn,
    .cells = cron_job_cells,
};
