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

/* The body as a tree, an object or an array of operations, at most 100 deep: JSON, or for PATCH_APPLY YAML too (64
 * deep), whose duplicate members stay. ERR_BAD_REQUEST. A JSON patch of more than 10,000 operations: ERR_TOO_LARGE. */
MUST_CHECK err_t patch_parse(struct arena *, enum patch_type, bytes body, struct json **ret, struct error *);
/* The same, and what fieldValidation has against the patch itself: `duplicate field "data.a"`, of which the last one
 * holds, `json patch unknown field "[0].foo"`. At most 100. flaws NULL: nobody asks. PATCH_APPLY has none: decode_tree
 * judges its duplicates. */
MUST_CHECK err_t patch_parse_strict(
    struct arena *, enum patch_type, bytes body, struct warnings *flaws, struct json **ret, struct error *);

/* Each takes a tree and a parsed patch and makes a new tree; children that did not change may be shared with either, so
 * neither may be edited afterwards, and the result may be edited only where json_copy made it one's own.
 * ERR_BAD_REQUEST: the patch is malformed. ERR_INVALID: it does not fit (a failed test, a path that is not there).
 * ERR_UNKNOWN: what kube-apiserver answers with a plain 500, most of what is wrong with a strategic merge.
 *
 * JSON patch: pointers and array indices are read as kube-apiserver reads them (evanphx/json-patch 4): an index may be
 * negative, from the end, or have leading zeros; what is before the first slash is ignored; replacing, testing or
 * copying a member that is not there takes it for null. Copies add up to 3 MiB at most; the result may be 100 deep. */
MUST_CHECK err_t patch_json(
    struct arena *, const struct json *object, const struct json *patch, struct json **ret, struct error *);
MUST_CHECK err_t patch_merge(
    struct arena *, const struct json *object, const struct json *patch, struct json **ret, struct error *);
/* By patch_strategy and patch_merge_key of the schema; directives $patch, $retainKeys, $setElementOrder/x,
 * $deleteFromPrimitiveList/x. Time grows with (n log n) of the longer list, not with the product. */
MUST_CHECK err_t patch_strategic(struct arena *, const struct schema *, const struct json *object,
    const struct json *patch, struct json **ret, struct error *);

#endif
