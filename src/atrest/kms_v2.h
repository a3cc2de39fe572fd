/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' KMS v2 value (KEP-3299): the protobuf message EncryptedObject, in both types that API servers have
 * written.
 *
 *   field 1  encryptedData           type 1: info[32] nonce[12] ciphertext tag[16]; the key is HKDF-Expand(seed, info)
 *                                    type 0: nonce[12] ciphertext tag[16]; the source is the key (Kubernetes 1.27
 * and 1.28) field 2  keyID                   which key of the KMS wrapped the source; public field 3 encryptedDEKSource
 * the wrapped seed (type 1) or key (type 0) field 4  annotations             what the KMS wants back to unwrap it;
 * public field 5  encryptedDEKSourceType
 *
 * AES-256-GCM; the additional data is the object's path in the store. */
#ifndef COFFER_ATREST_KMS_V2_H
#define COFFER_ATREST_KMS_V2_H

#include "base/arena.h"
#include "text/protobuf.h"

#define KMS_V2_SEED_SIZE       32
#define KMS_V2_KEY_ID_MAX      1024
#define KMS_V2_SOURCE_MAX      1024
#define KMS_V2_ANNOTATIONS_MAX 32768 /* keys and values together */

enum kms_v2_type { KMS_V2_KEY = 0, KMS_V2_SEED = 1 };

/* The wrapped source and what is needed to unwrap it. */
struct kms_v2_source {
    enum kms_v2_type type;
    bytes key_id;
    bytes wrapped;
    const struct protobuf_pair *annotations;
    size_t annotation_count;
};

struct kms_v2_object {
    struct kms_v2_source source;
    bytes encrypted_data;
};

/* Reads what follows the prefix; the result points into it. ERR_UNREADABLE, with a sentence without content, when it is
 * malformed or over a limit. */
MUST_CHECK err_t kms_v2_decode(struct arena *, bytes stored, struct kms_v2_object *ret, struct error *);

/* Opens with the unwrapped source. ERR_UNREADABLE when it was changed, moved to another path, or sealed with another
 * source. */
MUST_CHECK err_t kms_v2_open(
    struct arena *, const struct kms_v2_object *, struct secret source, bytes path, bytes *ret_plain, struct error *);

/* Appends plain as an EncryptedObject of type 1 under a fresh key derived from seed. source.type is KMS_V2_SEED. */
MUST_CHECK err_t kms_v2_seal(
    struct buffer *, const struct kms_v2_source *, struct secret seed, bytes path, bytes plain, struct error *);

#endif
