/* SPDX-License-Identifier: Apache-2.0 */
/* /.well-known/openid-configuration and /openid/v1/jwks: how others verify tokens of service accounts. */
#include "access/authenticator.h"
#include "access/signing_keys.h"
#include "serve/steps.h"

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }

static bool takes(const struct request *r, bytes type)
{
    bytes accept = http_header(r->exchange, BYTES("accept"));

    if (accept.n == 0)
        return true;
    while (accept.n > 0) {
        bytes range = {accept.p, bytes_find(accept, ',')};
        accept = bytes_skip(accept, range.n < accept.n ? range.n + 1 : range.n);
        range.n = bytes_find(range, ';');
        range = bytes_trim(range);
        if (bytes_equal(range, type) || bytes_equal(range, BYTES("*/*")) || bytes_equal(range, BYTES("application/*")))
            return true;
    }
    return false;
}

static enum step_result send(struct request *r, bytes type, const struct json *document)
{
    static const struct http_header caching = {TEXT("Cache-Control"), TEXT("public, max-age=3600")};
    struct buffer out;

    buffer_init(&out, r->arena);
    json_write(&out, document);
    if (out.failed)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    answer_bytes_with(r, 200, type, buffer_bytes(&out), &caching, 1);
    return STEP_DONE;
}

/* Every answer is made anew from the keys in force; they are few. */
static bool begin(struct request *r, bytes type, struct json **ret_set, struct json **ret_algorithms)
{
    if (!takes(r, type)) {
        r->details.present = true;
        (void)error_set(
            &r->error, ERR_NOT_ACCEPTABLE, "406: Not Acceptable\n\nAvailable representations: %.*s", BYTES_FMT(type));
        return false;
    }
    return signing_keys_public(r->arena, ret_set, ret_algorithms, &r->error) == ERR_OK;
}

enum step_result openid_keys_document(struct request *r)
{
    const bytes type = BYTES("application/jwk-set+json");
    struct json *set, *algorithms;

    return begin(r, type, &set, &algorithms) ? send(r, type, set) : STEP_FAIL;
}

static struct json *list_of(struct arena *arena, const char *only)
{
    struct json *list = json_new(arena, JSON_ARRAY);

    return json_append(list, json_string(arena, bytes_of(only))) ? list : NULL;
}

enum step_result openid_configuration_document(struct request *r)
{
    const struct authenticator *a = authenticator_current();
    const bytes type = BYTES("application/json");
    struct json *set, *algorithms, *document = json_new(r->arena, JSON_OBJECT);

    if (!a)
        return answer_page_not_found(r);
    if (!begin(r, type, &set, &algorithms))
        return STEP_FAIL;
    if (!json_add(document, BYTES("issuer"), json_string(r->arena, a->issuers[0])) ||
        !json_add(document, BYTES("jwks_uri"), json_string(r->arena, a->jwks_uri)) ||
        !json_add(document, BYTES("response_types_supported"), list_of(r->arena, "id_token")) ||
        !json_add(document, BYTES("subject_types_supported"), list_of(r->arena, "public")) ||
        !json_add(document, BYTES("id_token_signing_alg_values_supported"), algorithms))
        return arena_error(r->arena, &r->error), STEP_FAIL;
    return send(r, type, document);
}
