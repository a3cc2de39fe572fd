/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of issuers, what they publish, and what their claims mean. */
#include "access/oidc_claims.h"
#include "access/oidc_keys.h"
#include "base/memory.h"
#include "crypt/setup.h"
#include "crypt/x509.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW  1700000000
#define HEAD "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
/* What most cases leave as it is: an issuer's address and audience, and whom it names. */
#define ISSUER  "jwt:\n- issuer: {url: https://a.example, audiences: [x]}\n"
#define MAPPING "  claimMappings: {username: {claim: sub, prefix: 'p:'}}\n"

static struct arena arena;
static struct error error;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    error_init(&error, NULL);
    return crypt_setup(&error) != ERR_OK;
}

static int teardown(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static err_t parse(const char *text, struct authentication_config *ret)
{
    static const bytes own = {(const uint8_t *)"https://own.example", 19};
    const struct audiences taken = {&own, 1};
    return authentication_config_parse(&arena, bytes_of(text), &taken, ret, &error);
}

#define assert_text(b, expected) assert_true(bytes_equal(b, BYTES(expected)))

/* ---- Configuration. */

static void a_configuration_is_read(void **state)
{
    struct authentication_config config;
    (void)state;
    assert_int_equal(
        parse(HEAD "jwt:\n"
                   "- issuer:\n"
                   "    url: https://a.example/\n"
                   "    audiences: [x, z]\n"
                   "    audienceMatchPolicy: MatchAny\n"
                   "  claimMappings:\n"
                   "    username: {claim: email, prefix: ''}\n"
                   "    groups: {claim: roles, prefix: 'g:'}\n"
                   "    uid: {claim: sub}\n"
                   "    extra: []\n"
                   "  claimValidationRules:\n"
                   "  - {claim: hd, requiredValue: example.com}\n"
                   "  - {claim: empty}\n"
                   "- issuer: {url: https://b.example, discoveryURL: 'https://c.example/d', audiences: [x]}\n"
                   "  claimMappings: {username: {claim: sub, prefix: 'b:'}}\n",
            &config),
        ERR_OK);
    assert_int_equal(config.issuer_count, 2);
    const struct oidc_issuer *a = &config.issuers[0], *b = &config.issuers[1];
    assert_string_equal(a->url, "https://a.example/");
    assert_string_equal(a->discovery_url, "https://a.example/.well-known/openid-configuration");
    assert_int_equal(a->audience_count, 2);
    assert_text(a->audiences[1], "z");
    assert_text(a->username.claim, "email");
    assert_int_equal(a->username.prefix.n, 0);
    assert_text(a->groups.prefix, "g:");
    assert_text(a->uid_claim, "sub");
    assert_int_equal(a->rule_count, 2);
    assert_text(a->rules[0].value, "example.com");
    assert_int_equal(a->rules[1].value.n, 0);
    assert_string_equal(b->discovery_url, "https://c.example/d");
    assert_int_equal(b->groups.claim.n, 0);
    assert_int_equal(b->ca_pem.n, 0);
    assert_int_equal(parse(HEAD, &config), ERR_OK);
    assert_int_equal(config.issuer_count, 0);
}

static void who_may_be_anonymous_is_read(void **state)
{
    struct authentication_config config;
    (void)state;
    assert_int_equal(parse(HEAD, &config), ERR_OK);
    assert_false(config.anonymous.given || config.anonymous.enabled);
    assert_int_equal(parse(HEAD "anonymous: null", &config), ERR_OK);
    assert_false(config.anonymous.given);
    assert_int_equal(parse(HEAD "anonymous: {}", &config), ERR_OK);
    assert_true(config.anonymous.given && !config.anonymous.enabled);
    assert_int_equal(parse(HEAD "anonymous: {enabled: false, conditions: []}", &config), ERR_OK);
    assert_true(config.anonymous.given && !config.anonymous.enabled);
    assert_int_equal(parse(HEAD "anonymous: {enabled: true}", &config), ERR_OK);
    assert_true(config.anonymous.enabled && config.anonymous.path_count == 0);
    assert_int_equal(
        parse(HEAD "anonymous: {enabled: true, conditions: [{path: /livez}, {path: /readyz}]}", &config), ERR_OK);
    assert_int_equal(config.anonymous.path_count, 2);
    assert_text(config.anonymous.paths[1], "/readyz");
}

static void what_cannot_be_meant_is_refused(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "the file: must be an object"},
        {"{}", "must be an AuthenticationConfiguration"},
        {"[]", "the file: must be an object"},
        {"kind: AuthenticationConfiguration\napiVersion: apiserver.config.k8s.io/v1alpha1",
            "of apiserver.config.k8s.io/v1 or"},
        {HEAD "kind: AuthenticationConfiguration", "yaml: "},
        {HEAD "jwt: {}", "jwt: must be a list"},
        {HEAD "jwt: [1]", "jwt[0]: must be an object"},
        {HEAD "anonymous: true", "anonymous: must be an object"},
        {HEAD "anonymous: {enabled: 'true'}", "anonymous.enabled: must be true or false"},
        {HEAD "anonymous: {enable: true}", "unknown field \"anonymous.enable\""},
        {HEAD "anonymous: {conditions: [{path: /livez}]}", "enabled should be set to true when conditions are defined"},
        {HEAD "anonymous: {enabled: false, conditions: [{path: /livez}]}", "anonymous.conditions: enabled should be"},
        {HEAD "anonymous: {enabled: true, conditions: {path: /livez}}", "anonymous.conditions: must be a list"},
        {HEAD "anonymous: {enabled: true, conditions: [/livez]}", "anonymous.conditions[0]: must be an object"},
        {HEAD "anonymous: {enabled: true, conditions: [{path: /livez}, {}]}", "conditions[1].path: Required value"},
        {HEAD "anonymous: {enabled: true, conditions: [{path: 1}]}", "anonymous.conditions[0].path: must be a text"},
        {HEAD "anonymous: {enabled: true, conditions: [{path: /a, verb: get}]}", "\"anonymous.conditions[0].verb\""},
        {HEAD "jwt: [{}]", "jwt[0].issuer.url: Required value"},
        {HEAD "jwt: [{issuer: {url: 5}}]", "jwt[0].issuer.url: must be a text"},
        {HEAD "jwt: [{issuer: {uri: x}}]", "unknown field \"jwt[0].issuer.uri\""},
        {HEAD "jwt: [{issuer: {url: 'http://a'}}]", "URL scheme must be https"},
        {HEAD "jwt: [{issuer: {url: 'https://'}}]", "must contain a host"},
        {HEAD "jwt: [{issuer: {url: 'https:///x'}}]", "must contain a host"},
        {HEAD "jwt: [{issuer: {url: 'https://u:p@a'}}]", "must not contain a username"},
        {HEAD "jwt: [{issuer: {url: 'https://a?b'}}]", "must not contain a query"},
        {HEAD "jwt: [{issuer: {url: 'https://a#b'}}]", "must not contain a fragment"},
        {HEAD "jwt: [{issuer: {url: 'https://a b'}}]", "without blanks"},
        {HEAD "jwt: [{issuer: {url: \"https://a\\0b\"}}]", "without blanks"},
        {HEAD "jwt: [{issuer: {url: 'https://own.example'}}]", "--service-account-issuer"},
        {HEAD "jwt: [{issuer: {url: 'https://a', discoveryURL: 'https://a/'}}]", "must be different from URL"},
        {HEAD "jwt: [{issuer: {url: 'https://a', discoveryURL: 'file:///a'}}]", "discoveryURL: URL scheme must be"},
        {HEAD "jwt: [{issuer: {url: 'https://a'}}]", "jwt[0].issuer.audiences: Required value"},
        {HEAD "jwt: [{issuer: {url: 'https://a', audiences: ['']}}]", "jwt[0].issuer.audiences[0]: Required value"},
        {HEAD "jwt: [{issuer: {url: 'https://a', audiences: [x, x]}}]", "jwt[0].issuer.audiences[1]: Duplicate value"},
        {HEAD "jwt: [{issuer: {url: 'https://a', audiences: [x, z]}}]", "must be MatchAny for multiple audiences"},
        {HEAD "jwt: [{issuer: {url: 'https://a', audiences: [x], audienceMatchPolicy: All}}]",
            "must be empty or MatchAny"},
        {HEAD "jwt: [{issuer: {url: 'https://a', audiences: [x], certificateAuthority: /etc/ca.pem}}]",
            "holds no certificate"},
        {HEAD "jwt: [{issuer: {url: 'https://a', egressSelectorType: cluster}}]",
            "egressSelectorType: is not supported"},
        {HEAD ISSUER, "jwt[0].claimMappings.username: Required value: claim is required"},
        {HEAD ISSUER "  claimMappings: {username: {claim: sub}}",
            "username.prefix: Required value: prefix is required"},
        {HEAD ISSUER "  claimMappings: {username: {expression: claims.sub}}", "username.expression: CEL expressions"},
        {HEAD ISSUER "  claimMappings: {username: {claim: a, prefix: b}, groups: {claim: c}}",
            "groups.prefix: Required value"},
        {HEAD ISSUER "  claimMappings: {username: {claim: a, prefix: b}, uid: {expression: c}}", "uid.expression: CEL"},
        {HEAD ISSUER "  claimMappings: {username: {claim: a, prefix: b}, uid: {claim: c, prefix: d}}", "unknown field"},
        {HEAD ISSUER "  claimMappings: {username: {claim: a, prefix: b}, extra: [{key: a.b/c, valueExpression: d}]}",
            "extra: CEL"},
        {HEAD ISSUER MAPPING "  userValidationRules: [{expression: 'true'}]", "jwt[0].userValidationRules: CEL"},
        {HEAD ISSUER MAPPING "  claimValidationRules: [{}]", "claimValidationRules[0]: Required value"},
        {HEAD ISSUER MAPPING "  claimValidationRules: [{claim: a}, {expression: b}]",
            "claimValidationRules[1].expression: CEL"},
        {HEAD ISSUER MAPPING "  claimValidationRules: [{claim: a, message: b}]", "message: may not be specified"},
        {HEAD ISSUER MAPPING "  claimValidationRules: [{claim: a}, {claim: a}]",
            "claimValidationRules[1].claim: Duplicate"},
        {HEAD ISSUER MAPPING "- issuer: {url: https://a.example, audiences: [z]}\n" MAPPING,
            "jwt[1].issuer.url: Duplicate"},
        {HEAD ISSUER MAPPING "- issuer: {url: https://b.example, audiences: [z], discoveryURL: "
                             "https://a.example/.well-known/openid-configuration}\n" MAPPING,
            "jwt[1].issuer.discoveryURL: Duplicate"},
    };
    struct authentication_config config;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse(cases[i].text, &config), ERR_INVALID);
        if (!memmem(error.message.p, error.message.n, cases[i].sentence, strlen(cases[i].sentence)))
            fail_msg("%s\n-> %.*s", cases[i].text, BYTES_FMT(error.message));
    }
}

