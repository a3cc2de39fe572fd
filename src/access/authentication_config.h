/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --authentication-config: an AuthenticationConfiguration of apiserver.config.k8s.io/v1 or v1beta1 in YAML
 * or JSON (kubernetes-api.md 3.4), read as strictly as kube-apiserver does: a field that is not known, or stands twice,
 * is an error. What needs CEL is refused by name: a rule that is not looked at would let in. */
#ifndef COFFER_ACCESS_AUTHENTICATION_CONFIG_H
#define COFFER_ACCESS_AUTHENTICATION_CONFIG_H

#include "access/authenticator.h"

#define AUTHENTICATION_CONFIG_MAX ((size_t)1 << 20) /* bytes of the file */
#define OIDC_ISSUERS_MAX          64

struct oidc_mapping {
    bytes claim, prefix; /* both may be empty */
};

struct oidc_rule {
    bytes claim, value;
};

/* Texts of issuers are NUL-terminated. */
struct oidc_issuer {
    const char *url;           /* iss, exactly */
    const char *discovery_url; /* where its discovery document is */
    bytes ca_pem;              /* empty: the system's */
    const bytes *audiences;    /* aud must hold one of them */
    size_t audience_count;
    struct oidc_mapping username, groups;
    bytes uid_claim; /* may be empty */
    const struct oidc_rule *rules;
    size_t rule_count;
};

/* Who has no credential: system:anonymous, on each path or on those that are named; else 401. */
struct anonymous_config {
    bool given; /* false: the file says nothing of it */
    bool enabled;
    const bytes *paths; /* exact ones; none: all */
    size_t path_count;
};

struct authentication_config {
    const struct oidc_issuer *issuers;
    size_t issuer_count;
    struct anonymous_config anonymous;
};

/* taken: issuers whose tokens others check, service accounts' own; no issuer may be one of them. ret's texts are in the
 * arena, and the text's own. ERR_INVALID with a sentence that names the field. */
MUST_CHECK err_t authentication_config_parse(
    struct arena *, bytes text, const struct audiences *taken, struct authentication_config *ret, struct error *);

#endif
