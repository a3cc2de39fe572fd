/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/serve_options.h"

#include "base/log.h"
#include "cmd/serve_paths.h"
#include "kinds/pod_security_standards.h"

#define STORE_LIMIT_LEAST  (1ull << 20)
#define MEMORY_LIMIT_LEAST (16ull << 20)

static const char *const log_levels[] = {"error", "warning", "info", "debug", "trace", NULL};
static const char *const log_formats[] = {"auto", "text", "json", NULL};
const char *const pod_secret_checks[] = {"enforce", "warn", "off", NULL};

static const struct serve_options serve_defaults = {
    .listen = "127.0.0.1:6443",
    .certificate_lifetime_ms = 365ull * 24 * 3600 * 1000,
    .history_ms = 300 * 1000,
    .drain_ms = 30 * 1000,
    .event_ttl_ms = 3600 * 1000,
    .tokens = {.key_lifetime_ms = 365ull * 24 * 3600 * 1000},
    .log_level = LOG_INFO,
    .pod_security_default = POD_SECURITY_BASELINE,
    .log_format = LOG_FORMAT_AUTO,
};

#define FIELD(name) offsetof(struct serve_options, name)
static const struct command_option serve_rows[] = {
    {"data-dir", 'd', OPTION_TEXT, "DIR",
        "where the store lives (default: /var/lib/coffer for root, else $XDG_DATA_HOME/coffer)", FIELD(data_dir)},
    {"listen", 'l', OPTION_TEXT, "ADDRESS:PORT", "where to listen", FIELD(listen)},
    {"unlock", 0, OPTION_TEXT, "file:PATH",
        "the key that opens the store (default: /etc/coffer/STORE-ID.key for root, else "
        "$XDG_CONFIG_HOME/coffer/STORE-ID.key)",
        FIELD(unlock)},
    {"user", 0, OPTION_TEXT, "NAME", "when started as root, become this user before a file is opened", FIELD(user)},
    {"tls-san", 0, OPTION_LIST, "NAME", "another name or address for the serving certificate", FIELD(tls_san)},
    {"tls-cert-file", 0, OPTION_FILE, "FILE",
        "serve with this certificate (PEM, chain behind it) instead of an own one", FIELD(tls_cert_file)},
    {"tls-private-key-file", 0, OPTION_FILE, "FILE", "the key of --tls-cert-file (PEM)", FIELD(tls_private_key_file)},
    {"client-ca-file", 0, OPTION_FILE, "FILE", "accept client certificates of these CAs too (PEM)",
        FIELD(client_ca_file)},
    {"client-crl-file", 0, OPTION_FILE, "FILE", "revoked client certificates: lists of their CAs, or themselves (PEM)",
        FIELD(client_crl_file)},
    {"certificate-lifetime", 0, OPTION_DURATION, "TIME", "how long own certificates last; renewed after two thirds",
        FIELD(certificate_lifetime_ms)},
    {"service-account-issuer", 0, OPTION_LIST, "URL",
        "who issues tokens of service accounts; the first signs, all are accepted (default: "
        "https://kubernetes.default.svc.cluster.local)",
        FIELD(tokens.issuers)},
    {"api-audiences", 0, OPTION_LIST, "NAME", "whom tokens for this server are for (default: the issuers)",
        FIELD(tokens.audiences)},
    {"service-account-signing-key-file", 0, OPTION_FILE, "FILE",
        "sign tokens of service accounts with this key (PEM, RSA or ECDSA) instead of an own one",
        FIELD(tokens.signing_key_file)},
    {"service-account-key-file", 0, OPTION_FILES, "FILE",
        "accept tokens of service accounts that these keys signed too (PEM)", FIELD(tokens.key_files)},
    {"service-account-key-lifetime", 0, OPTION_DURATION, "TIME", "how long an own key signs; 0 for ever",
        FIELD(tokens.key_lifetime_ms)},
    {"service-account-max-token-expiration", 0, OPTION_DURATION, "TIME",
        "how long tokens of service accounts may last (default: as asked for)", FIELD(tokens.longest_ms)},
    {"service-account-jwks-uri", 0, OPTION_TEXT, "URL", "where others find the keys, for the discovery document",
        FIELD(tokens.jwks_uri)},
    {"token-auth-file", 0, OPTION_FILE, "FILE", "accept the tokens of this file too (CSV: token,user,uid,\"groups\")",
        FIELD(tokens.token_file)},
    {"authentication-config", 0, OPTION_FILE, "FILE",
        "accept ID tokens of the OIDC issuers in this AuthenticationConfiguration (YAML)", FIELD(tokens.config_file)},
    {"memory-limit", 0, OPTION_SIZE, "SIZE", "memory of all requests together (default: a quarter of the machine's)",
        FIELD(memory_limit)},
    {"store-limit", 0, OPTION_SIZE, "SIZE", "how large the store may grow (default: 1T, sparse)", FIELD(store_limit)},
    {"history", 0, OPTION_DURATION, "TIME", "how long old revisions stay readable", FIELD(history_ms)},
    {"event-ttl", 0, OPTION_DURATION, "TIME", "how long an Event is kept after its last change", FIELD(event_ttl_ms)},
    {"drain-timeout", 0, OPTION_DURATION, "TIME", "how long to finish requests when stopping", FIELD(drain_ms)},
    {"pod-security-default", 0, OPTION_CHOICE, "LEVEL",
        "Pod Security level of namespaces whose labels say nothing; kube-system is exempt", FIELD(pod_security_default),
        .choices = pod_security_levels},
    {"filtered-lists", 0, OPTION_FLAG, NULL,
        "who may list or watch some names alone gets those, also without asking for coffer.dev/filtered=true",
        FIELD(filtered_lists)},
    {"anonymous-health", 0, OPTION_FLAG, NULL, "answer bare /livez and /readyz to anyone", FIELD(anonymous_health)},
    {"anonymous-auth", 0, OPTION_FLAG, NULL, "let requests without a credential be those of system:anonymous",
        FIELD(tokens.anonymous), .given = FIELD(tokens.anonymous_given)},
    {"pod-secret-check", 0, OPTION_CHOICE, "MODE",
        "what is done about a Pod or template that names a Secret or ServiceAccount which its writer may not use",
        FIELD(pod_secret_check), .choices = pod_secret_checks},
    {"log-level", 0, OPTION_CHOICE, "LEVEL", "least level that is logged", FIELD(log_level), .choices = log_levels},
    {"log-format", 0, OPTION_CHOICE, "FORMAT", "auto is text on a terminal and JSON lines elsewhere", FIELD(log_format),
        .choices = log_formats},
    {"no-sandbox", 0, OPTION_FLAG, NULL, "do not restrict the process's system calls and access to files",
        FIELD(no_sandbox)},
    {"debuggable", 0, OPTION_FLAG, NULL, "let debuggers and /proc read the process's memory; no sandbox",
        FIELD(debuggable), .hidden = true},
    {"no-controllers", 0, OPTION_FLAG, NULL, "only answer, as kube-apiserver alone does", FIELD(no_controllers),
        .hidden = true},
};
#undef FIELD

