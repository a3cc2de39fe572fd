/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer serve is told: its options, their table, and the command that the table makes. */
#ifndef COFFER_CMD_SERVE_OPTIONS_H
#define COFFER_CMD_SERVE_OPTIONS_H

#include "cmd/command.h"
#include "cmd/serve_tokens.h"

struct serve_options {
    const char *data_dir, *listen, *unlock, *user;
    const char *tls_cert_file, *tls_private_key_file, *client_ca_file, *client_crl_file;
    struct option_list tls_san;
    int pod_secret_check;
    uint64_t certificate_lifetime_ms, history_ms, drain_ms, event_ttl_ms;
    uint64_t memory_limit, store_limit;
    int log_level, log_format;
    int pod_security_default; /* enum pod_security_level */
    struct serve_token_options tokens;
    bool filtered_lists, anonymous_health, debuggable, no_controllers, no_sandbox;
};

/* The words of --pod-secret-check, by its value. */
extern const char *const pod_secret_checks[];

/* Wrong usage is refused before a directory, a store or a key is made. ERR_BAD_REQUEST. */
MUST_CHECK err_t serve_options_check(const struct serve_options *, struct error *);

/* The command itself (serve.c): the status to exit with. */
int serve_run(const struct invocation *);

#endif
