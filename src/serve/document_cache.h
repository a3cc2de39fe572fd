/* SPDX-License-Identifier: Apache-2.0 */
/* Documents about the registry of kinds, made on the writers pool when first asked for, kept compressed, shared by all
 * loops, and dropped when nobody has asked for some minutes or the registry has others. Inside src/serve only.
 *
 *   request ──> entry ──> document <── requests that answer with it
 *                 └─ building: requests wait, and go on when it is made */
#ifndef COFFER_SERVE_DOCUMENT_CACHE_H
#define COFFER_SERVE_DOCUMENT_CACHE_H

#include "serve/request.h"

enum document_type {
    DOCUMENT_CORE,   /* aggregated discovery of /api */
    DOCUMENT_GROUPS, /* and of /apis */
    DOCUMENT_V2_JSON,
    DOCUMENT_V2_PROTOBUF,
    DOCUMENT_V3_INDEX,
    DOCUMENT_V3, /* of one group version */
};

/* A SHA-256 in hexadecimal. */
#define DOCUMENT_TAG_SIZE 64

struct kept_document {
    atomic_uint references;
    char tag[DOCUMENT_TAG_SIZE]; /* of the plain text */
    size_t plain_size;
    bytes packed; /* gzip */
};

struct document_cache;
MUST_CHECK struct document_cache *document_cache_new(void);
/* After the loops and the pool have ended; accepts NULL. */
void document_cache_free(struct document_cache *);

/* request.document: STEP_NEXT; it is released when the request ends. STEP_WAIT: it is being made, and the step that
 * called is run again then. kinds: the group version's of DOCUMENT_V3. On a loop's thread. */
enum step_result kept_document_get(struct request *, enum document_type, const struct kind *const *kinds, size_t count);
/* Any thread; accepts NULL. */
void kept_document_release(struct kept_document *);

#endif