static void sixty_four_issuers_are_enough(void **state)
{
    struct authentication_config config;
    struct buffer text;
    (void)state;
    buffer_init(&text, &arena);
    buffer_text(&text, HEAD "jwt:\n");
    for (unsigned i = 0; i <= OIDC_ISSUERS_MAX; i++) {
        if (i == OIDC_ISSUERS_MAX) {
            assert_int_equal(
                authentication_config_parse(&arena, buffer_bytes(&text), &(struct audiences){0}, &config, &error),
                ERR_OK);
            assert_int_equal(config.issuer_count, OIDC_ISSUERS_MAX);
        }
        buffer_format(&text, "- issuer: {url: 'https://i%u', audiences: [x]}\n" MAPPING, i);
    }
    assert_int_equal(
        authentication_config_parse(&arena, buffer_bytes(&text), &(struct audiences){0}, &config, &error), ERR_INVALID);
}

static void a_ca_is_the_text_of_certificates(void **state)
{
    static const bytes name = {(const uint8_t *)"a", 1};
    const struct x509_request request = {
        .use = X509_USE_CA, .common_name = name, .not_before = NOW, .not_after = NOW + 9};
    struct authentication_config config;
    struct x509_pair pair;
    struct buffer text;
    (void)state;
    assert_int_equal(x509_issue(&arena, &request, NULL, &pair, &error), ERR_OK);
    buffer_init(&text, &arena);
    buffer_text(&text,
        "{\"apiVersion\":\"apiserver.config.k8s.io/v1beta1\",\"kind\":\"AuthenticationConfiguration\",\"jwt\":["
        "{\"issuer\":{\"url\":\"https://a\",\"audiences\":[\"x\"],\"certificateAuthority\":");
    json_write_string(&text, pair.certificate_pem);
    buffer_text(&text, "},\"claimMappings\":{\"username\":{\"claim\":\"sub\",\"prefix\":\"\"}}}]}");
    assert_int_equal(
        authentication_config_parse(&arena, buffer_bytes(&text), &(struct audiences){0}, &config, &error), ERR_OK);
    assert_true(bytes_equal(config.issuers[0].ca_pem, pair.certificate_pem));
}

