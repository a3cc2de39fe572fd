/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: what other objects of the namespace make of them, and whether one may be evicted. */
#include "base/clock.h"
#include "kinds/kinds.h"
#include "kinds/pod.h"
#include "kinds/pod_admission.h"
#include "serve/admission.h"

static err_t refused(struct request *r, err_t code)
{
    if (code == ERR_FORBIDDEN)
        r->details = (struct status_details){.name = r->name, .kind = bytes_of(r->kind->plural)};
    return code;
}

#define ACCOUNT_WAIT_MS  1000
#define ACCOUNT_RETRY_MS 10

static bool is_stored(struct read_txn *txn, const struct kind *kind, bytes key)
{
    struct record record;

    return store_get(txn, (struct store_key){kind->number, key}, 0, &record, NULL) == ERR_OK;
}

enum step_result account_step(struct request *r)
{
    uint64_t now = clock_monotonic_us();
    struct read_txn *txn;
    bytes key;
    bool on_its_way;

    if (r->kind != &pod_kind || r->subresource != SUBRESOURCE_NONE)
        return STEP_NEXT;
    if (r->wait_until_us == 0)
        r->wait_until_us = now + ACCOUNT_WAIT_MS * 1000;
    key = object_key(r->arena, r->namespace, BYTES("default"));
    if (!key.p)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    if (store_read_begin(r->server->store, &txn, &r->error) != ERR_OK)
        return STEP_FAIL;
    on_its_way = key.n <= STORE_KEY_MAX && is_stored(txn, &namespace_kind, r->namespace) &&
                 !is_stored(txn, &service_account_kind, key);
    store_read_end(txn);
    if (!on_its_way || now >= r->wait_until_us)
        return STEP_NEXT;
    r->wait_ms = ACCOUNT_RETRY_MS;
    return STEP_AGAIN;
}

static err_t read_limits(struct request *r, struct read_txn *txn, struct admission_list *ret)
{
    bytes prefix = arena_join(r->arena, r->namespace, BYTES("/"), ARENA_END);

    if (!prefix.p)
        return arena_error(r->arena, &r->error);
    return admission_list(r, txn, &limit_range_kind, prefix, ret);
}

static err_t admit_account(struct request *r, struct read_txn *txn)
{
    bytes name = pod_service_account(r->object), key = object_key(r->arena, r->namespace, name);
    bool own = json_at(r->object, BYTES("spec"), BYTES("imagePullSecrets"), BYTES_NONE) != NULL;
    struct json *account = NULL;

    if (!key.p)
        return arena_error(r->arena, &r->error);
    if (name.n > 0)
        TRY(admission_get(r, txn, &service_account_kind, key, &account, NULL));
    TRY(pod_admit_service_account(r->arena, r->object, r->namespace, account, &r->error));
    r->pull_secrets_given = !own && json_at(r->object, BYTES("spec"), BYTES("imagePullSecrets"), BYTES_NONE);
    return ERR_OK;
}

/* Of the classes that are the default, the one with the lowest value. */
static const struct json *default_class(const struct admission_list *classes)
{
    const struct json *found = NULL;
    int64_t lowest = 0;

    for (size_t i = 0; i < classes->count; i++) {
        int64_t value = tree_integer(classes->objects[i], "value", 0);
        if (tree_true(classes->objects[i], "globalDefault") && (!found || value < lowest))
            found = classes->objects[i], lowest = value;
    }
    return found;
}

static err_t admit_priority(struct request *r, struct read_txn *txn)
{
    bytes name = pod_priority_class(r->object);
    struct admission_list *classes = arena_zero(r->arena, sizeof *classes);
    struct json *class = NULL;

    if (!classes)
        return arena_error(r->arena, &r->error);
    if (name.n > 0) {
        TRY(admission_get(r, txn, &priority_class_kind, name, &class, NULL));
        return pod_admit_priority(r->arena, r->object, class, &r->error);
    }
    TRY(admission_list(r, txn, &priority_class_kind, BYTES(""), classes));
    return pod_admit_priority(r->arena, r->object, default_class(classes), &r->error);
}

