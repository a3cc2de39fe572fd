/* SPDX-License-Identifier: Apache-2.0 */
/* Which server to call and as whom, found as kubectl finds it:
 *
 *   --kubeconfig FILE, else the files of KUBECONFIG, else ~/.kube/config     merged: the first to name a thing wins,
 * missing files of │                                                                   KUBECONFIG are skipped └─ none
 * holds anything ──> the service account of a pod
 *
 *   kubeconfig_add (each file) ──> kubeconfig_resolve (one context) ──> kubeconfig_read (the files that it names)
 *
 * kubeconfig_load is all of it. Everything lives in the arena, keys and tokens too. Nothing here runs a credential
 * plugin (credential_plugin.h) or opens a connection (api_client.h). Sentences name the file and the context, cluster
 * or user. */
#ifndef COFFER_CLIENT_KUBECONFIG_H
#define COFFER_CLIENT_KUBECONFIG_H

#include "base/arena.h"

#define KUBECONFIG_MAX_FILE ((size_t)8 << 20)

struct json;

/* What the caller's flags say; NULL: not given. */
struct kubeconfig_query {
    const char *file, *context, *namespace;
};

/* users[].user.exec: a program that prints a credential. */
struct credential_plugin {
    const char *api_version;        /* client.authentication.k8s.io/v1 or /v1beta1 */
    const char *command;            /* looked for in PATH when it holds no slash */
    const char *const *arguments;   /* after the command's name; NULL-terminated */
    const char *const *environment; /* NAME=VALUE, added to ours; NULL-terminated */
    enum { PLUGIN_NEVER, PLUGIN_IF_AVAILABLE, PLUGIN_ALWAYS } interactive; /* may read from the terminal */
    bool provide_cluster;
    const char *install_hint; /* or NULL */
};

/* One context, resolved. Texts are NULL, bytes empty when not set. */
struct kubeconfig {
    const char *file, *context, *cluster, *user; /* where it came from, for sentences */
    const char *namespace;                       /* never NULL */
    /* the cluster */
    const char *server; /* http:// or https://, without a slash at its end */
    const char *tls_server_name, *proxy_url;
    bytes ca_pem;
    bool insecure_skip_tls_verify;
    const struct json *plugin_config; /* its extension client.authentication.k8s.io/exec */
    /* the user */
    bytes client_certificate_pem;
    struct secret client_key_pem;
    struct secret token;
    const char *username;
    struct secret password;
    const struct credential_plugin *plugin;
    const char *const *headers; /* "Impersonate-User: jane" and its kin; NULL-terminated */
    size_t header_count;
    /* files that kubeconfig_read takes the above from */
    const char *ca_path, *client_certificate_path, *client_key_path, *token_path;
};

MUST_CHECK err_t kubeconfig_load(
    struct arena *, const struct kubeconfig_query *, struct kubeconfig *ret, struct error *);

/* The merged contents of the files read so far. Starts zeroed. */
struct kubeconfig_set {
    struct kubeconfig_entry *clusters, *users, *contexts; /* newest first */
    const char *current_context, *current_file;
    const char *files; /* "FILE, FILE" for sentences; NULL while there is none */
};

/* Adds the text of one file. The arena must outlive the set, and text too. */
MUST_CHECK err_t kubeconfig_add(struct kubeconfig_set *, struct arena *, const char *file, bytes text, struct error *);
/* Finds the context and puts its cluster and user together. Touches no file. */
MUST_CHECK err_t kubeconfig_resolve(const struct kubeconfig_set *, struct arena *, const struct kubeconfig_query *,
    struct kubeconfig *ret, struct error *);
/* Reads the files named by the _path members. */
MUST_CHECK err_t kubeconfig_read(struct kubeconfig *, struct arena *, struct error *);

/* For users of the set: an entry of a list, whose value is a JSON object. */
struct kubeconfig_entry {
    const char *name, *file;
    const struct json *value;
    struct kubeconfig_entry *next;
};

#endif
