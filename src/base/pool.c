/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include "base/memory.h"

#include <pthread.h>
#include <signal.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work; /* a task was queued, or stopping was set */
    struct fair_queue queue;
    unsigned idle, started, most; /* threads that wait for work; that run; that may run */
    bool stopping;
    char name[16];
    pthread_t threads[];
};

static size_t size_of(unsigned threads)
{
    return sizeof(struct pool) + threads * sizeof(pthread_t);
}

struct pool *pool_new(const char *name, unsigned threads, size_t queue_limit)
{
    struct pool *pool = memory_pages(size_of(threads)); /* most of a queue is never touched */
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    fair_queue_init(&pool->queue, queue_limit);
    pool->most = threads;
    strncpy(pool->name, name, sizeof(pool->name) - 1);
    return pool;
}

/* The next task, or NULL when the pool ends and nothing is left. Called with the lock held. */
static struct task *take(struct pool *pool)
{
    pool->idle++;
    while (pool->queue.count == 0 && !pool->stopping)
        pthread_cond_wait(&pool->work, &pool->lock);
    pool->idle--;
    return fair_queue_take(&pool->queue);
}

static void *serve(void *argument)
{
    struct pool *pool = argument;
    struct task *task;
    pthread_setname_np(pthread_self(), pool->name);
    pthread_mutex_lock(&pool->lock);
    while ((task = take(pool))) {
        pthread_mutex_unlock(&pool->lock);
        task->run(task);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are for the main thread and the loops: the new thread inherits a full mask. Called with the lock held. */
static void start_thread(struct pool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* a read error under a map finds its handler on any thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&pool->threads[pool->started], NULL, serve, pool) == 0)
        pool->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool pool_submit_turn(struct pool *pool, struct task *task, const struct fair_turn *turn)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->idle <= pool->queue.count && pool->started < pool->most)
        start_thread(pool);
    bool accepted = pool->started > 0 && !pool->stopping && fair_queue_put(&pool->queue, task, turn);
    if (accepted)
        pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    return accepted;
}

bool pool_submit(struct pool *pool, struct task *task)
{
    return pool_submit_turn(pool, task, &(struct fair_turn){0});
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->started; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    memory_pages_free(pool, size_of(pool->most));
}
