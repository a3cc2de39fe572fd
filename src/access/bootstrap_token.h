/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap tokens, with which nodes join (kubernetes-api.md 3.3): ID.SECRET, of the Secret
 * kube-system/bootstrap-token-ID of type bootstrap.kubernetes.io/token. The user is system:bootstrap:ID in the group
 * system:bootstrappers and those of auth-extra-groups. Deleting the Secret ends the token at once. */
#ifndef COFFER_ACCESS_BOOTSTRAP_TOKEN_H
#define COFFER_ACCESS_BOOTSTRAP_TOKEN_H

#include "access/authenticator.h"

token_function bootstrap_token_authenticate;

#endif
