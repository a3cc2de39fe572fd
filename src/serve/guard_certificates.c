/* SPDX-License-Identifier: Apache-2.0 */
/* Who may decide and sign requests for certificates: CertificateApproval, CertificateSigning and
 * CertificateSubjectRestriction of kube-apiserver, in its words. The right is to the signer, not to the request. */
#include "base/base64.h"
#include "crypt/x509_csr.h"
#include "kinds/kinds.h"
#include "serve/guard.h"

#define CLIENT_SIGNER "kubernetes.io/kube-apiserver-client"

/* For the signer by its name, or for all of its domain. *ret is false without memory. */
static err_t may(struct request *r, const char *verb, bytes signer, bool *ret)
{
    struct attributes asked = {.user = &r->user,
        .verb = bytes_of(verb),
        .resource_request = true,
        .group = BYTES("certificates.k8s.io"),
        .version = BYTES("*"),
        .resource = BYTES("signers"),
        .name = signer};
    *ret = authorized(&asked);
    if (*ret)
        return ERR_OK;
    bytes domain = {signer.p, bytes_find(signer, '/')};
    asked.name = arena_join(r->arena, domain, BYTES("/*"), ARENA_END);
    if (!asked.name.p)
        return arena_error(r->arena, &r->error);
    *ret = authorized(&asked);
    return ERR_OK;
}

static err_t check_right(struct request *r, const char *verb)
{
    bytes signer = json_text(json_get(r->old, BYTES("spec")), BYTES("signerName"));
    bool fine;
    TRY(may(r, verb, signer, &fine));
    return fine
               ? ERR_OK
               : guard_forbid(r, "user not permitted to %s requests with signerName \"%.*s\"", verb, BYTES_FMT(signer));
}

static bool same(const struct request *r, const char *member)
{
    const struct json *now = json_at(r->object, BYTES("status"), bytes_of(member), BYTES_NONE);
    const struct json *old = json_at(r->old, BYTES("status"), bytes_of(member), BYTES_NONE);
    return !now == !old && (!now || json_equal(now, old));
}

/* Nobody becomes a master by a person's approval of a name. */
static err_t check_subject(struct request *r)
{
    const struct json *spec = json_get(r->object, BYTES("spec"));
    struct x509_csr csr;
    struct error why;
    bytes pem;
    size_t offset;
    error_init(&why, r->arena);
    if (!bytes_equal(json_text(spec, BYTES("signerName")), BYTES(CLIENT_SIGNER)))
        return ERR_OK;
    if (base64_decode(r->arena, BASE64_STANDARD, json_text(spec, BYTES("request")), &pem, &offset) != ERR_OK ||
        x509_csr_read(r->arena, pem, &csr, &why) != ERR_OK)
        return guard_forbid(r, "failed to parse CSR: %.*s", BYTES_FMT(why.message));
    for (size_t i = 0; i < csr.organization_count; i++)
        if (bytes_equal(csr.organizations[i], BYTES(USER_MASTERS)))
            return guard_forbid(r, "use of %s signer with %s group is not allowed", CLIENT_SIGNER, USER_MASTERS);
    return ERR_OK;
}

err_t guard_certificates(struct request *r, struct read_txn *txn)
{
    (void)txn;
    if (r->kind != &certificate_signing_request_kind || !r->object || r->removes)
        return ERR_OK;
    if (r->subresource == SUBRESOURCE_APPROVAL)
        return check_right(r, "approve");
    if (r->subresource == SUBRESOURCE_STATUS)
        return same(r, "certificate") && same(r, "conditions") ? ERR_OK : check_right(r, "sign");
    return r->creates ? check_subject(r) : ERR_OK;
}
