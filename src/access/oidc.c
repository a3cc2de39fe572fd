/* SPDX-License-Identifier: Apache-2.0 */
#include "access/oidc.h"

#include "access/oidc_claims.h"
#include "access/oidc_keys.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/published.h"

#include <stdlib.h>
#include <time.h>

#define PUBLISHED_OIDC 4             /* each its own: base/published.h */
#define REFRESH_MS     (600u * 1000) /* after a fetch that went well */
#define LEAST_MS       (10u * 1000)  /* between two; the first retry's delay, which doubles */
#define SCRATCH        (64u << 20)   /* the file as a tree */

struct generation;

/* An issuer, and the thread that fetches its keys. */
struct provider {
    struct task task;
    const struct oidc_issuer *issuer;
    struct generation *generation;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* asked, or stopping */
    bool asked;          /* under the mutex */
    atomic_bool stopping;
};

/* What one reading of the file made. Snapshots count. */
struct generation {
    atomic_uint references;
    struct arena arena; /* the configuration's */
    bytes text;         /* of the file */
    struct authentication_config config;
    struct pool *pool; /* as many threads as issuers */
    struct provider providers[OIDC_ISSUERS_MAX];
};

struct snapshot {
    struct published_value published;
    struct generation *generation;            /* NULL: no issuers */
    struct oidc_keys *keys[OIDC_ISSUERS_MAX]; /* NULL: none were fetched yet */
};

static struct snapshot none = {.published = {.references = 1}};
static struct published published = PUBLISHED(PUBLISHED_OIDC, &none.published);
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER; /* what is published */
static struct generation *running;                           /* the caller's of open, reload and close */
static const char *path;

/* ---- What is published. */

static void generation_release(struct generation *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < g->config.issuer_count; i++) {
        pthread_cond_destroy(&g->providers[i].wake);
        pthread_mutex_destroy(&g->providers[i].mutex);
    }
    arena_reset(&g->arena);
    free(g);
}

static void snapshot_free(struct published_value *value)
{
    struct snapshot *s = (struct snapshot *)value;

    for (size_t i = 0; i < ARRAY_LEN(s->keys); i++)
        oidc_keys_release(s->keys[i]);
    generation_release(s->generation);
    free(s);
}

static struct snapshot *snapshot_new(struct generation *g, struct error *error)
{
    struct snapshot *s = calloc(1, sizeof *s);

    if (!s) {
        (void)error_set(error, ERR_NO_MEMORY, "no memory for the issuers of tokens");
        return NULL;
    }
    s->published = (struct published_value){.references = 1, .free = snapshot_free};
    s->generation = g;
    atomic_fetch_add_explicit(&g->references, 1, memory_order_relaxed);
    return s;
}

/* A fetch's result in force. Takes the keys over. */
static err_t publish_keys(const struct provider *p, struct oidc_keys *keys, struct error *error)
{
    size_t at = (size_t)(p - p->generation->providers);
    struct snapshot *s = snapshot_new(p->generation, error);

    if (!s) {
        oidc_keys_release(keys);
        return ERR_NO_MEMORY;
    }
    s->keys[at] = keys;
    pthread_mutex_lock(&changing);
    const struct snapshot *old = (const struct snapshot *)published_newest(&published);
    bool current = old->generation == p->generation;
    for (size_t i = 0; current && i < ARRAY_LEN(s->keys); i++)
        if (i != at && old->keys[i])
            s->keys[i] = oidc_keys_hold(old->keys[i]);
    if (current)
        published_swap(&published, &s->published);
    pthread_mutex_unlock(&changing);
    if (!current)
        snapshot_free(&s->published);
    return ERR_OK;
}

/* ---- The thread of an issuer. */

/* Until the time has come, or somebody asks and LEAST_MS have passed. False: it is to end. */
static bool sleep_until(struct provider *p, uint64_t began, uint64_t delay)
{
    pthread_mutex_lock(&p->mutex);
    while (!atomic_load(&p->stopping)) {
        uint64_t due = began + (p->asked ? LEAST_MS : delay);
        struct timespec moment = {.tv_sec = (time_t)(due / 1000), .tv_nsec = (long)(due % 1000) * 1000000};
        if (clock_monotonic_ms() >= due)
            break;
        pthread_cond_timedwait(&p->wake, &p->mutex, &moment);
    }
    p->asked = false;
    pthread_mutex_unlock(&p->mutex);
    return !atomic_load(&p->stopping);
}

static bool has_keys(const struct provider *p)
{
    bool has;

    pthread_mutex_lock(&changing);
    const struct snapshot *s = (const struct snapshot *)published_newest(&published);
    has = s->generation == p->generation && s->keys[p - p->generation->providers];
    pthread_mutex_unlock(&changing);
    return has;
}