/* ---- Claims. */

static err_t identify(const char *claims, struct user *ret)
{
    static const bytes audiences[] = {{(const uint8_t *)"x", 1}, {(const uint8_t *)"y", 1}};
    static const struct oidc_rule rule = {{(const uint8_t *)"hd", 2}, {(const uint8_t *)"h", 1}};
    const struct oidc_issuer issuer = {.url = "https://a",
        .audiences = audiences,
        .audience_count = 2,
        .username = {BYTES("email"), BYTES("p:")},
        .groups = {BYTES("groups"), BYTES("g:")},
        .uid_claim = BYTES("sub"),
        .rules = &rule,
        .rule_count = 1};
    struct json *json;
    assert_int_equal(json_parse(&arena, bytes_of(claims), &(struct json_options){0}, &json, NULL, &error), ERR_OK);
    return oidc_identify(&arena, &issuer, json, NOW, ret, &error);
}

#define GOOD "\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000001,\"email\":\"e\",\"sub\":\"s\",\"hd\":\"h\""

static void claims_say_who_it_is(void **state)
{
    struct user user;
    (void)state;
    assert_int_equal(identify("{" GOOD ",\"groups\":[\"1\",\"2\"]}", &user), ERR_OK);
    assert_text(user.name, "p:e");
    assert_text(user.uid, "s");
    assert_int_equal(user.group_count, 3);
    assert_text(user.groups[0], "g:1");
    assert_text(user.groups[1], "g:2");
    assert_text(user.groups[2], "system:authenticated");
    assert_int_equal(user.extra_count, 0);
    assert_int_equal(identify("{" GOOD ",\"groups\":\"1\",\"email_verified\":true,\"nbf\":1700000300}", &user), ERR_OK);
    assert_int_equal(user.group_count, 2);
    assert_text(user.groups[0], "g:1");
    assert_int_equal(identify("{" GOOD ",\"groups\":null,\"_claim_names\":{\"groups\":\"s\"}}", &user), ERR_OK);
    assert_int_equal(user.group_count, 1);
    assert_int_equal(identify("{" GOOD ",\"_claim_names\":{\"other\":\"s\"}}", &user), ERR_OK);
    assert_int_equal(user.group_count, 1);
}

