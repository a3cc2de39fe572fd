/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of Service. */
#ifndef COFFER_KINDS_SERVICE_H
#define COFFER_KINDS_SERVICE_H

#include "kinds/check_network.h"
#include "kinds/kinds.h"
#include "kinds/tree.h"

#define NODE_PORT_FIRST 30000
#define NODE_PORT_LAST  32767

/* What a service has, by its spec. */
bool service_is(const struct json *spec, const char *type);
bool service_is_headless(const struct json *spec);
bool service_has_cluster_ip(const struct json *spec);  /* all types but ExternalName */
bool service_has_node_ports(const struct json *spec);  /* may have them */
bool service_has_health_port(const struct json *spec); /* needs one */
bool service_is_external(const struct json *spec);

/* Addresses and ports: drawn, kept over updates, and taken back with the type that needed them; as
 * kind_rules.prepare. */
MUST_CHECK err_t service_prepare(
    struct arena *, const struct kind *, enum subresource, struct json *object, const struct json *old, struct error *);
/* What upstream's allocators say of them; where they say something, nothing else is looked at. */
void service_allocation_check(const struct field *spec, const struct json *old);

/* As kind_rules has them. */
void service_validate(struct arena *, const struct kind *, enum subresource, const struct json *object,
    const struct json *old, struct error *);
void service_warn(struct arena *, const struct kind *, const struct json *object, struct warnings *);

#endif