/* Says what changed: the first success, one after failures, every failure. */
static bool fetch(const struct provider *p, bool news)
{
    struct oidc_keys *keys;
    struct error error;
    size_t count = 0;

    error_init(&error, NULL);
    err_t code = oidc_keys_fetch(p->issuer, &p->stopping, &keys, &error);
    if (code == ERR_OK) {
        count = oidc_keys_count(keys);
        code = publish_keys(p, keys, &error);
    }
    if (code == ERR_OK && news)
        log_event(LOG_INFO, "the keys of an issuer of tokens were fetched", log_text("issuer", p->issuer->url),
            log_number("keys", (long long)count));
    else if (code != ERR_OK && !atomic_load(&p->stopping) && has_keys(p))
        log_event(LOG_WARNING, "cannot fetch the keys of an issuer of tokens; those that were fetched stay in use",
            log_text("issuer", p->issuer->url), log_error_text(&error));
    else if (code != ERR_OK && !atomic_load(&p->stopping))
        log_event(LOG_WARNING, "cannot fetch the keys of an issuer of tokens; its tokens are refused until then",
            log_text("issuer", p->issuer->url), log_error_text(&error));
    return code == ERR_OK;
}

static void watch(struct task *task)
{
    struct provider *p = (struct provider *)((char *)task - offsetof(struct provider, task));
    uint64_t began, delay, retry = LEAST_MS;
    bool fine, news = true;

    do {
        began = clock_monotonic_ms();
        fine = fetch(p, news);
        delay = fine ? REFRESH_MS : retry;
        retry = fine ? LEAST_MS : 2 * retry < REFRESH_MS ? 2 * retry : REFRESH_MS;
        news = !fine;
    } while (sleep_until(p, began, delay));
}

static void wake(struct provider *p, bool stop)
{
    pthread_mutex_lock(&p->mutex);
    p->asked = true;
    if (stop)
        atomic_store(&p->stopping, true);
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->mutex);
}

/* ---- A generation. */

