/* SPDX-License-Identifier: Apache-2.0 */
/* A Secret of type kubernetes.io/service-account-token is filled with a token of the account that its annotation names.
 * Who makes one, or names another account in it, must be allowed to act as that account, as who makes a Pod that runs
 * as it (guard_pod_secrets.h): its token is worth its rights. */
#include "kinds/kinds.h"
#include "serve/guard.h"

#define TYPE    "kubernetes.io/service-account-token"
#define ACCOUNT "kubernetes.io/service-account.name"

static bytes account_of(const struct json *secret)
{
    const struct json *annotations = json_at(secret, BYTES("metadata"), BYTES("annotations"), BYTES_NONE);

    return bytes_equal(json_text(secret, BYTES("type")), BYTES(TYPE)) ? json_text(annotations, BYTES(ACCOUNT))
                                                                      : BYTES_NONE;
}

static bool may(const struct request *r, const char *verb, const char *subresource, bytes account)
{
    return guard_may(r, verb, "", "serviceaccounts", subresource, account);
}

err_t guard_account_token(struct request *r, struct read_txn *txn)
{
    bytes account = r->kind == &secret_kind && r->object ? account_of(r->object) : BYTES_NONE, sentence;

    (void)txn;
    if (r->removes || account.n == 0 || (r->old && bytes_equal(account, account_of(r->old))) ||
        r->server->options.pod_secret_check == POD_SECRET_OFF)
        return ERR_OK;
    if (may(r, "use", "", account) || may(r, "impersonate", "", account) || may(r, "create", "token", account))
        return ERR_OK;
    sentence = arena_format(r->arena,
        "User \"%.*s\" asks for a token of ServiceAccount \"%.*s\" and may not act as it: needs verb use or "
        "impersonate on "
        "serviceaccounts \"%.*s\", or create on serviceaccounts/token \"%.*s\", in the namespace \"%.*s\"",
        BYTES_FMT(r->user.name), BYTES_FMT(account), BYTES_FMT(account), BYTES_FMT(account), BYTES_FMT(r->namespace));
    if (!sentence.p)
        return arena_error(r->arena, &r->error);
    if (r->server->options.pod_secret_check == POD_SECRET_ENFORCE)
        return guard_forbid(r, "%.*s", BYTES_FMT(sentence));
    warning_add(r->arena, &r->warnings, sentence);
    return ERR_OK;
}
