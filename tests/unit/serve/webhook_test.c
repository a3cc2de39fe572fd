/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks without a network: which rules match which requests, answers that are read and refused, marks in place of
 * values, and the bound of a destination. */
#include "api/record.h"
#include "base/base64.h"
#include "base/memory.h"
#include "kinds/kinds.h"
#include "serve/outbound.h"
#include "serve/webhook.h"
#include "serve/webhook_review.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define UID "11111111-2222-4333-8444-555555555555"

static struct arena arena;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    kinds_register_all();
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static const char *text(bytes b)
{
    bytes copy = arena_copy(&arena, b);

    assert_non_null(copy.p);
    return (const char *)copy.p;
}

static struct json *parsed(const char *from)
{
    struct json *tree = NULL;

    assert_int_equal(json_parse(&arena, bytes_of(from), &(struct json_options){0}, &tree, NULL, &error), ERR_OK);
    return tree;
}

/* ---- Rules. */

#define CONFIGURATION(webhook)                                                                                         \
    "{\"kind\":\"ValidatingWebhookConfiguration\",\"apiVersion\":\"admissionregistration.k8s.io/v1\",\"metadata\":"    \
    "{\"name\":\"c\"},\"webhooks\":[{\"name\":\"w\",\"clientConfig\":{\"url\":\"https://h:1/p\"}," webhook "}]}\n"
#define RULE(operations, groups, versions, resources, scope)                                                           \
    "\"rules\":[{\"operations\":[" operations "],\"apiGroups\":[" groups "],\"apiVersions\":[" versions                \
    "],\"resources\":[" resources "]" scope "}]"
#define ANY "\"*\""

static err_t follow(struct arena *memory, const char *name, bytes configuration, struct error *why)
{
    struct json *object = NULL;
    if (configuration.p)
        TRY(record_parse(memory, &validating_webhook_configuration_kind, configuration, &object, why));
    return webhooks_follow(WEBHOOK_VALIDATING, bytes_of(name), object, why);
}

static void put(const char *name, const char *configuration)
{
    assert_int_equal(follow(&arena, name, configuration ? bytes_of(configuration) : BYTES_NONE, &error), ERR_OK);
}

static size_t match(const struct webhook_subject *subject, struct webhook **ret, const struct kind **as)
{
    return webhooks_match(webhooks_current(), WEBHOOK_VALIDATING, subject, ret, as, 4);
}

static void rules_choose_requests(void **state)
{
    const struct webhook_subject create = {OPERATION_CREATE, &secret_kind, BYTES(""), BYTES("ns")},
                                 scale = {OPERATION_UPDATE, &deployment_kind, BYTES("scale"), BYTES("ns")},
                                 cluster = {OPERATION_CREATE, &node_kind, BYTES(""), BYTES("")},
                                 space = {OPERATION_CREATE, &namespace_kind, BYTES(""), BYTES("")};
    const struct {
        const char *configuration;
        const struct webhook_subject *subject;
        size_t found;
    } cases[] = {
        {CONFIGURATION(RULE("\"CREATE\"", "\"\"", "\"v1\"", "\"secrets\"", "")), &create, 1},
        {CONFIGURATION(RULE("\"UPDATE\",\"DELETE\"", "\"\"", "\"v1\"", "\"secrets\"", "")), &create, 0},
        {CONFIGURATION(RULE(ANY, ANY, ANY, ANY, "")), &create, 1},
        {CONFIGURATION(RULE(ANY, "\"apps\"", ANY, ANY, "")), &create, 0},
        {CONFIGURATION(RULE(ANY, ANY, "\"v2\"", ANY, "")), &create, 0},
        {CONFIGURATION(RULE(ANY, ANY, ANY, ANY, "")), &scale, 0},
        {CONFIGURATION(RULE(ANY, ANY, ANY, "\"*/*\"", "")), &scale, 1},
        {CONFIGURATION(RULE(ANY, ANY, ANY, "\"deployments/*\"", "")), &scale, 1},
        {CONFIGURATION(RULE(ANY, ANY, ANY, "\"*/scale\"", "")), &scale, 1},
        {CONFIGURATION(RULE(ANY, ANY, ANY, "\"deployments\",\"pods/scale\"", "")), &scale, 0},
        {CONFIGURATION(RULE(ANY, ANY, ANY, ANY, ",\"scope\":\"Namespaced\"")), &cluster, 0},
        {CONFIGURATION(RULE(ANY, ANY, ANY, ANY, ",\"scope\":\"Cluster\"")), &cluster, 1},
        {CONFIGURATION(RULE(ANY, ANY, ANY, ANY, ",\"scope\":\"Cluster\"")), &space, 1},
        {CONFIGURATION(RULE(ANY, ANY, ANY, ANY, ",\"scope\":\"Namespaced\"")), &space, 0},
        {CONFIGURATION(RULE(ANY, ANY, ANY, ANY, ",\"scope\":\"Cluster\"")), &create, 0},
    };
    struct webhook *found[4];
    const struct kind *as[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put("c", cases[i].configuration);
        if (match(cases[i].subject, found, as) != cases[i].found)
            fail_msg("case %zu", i);
        if (cases[i].found)
            assert_ptr_equal(as[0], cases[i].subject->kind);
    }
    put("c", NULL);
    assert_int_equal(match(&create, found, as), 0);
}

