/* SPDX-License-Identifier: Apache-2.0 */
#include "access/service_account_token.h"

#include "access/signing_keys.h"
#include "api/record.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/random.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#define LEGACY_ISSUER    "kubernetes/serviceaccount"
#define LEGACY           "kubernetes.io/serviceaccount/"
#define INVALID_SINCE    "kubernetes.io/legacy-token-invalid-since"
#define SCRATCH          ((size_t)64 << 20) /* a Pod or Secret of 3 MiB, as a tree */
#define VERIFIED_ENTRIES 256

/* ---- Issuing. */

static bool add_text(struct arena *arena, struct json *to, const char *name, bytes text)
{
    return json_add(to, bytes_of(name), json_string(arena, text)) != NULL;
}

static bool add_object(struct arena *arena, struct json *to, const char *name, const struct token_object *object)
{
    struct json *member;

    if (object->name.n == 0)
        return true;
    member = json_add(to, bytes_of(name), json_new(arena, JSON_OBJECT));
    return add_text(arena, member, "name", object->name) &&
           (object->uid.n == 0 || add_text(arena, member, "uid", object->uid));
}

static bool add_own_claims(struct arena *arena, struct json *claims, const struct token_request *t)
{
    struct json *own = json_add(claims, BYTES("kubernetes.io"), json_new(arena, JSON_OBJECT));

    return add_text(arena, own, "namespace", t->namespace) && add_object(arena, own, "node", &t->node) &&
           add_object(arena, own, "pod", &t->pod) && add_object(arena, own, "secret", &t->secret) &&
           add_object(arena, own, "serviceaccount", &t->account) &&
           (t->warn_after == 0 ||
               json_add(own, BYTES("warnafter"), json_integer(arena, t->now + t->warn_after)) != NULL);
}

err_t service_account_token_issue(struct arena *arena, const struct token_request *t, bytes *ret, struct error *error)
{
    struct json *claims = json_new(arena, JSON_OBJECT),
                *audience = json_add(claims, BYTES("aud"), json_new(arena, JSON_ARRAY));
    bytes subject = user_account_name(arena, t->namespace, t->account.name);
    char uuid[UUID_SIZE];
    bool fine = subject.p != NULL;

    random_uuid(uuid);
    for (size_t i = 0; i < t->audience_count && fine; i++)
        fine = json_append(audience, json_string(arena, t->audiences[i])) != NULL;
    if (!fine || !json_add(claims, BYTES("exp"), json_integer(arena, t->now + t->seconds)) ||
        !json_add(claims, BYTES("iat"), json_integer(arena, t->now)) ||
        !add_text(arena, claims, "iss", authenticator_current()->issuers[0]) ||
        !add_text(arena, claims, "jti", bytes_of(uuid)) || !add_own_claims(arena, claims, t) ||
        !json_add(claims, BYTES("nbf"), json_integer(arena, t->now)) || !add_text(arena, claims, "sub", subject))
        return arena_error(arena, error);
    return signing_keys_sign(arena, claims, t->now, t->now + t->seconds, ret, error);
}

err_t service_account_token_issue_legacy(struct arena *arena, bytes namespace, const struct token_object *account,
    bytes secret, bytes *ret, struct error *error)
{
    struct json *claims = json_new(arena, JSON_OBJECT);
    bytes subject = user_account_name(arena, namespace, account->name);

    if (!subject.p || !add_text(arena, claims, "iss", BYTES(LEGACY_ISSUER)) ||
        !add_text(arena, claims, LEGACY "namespace", namespace) ||
        !add_text(arena, claims, LEGACY "secret.name", secret) ||
        !add_text(arena, claims, LEGACY "service-account.name", account->name) ||
        !add_text(arena, claims, LEGACY "service-account.uid", account->uid) ||
        !add_text(arena, claims, "sub", subject))
        return arena_error(arena, error);
    return signing_keys_sign(arena, claims, clock_wall_seconds(), INT64_MAX, ret, error);
}

/* ---- Signatures that were verified before: a signature costs 50 us to 100 us, a digest 2 us. */

static _Thread_local struct {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t version; /* of the keys */
} verified[VERIFIED_ENTRIES];

static err_t verify(const struct jwt *jwt, bytes token, struct error *error)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t version = signing_keys_version();

    if (!SHA256(token.p, token.n, digest))
        return signing_keys_verify(jwt, error);
    if (verified[digest[0]].version == version && memcmp(verified[digest[0]].digest, digest, sizeof digest) == 0)
        return ERR_OK;
    TRY(signing_keys_verify(jwt, error));
    memcpy(verified[digest[0]].digest, digest, sizeof digest);
    verified[digest[0]].version = version;
    return ERR_OK;
}

/* ---- Whether what it stands for is still there. */

static err_t refuse(struct error *error, const char *what, const char *reason)
{
    return error_set(error, ERR_UNAUTHORIZED, "the token's %s %s", what, reason);
}

