/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/watch_hub.h"

#include "access/node_graph.h"
#include "access/rbac.h"
#include "base/clock.h"
#include "base/log.h"
#include "kinds/kinds.h"
#include "serve/visible.h"
#include "serve/watch_right.h"

#include <stdatomic.h>
#include <stdlib.h>

#define BUCKETS     1024
#define WINDOW_ROWS 512 /* rows of one turn; what comes in larger bursts goes on in the next */
/* Opened events of one turn, too; their lines find room in the arena beside them. */
#define WINDOW_MEMORY   (8u << 20)
#define ALIKE_LOOKED_AT 16
#define JUDGE_TIME      500 /* microseconds of a turn, for rights that are looked at again */

struct watch_hub {
    struct server *server;
    struct loop *loop;
    struct task task, drop, judge;
    atomic_bool posted, reloaded;
    bool drop_posted, judge_posted;
    bool doubts; /* some member is doubted that nobody looks for yet */
    atomic_uint_fast64_t count;
    unsigned selective; /* members with selectors: they need the state before */
    unsigned lapsing;   /* members that can be doubted */
    uint64_t position;
    uint64_t kinds, rules, graph; /* versions of registry, RBAC and node graph that were last heard of */
    size_t judging, unjudged;     /* the bucket that is looked at; how many are left, 0: all members were judged */
    struct watch_member *judged_next;
    struct window *window;
    struct watch_member *resumed; /* members that have not taken the window yet */
    struct watch_member *buckets[BUCKETS];
    struct watch_need *needs[BUCKETS];
};

/* ---- Windows. */

struct window *window_get(struct window *window)
{
    window->references++;
    return window;
}

void window_put(struct window *window)
{
    if (!window || --window->references)
        return;
    for (const struct event *event = window->first; event; event = event->next)
        kind_release(event->kind);
    arena_reset(&window->arena);
    free(window);
}

static struct window *window_new(void)
{
    struct window *window = calloc(1, sizeof(*window));
    if (!window)
        return NULL;
    arena_init(&window->arena, READ_ARENA_LIMIT);
    window->references = 1;
    return window;
}

/* ---- Members, found by kind, namespace and name. */

static size_t bucket_of(const struct kind *kind, bytes namespace, bytes name)
{
    uint64_t hash = 14695981039346656037u ^
                    kind->number; /* FNV-1a: names are the admin's, not an attacker's; a long chain costs time only */
    for (size_t i = 0; i < namespace.n; i++)
        hash = (hash ^ namespace.p[i]) * 1099511628211u;
    hash = (hash ^ '/') * 1099511628211u;
    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ name.p[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32) % BUCKETS;
}

static bool member_selective(const struct watch_member *member)
{
    return member->filter.labels.count || member->filter.fields.count;
}

static struct watch_need **need_bucket(struct watch_hub *hub, const struct kind *kind, bytes key)
{
    bytes namespace, name;
    key_split(key, &namespace, &name);
    return &hub->needs[bucket_of(kind, namespace, name)];
}

static void needs_join(struct watch_hub *hub, struct watch_member *member)
{
    size_t count;
    struct watch_need *needs = watch_right_needs(member->right, &count);
    for (size_t i = 0; i < count; i++) {
        struct watch_need *need = &needs[i], **head = need_bucket(hub, need->kind, need->key);
        need->member = member;
        need->next = *head;
        need->link = head;
        if (*head)
            (*head)->link = &need->next;
        *head = need;
    }
}

static void needs_leave(struct watch_member *member)
{
    size_t count;
    struct watch_need *needs = watch_right_needs(member->right, &count);
    for (size_t i = 0; i < count; i++) {
        *needs[i].link = needs[i].next;
        if (needs[i].next)
            needs[i].next->link = needs[i].link;
    }
}

