/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfigs: where they are looked for, how they are merged, what one context becomes, and what is refused in which
 * words. */
#include "base/file.h"
#include "base/memory.h"
#include "client/kubeconfig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/kubeconfig_test.XXXXXX";

struct run {
    struct arena arena;
    struct error error;
    struct kubeconfig k;
    err_t code;
};

static void start(struct run *r)
{
    memset(r, 0, sizeof *r);
    arena_init(&r->arena, 32 << 20);
    error_init(&r->error, &r->arena);
}

static void done(struct run *r)
{
    arena_reset(&r->arena);
}

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    struct error error;
    error_init(&error, NULL);
    assert_int_equal(file_replace(in_folder(name), 0600, bytes_of(text), &error), ERR_OK);
}

/* Resolves one text as the file /etc/kube/config. */
static void resolve(struct run *r, const char *text, const char *context, const char *namespace)
{
    struct kubeconfig_set set = {0};
    struct kubeconfig_query query = {NULL, context, namespace};
    start(r);
    r->code = kubeconfig_add(&set, &r->arena, "/etc/kube/config", bytes_of(text), &r->error);
    if (r->code == ERR_OK)
        r->code = kubeconfig_resolve(&set, &r->arena, &query, &r->k, &r->error);
}

static void says(const struct run *r, const char *sentence)
{
    char message[512];
    snprintf(message, sizeof message, "%.*s", BYTES_FMT(r->error.message));
    assert_string_equal(message, sentence);
}

#define CLUSTER "'clusters': [{'name': 'c', 'cluster': {'server': 'https://h:6443/'}}], "
#define CONTEXT                                                                                                        \
    "'contexts': [{'name': 'x', 'context': {'cluster': 'c', 'user': 'u', 'namespace': 'shop'}}], 'current-context': "  \
    "'x'"
#define USER(fields) "{" CLUSTER "'users': [{'name': 'u', 'user': {" fields "}}], " CONTEXT "}"
#define WITH_CLUSTER(fields)                                                                                           \
    "{'clusters': [{'name': 'c', 'cluster': {" fields "}}], 'users': [{'name': 'u', 'user': {}}], " CONTEXT "}"

static void test_resolve(void **state)
{
    (void)state;
    struct run r;
    resolve(&r, USER("'token': 'abc', 'client-key': 'k.pem', 'client-certificate': '/c.pem'"), NULL, NULL);
    assert_int_equal(r.code, ERR_OK);
    assert_string_equal(r.k.server, "https://h:6443");
    assert_string_equal(r.k.namespace, "shop");
    assert_int_equal(r.k.token.n, 3);
    assert_string_equal(r.k.client_key_path, "/etc/kube/k.pem");
    assert_string_equal(r.k.client_certificate_path, "/c.pem");
    done(&r);
    resolve(&r, USER("'client-key-data': 'a2V5', 'client-certificate-data': 'Y2VydA=='"), "x", "other");
    assert_int_equal(r.code, ERR_OK);
    assert_string_equal(r.k.namespace, "other");
    assert_memory_equal(r.k.client_key_pem.p, "key", 3);
    assert_true(bytes_equal(r.k.client_certificate_pem, BYTES("cert")));
    done(&r);
    resolve(&r, "{" CLUSTER "'contexts': [{'name': 'x', 'context': {'cluster': 'c'}}], 'current-context': 'x'}", NULL,
        NULL);
    assert_int_equal(r.code, ERR_OK);
    assert_string_equal(r.k.namespace, "default");
    done(&r);
    resolve(&r,
        WITH_CLUSTER("'server': 'http://[::1]:8001', 'proxy-url': 'socks5://p:1', 'tls-server-name': 'n', "
                     "'certificate-authority-data': 'Y2E='"),
        NULL, NULL);
    assert_int_equal(r.code, ERR_OK);
    assert_string_equal(r.k.proxy_url, "socks5://p:1");
    assert_string_equal(r.k.tls_server_name, "n");
    assert_true(bytes_equal(r.k.ca_pem, BYTES("ca")));
    done(&r);
}

