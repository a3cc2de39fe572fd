/* SPDX-License-Identifier: Apache-2.0 */
/* coffer serve: opens the store with its keys, makes or renews certificates, runs the loops until told to stop. */
#include "atrest/local_keyring.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cmd/command.h"
#include "cmd/notify.h"
#include "cmd/privileges.h"
#include "cmd/sandbox.h"
#include "cmd/serve_options.h"
#include "cmd/serve_paths.h"
#include "control/control.h"
#include "crypt/key_region.h"
#include "crypt/setup.h"
#include "kinds/kinds.h"
#include "serve/certificates.h"
#include "serve/server.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOOPS_MAX            64
#define RENEWAL_CHECK_MS     (3600u * 1000)
#define RENEWAL_CHECKS       8 /* in a leaf certificate's life, when that is short */
#define MEMORY_DEFAULT_LEAST (64ull << 20)

/* One server a process: signal and timer handlers find it here. */
static struct {
    const struct serve_options *options;
    struct arena *arena;
    const char *data_dir, *address;
    uint16_t port;
    int listener; /* until the HTTP server has it */
    bool system;  /* started as root: default paths are the system's, whoever --user is */
    struct store *store;
    struct atrest *atrest;
    struct certificates *certificates;
    struct server *server;
    struct http_server *http;
    struct control_settings settings;
    struct control *control;
    struct task trim; /* on the first loop, which serves the controllers */
    struct loop *loops[LOOPS_MAX];
    pthread_t threads[LOOPS_MAX];
    size_t loop_count;
    struct pool *upkeep; /* renewals: they block, and wait for nobody's request */
    struct task renewal;
    struct timer renewal_timer;
    struct loop_fd signals;
    atomic_bool reload; /* a renewal that SIGHUP asked for has not begun */
    bool stopping;
} run;

/* ---- What the process may still do. */

/* The port and missing directories are root's to take and make; every file is opened by who reads it later. */
static err_t drop_privileges(struct error *error)
{
    struct account account;
    TRY(account_find(run.options->user, &account, error));
    TRY(http_listen(run.address, run.port, &run.listener, error));
    account_make_directory(&account, run.data_dir);
    if (!run.options->unlock)
        account_make_directory(&account, SYSTEM_KEYS);
    return privileges_drop(&account, error);
}

static err_t enter_sandbox(struct error *error)
{
    struct sandbox sandbox = {.data_directory = run.data_dir};

    if (run.options->no_sandbox)
        log_event(LOG_WARNING, "--no-sandbox: system calls and access to files are not restricted");
    if (run.options->no_sandbox || run.options->debuggable)
        return ERR_OK;
    sandbox.files = files_of_options(
        run.arena, command_serve.options, command_serve.option_count, run.options, &sandbox.file_count);
    if (!sandbox.files)
        return arena_error(run.arena, error);
    return sandbox_enter(&sandbox, error);
}

/* ---- The store and the key that opens it. */

static const char meta_unlock[] = "unlock-key-id";

/* A store is new until the id of its unlock key is written: a first start that was cut off is made good by the next. */
static err_t unlock_store(bytes *ret_new_id, struct error *error)
{
    const char *path;
    bytes known;
    struct atrest_provider *provider;

    if (run.options->unlock)
        TRY(unlock_file_of(run.options->unlock, &path, error));
    else
        TRY(default_unlock_file(run.arena, run.system, store_id(run.store), &path, error));
    err_t found = store_meta_get(run.store, run.arena, meta_unlock, &known, error);
    if (found != ERR_OK && found != ERR_NOT_FOUND)
        return found;
    if (found == ERR_NOT_FOUND) {
        err_t made = unlock_file_create(path, error);
        if (made != ERR_OK && made != ERR_ALREADY_EXISTS)
            return made;
        if (made == ERR_OK)
            log_event(LOG_WARNING, "made the unlock key: back this file up, without it nobody can read the store",
                log_text("file", path));
    }
    TRY(local_keyring_open(path, &provider, error));
    bytes key_id = arena_copy(run.arena, bytes_of(local_keyring_key_id(provider)));
    run.atrest = atrest_new(&provider, 1);
    if (!run.atrest || !key_id.p)
        return error_set(error, ERR_NO_MEMORY, "no memory for the keyring");
    *ret_new_id = found == ERR_NOT_FOUND ? key_id : BYTES_NONE;
    if (found == ERR_OK && !bytes_equal(known, key_id))
        return error_set(error, ERR_UNREADABLE,
            "the key in %s is not the one that the store in %s was made with (%.*s): put that one back from its "
            "backup, or name it by --unlock",
            path, run.data_dir, BYTES_FMT(known));
    return ERR_OK;
}

