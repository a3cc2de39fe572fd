/* SPDX-License-Identifier: Apache-2.0 */
#include "access/jwt.h"

#include "base/base64.h"
#include "crypt/openssl_error.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#define RSA_BITS_LEAST 2048
#define RSA_BITS_MOST  8192
#define COORDINATE_MAX 66 /* of P-521 */
#define SIGNATURE_MAX  (RSA_BITS_MOST / 8)
#define TIME_MOST      ((int64_t)1 << 53) /* what every JSON number holds exactly */

static const struct algorithm {
    const char *name, *digest;
    const char *curve; /* OpenSSL's; NULL: RSA */
    size_t coordinate; /* bytes of each half of the signature */
} algorithms[JWT_ALGORITHM_COUNT] = {
    [JWT_RS256] = {"RS256", "SHA256", NULL, 0},
    [JWT_RS384] = {"RS384", "SHA384", NULL, 0},
    [JWT_RS512] = {"RS512", "SHA512", NULL, 0},
    [JWT_ES256] = {"ES256", "SHA256", SN_X9_62_prime256v1, 32},
    [JWT_ES384] = {"ES384", "SHA384", SN_secp384r1, 48},
    [JWT_ES512] = {"ES512", "SHA512", SN_secp521r1, COORDINATE_MAX},
};

const char *jwt_algorithm_name(enum jwt_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

enum jwt_algorithm jwt_algorithm_of(bytes name)
{
    size_t i = 0;

    while (i < ARRAY_LEN(algorithms) && !bytes_equal(name, bytes_of(algorithms[i].name)))
        i++;
    return (enum jwt_algorithm)i;
}

static err_t refuse(struct error *error, const char *reason)
{
    return error_set(error, ERR_UNAUTHORIZED, "%s", reason);
}

/* ---- Taking apart. */

/* The parts of exactly "a.b.c"; none is empty. */
static bool split(bytes token, bytes ret[3])
{
    for (size_t i = 0; i < 3; i++) {
        size_t n = bytes_find(token, '.');
        if (n == 0 || (n == token.n) != (i == 2))
            return false;
        ret[i] = (bytes){token.p, n};
        token = bytes_skip(token, n < token.n ? n + 1 : n);
    }
    return true;
}

bool jwt_shaped(bytes token)
{
    bytes parts[3];

    return split(token, parts);
}

/* Go's decoder skips line ends and lets unused bits pass; a signature is over one spelling. */
static err_t decode_part(struct arena *arena, bytes part, bytes *ret, struct error *error)
{
    size_t offset;
    err_t code = base64_decode(arena, BASE64_URL_UNPADDED, part, ret, &offset);
    bytes again;

    if (code == ERR_BAD_REQUEST)
        return refuse(error, "the token is not base64url");
    if (code != ERR_OK)
        return arena_error(arena, error);
    again = base64_encode(arena, BASE64_URL_UNPADDED, *ret);
    if (!again.p)
        return arena_error(arena, error);
    return bytes_equal(again, part) ? ERR_OK : refuse(error, "the token is not canonical base64url");
}

static err_t decode_object(struct arena *arena, bytes part, const struct json **ret, struct error *error)
{
    const struct json_options options = {.max_depth = JWT_DEPTH_MAX};
    struct json *object;
    bytes text;
    err_t code;

    TRY(decode_part(arena, part, &text, error));
    code = json_parse(arena, text, &options, &object, NULL, NULL);
    if (code == ERR_BAD_REQUEST || (code == ERR_OK && object->type != JSON_OBJECT))
        return refuse(error, "a part of the token is no JSON object");
    if (code != ERR_OK)
        return arena_error(arena, error);
    *ret = object;
    return ERR_OK;
}

static err_t read_header(const struct json *header, struct jwt *ret, struct error *error)
{
    const struct json *algorithm = json_get(header, BYTES("alg")), *key = json_get(header, BYTES("kid"));

    if (json_get(header, BYTES("crit")))
        return refuse(error, "the token needs extensions that this server does not have");
    if (!algorithm || algorithm->type != JSON_STRING)
        return refuse(error, "the token names no algorithm");
    ret->algorithm = jwt_algorithm_of(algorithm->text);
    if (ret->algorithm == JWT_ALGORITHM_COUNT)
        return refuse(error, "the token's algorithm is not accepted");
    if (key && key->type != JSON_STRING)
        return refuse(error, "the token's kid is no text");
    ret->key_id = key ? key->text : BYTES_NONE;
    return ERR_OK;
}

err_t jwt_parse(struct arena *arena, bytes token, struct jwt *ret, struct error *error)
{
    const struct json *header;
    struct jwt jwt;
    bytes parts[3];

    if (token.n > JWT_SIZE_MAX)
        return refuse(error, "the token is too long");
    if (!split(token, parts))
        return refuse(error, "the token has not three parts");
    TRY(decode_object(arena, parts[0], &header, error));
    TRY(read_header(header, &jwt, error));
    TRY(decode_object(arena, parts[1], &jwt.claims, error));
    TRY(decode_part(arena, parts[2], &jwt.signature, error));
    jwt.signed_text = (bytes){token.p, parts[0].n + 1 + parts[1].n};
    *ret = jwt;
    return ERR_OK;
}

/* ---- Signatures. */

bool jwt_fits(enum jwt_algorithm which, const EVP_PKEY *key)
{
    const char *curve = algorithms[which].curve;
    char group[32];
    size_t n;

    if (!curve)
        return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS_LEAST &&
               EVP_PKEY_get_bits(key) <= RSA_BITS_MOST;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name((EVP_PKEY *)(uintptr_t)key, group, sizeof group, &n) &&
           strcmp(group, curve) == 0;
}

static void context_free(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void signature_free(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
}

/* r and s side by side to the DER that OpenSSL takes. */
static err_t to_der(bytes raw, size_t coordinate, uint8_t ret[SIGNATURE_MAX], size_t *ret_n, struct error *error)
{
    CLEANUP(signature_free) ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw.p, (int)coordinate, NULL), *s = BN_bin2bn(raw.p + coordinate, (int)coordinate, NULL);
    int n;

    if (!signature || !r || !s || !ECDSA_SIG_set0(signature, r, s)) {
        BN_free(r);
        BN_free(s);
        return openssl_error(error, "read a signature");
    }
    n = i2d_ECDSA_SIG(signature, NULL);
    if (n <= 0 || n > SIGNATURE_MAX || i2d_ECDSA_SIG(signature, &ret) != n)
        return openssl_error(error, "read a signature");
    *ret_n = (size_t)n;
    return ERR_OK;
}

static err_t to_raw(const uint8_t *der, size_t n, size_t coordinate, uint8_t *ret, struct error *error)
{
    CLEANUP(signature_free) ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)n);

    if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret, (int)coordinate) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret + coordinate, (int)coordinate) < 0)
        return openssl_error(error, "write a signature");
    return ERR_OK;
}

