/* SPDX-License-Identifier: Apache-2.0 */
#include "api/discovery.h"
#include "api/version_order.h"
#include "text/protobuf.h"
#include "writes.h"

static struct buffer out;

static struct json *document(void)
{
    struct json *tree;
    if (json_parse(&arena, buffer_bytes(&out), &(struct json_options){0}, &tree, NULL, &error) != ERR_OK)
        fail_msg("%s: %s", text(error.message), text(buffer_bytes(&out)));
    buffer_init(&out, &arena);
    return tree;
}

static void the_plain_documents_are_kubernetes_own(void **state)
{
    (void)state;
    buffer_init(&out, &arena);
    discovery_api_versions(&out, BYTES("127.0.0.1:16443"));
    assert_string_equal(text(buffer_bytes(&out)),
        "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{"
        "\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"127.0.0.1:16443\"}]}\n");
    const struct registry *registry = registry_current();
    buffer_init(&out, &arena);
    assert_false(discovery_resources(&out, registry, BYTES(""), BYTES("v2")));
    assert_false(discovery_resources(&out, registry, BYTES("apps"), BYTES("v1beta1")));
    assert_false(discovery_group(&out, registry, BYTES("")));
    assert_false(discovery_group(&out, registry, BYTES("nothing")));
    assert_int_equal(out.n, 0);
}

/* The entry of that name, in a list whose items have names under that member. */
static const struct json *entry(const struct json *list, const char *member, bytes name)
{
    for (const struct json *item = list->first; item; item = item->next)
        if (bytes_equal(json_text(item, bytes_of(member)), name))
            return item;
    return NULL;
}

static bytes written(const struct json *value)
{
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, value);
    assert_false(b.failed);
    return buffer_bytes(&b);
}

/* What is served is listed as kube-apiserver lists it, byte for byte and in its order. */
static size_t compare_resources(const struct json *recorded, bytes group, bytes version)
{
    const struct json *theirs = json_get(recorded, BYTES("resources"))->first;
    buffer_init(&out, &arena);
    if (!discovery_resources(&out, registry_current(), group, version))
        return 0;
    const struct json *ours = json_get(document(), BYTES("resources"))->first;
    size_t n = 0;
    for (; ours; ours = ours->next, n++) {
        while (theirs && !bytes_equal(json_text(theirs, BYTES("name")), json_text(ours, BYTES("name"))))
            theirs = theirs->next;
        if (!theirs)
            fail_msg("%s is not recorded, or not in its place", text(json_text(ours, BYTES("name"))));
        assert_string_equal(text(written(ours)), text(written(theirs)));
    }
    return n;
}

static void resources_are_listed_as_recorded(void **state)
{
    bytes file = golden("objects/discovery.json");
    struct json *recorded;
    size_t count, compared = 0, listed = 0;
    (void)state;
    if (json_parse(&arena, file, &(struct json_options){0}, &recorded, NULL, &error) != ERR_OK)
        fail_msg("%s", text(error.message));
    for (const struct json *r = recorded->first; r; r = r->next) {
        bytes path = r->key, root = BYTES("/apis/");
        bool grouped = bytes_start(path, root);
        if (!grouped && !bytes_equal(path, BYTES("/api/v1")))
            continue;
        path = bytes_skip(path, grouped ? root.n : strlen("/api/"));
        size_t slash = bytes_find(path, '/');
        if (grouped && slash == path.n)
            continue;
        compared += grouped ? compare_resources(r, (bytes){path.p, slash}, bytes_skip(path, slash + 1))
                            : compare_resources(r, BYTES(""), path);
    }
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    for (size_t i = 0; i < count; i++)
        listed += 1 + kinds[i]->subresource_count;
    assert_int_equal(compared, listed);
}

static const struct kind role = {.group = "rbac.authorization.k8s.io",
    .version = "v1",
    .kind = "Role",
    .plural = "roles",
    .singular = "role",
    .namespaced = true,
    .verbs = VERB_BIT(VERB_GET),
    .schema = NULL};
static const struct kind binding = {.group = "rbac.authorization.k8s.io",
    .version = "v1beta1",
    .kind = "RoleBinding",
    .plural = "rolebindings",
    .singular = "rolebinding",
    .namespaced = true,
    .verbs = VERB_BIT(VERB_GET),
    .schema = NULL};

