/* SPDX-License-Identifier: Apache-2.0 */
/* Names, addresses and ports as the kinds of networks have them. */
#ifndef COFFER_KINDS_CHECK_NETWORK_H
#define COFFER_KINDS_CHECK_NETWORK_H

#include "kinds/field.h"

bool is_ip(bytes text);
/* Whether the second range, a good one, is a strict part of the first; false when the first is none. */
bool cidr_contains(bytes outer, bytes inner);

/* An IANA service name. */
void check_port_name(const struct field *);
/* RFC 1035, what a service is called. */
void check_service_name(const struct field *);
/* *.example.com */
void check_wildcard_subdomain(const struct field *);
void check_port_number(const struct field *);
/* An address that others can reach: neither unspecified, nor loopback, nor link-local. What is no address passes. */
void check_endpoint_address(const struct field *);

#endif