static void claims_that_say_it_badly_are_refused(void **state)
{
    static const char *const cases[] = {"{}",
        "{\"iss\":\"https://a/\",\"aud\":\"x\",\"exp\":1700000001,\"email\":\"e\",\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":\"z\",\"exp\":1700000001,\"email\":\"e\",\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":[],\"exp\":1700000001,\"email\":\"e\",\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"exp\":1700000001,\"email\":\"e\",\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000000,\"email\":\"e\",\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"email\":\"e\",\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000001,\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000001,\"email\":7,\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000001,\"email\":\"\",\"sub\":\"s\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000001,\"email\":\"e\",\"hd\":\"h\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000001,\"email\":\"e\",\"sub\":\"s\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000001,\"email\":\"e\",\"sub\":\"s\",\"hd\":\"H\"}",
        "{\"iss\":\"https://a\",\"aud\":\"x\",\"exp\":1700000001,\"email\":\"e\",\"sub\":\"s\",\"hd\":[\"h\"]}",
        "{" GOOD ",\"nbf\":1700000301}", "{" GOOD ",\"iat\":1700000301}", "{" GOOD ",\"email_verified\":false}",
        "{" GOOD ",\"email_verified\":null}", "{" GOOD ",\"groups\":{}}", "{" GOOD ",\"groups\":[\"a\",null]}",
        "{" GOOD ",\"_claim_names\":{\"groups\":\"s\"}}"};
    struct user user;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (identify(cases[i], &user) != ERR_UNAUTHORIZED)
            fail_msg("%s", cases[i]);
}

