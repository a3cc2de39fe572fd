/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata of custom resources: the same as everywhere, but Kubernetes holds it in Go maps, so that its members are
 * in the order of their names. */
#include "api/custom_schema.h"
#include "api/schemas.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct arena forever;
static const struct schema *made;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct schema_property *)a)->name, ((const struct schema_property *)b)->name);
}

static const struct schema *sorted(struct arena *arena, const struct schema *schema)
{
    struct schema *copy = arena_alloc(arena, sizeof(*copy));
    struct schema_property *properties = arena_alloc(arena, schema->property_count * sizeof(*properties));
    if (!copy || !properties)
        return NULL;
    *copy = *schema;
    copy->properties = properties;
    if (schema->items && !(copy->items = sorted(arena, schema->items)))
        return NULL;
    for (uint32_t i = 0; i < schema->property_count; i++) {
        properties[i] = schema->properties[i];
        if (!(properties[i].schema = sorted(arena, properties[i].schema)))
            return NULL;
    }
    if (schema->property_count)
        qsort(properties, schema->property_count, sizeof(*properties), by_name);
    return copy;
}

const struct schema *custom_object_meta(void)
{
    pthread_mutex_lock(&mutex);
    if (!made) {
        arena_init_plain(&forever, 1u << 20);
        made = sorted(&forever, &schema_object_meta);
        if (!made)
            arena_reset(&forever);
    }
    pthread_mutex_unlock(&mutex);
    return made;
}
