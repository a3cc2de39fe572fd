/* SPDX-License-Identifier: Apache-2.0 */
/* Who an ID token stands for (OpenID Connect Core 1.0, 2 and 3.1.3.7; kubernetes-api.md 3.4), after its signature was
 * verified. Any thread. */
#ifndef COFFER_ACCESS_OIDC_CLAIMS_H
#define COFFER_ACCESS_OIDC_CLAIMS_H

#include "access/authentication_config.h"

#define OIDC_LEEWAY 300 /* seconds that nbf and iat may lie ahead, as kube-apiserver lets nbf */

/* ret's texts are in the arena, and the claims' and the issuer's own: copy what outlives them. ERR_UNAUTHORIZED with a
 * reason that quotes no claim's value. */
MUST_CHECK err_t oidc_identify(struct arena *, const struct oidc_issuer *, const struct json *claims, int64_t now,
    struct user *ret, struct error *);

#endif
