/* SPDX-License-Identifier: Apache-2.0 */
#include "control/quota_counts.h"

/* The stored version of a resource of a group: the one that is not served as another. */
static const struct kind *find(const struct registry *registry, bytes group, bytes plural)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry, &count);
    for (size_t i = 0; i < count; i++)
        if (kinds[i]->namespaced && bytes_equal(bytes_of(kinds[i]->group), group) &&
            bytes_equal(bytes_of(kinds[i]->plural), plural))
            return kind_stored(kinds[i]);
    return NULL;
}

struct quota_count quota_count_find(const struct registry *registry, bytes name)
{
    static const char *const plain[] = {"configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers",
        "resourcequotas", "secrets", "services"};
    const bytes prefix = BYTES("count/");
    if (bytes_start(name, prefix)) {
        bytes resource = bytes_skip(name, prefix.n);
        size_t dot = bytes_find(resource, '.');
        bytes group = dot < resource.n ? bytes_skip(resource, dot + 1) : BYTES("");
        return (struct quota_count){find(registry, group, (bytes){resource.p, dot}), false};
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (bytes_equal(name, bytes_of(plain[i])))
            return (struct quota_count){find(registry, BYTES(""), name), bytes_equal(name, BYTES("pods"))};
    return (struct quota_count){NULL, false};
}
