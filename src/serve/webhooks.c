/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/webhooks.h"

#include "api/managed_fields.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kinds/kinds.h"
#include "serve/subresource.h"
#include "serve/webhook_call.h"

#define PHASE(phase) (1u << (phase))

void webhooks_end(struct request *r)
{
    if (r->webhook_set)
        published_release(r->webhook_set);
    r->webhook_set = NULL;
}

/* ---- Which webhooks. */

static struct webhook_subject subject_of(const struct request *r)
{
    return (struct webhook_subject){.operation = review_operation(r),
        .kind = r->kind,
        .subresource = bytes_of(subresource_name(r->subresource)),
        .namespace = r->namespace};
}

static size_t match_all(const struct webhook_set *set, unsigned phases, const struct webhook_subject *subject,
    struct webhook **ret, const struct kind **ret_as, size_t room)
{
    size_t n = 0;

    for (enum webhook_phase phase = 0; phase < WEBHOOK_PHASES; phase++) {
        size_t at = n < room ? n : room;
        if (phases & PHASE(phase))
            n += webhooks_match(set, phase, subject, ret + at, ret_as + at, room - at);
    }
    return n;
}

/* request.webhooks stays NULL when no configuration matches. */
static err_t begin(struct request *r, unsigned phases)
{
    const struct webhook_set *set = webhooks_current();
    struct webhook_subject subject = subject_of(r);
    struct webhook *none = NULL;
    const struct kind *as = NULL;
    size_t n = match_all(set, phases, &subject, &none, &as, 0);
    struct webhook_run *run;

    if (n == 0)
        return ERR_OK;
    run = arena_zero(r->arena, sizeof *run);
    if (!run)
        return arena_error(r->arena, &r->error);
    run->webhooks = arena_zero(r->arena, n * sizeof(struct webhook *));
    run->as = arena_zero(r->arena, n * sizeof(const struct kind *));
    run->invoked = arena_zero(r->arena, 2 * n * sizeof *run->invoked);
    if (!run->webhooks || !run->as || !run->invoked)
        return arena_error(r->arena, &r->error);
    run->again = run->invoked + n;
    run->count = match_all(set, phases, &subject, run->webhooks, run->as, n);
    published_hold(webhook_set_value(set));
    webhooks_end(r);
    r->webhook_set = webhook_set_value(set);
    r->webhooks = run;
    return ERR_OK;
}

static const struct json *labels_of(const struct json *object)
{
    return json_at(object, BYTES("metadata"), BYTES("labels"), BYTES_NONE);
}

static err_t read_namespace(struct request *r, const struct json **ret)
{
    struct json *namespace;
    struct read_txn *txn;
    err_t code;

    TRY(store_read_begin(r->server->store, &txn, &r->error));
    code = record_get(r->server->atrest, txn, r->arena, &namespace_kind, r->namespace, &namespace, NULL, &r->error);
    store_read_end(txn);
    *ret = code == ERR_OK ? labels_of(namespace) : NULL;
    return code;
}

/* What is of the cluster and no namespace is in every selector. */
static err_t in_namespaces(struct request *r, const struct webhook *w, bool *ret)
{
    struct webhook_run *run = r->webhooks;

    *ret = true;
    if (w->namespaces.count == 0 || (r->namespace.n == 0 && r->kind != &namespace_kind))
        return ERR_OK;
    if (r->kind == &namespace_kind)
        run->namespace_labels = labels_of(r->object ? r->object : r->old); /* a webhook may have changed them */
    else if (!run->namespace_known)
        TRY(read_namespace(r, &run->namespace_labels));
    run->namespace_known = true;
    *ret = label_selector_matches(&w->namespaces, run->namespace_labels);
    return ERR_OK;
}

static err_t wanted(struct request *r, const struct webhook *w, bool *ret)
{
    const struct json *object, *old;

    TRY(in_namespaces(r, w, ret));
    if (!*ret || w->objects.count == 0)
        return ERR_OK;
    TRY(review_subject(r, &object, &old));
    *ret = (object && label_selector_matches(&w->objects, labels_of(object))) ||
           (old && label_selector_matches(&w->objects, labels_of(old)));
    return ERR_OK;
}

/* ---- One call. */

static bytes operation_name(enum webhook_operation operation)
{
    return operation == OPERATION_CREATE   ? BYTES("CREATE")
           : operation == OPERATION_UPDATE ? BYTES("UPDATE")
                                           : BYTES("DELETE");
}