bool watch_hub_join(struct watch_hub *hub, struct watch_member *member)
{
    struct read_txn *txn;
    struct watch_member **head =
        &hub->buckets[bucket_of(member->filter.kind, member->filter.namespace, member->filter.name)];
    /* Counted before the snapshot: a commit after it sees the count and notifies. */
    if (atomic_fetch_add(&hub->count, 1) == 0) {
        if (store_read_begin(hub->server->store, &txn, NULL) != ERR_OK) {
            atomic_fetch_sub(&hub->count, 1);
            return false;
        }
        hub->position = store_revision(txn);
        store_read_end(txn);
    }
    member->next = *head;
    member->link = head;
    if (*head)
        (*head)->link = &member->next;
    *head = member;
    hub->selective += member_selective(member);
    hub->lapsing += watch_right_can_lapse(member->right);
    needs_join(hub, member);
    member->doubted = watch_right_can_lapse(member->right); /* rows of its own may have passed before it joined */
    return true;
}

const struct watch_right *watch_hub_alike(
    const struct watch_hub *hub, const struct event_filter *filter, const struct visible *visible)
{
    const struct watch_member *m = hub->buckets[bucket_of(filter->kind, filter->namespace, filter->name)];
    for (unsigned i = 0; m && i < ALIKE_LOOKED_AT; i++, m = m->next)
        if (m->filter.visible && visible_same(m->filter.visible, visible))
            return m->right;
    return NULL;
}

/* Off the list of those that have a window to take; it is given back. */
void watch_hub_took(struct watch_member *member)
{
    if (!member->resumed)
        return;
    *member->resumed_link = member->resumed_next;
    if (member->resumed_next)
        member->resumed_next->resumed_link = member->resumed_link;
    member->resumed = false;
    window_put(member->window);
    member->window = NULL;
}

void watch_hub_leave(struct watch_hub *hub, struct watch_member *member)
{
    watch_hub_took(member);
    if (hub->judged_next == member)
        hub->judged_next = member->next;
    *member->link = member->next;
    if (member->next)
        member->next->link = member->link;
    hub->selective -= member_selective(member);
    hub->lapsing -= watch_right_can_lapse(member->right);
    needs_leave(member);
    atomic_fetch_sub(&hub->count, 1);
}

uint64_t watch_hub_position(const struct watch_hub *hub)
{
    return hub->position;
}

/* ---- The turn. */

static void resume_bucket(struct watch_hub *hub, const struct event *event, bytes namespace, bytes name)
{
    for (struct watch_member *m = hub->buckets[bucket_of(event->kind, namespace, name)]; m; m = m->next) {
        if (!m->live || m->resumed || m->filter.kind->number != event->kind->number ||
            !bytes_equal(m->filter.namespace, namespace) || !bytes_equal(m->filter.name, name))
            continue;
        m->resumed = true;
        m->window = window_get(hub->window);
        m->resumed_next = hub->resumed;
        m->resumed_link = &hub->resumed;
        if (hub->resumed)
            hub->resumed->resumed_link = &m->resumed_next;
        hub->resumed = m;
    }
}

static bool bucket_wants(const struct watch_hub *hub, const struct kind *kind, bytes namespace, bytes name)
{
    for (const struct watch_member *m = hub->buckets[bucket_of(kind, namespace, name)]; m; m = m->next)
        if (m->filter.kind->number == kind->number && bytes_equal(m->filter.namespace, namespace) &&
            bytes_equal(m->filter.name, name))
            return true;
    return false;
}

/* The three ways to ask for an object: all of a kind, all of a namespace, one name. */
static bool somebody_wants(const struct watch_hub *hub, const struct kind *kind, bytes namespace, bytes name)
{
    return bucket_wants(hub, kind, BYTES_NONE, BYTES_NONE) ||
           (namespace.n && bucket_wants(hub, kind, namespace, BYTES_NONE)) || bucket_wants(hub, kind, namespace, name);
}

static void window_append(struct watch_hub *hub, struct event *event)
{
    struct window *window = hub->window;
    if (window->last)
        window->last->next = event;
    else
        window->first = event;
    window->last = event;
    resume_bucket(hub, event, BYTES_NONE, BYTES_NONE);
    if (event->namespace.n)
        resume_bucket(hub, event, event->namespace, BYTES_NONE);
    resume_bucket(hub, event, event->namespace, event->name);
}

enum rows { ROWS_ALL, ROWS_MORE, ROWS_REFUSED };

static void doubt_all(struct watch_hub *hub)
{
    for (size_t i = 0; i < BUCKETS && hub->lapsing > 0; i++)
        for (struct watch_member *m = hub->buckets[i]; m; m = m->next)
            m->doubted = watch_right_can_lapse(m->right);
    hub->doubts = hub->lapsing > 0;
}

