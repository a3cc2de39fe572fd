/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets without their values: a mark in place of each. */
#ifndef COFFER_KINDS_SECRET_H
#define COFFER_KINDS_SECRET_H

#include "api/object.h"

#define REMOVED_MARK "(removed)" /* docs/compatibility.md names it */

/* kind_rules.redact_metadata, hide and reveal of a Secret. The marks of data are the mark in base64. */
err_t secret_redact_metadata(struct arena *, struct json *metadata, struct error *);
err_t secret_hide(struct arena *, struct json *object, struct error *);
err_t secret_reveal(struct arena *, struct json *object, const struct json *hidden, const struct json *real,
    bytes *ret_field, struct error *);

#endif
