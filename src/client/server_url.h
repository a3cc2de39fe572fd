/* SPDX-License-Identifier: Apache-2.0 */
/* The address of a Kubernetes API server. */
#ifndef COFFER_CLIENT_SERVER_URL_H
#define COFFER_CLIENT_SERVER_URL_H

#include "base/arena.h"

/* http or https, a host, maybe a port and a path; no user, query or fragment, and visible ASCII alone. *ret is a copy
 * without the slashes at its end. ERR_INVALID with a sentence that begins with what. */
MUST_CHECK err_t server_url_check(struct arena *, const char *what, const char *url, const char **ret, struct error *);
/* Whether the host of a checked URL is this machine: localhost, 127.0.0.0/8 or ::1. */
bool server_url_is_loopback(const char *url);

#endif