/* From when on a token of the object is no good, where it is being deleted. */
static int64_t end_of(const struct json *metadata)
{
    bytes text = json_text(metadata, BYTES("deletionTimestamp"));
    int64_t deleted;

    if (text.n == 0)
        return INT64_MAX;
    return clock_parse(text, &deleted) ? deleted + TOKEN_LEEWAY + 1 : 0;
}

static err_t get(
    struct arena *arena, const char *kind, bytes namespace, bytes name, struct json **ret, struct error *error)
{
    err_t code = authenticator_get(arena, kind, namespace, name, ret, error);

    return record_unreadable(code) ? refuse(error, kind, "cannot be read") : code;
}

/* Brings *expires forward to the end of an object that is being deleted. */
static err_t check_alive(struct arena *arena, const char *kind, bytes namespace, const struct token_object *wanted,
    int64_t *expires, struct error *error)
{
    const struct json *metadata;
    struct json *object;
    int64_t end;

    TRY(get(arena, kind, namespace, wanted->name, &object, error));
    if (!object)
        return refuse(error, kind, "is gone");
    metadata = json_get(object, BYTES("metadata"));
    if (!bytes_equal(json_text(metadata, BYTES("uid")), wanted->uid))
        return refuse(error, kind, "was made anew");
    end = end_of(metadata);
    *expires = end < *expires ? end : *expires;
    return clock_wall_seconds() >= end ? refuse(error, kind, "was deleted") : ERR_OK;
}

/* ---- Bound tokens. */

struct identity {
    bytes namespace;
    struct token_object account, pod, secret, node;
    int64_t expires;
};

static struct token_object object_of(const struct json *own, const char *name)
{
    const struct json *member = json_get(own, bytes_of(name));

    return (struct token_object){json_text(member, BYTES("name")), json_text(member, BYTES("uid"))};
}

static err_t check_subject(
    struct arena *arena, const struct json *claims, const struct identity *id, struct error *error)
{
    bytes subject = user_account_name(arena, id->namespace, id->account.name);

    if (!subject.p)
        return arena_error(arena, error);
    if (id->namespace.n == 0 || id->account.name.n == 0 || id->account.uid.n == 0 ||
        !bytes_equal(json_text(claims, BYTES("sub")), subject))
        return refuse(error, "subject", "is not its service account");
    return ERR_OK;
}

static err_t match_audiences(struct arena *arena, const struct json *claims, const struct audiences *asked,
    struct authenticated *ret, struct error *error)
{
    bytes *both = arena_alloc(arena, asked->count * sizeof *both), audience;
    const struct json *at = NULL;
    size_t n = 0;

    if (!both)
        return arena_error(arena, error);
    while ((audience = jwt_next_audience(claims, &at)).p)
        for (size_t i = 0; i < asked->count; i++) {
            const struct audiences found = {both, n};
            if (bytes_equal(asked->list[i], audience) && !audiences_hold(&found, audience))
                both[n++] = asked->list[i];
        }
    ret->audiences = both;
    ret->audience_count = n;
    return n > 0 ? ERR_OK : refuse(error, "audience", "is another");
}

static err_t check_bound(struct arena *scratch, const struct jwt *jwt, struct identity *id, struct error *error)
{
    const struct json *own = json_get(jwt->claims, BYTES("kubernetes.io"));

    *id = (struct identity){.namespace = json_text(own, BYTES("namespace")),
        .account = object_of(own, "serviceaccount"),
        .pod = object_of(own, "pod"),
        .secret = object_of(own, "secret"),
        .node = object_of(own, "node"),
        .expires = jwt_expiry(jwt->claims)};
    TRY(jwt_check_times(jwt->claims, clock_wall_seconds(), TOKEN_LEEWAY, error));
    TRY(check_subject(scratch, jwt->claims, id, error));
    TRY(check_alive(scratch, "ServiceAccount", id->namespace, &id->account, &id->expires, error));
    if (json_get(own, BYTES("secret")))
        TRY(check_alive(scratch, "Secret", id->namespace, &id->secret, &id->expires, error));
    if (json_get(own, BYTES("pod")))
        return check_alive(scratch, "Pod", id->namespace, &id->pod, &id->expires, error);
    /* With a Pod the node is told, not bound to. */
    return json_get(own, BYTES("node")) ? check_alive(scratch, "Node", BYTES_NONE, &id->node, &id->expires, error)
                                        : ERR_OK;
}

/* ---- Legacy tokens. */

static err_t check_held(struct arena *arena, const struct json *secret, bytes token, struct error *error)
{
    const struct json *metadata = json_get(secret, BYTES("metadata"));
    bytes held;
    size_t offset;
    err_t code = base64_decode(
        arena, BASE64_STANDARD, json_text(json_get(secret, BYTES("data")), BYTES("token")), &held, &offset);

    if (code != ERR_OK && code != ERR_BAD_REQUEST)
        return arena_error(arena, error);
    if (json_text(metadata, BYTES("deletionTimestamp")).n > 0)
        return refuse(error, "Secret", "was deleted");
    if (json_get(json_get(metadata, BYTES("labels")), BYTES(INVALID_SINCE)))
        return refuse(error, "Secret", "is marked as invalid");
    if (code != ERR_OK || held.n != token.n || CRYPTO_memcmp(held.p, token.p, token.n) != 0)
        return refuse(error, "Secret", "holds another token");
    return ERR_OK;
}

