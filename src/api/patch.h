/* SPDX-License-Identifier: Apache-2.0 */
/* Patches of objects: JSON patch (RFC 6902), JSON merge patch (RFC 7386), Kubernetes' strategic merge patch. They work
 * on the tree of the versioned object, before decoding: the result may hold unknown fields, wrong types and nulls,
 * which decode_tree judges. Server-side apply is managed_fields.h. Sentences as kube-apiserver's (golden 123-155), but
 * none ever shows the object or the patch. */
#ifndef COFFER_API_PATCH_H
#define COFFER_API_PATCH_H

#include "api/decode.h"

enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };

/* Of a Content-Type. custom: a custom resource, which knows no strategic merge. ERR_UNSUPPORTED_MEDIA_TYPE with the
 * list of types. */
MUST_CHECK err_t patch_type_of(bytes content_type, bool custom, enum patch_type *ret, struct error *);

/* The body as a tree: JSON, or for PATCH_APPLY YAML too, which may hold duplicate members only for decode_tree to
 * judge. ERR_BAD_REQUEST. A JSON patch of more than 10,000 operations: ERR_TOO_LARGE. */
MUST_CHECK err_t patch_parse(struct arena *, enum patch_type, bytes body, struct json **ret, struct error *);

/* Each takes a tree and a parsed patch and makes a new tree; children that did not change may be shared with either, so
 * neither may be edited afterwards, and the result may be edited only where json_copy made it one's own.
 * ERR_BAD_REQUEST: the patch is malformed. ERR_INVALID: it does not fit (a failed test, a path that is not there).
 * Copies of a JSON patch add up to 3 MiB at most. */
MUST_CHECK err_t patch_json(
    struct arena *, const struct json *object, const struct json *patch, struct json **ret, struct error *);
MUST_CHECK err_t patch_merge(
    struct arena *, const struct json *object, const struct json *patch, struct json **ret, struct error *);
/* By patch_strategy and patch_merge_key of the schema; directives $patch, $retainKeys, $setElementOrder/x,
 * $deleteFromPrimitiveList/x. Time grows with (n log n) of the longer list, not with the product. */
MUST_CHECK err_t patch_strategic(struct arena *, const struct schema *, const struct json *object,
    const struct json *patch, struct json **ret, struct error *);

#endif