static err_t open_store(struct error *error)
{
    const struct store_options options = {.directory = run.data_dir,
        .limit = run.options->store_limit,
        .history_seconds = (unsigned)(run.options->history_ms / 1000),
        .start_later = true};
    bytes new_id;
    TRY(store_open(&options, &run.store, error));
    TRY(unlock_store(&new_id, error));
    TRY(enter_sandbox(error)); /* the keys are read, and no thread has started */
    TRY(store_start(run.store, error));
    return new_id.n > 0 ? store_meta_put(run.store, meta_unlock, new_id, error) : ERR_OK;
}

/* ---- Certificates. */

static err_t open_certificates(struct error *error)
{
    const struct serve_options *o = run.options;
    const struct certificates_options options = {.store = run.store,
        .atrest = run.atrest,
        .directory = run.data_dir,
        .address = run.address,
        .extra_names = o->tls_san.items,
        .extra_name_count = o->tls_san.count,
        .certificate_file = o->tls_cert_file,
        .key_file = o->tls_private_key_file,
        .client_ca_file = o->client_ca_file,
        .client_crl_file = o->client_crl_file,
        .lifetime_seconds = (int64_t)(o->certificate_lifetime_ms / 1000)};
    return certificates_open(&options, &run.certificates, error);
}

/* On the upkeep thread. What fails leaves what was in force, and is tried again at the next check. */
static void renew(struct task *task)
{
    struct error error;
    int64_t now = clock_wall_seconds();
    bool asked = atomic_exchange(&run.reload, false), fine = true;
    (void)task;
    error_init(&error, NULL);
    if (certificates_renew(run.certificates, now, &error) == ERR_OK) {
        struct tls_context *tls = certificates_tls(run.certificates);
        http_server_set_tls(run.http, tls);
        tls_context_put(tls);
        control_refresh(run.control);
    } else {
        fine = false;
        log_event(
            LOG_ERROR, "cannot read or renew the certificates; the old ones stay in force", log_error_text(&error));
    }
    if (serve_tokens_renew(&error) != ERR_OK) {
        fine = false;
        log_event(LOG_ERROR, "cannot renew the keys of tokens; the old ones stay in force", log_error_text(&error));
    }
    if (serve_tokens_reload(&error) != ERR_OK) {
        fine = false;
        log_event(
            LOG_ERROR, "cannot read the authentication configuration; what was in force stays", log_error_text(&error));
    }
    server_reloaded(run.server);
    if (certificates_write_kubeconfig(run.certificates, run.port, now, &error) != ERR_OK) {
        fine = false;
        log_event(LOG_ERROR, "cannot renew the admin's kubeconfig", log_error_text(&error));
    }
    if (asked && fine)
        log_event(LOG_INFO, "reloaded: certificates, revocations, tokens and their issuers are in force");
    notify_send("READY=1"); /* ends a reload */
}

static void renew_soon(void)
{
    if (!pool_submit(run.upkeep, &run.renewal))
        log_event(LOG_WARNING, "certificates are being renewed already");
}

static uint64_t renewal_interval_ms(void)
{
    uint64_t part = run.options->certificate_lifetime_ms / RENEWAL_CHECKS;
    return part < RENEWAL_CHECK_MS ? part : RENEWAL_CHECK_MS;
}

static void renewal_due(struct timer *timer)
{
    renew_soon();
    timer_set(run.loops[0], timer, renewal_interval_ms());
}

/* ---- Loops and signals. */

static void drained(void *context)
{
    (void)context;
    for (size_t i = 0; i < run.loop_count; i++)
        loop_stop(run.loops[i]);
}

static void on_signal(struct loop_fd *fd, uint32_t events)
{
    struct signalfd_siginfo info;
    (void)events;
    while (read(fd->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            log_event(LOG_INFO, "reloading certificates");
            atomic_store(&run.reload, true);
            notify_reloading();
            renew_soon();
        } else if (!run.stopping) {
            run.stopping = true;
            log_event(LOG_INFO, "stopping", log_number("signal", info.ssi_signo));
            notify_send("STOPPING=1");
            control_stop(run.control);
            http_server_drain(run.http, (unsigned)run.options->drain_ms, drained, NULL);
        } else {
            drained(NULL); /* asked twice: now */
        }
    }
}

