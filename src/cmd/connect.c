/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/connect.h"

#include "client/credential_plugin.h"
#include "client/server_url.h"
#include "crypt/setup.h"
#include "net/http_client.h"

err_t command_connect(const struct command *command, struct kubeconfig *k, struct arena *arena, struct api_client **ret,
    struct error *error)
{
    if (k->plugin)
        TRY(credential_plugin_run(k, arena, error));
    if (k->insecure_skip_tls_verify)
        command_warn(command, "cluster \"%s\" is not verified: insecure-skip-tls-verify", k->cluster);
    if (strncmp(k->server, "http://", 7) == 0 && !server_url_is_loopback(k->server))
        command_warn(command, "%s is not encrypted: Secrets cross the network in clear", k->server);
    TRY(crypt_setup(error));
    TRY(http_client_global(error));
    return api_client_new(k, arena, ret, error);
}
