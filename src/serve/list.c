/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: pieces of some 64 KiB, each from a new snapshot, all at one pinned revision, each in an arena that is wiped
 * behind it. What fits one piece goes out whole, the rest streams.
 *
 *   open (revision, pin) ──> plan (a limit: where its page ends; protobuf: how long it is) ──> answer (list_answer.c)
 *
 * A turn works at most a millisecond: the plan then comes back in the next turn, the stream waits for a timer. */
#include "serve/list.h"

#include "api/continue_token.h"
#include "base/clock.h"
#include "serve/steps.h"
#include "serve/visible.h"

#define TURN_US          1000
#define TURN_CHECK       16 /* rows between two looks at the clock */
#define SCRATCH_SIZE     (256u << 10)
#define UNREADABLE_NAMES 5 /* that a Warning spells out */

/* ---- Opening. */

err_t list_expired(struct request *r, const struct list *l)
{
    static const char sentence[] =
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.";

    if (l->continued) {
        r->fresh_token = continue_token_write(r->arena, -1, (bytes){l->next + l->prefix.n, l->next_size - l->prefix.n});
        return error_set(&r->error, ERR_EXPIRED, "%s", sentence);
    }
    return error_set(&r->error, ERR_EXPIRED, "The resourceVersion for the provided list is too old.");
}

static err_t continue_at(struct request *r, struct list *l)
{
    bytes start;

    TRY(continue_token_parse(r->arena, r->options.continue_token, &l->continued_revision, &start, &r->error));
    if (bytes_start(start, BYTES("/")))
        start = bytes_skip(start, 1);
    if (l->prefix.n + start.n > sizeof l->next)
        return error_set(
            &r->error, ERR_BAD_REQUEST, "invalid continue token: continue key is not valid: it is too long");
    l->continued = true;
    if (start.n > 0)
        memcpy(l->next + l->next_size, start.p, start.n);
    l->next_size += start.n;
    return ERR_OK;
}

static enum step_result choose_revision(struct request *r, struct list *l, struct read_txn *txn)
{
    const struct request_options *o = &r->options;
    uint64_t newest = store_revision(txn);
    bool exact = o->match == MATCH_EXACT || (o->match == MATCH_UNSET && o->limit > 0 && o->revision > 0);
    enum step_result result;

    l->revision = newest;
    if (l->continued) {
        if (l->continued_revision > 0)
            l->revision = (uint64_t)l->continued_revision;
    } else if (o->has_revision) {
        result = wait_for_revision(r, o->revision, newest);
        if (result != STEP_NEXT)
            return result;
        if (exact)
            l->revision = o->revision;
    }
    if (l->revision > newest)
        return wait_for_revision(r, l->revision, newest);
    if (l->revision < store_compacted(txn) || !store_pin(r->server->store, l->revision, &l->pin))
        return (void)list_expired(r, l), STEP_FAIL;
    l->pinned = true;
    return STEP_NEXT;
}

static struct list *list_new(struct request *r)
{
    struct list *l = arena_zero(r->arena, sizeof *l);

    if (!l)
        return NULL;
    l->server = r->server;
    l->kind = r->kind;
    l->options = &r->options;
    l->shown = (struct present_list){.presentation = &r->presentation, .kind = r->kind, .remaining = -1};
    l->visible = r->visible.limited ? &r->visible : NULL;
    l->selective = r->options.labels.count + r->options.fields.count > 0 || l->visible;
    l->looks_inside = r->options.labels.count > 0 || !field_selector_only_names(&r->options.fields);
    l->skip_unreadable = l->looks_inside || r->verb == VERB_DELETECOLLECTION;
    arena_init(&l->piece, READ_ARENA_LIMIT);
    arena_init(&l->scratch, READ_ARENA_LIMIT);
    if (r->namespace.n > 0)
        l->prefix = arena_join(r->arena, r->namespace, BYTES("/"), ARENA_END);
    if (r->namespace.n > 0 && (!l->prefix.p || l->prefix.n > STORE_KEY_MAX))
        return NULL;
    if (l->prefix.n > 0)
        memcpy(l->next, l->prefix.p, l->prefix.n);
    l->next_size = l->prefix.n;
    return l;
}

static err_t begin(struct request *r)
{
    if (r->namespace.n >= STORE_KEY_MAX) /* nothing can be there */
        r->namespace.n = STORE_KEY_MAX - 1;
    r->list = list_new(r);
    if (!r->list)
        return arena_error(r->arena, &r->error);
    if (r->options.continue_token.n > 0)
        TRY(continue_at(r, r->list));
    memcpy(r->list->start, r->list->next, r->list->next_size);
    r->list->start_size = r->list->next_size;
    return ERR_OK;
}

