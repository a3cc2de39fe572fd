/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, as whom, and whether they may: before anything but the path and headers was looked at. */
#include "access/node_graph.h"
#include "access/rbac.h"
#include "serve/visible.h"

enum step_result authenticate_step(struct request *r)
{
    if (authenticate(r->exchange, &r->user, &r->credential, &r->error) == ERR_OK)
        return STEP_NEXT;
    if (!r->open)
        return STEP_FAIL;
    r->user = user_anonymous;
    error_init(&r->error, r->arena);
    return STEP_NEXT;
}

/* The 403, whose details name what was asked for. */
enum step_result access_forbid(struct request *r, const struct attributes *a, bytes reason)
{
    r->forbidden = authorize_forbid(r->arena, a, reason, &r->error) == ERR_FORBIDDEN;
    if (a->resource_request)
        r->details = (struct status_details){.name = a->name, .group = a->group, .kind = a->resource};
    else
        r->details.present = true;
    return STEP_FAIL;
}

enum step_result impersonate_step(struct request *r)
{
    enum impersonation result;
    bytes text;
    err_t code;

    r->real_user = r->user;
    code = impersonate(r->arena, r->exchange, &r->real_user, &r->user, &result, &r->impersonation, &r->error);

    if (result == IMPERSONATION_WRONG && code == ERR_UNKNOWN) {
        text = arena_format(r->arena, "Internal Server Error: \"%.*s\": %.*s\n", BYTES_FMT(r->exchange->path),
            BYTES_FMT(r->error.message));
        if (text.p)
            return answer_text(r, 500, text);
        (void)arena_error(r->arena, &r->error);
        return STEP_FAIL;
    }
    if (code != ERR_OK)
        return STEP_FAIL;
    return result == IMPERSONATION_DENIED
               ? access_forbid(r, &r->impersonation.items[r->impersonation.count - 1], BYTES(""))
               : STEP_NEXT;
}

static bytes find_selector(struct request *r)
{
    struct cursor query = cursor_of(r->exchange->query);
    bytes name, value;

    while (http_query_next(r->arena, &query, &name, &value) > 0)
        if (bytes_equal(name, BYTES("fieldSelector")))
            return value;
    return BYTES_NONE;
}

static bool is_segment(bytes name)
{
    return !bytes_equal(name, BYTES(".")) && !bytes_equal(name, BYTES("..")) && bytes_find(name, '/') == name.n &&
           bytes_find(name, '%') == name.n;
}

/* What a collection is limited to counts for the right to it: it is the very selector that options_step reads later,
 * which refuses what is wrong with it. A list of what has one name asks for that name. */
enum step_result selector_step(struct request *r)
{
    bool reads = r->verb == VERB_LIST || r->verb == VERB_WATCH;
    struct attributes *a = &r->attributes;
    struct selector *selector;
    struct error ignored;
    bytes text, name;

    if (!r->kind || (!reads && r->verb != VERB_DELETECOLLECTION) || r->exchange->query.n == 0)
        return STEP_NEXT;
    error_init(&ignored, r->arena);
    text = filtered_take(r->arena, find_selector(r), &r->filtered);
    selector = arena_zero(r->arena, sizeof *selector);
    if (selector && text.n > 0 && field_selector_parse(r->arena, r->kind, text, selector, &ignored) == ERR_OK) {
        name = field_selector_required_name(selector);
        a->fields = selector;
        if (reads && a->name.n == 0 && is_segment(name))
            a->name = name;
    }
    if (!r->arena->failed)
        return STEP_NEXT;
    (void)arena_error(r->arena, &r->error);
    return STEP_FAIL;
}

static void note_rules(struct request *r)
{
    r->rules_version = rbac_version(rbac_current());
    r->graph_version = node_graph_version();
}

err_t access_create(struct request *r)
{
    struct attributes a = r->attributes;
    struct decision decision;

    a.verb = BYTES("create");
    TRY(authorize(r->arena, &a, &decision, &r->error));
    if (!decision.allowed)
        (void)access_forbid(r, &a, decision.reason);
    return decision.allowed ? ERR_OK : r->error.code;
}

err_t access_again(struct request *r)
{
    struct decision decision;

    if (r->open || (r->rules_version == rbac_version(rbac_current()) && r->graph_version == node_graph_version()))
        return ERR_OK;
    note_rules(r);
    TRY(authorize(r->arena, &r->attributes, &decision, &r->error));
    if (!decision.allowed)
        (void)access_forbid(r, &r->attributes, decision.reason);
    return decision.allowed ? ERR_OK : r->error.code;
}

/* Of a list or watch that is not allowed as it is. */
static enum step_result authorize_part(struct request *r, bytes reason)
{
    bool any = false;
    err_t code;

    r->filtered = r->filtered || r->server->options.filtered_lists;
    r->arena->limit += VISIBLE_MEMORY;
    code = visible_find(r->arena, &r->attributes, r->filtered, &r->visible, &any, &r->error);
    if (code == ERR_TOO_LARGE)
        reason = arena_copy(r->arena, r->error.message);
    else if (code != ERR_OK)
        return STEP_FAIL;
    return any ? STEP_NEXT : access_forbid(r, &r->attributes, reason);
}

enum step_result authorize_step(struct request *r)
{
    struct decision decision;

    r->attributes.user = &r->user;
    note_rules(r);
    if (r->open || authorized(&r->attributes)) /* why is asked of refusals alone */
        return STEP_NEXT;
    if (authorize(r->arena, &r->attributes, &decision, &r->error) != ERR_OK)
        return STEP_FAIL;
    if (decision.allowed)
        return STEP_NEXT;
    if (r->kind && (r->verb == VERB_LIST || r->verb == VERB_WATCH))
        return authorize_part(r, decision.reason);
    return access_forbid(r, &r->attributes, decision.reason);
}
