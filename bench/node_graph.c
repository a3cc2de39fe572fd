/* SPDX-License-Identifier: Apache-2.0 */
/* What the graph of nodes costs: checks and changes with 100,000 Pods on 1,000 nodes, each Pod naming an account, two
 * ConfigMaps, two Secrets and a claim whose volume has a Secret.
 *
 *   node-graph [PODS [NODES]] */
#include "access/node_graph.h"

#include "base/clock.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECKS  2000000u
#define CHANGES 20000u

static unsigned pods = 100000, nodes = 1000;

static bytes text(char *ret, size_t size, const char *prefix, unsigned n)
{
    (void)snprintf(ret, size, "%s-%06u", prefix, n);
    return bytes_of(ret);
}

static bytes key(char *ret, size_t size, unsigned pod, const char *prefix, unsigned n)
{
    (void)snprintf(ret, size, "team-%03u/%s-%06u", pod % 200, prefix, n);
    return bytes_of(ret);
}

static void must(bool done)
{
    if (!done) {
        (void)fputs("no memory\n", stderr);
        exit(1);
    }
}

static void put(unsigned pod, bool there)
{
    char names[4][32], node[32], name[48];
    struct node_reference references[] = {{NODE_ACCOUNT, BYTES("default")},
        {NODE_CONFIG_MAP, BYTES("kube-root-ca.crt")},
        {NODE_CONFIG_MAP, text(names[0], sizeof names[0], "config", pod / 200 % 50)},
        {NODE_SECRET, text(names[1], sizeof names[1], "shared", pod / 200 % 20)},
        {NODE_SECRET, text(names[2], sizeof names[2], "own", pod)},
        {NODE_CLAIM, text(names[3], sizeof names[3], "claim", pod)}};
    struct node_pod p = {
        text(node, sizeof node, "node", pod % nodes), false, references, sizeof references / sizeof references[0]};

    must(node_graph_put_pod(key(name, sizeof name, pod, "pod", pod), there ? &p : NULL));
}

static void bind(unsigned pod)
{
    char name[32], claim[48];
    bytes secrets[] = {BYTES("storage/driver-key")};
    struct node_volume volume = {key(claim, sizeof claim, pod, "claim", pod), secrets, 1};

    must(node_graph_put_volume(text(name, sizeof name, "volume", pod), &volume));
}

static double since(uint64_t begin, unsigned count)
{
    return (double)(clock_monotonic_us() - begin) * 1000.0 / count;
}

static unsigned draw(unsigned below)
{
    static uint64_t seed = 1;
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

static double checks(enum node_object what, const char *prefix, bool yes)
{
    uint64_t begin = clock_monotonic_us();
    unsigned found = 0;

    for (unsigned i = 0; i < CHECKS; i++) {
        char namespace[16], name[32], node[32];
        unsigned pod = draw(pods);
        (void)snprintf(namespace, sizeof namespace, "team-%03u", pod % 200);
        found += node_graph_leads(what, bytes_of(namespace), text(name, sizeof name, prefix, pod),
            text(node, sizeof node, "node", (pod + !yes) % nodes));
    }
    must(found == (yes ? CHECKS : 0));
    return since(begin, CHECKS);
}

/* What the loop of checks costs without them. */
static double texts(void)
{
    uint64_t begin = clock_monotonic_us();
    size_t n = 0;

    for (unsigned i = 0; i < CHECKS; i++) {
        char namespace[16], name[32], node[32];
        unsigned pod = draw(pods);
        n += (size_t)snprintf(namespace, sizeof namespace, "team-%03u", pod % 200);
        n += text(name, sizeof name, "own", pod).n + text(node, sizeof node, "node", pod % nodes).n;
    }
    must(n > 0);
    return since(begin, CHECKS);
}

static double shared_checks(void)
{
    uint64_t begin = clock_monotonic_us();
    unsigned found = 0;

    for (unsigned i = 0; i < CHECKS; i++) {
        char node[32];
        found += node_graph_leads(
            NODE_SECRET, BYTES("storage"), BYTES("driver-key"), text(node, sizeof node, "node", draw(nodes)));
    }
    must(found == CHECKS);
    return since(begin, CHECKS);
}

int main(int argc, char **argv)
{
    size_t before = mallinfo2().uordblks;
    uint64_t begin;
    double none;

    if (argc > 1)
        pods = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        nodes = (unsigned)strtoul(argv[2], NULL, 10);
    if (pods == 0 || nodes < 2)
        return 2;
    begin = clock_monotonic_us();
    for (unsigned pod = 0; pod < pods; pod++) {
        bind(pod);
        put(pod, true);
    }
    (void)printf("%u pods on %u nodes: filled in %.0f us a pod with its volume, %zu MB\n", pods, nodes,
        since(begin, pods) / 1000, (mallinfo2().uordblks - before) >> 20);
    begin = clock_monotonic_us();
    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned pod = draw(pods);
        put(pod, false);
        put(pod, true);
    }
    (void)printf("a pod comes or goes: %.1f us\n", since(begin, 2 * CHANGES) / 1000);
    none = texts();
    (void)printf(
        "check of a secret that leads there %.0f ns, that does not %.0f ns; of a volume %.0f ns; of one secret of "
        "all volumes %.0f ns\n",
        checks(NODE_SECRET, "own", true) - none, checks(NODE_SECRET, "own", false) - none,
        checks(NODE_CLAIM, "claim", true) - none, shared_checks() - none / 2);
    node_graph_clear();
    return 0;
}
