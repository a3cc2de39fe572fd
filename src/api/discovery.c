/* SPDX-License-Identifier: Apache-2.0 */
#include "api/discovery.h"

#include "api/version_order.h"

#include <stdlib.h>

/* ---- The order of groups and versions */

/* kube-apiserver's own, as it lists them. */
static const char *const groups[] = {"", "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io",
    "authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io", "networking.k8s.io", "policy",
    "rbac.authorization.k8s.io", "storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io",
    "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io"};

static size_t group_rank(const char *group)
{
    size_t i = 0;
    while (i < ARRAY_LEN(groups) && strcmp(groups[i], group) != 0)
        i++;
    return i;
}

static int order_of_versions(const void *a, const void *b)
{
    const struct kind *x = ((const struct group_version *)a)->kinds[0],
                      *y = ((const struct group_version *)b)->kinds[0];
    size_t rank_x = group_rank(x->group), rank_y = group_rank(y->group);
    int by = strcmp(x->group, y->group);
    if (rank_x != rank_y)
        return rank_x < rank_y ? -1 : 1;
    return by ? by : version_order(x->version, y->version);
}

const struct group_version *group_versions(struct arena *arena, const struct registry *registry, size_t *ret_count)
{
    size_t count, n = 0;
    const struct kind *const *kinds = registry_kinds(registry, &count);
    struct group_version *versions = arena_alloc(arena, count * sizeof(*versions));
    if (!versions)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (i && strcmp(kinds[i]->group, kinds[i - 1]->group) == 0 &&
            strcmp(kinds[i]->version, kinds[i - 1]->version) == 0)
            versions[n - 1].count++;
        else
            versions[n++] = (struct group_version){&kinds[i], 1};
    if (n)
        qsort(versions, n, sizeof(*versions), order_of_versions);
    *ret_count = n;
    return versions;
}

const struct kind *const *group_version_find(
    const struct registry *registry, bytes group, bytes version, size_t *ret_count)
{
    size_t count, first = 0, end;
    const struct kind *const *kinds = registry_kinds(registry, &count);
    while (first < count && !(bytes_equal(group, bytes_of(kinds[first]->group)) &&
                                bytes_equal(version, bytes_of(kinds[first]->version))))
        first++;
    for (end = first; end < count && strcmp(kinds[end]->group, kinds[first]->group) == 0 &&
                      strcmp(kinds[end]->version, kinds[first]->version) == 0;)
        end++;
    *ret_count = end - first;
    return first < count ? &kinds[first] : NULL;
}

/* ---- What the documents share */

static void put_texts(struct buffer *b, const char *before, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_text(b, i ? "," : before);
        json_write_string(b, bytes_of(texts[i]));
    }
    if (count)
        buffer_byte(b, ']');
}

/* By name, as kube-apiserver lists the verbs of its own kinds; those of custom resources in an order of their own. */
static const enum verb verbs_by_name[] = {
    VERB_CREATE, VERB_DELETE, VERB_DELETECOLLECTION, VERB_GET, VERB_LIST, VERB_PATCH, VERB_UPDATE, VERB_WATCH};
static const enum verb verbs_of_custom[] = {
    VERB_DELETE, VERB_DELETECOLLECTION, VERB_GET, VERB_LIST, VERB_PATCH, VERB_CREATE, VERB_UPDATE, VERB_WATCH};

static void put_verbs(struct buffer *b, const enum verb order[], unsigned verbs)
{
    const char *names[VERB_COUNT];
    size_t n = 0;
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (verbs & VERB_BIT(order[i]))
            names[n++] = verb_name(order[i]);
    put_texts(b, ",\"verbs\":[", names, n);
}

static int order_of_parts(const void *a, const void *b)
{
    const struct kind_subresource *const *x = a, *const *y = b;
    return strcmp(subresource_name((*x)->which), subresource_name((*y)->which));
}

/* Its subresources in the order in which they are listed. */
static size_t parts_of(const struct kind *k, const struct kind_subresource *ret[SUBRESOURCE_COUNT])
{
    size_t n = 0;
    for (; n < k->subresource_count && n < SUBRESOURCE_COUNT; n++)
        ret[n] = &k->subresources[n];
    if (n && !k->custom)
        qsort(ret, n, sizeof(const struct kind_subresource *), order_of_parts);
    return n;
}

void discovery_api_versions(struct buffer *b, bytes server_address)
{
    buffer_text(b, "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{\"clientCIDR\":"
                   "\"0.0.0.0/0\",\"serverAddress\":");
    json_write_string(b, server_address);
    buffer_text(b, "}]}\n");
}

