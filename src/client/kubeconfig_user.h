/* SPDX-License-Identifier: Apache-2.0 */
/* The user of a kubeconfig: who to be, and by what proof. */
#ifndef COFFER_CLIENT_KUBECONFIG_USER_H
#define COFFER_CLIENT_KUBECONFIG_USER_H

#include "client/document.h"
#include "client/kubeconfig.h"

/* Fills the user's part of a kubeconfig from the object at the document's root. k->user is set. */
MUST_CHECK err_t kubeconfig_resolve_user(const struct document *, struct kubeconfig *);

#endif
