/* SPDX-License-Identifier: Apache-2.0 */
#include "access/jwk.h"

#include "base/base64.h"
#include "crypt/openssl_error.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#define EXPONENT_MAX   4    /* bytes */
#define MODULUS_MAX    1024 /* bytes: 8,192 bits */
#define COORDINATE_MAX 66
#define SCRATCH        16384

static const struct curve {
    const char *name, *group; /* RFC 7518, OpenSSL */
    enum jwt_algorithm algorithm;
    size_t coordinate;
} curves[] = {
    {"P-256", SN_X9_62_prime256v1, JWT_ES256, 32},
    {"P-384", SN_secp384r1, JWT_ES384, 48},
    {"P-521", SN_secp521r1, JWT_ES512, COORDINATE_MAX},
};

static void builder_free(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}
static void parameters_free(OSSL_PARAM **parameters)
{
    OSSL_PARAM_free(*parameters);
}
static void context_free(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}
static void number_free(BIGNUM **number)
{
    BN_free(*number);
}
static void key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

err_t jwk_id(EVP_PKEY *key, char ret[JWK_ID_SIZE], struct error *error)
{
    uint8_t *der = NULL, digest[32];
    struct arena arena;
    bytes text;
    int n = i2d_PUBKEY(key, &der);
    bool fine = n > 0 && EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    if (!fine)
        return openssl_error(error, "name a key");
    arena_init(&arena, 4096);
    text = base64_encode(&arena, BASE64_URL_UNPADDED, (bytes){digest, sizeof digest});
    if (text.p)
        memcpy(ret, text.p, JWK_ID_SIZE);
    err_t code = text.p ? ERR_OK : arena_error(&arena, error);
    arena_reset(&arena);
    return code;
}

static const struct curve *curve_of(const EVP_PKEY *key)
{
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (jwt_fits(curves[i].algorithm, key))
            return &curves[i];
    return NULL;
}

enum jwt_algorithm jwk_algorithm(const EVP_PKEY *key)
{
    const struct curve *curve = curve_of(key);

    return curve ? curve->algorithm : jwt_fits(JWT_RS256, key) ? JWT_RS256 : JWT_ALGORITHM_COUNT;
}

/* ---- From JSON. */

static err_t refuse(struct error *error, const char *reason)
{
    return error_set(error, ERR_INVALID, "%s", reason);
}

/* A member in base64url, least to most bytes long. */
static err_t read_bytes(struct arena *arena, const struct json *jwk, const char *name, size_t least, size_t most,
    bytes *ret, struct error *error)
{
    bytes text = json_text(jwk, bytes_of(name));
    size_t offset;
    err_t code = base64_decode(arena, BASE64_URL_UNPADDED, text, ret, &offset);

    if (code == ERR_BAD_REQUEST || (code == ERR_OK && (ret->n < least || ret->n > most)))
        return refuse(error, "a number of the key is none, or has not its length");
    return code == ERR_OK ? ERR_OK : arena_error(arena, error);
}

static err_t build(const char *type, OSSL_PARAM_BLD *builder, EVP_PKEY **ret, struct error *error)
{
    CLEANUP(parameters_free) OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    CLEANUP(context_free) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1)
        return openssl_error(error, "make a key");
    if (EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        ERR_clear_error();
        return refuse(error, "the numbers make no key");
    }
    *ret = key;
    return ERR_OK;
}

static err_t read_rsa(struct arena *arena, const struct json *jwk, EVP_PKEY **ret, struct error *error)
{
    bytes modulus, exponent;

    TRY(read_bytes(arena, jwk, "n", 256, MODULUS_MAX, &modulus, error));
    TRY(read_bytes(arena, jwk, "e", 1, EXPONENT_MAX, &exponent, error));
    CLEANUP(number_free) BIGNUM *n = BN_bin2bn(modulus.p, (int)modulus.n, NULL);
    CLEANUP(number_free) BIGNUM *e = BN_bin2bn(exponent.p, (int)exponent.n, NULL);
    CLEANUP(builder_free) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (!n || !e || !builder)
        return openssl_error(error, "read a key");
    if (!BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e))
        return refuse(error, "the numbers make no RSA key");
    if (!OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        return openssl_error(error, "read a key");
    return build("RSA", builder, ret, error);
}

/* OpenSSL refuses a point that is not on the curve. */
static err_t read_ec(struct arena *arena, const struct json *jwk, EVP_PKEY **ret, struct error *error)
{
    bytes name = json_text(jwk, BYTES("crv")), x, y;
    const struct curve *curve = NULL;
    uint8_t point[1 + 2 * COORDINATE_MAX] = {POINT_CONVERSION_UNCOMPRESSED};

    for (size_t i = 0; i < ARRAY_LEN(curves) && !curve; i++)
        if (bytes_equal(name, bytes_of(curves[i].name)))
            curve = &curves[i];
    if (!curve)
        return refuse(error, "the key's curve is not accepted");
    TRY(read_bytes(arena, jwk, "x", curve->coordinate, curve->coordinate, &x, error));
    TRY(read_bytes(arena, jwk, "y", curve->coordinate, curve->coordinate, &y, error));
    memcpy(point + 1, x.p, x.n);
    memcpy(point + 1 + x.n, y.p, y.n);
    CLEANUP(builder_free) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (!builder || !OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) ||
        !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.n + y.n))
        return openssl_error(error, "read a key");
    return build("EC", builder, ret, error);
}