/* ---- Groups */

static void put_version(struct buffer *b, const struct kind *kind)
{
    buffer_format(b, "{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}", kind->group, kind->version, kind->version);
}

static bool same_group(const struct group_version *a, const struct group_version *b)
{
    return strcmp(a->kinds[0]->group, b->kinds[0]->group) == 0;
}

/* The members of an APIGroup but for kind and apiVersion. Returns how many versions it has. */
static size_t put_group(struct buffer *b, const struct group_version *versions, size_t count)
{
    size_t n = 0;
    buffer_format(b, "\"name\":\"%s\",\"versions\":[", versions->kinds[0]->group);
    for (; n < count && same_group(&versions[n], versions); n++) {
        buffer_text(b, n ? "," : "");
        put_version(b, versions[n].kinds[0]);
    }
    buffer_text(b, "],\"preferredVersion\":");
    put_version(b, versions->kinds[0]);
    return n;
}

static const struct group_version *versions_for(struct buffer *b, const struct registry *registry, size_t *ret_count)
{
    const struct group_version *versions = group_versions(b->arena, registry, ret_count);
    if (!versions) {
        b->failed = true;
        *ret_count = 0;
    }
    return versions;
}

void discovery_group_list(struct buffer *b, const struct registry *registry)
{
    size_t count;
    const struct group_version *versions = versions_for(b, registry, &count);
    bool any = false;
    buffer_text(b, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
    for (size_t i = 0; i < count;) {
        if (!versions[i].kinds[0]->group[0]) {
            i++;
            continue;
        }
        buffer_text(b, any ? ",{" : "{");
        i += put_group(b, &versions[i], count - i);
        buffer_byte(b, '}');
        any = true;
    }
    buffer_text(b, "]}\n");
}

bool discovery_group(struct buffer *b, const struct registry *registry, bytes group)
{
    size_t count;
    const struct group_version *versions = versions_for(b, registry, &count);
    for (size_t i = 0; i < count; i++)
        if (group.n && bytes_equal(group, bytes_of(versions[i].kinds[0]->group))) {
            buffer_text(b, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
            (void)put_group(b, &versions[i], count - i);
            buffer_text(b, "}\n");
            return true;
        }
    return b->failed;
}

/* ---- Resources */

static void put_resource(struct buffer *b, const struct kind *k)
{
    buffer_format(b, "{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\"", k->plural,
        k->singular, k->namespaced ? "true" : "false", k->kind);
    put_verbs(b, k->custom ? verbs_of_custom : verbs_by_name, k->verbs);
    put_texts(b, ",\"shortNames\":[", k->short_names, k->short_name_count);
    put_texts(b, ",\"categories\":[", k->categories, k->category_count);
    if (k->storage_version_hash)
        buffer_format(b, ",\"storageVersionHash\":\"%s\"", k->storage_version_hash);
    buffer_byte(b, '}');
}

/* Whether it takes and gives a kind of another group version than its resource's. */
static bool is_foreign(const struct kind *k, const struct kind_subresource *part)
{
    return part->kind && (strcmp(part->group, k->group) != 0 || strcmp(part->version, k->version) != 0);
}

static void put_part(struct buffer *b, const struct kind *k, const struct kind_subresource *part)
{
    buffer_format(b, ",{\"name\":\"%s/%s\",\"singularName\":\"\",\"namespaced\":%s", k->plural,
        subresource_name(part->which), k->namespaced ? "true" : "false");
    if (is_foreign(k, part))
        buffer_format(b, ",\"group\":\"%s\",\"version\":\"%s\"", part->group, part->version);
    buffer_format(b, ",\"kind\":\"%s\"", part->kind ? part->kind : k->kind);
    put_verbs(b, verbs_by_name, part->verbs);
    buffer_byte(b, '}');
}

bool discovery_resources(struct buffer *b, const struct registry *registry, bytes group, bytes version)
{
    const struct kind_subresource *parts[SUBRESOURCE_COUNT];
    size_t count;
    const struct kind *const *kinds = group_version_find(registry, group, version, &count);
    if (!kinds)
        return false;
    buffer_format(b, "{\"kind\":\"APIResourceList\",%s\"groupVersion\":\"%s%s%s\",\"resources\":[",
        group.n ? "\"apiVersion\":\"v1\"," : "", kinds[0]->group, group.n ? "/" : "", kinds[0]->version);
    for (size_t i = 0; i < count; i++) {
        size_t part_count = parts_of(kinds[i], parts);
        buffer_text(b, i ? "," : "");
        put_resource(b, kinds[i]);
        for (size_t n = 0; n < part_count; n++)
            put_part(b, kinds[i], parts[n]);
    }
    buffer_text(b, "]}\n");
    return true;
}

/* ---- Aggregated */

/* Group and version stay empty where they are the resource's own and the resource is no custom one. */
static void put_response_kind(struct buffer *b, const char *group, const char *version, const char *kind)
{
    buffer_format(b, "\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}", group, version, kind);
}

static void put_aggregated_parts(struct buffer *b, const struct kind *k)
{
    const struct kind_subresource *parts[SUBRESOURCE_COUNT];
    size_t count = parts_of(k, parts);
    for (size_t i = 0; i < count; i++) {
        bool foreign = is_foreign(k, parts[i]);
        buffer_format(
            b, "%s{\"subresource\":\"%s\",", i ? "," : ",\"subresources\":[", subresource_name(parts[i]->which));
        put_response_kind(b,
            foreign     ? parts[i]->group
            : k->custom ? k->group
                        : "",
            foreign     ? parts[i]->version
            : k->custom ? k->version
                        : "",
            parts[i]->kind ? parts[i]->kind : k->kind);
        put_verbs(b, verbs_by_name, parts[i]->verbs);
        buffer_byte(b, '}');
    }
    if (count)
        buffer_byte(b, ']');
}

static void put_aggregated_resource(struct buffer *b, const struct kind *k)
{
    buffer_format(b, "{\"resource\":\"%s\",", k->plural);
    put_response_kind(b, k->custom ? k->group : "", k->custom ? k->version : "", k->kind);
    buffer_format(
        b, ",\"scope\":\"%s\",\"singularResource\":\"%s\"", k->namespaced ? "Namespaced" : "Cluster", k->singular);
    put_verbs(b, k->custom ? verbs_of_custom : verbs_by_name, k->verbs);
    put_texts(b, ",\"shortNames\":[", k->short_names, k->short_name_count);
    put_texts(b, ",\"categories\":[", k->categories, k->category_count);
    put_aggregated_parts(b, k);
    buffer_byte(b, '}');
}

static size_t put_aggregated_group(struct buffer *b, const struct group_version *versions, size_t count)
{
    const char *group = versions->kinds[0]->group;
    size_t n = 0;
    buffer_text(b, "{\"metadata\":{");
    if (group[0])
        buffer_format(b, "\"name\":\"%s\"", group);
    buffer_text(b, "},\"versions\":[");
    for (; n < count && same_group(&versions[n], versions); n++) {
        buffer_format(b, "%s{\"version\":\"%s\",\"resources\":[", n ? "," : "", versions[n].kinds[0]->version);
        for (size_t i = 0; i < versions[n].count; i++) {
            buffer_text(b, i ? "," : "");
            put_aggregated_resource(b, versions[n].kinds[i]);
        }
        buffer_text(b, "],\"freshness\":\"Current\"}");
    }
    buffer_text(b, "]}");
    return n;
}

void discovery_aggregated(struct buffer *b, const struct registry *registry, bool core)
{
    size_t count;
    const struct group_version *versions = versions_for(b, registry, &count);
    bool any = false;
    buffer_text(
        b, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\",\"metadata\":{},\"items\":[");
    for (size_t i = 0; i < count;) {
        if (core != !versions[i].kinds[0]->group[0]) {
            i++;
            continue;
        }
        buffer_text(b, any ? "," : "");
        i += put_aggregated_group(b, &versions[i], count - i);
        any = true;
    }
    buffer_text(b, "]}\n");
}

/* ---- Version */

#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#define ARCHITECTURE "unknown"
#endif

void discovery_version(struct buffer *b)
{
    buffer_text(b, "{\n"
                   "  \"major\": \"1\",\n"
                   "  \"minor\": \"34\",\n"
                   "  \"emulationMajor\": \"1\",\n"
                   "  \"emulationMinor\": \"34\",\n"
                   "  \"minCompatibilityMajor\": \"1\",\n"
                   "  \"minCompatibilityMinor\": \"33\",\n"
                   "  \"gitVersion\": \"v1.34.0+coffer\",\n"
                   "  \"gitCommit\": \"\",\n"
                   "  \"gitTreeState\": \"\",\n"
                   "  \"buildDate\": \"1970-01-01T00:00:00Z\",\n"
                   "  \"goVersion\": \"\",\n"
                   "  \"compiler\": \"gcc\",\n"
                   "  \"platform\": \"linux/" ARCHITECTURE "\"\n"
                   "}");
}
