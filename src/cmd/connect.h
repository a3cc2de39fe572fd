/* SPDX-License-Identifier: Apache-2.0 */
/* A command's way to a server, by a kubeconfig that was loaded. */
#ifndef COFFER_CMD_CONNECT_H
#define COFFER_CMD_CONNECT_H

#include "client/api_client.h"
#include "cmd/command.h"

/* Runs the kubeconfig's plugin when it has one, warns of what is not verified or not encrypted, and makes the client,
 * which borrows the kubeconfig and is to be freed with api_client_free. */
MUST_CHECK err_t command_connect(
    const struct command *, struct kubeconfig *, struct arena *, struct api_client **ret, struct error *);

#endif
