/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of type kubernetes.io/service-account-token: filled with a token of the account that they name, and with what
 * else a client needs; deleted when that account is gone or another one. Upstream's tokens controller. The key that
 * signs stays in the server: the settings sign, for no one but controllers of this process.
 *
 *   s/NAMESPACE/SECRET           the Secret is to be looked at
 *   a/NAMESPACE/ACCOUNT          the account is gone: its Secrets are
 *   r/NAMESPACE/ACCOUNT/SECRET   the Secret is gone: the account may still name it */
#include "api/object.h"
#include "base/base64.h"
#include "control/controllers.h"

#define TYPE_QUERY   "fieldSelector=type%3Dkubernetes.io%2Fservice-account-token"
#define ACCOUNT_NAME "kubernetes.io/service-account.name"
#define ACCOUNT_UID  "kubernetes.io/service-account.uid"
#define PAGE         100

static bytes annotation(const struct json *metadata, const char *name)
{
    return json_text(json_get(metadata, BYTES("annotations")), bytes_of(name));
}

/* What an annotation says goes into a path: it must be a name. */
static bool is_name(struct arena *arena, bytes name)
{
    struct error why;
    error_init(&why, arena);
    validate_dns1123_subdomain(arena, name, false, BYTES("name"), &why);
    return name.n > 0 && why.code == ERR_OK;
}

static bytes path_of(struct arena *arena, const char *plural, bytes namespace, bytes name)
{
    return arena_format(arena, "/api/v1/namespaces/%.*s/%s/%.*s", BYTES_FMT(namespace), plural, BYTES_FMT(name));
}

/* ---- What changed. */

static void ask(struct worker *worker, const char *what, bytes namespace, bytes name, bytes more)
{
    struct arena arena;
    arena_init_plain(&arena, 16384);
    bytes key = arena_join(
        &arena, bytes_of(what), namespace, BYTES("/"), name, more.n ? BYTES("/") : BYTES(""), more, ARENA_END);
    if (key.p)
        worker_enqueue(worker, key, 0);
    arena_reset(&arena);
}

/* Accounts that come need nothing: a Secret that was there before them is gone. */
static void changed(struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    const struct json *metadata = json_get(object, BYTES("metadata"));
    bytes namespace = json_text(metadata, BYTES("namespace")), name = json_text(metadata, BYTES("name"));
    if (strcmp(kind->kind, "Secret") != 0) {
        if (type == API_DELETED)
            ask(worker, "a/", namespace, name, BYTES_NONE);
    } else if (type == API_DELETED) {
        ask(worker, "r/", namespace, annotation(metadata, ACCOUNT_NAME), name);
    } else {
        ask(worker, "s/", namespace, name, BYTES_NONE);
    }
}

/* ---- A Secret. */