static void equivalent_versions_match_unless_exact(void **state)
{
    const struct webhook_subject subject = {OPERATION_CREATE,
        kind_by_resource(registry_current(), BYTES("autoscaling"), BYTES("v1"), BYTES("horizontalpodautoscalers")),
        BYTES(""), BYTES("ns")};
    struct webhook *found[4];
    const struct kind *as[4];

    (void)state;
    put("c", CONFIGURATION(RULE(ANY, "\"autoscaling\"", "\"v2\"", ANY, "")));
    assert_int_equal(match(&subject, found, as), 1);
    assert_string_equal(as[0]->version, "v2");
    put("c", CONFIGURATION("\"matchPolicy\":\"Exact\"," RULE(ANY, "\"autoscaling\"", "\"v2\"", ANY, "")));
    assert_int_equal(match(&subject, found, as), 0);
    put("c", CONFIGURATION(RULE(ANY, "\"apps\"", ANY, ANY, "")));
    assert_int_equal(match(&subject, found, as), 0);
    put("c", NULL);
}

static void configurations_are_in_the_order_of_their_names(void **state)
{
    static const char *const names[] = {"m", "z", "a", "k", "a", "z"};
    const struct webhook_subject subject = {OPERATION_CREATE, &secret_kind, BYTES(""), BYTES("ns")},
                                 itself = {
                                     OPERATION_DELETE, &validating_webhook_configuration_kind, BYTES(""), BYTES("")};
    struct webhook *found[4];
    const struct kind *as[4];
    char configuration[1024];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(configuration, sizeof configuration,
            "{\"kind\":\"ValidatingWebhookConfiguration\",\"apiVersion\":\"admissionregistration.k8s.io/"
            "v1\",\"metadata\":"
            "{\"name\":\"%s\"},\"webhooks\":[{\"name\":\"of-%s\",\"clientConfig\":{\"service\":{\"name\":\"s\","
            "\"namespace\":"
            "\"n\"}},\"timeoutSeconds\":3," RULE(ANY, ANY, ANY, ANY, "") "}]}\n",
            names[i], names[i]);
        put(names[i], configuration);
    }
    assert_int_equal(match(&subject, found, as), 4);
    assert_string_equal(text(found[0]->name), "of-a");
    assert_string_equal(text(found[1]->name), "of-k");
    assert_string_equal(text(found[2]->name), "of-m");
    assert_string_equal(text(found[3]->name), "of-z");
    assert_string_equal(text(found[0]->url), "https://s.n.svc:443/");
    assert_string_equal(text(found[0]->destination), "s.n.svc:443");
    assert_int_equal(found[0]->timeout_ms, 3000);
    assert_int_equal(match(&itself, found, as), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put(names[i], NULL);
}

