/* SPDX-License-Identifier: Apache-2.0 */
/* Creates of pods and workloads with what admission does to pods, in a namespace that has an account `default`. */
#ifndef COFFER_TESTS_KINDS_WORKLOADS_H
#define COFFER_TESTS_KINDS_WORKLOADS_H

#include "kinds/pod.h"
#include "kinds/pod_admission.h"
#include "kinds/workload.h"
#include "writes.h"

static inline const struct json *recorded(const char *name)
{
    struct json *parsed;
    assert_int_equal(json_parse(&arena, golden(name), NULL, &parsed, NULL, &error), ERR_OK);
    return parsed;
}

static inline const struct kind *workload_kind(bytes name)
{
    static const struct kind *const kinds[] = {&pod_kind, &pod_template_kind, &replication_controller_kind, &node_kind,
        &deployment_kind, &replica_set_kind, &stateful_set_kind, &daemon_set_kind, &controller_revision_kind, &job_kind,
        &cron_job_kind};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (bytes_equal(name, bytes_of(kinds[i]->kind)))
            return kinds[i];
    fail_msg("%s", text(name));
    return NULL;
}

static inline err_t admit(struct json *object)
{
    bool known = bytes_equal(pod_service_account(object), BYTES("default"));
    static const struct json account = {.type = JSON_OBJECT};
    TRY(pod_admit_service_account(&arena, object, BYTES("d"), known ? &account : NULL, &error));
    TRY(pod_admit_priority(&arena, object, NULL, &error));
    return pod_admit_tolerations(&arena, json_get(object, BYTES("spec")), &error);
}

/* A new object's status is empty, whatever the client says. */
static inline err_t drop_status(const struct kind *kind, struct json *object)
{
    struct json nothing = {.type = JSON_OBJECT}, *zero;
    const struct schema_property *status = schema_property(kind->schema, BYTES("status"));
    if (kind->keeps_status || !status)
        return ERR_OK;
    TRY(decode_tree(&arena, status->schema, &nothing, FIELD_VALIDATION_IGNORE, NULL, &zero, &error));
    return json_set(object, BYTES("status"), zero) ? ERR_OK : arena_error(&arena, &error);
}

static inline err_t make(const struct kind *kind, const struct json *body, struct json **ret)
{
    struct json *object;
    struct buffer text_of_body;
    buffer_init(&text_of_body, &arena);
    json_write(&text_of_body, body);
    error_init(&error, &arena);
    if (text_of_body.failed)
        return arena_error(&arena, &error);
    TRY(decode_object(
        &arena, kind, BODY_JSON, buffer_bytes(&text_of_body), FIELD_VALIDATION_STRICT, &warnings, &object, &error));
    TRY(drop_status(kind, object));
    TRY(object_prepare_create(&arena, kind, object, kind->namespaced ? BYTES("d") : BYTES(""), &error));
    TRY(schema_set_defaults(&arena, kind->schema, object, &error));
    if (kind->rules->set_defaults)
        TRY(kind->rules->set_defaults(&arena, kind, object, &error));
    if (kind == &pod_kind)
        TRY(admit(object));
    if (kind->rules->prepare)
        TRY(kind->rules->prepare(&arena, kind, SUBRESOURCE_NONE, object, NULL, &error));
    TRY(object_validate(&arena, kind, SUBRESOURCE_NONE, object, NULL, &error));
    *ret = object;
    return ERR_OK;
}

#endif
