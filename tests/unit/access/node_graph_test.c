/* SPDX-License-Identifier: Apache-2.0 */
/* The graph from objects to nodes: cases by hand, and a hundred thousand random changes and checks against lists that
 * are walked. */
#include "access/node_graph.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define B(text) bytes_of(text)

static void put_pod(const char *key, const char *node, bool mirror, const char *secret, const char *claim)
{
    struct node_reference references[] = {{NODE_SECRET, B(secret)}, {NODE_CLAIM, B(claim)}, {NODE_ACCOUNT, B("acc")},
        {NODE_CONFIG_MAP, B("cm")}, {NODE_SECRET, B(secret)}};
    struct node_pod pod = {B(node), mirror, references, ARRAY_LEN(references)};

    assert_true(node_graph_put_pod(B(key), &pod));
}

static void remove_pod(const char *key)
{
    assert_true(node_graph_put_pod(B(key), NULL));
}

static void put_volume(const char *name, const char *claim, const char *secret)
{
    bytes secrets[] = {B(secret)};
    struct node_volume volume = {B(claim), secrets, 1};

    assert_true(node_graph_put_volume(B(name), &volume));
}

static bool leads(enum node_object what, const char *namespace, const char *name, const char *node)
{
    return node_graph_leads(what, B(namespace), B(name), B(node));
}

static void test_pod(void **state)
{
    (void)state;
    put_pod("ns/a", "n1", false, "s", "");
    assert_true(leads(NODE_SECRET, "ns", "s", "n1"));
    assert_true(leads(NODE_CONFIG_MAP, "ns", "cm", "n1"));
    assert_true(leads(NODE_ACCOUNT, "ns", "acc", "n1"));
    assert_true(leads(NODE_POD, "ns", "a", "n1"));
    assert_false(leads(NODE_SECRET, "ns", "s", "n2"));
    assert_false(leads(NODE_SECRET, "other", "s", "n1"));
    assert_false(leads(NODE_SECRET, "ns", "cm", "n1"));
    assert_false(leads(NODE_POD, "ns", "a", "n2"));
    assert_false(leads(NODE_POD, "ns", "a", ""));
    assert_false(leads(NODE_SECRET, "", "s", "n1"));
    put_pod("ns/b", "n1", false, "s", "");
    put_pod("ns/c", "n2", false, "s", "");
    remove_pod("ns/a");
    assert_true(leads(NODE_SECRET, "ns", "s", "n1"));
    remove_pod("ns/b");
    assert_false(leads(NODE_SECRET, "ns", "s", "n1"));
    assert_true(leads(NODE_SECRET, "ns", "s", "n2"));
    put_pod("ns/c", "n2", false, "t", ""); /* an ephemeral container's */
    assert_true(leads(NODE_SECRET, "ns", "t", "n2"));
    put_pod("ns/c", "", false, "t", "");
    assert_false(leads(NODE_SECRET, "ns", "t", "n2"));
    assert_false(leads(NODE_POD, "ns", "c", "n2"));
}

static void test_mirror(void **state)
{
    (void)state;
    put_pod("ns/m", "n1", true, "s", "c");
    assert_true(leads(NODE_POD, "ns", "m", "n1"));
    assert_false(leads(NODE_SECRET, "ns", "s", "n1"));
    assert_false(leads(NODE_ACCOUNT, "ns", "acc", "n1"));
    assert_false(leads(NODE_CLAIM, "ns", "c", "n1"));
    put_pod("ns/m", "n1", false, "s", "c"); /* the annotation was taken away */
    assert_false(leads(NODE_SECRET, "ns", "s", "n1"));
    remove_pod("ns/m");
    put_pod("ns/m", "n1", false, "s", "c");
    assert_true(leads(NODE_SECRET, "ns", "s", "n1"));
    remove_pod("ns/m");
}