static void a_large_configuration_is_held(void **state)
{
    const struct webhook_subject subject = {OPERATION_CREATE, &secret_kind, BYTES(""), BYTES("ns")};
    struct webhook *found[4];
    const struct kind *as[4];
    struct buffer configuration;

    (void)state;
    buffer_init(&configuration, &arena);
    buffer_text(&configuration, "{\"kind\":\"ValidatingWebhookConfiguration\",\"apiVersion\":"
                                "\"admissionregistration.k8s.io/v1\",\"metadata\":{\"name\":\"c\"},\"webhooks\":[");
    while (configuration.n < (3u << 20))
        buffer_text(&configuration, "{\"name\":\"w\"},");
    buffer_text(&configuration, "{\"name\":\"last\"," RULE(ANY, ANY, ANY, ANY, "") "}]}\n");
    assert_false(configuration.failed);
    assert_int_equal(follow(&arena, "c", buffer_bytes(&configuration), &error), ERR_OK);
    assert_int_equal(match(&subject, found, as), 1);
    assert_string_equal(text(found[0]->name), "last");
    put("c", NULL);
}

/* ---- Answers. */

#define REVIEW(response)                                                                                               \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"response\":" response "}"
#define ALLOWED(more) REVIEW("{\"uid\":\"" UID "\",\"allowed\":true" more "}")
#define INVALID       "received invalid webhook response: "
#define UNREAD        "failed to call webhook: "

static void answers_are_read_or_refused(void **state)
{
    static const struct {
        const char *body;
        bool beta, mutating;
        err_t code;
        const char *says;
    } cases[] = {
        {ALLOWED(""), false, false, ERR_OK, ""},
        {ALLOWED(",\"patchType\":\"JSONPatch\",\"patch\":\"W10=\""), false, true, ERR_OK, ""},
        {"{\"response\":{\"allowed\":true}}", true, true, ERR_OK, ""},
        {"", false, false, ERR_BAD_REQUEST,
            UNREAD "couldn't get version/kind; json parse error: unexpected end of JSON input"},
        {"[]", false, false, ERR_BAD_REQUEST, UNREAD "couldn't get version/kind; json parse error: no object"},
        {"{}", false, false, ERR_BAD_REQUEST, INVALID "webhook response was absent"},
        {REVIEW("null"), false, false, ERR_BAD_REQUEST, INVALID "webhook response was absent"},
        {REVIEW("7"), false, false, ERR_BAD_REQUEST, UNREAD "its answer cannot be read: response is of a wrong type"},
        {REVIEW("{\"uid\":\"x\",\"allowed\":true}"), false, false, ERR_BAD_REQUEST,
            INVALID "expected response.uid=\"" UID "\", got \"x\""},
        {"{\"response\":{\"uid\":\"" UID "\",\"allowed\":true}}", false, false, ERR_BAD_REQUEST,
            INVALID "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got , Kind="},
        {ALLOWED(",\"patch\":\"W10=\""), false, false, ERR_BAD_REQUEST,
            INVALID "validating webhook may not return response.patch"},
        {ALLOWED(",\"patchType\":\"JSONPatch\""), false, false, ERR_BAD_REQUEST,
            INVALID "validating webhook may not return response.patchType"},
        {ALLOWED(",\"patch\":\"W10=\""), false, true, ERR_BAD_REQUEST,
            INVALID "webhook returned response.patch but not response.patchType"},
        {ALLOWED(",\"patchType\":\"JSONPatch\""), false, true, ERR_BAD_REQUEST,
            INVALID "webhook returned response.patchType but not response.patch"},
        {ALLOWED(",\"patchType\":\"\",\"patch\":\"W10=\""), false, true, ERR_BAD_REQUEST,
            INVALID "webhook returned invalid response.patchType of \"\""},
        {ALLOWED(",\"patchType\":\"Merge\",\"patch\":\"W10=\""), false, true, ERR_BAD_REQUEST,
            "unsupported patch type"},
        {ALLOWED(",\"patchType\":\"JSONPatch\",\"patch\":\"!\""), false, true, ERR_BAD_REQUEST,
            UNREAD "its answer cannot be read: illegal base64 data at input byte 0 of response.patch"},
        {ALLOWED(",\"warnings\":[1]"), false, false, ERR_BAD_REQUEST,
            UNREAD "its answer cannot be read: a warning is of a wrong type"},
        {REVIEW("{\"uid\":\"" UID "\",\"allowed\":\"yes\"}"), false, false, ERR_BAD_REQUEST,
            UNREAD "its answer cannot be read: allowed is of a wrong type"},
    };
    struct review_answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        error_init(&error, &arena);
        assert_int_equal(
            review_read(&arena, bytes_of(cases[i].body), BYTES(UID), cases[i].beta, cases[i].mutating, &answer, &error),
            cases[i].code);
        assert_string_equal(text(error.message), cases[i].says);
        if (cases[i].code == ERR_OK)
            assert_true(answer.allowed && !answer.patch);
    }
    /* a patch that is none is no failure to call: failurePolicy does not let it pass */
    assert_int_equal(review_read(&arena, BYTES(ALLOWED(",\"patchType\":\"JSONPatch\",\"patch\":\"e30=\"")), BYTES(UID),
                         false, true, &answer, &error),
        ERR_INTERNAL);
}

