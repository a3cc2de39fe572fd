/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers, a file each. Inside src/control only. */
#ifndef COFFER_CONTROL_CONTROLLERS_H
#define COFFER_CONTROL_CONTROLLERS_H

#include "control/control.h"

extern const struct controller account_token_controller;
extern const struct controller certificate_controller, cluster_role_aggregation_controller, definition_controller,
    event_controller, flow_schema_controller, garbage_collector, kubernetes_service_controller, namespace_controller,
    resource_quota_controller, root_ca_controller, service_account_controller;

/* For collections that every namespace has one object in: a namespace that came or changed, and an object that changed
 * or went, ask for the namespace. */
void namespace_changed(struct worker *, const struct kind *, const struct json *object, enum api_event_type);

#endif
