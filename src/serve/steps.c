/* SPDX-License-Identifier: Apache-2.0 */
/* The list of steps that every request walks, and who runs them.
 *
 *   loop:  head() ─> resolve ... room ─┬─> document, get, list, watch: answered
 *                                      └─> body ─> pool: decode ... commit ─> commit thread ─> loop: conclude, answer
 *                                                    └─ outbound: webhooks ─┘
 *
 * A small create stays on its loop: its steps cost less than the way to the pool and back. It never waits there, and
 * reads no object but its namespace and what admission asks. What costs more than its bytes tell goes to the pool:
 * definitions of kinds, their objects (a definition's patterns and enumerations may cost seconds), Pods, and reviews of
 * rules, of which somebody may have thousands.
 *
 * A step that fails goes to the last one, which answers with the error's Status. A request that comes back to a loop
 * whose client has left is dropped there. */
#include "serve/steps.h"

#include "base/clock.h"
#include "kinds/kinds.h"
#include "net/http_local.h"
#include "serve/document_cache.h"
#include "serve/watch.h"
#include "serve/webhooks.h"

#define BIT(verb) VERB_BIT(VERB_##verb)
/* VERB_COUNT stands for what is no resource. */
#define RESOURCES (VERB_BIT(VERB_COUNT) - 1 + REVIEWS)
#define DOCUMENTS VERB_BIT(VERB_COUNT)
/* Creates of kinds that are not stored. */
#define REVIEWS VERB_BIT(VERB_COUNT + 1)
#define ALL     (RESOURCES | DOCUMENTS)
#define STORES  (BIT(CREATE) | BIT(UPDATE) | BIT(PATCH))
#define WRITES  (STORES | BIT(DELETE))

/* ON_OUTBOUND: where another machine is waited for, if request.destination says so; else on the pool. */
enum where { ON_LOOP, ON_POOL, ON_OUTBOUND };

static step_function form_step, share_step, room_step, body_step, document_step, refuse_step;

static const struct step {
    step_function *run;
    unsigned verbs;
    enum where where;
} steps[] = {
    {resolve_step, ALL, ON_LOOP},
    {authenticate_step, ALL, ON_LOOP},
    {impersonate_step, ALL, ON_LOOP},
    {selector_step, RESOURCES, ON_LOOP},
    {authorize_step, ALL, ON_LOOP},
    {route_step, ALL, ON_LOOP},
    {document_step, DOCUMENTS, ON_LOOP},
    {share_step, WRITES | BIT(DELETECOLLECTION) | BIT(LIST) | REVIEWS, ON_LOOP},
    {options_step, RESOURCES, ON_LOOP},
    {form_step, RESOURCES, ON_LOOP},
    {visible_step, BIT(LIST) | BIT(WATCH), ON_LOOP},
    {room_step, RESOURCES, ON_LOOP},
    {get_step, BIT(GET), ON_LOOP},
    {watch_start, BIT(WATCH), ON_LOOP},
    {body_step, WRITES | BIT(DELETECOLLECTION) | REVIEWS, ON_LOOP},
    {list_open_step, BIT(LIST) | BIT(DELETECOLLECTION), ON_LOOP},
    {list_plan_step, BIT(LIST) | BIT(DELETECOLLECTION), ON_LOOP},
    {account_step, BIT(CREATE), ON_LOOP},
    {decode_step, WRITES | BIT(DELETECOLLECTION) | REVIEWS, ON_POOL},
    {webhook_collection_step, BIT(DELETECOLLECTION), ON_POOL},
    {collection_step, BIT(DELETECOLLECTION), ON_OUTBOUND},
    {list_answer_step, BIT(LIST) | BIT(DELETECOLLECTION), ON_LOOP},
    {load_step, BIT(UPDATE) | BIT(PATCH) | BIT(DELETE), ON_POOL},
    {webhook_evict_step, BIT(DELETE), ON_OUTBOUND},
    {change_step, BIT(UPDATE) | BIT(PATCH), ON_POOL},
    {default_step, STORES | REVIEWS, ON_POOL},
    {own_step, STORES | REVIEWS, ON_POOL},
    {admit_step, WRITES, ON_POOL},
    {webhook_mutate_step, STORES, ON_OUTBOUND},
    {prepare_step, WRITES, ON_POOL},
    {webhook_delete_step, BIT(DELETE), ON_OUTBOUND},
    {validate_step, STORES | REVIEWS, ON_POOL},
    {webhook_validate_step, STORES, ON_OUTBOUND},
    {guard_step, WRITES, ON_POOL},
    {evict_step, BIT(DELETE), ON_POOL},
    {quota_step, BIT(CREATE) | BIT(PATCH), ON_POOL},
    {seal_step, WRITES, ON_POOL},
    {encode_step, WRITES, ON_POOL},
    {commit_step, WRITES, ON_POOL},
    {conclude_step, WRITES, ON_LOOP},
    {review_step, REVIEWS, ON_POOL},
    {write_answer_step, WRITES | REVIEWS, ON_LOOP},
    {refuse_step, ALL, ON_LOOP},
};