static void denials_are_failures_whatever_they_say(void **state)
{
    static const struct {
        const char *result;
        int status;
        const char *text;
    } cases[] = {
        {NULL, 400,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
            "\"admission webhook \\\"w\\\" denied the request without explanation\",\"code\":400}\n"},
        {"{\"status\":\"Success\",\"code\":200,\"reason\":\"Because\"}", 400,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
            "\"admission webhook \\\"w\\\" denied the request: Because\",\"reason\":\"Because\",\"code\":400}\n"},
        {"{\"code\":7000,\"message\":\"m\",\"details\":{\"retryAfterSeconds\":3}}", 500,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
            "\"admission webhook \\\"w\\\" denied the request: "
            "m\",\"details\":{\"retryAfterSeconds\":3},\"code\":500}\n"},
        {"{\"message\":7}", 400,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
            "\"admission webhook \\\"w\\\" denied the request without explanation\",\"code\":400}\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct review_refusal refusal = {0};
        const struct json *result = cases[i].result ? parsed(cases[i].result) : NULL;
        assert_int_equal(review_refuse(&arena, BYTES("w"), result, &refusal, &error), ERR_OK);
        assert_int_equal(refusal.status, cases[i].status);
        assert_string_equal(text(refusal.text), cases[i].text);
        assert_int_equal(refusal.retry_after_seconds, i == 2 ? 3 : 0);
    }
}

/* ---- Marks. */

#define APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define SECRET                                                                                                         \
    "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\",\"annotations\":{\"" APPLIED              \
    "\":\"{\\\"data\\\":{\\\"a\\\":\\\"dmFsdWU=\\\"}}\"}},\"data\":{\"a\":\"dmFsdWU=\",\"b\":\"dHdv\"}}"
#define MARK "KHJlbW92ZWQp"

static void values_are_hidden_and_come_back(void **state)
{
    struct json *real = parsed(SECRET), *hidden = parsed(SECRET), *object;
    struct buffer shown;
    bytes field;

    (void)state;
    assert_int_equal(secret_rules.hide(&arena, hidden, &error), ERR_OK);
    buffer_init(&shown, &arena);
    json_write(&shown, hidden);
    assert_null(strstr(text(buffer_bytes(&shown)), "dmFsdWU="));
    assert_null(strstr(text(buffer_bytes(&shown)), "dHdv"));
    object = json_copy(&arena, hidden);
    assert_int_equal(secret_rules.reveal(&arena, object, hidden, real, &field, &error), ERR_OK);
    assert_int_equal(field.n, 0);
    assert_true(json_equal(object, real));
}

static void what_lost_its_mark_is_named(void **state)
{
    static const struct {
        const char *data, *field;
    } cases[] = {
        {"{\"a\":\"" MARK "\",\"b\":\"" MARK "\",\"c\":\"bmV3\"}", ""},
        {"{\"a\":\"" MARK "\"}", "data[b]"},
        {"{\"b\":\"" MARK "\"}", "data[a]"},
        {"{}", "data[a]"},
        {"{\"a\":\"" MARK "\",\"b\":\"bmV3\"}", "data[b]"},
        {"{\"a\":\"" MARK "\",\"aa\":\"" MARK "\",\"b\":\"" MARK "\"}", "data[aa]"},
        {"{\"0\":\"" MARK "\",\"a\":\"" MARK "\",\"b\":\"" MARK "\"}", "data[0]"},
    };
    struct json *real = parsed(SECRET), *hidden = parsed(SECRET), *object;
    bytes field;

    (void)state;
    assert_int_equal(secret_rules.hide(&arena, hidden, &error), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        object = json_copy(&arena, hidden);
        assert_non_null(json_set(object, BYTES("data"), parsed(cases[i].data)));
        assert_int_equal(secret_rules.reveal(&arena, object, hidden, real, &field, &error), ERR_OK);
        assert_string_equal(text(field), cases[i].field);
    }
    object = json_copy(&arena, hidden);
    json_remove(json_get(object, BYTES("data")), BYTES("a"));
    json_remove(object, BYTES("data"));
    assert_int_equal(secret_rules.reveal(&arena, object, hidden, real, &field, &error), ERR_OK);
    assert_string_equal(text(field), "data[a]");
    object = json_copy(&arena, hidden);
    json_remove(json_get(object, BYTES("metadata")), BYTES("annotations"));
    assert_int_equal(secret_rules.reveal(&arena, object, hidden, real, &field, &error), ERR_OK);
    assert_string_equal(text(field), "metadata.annotations[" APPLIED "]");
}

/* ---- Want of memory. */

static err_t everything(struct arena *memory, struct error *why)
{
    const struct user user = {.name = BYTES("u"), .groups = (const bytes[]){BYTES("g")}, .group_count = 1};
    struct review_request request = {.uid = BYTES(UID),
        .kind = &secret_kind,
        .resource = &secret_kind,
        .request_kind = &secret_kind,
        .request_resource = &secret_kind,
        .operation = BYTES("CREATE"),
        .user = &user,
        .options = BYTES("{}")};
    struct review_refusal refusal;
    struct review_answer answer;
    struct json *secret, *hidden, *object;
    struct buffer body;
    bytes field;

    TRY(json_parse(memory, BYTES(SECRET), &(struct json_options){0}, &secret, NULL, why));
    hidden = json_copy(memory, secret);
    if (!hidden)
        return arena_error(memory, why);
    TRY(secret_rules.hide(memory, hidden, why));
    buffer_init(&body, memory);
    request.object = hidden;
    review_write(&body, &request);
    object = json_copy(memory, hidden);
    if (body.failed || !object)
        return arena_error(memory, why);
    TRY(review_read(memory,
        BYTES(ALLOWED(",\"patchType\":\"JSONPatch\",\"patch\":\"W3sib3AiOiJ0ZXN0IiwicGF0aCI6Ii9hIn1d\"")), BYTES(UID),
        false, true, &answer, why));
    TRY(review_refuse(memory, BYTES("w"), NULL, &refusal, why));
    TRY(secret_rules.reveal(memory, object, hidden, secret, &field, why));
    TRY(follow(memory, "c", BYTES(CONFIGURATION(RULE(ANY, ANY, ANY, ANY, ""))), why));
    return follow(memory, "c", BYTES_NONE, why);
}

static void want_of_memory_is_told(void **state)
{
    err_t code = ERR_NO_MEMORY;

    (void)state;
    for (long n = 0; code != ERR_OK && n < 10000; n++) {
        struct arena memory;
        struct error why;
        arena_init(&memory, 1u << 20);
        error_init(&why, &memory);
        memory_fail_after(n);
        code = everything(&memory, &why);
        memory_fail_after(-1);
        arena_reset(&memory);
        if (code != ERR_OK && code != ERR_NO_MEMORY && code != ERR_TOO_MANY_REQUESTS)
            fail_msg("allocation %ld: %d", n, (int)code);
    }
    assert_int_equal(code, ERR_OK);
}

/* ---- The bound of a destination. */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned running, most, done, refused;
    bool open;
} seen = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, false};