static err_t check_legacy(
    struct arena *scratch, const struct jwt *jwt, bytes token, struct identity *id, struct error *error)
{
    struct json *secret;

    *id = (struct identity){.namespace = json_text(jwt->claims, BYTES(LEGACY "namespace")),
        .account = {json_text(jwt->claims, BYTES(LEGACY "service-account.name")),
            json_text(jwt->claims, BYTES(LEGACY "service-account.uid"))},
        .secret = {.name = json_text(jwt->claims, BYTES(LEGACY "secret.name"))},
        .expires = INT64_MAX};
    TRY(check_subject(scratch, jwt->claims, id, error));
    TRY(get(scratch, "Secret", id->namespace, id->secret.name, &secret, error));
    if (!secret)
        return refuse(error, "Secret", "is gone");
    TRY(check_held(scratch, secret, token, error));
    return check_alive(scratch, "ServiceAccount", id->namespace, &id->account, &id->expires, error);
}

/* ---- Who it is. */

static bool add_extra(struct arena *arena, struct user *user, struct user_extra *extra, const char *key, bytes value)
{
    bytes *copy = arena_alloc(arena, sizeof *copy);

    if (value.n == 0)
        return true;
    if (!copy || !(*copy = arena_copy(arena, value)).p)
        return false;
    extra[user->extra_count++] = (struct user_extra){bytes_of(key), copy, 1};
    return true;
}

static err_t make_user(
    struct arena *arena, const struct json *claims, const struct identity *id, struct user *ret, struct error *error)
{
    struct user_extra *extra = arena_alloc(arena, 5 * sizeof *extra);
    bytes uid = arena_copy(arena, id->account.uid), jti = json_text(claims, BYTES("jti"));

    if (jti.n > 0)
        jti = arena_join(arena, BYTES("JTI="), jti, ARENA_END);
    if (!extra || !uid.p || (jti.n > 0 && !jti.p))
        return arena_error(arena, error);
    TRY(user_of_account(arena, id->namespace, id->account.name, uid, ret, error));
    ret->extra = extra;
    ret->extra_count = 0;
    if (!add_extra(arena, ret, extra, USER_EXTRA_CREDENTIAL, jti) ||
        !add_extra(arena, ret, extra, USER_EXTRA_NODE_NAME, id->node.name) ||
        !add_extra(arena, ret, extra, USER_EXTRA_NODE_UID, id->node.uid) ||
        !add_extra(arena, ret, extra, USER_EXTRA_POD_NAME, id->pod.name) ||
        !add_extra(arena, ret, extra, USER_EXTRA_POD_UID, id->pod.uid))
        return arena_error(arena, error);
    return user_complete(arena, ret, error);
}

static bool is_issuer(bytes issuer)
{
    const struct audiences ours = {authenticator_current()->issuers, authenticator_current()->issuer_count};

    return issuer.n > 0 && audiences_hold(&ours, issuer);
}

static err_t authenticate_in(struct arena *arena, struct arena *scratch, bytes token, const struct audiences *asked,
    struct authenticated *ret, struct error *error)
{
    struct identity id;
    struct jwt jwt;
    bytes issuer;
    bool legacy;

    TRY(jwt_parse(scratch, token, &jwt, error));
    issuer = json_text(jwt.claims, BYTES("iss"));
    legacy = bytes_equal(issuer, BYTES(LEGACY_ISSUER));
    if (!legacy && !is_issuer(issuer))
        return error_set(error, ERR_NOT_FOUND, "the token is of another issuer");
    TRY(verify(&jwt, token, error));
    TRY(legacy ? check_legacy(scratch, &jwt, token, &id, error) : check_bound(scratch, &jwt, &id, error));
    TRY(legacy ? audiences_own(arena, asked, ret, error) : match_audiences(arena, jwt.claims, asked, ret, error));
    ret->expires = id.expires;
    if (id.secret.name.n > 0)
        ret->secret = object_key(arena, id.namespace, id.secret.name);
    if (id.secret.name.n > 0 && !ret->secret.p)
        return arena_error(arena, error);
    return make_user(arena, jwt.claims, &id, &ret->user, error);
}

err_t service_account_token_authenticate(
    struct arena *arena, bytes token, const struct audiences *asked, struct authenticated *ret, struct error *error)
{
    struct arena scratch;
    err_t code;

    if (!jwt_shaped(token))
        return error_set(error, ERR_NOT_FOUND, "the token is no JSON Web Token");
    arena_init(&scratch, SCRATCH);
    code = authenticate_in(arena, &scratch, token, asked, ret, error);
    arena_reset(&scratch);
    return code;
}
