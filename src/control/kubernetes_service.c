/* SPDX-License-Identifier: Apache-2.0 */
/* The Service `kubernetes` in `default`, and where it leads: the address that this server listens on. There is no
 * network of services here: the service's own address is the one that clusters made by kubeadm have, and leads here
 * where a kube-proxy makes it. A server that listens on loopback alone can be reached by nobody else: then there are no
 * endpoints. */
#include "control/controllers.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#define SERVICE_IPV4 "10.96.0.1"
#define SERVICE_IPV6 "fd00:10:96::1"

struct endpoint {
    bool ipv6, reachable;
    char address[INET6_ADDRSTRLEN];
};

/* ---- Where the server is. */

static bool is_family(const struct sockaddr *a, int family)
{
    return a && a->sa_family == family;
}

static const void *address_of(const struct sockaddr *a)
{
    return a->sa_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr
                                    : (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
}

static bool is_link_local(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET6)
        return IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)address_of(a));
    return (ntohl(((const struct in_addr *)address_of(a))->s_addr) & 0xffff0000u) == 0xa9fe0000u;
}

/* The first address of the machine that others could know it by. */
static void find_own(struct endpoint *e)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *one = all; one && !e->reachable; one = one->ifa_next) {
        if (!is_family(one->ifa_addr, e->ipv6 ? AF_INET6 : AF_INET) || one->ifa_flags & IFF_LOOPBACK ||
            !(one->ifa_flags & IFF_UP) || is_link_local(one->ifa_addr))
            continue;
        e->reachable = inet_ntop(one->ifa_addr->sa_family, address_of(one->ifa_addr), e->address, sizeof e->address);
    }
    freeifaddrs(all);
}

static struct endpoint endpoint_find(const char *listen)
{
    struct endpoint e = {0};
    struct in6_addr six;
    struct in_addr four = {0};
    e.ipv6 = inet_pton(AF_INET6, listen, &six) == 1;
    if (!e.ipv6 && inet_pton(AF_INET, listen, &four) != 1)
        return e;
    if (e.ipv6 ? IN6_IS_ADDR_UNSPECIFIED(&six) : four.s_addr == htonl(INADDR_ANY)) {
        find_own(&e);
    } else if (e.ipv6 ? !IN6_IS_ADDR_LOOPBACK(&six) : ntohl(four.s_addr) >> 24 != 127) {
        e.reachable = true;
        (void)inet_ntop(e.ipv6 ? AF_INET6 : AF_INET, e.ipv6 ? (const void *)&six : (const void *)&four, e.address,
            sizeof e.address);
    }
    return e;
}

/* ---- What is published. */

/* An object as it should be: the members named here are kept so, all others are left alone. */
struct published {
    const char *collection;
    bytes text;
    const char *kept[3][3]; /* paths of members */
    bool family_is_fixed;   /* addressType cannot change: another object takes the place */
};

static bytes service_text(struct arena *arena, const struct endpoint *e, uint16_t port)
{
    const char *ip = e->ipv6 ? SERVICE_IPV6 : SERVICE_IPV4;
    return arena_format(arena,
        "{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"component\":\"apiserver\",\"provider\":\"kubernetes\"}},"
        "\"spec\":{\"ports\":[{\"name\":\"https\",\"protocol\":\"TCP\",\"port\":443,\"targetPort\":%u}],"
        "\"clusterIP\":\"%s\",\"clusterIPs\":[\"%s\"],\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\","
        "\"ipFamilies\":[\"%s\"],\"ipFamilyPolicy\":\"SingleStack\",\"internalTrafficPolicy\":\"Cluster\"}}",
        port, ip, ip, e->ipv6 ? "IPv6" : "IPv4");
}

static bytes endpoints_text(struct arena *arena, const struct endpoint *e, uint16_t port)
{
    bytes subset = e->reachable ? arena_format(arena,
                                      ",\"subsets\":[{\"addresses\":[{\"ip\":\"%s\"}],\"ports\":[{\"name\":\"https\","
                                      "\"port\":%u,\"protocol\":\"TCP\"}]}]",
                                      e->address, port)
                                : BYTES_NONE;
    return arena_join(arena,
        BYTES("{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"endpointslice.kubernetes.io/"
              "skip-mirror\":\"true\"}}"),
        subset, BYTES("}"), ARENA_END);
}

static bytes slice_text(struct arena *arena, const struct endpoint *e, uint16_t port)
{
    bytes one = e->reachable
                    ? arena_format(arena, "{\"addresses\":[\"%s\"],\"conditions\":{\"ready\":true}}", e->address)
                    : BYTES_NONE;
    return arena_format(arena,
        "{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"kubernetes.io/service-name\":\"kubernetes\"}},"
        "\"addressType\":\"%s\",\"endpoints\":[%.*s],\"ports\":[{\"name\":\"https\",\"port\":%u,\"protocol\":\"TCP\"}]"
        "}",
        e->ipv6 ? "IPv6" : "IPv4", BYTES_FMT(one), port);
}