static void doubt_by_row(struct watch_hub *hub, const struct kind *kind, const struct record *record)
{
    if (hub->lapsing == 0)
        return;
    for (struct watch_need *need = *need_bucket(hub, kind, record->key.name); need; need = need->next)
        if (watch_need_ends(need, kind, record))
            need->member->doubted = hub->doubts = true;
}

/* Fills the window. ROWS_MORE: rows were left for the next turn. */
static enum rows read_rows(struct watch_hub *hub, struct read_txn *txn)
{
    struct record record;
    struct error error;
    for (unsigned rows = 0; rows < WINDOW_ROWS && hub->window->arena.used < WINDOW_MEMORY; rows++) {
        bytes namespace, name;
        int found = store_next(txn, hub->position, &record);
        if (found != 1)
            return found == 0 ? ROWS_ALL : ROWS_REFUSED;
        const struct kind *kind = kind_by_number(registry_current(), record.key.kind);
        if (kind) {
            doubt_by_row(hub, kind, &record);
            key_split(record.key.name, &namespace, &name);
            if (somebody_wants(hub, kind, namespace, name)) {
                struct event *event = arena_zero(&hub->window->arena, sizeof(*event));
                error_init(&error, &hub->window->arena);
                if (!event || event_open(hub->server, &hub->window->arena, txn, kind, &record, hub->selective > 0,
                                  event, &error) != ERR_OK)
                    return ROWS_REFUSED;
                kind_hold(kind);
                window_append(hub, event);
            }
        }
        hub->position = record.revision;
    }
    return ROWS_MORE;
}

/* Everyone who has not taken the last window is behind from here on. */
static void leave_behind(struct watch_hub *hub)
{
    while (hub->resumed) {
        struct watch_member *member = hub->resumed;
        watch_hub_took(member);
        member->live = false;
    }
    window_put(hub->window);
    hub->window = NULL;
}

/* When rows can't be opened together (no memory, compacted), each watch reads them alone, at its own pace and with its
 * own errors. */
static void scatter(struct watch_hub *hub, uint64_t newest)
{
    log_event(LOG_WARNING, "watches read the log each for itself", log_number("after", (long long)hub->position),
        log_number("to", (long long)newest));
    leave_behind(hub);
    hub->position = newest;
    doubt_all(hub); /* what rows were they, of which nobody was told? */
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct watch_member *m = hub->buckets[i]; m; m = m->next) {
            m->live = false;
            http_resume(m->exchange);
        }
}

static void wake(struct watch_hub *hub)
{
    for (struct watch_member *m = hub->resumed; m; m = m->resumed_next)
        http_resume(m->exchange);
}

/* The turn after: all that could be sent was. What is left is read from the log when a slow peer takes more; nothing
 * stays open for it. */
static void drop_window(struct task *task)
{
    struct watch_hub *hub = (struct watch_hub *)((char *)task - offsetof(struct watch_hub, drop));
    hub->drop_posted = false;
    leave_behind(hub);
}

/* A watch of a kind that is no longer served reads what is left in the log, and ends. */
static void end_unserved(struct watch_hub *hub)
{
    const struct registry *registry = registry_current();
    if (hub->kinds == registry_version(registry))
        return;
    hub->kinds = registry_version(registry);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct watch_member *m = hub->buckets[i]; m; m = m->next) {
            const struct kind *kind = m->filter.kind;
            if (kind_by_resource(registry, bytes_of(kind->group), bytes_of(kind->version), bytes_of(kind->plural)))
                continue;
            watch_hub_took(m);
            m->live = false;
            m->ends = true;
            http_resume(m->exchange);
        }
}

bool watch_hub_judge(struct watch_member *m)
{
    uint64_t rules = rbac_version(rbac_current()), graph = node_graph_version();
    bool again = rules != m->rules || (graph != m->graph && watch_right_of_node(m->right));
    m->rules = rules;
    m->graph = graph;
    if ((!again && !m->doubted) || m->withdrawn)
        return false;
    if (again)
        m->withdrawn = watch_right_check(m->right);
    if (m->doubted && !m->withdrawn) {
        err_t code = watch_right_authenticate(m->right);
        m->doubted = code == ERR_UNAVAILABLE;
        m->withdrawn = m->doubted ? ERR_OK : code;
    }
    return m->withdrawn != ERR_OK;
}

