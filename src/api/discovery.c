/* SPDX-License-Identifier: Apache-2.0 */
#include "api/discovery.h"

/* In the order in which kube-apiserver lists verbs: by name. */
static const enum verb verbs_by_name[] = {
    VERB_CREATE, VERB_DELETE, VERB_DELETECOLLECTION, VERB_GET, VERB_LIST, VERB_PATCH, VERB_UPDATE, VERB_WATCH};

static void put_texts(struct buffer *b, const char *before, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_text(b, i ? "," : before);
        json_write_string(b, bytes_of(texts[i]));
    }
    if (count)
        buffer_byte(b, ']');
}

static void put_verbs(struct buffer *b, const struct kind *kind)
{
    const char *names[VERB_COUNT];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(verbs_by_name); i++)
        if (kind->verbs & VERB_BIT(verbs_by_name[i]))
            names[n++] = verb_name(verbs_by_name[i]);
    put_texts(b, ",\"verbs\":[", names, n);
}

static bool in_version(const struct kind *kind, bytes group, bytes version)
{
    return bytes_equal(group, bytes_of(kind->group)) && bytes_equal(version, bytes_of(kind->version));
}

/* Kinds are ordered by group, then version: whether this one starts a new group, or a new version. */
static bool starts_group(const struct kind *const *kinds, size_t i)
{
    return i == 0 || strcmp(kinds[i]->group, kinds[i - 1]->group) != 0;
}

static bool starts_version(const struct kind *const *kinds, size_t i)
{
    return starts_group(kinds, i) || strcmp(kinds[i]->version, kinds[i - 1]->version) != 0;
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

/* The members of an APIGroup but for kind and apiVersion; kinds[first] is the group's first. */
static void put_group(struct buffer *b, const struct kind *const *kinds, size_t count, size_t first)
{
    buffer_format(b, "\"name\":\"%s\",\"versions\":[", kinds[first]->group);
    for (size_t i = first; i < count && strcmp(kinds[i]->group, kinds[first]->group) == 0; i++) {
        if (!starts_version(kinds, i))
            continue;
        buffer_text(b, i == first ? "" : ",");
        put_version(b, kinds[i]);
    }
    buffer_text(b, "],\"preferredVersion\":");
    put_version(b, kinds[first]);
}

void discovery_group_list(struct buffer *b)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    bool comma = false;
    buffer_text(b, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
    for (size_t i = 0; i < count; i++) {
        if (!starts_group(kinds, i) || !kinds[i]->group[0])
            continue;
        buffer_text(b, comma ? ",{" : "{");
        put_group(b, kinds, count, i);
        buffer_byte(b, '}');
        comma = true;
    }
    buffer_text(b, "]}\n");
}

bool discovery_group(struct buffer *b, bytes group)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    for (size_t i = 0; i < count; i++)
        if (group.n && starts_group(kinds, i) && bytes_equal(group, bytes_of(kinds[i]->group))) {
            buffer_text(b, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
            put_group(b, kinds, count, i);
            buffer_text(b, "}\n");
            return true;
        }
    return false;
}

/* ---- Resources */

static void put_resource(struct buffer *b, const struct kind *k)
{
    buffer_format(b, "{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\"", k->plural,
        k->singular, k->namespaced ? "true" : "false", k->kind);
    put_verbs(b, k);
    put_texts(b, ",\"shortNames\":[", k->short_names, k->short_name_count);
    put_texts(b, ",\"categories\":[", k->categories, k->category_count);
    if (k->storage_version_hash)
        buffer_format(b, ",\"storageVersionHash\":\"%s\"", k->storage_version_hash);
    buffer_byte(b, '}');
}

bool discovery_resources(struct buffer *b, bytes group, bytes version)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    bool comma = false;
    for (size_t i = 0; i < count; i++) {
        if (!in_version(kinds[i], group, version))
            continue;
        if (!comma)
            buffer_format(b, "{\"kind\":\"APIResourceList\",%s\"groupVersion\":\"%s%s%s\",\"resources\":[",
                group.n ? "\"apiVersion\":\"v1\"," : "", kinds[i]->group, group.n ? "/" : "", kinds[i]->version);
        buffer_text(b, comma ? "," : "");
        put_resource(b, kinds[i]);
        comma = true;
    }
    if (comma)
        buffer_text(b, "]}\n");
    return comma;
}

/* ---- Aggregated */

static void put_aggregated_resource(struct buffer *b, const struct kind *k)
{
    buffer_format(b,
        "{\"resource\":\"%s\",\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":\"%s\"},\"scope\":\"%s\","
        "\"singularResource\":\"%s\"",
        k->plural, k->kind, k->namespaced ? "Namespaced" : "Cluster", k->singular);
    put_verbs(b, k);
    put_texts(b, ",\"shortNames\":[", k->short_names, k->short_name_count);
    put_texts(b, ",\"categories\":[", k->categories, k->category_count);
    buffer_byte(b, '}');
}

static void put_aggregated_group(struct buffer *b, const struct kind *const *kinds, size_t count, size_t first)
{
    const char *group = kinds[first]->group;
    if (group[0])
        buffer_format(b, "{\"metadata\":{\"name\":\"%s\"},\"versions\":[", group);
    else
        buffer_text(b, "{\"metadata\":{},\"versions\":[");
    for (size_t i = first; i < count && strcmp(kinds[i]->group, group) == 0; i++) {
        if (starts_version(kinds, i))
            buffer_format(b, "%s{\"version\":\"%s\",\"resources\":[", i == first ? "" : "],\"freshness\":\"Current\"},",
                kinds[i]->version);
        else
            buffer_byte(b, ',');
        put_aggregated_resource(b, kinds[i]);
    }
    buffer_text(b, "],\"freshness\":\"Current\"}]}");
}

void discovery_aggregated(struct buffer *b, bool core)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    bool comma = false;
    buffer_text(
        b, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\",\"metadata\":{},\"items\":[");
    for (size_t i = 0; i < count; i++) {
        if (!starts_group(kinds, i) || core != !kinds[i]->group[0])
            continue;
        buffer_text(b, comma ? "," : "");
        put_aggregated_group(b, kinds, count, i);
        comma = true;
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
