/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for commits, where a thread may: collection deletes and the first start. */
#include "serve/steps.h"

#include <pthread.h>

struct commit_barrier {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    size_t left;
};

static void arrived(struct store_write *write)
{
    struct commit_barrier *barrier = ((struct awaited_write *)write)->barrier;

    pthread_mutex_lock(&barrier->mutex);
    if (--barrier->left == 0)
        pthread_cond_signal(&barrier->done);
    pthread_mutex_unlock(&barrier->mutex);
}

void commit_all(struct store *store, struct awaited_write *writes, size_t count)
{
    struct commit_barrier barrier = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, count};

    for (size_t i = 0; i < count; i++) {
        writes[i].barrier = &barrier;
        writes[i].write.done = arrived;
        store_commit(store, &writes[i].write);
    }
    pthread_mutex_lock(&barrier.mutex);
    while (barrier.left > 0)
        pthread_cond_wait(&barrier.done, &barrier.mutex);
    pthread_mutex_unlock(&barrier.mutex);
}