static void test_volumes(void **state)
{
    (void)state;
    put_pod("ns/a", "n1", false, "s", "c");
    assert_true(leads(NODE_CLAIM, "ns", "c", "n1"));
    put_volume("v", "ns/c", "vault/key");
    assert_true(leads(NODE_VOLUME, "", "v", "n1"));
    assert_true(leads(NODE_SECRET, "vault", "key", "n1"));
    assert_false(leads(NODE_VOLUME, "", "v", "n2"));
    put_pod("ns/b", "n2", false, "s", "c");
    assert_true(leads(NODE_SECRET, "vault", "key", "n2"));
    remove_pod("ns/a");
    assert_false(leads(NODE_SECRET, "vault", "key", "n1"));
    assert_false(leads(NODE_VOLUME, "", "v", "n1"));
    put_volume("w", "ns/c", "vault/key");
    put_volume("v", "", "vault/key"); /* released */
    assert_true(leads(NODE_SECRET, "vault", "key", "n2"));
    assert_false(leads(NODE_VOLUME, "", "v", "n2"));
    assert_true(node_graph_put_volume(B("w"), NULL));
    assert_false(leads(NODE_SECRET, "vault", "key", "n2"));
    remove_pod("ns/b");
    assert_true(node_graph_put_attachment(B("at"), B("n1")));
    assert_true(leads(NODE_ATTACHMENT, "", "at", "n1"));
    assert_false(leads(NODE_ATTACHMENT, "", "at", "n2"));
    assert_true(node_graph_put_attachment(B("at"), B("n2")));
    assert_false(leads(NODE_ATTACHMENT, "", "at", "n1"));
    assert_true(node_graph_put_attachment(B("at"), BYTES_NONE));
    assert_false(leads(NODE_ATTACHMENT, "", "at", "n2"));
}

/* What only adds leaves open watches alone. */
static void test_version(void **state)
{
    uint64_t before, after;

    (void)state;
    put_pod("ns/a", "n1", false, "s", "c");
    before = node_graph_version();
    put_pod("ns/b", "n1", false, "s", "c");
    put_volume("v", "ns/c", "vault/key");
    put_pod("ns/a", "n1", false, "s", "c"); /* the same */
    assert_int_equal(node_graph_version(), before);
    put_pod("ns/b", "n1", false, "t", "c");
    after = node_graph_version();
    assert_int_not_equal(after, before);
    remove_pod("ns/a");
    assert_int_not_equal(node_graph_version(), after);
    after = node_graph_version();
    node_graph_clear();
    assert_int_not_equal(node_graph_version(), after);
    put_pod("ns/b", "n1", false, "t", "c");
    assert_int_not_equal(node_graph_version(), after);
    node_graph_clear();
}

/* Texts that no name is, in Pods and in questions. */
static void test_hostile(void **state)
{
    char long_name[300];
    bytes zero = BYTES("a\0b"), node = BYTES("b\0n1");
    struct node_reference references[] = {{NODE_SECRET, zero}, {NODE_SECRET, B("x/y")}, {NODE_SECRET, BYTES_NONE},
        {NODE_SECRET, {(const uint8_t *)long_name, sizeof long_name}}, {NODE_CLAIM, zero}};
    struct node_pod pod = {B("n1"), false, references, ARRAY_LEN(references)};

    (void)state;
    memset(long_name, 'a', sizeof long_name);
    assert_true(node_graph_put_pod(B("ns/p"), &pod));
    assert_false(node_graph_leads(NODE_SECRET, B("ns"), zero, B("n1")));
    assert_false(node_graph_leads(NODE_SECRET, B("ns"), B("a"), node));
    assert_false(node_graph_leads(NODE_SECRET, B("ns"), B("x/y"), B("n1")));
    assert_false(node_graph_leads(NODE_SECRET, B("ns/x"), B("y"), B("n1")));
    assert_false(node_graph_leads(NODE_SECRET, B("ns"), references[3].name, B("n1")));
    assert_false(node_graph_leads(NODE_SECRET, references[3].name, B("a"), B("n1")));
    assert_false(node_graph_leads(NODE_POD, B("ns"), B("p"), references[3].name));
    assert_true(node_graph_leads(NODE_POD, B("ns"), B("p"), B("n1")));
    pod.node = node;
    assert_true(node_graph_put_pod(B("ns/q"), &pod));
    assert_false(node_graph_leads(NODE_POD, B("ns"), B("q"), node));
    node_graph_clear();
    assert_false(node_graph_leads(NODE_POD, B("ns"), B("p"), B("n1")));
}

/* ---- Against lists. */

#define OPERATIONS  100000
#define NAMESPACES  2
#define NAMES       6 /* of each sort of object */
#define NODES       3
#define PODS        12
#define PER_POD     5
#define VOLUMES     4
#define ATTACHMENTS 3

