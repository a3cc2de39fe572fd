/* SPDX-License-Identifier: Apache-2.0 */
/* Which objects lead to a node by what is stored: a row for each field that names one. */
#include "../api/fixture.h"
#include "access/node_graph.h"
#include "access/node_rows.h"
#include "base/memory.h"
#include "kinds/kinds.h"

#define KEY "{\"secretKeyRef\":{\"name\":\"NAME\",\"key\":\"k\"}}"

static const struct row {
    enum node_object what;
    const char *spec; /* after nodeName; NAME is the object's */
} of_pods[] = {
    {NODE_ACCOUNT, "\"serviceAccountName\":\"NAME\""},
    {NODE_SECRET, "\"imagePullSecrets\":[{\"name\":\"NAME\"}]"},
    {NODE_SECRET, "\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"E\",\"valueFrom\":" KEY "}]}]"},
    {NODE_SECRET, "\"initContainers\":[{\"name\":\"c\",\"env\":[{\"name\":\"E\",\"valueFrom\":" KEY "}]}]"},
    {NODE_SECRET, "\"ephemeralContainers\":[{\"name\":\"c\",\"env\":[{\"name\":\"E\",\"valueFrom\":" KEY "}]}]"},
    {NODE_SECRET, "\"containers\":[{\"name\":\"c\",\"envFrom\":[{\"secretRef\":{\"name\":\"NAME\"}}]}]"},
    {NODE_SECRET, "\"ephemeralContainers\":[{\"name\":\"c\",\"envFrom\":[{\"secretRef\":{\"name\":\"NAME\"}}]}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"NAME\"}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"NAME\"}}]}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"azureFile\":{\"secretName\":\"NAME\",\"shareName\":\"s\"}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"cephfs\":{\"secretRef\":{\"name\":\"NAME\"}}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"cinder\":{\"secretRef\":{\"name\":\"NAME\"}}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"flexVolume\":{\"secretRef\":{\"name\":\"NAME\"}}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"rbd\":{\"secretRef\":{\"name\":\"NAME\"}}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"scaleIO\":{\"secretRef\":{\"name\":\"NAME\"}}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"iscsi\":{\"secretRef\":{\"name\":\"NAME\"}}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"storageos\":{\"secretRef\":{\"name\":\"NAME\"}}}]"},
    {NODE_SECRET, "\"volumes\":[{\"name\":\"v\",\"csi\":{\"nodePublishSecretRef\":{\"name\":\"NAME\"}}}]"},
    {NODE_CONFIG_MAP, "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"NAME\"}}]"},
    {NODE_CONFIG_MAP,
        "\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"NAME\"}}]}}]"},
    {NODE_CONFIG_MAP, "\"containers\":[{\"name\":\"c\",\"envFrom\":[{\"configMapRef\":{\"name\":\"NAME\"}}]}]"},
    {NODE_CONFIG_MAP, "\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"E\",\"valueFrom\":"
                      "{\"configMapKeyRef\":{\"name\":\"NAME\",\"key\":\"k\"}}}]}]"},
    {NODE_CLAIM, "\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"NAME\"}}]"},
};

static const struct {
    const char *source;
    const char *namespace; /* of the secret that leads there; NULL: none does */
} of_volumes[] = {
    {"\"azureFile\":{\"secretName\":\"NAME\",\"shareName\":\"s\"}", "ns"},
    {"\"azureFile\":{\"secretName\":\"NAME\",\"secretNamespace\":\"vault\",\"shareName\":\"s\"}", "vault"},
    {"\"cephfs\":{\"secretRef\":{\"name\":\"NAME\"}}", "ns"},
    {"\"cephfs\":{\"secretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"cinder\":{\"secretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"flexVolume\":{\"secretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"rbd\":{\"secretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"scaleIO\":{\"secretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"iscsi\":{\"secretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"storageos\":{\"secretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"csi\":{\"nodePublishSecretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"csi\":{\"nodeStageSecretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"csi\":{\"nodeExpandSecretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", "vault"},
    {"\"csi\":{\"controllerPublishSecretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", NULL},
    {"\"csi\":{\"controllerExpandSecretRef\":{\"name\":\"NAME\",\"namespace\":\"vault\"}}", NULL},
};