#define REFUSE     (ARRAY_LEN(steps) - 1)
#define SMALL_BODY 16384

#define BODY_COPIES  6
#define BODY_UNKNOWN (256u << 10) /* of a body whose length is not said */
#define LIST_MEMORY  (512u << 10)

static void run(struct request *, enum where here);

static struct request *request_of_task(struct task *task)
{
    return (struct request *)((char *)task - offsetof(struct request, task));
}

static void resume(struct request *r)
{
    struct http_exchange *x = r->exchange;

    if (!x->gone) {
        run(r, ON_LOOP);
        return;
    }
    list_end(r);
    http_release(x);
}

static void resume_task(struct task *task)
{
    resume(request_of_task(task));
}

static void resume_timer(struct timer *timer)
{
    resume((struct request *)((char *)timer - offsetof(struct request, timer)));
}

static void run_on_pool(struct task *task)
{
    run(request_of_task(task), ON_POOL);
}

static struct request *request_of_outbound(struct outbound_task *task)
{
    return (struct request *)((char *)task - offsetof(struct request, outbound));
}

static void run_outbound(struct outbound_task *task)
{
    run(request_of_outbound(task), ON_OUTBOUND);
}

static void refuse_outbound(struct outbound_task *task)
{
    struct request *r = request_of_outbound(task);

    (void)error_set(&r->error, ERR_UNAVAILABLE, "the server is stopping");
    r->step = REFUSE;
    request_return(r);
}

static void hold(struct request *r)
{
    if (!r->held)
        http_hold(r->exchange);
    r->held = true;
}

void request_return(struct request *r)
{
    r->task.run = resume_task;
    loop_post(r->exchange->loop, &r->task);
}

static void again(struct request *r)
{
    hold(r);
    if (r->wait_ms == 0) {
        request_return(r);
        return;
    }
    r->timer.fire = resume_timer;
    timer_set(r->exchange->loop, &r->timer, r->wait_ms);
}

void request_continue(struct request *r)
{
    run(r, ON_LOOP);
}

static bool is_small(const struct request *r)
{
    return r->verb == VERB_CREATE && r->exchange->body.n <= SMALL_BODY && !r->kind->custom && r->kind != &pod_kind &&
           r->kind != &custom_resource_definition_kind && r->kind != &self_subject_rules_review_kind &&
           strcmp(r->kind->group, "rbac.authorization.k8s.io") != 0; /* what they grant is compared with what is held */
}

static enum where place_of(const struct step *step, const struct request *r)
{
    if (step->where == ON_OUTBOUND && r->destination.n > 0)
        return ON_OUTBOUND;
    return is_small(r) || step->where == ON_LOOP ? ON_LOOP : ON_POOL;
}

/* Which steps the request walks. */
static unsigned bit_of(const struct request *r)
{
    return r->kind && !kind_is_stored(r->kind) ? REVIEWS : VERB_BIT(r->verb);
}

static bool is_here(const struct request *r, enum where place, enum where here)
{
    return place == here && (place != ON_OUTBOUND || bytes_equal(r->at, r->destination));
}

