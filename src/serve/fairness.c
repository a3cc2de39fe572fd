/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/fairness.h"

#include "base/random.h"

void fairness_init(struct fairness *fairness)
{
    random_bytes(&fairness->salt, sizeof fairness->salt);
    for (size_t level = 0; level < FLOW_LEVELS; level++) {
        atomic_init(&fairness->levels[level], 0);
        for (size_t i = 0; i < FAIRNESS_FLOWS; i++)
            atomic_init(&fairness->flows[level][i], 0);
    }
}

static uint64_t mix(uint64_t h, bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        h = (h ^ text.p[i]) * 0x100000001b3u;
    return h;
}

/* FNV-1a, salted, and mixed once more: both tables take its lowest bits. */
struct fair_turn fairness_turn(const struct fairness *fairness, const struct flow_class *class)
{
    uint64_t h = mix(0xcbf29ce484222325u ^ fairness->salt, bytes_of(class->schema_uid));

    h = mix(h, class->distinguisher);
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return (struct fair_turn){.flow = h ^ h >> 32, .class = class->level, .weight = class->weight};
}

static bool enter(atomic_uint *count, unsigned most)
{
    if (atomic_fetch_add(count, 1) < most)
        return true;
    atomic_fetch_sub(count, 1);
    return false;
}

enum fairness_result fairness_enter(
    struct fairness *fairness, const struct flow_class *class, const struct fair_turn *turn, struct fairness_place *ret)
{
    atomic_uint *flow = &fairness->flows[class->level][turn->flow % FAIRNESS_FLOWS],
                *level = &fairness->levels[class->level];

    *ret = (struct fairness_place){0};
    if (class->exempt)
        return FAIRNESS_ENTERED;
    if (!enter(level, class->most))
        return FAIRNESS_LEVEL_FULL;
    if (!enter(flow, class->flow_most)) {
        atomic_fetch_sub(level, 1);
        return FAIRNESS_FLOW_FULL;
    }
    *ret = (struct fairness_place){flow, level};
    return FAIRNESS_ENTERED;
}

void fairness_leave(const struct fairness_place *place)
{
    if (place->flow)
        atomic_fetch_sub(place->flow, 1);
    if (place->level)
        atomic_fetch_sub(place->level, 1);
}