/* Thousands of members may have thousands of names each: some in each turn. Until then none of them sends unjudged. */
static void judge_some(struct task *task)
{
    struct watch_hub *hub = (struct watch_hub *)((char *)task - offsetof(struct watch_hub, judge));
    uint64_t until = clock_monotonic_us() + JUDGE_TIME;
    hub->judge_posted = false;
    while (hub->unjudged > 0 && clock_monotonic_us() < until) {
        struct watch_member *m = hub->judged_next;
        if (m) {
            hub->judged_next = m->next;
            if (watch_hub_judge(m))
                http_resume(m->exchange);
            hub->doubts = hub->doubts || (m->doubted && !m->withdrawn);
        } else {
            hub->unjudged--;
            hub->judging = (hub->judging + 1) % BUCKETS;
            hub->judged_next = hub->buckets[hub->judging];
        }
    }
    hub->judge_posted = hub->unjudged > 0;
    if (hub->judge_posted)
        loop_post(hub->loop, task);
}

/* Rules, the Pods of nodes or what tokens rest on changed: a watch that is not allowed any more, or would show others,
 * ends. It goes on from where it is, all around, so that change upon change keeps nobody from a turn. */
static void end_withdrawn(struct watch_hub *hub)
{
    uint64_t rules = rbac_version(rbac_current()), graph = node_graph_version();
    if (rules == hub->rules && graph == hub->graph && !hub->doubts)
        return;
    hub->rules = rules;
    hub->graph = graph;
    hub->doubts = false;
    hub->unjudged = BUCKETS + 1; /* the one that was begun is come to again */
    if (!hub->judge_posted)
        judge_some(&hub->judge);
}

static void hub_turn(struct task *task)
{
    struct watch_hub *hub = (struct watch_hub *)((char *)task - offsetof(struct watch_hub, task));
    struct read_txn *txn;
    atomic_store(&hub->posted, false);
    leave_behind(hub);
    if (atomic_load(&hub->count) == 0)
        return;
    if (atomic_exchange(&hub->reloaded, false))
        doubt_all(hub);
    if (store_read_begin(hub->server->store, &txn, NULL) != ERR_OK) {
        scatter(hub, hub->position); /* no commit may follow that would try again */
        return;
    }
    uint64_t newest = store_revision(txn);
    hub->window = window_new();
    enum rows rows = hub->window ? read_rows(hub, txn) : ROWS_REFUSED;
    store_read_end(txn);
    if (rows == ROWS_REFUSED)
        scatter(hub, newest);
    else if (rows == ROWS_MORE && !atomic_exchange(&hub->posted, true))
        loop_post(hub->loop, &hub->task);
    end_withdrawn(hub);
    wake(hub);
    end_unserved(hub);
    if (hub->window && !hub->drop_posted) {
        hub->drop_posted = true;
        loop_post(hub->loop, &hub->drop);
    }
}

static void post(struct watch_hub *hub)
{
    if (atomic_load(&hub->count) && !atomic_exchange(&hub->posted, true))
        loop_post(hub->loop, &hub->task);
}

void watch_hub_notify(void *context, uint64_t revision)
{
    struct server *server = context;
    (void)revision;
    for (size_t i = 0; i < server->options.loop_count; i++)
        post(server->loops[i].watch);
}

void watch_hub_reloaded(struct server *server)
{
    for (size_t i = 0; i < server->options.loop_count; i++) {
        atomic_store(&server->loops[i].watch->reloaded, true);
        post(server->loops[i].watch);
    }
}

struct watch_hub *watch_hub_new(struct server_loop *loop)
{
    struct watch_hub *hub = calloc(1, sizeof(*hub));
    if (!hub)
        return NULL;
    hub->server = loop->server;
    hub->loop = loop->loop;
    hub->task.run = hub_turn;
    hub->drop.run = drop_window;
    hub->judge.run = judge_some;
    return hub;
}

void watch_hub_free(struct watch_hub *hub)
{
    if (!hub)
        return;
    leave_behind(hub);
    free(hub);
}

uint64_t watch_hub_count(const struct watch_hub *hub)
{
    return atomic_load(&hub->count);
}