static uint64_t seed;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

struct model_pod {
    bool exists, mirror;
    unsigned node; /* NODES: not bound */
    unsigned count;
    struct {
        enum node_object what;
        unsigned name;
    } references[PER_POD];
};

static struct {
    struct model_pod pods[NAMESPACES][PODS];
    struct {
        bool exists;
        unsigned claim_namespace, claim, count, secret_namespaces[2], secrets[2];
    } volumes[VOLUMES];
    unsigned attachments[ATTACHMENTS]; /* NODES: none */
} model;

static char texts[16][24];

/* "LETTER 7" without the blank. */
static bytes named(unsigned place, const char *letter, unsigned n)
{
    (void)snprintf(texts[place], sizeof texts[place], "%s%u", letter, n);
    return bytes_of(texts[place]);
}

static bytes key(unsigned place, unsigned namespace, const char *letter, unsigned n)
{
    (void)snprintf(texts[place], sizeof texts[place], "ns%u/%s%u", namespace, letter, n);
    return bytes_of(texts[place]);
}

static bool model_claim_leads(unsigned namespace, unsigned claim, unsigned node);

static bool model_pod_names(unsigned namespace, enum node_object what, unsigned name, unsigned node)
{
    for (unsigned p = 0; p < PODS; p++) {
        const struct model_pod *pod = &model.pods[namespace][p];
        for (unsigned i = 0; pod->exists && !pod->mirror && pod->node == node && i < pod->count; i++)
            if (pod->references[i].what == what && pod->references[i].name == name)
                return true;
    }
    return false;
}

static bool model_claim_leads(unsigned namespace, unsigned claim, unsigned node)
{
    return model_pod_names(namespace, NODE_CLAIM, claim, node);
}

static bool model_volume_leads(unsigned v, unsigned node)
{
    return model.volumes[v].exists && model_claim_leads(model.volumes[v].claim_namespace, model.volumes[v].claim, node);
}

static bool model_secret_leads(unsigned namespace, unsigned name, unsigned node)
{
    for (unsigned v = 0; v < VOLUMES; v++)
        for (unsigned i = 0; i < model.volumes[v].count; i++)
            if (model.volumes[v].secret_namespaces[i] == namespace && model.volumes[v].secrets[i] == name &&
                model_volume_leads(v, node))
                return true;
    return model_pod_names(namespace, NODE_SECRET, name, node);
}

static void change_pod(unsigned namespace, unsigned p)
{
    struct model_pod *pod = &model.pods[namespace][p];
    struct node_reference references[PER_POD];
    bool was_mirror = pod->exists && pod->mirror && pod->node < NODES;
    struct node_pod put = {.references = references};

    if (draw(3) == 0) {
        pod->exists = false;
        assert_true(node_graph_put_pod(key(0, namespace, "p", p), NULL));
        return;
    }
    *pod = (struct model_pod){.exists = true, .mirror = draw(8) == 0, .node = draw(NODES + 1), .count = draw(PER_POD)};
    for (unsigned i = 0; i < pod->count; i++) {
        pod->references[i].what = (enum node_object)draw(NODE_ACCOUNT + 1);
        pod->references[i].name = draw(NAMES);
        references[i] = (struct node_reference){pod->references[i].what, named(4 + i, "o", pod->references[i].name)};
    }
    put.node = pod->node < NODES ? named(1, "n", pod->node) : BYTES_NONE;
    put.mirror = pod->mirror;
    put.count = pod->count;
    pod->mirror |= was_mirror;
    assert_true(node_graph_put_pod(key(0, namespace, "p", p), &put));
}

static void change_volume(unsigned v)
{
    bytes secrets[2];
    struct node_volume put = {.secrets = secrets, .count = draw(3)};

    memset(&model.volumes[v], 0, sizeof model.volumes[v]);
    if (draw(3) == 0) {
        assert_true(node_graph_put_volume(named(0, "v", v), NULL));
        return;
    }
    model.volumes[v].exists = true;
    model.volumes[v].claim_namespace = draw(NAMESPACES);
    model.volumes[v].claim = draw(NAMES);
    model.volumes[v].count = (unsigned)put.count;
    for (unsigned i = 0; i < put.count; i++) {
        model.volumes[v].secret_namespaces[i] = draw(NAMESPACES);
        model.volumes[v].secrets[i] = draw(NAMES);
        secrets[i] = key(4 + i, model.volumes[v].secret_namespaces[i], "o", model.volumes[v].secrets[i]);
    }
    put.claim = key(1, model.volumes[v].claim_namespace, "o", model.volumes[v].claim);
    assert_true(node_graph_put_volume(named(0, "v", v), &put));
}

