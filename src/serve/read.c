/* SPDX-License-Identifier: Apache-2.0 */
/* One object: found, decrypted, its resourceVersion spliced in, sent. And what lists and writes share with that. */
#include "base/clock.h"
#include "serve/subresource.h"

#define REVISION_WAIT_MS  3000
#define REVISION_RETRY_MS 20

err_t unreadable_error(struct request *r, bytes name)
{
    bytes reason = r->error.message;

    r->details.name = name;
    r->details.kind = bytes_of(r->kind->plural);
    r->details.group = bytes_of(r->kind->group);
    return error_set(&r->error, ERR_UNREADABLE, "Internal error occurred: %s \"%.*s\" cannot be read: %.*s",
        r->kind->plural, BYTES_FMT(name), BYTES_FMT(reason));
}

enum step_result wait_for_revision(struct request *r, uint64_t wanted, uint64_t newest)
{
    uint64_t now = clock_monotonic_us();

    if (wanted <= newest)
        return STEP_NEXT;
    if (r->wait_until_us == 0)
        r->wait_until_us = now + REVISION_WAIT_MS * 1000;
    if (now < r->wait_until_us && now < r->deadline_us) {
        r->wait_ms = REVISION_RETRY_MS;
        return STEP_AGAIN;
    }
    (void)error_set(&r->error, ERR_TIMEOUT, "Timeout: Too large resource version: %llu, current: %llu",
        (unsigned long long)wanted, (unsigned long long)newest);
    error_cause(&r->error, "ResourceVersionTooLarge", BYTES_NONE, "Too large resource version");
    r->error.code = ERR_TIMEOUT;
    r->details.retry_after_seconds = 1;
    return STEP_FAIL;
}

/* Leaves the transaction as soon as the object is in the arena. */
static enum step_result find(struct request *r, struct read_txn *txn, bytes *ret_text, uint64_t *ret_revision)
{
    struct record record;
    err_t code;

    if (r->options.has_revision) {
        enum step_result result = wait_for_revision(r, r->options.revision, store_revision(txn));
        if (result != STEP_NEXT)
            return result;
    }
    code = r->key.n > STORE_KEY_MAX
               ? ERR_NOT_FOUND
               : store_get(txn, (struct store_key){r->kind->number, r->key}, 0, &record, &r->error);
    if (code == ERR_NOT_FOUND)
        return status_not_found(&r->error, &r->details, r->kind, r->name), STEP_FAIL;
    if (code != ERR_OK)
        return STEP_FAIL;
    code = record_open(r->server->atrest, r->arena, r->kind, &record, ret_text, NULL, &r->error);
    if (record_unreadable(code))
        return unreadable_error(r, r->name), STEP_FAIL;
    *ret_revision = record.revision;
    return code == ERR_OK ? STEP_NEXT : STEP_FAIL;
}

enum step_result get_step(struct request *r)
{
    enum step_result result;
    struct read_txn *txn;
    uint64_t revision = 0;
    bytes text = BYTES_NONE;

    r->arena->limit = READ_ARENA_LIMIT;
    r->key = object_key(r->arena, r->namespace, r->name);
    if (!r->key.p)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    if (store_read_begin(r->server->store, &txn, &r->error) != ERR_OK)
        return STEP_FAIL;
    result = find(r, txn, &text, &revision);
    store_read_end(txn);
    if (result != STEP_NEXT)
        return result;
    result = subresource_show(r, text, &text) == ERR_OK ? answer_object(r, 200, text, revision) : STEP_FAIL;
    if (result == STEP_FAIL && record_unreadable(r->error.code))
        (void)unreadable_error(r, r->name);
    return result;
}
