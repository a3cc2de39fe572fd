/* SPDX-License-Identifier: Apache-2.0 */
/* /healthz, /livez, /readyz: named checks, each also a path of its own. What a restart cannot heal is no concern of
 * /livez. */
#include "serve/steps.h"
#include "text/utf8.h"

#define HEALTHZ      1u
#define LIVEZ        2u
#define READYZ       4u
#define EXCLUDED_MAX 16

typedef bool check_function(struct request *);

static bool check_fine(struct request *r)
{
    (void)r;
    return true;
}

/* A disk that is full, or was when the last commit came. */
static bool check_store(struct request *r)
{
    struct store_statistics s;

    store_get_statistics(r->server->store, &s);
    return s.writable;
}

/* The keyring seals and opens. */
static bool check_keys(struct request *r)
{
    bytes path = BYTES("/registry/health"), sealed, opened;
    bool stale;

    return atrest_seal(r->server->atrest, r->arena, path, BYTES("ok"), &sealed, NULL) == ERR_OK &&
           atrest_open(r->server->atrest, r->arena, path, sealed, &opened, &stale, NULL) == ERR_OK;
}

static bool check_shutdown(struct request *r)
{
    return !http_draining(r->exchange);
}

static const struct check {
    const char *name;
    unsigned paths;
    check_function *run;
} checks[] = {
    {"ping", HEALTHZ | LIVEZ | READYZ, check_fine},
    {"log", HEALTHZ | LIVEZ | READYZ, check_fine},
    {"store", HEALTHZ | READYZ, check_store},
    {"keys", HEALTHZ | LIVEZ | READYZ, check_keys},
    {"shutdown", READYZ, check_shutdown},
};

struct excluded {
    bytes names[EXCLUDED_MAX];
    bool matched[EXCLUDED_MAX];
    size_t count;
};

static bool is_excluded(struct excluded *excluded, const char *name)
{
    bool found = false;

    for (size_t i = 0; i < excluded->count; i++)
        if (bytes_equal(excluded->names[i], bytes_of(name)))
            found = excluded->matched[i] = true;
    return found;
}

static enum step_result one_check(struct request *r, unsigned paths, bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if ((checks[i].paths & paths) && bytes_equal(bytes_of(checks[i].name), name)) {
            if (checks[i].run(r))
                return answer_text(r, 200, BYTES("ok"));
            return answer_text(
                r, 500, arena_format(r->arena, "internal server error: check %s failed\n", checks[i].name));
        }
    return answer_page_not_found(r);
}

static void put_unmatched(struct request *r, struct buffer *out, const struct excluded *excluded)
{
    bool any = false;

    for (size_t i = 0; i < excluded->count; i++) {
        if (excluded->matched[i])
            continue;
        buffer_text(out, any ? ", " : "warn: some health checks cannot be excluded: no matches for ");
        buffer_put(out, utf8_quote(r->arena, excluded->names[i]));
        any = true;
    }
    if (any)
        buffer_byte(out, '\n');
}

static bool read_query(struct request *r, struct excluded *excluded, bool *ret_verbose)
{
    struct cursor query = cursor_of(r->exchange->query);
    bytes name, value;
    int more;

    while ((more = http_query_next(r->arena, &query, &name, &value)) > 0) {
        if (bytes_equal(name, BYTES("verbose")))
            *ret_verbose = true;
        else if (bytes_equal(name, BYTES("exclude")) && excluded->count < EXCLUDED_MAX)
            excluded->names[excluded->count++] = value;
    }
    return more == 0;
}

enum step_result health_document(struct request *r)
{
    const char *path = r->route->path + 1;
    unsigned paths = path[0] == 'h' ? HEALTHZ : path[0] == 'l' ? LIVEZ : READYZ;
    struct excluded excluded = {.count = 0};
    bool verbose = false, failed = false;
    struct buffer out;

    if (r->route->below)
        return one_check(r, paths, route_rest(r));
    if (!read_query(r, &excluded, &verbose))
        return error_set(&r->error, ERR_BAD_REQUEST, "invalid URL escape in the query"), STEP_FAIL;
    buffer_init(&out, r->arena);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (!(checks[i].paths & paths))
            continue;
        if (is_excluded(&excluded, checks[i].name)) {
            buffer_format(&out, "[+]%s excluded: ok\n", checks[i].name);
        } else if (checks[i].run(r)) {
            buffer_format(&out, "[+]%s ok\n", checks[i].name);
        } else {
            failed = true;
            buffer_format(&out, "[-]%s failed: reason withheld\n", checks[i].name);
        }
    }
    put_unmatched(r, &out, &excluded);
    buffer_format(&out, "%s check %s\n", path, failed ? "failed" : "passed");
    if (out.failed)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    return answer_text(r, failed ? 500 : 200, failed || verbose ? buffer_bytes(&out) : BYTES("ok"));
}
