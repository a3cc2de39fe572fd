/* SPDX-License-Identifier: Apache-2.0 */
#include "api/continue_token.h"
#include "base/base64.h"
#include "fixture.h"

static void a_token_is_what_kubernetes_writes(void **state)
{
    bytes start, token = continue_token_write(&arena, 267, (bytes){(const uint8_t *)"ctcharset", 10});
    int64_t revision;
    (void)state;
    assert_string_equal(text(token), "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjY3LCJzdGFydCI6Ii9jdGNoYXJzZXRcdTAwMDAifQ");
    assert_int_equal(continue_token_parse(&arena, token, &revision, &start, &error), ERR_OK);
    assert_int_equal(revision, 267);
    assert_int_equal(start.n, 10);
    assert_memory_equal(start.p, "ctcharset", 10);
    assert_int_equal(
        continue_token_parse(&arena, continue_token_write(&arena, -1, BYTES("a/b")), &revision, &start, &error),
        ERR_OK);
    assert_int_equal(revision, -1);
    assert_string_equal(text(start), "a/b");
}

#define INVALID "invalid continue token: continue key is not valid: "

static void bad_tokens_say_why(void **state)
{
    static const struct {
        const char *token, *says;
    } raw[] = {{"bogus", INVALID "illegal base64 data at input byte 4"},
        {"eyJ2IjoibWV0YS5rOHMuaW8vdjIiLCJydiI6NSwic3RhcnQiOiJhIn0=", INVALID "illegal base64 data at input byte 55"},
        {"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi94In0=",
            INVALID "illegal base64 data at input byte 59"},
        {"eyJ2IjoibWV0YS5rOHMuaW8vdjkiLCJydiI6NSwic3RhcnQiOiJhIn0",
            INVALID "server does not recognize this encoded version meta.k8s.io/v9"},
        {"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi94eXoifQ", INVALID "../xyz"},
        {"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0",
            INVALID "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"}},
      json[] = {{"{\"v\":\"meta.k8s.io/v1\",\"rv\":5}", INVALID "encoded start key empty (version meta.k8s.io/v1)"},
          {"{\"v\":\"meta.k8s.io/v1\",\"rv\":5,\"start\":\"a//b\"}", INVALID "a//b"},
          {"{\"v\":\"meta.k8s.io/v1\",\"rv\":5,\"start\":\"a/./b\"}", INVALID "a/./b"},
          {"{\"v\":\"meta.k8s.io/v1\",\"rv\":5,\"start\":\"/a/..\"}", INVALID "/a/.."},
          {"[]", INVALID "json: cannot unmarshal it into Go value of type storage.continueToken"},
          {"{\"rv\":\"x\"}", INVALID "json: cannot unmarshal it into Go value of type storage.continueToken"},
          {"{", INVALID "unexpected end of JSON input"}};
    int64_t revision = 7;
    bytes start;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(raw); i++) {
        assert_int_equal(
            continue_token_parse(&arena, bytes_of(raw[i].token), &revision, &start, &error), ERR_BAD_REQUEST);
        assert_string_equal(text(error.message), raw[i].says);
    }
    for (size_t i = 0; i < ARRAY_LEN(json); i++) {
        bytes token = base64_encode(&arena, BASE64_URL_UNPADDED, bytes_of(json[i].token));
        assert_int_equal(continue_token_parse(&arena, token, &revision, &start, &error), ERR_BAD_REQUEST);
        assert_string_equal(text(error.message), json[i].says);
    }
    assert_int_equal(revision, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_token_is_what_kubernetes_writes), TEST(bad_tokens_say_why)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
