/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/fairness.h"

#include "base/random.h"

void fairness_init(struct fairness *fairness)
{
    random_bytes(&fairness->salt, sizeof fairness->salt);
    for (size_t i = 0; i < FAIRNESS_SUBJECTS; i++)
        atomic_init(&fairness->under_way[i], 0);
}

/* FNV-1a, salted, and mixed once more: both tables take its lowest bits. */
uint64_t fairness_flow(const struct fairness *fairness, bytes user)
{
    uint64_t h = 0xcbf29ce484222325u ^ fairness->salt;

    for (size_t i = 0; i < user.n; i++)
        h = (h ^ user.p[i]) * 0x100000001b3u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

atomic_uint *fairness_enter(struct fairness *fairness, uint64_t flow)
{
    atomic_uint *count = &fairness->under_way[flow % FAIRNESS_SUBJECTS];

    if (atomic_fetch_add(count, 1) < FAIRNESS_MOST)
        return count;
    atomic_fetch_sub(count, 1);
    return NULL;
}

void fairness_leave(atomic_uint *count)
{
    if (count)
        atomic_fetch_sub(count, 1);
}
