/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define STACK_SIZE  ((size_t)256 << 10) /* of address space; what is touched counts */
#define ARENA_LIMIT ((size_t)128 << 20)
#define QUIET_MS    200 /* after which the start is over */

struct control {
    struct local_hub *hub;
    const struct control_settings *settings;
    pthread_t thread;
    bool started;
    atomic_bool refresh;
    size_t count;
    struct worker *workers[];
};

static void *run(void *argument)
{
    struct control *control = argument;
    struct arena arena;
    uint64_t seen = 0;
    bool settled = false;
    pthread_setname_np(pthread_self(), "control");
    arena_init(&arena, ARENA_LIMIT);
    while (!local_hub_stopped(control->hub)) {
        uint64_t next_ms = UINT64_MAX;
        bool more = false;
        if (atomic_exchange(&control->refresh, false))
            for (size_t i = 0; i < control->count; i++)
                worker_refresh(control->workers[i]);
        for (size_t i = 0; i < control->count; i++)
            more |= worker_step(control->workers[i], &arena, &next_ms);
        if (more)
            continue;
        uint64_t quiet_ms = clock_monotonic_ms() + QUIET_MS;
        bool settling = !settled && next_ms > quiet_ms;
        local_hub_wait(control->hub, &seen, settling ? quiet_ms : next_ms);
        if (settling && clock_monotonic_ms() >= quiet_ms) {
            control->settings->settled();
            settled = true;
        }
    }
    arena_reset(&arena);
    return NULL;
}

/* Signals are for the main thread and the loops: the new thread inherits a full mask. */
static bool start_thread(struct control *control)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* a read error under a map finds its handler on any thread */
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    control->started = pthread_create(&control->thread, &attributes, run, control) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return control->started;
}

err_t control_start(struct http_server *http, struct loop *loop, const struct control_settings *settings,
    const struct controller *const *controllers, size_t count, struct control **ret, struct error *error)
{
    struct control *control = calloc(1, sizeof *control + count * sizeof(struct worker *));
    err_t code = ERR_OK;
    if (!control || !(control->hub = local_hub_new(http, loop)))
        code = error_set(error, ERR_NO_MEMORY, "no memory for the controllers");
    else
        control->settings = settings;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        struct worker *worker;
        code = worker_new(control->hub, controllers[i], settings, &worker, error);
        if (code == ERR_OK && worker)
            control->workers[control->count++] = worker;
    }
    if (code == ERR_OK && !start_thread(control))
        code = error_set(error, ERR_NO_MEMORY, "cannot start the controllers' thread");
    if (code == ERR_OK)
        *ret = control;
    else
        control_free(control);
    return code;
}

void control_refresh(struct control *control)
{
    if (!control)
        return;
    atomic_store(&control->refresh, true);
    local_hub_wake(control->hub);
}

void control_stop(struct control *control)
{
    if (control)
        local_hub_stop(control->hub);
}

void control_free(struct control *control)
{
    if (!control)
        return;
    if (control->hub)
        local_hub_stop(control->hub);
    if (control->started)
        pthread_join(control->thread, NULL);
    for (size_t i = 0; i < control->count; i++)
        worker_free(control->workers[i]);
    local_hub_free(control->hub);
    free(control);
}