static struct json *look_up(const struct json *object, const char *const path[3])
{
    struct json *found = json_get(object, bytes_of(path[0]));
    for (size_t i = 1; i < 3 && path[i]; i++)
        found = json_get(found, bytes_of(path[i]));
    return found;
}

static bool same(const struct json *a, const struct json *b)
{
    bool none = !a || a->count == 0, other_none = !b || b->count == 0;
    return none || other_none ? none == other_none : json_equal(a, b);
}

static bool is_right(const struct json *found, const struct json *wanted, const struct published *p)
{
    for (size_t i = 0; i < ARRAY_LEN(p->kept) && p->kept[i][0]; i++)
        if (!same(look_up(found, p->kept[i]), look_up(wanted, p->kept[i])))
            return false;
    return true;
}

/* Puts the kept members of wanted into found. */
static bool make_right(struct arena *arena, struct json *found, const struct json *wanted, const struct published *p)
{
    for (size_t i = 0; i < ARRAY_LEN(p->kept) && p->kept[i][0]; i++) {
        const char *const *path = p->kept[i];
        struct json *parent = path[1] ? json_get(found, bytes_of(path[0])) : found;
        const struct json *value = look_up(wanted, path);
        bytes name = bytes_of(path[1] ? path[1] : path[0]);
        if (path[1] && !parent)
            parent = json_set(found, bytes_of(path[0]), json_new(arena, JSON_OBJECT));
        if (value && !json_set(parent, name, json_copy(arena, value)))
            return false;
        if (!value)
            json_remove(parent, name);
    }
    return true;
}

static err_t publish(struct worker *worker, struct arena *arena, const struct published *p, struct error *error)
{
    bytes collection = bytes_of(p->collection);
    bytes path = arena_join(arena, collection, BYTES("/kubernetes"), ARENA_END);
    struct json *wanted, *found, *answer;
    if (!path.p || !p->text.p || json_parse(arena, p->text, NULL, &wanted, NULL, NULL) != ERR_OK)
        return arena_error(arena, error);
    err_t code = api_get(worker->client, arena, path, &found, error);
    if (code == ERR_NOT_FOUND)
        return worker_send(worker, arena, "POST", collection, wanted, &answer, error);
    TRY(code);
    if (p->family_is_fixed &&
        !bytes_equal(json_text(found, BYTES("addressType")), json_text(wanted, BYTES("addressType")))) {
        TRY(worker_send(worker, arena, "DELETE", path, NULL, &answer, error));
        return worker_send(worker, arena, "POST", collection, wanted, &answer, error);
    }
    if (is_right(found, wanted, p))
        return ERR_OK;
    if (!make_right(arena, found, wanted, p))
        return arena_error(arena, error);
    return worker_send(worker, arena, "PUT", path, found, &answer, error);
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    uint16_t port = worker->settings->port;
    const struct endpoint e = endpoint_find(worker->settings->address);
    const struct published all[] = {
        {"/api/v1/namespaces/default/services", service_text(arena, &e, port), {{"spec", "ports"}, {"spec", "type"}}},
        {"/api/v1/namespaces/default/endpoints", endpoints_text(arena, &e, port),
            {{"subsets"}, {"metadata", "labels"}}},
        {"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", slice_text(arena, &e, port),
            {{"endpoints"}, {"ports"}, {"metadata", "labels"}}, true},
    };
    (void)key;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        TRY(publish(worker, arena, &all[i], error));
    return ERR_OK;
}

static void changed(struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    bytes namespace = json_text(json_get(object, BYTES("metadata")), BYTES("namespace"));
    (void)kind;
    if (type != API_ADDED && bytes_equal(namespace, BYTES("default")))
        worker_enqueue(worker, BYTES("kubernetes"), 0);
}

static err_t start(struct worker *worker, struct error *error)
{
    (void)error;
    worker_enqueue(worker, BYTES("kubernetes"), 0);
    return ERR_OK;
}

#define ITSELF "fieldSelector=metadata.name%3Dkubernetes"
static const struct collection collections[] = {
    {"", "v1", "services", ITSELF, true},
    {"", "v1", "endpoints", ITSELF, true},
    {"discovery.k8s.io", "v1", "endpointslices", ITSELF, true},
};

const struct controller kubernetes_service_controller = {
    .name = "kubernetes-service-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = changed,
    .reconcile = reconcile,
    .start = start,
};
