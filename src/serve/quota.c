/* SPDX-License-Identifier: Apache-2.0 */
/* ResourceQuotas: how many objects of a kind a namespace may hold. The commit counts again, so that two creates at once
 * cannot both take the last place. Amounts of cpu, memory and storage are not enforced. */
#include "api/quantity.h"
#include "kinds/kinds.h"
#include "serve/admission.h"

#define QUOTAS_MOST 16 /* names in one sentence */

/* What a quota calls the kind: "count/secrets", "count/deployments.apps", and of some also "secrets". */
static bool counts(const struct kind *kind, bytes name)
{
    static const char *const plain[] = {"configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers",
        "resourcequotas", "secrets", "services"};
    bytes plural = bytes_of(kind->plural);

    if (bytes_start(name, BYTES("count/"))) {
        name = bytes_skip(name, 6);
        if (!bytes_start(name, plural))
            return false;
        name = bytes_skip(name, plural.n);
        if (!kind->group[0])
            return name.n == 0;
        return bytes_start(name, BYTES(".")) && bytes_equal(bytes_skip(name, 1), bytes_of(kind->group));
    }
    for (size_t i = 0; !kind->group[0] && i < ARRAY_LEN(plain); i++)
        if (bytes_equal(name, bytes_of(plain[i])))
            return bytes_equal(name, plural);
    return false;
}

/* Whole numbers alone count objects: "5", "1k" is 1000. False for none. */
static bool limit_of(const struct json *value, uint64_t *ret)
{
    struct quantity quantity;

    if (value->type != JSON_STRING || !quantity_parse(value->text, &quantity) || quantity.nano < 0)
        return false;
    *ret = (uint64_t)(quantity.nano / 1000000000);
    return true;
}

static err_t count_objects(struct request *r, struct read_txn *txn, bytes prefix, uint64_t *ret)
{
    struct range range = {.txn = txn, .kind = r->kind->number, .prefix = prefix, .start = prefix};

    TRY(range_begin(&range, &r->error));
    *ret = range_count(&range);
    range_end(&range);
    return ERR_OK;
}

static err_t exceeded(struct request *r, bytes quota, const struct json *const *over, size_t count, uint64_t used)
{
    struct buffer requested, taken, limited;

    buffer_init(&requested, r->arena);
    buffer_init(&taken, r->arena);
    buffer_init(&limited, r->arena);
    for (size_t i = 0; i < count; i++) {
        const char *comma = i > 0 ? "," : "";
        buffer_format(&requested, "%s%.*s=1", comma, BYTES_FMT(over[i]->key));
        buffer_format(&taken, "%s%.*s=%llu", comma, BYTES_FMT(over[i]->key), (unsigned long long)used);
        buffer_format(&limited, "%s%.*s=%.*s", comma, BYTES_FMT(over[i]->key), BYTES_FMT(over[i]->text));
    }
    if (requested.failed || taken.failed || limited.failed)
        return arena_error(r->arena, &r->error);
    r->details.name = r->name;
    r->details.kind = bytes_of(r->kind->plural);
    r->details.group = bytes_of(r->kind->group);
    return error_set(&r->error, ERR_FORBIDDEN,
        "%s%s%s \"%.*s\" is forbidden: exceeded quota: %.*s, requested: %.*s, used: %.*s, limited: %.*s",
        r->kind->plural, r->kind->group[0] ? "." : "", r->kind->group, BYTES_FMT(r->name), BYTES_FMT(quota),
        BYTES_FMT(buffer_bytes(&requested)), BYTES_FMT(buffer_bytes(&taken)), BYTES_FMT(buffer_bytes(&limited)));
}

/* Quotas with scopes are about pods of a sort, and count none of the objects here. */
static err_t admit_quota(struct request *r, struct read_txn *txn, bytes prefix, const struct json *quota)
{
    const struct json *spec = json_get(quota, BYTES("spec")), *hard = json_get(spec, BYTES("hard"));
    const struct json *over[QUOTAS_MOST];
    uint64_t limit, used;
    size_t count = 0;

    if (json_get(spec, BYTES("scopes")) || json_get(spec, BYTES("scopeSelector")))
        return ERR_OK;
    for (const struct json *h = hard ? hard->first : NULL; h; h = h->next) {
        if (!counts(r->kind, h->key) || !limit_of(h, &limit))
            continue;
        TRY(count_objects(r, txn, prefix, &used));
        if (used >= limit && count < QUOTAS_MOST)
            over[count++] = h;
        TRY(compare_add(r, COMPARE_FEWER, r->kind, prefix, limit));
    }
    return count == 0 ? ERR_OK
                      : exceeded(r, json_text(json_get(quota, BYTES("metadata")), BYTES("name")), over, count, used);
}

static err_t admit_quotas(struct request *r, struct read_txn *txn)
{
    bytes prefix = arena_join(r->arena, r->namespace, BYTES("/"), ARENA_END);
    struct admission_list *quotas = arena_zero(r->arena, sizeof *quotas);

    if (!prefix.p || !quotas)
        return arena_error(r->arena, &r->error);
    TRY(admission_list(r, txn, &resource_quota_kind, prefix, quotas));
    for (size_t i = 0; i < quotas->count; i++)
        TRY(admit_quota(r, txn, prefix, quotas->objects[i]));
    return ERR_OK;
}

enum step_result quota_step(struct request *r)
{
    struct read_txn *txn;
    err_t code;

    if (!r->creates || !r->kind->namespaced)
        return STEP_NEXT;
    if (store_read_begin(r->server->store, &txn, &r->error) != ERR_OK)
        return STEP_FAIL;
    code = r->kind == &pod_kind ? admit_pod_bounds(r, txn) : ERR_OK;
    if (code == ERR_OK)
        code = admit_quotas(r, txn);
    store_read_end(txn);
    return code == ERR_OK ? STEP_NEXT : STEP_FAIL;
}
