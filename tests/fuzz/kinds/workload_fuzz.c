/* SPDX-License-Identifier: Apache-2.0 */
/* Pods and workloads of any content: decoded, defaulted, admitted, checked, printed. The first byte picks the kind; the
 * rest is JSON, and text for the small grammars: schedules, image references, indexes. */
#include "api/schema_value.h"
#include "kinds/job.h"
#include "kinds/kinds.h"
#include "kinds/pod.h"
#include "kinds/pod_admission.h"
#include "kinds/pod_security_standards.h"

#include <stdlib.h>

static const struct kind *const kinds[] = {&pod_kind, &pod_template_kind, &node_kind, &deployment_kind,
    &stateful_set_kind, &daemon_set_kind, &replica_set_kind, &replication_controller_kind, &controller_revision_kind,
    &job_kind, &cron_job_kind};

/* What is fine for `restricted` is for `baseline`. Windows pods are not: validation keeps from them what they need not
 * set there. */
static void judge(struct arena *arena, const struct json *pod)
{
    static const uint64_t minors[] = {0, 18, 20, 28, POD_SECURITY_LATEST};
    const struct json *metadata = json_get(pod, BYTES("metadata")), *spec = json_get(pod, BYTES("spec"));
    bool windows = bytes_equal(tree_text(json_get(spec, BYTES("os")), "name"), BYTES("windows"));
    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        const struct pod_security_standard baseline = {POD_SECURITY_BASELINE, minors[i]},
                                           restricted = {POD_SECURITY_RESTRICTED, minors[i]};
        bytes loose = pod_security_violations(arena, baseline, metadata, spec, true),
              strict = pod_security_violations(arena, restricted, metadata, spec, false);
        if ((!loose.p || !strict.p) && arena->failed == ERR_OK)
            abort();
        if (loose.n > 0 && strict.p && strict.n == 0 && !windows)
            abort();
    }
    (void)pod_security_policy_of(tree_at(metadata, "labels", NULL), POD_SECURITY_BASELINE, NULL);
}

static err_t walk(struct arena *arena, const struct kind *kind, bytes body, struct error *error)
{
    struct warnings warnings = {0};
    struct json *object;
    struct buffer cells;
    buffer_init(&cells, arena);
    TRY(decode_object(arena, kind, BODY_JSON, body, FIELD_VALIDATION_WARN, &warnings, &object, error));
    TRY(object_prepare_create(arena, kind, object, kind->namespaced ? BYTES("d") : BYTES(""), error));
    TRY(schema_set_defaults(arena, kind->schema, object, error));
    if (kind->rules->set_defaults)
        TRY(kind->rules->set_defaults(arena, kind, object, error));
    if (kind == &pod_kind) {
        TRY(pod_admit_service_account(arena, object, BYTES("d"), object, error));
        TRY(pod_admit_tolerations(arena, json_get(object, BYTES("spec")), error));
    }
    const struct json *old = json_copy(arena, object);
    if (kind->rules->prepare)
        TRY(kind->rules->prepare(arena, kind, SUBRESOURCE_NONE, object, NULL, error));
    kind->rules->cells(arena, &cells, kind, object, 0);
    if (kind == &pod_kind)
        judge(arena, object);
    (void)!object_validate(arena, kind, SUBRESOURCE_STATUS, object, old, error);
    error_init(error, arena);
    (void)!object_validate(arena, kind, SUBRESOURCE_NONE, object, old, error);
    error_init(error, arena);
    return object_validate(arena, kind, SUBRESOURCE_NONE, object, NULL, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    int64_t count;
    if (!size)
        return 0;
    bytes body = {data + 1, size - 1};
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    err_t result = walk(&arena, kinds[data[0] % ARRAY_LEN(kinds)], body, &error);
    if (result == ERR_OK && arena.failed != ERR_OK)
        abort();
    (void)pod_pull_policy(body);
    (void)cron_schedule_fault(&arena, body);
    (void)job_indexes_fault(&arena, body, 1000, &count);
    arena_reset(&arena);
    return 0;
}