static err_t delete_secret(
    struct worker *worker, struct arena *arena, bytes path, const struct json *metadata, struct error *error)
{
    struct json *options = json_new(arena, JSON_OBJECT), *answer;
    struct json *preconditions = json_add(options, BYTES("preconditions"), json_new(arena, JSON_OBJECT));
    if (!json_add(preconditions, BYTES("uid"), json_string(arena, json_text(metadata, BYTES("uid")))))
        return arena_error(arena, error);
    err_t code = worker_send(worker, arena, "DELETE", path, options, &answer, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static struct json *member(struct arena *arena, struct json *object, bytes name)
{
    struct json *found = json_get(object, name);
    return found && found->type == JSON_OBJECT ? found : json_set(object, name, json_new(arena, JSON_OBJECT));
}

static bool set_data(struct arena *arena, struct json *secret, const char *name, bytes value, bool *changed_it)
{
    struct json *data = member(arena, secret, BYTES("data"));
    bytes text = base64_encode(arena, BASE64_STANDARD, value);
    *changed_it = true;
    return text.p && json_set(data, bytes_of(name), json_string(arena, text));
}

/* What is there stays, but for a CA that is no longer the server's. */
static err_t fill(struct worker *worker, struct arena *arena, struct json *secret, const struct json *account,
    bool *changed_it, struct error *error)
{
    struct json *metadata = json_get(secret, BYTES("metadata"));
    const struct json *data = json_get(secret, BYTES("data")), *of = json_get(account, BYTES("metadata"));
    bytes namespace = json_text(metadata, BYTES("namespace")), uid = json_text(of, BYTES("uid")), token,
          ca = worker->settings->trusted(arena), ca_text = base64_encode(arena, BASE64_STANDARD, ca);
    if (!ca.p || !ca_text.p)
        return arena_error(arena, error);
    if (annotation(metadata, ACCOUNT_UID).n == 0) {
        *changed_it = true;
        if (!json_set(member(arena, metadata, BYTES("annotations")), BYTES(ACCOUNT_UID), json_string(arena, uid)))
            return arena_error(arena, error);
    }
    if (!bytes_equal(json_text(data, BYTES("ca.crt")), ca_text) && !set_data(arena, secret, "ca.crt", ca, changed_it))
        return arena_error(arena, error);
    if (json_text(data, BYTES("namespace")).n == 0 && !set_data(arena, secret, "namespace", namespace, changed_it))
        return arena_error(arena, error);
    if (json_text(data, BYTES("token")).n > 0)
        return ERR_OK;
    TRY(worker->settings->sign_account_token(
        arena, namespace, json_text(of, BYTES("name")), uid, json_text(metadata, BYTES("name")), &token, error));
    return set_data(arena, secret, "token", token, changed_it) ? ERR_OK : arena_error(arena, error);
}

static err_t reconcile_secret(
    struct worker *worker, struct arena *arena, bytes namespace, bytes name, struct error *error)
{
    bytes path = path_of(arena, "secrets", namespace, name), account_name, uid;
    struct json *secret, *account, *answer;
    bool changed_it = false;
    if (!path.p)
        return arena_error(arena, error);
    err_t code = api_get(worker->client, arena, path, &secret, error);
    if (code != ERR_OK)
        return code == ERR_NOT_FOUND ? ERR_OK : code;
    const struct json *metadata = json_get(secret, BYTES("metadata")),
                      *immutable = json_get(secret, BYTES("immutable"));
    account_name = annotation(metadata, ACCOUNT_NAME);
    uid = annotation(metadata, ACCOUNT_UID);
    if (json_get(metadata, BYTES("deletionTimestamp")))
        return ERR_OK;
    code = ERR_NOT_FOUND;
    if (is_name(arena, account_name)) {
        bytes account_path = path_of(arena, "serviceaccounts", namespace, account_name);
        code =
            account_path.p ? api_get(worker->client, arena, account_path, &account, error) : arena_error(arena, error);
    }
    if (code != ERR_OK && code != ERR_NOT_FOUND)
        return code;
    if (code == ERR_NOT_FOUND ||
        (uid.n > 0 && !bytes_equal(uid, json_text(json_get(account, BYTES("metadata")), BYTES("uid")))))
        return delete_secret(worker, arena, path, metadata, error);
    if (immutable && immutable->type == JSON_TRUE) /* what somebody wrote whole, for ever */
        return ERR_OK;
    TRY(fill(worker, arena, secret, account, &changed_it, error));
    return changed_it ? worker_send(worker, arena, "PUT", path, secret, &answer, error) : ERR_OK;
}

/* ---- An account that is gone, and what an account names. */

static err_t look_at_secrets_of(
    struct worker *worker, struct arena *arena, bytes namespace, bytes account, struct error *error)
{
    struct api_list list = {
        .path = arena_join(arena, BYTES("/api/v1/namespaces/"), namespace, BYTES("/secrets?" TYPE_QUERY), ARENA_END),
        .accept = metadata_list,
        .limit = PAGE};
    struct json *items;
    if (!list.path.p)
        return arena_error(arena, error);
    do {
        TRY(api_list_next(worker->client, arena, &list, &items, error));
        for (const struct json *item = items ? items->first : NULL; item; item = item->next) {
            const struct json *metadata = json_get(item, BYTES("metadata"));
            if (bytes_equal(annotation(metadata, ACCOUNT_NAME), account))
                ask(worker, "s/", namespace, json_text(metadata, BYTES("name")), BYTES_NONE);
        }
    } while (items);
    return ERR_OK;
}

static bool is_there(err_t code)
{
    return code != ERR_NOT_FOUND;
}

static err_t forget_secret(
    struct worker *worker, struct arena *arena, bytes namespace, bytes account_name, bytes name, struct error *error)
{
    bytes path = path_of(arena, "serviceaccounts", namespace, account_name),
          secret_path = path_of(arena, "secrets", namespace, name);
    struct json *account, *secret, *kept = json_new(arena, JSON_ARRAY), *answer;
    if (!path.p || !secret_path.p || !kept)
        return arena_error(arena, error);
    err_t code = api_get(worker->client, arena, secret_path, &secret, error);
    if (is_there(code))
        return code; /* it was made anew */
    code = api_get(worker->client, arena, path, &account, error);
    if (code != ERR_OK)
        return is_there(code) ? code : ERR_OK;
    const struct json *names = json_get(account, BYTES("secrets"));
    for (const struct json *one = names ? names->first : NULL; one; one = one->next)
        if (!bytes_equal(json_text(one, BYTES("name")), name) && !json_append(kept, json_copy(arena, one)))
            return arena_error(arena, error);
    if (!names || kept->count == names->count)
        return ERR_OK;
    if (!json_set(account, BYTES("secrets"), kept))
        return arena_error(arena, error);
    return worker_send(worker, arena, "PUT", path, account, &answer, error);
}

static bytes next_part(bytes *rest)
{
    bytes part = {rest->p, bytes_find(*rest, '/')};
    *rest = bytes_skip(*rest, part.n < rest->n ? part.n + 1 : part.n);
    return part;
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    bytes rest = key, what = next_part(&rest), namespace = next_part(&rest), name = next_part(&rest);
    if (bytes_equal(what, BYTES("s")))
        return reconcile_secret(worker, arena, namespace, name, error);
    if (bytes_equal(what, BYTES("a")))
        return look_at_secrets_of(worker, arena, namespace, name, error);
    return is_name(arena, name) && is_name(arena, rest) ? forget_secret(worker, arena, namespace, name, rest, error)
                                                        : ERR_OK;
}

static const struct collection collections[] = {
    {"", "v1", "secrets", TYPE_QUERY, true},
    {"", "v1", "serviceaccounts", NULL, true},
};

const struct controller account_token_controller = {
    .name = "tokens-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = changed,
    .reconcile = reconcile,
};