static err_t read_key(struct arena *arena, const struct json *jwk, EVP_PKEY **ret, struct error *error)
{
    bytes type = json_text(jwk, BYTES("kty"));

    if (bytes_equal(type, BYTES("RSA")))
        return read_rsa(arena, jwk, ret, error);
    if (bytes_equal(type, BYTES("EC")))
        return read_ec(arena, jwk, ret, error);
    return refuse(error, "the key is neither RSA nor EC");
}

static err_t parse(struct arena *arena, const struct json *json, struct jwk *ret, struct error *error)
{
    const struct json *use = json_get(json, BYTES("use")), *algorithm = json_get(json, BYTES("alg"));
    struct jwk jwk = {.id = json_text(json, BYTES("kid")), .algorithm = JWT_ALGORITHM_COUNT};

    if (use && (use->type != JSON_STRING || !bytes_equal(use->text, BYTES("sig"))))
        return refuse(error, "the key is not for signatures");
    if (algorithm &&
        (algorithm->type != JSON_STRING || (jwk.algorithm = jwt_algorithm_of(algorithm->text)) == JWT_ALGORITHM_COUNT))
        return refuse(error, "the key's algorithm is not accepted");
    CLEANUP(key_free) EVP_PKEY *key = NULL;
    TRY(read_key(arena, json, &key, error));
    if (jwk_algorithm(key) == JWT_ALGORITHM_COUNT || (algorithm && !jwt_fits(jwk.algorithm, key)))
        return refuse(error, "the key's strength or type is not accepted");
    jwk.key = key, key = NULL;
    *ret = jwk;
    return ERR_OK;
}

err_t jwk_parse(const struct json *json, struct jwk *ret, struct error *error)
{
    struct arena arena;
    err_t code;

    arena_init(&arena, SCRATCH);
    code = parse(&arena, json, ret, error);
    arena_reset(&arena);
    return code;
}

/* ---- To JSON. */

/* As many bytes as the coordinate has; of a number of RSA (size 0) as many as it needs. */
static err_t add_number(struct arena *arena, struct json *to, const char *name, EVP_PKEY *key, const char *parameter,
    size_t size, struct error *error)
{
    CLEANUP(number_free) BIGNUM *number = NULL;
    uint8_t raw[MODULUS_MAX];

    if (EVP_PKEY_get_bn_param(key, parameter, &number) != 1)
        return openssl_error(error, "write a key");
    if (size == 0)
        size = (size_t)BN_num_bytes(number);
    if (size > sizeof raw || BN_bn2binpad(number, raw, (int)size) < 0)
        return openssl_error(error, "write a key");
    bytes text = base64_encode(arena, BASE64_URL_UNPADDED, (bytes){raw, size});
    if (!text.p || !json_add(to, bytes_of(name), json_string(arena, text)))
        return arena_error(arena, error);
    return ERR_OK;
}

static bool add_text(struct arena *arena, struct json *to, const char *name, const char *text)
{
    return json_add(to, bytes_of(name), json_string(arena, bytes_of(text))) != NULL;
}

err_t jwk_make(struct arena *arena, EVP_PKEY *key, struct json **ret, struct error *error)
{
    struct json *jwk = json_new(arena, JSON_OBJECT);
    const struct curve *curve = curve_of(key);
    char id[JWK_ID_SIZE];
    bytes kept;

    TRY(jwk_id(key, id, error));
    kept = arena_copy(arena, bytes_of(id));
    if (!kept.p || !add_text(arena, jwk, "use", "sig") || !add_text(arena, jwk, "kty", curve ? "EC" : "RSA") ||
        !json_add(jwk, BYTES("kid"), json_string(arena, kept)) ||
        (curve && !add_text(arena, jwk, "crv", curve->name)) ||
        !add_text(arena, jwk, "alg", jwt_algorithm_name(jwk_algorithm(key))))
        return arena_error(arena, error);
    TRY(add_number(arena, jwk, curve ? "x" : "n", key, curve ? OSSL_PKEY_PARAM_EC_PUB_X : OSSL_PKEY_PARAM_RSA_N,
        curve ? curve->coordinate : 0, error));
    TRY(add_number(arena, jwk, curve ? "y" : "e", key, curve ? OSSL_PKEY_PARAM_EC_PUB_Y : OSSL_PKEY_PARAM_RSA_E,
        curve ? curve->coordinate : 0, error));
    *ret = jwk;
    return ERR_OK;
}