enum step_result list_open_step(struct request *r)
{
    enum step_result result;
    struct read_txn *txn;

    r->arena->limit = READ_ARENA_LIMIT;
    if (!r->list && begin(r) != ERR_OK)
        return STEP_FAIL;
    if (store_read_begin(r->server->store, &txn, &r->error) != ERR_OK)
        return STEP_FAIL;
    result = choose_revision(r, r->list, txn);
    store_read_end(txn);
    return result;
}

void list_close(struct list *l)
{
    if (l->pinned)
        store_unpin(l->server->store, l->pin);
    l->pinned = false;
    arena_reset(&l->piece);
    arena_reset(&l->scratch);
}

void list_end(struct request *r)
{
    if (r->list)
        list_close(r->list);
    r->list = NULL;
}

/* ---- Going through the rows. */

void list_note_unreadable(struct list *l, bytes key)
{
    if (l->unreadable++ >= UNREADABLE_NAMES || l->unreadable_names_size + key.n + 2 > sizeof l->unreadable_names)
        return;
    if (l->unreadable_names_size > 0) {
        memcpy(l->unreadable_names + l->unreadable_names_size, ", ", 2);
        l->unreadable_names_size += 2;
    }
    memcpy(l->unreadable_names + l->unreadable_names_size, key.p, key.n);
    l->unreadable_names_size += key.n;
}

/* What stands in the list for an object that cannot be read; nothing where those are left out. */
static int consider_unreadable(
    struct list *l, const struct record *record, const struct error *reason, bytes *ret_text, struct error *error)
{
    list_note_unreadable(l, record->key.name);
    if (l->skip_unreadable)
        return 0;
    *ret_text = record_stub(&l->scratch, l->kind, record, reason);
    return ret_text->p ? 1 : (arena_error(&l->scratch, error), -1);
}

/* 1: the object is wanted, and *ret_text set when that was asked for or needed; 0: not; -1: failed. */
static int consider(struct list *l, const struct record *record, bool want_text, bytes *ret_text, struct error *error)
{
    const struct request_options *o = l->options;
    struct error reason;
    bytes namespace, name;
    struct json *tree;
    err_t code;

    key_split(record->key.name, &namespace, &name);
    if (!field_selector_may_match_name(&o->fields, namespace, name) || (l->visible && !visible_has(l->visible, name)))
        return 0;
    if (!want_text && !l->looks_inside)
        return 1;
    error_init(&reason, &l->scratch);
    code = record_open(l->server->atrest, &l->scratch, l->kind, record, ret_text, NULL, &reason);
    if (code == ERR_OK && l->skip_unreadable)
        code = record_parse(&l->scratch, l->kind, *ret_text, &tree, &reason);
    if (record_unreadable(code))
        return consider_unreadable(l, record, &reason, ret_text, error);
    if (code != ERR_OK) {
        (void)error_set(error, code, "%.*s", BYTES_FMT(reason.message));
        return -1;
    }
    if (!l->looks_inside)
        return 1;
    return label_selector_matches(&o->labels, json_at(tree, BYTES("metadata"), BYTES("labels"), BYTES_NONE)) &&
           field_selector_matches(&o->fields, l->kind, tree);
}

static void advance(struct list *l, bytes key)
{
    memcpy(l->next, key.p, key.n);
    l->next[key.n] = 0;
    l->next_size = key.n + 1;
}

/* After a row: what it needed is wiped in portions. False when the turn is over. */
static bool turn_lasts(struct list *l, unsigned rows, uint64_t until)
{
    bool wiped = l->scratch.used > SCRATCH_SIZE;

    if (wiped)
        arena_reset(&l->scratch);
    return (!wiped && rows % TURN_CHECK != 0) || clock_monotonic_us() < until;
}

void list_rewind(struct list *l)
{
    memcpy(l->next, l->start, l->start_size);
    l->next_size = l->start_size;
}

static bool past_page(const struct list *l, bytes key)
{
    return l->last_size > 0 && bytes_compare(key, (bytes){l->last, l->last_size}) > 0;
}

