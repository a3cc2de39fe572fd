/* SPDX-License-Identifier: Apache-2.0 */
/* The part of coffer serve that is about tokens: which are accepted, and by which keys. */
#ifndef COFFER_CMD_SERVE_TOKENS_H
#define COFFER_CMD_SERVE_TOKENS_H

#include "atrest/atrest.h"
#include "cmd/command.h"
#include "store/store.h"

struct serve_token_options {
    const char *signing_key_file, *jwks_uri, *token_file, *config_file;
    struct option_list key_files, issuers, audiences;
    uint64_t longest_ms, key_lifetime_ms;
    bool anonymous, anonymous_given;
};

/* ERR_BAD_REQUEST for wrong usage. */
MUST_CHECK err_t serve_tokens_check(const struct serve_token_options *, struct error *);
/* Sets up authentication by tokens, before the loops run. Texts and places are borrowed until serve_tokens_close.
 * address is numeric. Blocks. */
MUST_CHECK err_t serve_tokens_open(struct arena *, const struct serve_token_options *, struct store *, struct atrest *,
    const char *address, uint16_t port, struct error *);
/* Reads the files of keys and tokens again, makes the key that is due. What fails leaves what was in force. Blocks, one
 * at a time. */
MUST_CHECK err_t serve_tokens_renew(struct error *);
/* The same for the issuers of ID tokens. */
MUST_CHECK err_t serve_tokens_reload(struct error *);
/* For controllers (control.h): what a Secret holds as the token of an account. Blocks. */
MUST_CHECK err_t serve_tokens_sign(
    struct arena *, bytes namespace, bytes account, bytes uid, bytes secret, bytes *ret, struct error *);
/* When no loop runs any more. */
void serve_tokens_close(void);

#endif