static err_t compose(struct request *r, const struct webhook *w, const struct kind *as, bytes uid,
    const struct json *object, const struct json *old, bytes *ret)
{
    const struct kind *shown = subresource_shown_kind(r);
    bool whole = shown == r->kind;
    struct review_request request = {.beta = w->beta,
        .uid = uid,
        .kind = whole ? as : shown,
        .resource = as,
        .request_kind = shown,
        .request_resource = r->kind,
        .subresource = bytes_of(subresource_name(r->subresource)),
        .name = r->creates && r->generated_name ? BYTES_NONE : r->name,
        .namespace = r->kind == &namespace_kind ? r->name : r->namespace,
        .operation = operation_name(review_operation(r)),
        .user = &r->user,
        .object = object,
        .old = old,
        .dry_run = r->options.dry_run,
        .options = review_options(r)};
    struct buffer body;

    buffer_init(&body, r->arena);
    if (request.options.p)
        review_write(&body, &request);
    *ret = buffer_bytes(&body);
    return body.failed || !request.options.p ? arena_error(r->arena, &r->error) : ERR_OK;
}

/* What failurePolicy makes of a webhook that could not be asked, or answered nonsense. */
static err_t failed(struct request *r, const struct webhook *w, const struct error *why)
{
    bytes name = arena_copy(r->arena, w->name);

    if (why->code == ERR_NO_MEMORY || why->code == ERR_TOO_MANY_REQUESTS)
        return error_set(&r->error, why->code, "%.*s", BYTES_FMT(why->message));
    log_event(LOG_WARNING, "a webhook failed", log_text("webhook", name.p ? (const char *)name.p : ""),
        log_text("policy", w->ignores_failure ? "Ignore" : "Fail"), log_error_text(why));
    if (w->ignores_failure)
        return ERR_OK;
    return review_internal_error(
        r, "failed calling webhook \"%.*s\": %.*s", BYTES_FMT(w->name), BYTES_FMT(why->message));
}

static err_t refuse(struct request *r, const struct webhook *w, const struct json *result)
{
    TRY(review_refuse(r->arena, w->name, result, &r->refusal, &r->error));
    r->details.retry_after_seconds = r->refusal.retry_after_seconds;
    return error_set(&r->error, ERR_FORBIDDEN, "%.*s", BYTES_FMT(r->refusal.message));
}

static err_t ask(
    struct request *r, struct webhook *w, bytes uid, bytes body, struct review_answer *ret, struct error *error)
{
    uint64_t now = clock_monotonic_us(), left = r->deadline_us > now ? (r->deadline_us - now) / 1000 + 1 : 1;
    bytes answer;

    TRY(webhook_call(r, w, body, left < w->timeout_ms ? (unsigned)left : w->timeout_ms, &answer, error));
    return review_read(r->arena, answer, uid, w->beta, w->phase == WEBHOOK_MUTATING, ret, error);
}

static err_t consult(struct request *r, struct webhook *w, const struct kind *as, bool *ret_changed)
{
    struct review_answer answer = {0};
    struct json *object, *old;
    char uuid[UUID_SIZE];
    struct error why;
    bytes body;
    err_t code;

    *ret_changed = false;
    if (r->options.dry_run && !w->dry_run)
        return error_set(
            &r->error, ERR_BAD_REQUEST, "admission webhook \"%.*s\" does not support dry run", BYTES_FMT(w->name));
    random_uuid(uuid);
    TRY(review_objects(r, w, as, &object, &old));
    TRY(compose(r, w, as, bytes_of(uuid), object, old, &body));
    error_init(&why, r->arena);
    code = ask(r, w, bytes_of(uuid), body, &answer, &why);
    if (code == ERR_INTERNAL)
        return review_internal_error(r, "the patch of admission webhook \"%.*s\" cannot be read: %.*s",
            BYTES_FMT(w->name), BYTES_FMT(why.message));
    if (code != ERR_OK)
        return failed(r, w, &why);
    for (const struct json *text = answer.warnings ? answer.warnings->first : NULL; text; text = text->next)
        warning_add(r->arena, &r->warnings, text->text);
    if (!answer.allowed)
        return refuse(r, w, answer.result);
    return answer.patch ? review_apply(r, w, as, object, answer.patch, ret_changed) : ERR_OK;
}

/* ---- All of them. */