static void test_impersonation(void **state)
{
    (void)state;
    static const char *const expected[] = {"Impersonate-User: jane", "Impersonate-Uid: 7", "Impersonate-Group: a",
        "Impersonate-Group: b", "Impersonate-Extra-x.y%2Fz: 1", "Impersonate-Extra-x.y%2Fz: 2"};
    struct run r;
    resolve(&r, USER("'as': 'jane', 'as-uid': '7', 'as-groups': ['a', 'b'], 'as-user-extra': {'x.y/z': ['1', '2']}"),
        NULL, NULL);
    assert_int_equal(r.code, ERR_OK);
    assert_int_equal(r.k.header_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(r.k.headers[i], expected[i]);
    done(&r);
}

static void test_plugin(void **state)
{
    (void)state;
    struct run r;
    resolve(&r,
        USER("'exec': {'apiVersion': 'client.authentication.k8s.io/v1', 'command': './bin/get', 'args': ['-a', ''], "
             "'env': [{'name': 'A', 'value': 'b'}], 'interactiveMode': 'Never', 'provideClusterInfo': true, "
             "'installHint': 'h'}"),
        NULL, NULL);
    assert_int_equal(r.code, ERR_OK);
    assert_string_equal(r.k.plugin->command, "/etc/kube/./bin/get");
    assert_string_equal(r.k.plugin->arguments[0], "-a");
    assert_string_equal(r.k.plugin->arguments[1], "");
    assert_null(r.k.plugin->arguments[2]);
    assert_string_equal(r.k.plugin->environment[0], "A=b");
    assert_int_equal(r.k.plugin->interactive, PLUGIN_NEVER);
    assert_true(r.k.plugin->provide_cluster);
    done(&r);
    resolve(&r, USER("'exec': {'apiVersion': 'client.authentication.k8s.io/v1beta1', 'command': 'get'}"), NULL, NULL);
    assert_int_equal(r.code, ERR_OK);
    assert_string_equal(r.k.plugin->command, "get");
    assert_int_equal(r.k.plugin->interactive, PLUGIN_IF_AVAILABLE);
    done(&r);
}

static void test_refusals(void **state)
{
    (void)state;
#define F "/etc/kube/config: "
    static const struct {
        const char *text, *context, *sentence;
    } cases[] = {
        {"[]", NULL, "kubeconfig /etc/kube/config is no mapping"},
        {"{'clusters': {}}", NULL, F "clusters must be a list"},
        {"{'clusters': ['x']}", NULL, F "an item of clusters is no mapping"},
        {"{'users': [{'user': {}}]}", NULL, F "an item of users has no name"},
        {"{'users': [{'name': 'a'}, {'name': 'a'}]}", NULL, F "user \"a\" is there twice"},
        {"{'current-context': 7}", NULL, F "current-context must be a string"},
        {"{}", NULL, F "no current-context; give --context NAME, or set one by 'kubectl config use-context NAME'"},
        {"{}", "y", F "there is no context \"y\""},
        {USER(""), "y", F "there is no context \"y\"; there is \"x\""},
        {"{'contexts': [{'name': 'x', 'context': {'user': 'u'}}]}", "x", F "context \"x\" names no cluster"},
        {"{" CONTEXT "}", NULL, F "there is no cluster \"c\""},
        {"{" CLUSTER CONTEXT "}", NULL, F "there is no user \"u\""},
        {WITH_CLUSTER(""), NULL, F "cluster \"c\" has no server"},
        {WITH_CLUSTER("'server': 'h:6443'"), NULL, F "the server of cluster \"c\" must begin with https://"},
        {WITH_CLUSTER("'server': 'https://h', 'certificate-authority': 'a', 'certificate-authority-data': 'YQ=='"),
            NULL, F "cluster \"c\" has both certificate-authority and certificate-authority-data; keep one"},
        {WITH_CLUSTER("'server': 'https://h', 'certificate-authority': 'a', 'insecure-skip-tls-verify': true"), NULL,
            F "cluster \"c\" has a certificate authority and insecure-skip-tls-verify; remove the latter"},
        {WITH_CLUSTER("'server': 'https://h', 'certificate-authority-data': '?'"), NULL,
            F "certificate-authority-data is no base64 (at byte 0)"},
        {USER("'token': 7"), NULL, F "token must be a string"},
        {USER("'token': 'a', 'username': 'b'"), NULL, F "user \"u\" has both a token and a password; keep one"},
        {USER("'client-certificate': 'a'"), NULL,
            F "user \"u\" has a client certificate without its key; add client-key or client-key-data"},
        {USER("'client-key-data': 'YQ=='"), NULL,
            F "user \"u\" has a client key without its certificate; add client-certificate or client-certificate-data"},
        {USER("'auth-provider': {'name': 'gcp'}"), NULL,
            F "user \"u\" has an auth-provider, which Kubernetes removed in 1.26; use an exec plugin or a token"},
        {USER("'as-groups': ['a']"), NULL,
            F "user \"u\" impersonates a uid, groups or extra fields without a user; add as: NAME"},
        {USER("'as': \"a\\nB: c\""), NULL, F "what user \"u\" impersonates cannot be sent in a header"},
        {USER("'exec': {'command': 'a'}"), NULL, F "the exec plugin of user \"u\" needs a command and an apiVersion"},
        {USER("'exec': {'command': 'a', 'apiVersion': 'client.authentication.k8s.io/v1alpha1'}"), NULL,
            F "the exec plugin of user \"u\" must have apiVersion client.authentication.k8s.io/v1 or v1beta1"},
        {USER("'exec': {'command': 'a', 'apiVersion': 'client.authentication.k8s.io/v1'}"), NULL,
            F "the exec plugin of user \"u\" must say interactiveMode: Never, IfAvailable or Always"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r;
        resolve(&r, cases[i].text, cases[i].context, NULL);
        assert_int_not_equal(r.code, ERR_OK);
        says(&r, cases[i].sentence);
        assert_null(r.k.server); /* untouched on failure */
        done(&r);
    }
}

static void load(struct run *r, const char *file, const char *context)
{
    struct kubeconfig_query query = {file, context, NULL};
    start(r);
    r->code = kubeconfig_load(&r->arena, &query, &r->k, &r->error);
}

/* The first file to name a thing wins, whole; nothing of the second's thing of that name is taken. */
static void test_merge(void **state)
{
    (void)state;
    struct run r;
    char list[512];
    write_file("a", "{'clusters': [{'name': 'c', 'cluster': {'server': 'https://first'}}], 'current-context': ''}");
    write_file("b", "{'clusters': [{'name': 'c', 'cluster': {'server': 'https://second', 'tls-server-name': 'n'}}, "
                    "{'name': 'd', 'cluster': {'server': 'https://third', 'certificate-authority': 'ca.pem'}}], "
                    "'users': [{'name': 'u', 'user': {'tokenFile': 'token'}}], " CONTEXT "}");
    write_file("c", "{'contexts': [{'name': 'y', 'context': {'cluster': 'd', 'user': 'u'}}], 'current-context': 'y'}");
    write_file("empty", "");
    write_file("token", "  t0ken\n");
    write_file("ca.pem", "authority");
    snprintf(list, sizeof list, ":%s:%s:%s:%s:%s:%s", in_folder("missing"), in_folder("a"), in_folder("b"),
        in_folder("a"), "", in_folder("empty"));
    snprintf(list + strlen(list), sizeof list - strlen(list), ":%s", in_folder("c"));
    setenv("KUBECONFIG", list, 1);
    load(&r, NULL, NULL);
    assert_int_equal(r.code, ERR_OK);
    assert_string_equal(r.k.context, "x");
    assert_string_equal(r.k.server, "https://first");
    assert_null(r.k.tls_server_name);
    assert_int_equal(r.k.token.n, 5);
    assert_memory_equal(r.k.token.p, "t0ken", 5);
    done(&r);
    load(&r, NULL, "y");
    assert_int_equal(r.code, ERR_OK);
    assert_string_equal(r.k.server, "https://third");
    assert_true(bytes_equal(r.k.ca_pem, BYTES("authority")));
    done(&r);
    load(&r, in_folder("c"), NULL);
    assert_int_equal(r.code, ERR_NOT_FOUND); /* --kubeconfig stands alone */
    done(&r);
    load(&r, in_folder("missing"), NULL);
    assert_int_equal(r.code, ERR_NOT_FOUND);
    done(&r);
    unsetenv("KUBECONFIG");
}

static void test_files(void **state)
{
    (void)state;
    struct run r;
    char sentence[512];
    setenv("HOME", folder, 1);
    unsetenv("KUBECONFIG");
    load(&r, NULL, NULL);
    assert_int_equal(r.code, ERR_NOT_FOUND);
    says(&r, "no kubeconfig: neither KUBECONFIG nor ~/.kube/config names a server; give --kubeconfig FILE");
    done(&r);
    assert_int_equal(mkdir(in_folder(".kube"), 0700), 0);
    write_file(".kube/config", USER("'tokenFile': 'none'"));
    load(&r, NULL, NULL);
    assert_int_equal(r.code, ERR_NOT_FOUND);
    snprintf(sentence, sizeof sentence, "%s: the token of u: %s: no such file", in_folder(".kube/config"),
        in_folder(".kube/none"));
    says(&r, sentence);
    done(&r);
    write_file(".kube/none", "\n");
    load(&r, NULL, NULL);
    assert_int_equal(r.code, ERR_INVALID);
    done(&r);
    write_file(".kube/config", USER("'token': 't'"));
    load(&r, NULL, NULL);
    assert_int_equal(r.code, ERR_OK);
    done(&r);
    setenv("KUBECONFIG", "/nonexistent/a:/nonexistent/b", 1);
    load(&r, NULL, NULL);
    says(&r, "none of the files in KUBECONFIG is there: /nonexistent/a:/nonexistent/b");
    done(&r);
    write_file("broken", "{'clusters': [");
    load(&r, in_folder("broken"), NULL);
    assert_int_equal(r.code, ERR_BAD_REQUEST);
    snprintf(sentence, sizeof sentence, "cannot read kubeconfig %s: ", in_folder("broken"));
    assert_true(bytes_start(r.error.message, bytes_of(sentence)));
    done(&r);
    unsetenv("KUBECONFIG");
}

static void test_no_memory(void **state)
{
    (void)state;
    write_file(
        "all", USER("'token': 'abc', 'as': 'jane', 'as-groups': ['g'], 'as-user-extra': {'k': ['v']}, "
                    "'exec': {'apiVersion': 'client.authentication.k8s.io/v1beta1', 'command': './get', 'args': ['a'], "
                    "'env': [{'name': 'A'}]}"));
    for (long n = 0;; n++) {
        struct run r;
        memory_fail_after(n);
        load(&r, in_folder("all"), NULL);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(r.code == ERR_OK || (fired && r.code == ERR_NO_MEMORY));
        assert_int_equal(r.code == ERR_OK, r.k.server != NULL);
        done(&r);
        if (!fired)
            break;
    }
}

static int make_folder(void **state)
{
    (void)state;
    unsetenv("KUBERNETES_SERVICE_HOST");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {
        "a", "b", "c", "all", "empty", "token", "ca.pem", "broken", ".kube/none", ".kube/config", ".kube"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        remove(in_folder(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_impersonation),
        cmocka_unit_test(test_plugin),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