static void work(struct outbound_task *task)
{
    (void)task;
    pthread_mutex_lock(&seen.mutex);
    seen.running++;
    if (seen.most < seen.running)
        seen.most = seen.running;
    pthread_cond_broadcast(&seen.changed);
    while (!seen.open)
        pthread_cond_wait(&seen.changed, &seen.mutex);
    seen.running--;
    seen.done++;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.mutex);
}

static void refuse(struct outbound_task *task)
{
    (void)task;
    pthread_mutex_lock(&seen.mutex);
    seen.refused++;
    pthread_mutex_unlock(&seen.mutex);
}

static void await(const unsigned *count, unsigned wanted)
{
    pthread_mutex_lock(&seen.mutex);
    while (*count < wanted)
        pthread_cond_wait(&seen.changed, &seen.mutex);
    pthread_mutex_unlock(&seen.mutex);
}

static void a_destination_has_its_bound(void **state)
{
    static struct outbound_task tasks[600];
    struct outbound *outbound = outbound_new();
    size_t accepted = 0;

    (void)state;
    assert_non_null(outbound);
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        tasks[i] = (struct outbound_task){.run = work, .refuse = refuse};
        accepted += outbound_submit(outbound, BYTES("slow:443"), &tasks[i]);
    }
    assert_int_equal(accepted, 16 + 512);
    await(&seen.running, 16);
    /* another one is not held up */
    assert_true(outbound_submit(outbound, BYTES("other:443"), &tasks[599]));
    await(&seen.running, 17);
    assert_int_equal(seen.most, 17);
    pthread_mutex_lock(&seen.mutex);
    seen.open = true;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.mutex);
    await(&seen.done, 16 + 512 + 1);
    assert_true(seen.most <= 18); /* a place is given on before it is given back */
    outbound_free(outbound);
    assert_int_equal(seen.refused, 0);
}

static void what_waits_at_the_end_is_refused(void **state)
{
    static struct outbound_task tasks[20];
    struct outbound *outbound = outbound_new();

    (void)state;
    assert_non_null(outbound);
    seen.done = seen.refused = seen.running = 0;
    seen.open = false;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        tasks[i] = (struct outbound_task){.run = work, .refuse = refuse};
        assert_true(outbound_submit(outbound, BYTES("slow:443"), &tasks[i]));
    }
    await(&seen.running, 16);
    pthread_mutex_lock(&seen.mutex);
    seen.open = true;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.mutex);
    outbound_stop(outbound);
    assert_int_equal(seen.done + seen.refused, 20);
    assert_false(outbound_submit(outbound, BYTES("slow:443"), &tasks[0]));
    outbound_free(outbound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules_choose_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equivalent_versions_match_unless_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(configurations_are_in_the_order_of_their_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_configuration_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_are_read_or_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(denials_are_failures_whatever_they_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_hidden_and_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_lost_its_mark_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(want_of_memory_is_told, set_up, tear_down),
        cmocka_unit_test(a_destination_has_its_bound),
        cmocka_unit_test(what_waits_at_the_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