static void groups_list_their_versions(void **state)
{
    static const struct kind *const kinds[] = {&secret_kind, &role, &binding};
    (void)state;
    kinds_register(kinds, ARRAY_LEN(kinds));
    const struct registry *registry = registry_current();
    buffer_init(&out, &arena);
    assert_true(discovery_group(&out, registry, BYTES("rbac.authorization.k8s.io")));
    assert_string_equal(text(buffer_bytes(&out)),
        "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",\"name\":\"rbac.authorization.k8s.io\",\"versions\":[{"
        "\"groupVersion\":\"rbac.authorization.k8s.io/v1\","
        "\"version\":\"v1\"},{\"groupVersion\":\"rbac.authorization.k8s.io/"
        "v1beta1\",\"version\":\"v1beta1\"}],\"preferredVersion\":{\"groupVersion\":"
        "\"rbac.authorization.k8s.io/v1\",\"version\":\"v1\"}}\n");
    buffer_init(&out, &arena);
    discovery_group_list(&out, registry);
    assert_int_equal(json_get(document(), BYTES("groups"))->count, 1);
    discovery_aggregated(&out, registry, false);
    const struct json *group = json_get(document(), BYTES("items"))->first;
    assert_int_equal(json_get(group, BYTES("versions"))->count, 2);
    discovery_aggregated(&out, registry, true);
    const struct json *core = json_get(document(), BYTES("items"))->first;
    assert_int_equal(json_get(core, BYTES("versions"))->count, 1);
    assert_int_equal(json_get(core, BYTES("metadata"))->count, 0);
    kinds_register_all();
}

static void the_version_is_what_kubectl_reads(void **state)
{
    (void)state;
    buffer_init(&out, &arena);
    discovery_version(&out);
    assert_true(bytes_start(buffer_bytes(&out), BYTES("{\n  \"major\": \"1\",\n  \"minor\": \"34\",\n")));
    assert_string_equal(text(json_text(document(), BYTES("gitVersion"))), "v1.34.0+coffer");
}

/* The parsed OpenAPI v3 document of a group version. */
static const struct json *openapi_of(const char *group, const char *version)
{
    size_t count;
    const struct kind *const *kinds =
        group_version_find(registry_current(), bytes_of(group), bytes_of(version), &count);
    assert_non_null(kinds);
    buffer_init(&out, &arena);
    openapi_v3(&out, kinds, count);
    assert_false(out.failed);
    return document();
}

/* kubectl looks for exactly this to learn that the server validates fields. */
static void openapi_tells_of_field_validation(void **state)
{
    (void)state;
    const struct json *root = openapi_of("", "v1");
    const struct json *patch = json_at(
        root, BYTES("paths"), BYTES("/api/v1/namespaces/{namespace}/secrets/{name}"), BYTES("patch"), BYTES_NONE);
    assert_non_null(patch);
    const struct json *parameter = entry(json_get(patch, BYTES("parameters")), "name", BYTES("fieldValidation"));
    assert_non_null(parameter);
    assert_string_equal(text(json_text(parameter, BYTES("in"))), "query");
    assert_string_equal(
        text(json_text(json_get(patch, BYTES("x-kubernetes-group-version-kind")), BYTES("kind"))), "Secret");
    assert_string_equal(text(json_text(patch, BYTES("operationId"))), "patchCoreV1NamespacedSecret");
    assert_non_null(json_at(root, BYTES("paths"), BYTES("/api/v1/namespaces/{name}"), BYTES("get"), BYTES_NONE));
    assert_non_null(json_at(root, BYTES("paths"), BYTES("/api/v1/secrets"), BYTES("get"), BYTES_NONE));
    assert_null(json_at(root, BYTES("paths"), BYTES("/api/v1/secrets"), BYTES("post"), BYTES_NONE));
    root = openapi_of("apps", "v1");
    const struct json *scale = json_at(root, BYTES("paths"),
        BYTES("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"), BYTES("put"), BYTES_NONE);
    assert_string_equal(text(json_text(scale, BYTES("operationId"))), "replaceAppsV1NamespacedDeploymentScale");
}

/* Every reference names a schema of the document. */
static void check_references(const struct json *schemas, bytes prefix, const struct json *value)
{
    bytes ref = value->type == JSON_OBJECT ? json_text(value, BYTES("$ref")) : BYTES_NONE;
    if (ref.n) {
        assert_true(bytes_start(ref, prefix));
        if (!json_get(schemas, bytes_skip(ref, prefix.n)))
            fail_msg("nothing is at %s", text(ref));
    }
    if (value->type == JSON_OBJECT || value->type == JSON_ARRAY)
        for (const struct json *child = value->first; child; child = child->next)
            check_references(schemas, prefix, child);
}

