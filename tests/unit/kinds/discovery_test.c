/* SPDX-License-Identifier: Apache-2.0 */
#include "api/discovery.h"
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
    buffer_init(&out, &arena);
    assert_true(discovery_resources(&out, BYTES(""), BYTES("v1")));
    assert_string_equal(text(buffer_bytes(&out)),
        "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":[{\"name\":\"namespaces\","
        "\"singularName\":\"namespace\",\"namespaced\":false,\"kind\":"
        "\"Namespace\",\"verbs\":[\"create\",\"delete\",\"get\",\"list\",\"update\",\"watch\"],\"shortNames\":[\"ns\"],"
        "\"storageVersionHash\":\"Q3oi5N2YM8M=\"},"
        "{\"name\":\"secrets\",\"singularName\":\"secret\",\"namespaced\":true,\"kind\":\"Secret\",\"verbs\":["
        "\"create\",\"delete\",\"deletecollection\",\"get\","
        "\"list\",\"update\",\"watch\"],\"storageVersionHash\":\"S6u1pOWzb84=\"}]}\n");
    buffer_init(&out, &arena);
    assert_false(discovery_resources(&out, BYTES(""), BYTES("v2")));
    assert_false(discovery_resources(&out, BYTES("apps"), BYTES("v1")));
    assert_false(discovery_group(&out, BYTES("")));
    assert_false(discovery_group(&out, BYTES("apps")));
    assert_int_equal(out.n, 0);
    discovery_group_list(&out);
    assert_string_equal(text(buffer_bytes(&out)), "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[]}\n");
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
    buffer_init(&out, &arena);
    assert_true(discovery_group(&out, BYTES("rbac.authorization.k8s.io")));
    assert_string_equal(text(buffer_bytes(&out)),
        "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",\"name\":\"rbac.authorization.k8s.io\",\"versions\":[{"
        "\"groupVersion\":\"rbac.authorization.k8s.io/v1\","
        "\"version\":\"v1\"},{\"groupVersion\":\"rbac.authorization.k8s.io/"
        "v1beta1\",\"version\":\"v1beta1\"}],\"preferredVersion\":{\"groupVersion\":"
        "\"rbac.authorization.k8s.io/v1\",\"version\":\"v1\"}}\n");
    buffer_init(&out, &arena);
    discovery_group_list(&out);
    assert_int_equal(json_get(document(), BYTES("groups"))->count, 1);
    discovery_aggregated(&out, false);
    const struct json *group = json_get(document(), BYTES("items"))->first;
    assert_int_equal(json_get(group, BYTES("versions"))->count, 2);
    discovery_aggregated(&out, true);
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

/* kubectl looks for exactly this to learn that the server validates fields. */
static void openapi_tells_of_field_validation(void **state)
{
    (void)state;
    buffer_init(&out, &arena);
    assert_true(openapi_v3(&out, BYTES(""), BYTES("v1")));
    const struct json *root = document();
    const struct json *patch = json_at(
        root, BYTES("paths"), BYTES("/api/v1/namespaces/{namespace}/secrets/{name}"), BYTES("patch"), BYTES_NONE);
    assert_non_null(patch);
    bool found = false;
    for (const struct json *p = json_get(patch, BYTES("parameters"))->first; p; p = p->next)
        found = found || (bytes_equal(json_text(p, BYTES("name")), BYTES("fieldValidation")) &&
                             bytes_equal(json_text(p, BYTES("in")), BYTES("query")));
    assert_true(found);
    assert_string_equal(
        text(json_text(json_get(patch, BYTES("x-kubernetes-group-version-kind")), BYTES("kind"))), "Secret");
    assert_non_null(json_at(root, BYTES("paths"), BYTES("/api/v1/namespaces/{name}"), BYTES("get"), BYTES_NONE));
    assert_false(openapi_v3(&out, BYTES("apps"), BYTES("v1")));
}

/* Every reference names a schema of the document. */
static void check_references(const struct json *root, const struct json *value)
{
    bytes ref = json_text(value, BYTES("$ref"));
    if (ref.n) {
        assert_true(bytes_start(ref, BYTES("#/components/schemas/")));
        assert_non_null(json_at(
            root, BYTES("components"), BYTES("schemas"), bytes_skip(ref, strlen("#/components/schemas/")), BYTES_NONE));
    }
    if (value->type == JSON_OBJECT || value->type == JSON_ARRAY)
        for (const struct json *child = value->first; child; child = child->next)
            check_references(root, child);
}

static void openapi_schemas_are_complete(void **state)
{
    (void)state;
    buffer_init(&out, &arena);
    assert_true(openapi_v3(&out, BYTES(""), BYTES("v1")));
    const struct json *root = document();
    check_references(root, root);
    const struct json *secret =
        json_at(root, BYTES("components"), BYTES("schemas"), BYTES("io.k8s.api.core.v1.Secret"), BYTES_NONE);
    assert_true(json_text(secret, BYTES("description")).n > 0);
    assert_string_equal(
        text(json_text(json_get(secret, BYTES("x-kubernetes-group-version-kind"))->first, BYTES("kind"))), "Secret");
    assert_string_equal(
        text(json_text(json_at(secret, BYTES("properties"), BYTES("data"), BYTES("additionalProperties"), BYTES_NONE),
            BYTES("format"))),
        "byte");
    const struct json *owners =
        json_at(root, BYTES("components"), BYTES("schemas"), BYTES("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"),
            BYTES("properties"), BYTES("ownerReferences"), BYTES_NONE);
    assert_string_equal(text(json_text(owners, BYTES("x-kubernetes-patch-merge-key"))), "uid");
    openapi_v3_index(&out);
    assert_non_null(json_at(document(), BYTES("paths"), BYTES("api/v1"), BYTES("serverRelativeURL"), BYTES_NONE));
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
    openapi_v2_protobuf(&out);
    assert_false(out.failed);
    bytes document_2 = buffer_bytes(&out), paths = field_of(document_2, 8), definitions = field_of(document_2, 9);
    assert_true(bytes_equal(field_of(document_2, 1), BYTES("2.0")));
    assert_holds(paths, "/api/v1/namespaces/{namespace}/secrets/{name}");
    assert_holds(paths, "dryRun");
    assert_holds(definitions, "io.k8s.api.core.v1.Secret");
    assert_holds(definitions, "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    assert_holds(definitions, "x-kubernetes-patch-merge-key");
    buffer_init(&out, &arena);
    openapi_v2_json(&out);
    assert_string_equal(text(json_text(document(), BYTES("swagger"))), "2.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(the_plain_documents_are_kubernetes_own), TEST(groups_list_their_versions),
        TEST(the_version_is_what_kubectl_reads), TEST(openapi_tells_of_field_validation),
        TEST(openapi_schemas_are_complete), TEST(openapi_2_is_what_kubectl_1_20_reads)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