static void change(void)
{
    unsigned which = draw(10), a;

    if (which < 7) {
        change_pod(draw(NAMESPACES), draw(PODS));
    } else if (which < 9) {
        change_volume(draw(VOLUMES));
    } else {
        a = draw(ATTACHMENTS);
        model.attachments[a] = draw(NODES + 1);
        assert_true(node_graph_put_attachment(
            named(0, "a", a), model.attachments[a] < NODES ? named(1, "n", model.attachments[a]) : BYTES_NONE));
    }
}

static bool is(enum node_object what, unsigned namespace, unsigned name, unsigned node)
{
    static const char *const letters[] = {"o", "o", "o", "o", "p", "v", "a"};

    return node_graph_leads(what, what < NODE_VOLUME ? named(0, "ns", namespace) : BYTES_NONE,
        named(1, letters[what], name), named(2, "n", node));
}

static void check_all(void)
{
    for (unsigned node = 0; node < NODES; node++) {
        for (unsigned namespace = 0; namespace < NAMESPACES; namespace ++) {
            for (unsigned name = 0; name < NAMES; name++) {
                assert_int_equal(is(NODE_SECRET, namespace, name, node), model_secret_leads(namespace, name, node));
                for (enum node_object what = NODE_CONFIG_MAP; what <= NODE_ACCOUNT; what++)
                    assert_int_equal(is(what, namespace, name, node), model_pod_names(namespace, what, name, node));
            }
            for (unsigned p = 0; p < PODS; p++)
                assert_int_equal(is(NODE_POD, namespace, p, node),
                    model.pods[namespace][p].exists && model.pods[namespace][p].node == node);
        }
        for (unsigned v = 0; v < VOLUMES; v++)
            assert_int_equal(is(NODE_VOLUME, 0, v, node), model_volume_leads(v, node));
        for (unsigned a = 0; a < ATTACHMENTS; a++)
            assert_int_equal(is(NODE_ATTACHMENT, 0, a, node), model.attachments[a] == node);
    }
}

static void test_random(void **state)
{
    (void)state;
    node_graph_clear();
    seed = 5;
    for (unsigned a = 0; a < ATTACHMENTS; a++)
        model.attachments[a] = NODES;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        unsigned namespace, name, node;
        change();
        namespace = draw(NAMESPACES), name = draw(NAMES), node = draw(NODES);
        assert_int_equal(is(NODE_SECRET, namespace, name, node), model_secret_leads(namespace, name, node));
        if (i % 100 == 0)
            check_all();
    }
    check_all();
}

#ifdef COFFER_TESTING
/* No memory at any point: nothing changed, and the same change succeeds afterwards. */
static void test_no_memory(void **state)
{
    struct node_reference references[] = {{NODE_SECRET, B("s")}, {NODE_CLAIM, B("c")}};
    struct node_pod pod = {B("n1"), false, references, 2}, moved = {B("n2"), false, references, 2};
    bool done = false;

    (void)state;
    node_graph_clear();
    assert_true(node_graph_put_pod(B("ns/p"), &pod));
    put_volume("v", "ns/c", "ns/t");
    for (long after = 0; !done; after++) {
        memory_fail_after(after);
        done = node_graph_put_pod(B("ns/p"), &moved);
        if (!memory_fail_fired())
            assert_true(done);
        memory_fail_after(-1);
        assert_int_equal(leads(NODE_SECRET, "ns", "s", "n1"), !done);
        assert_int_equal(leads(NODE_SECRET, "ns", "t", "n1"), !done);
        assert_int_equal(leads(NODE_SECRET, "ns", "t", "n2"), done);
    }
    node_graph_clear();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod),
        cmocka_unit_test(test_mirror),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_random),
#ifdef COFFER_TESTING
        cmocka_unit_test(test_no_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
