/* SPDX-License-Identifier: Apache-2.0 */
/* Credential plugins: a program of the user's that prints an ExecCredential (client.authentication.k8s.io/v1, v1beta1).
 */
#ifndef COFFER_CLIENT_CREDENTIAL_PLUGIN_H
#define COFFER_CLIENT_CREDENTIAL_PLUGIN_H

#include "client/kubeconfig.h"

/* Runs k->plugin, waits for it, and puts the token or the certificate and key that it printed into k. Its stderr is
 * ours; its stdin too where its interactiveMode and the terminal allow. */
MUST_CHECK err_t credential_plugin_run(struct kubeconfig *, struct arena *, struct error *);

/* The two ends of it, without a process: what it is told in KUBERNETES_EXEC_INFO, and what it printed. */
bytes credential_plugin_info(const struct kubeconfig *, struct arena *, bool interactive);
MUST_CHECK err_t credential_plugin_read(struct kubeconfig *, struct arena *, bytes output, struct error *);

#endif
