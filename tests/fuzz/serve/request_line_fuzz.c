/* SPDX-License-Identifier: Apache-2.0 */
/* A method and a target: path to verb and kind, query to options. What was refused has no verb; what was not has a
 * well-formed name. */
#include "kinds/kinds.h"
#include "serve/steps.h"

#include <stdlib.h>

static void check(struct request *r)
{
    if (r->route_result != ERR_OK) {
        if (r->verb != VERB_COUNT)
            abort();
        return;
    }
    if (r->verb == VERB_COUNT) {
        if (!r->route)
            abort();
        return;
    }
    if (!r->kind || !(r->kind->verbs & VERB_BIT(r->verb)) || bytes_find(r->name, '/') < r->name.n ||
        bytes_find(r->namespace, '/') < r->namespace.n)
        abort();
    if (options_step(r) == STEP_NEXT ? r->options.limit < 0 || r->options.field_manager.n > 128
                                     : r->error.code == ERR_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server server = {.options = {.request_timeout_ms = 60000, .anonymous_health = true}};
    bytes in = {data, size}, target;
    size_t method = bytes_find(in, ' '), path;

    kinds_register_all();
    target = method < size ? bytes_skip(in, method + 1) : BYTES_NONE;
    path = bytes_find(target, '?');
    if (path == 0)
        return 0;
    struct http_exchange x = {.method = {data, method},
        .path = {target.p, path},
        .query = path < target.n ? bytes_skip(target, path + 1) : BYTES_NONE};
    struct request r = {.exchange = &x, .arena = &x.arena, .server = &server, .verb = VERB_COUNT};
    arena_init(&x.arena, 1 << 20);
    error_init(&r.error, &x.arena);
    if (resolve_step(&r) == STEP_NEXT)
        check(&r);
    arena_reset(&x.arena);
    return 0;
}