err_t admit_pod(struct request *r, struct read_txn *txn)
{
    struct admission_list *ranges = arena_zero(r->arena, sizeof *ranges);

    if (!ranges)
        return arena_error(r->arena, &r->error);
    TRY(read_limits(r, txn, ranges));
    TRY(refused(r,
        pod_admit_limits(r->arena, r->object, (const struct json *const *)ranges->objects, ranges->count, &r->error)));
    TRY(refused(r, admit_account(r, txn)));
    TRY(refused(r, admit_priority(r, txn)));
    return pod_admit_tolerations(r->arena, json_get(r->object, BYTES("spec")), &r->error);
}

err_t admit_pod_bounds(struct request *r, struct read_txn *txn)
{
    struct admission_list *ranges = arena_zero(r->arena, sizeof *ranges);

    if (!ranges)
        return arena_error(r->arena, &r->error);
    TRY(read_limits(r, txn, ranges));
    return refused(r,
        pod_check_limits(r->arena, r->object, (const struct json *const *)ranges->objects, ranges->count, &r->error));
}

/* ---- Eviction. */

/* The budget's count is stored before the pod goes: two evictions at once cannot both take the last place. */
static err_t store_budget(struct request *r, const struct json *budget, uint64_t revision)
{
    const struct kind *kind = &pod_disruption_budget_kind;
    bytes name = json_text(json_get(budget, BYTES("metadata")), BYTES("name")),
          key = object_key(r->arena, r->namespace, name), text = object_store_text(r->arena, kind, budget),
          path = key.p ? kind_storage_path(r->arena, kind, key) : BYTES_NONE, sealed;
    struct compare unchanged = {COMPARE_REVISION, {kind->number, key}, revision};
    struct awaited_write awaited = {.write = {.key = {kind->number, key}, .compares = &unchanged, .compare_count = 1}};

    if (!path.p || !text.p)
        return arena_error(r->arena, &r->error);
    TRY(atrest_seal(r->server->atrest, r->arena, path, text, &sealed, &r->error));
    awaited.write.value = sealed;
    commit_all(r->server->store, &awaited, 1);
    if (awaited.write.result == ERR_OK)
        return ERR_OK;
    if (awaited.write.result == ERR_CONFLICT || awaited.write.result == ERR_NOT_FOUND)
        return status_conflict(&r->error, &r->details, kind, name, CHANGED);
    return error_set(&r->error, awaited.write.result, "the budget cannot be stored");
}

static err_t count_eviction(struct request *r, struct read_txn *txn)
{
    bytes prefix = arena_join(r->arena, r->namespace, BYTES("/"), ARENA_END);
    struct admission_list *budgets = arena_zero(r->arena, sizeof *budgets);
    struct eviction_refusal refusal = {0};
    struct json *budget = NULL;
    enum eviction allowed;
    err_t code;

    if (!prefix.p || !budgets)
        return arena_error(r->arena, &r->error);
    TRY(admission_list(r, txn, &pod_disruption_budget_kind, prefix, budgets));
    code = pod_evict(r->arena, r->old, budgets->objects, budgets->count, clock_wall_seconds(), &allowed, &budget,
        &refusal, &r->error);
    if (code == ERR_TOO_MANY_REQUESTS) {
        bytes message = r->error.message;
        r->details.retry_after_seconds = refusal.retry_after_seconds;
        r->details.present = true;
        error_cause(&r->error, "DisruptionBudget", BYTES_NONE, "%.*s", BYTES_FMT(refusal.cause));
        r->error.message = message;
        r->error.code = ERR_TOO_MANY_REQUESTS;
    }
    TRY(code);
    if (allowed != EVICTION_COUNTED || r->options.dry_run)
        return ERR_OK;
    for (size_t i = 0; i < budgets->count; i++)
        if (budgets->objects[i] == budget)
            return store_budget(r, budget, budgets->revisions[i]);
    return ERR_OK;
}

enum step_result evict_step(struct request *r)
{
    struct read_txn *txn;
    err_t code;

    if (r->subresource != SUBRESOURCE_EVICTION || !r->old)
        return STEP_NEXT;
    if (store_read_begin(r->server->store, &txn, &r->error) != ERR_OK)
        return STEP_FAIL;
    code = count_eviction(r, txn);
    store_read_end(txn);
    return code == ERR_OK ? STEP_NEXT : STEP_FAIL;
}