static void openapi_schemas_are_complete(void **state)
{
    size_t count;
    (void)state;
    const struct group_version *versions = group_versions(&arena, registry_current(), &count);
    assert_non_null(versions);
    for (size_t i = 0; i < count; i++) {
        const struct json *root = openapi_of(versions[i].kinds[0]->group, versions[i].kinds[0]->version);
        check_references(
            json_at(root, BYTES("components"), BYTES("schemas"), BYTES_NONE), BYTES("#/components/schemas/"), root);
    }
    const struct json *schemas = json_at(openapi_of("", "v1"), BYTES("components"), BYTES("schemas"), BYTES_NONE);
    const struct json *secret = json_get(schemas, BYTES("io.k8s.api.core.v1.Secret"));
    assert_true(json_text(secret, BYTES("description")).n > 0);
    assert_string_equal(
        text(json_text(json_get(secret, BYTES("x-kubernetes-group-version-kind"))->first, BYTES("kind"))), "Secret");
    assert_string_equal(
        text(json_text(json_at(secret, BYTES("properties"), BYTES("data"), BYTES("additionalProperties"), BYTES_NONE),
            BYTES("format"))),
        "byte");
    assert_string_equal(text(json_text(json_at(schemas, BYTES("io.k8s.api.core.v1.PodSpec"), BYTES("properties"),
                                           BYTES("containers"), BYTES_NONE),
                            BYTES("x-kubernetes-patch-merge-key"))),
        "name");
    assert_non_null(json_get(schemas, BYTES("io.k8s.api.core.v1.SecretList")));
}

/* The content of the only field of that number. */
static bytes field_of(bytes message, uint32_t number)
{
    struct cursor c = cursor_of(message);
    struct protobuf_field field;
    bytes found = BYTES_NONE;
    int more;
    while ((more = protobuf_next(&c, &field)) == 1)
        if (field.number == number) {
            assert_int_equal(field.wire, PROTOBUF_BYTES);
            assert_null(found.p);
            found = field.content;
        }
    assert_int_equal(more, 0);
    return found;
}

static void assert_holds(bytes text, const char *part)
{
    assert_non_null(memmem(text.p, text.n, part, strlen(part)));
}

static void openapi_2_is_what_kubectl_1_20_reads(void **state)
{
    (void)state;
    buffer_init(&out, &arena);
    openapi_v2_protobuf(&out, registry_current());
    assert_false(out.failed);
    bytes document_2 = buffer_bytes(&out), paths = field_of(document_2, 8), definitions = field_of(document_2, 9);
    assert_true(bytes_equal(field_of(document_2, 1), BYTES("2.0")));
    assert_holds(paths, "/api/v1/namespaces/{namespace}/secrets/{name}");
    assert_holds(paths, "dryRun");
    assert_holds(definitions, "io.k8s.api.core.v1.Secret");
    assert_holds(definitions, "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    assert_holds(definitions, "x-kubernetes-patch-merge-key");
    buffer_init(&out, &arena);
    openapi_v2_json(&out, registry_current());
    const struct json *root = document();
    assert_string_equal(text(json_text(root, BYTES("swagger"))), "2.0");
    check_references(json_get(root, BYTES("definitions")), BYTES("#/definitions/"), root);
}

static void versions_have_an_order_of_preference(void **state)
{
    static const char *const ordered[] = {"v10", "v2", "v1", "v2beta1", "v1beta2", "v1beta1", "v1alpha1", "a", "v0"};
    (void)state;
    for (size_t i = 0; i + 1 < ARRAY_LEN(ordered); i++) {
        assert_true(version_order(ordered[i], ordered[i + 1]) < 0);
        assert_true(version_order(ordered[i + 1], ordered[i]) > 0);
    }
    buffer_init(&out, &arena);
    assert_true(discovery_group(&out, registry_current(), BYTES("autoscaling")));
    const struct json *group = document();
    assert_string_equal(text(json_text(json_get(group, BYTES("preferredVersion")), BYTES("version"))), "v2");
    assert_string_equal(text(json_text(json_get(group, BYTES("versions"))->last, BYTES("version"))), "v1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(the_plain_documents_are_kubernetes_own), TEST(groups_list_their_versions),
        TEST(the_version_is_what_kubectl_reads), TEST(openapi_tells_of_field_validation),
        TEST(openapi_schemas_are_complete), TEST(openapi_2_is_what_kubectl_1_20_reads),
        TEST(resources_are_listed_as_recorded), TEST(versions_have_an_order_of_preference)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
