/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of an answer: what Accept asks for, Tables, PartialObjectMetadata. */
#ifndef COFFER_API_PRESENT_H
#define COFFER_API_PRESENT_H

#include "api/object.h"

enum form { FORM_OBJECT, FORM_TABLE, FORM_PARTIAL, FORM_PARTIAL_LIST };

struct presentation {
    enum form form;
    bool v1beta1;                                                    /* meta.k8s.io version of Table and Partial */
    enum { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT } include; /* Table's includeObject */
    bool pretty; /* ?pretty=true, and user agents of browsers, curl and wget */
};

/* Picks by Accept (q values and parameters as kube-apiserver: see golden 011-019, 447-449). ERR_NOT_ACCEPTABLE with its
 * sentence. list: for a collection; watch too. */
MUST_CHECK err_t presentation_choose(
    bytes accept, bytes user_agent, bytes pretty, bool list, bool watch, struct presentation *ret, struct error *);
/* Whether an error to such a request is indented: pretty was asked for, or nothing that plain JSON could answer to
 * (then, as kube-apiserver does, without a newline at the end, as all that is indented). */
bool presentation_error_pretty(bytes accept, bytes user_agent, bytes pretty);
/* includeObject of a Table; bad: ERR_BAD_REQUEST. */
MUST_CHECK err_t presentation_include(bytes include_object, struct presentation *, struct error *);

/* Content-Type value of the form. */
bytes presentation_content_type(const struct presentation *);

/* One object in its form, complete with resourceVersion (none for revision 0); with columns for a Table. No newline.
 * ERR_NOT_ACCEPTABLE when the form is one of lists. pretty is applied by the caller by json_write_pretty. */
MUST_CHECK err_t present_object(struct arena *, struct buffer *, const struct presentation *, const struct kind *,
    bytes text, uint64_t revision, bool with_columns, struct error *);
/* Head of a list up to and with "items":[ or "rows":[; an element of it (no comma); the tail, without a newline.
 * continue_token and remaining (< 0: none) go into metadata. */
void present_list_head(struct buffer *, const struct presentation *, const struct kind *, uint64_t revision,
    bytes continue_token, int64_t remaining);
MUST_CHECK err_t present_item(struct arena *, struct buffer *, const struct presentation *, const struct kind *,
    bytes text, uint64_t revision, struct error *);
void present_list_tail(struct buffer *, const struct presentation *);

/* ---- Cells of Tables. */
/* The cells of a row after the name, each with a comma before it: the kind's own, or by the paths of its columns; a
 * column without one shows the age. now: wall seconds. */
void present_cells(struct arena *, struct buffer *, const struct kind *, const struct json *object, int64_t now);
/* A comma and the time since creationTimestamp. */
void put_age_cell(struct buffer *, const struct json *object, int64_t now);

#endif