static struct json *parsed(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct json *parsed(const char *format, ...)
{
    struct json *ret;
    va_list arguments;
    bytes all;

    va_start(arguments, format);
    all = arena_vformat(&arena, format, arguments);
    va_end(arguments);
    assert_int_equal(json_parse(&arena, all, NULL, &ret, NULL, &error), ERR_OK);
    return ret;
}

static struct json *bound_pod(const char *metadata, const char *spec)
{
    return parsed(
        "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\"%s},\"spec\":{\"nodeName\":\"n1\",%s}}", metadata, spec);
}

static void put_pod(const struct json *pod)
{
    assert_int_equal(node_rows_pod(&arena, &pod_kind, BYTES("ns/p"), pod, &error), ERR_OK);
}

static bool leads(enum node_object what, const char *namespace, const char *name)
{
    return node_graph_leads(what, bytes_of(namespace), bytes_of(name), BYTES("n1"));
}

static void test_pods(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(of_pods); i++) {
        put_pod(bound_pod("", of_pods[i].spec));
        for (enum node_object what = NODE_SECRET; what <= NODE_ACCOUNT; what++)
            if (leads(what, "ns", "NAME") != (what == of_pods[i].what))
                fail_msg("%s: %d", of_pods[i].spec, (int)what);
        put_pod(bound_pod(",\"annotations\":{\"kubernetes.io/config.mirror\":\"\"}", of_pods[i].spec));
        assert_false(leads(of_pods[i].what, "ns", "NAME"));
        put_pod(NULL);
        assert_false(leads(NODE_POD, "ns", "p"));
        put_pod(parsed("{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\"},\"spec\":{%s}}", of_pods[i].spec));
        assert_false(leads(of_pods[i].what, "ns", "NAME"));
    }
    put_pod(bound_pod("", "\"volumes\":[{\"name\":\"v\",\"ephemeral\":{\"volumeClaimTemplate\":{\"spec\":{}}}}]"));
    assert_true(leads(NODE_CLAIM, "ns", "p-v"));
    put_pod(bound_pod("", "\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"\"}},{\"name\":7},8]"));
    assert_true(leads(NODE_POD, "ns", "p"));
}

static void test_volumes(void **state)
{
    const struct kind *kind = &persistent_volume_kind;

    (void)state;
    put_pod(bound_pod("", "\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]"));
    for (size_t i = 0; i < ARRAY_LEN(of_volumes); i++) {
        struct json *volume =
            parsed("{\"metadata\":{\"name\":\"pv\"},\"spec\":{\"claimRef\":{\"namespace\":\"ns\",\"name\":\"c\"},%s}}",
                of_volumes[i].source);
        const char *where = of_volumes[i].namespace;
        assert_int_equal(node_rows_volume(&arena, kind, BYTES("pv"), volume, &error), ERR_OK);
        assert_true(leads(NODE_VOLUME, "", "pv"));
        if (leads(NODE_SECRET, "ns", "NAME") != (where && strcmp(where, "ns") == 0) ||
            leads(NODE_SECRET, "vault", "NAME") != (where && strcmp(where, "vault") == 0))
            fail_msg("%s", of_volumes[i].source);
        json_remove(json_get(volume, BYTES("spec")), BYTES("claimRef"));
        assert_int_equal(node_rows_volume(&arena, kind, BYTES("pv"), volume, &error), ERR_OK);
        assert_false(leads(NODE_VOLUME, "", "pv"));
    }
    assert_int_equal(node_rows_volume(&arena, kind, BYTES("pv"), NULL, &error), ERR_OK);
}

static void test_attachments(void **state)
{
    const struct kind *kind = &volume_attachment_kind;
    struct json *attachment = parsed("{\"metadata\":{\"name\":\"at\"},\"spec\":{\"nodeName\":\"n1\"}}");

    (void)state;
    assert_int_equal(node_rows_attachment(&arena, kind, BYTES("at"), attachment, &error), ERR_OK);
    assert_true(leads(NODE_ATTACHMENT, "", "at"));
    assert_int_equal(node_rows_attachment(&arena, kind, BYTES("at"), NULL, &error), ERR_OK);
    assert_false(leads(NODE_ATTACHMENT, "", "at"));
}

#ifdef COFFER_TESTING
/* Each allocation of a row fails once: it says so, and nothing changed. */
static void test_no_memory(void **state)
{
    struct json *pod = bound_pod("", of_pods[7].spec);
    err_t code = ERR_NO_MEMORY;

    (void)state;
    for (long after = 0; code != ERR_OK; after++) {
        struct arena own;
        arena_init(&own, 1 << 20);
        memory_fail_after(after);
        code = node_rows_pod(&own, &pod_kind, BYTES("ns/p"), pod, &error);
        memory_fail_after(-1);
        arena_reset(&own);
        assert_int_equal(leads(NODE_SECRET, "ns", "NAME"), code == ERR_OK);
    }
}
#endif

static int clear(void **state)
{
    node_graph_clear();
    return tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pods, set_up, clear),
        cmocka_unit_test_setup_teardown(test_volumes, set_up, clear),
        cmocka_unit_test_setup_teardown(test_attachments, set_up, clear),
#ifdef COFFER_TESTING
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, clear),
#endif
    };

    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
