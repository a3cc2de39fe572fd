/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook that sees the values of Secrets sees those of all namespaces: whoever configures it must be allowed to read
 * them. */
#include "kinds/kinds.h"
#include "serve/guard.h"
#include "serve/webhook.h"

static bool reads_secrets(const struct json *configuration)
{
    return bytes_equal(json_text(json_at(configuration, BYTES("metadata"), BYTES("annotations"), BYTES_NONE),
                           BYTES(ANNOTATION_READS_SECRETS)),
        BYTES("true"));
}

static bool same_webhooks(const struct json *a, const struct json *b)
{
    const struct json *x = json_get(a, BYTES("webhooks")), *y = json_get(b, BYTES("webhooks"));

    return x && y ? json_equal(x, y) : x == y;
}

err_t guard_webhook(struct request *r, struct read_txn *txn)
{
    struct attributes attributes = {.user = &r->user,
        .verb = BYTES("get"),
        .resource_request = true,
        .version = BYTES("v1"),
        .resource = BYTES("secrets")};
    struct decision decision;

    (void)txn;
    if (r->kind != &mutating_webhook_configuration_kind && r->kind != &validating_webhook_configuration_kind)
        return ERR_OK;
    if (!reads_secrets(r->object) || (!r->creates && reads_secrets(r->old) && same_webhooks(r->object, r->old)))
        return ERR_OK;
    TRY(authorize(r->arena, &attributes, &decision, &r->error));
    if (decision.allowed)
        return ERR_OK;
    return guard_forbid(r,
        "user \"%.*s\" cannot get secrets in all namespaces, which the annotation " ANNOTATION_READS_SECRETS
        " would let the webhooks do",
        BYTES_FMT(r->user.name));
}
