/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schemas.h"
#include "filled.h"

#define ADDRESS(schema) &(schema),
static const struct schema *const schemas[] = {SCHEMAS_EACH(ADDRESS)};

/* ---- The build's rule. */

static const char *load(const char *properties)
{
    struct schema_list list = {0};
    struct json *file;
    bytes json = arena_format(&arena,
        "{\"x.LocalThingReference\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"}}},"
        "\"x.Place\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"namespace\":{\"type\":"
        "\"string\"}}},"
        "\"x.Asked\":{\"type\":\"object\",\"x-coffer-reference\":{\"none\":\"asked\"},\"properties\":{\"name\":{"
        "\"type\":\"string\"},\"namespace\":{\"type\":\"string\"}}},"
        "\"x.Marked\":{\"type\":\"object\",\"properties\":{\"secretName\":{\"type\":\"string\","
        "\"x-coffer-reference\":\"secret\"}}},"
        "\"x.A\":{\"type\":\"object\",\"properties\":{%s}}}",
        properties);
    assert_int_equal(json_parse(&arena, json, &(struct json_options){0}, &file, NULL, &error), ERR_OK);
    if (schemas_load(&arena, file, &list, &error) == ERR_OK && schemas_link(&list, &error) == ERR_OK)
        return "";
    return text(error.message);
}

#define FORGOTTEN(field)                                                                                               \
    "x.A." field ": looks like a reference to another object, and has no x-coffer-reference: mark what it names, or "  \
    "say {none: REASON}"
#define UNFIT(field) "x.A." field ": x-coffer-reference does not fit its type, or what stands beside it"

