/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption at rest. Every stored value is what a provider of an EncryptionConfiguration writes; the prefix names the
 * provider (docs/security.md; formats: Kubernetes' encryption-at-rest documentation and KEP-3299). The key path of the
 * object, such as /registry/secrets/default/g1, is bound in as additional data.
 *
 *   stored value ──prefix──> provider in the chain ──open──> plaintext    reads try all whose prefix matches
 *   plaintext ──first provider──seal──> stored value                      writes use the first
 */
#ifndef COFFER_ATREST_ATREST_H
#define COFFER_ATREST_ATREST_H

#include "base/arena.h"

struct atrest;

/* A provider. seal and open run on any thread, also on event loops: they must not block when the key is at hand. */
struct atrest_provider {
    const char *kind; /* "kms v2", "aesgcm" ... for messages */
    bytes prefix;     /* "k8s:enc:kms:v2:coffer:" */
    /* Appends to ret what follows the prefix. */
    err_t (*seal)(
        struct atrest_provider *, struct arena *, bytes path, bytes plain, struct buffer *ret, struct error *);
    /* stored is what follows the prefix. *ret_stale: readable, but not what seal would use now. ERR_UNREADABLE names
     * the key. */
    err_t (*open)(struct atrest_provider *, struct arena *, bytes path, bytes stored, bytes *ret_plain, bool *ret_stale,
        struct error *);
    void (*free)(struct atrest_provider *);
};

/* Takes the providers over, also on failure. At least one. */
MUST_CHECK struct atrest *atrest_new(struct atrest_provider *const *, size_t count);
void atrest_free(struct atrest *);

/* Thread-safe. The result lives in the arena. */
MUST_CHECK err_t atrest_seal(struct atrest *, struct arena *, bytes path, bytes plain, bytes *ret, struct error *);
/* ERR_UNREADABLE with a sentence that says which key is missing ("no key k1 for provider ..."): the value can't be
 * opened by any provider. A value without a known prefix is ERR_UNREADABLE too: plaintext is not accepted silently. */
MUST_CHECK err_t atrest_open(
    struct atrest *, struct arena *, bytes path, bytes stored, bytes *ret_plain, bool *ret_stale, struct error *);

#endif