err_t jwt_verify(const struct jwt *jwt, EVP_PKEY *key, struct error *error)
{
    const struct algorithm *algorithm = &algorithms[jwt->algorithm];
    uint8_t der[SIGNATURE_MAX];
    bytes signature = jwt->signature;

    if (!jwt_fits(jwt->algorithm, key))
        return refuse(error, "the token's algorithm is not its key's");
    if (algorithm->curve) {
        if (signature.n != 2 * algorithm->coordinate)
            return refuse(error, "the token's signature has not the length of its algorithm");
        TRY(to_der(signature, algorithm->coordinate, der, &signature.n, error));
        signature.p = der;
    }
    CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestVerifyInit_ex(context, NULL, algorithm->digest, NULL, NULL, key, NULL) != 1)
        return openssl_error(error, "check a signature");
    int result = EVP_DigestVerify(context, signature.p, signature.n, jwt->signed_text.p, jwt->signed_text.n);
    ERR_clear_error();
    return result == 1 ? ERR_OK : refuse(error, "the token's signature is not its key's");
}

static err_t make_signature(
    const struct algorithm *algorithm, EVP_PKEY *key, bytes text, uint8_t *ret, size_t *ret_n, struct error *error)
{
    CLEANUP(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t made[SIGNATURE_MAX];
    size_t n = sizeof made;

    if (!context || EVP_DigestSignInit_ex(context, NULL, algorithm->digest, NULL, NULL, key, NULL) != 1 ||
        EVP_DigestSign(context, made, &n, text.p, text.n) != 1)
        return openssl_error(error, "sign a token");
    *ret_n = algorithm->curve ? 2 * algorithm->coordinate : n;
    if (algorithm->curve)
        return to_raw(made, n, algorithm->coordinate, ret, error);
    memcpy(ret, made, n);
    return ERR_OK;
}

static bytes encode_json(struct arena *arena, const struct json *value)
{
    struct buffer text;

    buffer_init(&text, arena);
    json_write(&text, value);
    return text.failed ? BYTES_NONE : base64_encode(arena, BASE64_URL_UNPADDED, buffer_bytes(&text));
}

err_t jwt_sign(struct arena *arena, enum jwt_algorithm which, EVP_PKEY *key, bytes key_id, const struct json *claims,
    bytes *ret, struct error *error)
{
    struct json *header = json_new(arena, JSON_OBJECT);
    uint8_t signature[SIGNATURE_MAX];
    bytes head, body, text, end;
    size_t n = 0;

    if (!jwt_fits(which, key))
        return error_set(error, ERR_INTERNAL, "the key that signs tokens does not fit its algorithm");
    if (!json_add(header, BYTES("alg"), json_string(arena, bytes_of(algorithms[which].name))) ||
        (key_id.n > 0 && !json_add(header, BYTES("kid"), json_string(arena, key_id))))
        return arena_error(arena, error);
    head = encode_json(arena, header);
    body = encode_json(arena, claims);
    text = head.p && body.p ? arena_join(arena, head, BYTES("."), body, ARENA_END) : BYTES_NONE;
    if (!text.p)
        return arena_error(arena, error);
    TRY(make_signature(&algorithms[which], key, text, signature, &n, error));
    end = base64_encode(arena, BASE64_URL_UNPADDED, (bytes){signature, n});
    *ret = end.p ? arena_join(arena, text, BYTES("."), end, ARENA_END) : BYTES_NONE;
    return ret->p ? ERR_OK : arena_error(arena, error);
}

/* ---- Claims. */

/* A NumericDate: seconds, of which a fraction is cut off. */
static bool read_time(const struct json *value, int64_t *ret)
{
    uint64_t seconds;
    bytes text;

    if (value->type != JSON_NUMBER)
        return false;
    text = value->text;
    text.n = bytes_find(text, '.');
    if (!bytes_to_uint64(text, &seconds) || seconds > (uint64_t)TIME_MOST)
        return false;
    for (bytes rest = bytes_skip(value->text, text.n); rest.n > 0; rest = bytes_skip(rest, 1))
        if (rest.p[0] == 'e' || rest.p[0] == 'E')
            return false;
    *ret = (int64_t)seconds;
    return true;
}

int64_t jwt_expiry(const struct json *claims)
{
    const struct json *end = json_get(claims, BYTES("exp"));
    int64_t time;

    return end && read_time(end, &time) ? time : 0;
}

err_t jwt_check_times(const struct json *claims, int64_t now, int64_t leeway, struct error *error)
{
    static const struct {
        const char *name, *early;
    } starts[] = {{"nbf", "the token is not valid yet"}, {"iat", "the token is issued in the future"}};
    const struct json *end = json_get(claims, BYTES("exp"));
    int64_t time;

    if (!end || !read_time(end, &time))
        return refuse(error, "the token does not say when it expires");
    if (now >= time)
        return refuse(error, "the token has expired");
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        const struct json *start = json_get(claims, bytes_of(starts[i].name));
        if (start && !read_time(start, &time))
            return refuse(error, "a time in the token is none");
        if (start && time > now + leeway)
            return refuse(error, starts[i].early);
    }
    return ERR_OK;
}

bytes jwt_next_audience(const struct json *claims, const struct json **at)
{
    const struct json *audience = json_get(claims, BYTES("aud"));

    if (*at)
        *at = *at == audience ? NULL : (*at)->next;
    else if (audience)
        *at = audience->type == JSON_ARRAY ? audience->first : audience;
    else
        return BYTES_NONE;
    if (!*at || (*at)->type != JSON_STRING) {
        *at = NULL;
        return BYTES_NONE;
    }
    return (*at)->text;
}
