/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/guard.h"

#include "serve/guard_node.h"
#include "serve/guard_pod_secrets.h"

#include <stdarg.h>

/* In the order in which they are asked; the first that refuses is what the client reads. */
static guard_function *const guards[] = {
    guard_rbac,
    guard_pod_secrets,
    guard_account_token,
    guard_references,
    guard_webhook,
    guard_certificates,
    guard_pod_security,
    guard_node,
};

bool guard_may(const struct request *r, const char *verb, const char *group, const char *resource,
    const char *subresource, bytes name)
{
    const struct attributes a = {.user = &r->user,
        .verb = bytes_of(verb),
        .resource_request = true,
        .group = bytes_of(group),
        .version = BYTES("v1"),
        .resource = bytes_of(resource),
        .subresource = bytes_of(subresource),
        .namespace = r->namespace,
        .name = name};

    return authorized(&a);
}

err_t guard_forbid(struct request *r, const char *format, ...)
{
    bytes sentence, resource = kind_qualified_resource(r->arena, r->kind);
    va_list arguments;

    va_start(arguments, format);
    sentence = arena_vformat(r->arena, format, arguments);
    va_end(arguments);
    if (!sentence.p || !resource.p)
        return arena_error(r->arena, &r->error);
    r->details =
        (struct status_details){.name = r->name, .group = bytes_of(r->kind->group), .kind = bytes_of(r->kind->plural)};
    return error_set(&r->error, ERR_FORBIDDEN, "%.*s \"%.*s\" is forbidden: %.*s", BYTES_FMT(resource),
        BYTES_FMT(r->name), BYTES_FMT(sentence));
}

enum step_result guard_step(struct request *r)
{
    struct read_txn *txn;
    err_t code = ERR_OK;

    if (r->exchange && access_again(r) != ERR_OK)
        return STEP_FAIL;
    if (store_read_begin(r->server->store, &txn, &r->error) != ERR_OK)
        return STEP_FAIL;
    for (size_t i = 0; code == ERR_OK && i < ARRAY_LEN(guards); i++)
        code = guards[i](r, txn);
    store_read_end(txn);
    return code == ERR_OK ? STEP_NEXT : STEP_FAIL;
}