/* ---- What issuers publish. */

static void a_discovery_document_is_its_issuers(void **state)
{
    const struct oidc_issuer issuer = {.url = "https://a"};
    static const char *const bad[] = {"", "[]", "{}", "{\"issuer\":\"https://a\"}",
        "{\"issuer\":\"https://b\",\"jwks_uri\":\"https://a/k\"}",
        "{\"issuer\":\"https://a\",\"jwks_uri\":\"http://a/k\"}",
        "{\"issuer\":\"https://a\",\"jwks_uri\":\"file:///etc/passwd\"}",
        "{\"issuer\":\"https://a\",\"jwks_uri\":\"https://a\\u0000\"}", "{\"issuer\":\"https://a\",\"jwks_uri\":7}"};
    const char *url;
    (void)state;
    assert_int_equal(
        oidc_discovery_parse(&arena, BYTES("{\"issuer\":\"https://a\",\"jwks_uri\":\"https://k/1\",\"more\":{}}"),
            &issuer, &url, &error),
        ERR_OK);
    assert_string_equal(url, "https://k/1");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (oidc_discovery_parse(&arena, bytes_of(bad[i]), &issuer, &url, &error) != ERR_INVALID)
            fail_msg("%s", bad[i]);
}

static struct jwt token_of(EVP_PKEY *key, enum jwt_algorithm algorithm, const char *kid)
{
    struct jwt jwt;
    bytes text;
    assert_int_equal(
        jwt_sign(&arena, algorithm, key, bytes_of(kid), json_new(&arena, JSON_OBJECT), &text, &error), ERR_OK);
    assert_int_equal(jwt_parse(&arena, text, &jwt, &error), ERR_OK);
    return jwt;
}

static bytes set_of(EVP_PKEY *const *keys, const char *const *ids, size_t count)
{
    struct json *set = json_new(&arena, JSON_OBJECT),
                *list = json_add(set, BYTES("keys"), json_new(&arena, JSON_ARRAY)), *key;
    struct buffer text;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(jwk_make(&arena, keys[i], &key, &error), ERR_OK);
        json_remove(key, BYTES("kid"));
        if (ids[i])
            assert_non_null(json_add(key, BYTES("kid"), json_string(&arena, bytes_of(ids[i]))));
        assert_non_null(json_append(list, key));
    }
    buffer_init(&text, &arena);
    json_write(&text, set);
    assert_false(text.failed);
    return buffer_bytes(&text);
}

