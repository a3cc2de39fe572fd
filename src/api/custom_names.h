/* SPDX-License-Identifier: Apache-2.0 */
/* Names that definitions of kinds and objects within objects must have; sentences are literals, at most two. */
#ifndef COFFER_API_CUSTOM_NAMES_H
#define COFFER_API_CUSTOM_NAMES_H

#include "base/bytes.h"

/* RFC 1035 labels: what resources, versions and kinds (in lower case) are called. */
size_t dns1035_label_errors(bytes name, const char *ret[2]);
size_t kind_name_errors(bytes kind, const char *ret[2]);
/* RFC 1123 subdomains: groups. */
size_t dns1123_subdomain_errors(bytes name, const char *ret[2]);

#endif
