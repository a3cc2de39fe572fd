/* SPDX-License-Identifier: Apache-2.0 */
/* The signers that this server is: what each signs, by kube-controller-manager's rules and in its words. Inside
 * src/control only. */
#ifndef COFFER_CONTROL_SIGNER_H
#define COFFER_CONTROL_SIGNER_H

#include "crypt/x509_csr.h"
#include "text/json.h"

#define SIGNER_CLIENT         "kubernetes.io/kube-apiserver-client"
#define SIGNER_KUBELET_CLIENT "kubernetes.io/kube-apiserver-client-kubelet"
#define SIGNER_KUBELET_SERVER "kubernetes.io/kubelet-serving"

/* Whether the signer is one of these; others (kubernetes.io/legacy-unknown, example.com/mine) are left alone. */
bool signer_is_own(bytes name);
/* Whether an own signer signs the request for these usages (spec.usages; NULL: none), which it turns into bits of enum
 * x509_usage. ERR_INVALID with the sentence for the Failed condition. */
MUST_CHECK err_t signer_check(
    bytes name, const struct x509_csr *, const struct json *usages, unsigned *ret_usages, struct error *);

#endif