err_t list_walk(struct list *l, const struct list_visit *visit, bool *ret_end, struct error *error)
{
    uint64_t until = clock_monotonic_us() + TURN_US;
    struct read_txn *txn;
    struct range range;
    struct record record;
    bool go_on = true, end = false;
    err_t code;

    TRY(store_read_begin(l->server->store, &txn, error));
    range = (struct range){.txn = txn,
        .kind = l->kind->number,
        .prefix = l->prefix,
        .start = {l->next, l->next_size},
        .name = l->kind->namespaced ? field_selector_required_name(&l->options->fields) : BYTES_NONE,
        .revision = l->revision};
    code = range_begin(&range, error);
    for (unsigned rows = 1; code == ERR_OK && go_on; rows++) {
        bytes text = BYTES_NONE;
        int wanted;
        end = range_next(&range, &record) == 0 || past_page(l, record.key.name);
        if (end)
            break;
        wanted = consider(l, &record, visit->want_text, &text, error);
        if (wanted < 0)
            code = error->code;
        else if (wanted > 0)
            code = visit->take(visit->context, &range, &record, text, &go_on, error);
        advance(l, record.key.name);
        go_on = turn_lasts(l, rows, until) && go_on;
    }
    *ret_end = end;
    range_end(&range);
    store_read_end(txn);
    arena_reset(&l->scratch);
    return code;
}

err_t list_walk_before(struct request *r, const struct list_visit *visit, bool *ret_end)
{
    err_t code = list_walk(r->list, visit, ret_end, &r->error);

    if (code != ERR_EXPIRED)
        return code;
    list_rewind(r->list);
    return list_expired(r, r->list);
}

/* ---- The page of a limit: its last key, and whether anything follows. */

struct plan {
    struct list *list;
    int64_t limit;
};

static err_t plan_take(
    void *context, struct range *range, const struct record *record, bytes text, bool *ret_go_on, struct error *error)
{
    struct plan *plan = context;
    struct list *l = plan->list;

    (void)text, (void)error;
    if (++l->planned < plan->limit)
        return ERR_OK;
    if (l->planned > plan->limit) { /* one more that the user may see */
        l->remaining = 1;
        *ret_go_on = false;
        return ERR_OK;
    }
    memcpy(l->planned_last, record->key.name.p, record->key.name.n);
    l->planned_last_size = record->key.name.n;
    if (l->visible) /* whether there are others is not to be told: the walk goes on to the next visible one */
        return ERR_OK;
    l->remaining = (int64_t)range_count(range);
    *ret_go_on = false;
    return ERR_OK;
}

static bytes page_token(struct request *r, const struct list *l)
{
    bytes start = {l->planned_last, l->planned_last_size + 1};

    return continue_token_write(r->arena, (int64_t)l->revision, bytes_skip(start, l->prefix.n));
}

void list_warn(struct request *r)
{
    struct list *l = r->list;
    bytes text;

    if (l->unreadable == 0 || l->warned)
        return;
    l->warned = true;
    text = arena_format(r->arena, "%llu %s cannot be read and %s: %.*s%s", (unsigned long long)l->unreadable,
        l->kind->plural, l->skip_unreadable ? "were left out" : "are shown without content",
        (int)l->unreadable_names_size, l->unreadable_names, l->unreadable > UNREADABLE_NAMES ? " and others" : "");
    if (text.p)
        warning_add(r->arena, &r->warnings, text);
    l->unreadable = 0;
}

static enum step_result plan_page(struct request *r)
{
    struct list *l = r->list;
    struct plan plan = {l, r->options.limit};
    struct list_visit visit = {plan_take, &plan, .want_text = false};
    bool end;

    if (list_walk_before(r, &visit, &end) != ERR_OK)
        return STEP_FAIL;
    if (!end && l->planned < r->options.limit + (l->visible ? 1 : 0)) {
        r->wait_ms = 0;
        return STEP_AGAIN;
    }
    if (l->remaining > 0) {
        l->token = page_token(r, l);
        if (!l->token.p)
            return arena_error(r->arena, &r->error), STEP_FAIL;
        memcpy(l->last, l->planned_last, l->planned_last_size);
        l->last_size = l->planned_last_size;
    }
    if (l->looks_inside)
        list_warn(r);
    list_rewind(l);
    return STEP_NEXT;
}

enum step_result list_plan_step(struct request *r)
{
    struct list *l = r->list;
    enum step_result result = STEP_NEXT;

    if (r->options.limit > 0 && !l->paged)
        result = plan_page(r);
    if (result != STEP_NEXT)
        return result;
    l->paged = true;
    return r->presentation.encoding == ENCODING_PROTOBUF ? list_measure(r) : STEP_NEXT;
}