static void keys_verify_what_they_signed(void **state)
{
    EVP_PKEY *ec[] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-256")};
    static const char *const ids[] = {"one", NULL};
    struct oidc_keys *keys;
    bool unknown = false;
    (void)state;
    assert_int_equal(oidc_keys_parse(&arena, set_of(ec, ids, 2), &keys, &error), ERR_OK);
    assert_int_equal(oidc_keys_count(keys), 2);
    struct jwt token = token_of(ec[0], JWT_ES256, "one");
    assert_int_equal(oidc_keys_verify(keys, &token, &unknown, &error), ERR_OK);
    token = token_of(ec[1], JWT_ES256, ""); /* without a kid every key is tried */
    assert_int_equal(oidc_keys_verify(keys, &token, &unknown, &error), ERR_OK);
    token = token_of(ec[1], JWT_ES256, "one");
    assert_int_equal(oidc_keys_verify(keys, &token, &unknown, &error), ERR_UNAUTHORIZED);
    assert_false(unknown); /* newer keys would not make it genuine */
    token = token_of(ec[0], JWT_ES256, "two");
    assert_int_equal(oidc_keys_verify(keys, &token, &unknown, &error), ERR_UNAUTHORIZED);
    assert_true(unknown);
    oidc_keys_release(oidc_keys_hold(keys));
    oidc_keys_release(keys);
    oidc_keys_release(NULL);
    EVP_PKEY_free(ec[0]);
    EVP_PKEY_free(ec[1]);
}

static void sets_without_a_key_are_refused(void **state)
{
    static const char *const bad[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}"};
    struct oidc_keys *keys;
    struct buffer many;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (oidc_keys_parse(&arena, bytes_of(bad[i]), &keys, &error) != ERR_INVALID)
            fail_msg("%s", bad[i]);
    buffer_init(&many, &arena);
    buffer_text(&many, "{\"keys\":[{}");
    for (unsigned i = 0; i < OIDC_KEYS_MAX; i++)
        buffer_text(&many, ",{}");
    buffer_text(&many, "]}");
    assert_int_equal(oidc_keys_parse(&arena, buffer_bytes(&many), &keys, &error), ERR_INVALID);
}

/* ---- Without memory. */

#ifdef COFFER_TESTING
static void without_memory_nothing_passes_and_nothing_leaks(void **state)
{
    static const char *const ids[] = {"one"};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    bytes set = set_of(&key, ids, 1);
    bool fired = true;
    (void)state;
    for (long n = 0; fired && n < 2000; n++) {
        struct authentication_config config;
        struct oidc_keys *keys = NULL;
        struct arena own, before = arena;
        struct user user;
        arena_init(&own, 1 << 20);
        arena = own;
        memory_fail_after(n);
        err_t code = parse(HEAD ISSUER MAPPING "  claimValidationRules: [{claim: a}]\n", &config);
        if (code == ERR_OK)
            code = oidc_keys_parse(&arena, set, &keys, &error);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        if (!fired) {
            assert_int_equal(code, ERR_OK);
            assert_int_equal(identify("{" GOOD "}", &user), ERR_OK);
        }
        oidc_keys_release(keys);
        arena_reset(&arena);
        arena = before;
    }
    assert_false(fired);
    EVP_PKEY_free(key);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_is_read),
        cmocka_unit_test(who_may_be_anonymous_is_read),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
        cmocka_unit_test(sixty_four_issuers_are_enough),
        cmocka_unit_test(a_ca_is_the_text_of_certificates),
        cmocka_unit_test(claims_say_who_it_is),
        cmocka_unit_test(claims_that_say_it_badly_are_refused),
        cmocka_unit_test(a_discovery_document_is_its_issuers),
        cmocka_unit_test(keys_verify_what_they_signed),
        cmocka_unit_test(sets_without_a_key_are_refused),
#ifdef COFFER_TESTING
        cmocka_unit_test(without_memory_nothing_passes_and_nothing_leaks),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
