/* SPDX-License-Identifier: Apache-2.0 */
/* Credential plugins: what they are told, what they may answer, and how a failing one is told of. */
#include "base/memory.h"
#include "client/credential_plugin.h"
#include "text/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define V1 "client.authentication.k8s.io/v1"

struct run {
    struct arena arena;
    struct error error;
    struct credential_plugin plugin;
    struct kubeconfig k;
};

static const char *const none[] = {NULL};

static void start(struct run *r)
{
    memset(r, 0, sizeof *r);
    arena_init(&r->arena, 8 << 20);
    error_init(&r->error, &r->arena);
    r->plugin = (struct credential_plugin){.api_version = V1, .command = "get", .arguments = none, .environment = none};
    r->k = (struct kubeconfig){.file = "f", .user = "u", .cluster = "c", .server = "https://h", .plugin = &r->plugin};
}

static void says(const struct run *r, const char *sentence)
{
    char message[512];
    snprintf(message, sizeof message, "%.*s", BYTES_FMT(r->error.message));
    assert_string_equal(message, sentence);
}

static void test_info(void **state)
{
    (void)state;
    struct run r;
    start(&r);
    assert_string_equal((const char *)credential_plugin_info(&r.k, &r.arena, false).p,
        "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
        "\",\"spec\":{\"interactive\":false}}");
    r.plugin.provide_cluster = true;
    r.k.ca_pem = BYTES("ca");
    r.k.tls_server_name = "n";
    r.k.plugin_config = json_string(&r.arena, BYTES("mine"));
    assert_string_equal((const char *)credential_plugin_info(&r.k, &r.arena, true).p,
        "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
        "\",\"spec\":{\"interactive\":true,\"cluster\":{\"server\":\"https://h\",\"tls-server-name\":\"n\","
        "\"certificate-authority-data\":\"Y2E=\",\"config\":\"mine\"}}}");
    arena_reset(&r.arena);
}

#define HEAD "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\","

static void test_output(void **state)
{
    (void)state;
    struct run r;
    start(&r);
    bytes output =
        BYTES(HEAD "\"status\":{\"token\":\"t\",\"clientCertificateData\":\"C\",\"clientKeyData\":\"K\"}}\n");
    assert_int_equal(credential_plugin_read(&r.k, &r.arena, output, &r.error), ERR_OK);
    assert_int_equal(r.k.token.n, 1);
    assert_int_equal(r.k.token.p[0], 't');
    assert_true(bytes_equal(r.k.client_certificate_pem, BYTES("C")));
    assert_int_equal(r.k.client_key_pem.p[0], 'K');
    arena_reset(&r.arena);
}

static void test_bad_output(void **state)
{
    (void)state;
#define WHO "the credential plugin get of user \"u\" "
    static const struct {
        const char *output, *sentence;
    } cases[] = {
        {"", WHO "printed no JSON object"},
        {"[]", WHO "printed no JSON object"},
        {"{}", WHO "must print an ExecCredential of " V1},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}",
            WHO "must print an ExecCredential of " V1},
        {HEAD "\"status\":{}}", WHO "printed neither a token nor a certificate"},
        {HEAD "\"x\":1}", WHO "printed neither a token nor a certificate"},
        {HEAD "\"status\":{\"clientKeyData\":\"K\"}}", WHO "printed a certificate without its key, or a key alone"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r;
        start(&r);
        assert_int_equal(credential_plugin_read(&r.k, &r.arena, bytes_of(cases[i].output), &r.error), ERR_UNAUTHORIZED);
        says(&r, cases[i].sentence);
        assert_null(r.k.token.p);
        arena_reset(&r.arena);
    }
}

/* Real processes: the shell is the plugin. */
static void test_run(void **state)
{
    (void)state;
    static const char script[] =
        "case $KUBERNETES_EXEC_INFO in *'\"interactive\":false'*) ;; *) exit 9 ;; esac\n"
        "[ \"$(cat)\" = '' ] && printf '" HEAD "\"status\":{\"token\":\"%s%s\"}}' \"$1\" \"$MINE\"";
    const char *const arguments[] = {"-c", script, "sh", "a", NULL}, *const environment[] = {"MINE=b", NULL};
    struct run r;
    start(&r);
    setenv("MINE", "inherited", 1);
    r.plugin.command = "sh";
    r.plugin.arguments = arguments;
    r.plugin.environment = environment;
    assert_int_equal(credential_plugin_run(&r.k, &r.arena, &r.error), ERR_OK);
    assert_int_equal(r.k.token.n, 2);
    assert_memory_equal(r.k.token.p, "ab", 2);
    arena_reset(&r.arena);
}

static void fails(const char *command, const char *script, err_t code, const char *sentence)
{
    const char *const arguments[] = {"-c", script, NULL};
    struct run r;
    start(&r);
    r.plugin.command = command;
    r.plugin.arguments = arguments;
    r.plugin.install_hint = "install it";
    assert_int_equal(credential_plugin_run(&r.k, &r.arena, &r.error), code);
    says(&r, sentence);
    arena_reset(&r.arena);
}

static void test_failures(void **state)
{
    (void)state;
    fails("sh", "exit 3", ERR_UNAUTHORIZED, "the credential plugin sh failed with status 3");
    fails("sh", "kill -TERM $$", ERR_UNAUTHORIZED, "the credential plugin sh was ended by signal 15");
    fails("sh", "yes", ERR_TOO_LARGE, "the credential plugin sh printed more than 1 MiB");
    fails("no-such-plugin", "", ERR_NOT_FOUND,
        "the credential plugin no-such-plugin of user \"u\" in f is not installed: install it");
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct run r;
        const char *const arguments[] = {"-c", "printf '" HEAD "\"status\":{\"token\":\"t\"}}'", NULL};
        start(&r);
        r.plugin.command = "sh";
        r.plugin.arguments = arguments;
        memory_fail_after(n);
        err_t code = credential_plugin_run(&r.k, &r.arena, &r.error);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(code == ERR_OK || (fired && code == ERR_NO_MEMORY));
        arena_reset(&r.arena);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_bad_output),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
