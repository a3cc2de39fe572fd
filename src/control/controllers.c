/* SPDX-License-Identifier: Apache-2.0 */
#include "control/controllers.h"

const struct controller *const *controllers_all(size_t *ret_count)
{
    static const struct controller *const all[] = {
        &definition_controller,
        &cluster_role_aggregation_controller,
        &namespace_controller,
        &service_account_controller,
        &root_ca_controller,
        &event_controller,
        &kubernetes_service_controller,
        &resource_quota_controller,
        &garbage_collector,
        &certificate_controller,
        &account_token_controller,
        &flow_schema_controller,
    };
    *ret_count = ARRAY_LEN(all);
    return all;
}

void namespace_changed(
    struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    const struct json *metadata = json_get(object, BYTES("metadata"));
    if (kind->namespaced && type != API_ADDED)
        worker_enqueue(worker, json_text(metadata, BYTES("namespace")), 0);
    else if (!kind->namespaced && type != API_DELETED && !json_get(metadata, BYTES("deletionTimestamp")))
        worker_enqueue(worker, json_text(metadata, BYTES("name")), 0);
}