static void *loop_thread(void *loop)
{
    char name[16];
    snprintf(name, sizeof(name), "loop-%u", loop_number(loop));
    if (loop_number(loop) > 0) /* the first runs on the main thread, whose name is the process's in ps and pgrep */
        pthread_setname_np(pthread_self(), name);
    loop_run(loop);
    return NULL;
}

/* Before any thread: they inherit the mask, and signals then come by the descriptor alone. */
static err_t block_signals(struct error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    run.signals =
        (struct loop_fd){.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), .events = EPOLLIN, .ready = on_signal};
    return run.signals.fd >= 0 ? ERR_OK : error_set(error, ERR_IO, "cannot receive signals");
}

/* The cores that this process may use: fewer than the machine's in a container or under taskset. */
static size_t usable_cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > LOOPS_MAX ? LOOPS_MAX : (size_t)count;
}

static err_t open_loops(struct error *error)
{
    size_t wanted = usable_cores();
    for (run.loop_count = 0; run.loop_count < wanted; run.loop_count++)
        if (!(run.loops[run.loop_count] = loop_new((unsigned)run.loop_count)))
            return error_set(error, ERR_IO, "cannot make an event loop");
    return loop_add(run.loops[0], &run.signals) ? ERR_OK : error_set(error, ERR_IO, "cannot watch for signals");
}

static err_t open_server(struct error *error)
{
    const struct server_options server_options = {.store = run.store,
        .atrest = run.atrest,
        .pod_secret_check = (enum pod_secret_check)run.options->pod_secret_check,
        .loops = run.loops,
        .loop_count = run.loop_count,
        .memory_limit = run.options->memory_limit,
        .pod_security_default = (enum pod_security_level)run.options->pod_security_default,
        .filtered_lists = run.options->filtered_lists,
        .anonymous_health = run.options->anonymous_health};
    const struct http_options http_options = {.listener = run.listener, .address = run.address, .port = run.port};

    kinds_register_all();
    TRY(server_new(&server_options, &run.server, error));
    TRY(server_bootstrap(run.server, error));
    memory_trim(); /* buffers that are made next lie where nothing was, and take what they use */
    struct tls_context *tls = certificates_tls(run.certificates);
    err_t result = http_server_new(&http_options, server_handler(), tls, run.loops, run.loop_count, &run.http, error);
    run.listener = 0;
    tls_context_put(tls);
    TRY(result);
    server_set_http(run.server, run.http);
    run.port = http_server_port(run.http);
    TRY(serve_tokens_open(run.arena, &run.options->tokens, run.store, run.atrest, run.address, run.port, error));
    return certificates_write_kubeconfig(run.certificates, run.port, clock_wall_seconds(), error);
}

/* ---- Controllers. */

static bytes trusted(struct arena *arena)
{
    return certificates_trusted(run.certificates, arena);
}

static err_t sign(struct arena *arena, bytes csr_pem, unsigned usages, int64_t seconds, bytes *ret, struct error *error)
{
    return certificates_sign(run.certificates, arena, csr_pem, usages, seconds, clock_wall_seconds(), ret, error);
}

static void trim(struct task *task)
{
    (void)task;
    memory_trim();
}

/* What only the start needed goes back to the kernel, and what both threads keep at hand. */
static void settled(void)
{
    memory_trim();
    run.trim.run = trim;
    loop_post(run.loops[0], &run.trim);
}

static err_t start_controllers(struct error *error)
{
    size_t count;
    const struct controller *const *controllers = controllers_all(&count);
    if (run.options->no_controllers)
        return ERR_OK;
    run.settings = (struct control_settings){.trusted = trusted,
        .sign = sign,
        .sign_account_token = serve_tokens_sign,
        .settled = settled,
        .address = run.address,
        .port = run.port,
        .event_ttl_ms = run.options->event_ttl_ms};
    return control_start(run.http, run.loops[0], &run.settings, controllers, count, &run.control, error);
}

/* ---- Start and stop. */

static uint64_t default_memory_limit(void)
{
    uint64_t quarter = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 4;
    return quarter > MEMORY_DEFAULT_LEAST ? quarter : MEMORY_DEFAULT_LEAST;
}