static void provider_init(struct generation *g, size_t i)
{
    struct provider *p = &g->providers[i];
    pthread_condattr_t monotonic;

    *p = (struct provider){.task = {.run = watch}, .issuer = &g->config.issuers[i], .generation = g};
    pthread_mutex_init(&p->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static err_t generation_read(struct generation *g, struct error *error)
{
    const struct authenticator *a = authenticator_current();
    const struct audiences taken = {a ? a->issuers : NULL, a ? a->issuer_count : 0};
    struct error inner;

    error_init(&inner, NULL);
    TRY(file_read(&g->arena, path, AUTHENTICATION_CONFIG_MAX, &g->text, error));
    err_t code = authentication_config_parse(&g->arena, g->text, &taken, &g->config, &inner);
    if (code != ERR_OK)
        return error_set(error, code, "%s: %.*s", path, BYTES_FMT(inner.message));
    for (size_t i = 0; i < g->config.issuer_count; i++)
        provider_init(g, i);
    if (g->config.anonymous.given && a && a->anonymous_given)
        return error_set(error, ERR_INVALID,
            "%s: anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in "
            "authentication configuration file",
            path);
    return ERR_OK;
}

static err_t generation_new(struct generation **ret, struct error *error)
{
    struct generation *g = calloc(1, sizeof *g);
    err_t code;

    if (!g)
        return error_set(error, ERR_NO_MEMORY, "no memory for the issuers of tokens");
    g->references = 1;
    arena_init_plain(&g->arena, SCRATCH);
    code = generation_read(g, error);
    if (code == ERR_OK)
        *ret = g;
    else
        generation_release(g);
    return code;
}

/* Ends its threads. */
static void generation_stop(struct generation *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->config.issuer_count; i++)
        wake(&g->providers[i], true);
    if (g->pool)
        pool_free(g->pool);
    generation_release(g);
}

static bool same_source(const struct oidc_issuer *a, const struct oidc_issuer *b)
{
    return strcmp(a->url, b->url) == 0 && strcmp(a->discovery_url, b->discovery_url) == 0 &&
           bytes_equal(a->ca_pem, b->ca_pem);
}

/* Keys of issuers that stay, so that a new file in an issuer's outage refuses nobody. */
static void keep_keys(struct snapshot *s, const struct snapshot *old)
{
    const struct authentication_config *to = &s->generation->config;

    for (size_t i = 0; i < to->issuer_count; i++)
        for (size_t j = 0; old->generation && j < old->generation->config.issuer_count; j++)
            if (old->keys[j] && same_source(&to->issuers[i], &old->generation->config.issuers[j]))
                s->keys[i] = oidc_keys_hold(old->keys[j]);
}

static void warn_of_names(const struct oidc_issuer *issuer)
{
    if (issuer->username.prefix.n == 0 || (issuer->groups.claim.n > 0 && issuer->groups.prefix.n == 0))
        log_event(LOG_WARNING,
            "an issuer of tokens names users or groups without a prefix: it can name any, those of system: too",
            log_text("issuer", issuer->url));
}

static void warn_of_anonymous(const struct anonymous_config *anonymous)
{
    if (anonymous->enabled)
        log_event(LOG_WARNING, "requests without a credential are system:anonymous's, and get what is granted to it",
            log_text("by", path), log_text("paths", anonymous->path_count > 0 ? "some" : "all"));
}

/* Publishes it, then starts its threads. */
static err_t generation_start(struct generation *g, struct error *error)
{
    struct snapshot *s;
    bool fine = true;

    if (g->config.issuer_count > 0) {
        g->pool = pool_new("oidc", (unsigned)g->config.issuer_count, g->config.issuer_count);
        if (!g->pool)
            return error_set(error, ERR_NO_MEMORY, "no memory for the issuers of tokens");
    }
    s = snapshot_new(g, error);
    if (!s)
        return ERR_NO_MEMORY;
    pthread_mutex_lock(&changing);
    keep_keys(s, (const struct snapshot *)published_newest(&published));
    published_swap(&published, &s->published);
    pthread_mutex_unlock(&changing);
    warn_of_anonymous(&g->config.anonymous);
    for (size_t i = 0; i < g->config.issuer_count; i++) {
        warn_of_names(&g->config.issuers[i]);
        fine = pool_submit(g->pool, &g->providers[i].task) && fine;
    }
    if (!fine)
        log_event(LOG_ERROR, "not every issuer of tokens has a thread that fetches its keys");
    return ERR_OK;
}

static err_t begin(struct generation *g, struct error *error)
{
    err_t code = generation_start(g, error);

    if (code != ERR_OK) {
        generation_stop(g);
        return code;
    }
    generation_stop(running);
    running = g;
    return ERR_OK;
}

err_t oidc_open(const char *file, struct error *error)
{
    struct generation *g = NULL;

    path = file;
    if (!path)
        return ERR_OK;
    TRY(generation_new(&g, error));
    return begin(g, error);
}

err_t oidc_reload(struct error *error)
{
    struct generation *g = NULL;

    if (!path)
        return ERR_OK;
    TRY(generation_new(&g, error));
    if (!running || !bytes_equal(g->text, running->text))
        return begin(g, error);
    generation_release(g);
    for (size_t i = 0; i < running->config.issuer_count; i++)
        wake(&running->providers[i], false);
    return ERR_OK;
}

void oidc_close(void)
{
    pthread_mutex_lock(&changing);
    if (published_newest(&published) != &none.published) {
        published_hold(&none.published);
        published_swap(&published, &none.published);
    }
    pthread_mutex_unlock(&changing);
    generation_stop(running);
    running = NULL;
    path = NULL;
}

/* ---- Who has no credential. */

bool oidc_anonymous(bytes asked, bool flag)
{
    const struct snapshot *s = (const struct snapshot *)published_see(&published);
    const struct anonymous_config *a = s->generation ? &s->generation->config.anonymous : NULL;

    if (!a || !a->given)
        return flag;
    for (size_t i = 0; i < a->path_count; i++)
        if (bytes_equal(a->paths[i], asked))
            return true;
    return a->enabled && a->path_count == 0;
}

/* ---- Tokens. */

static err_t verify(const struct snapshot *s, size_t i, const struct jwt *jwt, struct error *error)
{
    struct provider *p = &s->generation->providers[i];
    bool unknown = true;
    err_t code = s->keys[i] ? oidc_keys_verify(s->keys[i], jwt, &unknown, error)
                            : error_set(error, ERR_UNAUTHORIZED, "the keys of the token's issuer were not fetched yet");

    if (code == ERR_UNAUTHORIZED && unknown)
        wake(p, false);
    return code;
}

err_t oidc_authenticate(
    struct arena *arena, bytes token, const struct audiences *asked, struct authenticated *ret, struct error *error)
{
    const struct snapshot *s = (const struct snapshot *)published_see(&published);
    size_t count = s->generation ? s->generation->config.issuer_count : 0, i = 0;
    const struct oidc_issuer *issuers = count > 0 ? s->generation->config.issuers : NULL;
    struct user user;
    struct jwt jwt;
    bytes issuer;

    if (count == 0 || !jwt_shaped(token))
        return error_set(error, ERR_NOT_FOUND, "the token is of no issuer that is configured");
    TRY(jwt_parse(arena, token, &jwt, error));
    issuer = json_text(jwt.claims, BYTES("iss"));
    while (i < count && !bytes_equal(issuer, bytes_of(issuers[i].url)))
        i++;
    if (i == count)
        return error_set(error, ERR_NOT_FOUND, "the token is of another issuer");
    TRY(verify(s, i, &jwt, error));
    TRY(audiences_own(arena, asked, ret, error));
    TRY(oidc_identify(arena, &issuers[i], jwt.claims, clock_wall_seconds(), &user, error));
    ret->expires = jwt_expiry(jwt.claims);
    return user_copy(arena, &user, &ret->user, error);
}