err_t serve_options_check(const struct serve_options *o, struct error *error)
{
    const char *path;
    if (o->memory_limit < MEMORY_LIMIT_LEAST)
        return error_set(error, ERR_BAD_REQUEST, "--memory-limit: at least %lluM, for one request of 3 MiB",
            MEMORY_LIMIT_LEAST >> 20);
    if (o->store_limit && o->store_limit < STORE_LIMIT_LEAST)
        return error_set(error, ERR_BAD_REQUEST, "--store-limit: at least %lluM", STORE_LIMIT_LEAST >> 20);
    if (!o->tls_cert_file != !o->tls_private_key_file)
        return error_set(error, ERR_BAD_REQUEST, "--tls-cert-file and --tls-private-key-file go together");
    TRY(serve_tokens_check(&o->tokens, error));
    return o->unlock ? unlock_file_of(o->unlock, &path, error) : ERR_OK;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "serve the Kubernetes API from an encrypted store",
    .operands = "",
    .description =
        "Serves the Kubernetes API on --listen over TLS, from a store in --data-dir in which every value is "
        "encrypted: Secrets, all other kinds of Kubernetes 1.34, and what CustomResourceDefinitions define. "
        "Nothing runs Pods. The first start makes the store, its unlock key, "
        "a certificate authority, and DIR/admin.kubeconfig, with which kubectl is let in; certificates "
        "renew while the server runs. Everybody else gets in by `coffer cert`, a token or another CA's certificate, "
        "and may do what RBAC gives them.\n\n"
        "Back up the unlock key and the store, and not in the same place: without the key nobody can read "
        "the store.\n\n"
        "SIGTERM finishes what is under way and exits 0. SIGHUP reads files of certificates, keys and authentication "
        "again.",
    .options = serve_rows,
    .option_count = ARRAY_LEN(serve_rows),
    .defaults = &serve_defaults,
    .size = sizeof(struct serve_options),
    .run = serve_run,
};