static void a_field_that_was_forgotten_ends_the_build(void **state)
{
    static const struct {
        const char *properties, *says;
    } cases[] = {
        {"\"plain\":{\"type\":\"string\"}", ""},
        {"\"secretName\":{\"type\":\"string\"}", FORGOTTEN("secretName")},
        {"\"TLSSECRET\":{\"type\":\"string\"}", FORGOTTEN("TLSSECRET")},
        {"\"secretNames\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", FORGOTTEN("secretNames")},
        {"\"secretsByUse\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}",
            FORGOTTEN("secretsByUse")},
        {"\"anySecret\":{}", FORGOTTEN("anySecret")},
        {"\"mountSecrets\":{\"type\":\"boolean\"}", ""},
        {"\"serviceAccount\":{\"type\":\"string\"}", FORGOTTEN("serviceAccount")},
        {"\"configMapName\":{\"type\":\"string\"}", FORGOTTEN("configMapName")},
        {"\"claimName\":{\"type\":\"string\"}", FORGOTTEN("claimName")},
        {"\"from\":{\"$ref\":\"x.LocalThingReference\"}", FORGOTTEN("from")},
        {"\"from\":{\"type\":\"array\",\"items\":{\"$ref\":\"x.LocalThingReference\"}}", FORGOTTEN("from")},
        {"\"from\":{\"$ref\":\"x.Place\"}", FORGOTTEN("from")},
        {"\"from\":{\"$ref\":\"x.Asked\"}", ""},
        {"\"namespace\":{\"type\":\"string\"}", FORGOTTEN("namespace")},
        {"\"volumeNamespace\":{\"type\":\"string\"}", FORGOTTEN("volumeNamespace")},
        {"\"in\":{\"type\":\"object\",\"properties\":{\"secretName\":{\"type\":\"string\"}}}", FORGOTTEN("secretName")},
        {"\"secretName\":{\"type\":\"string\",\"x-coffer-reference\":\"secret\"}", ""},
        {"\"secretName\":{\"type\":\"string\",\"x-coffer-reference\":{\"none\":\"a file\"}}", ""},
        {"\"secret\":{\"$ref\":\"x.Marked\"}", ""},
        {"\"secrets\":{\"type\":\"array\",\"items\":{\"$ref\":\"x.Marked\"}}", ""},
        {"\"from\":{\"$ref\":\"x.LocalThingReference\",\"x-coffer-reference\":\"object\"}", ""},
        {"\"name\":{\"type\":\"string\",\"x-coffer-reference\":{\"target\":\"secret\",\"namespace\":\"nameNamespace\"}}"
         ",\"nameNamespace\":{\"type\":\"string\"}",
            ""},
        {"\"name\":{\"type\":\"string\",\"x-coffer-reference\":{\"target\":\"secret\",\"namespace\":\"other\"}}",
            UNFIT("name")},
        {"\"from\":{\"$ref\":\"x.Marked\",\"x-coffer-reference\":\"secret\"}", UNFIT("from")},
        {"\"count\":{\"type\":\"integer\",\"format\":\"int32\",\"x-coffer-reference\":\"secret\"}", UNFIT("count")},
        {"\"a\":{\"type\":\"string\",\"x-coffer-reference\":\"sekret\"}", "x.A.a: unknown target \"sekret\""},
        {"\"a\":{\"type\":\"string\",\"x-coffer-reference\":{\"none\":\"\"}}", "x.A.a: no reason: \"none\""},
        {"\"a\":{\"type\":\"string\",\"x-coffer-reference\":{\"target\":\"secret\"}}",
            "x.A.a: no reference: \"x-coffer-reference\""},
        {"\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"x-coffer-reference\":\"secret\"}}",
            "x.A.a.items: no property: \"x-coffer-reference\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(load(cases[i].properties), cases[i].says);
}

/* ---- The walk. */

struct seen {
    struct buffer text;
    unsigned count;
    unsigned end_after;
};

static err_t note(void *context, const struct reference *r)
{
    struct seen *seen = context;
    buffer_put(&seen->text, reference_path(&arena, r->step));
    buffer_format(
        &seen->text, " %s %.*s/%.*s\n", schema_target_name(r->target), BYTES_FMT(r->namespace), BYTES_FMT(r->name));
    assert_false(seen->text.failed);
    return ++seen->count == seen->end_after ? ERR_GONE : ERR_OK;
}

static const char *walk(const struct schema *schema, const struct json *object, uint32_t targets)
{
    struct seen seen = {0};
    buffer_init(&seen.text, &arena);
    assert_int_equal(references_walk(schema, object, targets, note, &seen), ERR_OK);
    return text(buffer_bytes(&seen.text));
}

static struct json *tree(const char *json)
{
    struct json *ret;
    assert_int_equal(json_parse(&arena, bytes_of(json), &(struct json_options){0}, &ret, NULL, &error), ERR_OK);
    return ret;
}

/* Where the documentation of Kubernetes' Pods has references to Secrets, written down by hand. */
static void all_secrets_of_a_pod_are_found(void **state)
{
    static const char *const paths[] = {"spec.imagePullSecrets[0].name", "spec.volumes[0].secret.secretName",
        "spec.volumes[0].iscsi.secretRef.name", "spec.volumes[0].rbd.secretRef.name",
        "spec.volumes[0].flexVolume.secretRef.name", "spec.volumes[0].cinder.secretRef.name",
        "spec.volumes[0].cephfs.secretRef.name", "spec.volumes[0].azureFile.secretName",
        "spec.volumes[0].projected.sources[0].secret.name", "spec.volumes[0].scaleIO.secretRef.name",
        "spec.volumes[0].storageos.secretRef.name", "spec.volumes[0].csi.nodePublishSecretRef.name",
        "spec.initContainers[0].env[0].valueFrom.secretKeyRef.name", "spec.initContainers[0].envFrom[0].secretRef.name",
        "spec.containers[0].env[0].valueFrom.secretKeyRef.name", "spec.containers[0].envFrom[0].secretRef.name",
        "spec.ephemeralContainers[0].env[0].valueFrom.secretKeyRef.name",
        "spec.ephemeralContainers[0].envFrom[0].secretRef.name"};
    struct filling filling = {.targets = TARGET_BIT(TARGET_SECRET)};
    struct json *pod = fill(&filling, &schema_pod);
    const char *found = walk(&schema_pod, pod, TARGET_BIT(TARGET_SECRET));
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        bytes line = arena_format(&arena, "%s secret /name-", paths[i]);
        if (!strstr(found, text(line)))
            fail_msg("%s was not found", paths[i]);
    }
    assert_int_equal(filling.count, ARRAY_LEN(paths));
}

static void each_marked_field_of_each_schema_is_found(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(schemas); k++) {
        const struct schema *schema = schemas[k];
        for (enum schema_target t = TARGET_NONE + 1; t < TARGET_COUNT; t++) {
            struct filling all = {.targets = TARGET_BIT(t)};
            struct seen seen = {0};
            struct json *object = fill(&all, schema);
            buffer_init(&seen.text, &arena);
            if (object)
                assert_int_equal(references_walk(schema, object, TARGET_BIT(t), note, &seen), ERR_OK);
            assert_int_equal(seen.count, all.count);
            for (unsigned i = 1; i <= all.count; i++) {
                struct filling one = {.targets = TARGET_BIT(t), .only = i};
                const char *line = walk(schema, fill(&one, schema), TARGET_BIT(t));
                bytes end = arena_format(&arena, "/name-%u\n", i);
                assert_true(bytes_end(bytes_of(line), end));
                assert_non_null(strstr(text(buffer_bytes(&seen.text)), line));
            }
        }
    }
}

