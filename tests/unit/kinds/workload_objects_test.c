/* SPDX-License-Identifier: Apache-2.0 */
/* What a real kube-apiserver made of minimal pods, workloads and nodes (tests/golden/objects/created.json), and how it
 * showed them in tables: ours are the same to the byte, but for names and times that are drawn. */
#include "workloads.h"

/* Text with every `from` made a `to` of the same length. */
static bytes replaced(bytes in, bytes from, bytes to)
{
    uint8_t *copy = arena_alloc(&arena, in.n + 1);
    memcpy(copy, in.p, in.n);
    copy[in.n] = 0;
    assert_int_equal(from.n, to.n);
    for (uint8_t *at = copy; from.n && (at = memmem(at, in.n - (size_t)(at - copy), from.p, from.n)); at += from.n)
        memcpy(at, to.p, to.n);
    return (bytes){copy, in.n};
}

static bytes token_volume(const struct json *object)
{
    const struct json *volume = tree_first(json_get(object, BYTES("spec")), "volumes");
    while (volume && !bytes_start(tree_text(volume, "name"), BYTES("kube-api-access-")))
        volume = volume->next;
    return tree_text(volume, "name");
}

/* The object as text, without what is drawn or belongs to managedFields. */
static bytes shown(const struct json *object, const struct json *like)
{
    static const char *const drawn[] = {"managedFields", "creationTimestamp", "resourceVersion", "uid", "generation"};
    struct json *copy = json_copy(&arena, object), *metadata = json_get(copy, BYTES("metadata"));
    bytes uid = json_text(metadata, BYTES("uid"));
    for (size_t i = 0; i < ARRAY_LEN(drawn); i++)
        json_remove(metadata, bytes_of(drawn[i]));
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, copy);
    bytes written = replaced(buffer_bytes(&b), uid, tree_text(json_get(like, BYTES("metadata")), "uid"));
    return replaced(written, token_volume(object), token_volume(like));
}

static const struct {
    const char *name;
    const struct kind *kind;
} entries[] = {
    {"pod", &pod_kind},
    {"pod-full", &pod_kind},
    {"pod-hostnetwork", &pod_kind},
    {"podtemplate", &pod_template_kind},
    {"replicationcontroller", &replication_controller_kind},
    {"node", &node_kind},
    {"node-status", &node_kind},
    {"deployment", &deployment_kind},
    {"deployment-recreate", &deployment_kind},
    {"replicaset", &replica_set_kind},
    {"statefulset", &stateful_set_kind},
    {"daemonset", &daemon_set_kind},
    {"controllerrevision", &controller_revision_kind},
    {"job", &job_kind},
    {"job-indexed", &job_kind},
    {"cronjob", &cron_job_kind},
};

static void objects_are_made_as_recorded(void **state)
{
    const struct json *all = recorded("objects/created.json");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        const struct json *entry = json_get(all, bytes_of(entries[i].name)), *expected;
        struct json *object;
        assert_non_null(entry);
        expected = json_get(entry, BYTES("response"));
        if (make(entries[i].kind, tree_at(entry, "request", "body", NULL), &object) != ERR_OK)
            fail_msg("%s: %s", entries[i].name, text(error.message));
        bytes is = shown(object, expected), should = shown(expected, expected);
        if (!bytes_equal(is, should))
            fail_msg("%s:\n%s\n%s", entries[i].name, text(is), text(should));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_are_made_as_recorded),
    };
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