/* False when nobody takes it: the request stays here. */
static bool hand_over(struct request *r, enum where to)
{
    r->at = to == ON_OUTBOUND ? r->destination : BYTES_NONE;
    if (to == ON_LOOP) {
        request_return(r);
        return true;
    }
    hold(r);
    r->task.run = run_on_pool;
    r->outbound = (struct outbound_task){.run = run_outbound, .refuse = refuse_outbound};
    if (to == ON_OUTBOUND ? outbound_submit(r->server->outbound, r->destination, &r->outbound)
                          : pool_submit_turn(r->server->writers, &r->task, &r->turn))
        return true;
    r->details.retry_after_seconds = 1;
    if (to == ON_OUTBOUND)
        return error_set(&r->error, ERR_TOO_MANY_REQUESTS,
                   "too many requests are waiting for an admission webhook, please try again later"),
               false;
    (void)error_set(&r->error, ERR_TOO_MANY_REQUESTS, "too many writes are waiting, please try again later");
    return false;
}

/* What has begun to commit is answered as it went, however late. */
static bool late(struct request *r, const struct step *step)
{
    if (step->where == ON_LOOP || clock_monotonic_us() < r->deadline_us)
        return false;
    r->details.present = true;
    (void)error_set(&r->error, ERR_TIMEOUT,
        "Timeout: request did not complete within requested timeout - context deadline exceeded");
    return true;
}

static void run(struct request *r, enum where here)
{
    struct http_exchange *x = r->exchange;

    for (;;) {
        const struct step *step = &steps[r->step];
        bool held = r->held;

        if (!(step->verbs & bit_of(r))) {
            r->step++;
            continue;
        }
        if (!is_here(r, place_of(step, r), here)) {
            if (hand_over(r, place_of(step, r)))
                return;
            r->step = REFUSE;
            continue;
        }
        if (step->run == commit_step)
            hold(r); /* it comes back from the commit thread */
        r->step++;
        switch (late(r, step) ? STEP_FAIL : step->run(r)) {
        case STEP_NEXT:
            break;
        case STEP_FAIL:
            r->step = REFUSE;
            break;
        case STEP_ELSEWHERE:
            r->step--;
            break;
        case STEP_AGAIN:
            r->step--;
            again(r);
            return;
        case STEP_WAIT: /* the request has another owner now, or is gone */
            return;
        case STEP_DONE:
            if (held)
                http_release(x);
            return;
        }
    }
}

enum step_result request_retry(struct request *r)
{
    for (r->step = 0; steps[r->step].run != decode_step;)
        r->step++;
    r->attempt++;
    return STEP_NEXT;
}

static enum step_result document_step(struct request *r)
{
    return r->route->answer(r);
}

static enum step_result form_step(struct request *r)
{
    const struct http_exchange *x = r->exchange;
    bool list = r->verb == VERB_LIST || r->verb == VERB_WATCH || r->verb == VERB_DELETECOLLECTION;

    if (presentation_choose(http_header(x, BYTES("accept")), http_header(x, BYTES("user-agent")), r->options.pretty,
            r->kind, list, r->verb == VERB_WATCH, &r->presentation, &r->error) != ERR_OK)
        return STEP_FAIL;
    /* Reads say so when they show the object; a write must not get as far as that. */
    if (r->presentation.form == FORM_PARTIAL_LIST && !list && r->verb != VERB_GET)
        return error_set(&r->error, ERR_NOT_ACCEPTABLE,
                   "you requested PartialObjectMetadataList, but the requested object is not a list (*core.%s)",
                   r->kind->kind),
               STEP_FAIL;
    if (r->presentation.form == FORM_TABLE &&
        presentation_include(r->options.include_object, &r->presentation, &r->error) != ERR_OK)
        return STEP_FAIL;
    return STEP_NEXT;
}

static enum step_result share_step(struct request *r)
{
    struct fairness *fairness = &r->server->fairness;
    struct flow_class *class = arena_alloc(r->arena, sizeof *class);
    enum fairness_result result;