static void warn_of_weakening(const struct serve_options *o)
{
    if (o->debuggable)
        log_event(LOG_WARNING, "--debuggable: whoever may trace this process can read Secrets and keys in its memory");
    if (o->pod_security_default == POD_SECURITY_PRIVILEGED)
        log_event(LOG_WARNING, "--pod-security-default=privileged: whoever may create a Pod in a namespace without Pod "
                               "Security labels is root on its node, and can read the Secrets of all Pods there");
    if (o->pod_secret_check != POD_SECRET_ENFORCE)
        log_event(LOG_WARNING,
            "--pod-secret-check is weakened: whoever may create a Pod can read every Secret of its namespace",
            log_text("mode", pod_secret_checks[o->pod_secret_check]));
}

static err_t harden(struct error *error)
{
    struct rlimit files;
    TRY(drop_privileges(error));
    memory_harden(run.options->debuggable);
    warn_of_weakening(run.options);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    TRY(crypt_setup(error));
    TRY(key_region_open(error));
    arena_set_memory_limit(run.options->memory_limit);
    return ERR_OK;
}

static err_t start(struct error *error)
{
    TRY(serve_options_check(run.options, error));
    TRY(parse_listen(run.arena, run.options->listen, &run.address, &run.port, error));
    run.system = geteuid() == 0;
    if (run.options->data_dir)
        run.data_dir = run.options->data_dir;
    else
        TRY(default_data_directory(run.arena, run.system, &run.data_dir, error));
    TRY(block_signals(error));
    TRY(harden(error));
    TRY(open_store(error));
    TRY(open_loops(error));
    TRY(open_certificates(error));
    TRY(open_server(error));
    TRY(start_controllers(error));
    if (!(run.upkeep = pool_new("upkeep", 1, 1)))
        return error_set(error, ERR_NO_MEMORY, "no memory for the upkeep thread");
    run.renewal.run = renew;
    run.renewal_timer.fire = renewal_due;
    timer_set(run.loops[0], &run.renewal_timer, renewal_interval_ms());
    return ERR_OK;
}

static void announce(void)
{
    if (arena_memory_unlocked())
        log_event(LOG_WARNING,
            "memory of requests cannot be locked and this machine swaps: raise RLIMIT_MEMLOCK or switch swap off");
    log_event(LOG_INFO, "ready", log_text("address", run.address), log_number("port", run.port),
        log_text("store", store_id(run.store)), log_text("keys_in", key_region_kind()),
        log_number("loops", (long long)run.loop_count));
    printf("kubectl --kubeconfig %s/admin.kubeconfig get secrets\n", run.data_dir);
    fflush(stdout);
    notify_send("READY=1");
}

static err_t run_loops(struct error *error)
{
    size_t started = 1;
    for (; started < run.loop_count; started++)
        if (pthread_create(&run.threads[started], NULL, loop_thread, run.loops[started]) != 0)
            break;
    if (started == run.loop_count) {
        announce();
        loop_thread(run.loops[0]);
    }
    for (size_t i = 1; i < started; i++) {
        loop_stop(run.loops[i]);
        pthread_join(run.threads[i], NULL);
    }
    return started == run.loop_count ? ERR_OK : error_set(error, ERR_NO_MEMORY, "cannot start a thread for each core");
}

/* In the order that each needs the next; accepts a start that broke off anywhere. */
static void stop(void)
{
    if (run.upkeep)
        pool_free(run.upkeep);
    control_stop(run.control);
    if (run.http)
        http_server_close(run.http);
    server_stop(run.server);
    for (size_t i = 0; i < run.loop_count; i++)
        loop_turn(run.loops[i], false); /* lets go of what came back too late */
    control_free(run.control);          /* whose users such requests were of */
    if (run.http)
        http_server_free(run.http);
    if (run.server)
        server_free(run.server);
    serve_tokens_close();
    certificates_free(run.certificates);
    for (size_t i = 0; i < run.loop_count; i++)
        loop_free(run.loops[i]);
    atrest_free(run.atrest);
    if (run.store)
        store_close(run.store);
    if (run.signals.fd > 0)
        close(run.signals.fd);
    if (run.listener > 0)
        close(run.listener);
}

int serve_run(const struct invocation *invocation)
{
    struct serve_options options = *(const struct serve_options *)invocation->options;
    struct error error;
    error_init(&error, invocation->arena);
    if (!options.memory_limit)
        options.memory_limit = default_memory_limit();
    log_setup((enum log_level)options.log_level, (enum log_format)options.log_format);
    run.options = &options;
    run.arena = invocation->arena;
    err_t result = start(&error);
    if (result == ERR_OK)
        result = run_loops(&error);
    stop();
    if (result == ERR_BAD_REQUEST)
        return command_misused(invocation->command, &error);
    return result == ERR_OK ? 0 : command_failed(invocation, &error);
}
