/* SPDX-License-Identifier: Apache-2.0 */
#include "access/oidc_claims.h"

#include "access/jwt.h"

static err_t refuse(struct error *error, const char *reason)
{
    return error_set(error, ERR_UNAUTHORIZED, "%s", reason);
}

/* Names of claims come from the configuration. */
static err_t refuse_claim(struct error *error, bytes claim, const char *reason)
{
    return error_set(error, ERR_UNAUTHORIZED, "the token's claim %.*s %s", BYTES_FMT(claim), reason);
}

static err_t check_audience(const struct oidc_issuer *issuer, const struct json *claims, struct error *error)
{
    const struct audiences wanted = {issuer->audiences, issuer->audience_count};
    const struct json *at = NULL;
    bytes audience;

    while ((audience = jwt_next_audience(claims, &at)).p)
        if (audiences_hold(&wanted, audience))
            return ERR_OK;
    return refuse(error, "the token's audience is another");
}

static err_t add_prefix(struct arena *arena, bytes prefix, bytes text, bytes *ret, struct error *error)
{
    *ret = prefix.n > 0 ? arena_join(arena, prefix, text, ARENA_END) : text;
    return ret->p ? ERR_OK : arena_error(arena, error);
}

/* A text that is there and says something. */
static err_t read_text(const struct json *claims, bytes claim, bytes *ret, struct error *error)
{
    *ret = json_text(claims, claim);
    return ret->n > 0 ? ERR_OK : refuse_claim(error, claim, "is missing, empty, or no text");
}

static err_t read_name(struct arena *arena, const struct oidc_issuer *issuer, const struct json *claims,
    struct user *ret, struct error *error)
{
    const struct json *verified = json_get(claims, BYTES("email_verified"));
    bytes name;

    TRY(read_text(claims, issuer->username.claim, &name, error));
    if (bytes_equal(issuer->username.claim, BYTES("email")) && verified && verified->type != JSON_TRUE)
        return refuse(error, "the token's email is not verified");
    return add_prefix(arena, issuer->username.prefix, name, &ret->name, error);
}

/* Groups that would have to be asked for elsewhere: without them a user may be one that rules exclude. */
static bool are_distributed(const struct json *claims, bytes claim)
{
    return json_get(json_get(claims, BYTES("_claim_names")), claim) != NULL;
}

/* A text or a list of texts; missing or null: none. */
static err_t read_groups(struct arena *arena, const struct oidc_issuer *issuer, const struct json *claims,
    struct user *ret, struct error *error)
{
    const struct json *value = json_get(claims, issuer->groups.claim);
    bytes *groups;

    if (issuer->groups.claim.n == 0)
        return ERR_OK;
    if (!value && are_distributed(claims, issuer->groups.claim))
        return refuse_claim(error, issuer->groups.claim, "is distributed, which is not supported");
    if (!value || value->type == JSON_NULL)
        return ERR_OK;
    if (value->type != JSON_STRING && value->type != JSON_ARRAY)
        return refuse_claim(error, issuer->groups.claim, "is neither a text nor a list of texts");
    groups = arena_alloc(arena, (value->type == JSON_ARRAY ? value->count : 1) * sizeof *groups);
    if (!groups)
        return arena_error(arena, error);
    ret->groups = groups;
    if (value->type == JSON_STRING)
        return add_prefix(arena, issuer->groups.prefix, value->text, &groups[ret->group_count++], error);
    for (const struct json *group = value->first; group; group = group->next) {
        if (group->type != JSON_STRING)
            return refuse_claim(error, issuer->groups.claim, "is neither a text nor a list of texts");
        TRY(add_prefix(arena, issuer->groups.prefix, group->text, &groups[ret->group_count++], error));
    }
    return ERR_OK;
}

static err_t check_rules(const struct oidc_issuer *issuer, const struct json *claims, struct error *error)
{
    for (size_t i = 0; i < issuer->rule_count; i++) {
        const struct json *value = json_get(claims, issuer->rules[i].claim);
        if (!value || value->type != JSON_STRING || !bytes_equal(value->text, issuer->rules[i].value))
            return refuse_claim(error, issuer->rules[i].claim, "has not the value that is required");
    }
    return ERR_OK;
}

err_t oidc_identify(struct arena *arena, const struct oidc_issuer *issuer, const struct json *claims, int64_t now,
    struct user *ret, struct error *error)
{
    struct user user = {.name = BYTES_NONE};

    if (!bytes_equal(json_text(claims, BYTES("iss")), bytes_of(issuer->url)))
        return refuse(error, "the token is of another issuer");
    TRY(jwt_check_times(claims, now, OIDC_LEEWAY, error));
    TRY(check_audience(issuer, claims, error));
    TRY(read_name(arena, issuer, claims, &user, error));
    TRY(read_groups(arena, issuer, claims, &user, error));
    if (issuer->uid_claim.n > 0)
        TRY(read_text(claims, issuer->uid_claim, &user.uid, error));
    TRY(check_rules(issuer, claims, error));
    TRY(user_complete(arena, &user, error));
    *ret = user;
    return ERR_OK;
}