    if (!class)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    flow_classify(&r->attributes, class);
    class->exempt = class->exempt || http_local_user(r->exchange);
    r->flows = class;
    r->turn = fairness_turn(fairness, class);
    result = fairness_enter(fairness, class, &r->turn, &r->share);
    if (result == FAIRNESS_ENTERED)
        return STEP_NEXT;
    r->details.retry_after_seconds = 1;
    return error_set(&r->error, ERR_TOO_MANY_REQUESTS,
               "too many requests of this %s are under way, please try again later",
               result == FAIRNESS_FLOW_FULL ? "flow" : "priority level"),
           STEP_FAIL;
}

/* What a request may need: a body is decoded, stored, sealed and answered, each about once its size. */
static size_t memory_need(const struct request *r)
{
    uint64_t length = BODY_UNKNOWN;

    if (r->verb == VERB_LIST || r->verb == VERB_DELETECOLLECTION)
        return LIST_MEMORY;
    if (!(STORES & VERB_BIT(r->verb)))
        return 0;
    (void)!bytes_to_uint64(http_header(r->exchange, BYTES("content-length")), &length);
    return length < BODY_LIMIT ? (size_t)length * BODY_COPIES : 0; /* a longer one is not read */
}

/* Work that needs much is refused before it begins. What is small goes on: the last eighth is its own (base/arena.h).
 */
static enum step_result room_step(struct request *r)
{
    size_t limit = r->server->options.memory_limit, room = limit - limit / 8, need = memory_need(r);

    if (limit == 0 || need == 0)
        return STEP_NEXT;
    if (arena_memory_used() < room) {
        r->promised = need; /* given back at the end, also by who is refused now */
        if (atomic_fetch_add(&r->server->promised, need) + need <= room)
            return STEP_NEXT;
    }
    r->details.retry_after_seconds = 1;
    return error_set(&r->error, ERR_TOO_MANY_REQUESTS, "the server's memory is in use, please try again later"),
           STEP_FAIL;
}

static enum step_result body_step(struct request *r)
{
    http_read_body(r->exchange, BODY_LIMIT);
    return STEP_WAIT;
}

static enum step_result refuse_step(struct request *r)
{
    list_end(r);
    answer_error(r);
    return STEP_DONE;
}

/* ---- What the HTTP server calls. */

static void on_head(struct http_exchange *x)
{
    struct server *server = server_current();
    struct request *r = arena_zero(&x->arena, sizeof *r);

    metrics_begin(server->loops[loop_number(x->loop)].metrics);
    if (!r) {
        (void)answer_no_memory(x);
        return;
    }
    x->user = r;
    *r = (struct request){.exchange = x, .arena = &x->arena, .server = server, .verb = VERB_COUNT};
    r->deadline_us = x->received_us + server->options.request_timeout_ms * UINT64_C(1000);
    error_init(&r->error, r->arena);
    run(r, ON_LOOP);
}

static void on_body(struct http_exchange *x)
{
    struct request *r = request_of(x);

    if (!x->body.p && x->body.n > 0) {
        (void)error_set(&r->error, ERR_TOO_LARGE, "Request entity too large: limit is %u", BODY_LIMIT);
        r->step = REFUSE;
    } else if (!x->body.p && x->arena.failed != ERR_OK) {
        (void)arena_error(&x->arena, &r->error);
        r->step = REFUSE;
    }
    run(r, ON_LOOP);
}

/* Nobody works on the request any more. A watch has given its memory back, and promised none. */
static void on_gone(struct http_exchange *x)
{
    struct request *r = request_of(x);

    if (r) {
        webhooks_end(r);
        kind_release(r->kind);
        kept_document_release(r->document);
        atomic_fetch_sub(&r->server->promised, r->promised);
        fairness_leave(&r->share);
    }
    metrics_end(server_current()->loops[loop_number(x->loop)].metrics);
}

const struct http_handler *server_handler(void)
{
    static const struct http_handler handler = {on_head, on_body, on_gone};

    return &handler;
}