/* Those that were called before somebody else changed the object, and asked to hear of that. */
static void call_again(struct webhook_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        run->again[i] |= run->invoked[i];
        run->invoked[i] = false;
    }
}

/* What the webhooks made is looked at as what a client sends: by the server's own admission. */
static err_t admit_again(struct request *r)
{
    const struct json *before = json_copy(r->arena, r->object);

    if (!before)
        return arena_error(r->arena, &r->error);
    r->compare_count = 0;
    if (admit_step(r) != STEP_NEXT)
        return r->error.code;
    if (!json_equal(before, r->object))
        call_again(r->webhooks);
    return r->old ? managed_fields_keep_times(r->arena, r->object, r->old, &r->error) : ERR_OK;
}

static bool late(struct request *r)
{
    if (clock_monotonic_us() < r->deadline_us)
        return false;
    r->details.present = true;
    (void)error_set(&r->error, ERR_TIMEOUT, "Timeout: request did not complete within requested timeout");
    return true;
}

/* STEP_ELSEWHERE: the next webhook is to be called under another host's bound. */
static enum step_result call_one(struct request *r, size_t i)
{
    struct webhook_run *run = r->webhooks;
    struct webhook *w = run->webhooks[i];
    bool matches = !run->second || run->again[i], changed;

    if (matches && wanted(r, w, &matches) != ERR_OK)
        return STEP_FAIL;
    if (!matches)
        return STEP_NEXT;
    if (!r->waits_here && !bytes_equal(r->at, w->destination)) {
        r->destination = w->destination;
        return STEP_ELSEWHERE;
    }
    if (late(r) || consult(r, w, run->as[i], &changed) != ERR_OK)
        return STEP_FAIL;
    if (changed) {
        run->changed = true;
        call_again(run);
    }
    run->invoked[i] = w->reinvoked;
    return STEP_NEXT;
}

static enum step_result call_all(struct request *r)
{
    struct webhook_run *run = r->webhooks;

    for (;;) {
        for (; run->next < run->count; run->next++) {
            enum step_result result = call_one(r, run->next);
            if (result != STEP_NEXT)
                return result;
        }
        if (run->second || !run->changed)
            return STEP_NEXT;
        run->second = true;
        run->next = 0;
        if (admit_again(r) != ERR_OK)
            return STEP_FAIL;
    }
}

static enum step_result call_webhooks(struct request *r, unsigned phases)
{
    enum step_result result;

    if (!r->webhooks && begin(r, phases) != ERR_OK)
        return STEP_FAIL;
    if (!r->webhooks)
        return STEP_NEXT;
    result = call_all(r);
    if (result == STEP_ELSEWHERE)
        return result;
    r->webhooks = NULL;
    r->destination = BYTES_NONE;
    return result;
}

/* ---- The steps. */

enum step_result webhook_mutate_step(struct request *r)
{
    return call_webhooks(r, PHASE(WEBHOOK_MUTATING));
}

enum step_result webhook_validate_step(struct request *r)
{
    return call_webhooks(r, PHASE(WEBHOOK_VALIDATING));
}

enum step_result webhook_evict_step(struct request *r)
{
    if (r->subresource != SUBRESOURCE_EVICTION)
        return STEP_NEXT;
    return call_webhooks(r, PHASE(WEBHOOK_MUTATING) | PHASE(WEBHOOK_VALIDATING));
}

enum step_result webhook_delete_step(struct request *r)
{
    if (r->subresource == SUBRESOURCE_EVICTION)
        return STEP_NEXT;
    return call_webhooks(r, PHASE(WEBHOOK_MUTATING) | PHASE(WEBHOOK_VALIDATING));
}

/* All deletes of a collection are made on one thread: on one that may wait for webhooks, when any may be asked. */
enum step_result webhook_collection_step(struct request *r)
{
    struct webhook_subject subject = subject_of(r);
    struct webhook *found = NULL;
    const struct kind *as = NULL;

    subject.operation = OPERATION_DELETE;
    for (enum webhook_phase phase = 0; phase < WEBHOOK_PHASES && !found; phase++)
        (void)webhooks_match(webhooks_current(), phase, &subject, &found, &as, 1);
    r->destination = found ? arena_copy(r->arena, found->destination) : BYTES_NONE;
    return found && !r->destination.p ? (arena_error(r->arena, &r->error), STEP_FAIL) : STEP_NEXT;
}