static void namespaces_names_and_paths(void **state)
{
    const uint32_t secrets = TARGET_BIT(TARGET_SECRET), accounts = TARGET_BIT(TARGET_SERVICE_ACCOUNT);
    (void)state;
    assert_string_equal(
        walk(&schema_persistent_volume,
            tree("{\"spec\":{\"azureFile\":{\"secretName\":\"a\",\"secretNamespace\":\"n\"},\"csi\":{"
                 "\"nodeStageSecretRef\":{\"name\":\"b\",\"namespace\":\"m\"}},\"claimRef\":{\"name\":\"c\"}}}"),
            secrets),
        "spec.azureFile.secretName secret n/a\nspec.csi.nodeStageSecretRef.name secret m/b\n");
    assert_string_equal(walk(&schema_cron_job,
                            tree("{\"spec\":{\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{"
                                 "\"serviceAccountName\":\"a\",\"serviceAccount\":\"b\",\"imagePullSecrets\":[{},{"
                                 "\"name\":\"\"},{\"name\":\"c\"}]}}}}}}"),
                            secrets | accounts),
        "spec.jobTemplate.spec.template.spec.serviceAccountName serviceaccount /a\n"
        "spec.jobTemplate.spec.template.spec.serviceAccount serviceaccount /b\n"
        "spec.jobTemplate.spec.template.spec.imagePullSecrets[2].name secret /c\n");
}

static void what_has_the_wrong_type_names_nothing(void **state)
{
    static const char *const pods[] = {"{}", "{\"spec\":5}", "{\"spec\":\"secret\"}", "{\"spec\":[]}", "[1]",
        "{\"spec\":{\"volumes\":{\"secret\":{\"secretName\":\"a\"}}}}", "{\"spec\":{\"volumes\":[\"a\",5,null]}}",
        "{\"spec\":{\"volumes\":[{\"secret\":{\"secretName\":[\"a\"]}}]}}", "{\"spec\":{\"imagePullSecrets\":\"a\"}}",
        "{\"spec\":{\"imagePullSecrets\":[{\"name\":5}]}}", "{\"other\":{\"secretName\":\"a\"}}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pods); i++)
        assert_string_equal(walk(&schema_pod, tree(pods[i]), UINT32_MAX), "");
}

static void a_visit_ends_the_walk(void **state)
{
    struct seen seen = {.end_after = 1};
    struct json *pod = tree("{\"spec\":{\"imagePullSecrets\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}");
    (void)state;
    buffer_init(&seen.text, &arena);
    assert_int_equal(references_walk(&schema_pod, pod, TARGET_BIT(TARGET_SECRET), note, &seen), ERR_GONE);
    assert_int_equal(seen.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_field_that_was_forgotten_ends_the_build),
        TEST(all_secrets_of_a_pod_are_found), TEST(each_marked_field_of_each_schema_is_found),
        TEST(namespaces_names_and_paths), TEST(what_has_the_wrong_type_names_nothing), TEST(a_visit_ends_the_walk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
