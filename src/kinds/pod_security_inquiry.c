/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pod_security_inquiry.h"

#include <stdlib.h>

static bool grow(struct inquiry *q, struct words *words)
{
    size_t capacity = words->capacity ? 2 * words->capacity : 8;
    bytes *grown = arena_alloc(q->arena, capacity * sizeof *grown);
    if (!grown) {
        q->detail.failed = true;
        return false;
    }
    if (words->count > 0)
        memcpy(grown, words->items, words->count * sizeof *grown);
    words->items = grown;
    words->capacity = capacity;
    return true;
}

void words_add(struct inquiry *q, struct words *words, bytes word)
{
    if (words->count < words->capacity || grow(q, words))
        words->items[words->count++] = word;
}

static int compare_words(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

void words_settle(struct words *words)
{
    size_t kept = 0;
    if (words->count < 2)
        return;
    qsort(words->items, words->count, sizeof *words->items, compare_words);
    for (size_t i = 0; i < words->count; i++)
        if (i == 0 || !bytes_equal(words->items[i], words->items[kept - 1]))
            words->items[kept++] = words->items[i];
    words->count = kept;
}

/* ---- Walks. */

const struct json *inquiry_next_container(const struct inquiry *q, const struct json *at, size_t *list)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    at = at ? at->next : NULL;
    while (!at && *list < ARRAY_LEN(lists))
        at = tree_first(q->spec, lists[(*list)++]);
    return at;
}

bool inquiry_find_in_containers(struct inquiry *q, inquiry_function *has)
{
    size_t list = 0;
    for (const struct json *c = NULL; (c = inquiry_next_container(q, c, &list));)
        if (has(q, c))
            words_add(q, &q->containers, tree_text(c, "name"));
    return q->containers.count > 0;
}

bool inquiry_find(struct inquiry *q, inquiry_function *has)
{
    q->pod = has(q, q->spec);
    return inquiry_find_in_containers(q, has) || q->pod;
}

/* ---- Sentences. */

void inquiry_put_words(struct inquiry *q, const struct words *words, const char *quote)
{
    for (size_t i = 0; i < words->count; i++) {
        buffer_text(&q->detail, i > 0 ? ", " : "");
        buffer_text(&q->detail, quote);
        buffer_put(&q->detail, words->items[i]);
        buffer_text(&q->detail, quote);
    }
}

void inquiry_put_named(struct inquiry *q, const char *what, const struct words *words)
{
    buffer_format(&q->detail, "%s%s ", what, words->count == 1 ? "" : "s");
    inquiry_put_words(q, words, "\"");
}

void inquiry_put_owners(struct inquiry *q)
{
    if (q->pod)
        buffer_text(&q->detail, q->containers.count > 0 ? "pod and " : "pod");
    if (q->containers.count > 0)
        inquiry_put_named(q, "container", &q->containers);
}
