/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of an answer: what Accept asks for, Tables, PartialObjectMetadata, in JSON, YAML or protobuf. */
#ifndef COFFER_API_PRESENT_H
#define COFFER_API_PRESENT_H

#include "api/encode.h"
#include "api/object.h"

enum form { FORM_OBJECT, FORM_TABLE, FORM_PARTIAL, FORM_PARTIAL_LIST };

struct presentation {
    enum encoding encoding;
    enum form form;
    bool v1beta1;                                                    /* meta.k8s.io version of Table and Partial */
    enum { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT } include; /* Table's includeObject */
    bool metadata_only; /* for who may not see the object: nothing in its metadata tells values either */
    bool pretty;        /* ?pretty=true, and user agents of browsers, curl and wget */
};

/* Picks by Accept (q values and parameters as kube-apiserver: see golden 011-019, 447-449; but JSON comes before
 * protobuf where both are taken). ERR_NOT_ACCEPTABLE with its sentence. kind may be NULL. list: for a collection; watch
 * too. */
MUST_CHECK err_t presentation_choose(bytes accept, bytes user_agent, bytes pretty, const struct kind *kind, bool list,
    bool watch, struct presentation *ret, struct error *);
/* Of an error to such a request: its encoding, and whether it is indented: pretty was asked for, or nothing that such
 * an answer could be given as (then, as kube-apiserver does, without a newline at the end, as all that is indented). */
void presentation_of_error(bytes accept, bytes user_agent, bytes pretty, struct presentation *ret);
/* includeObject of a Table; bad: ERR_BAD_REQUEST. */
MUST_CHECK err_t presentation_include(bytes include_object, struct presentation *, struct error *);

/* Content-Type value of the form. */
bytes presentation_content_type(const struct presentation *, bool watch);

/* One object in its form, complete with resourceVersion (none for revision 0); with columns for a Table. JSON has no
 * newline at the end, YAML has one. ERR_NOT_ACCEPTABLE when the form is one of lists. pretty is applied by the caller
 * by json_write_pretty. */
MUST_CHECK err_t present_object(struct arena *, struct buffer *, const struct presentation *, const struct kind *,
    bytes text, uint64_t revision, bool with_columns, struct error *);

/* What a list says beside its items. */
struct present_list {
    const struct presentation *presentation;
    const struct kind *kind;
    uint64_t revision;
    bytes continue_token;
    int64_t remaining; /* below 0: none */
    uint64_t size;     /* protobuf alone: of all items as present_item writes them; to be known before the head */
};
/* The head of a list, up to its items; one item, with what separates it from the one before unless it is the first; the
 * tail. JSON has no newline at the end, YAML has one. */
MUST_CHECK err_t present_list_head(struct arena *, struct buffer *, const struct present_list *, struct error *);
MUST_CHECK err_t present_item(struct arena *, struct buffer *, const struct present_list *, bool first, bytes text,
    uint64_t revision, struct error *);
MUST_CHECK err_t present_list_tail(
    struct arena *, struct buffer *, const struct present_list *, bool empty, struct error *);

/* ---- Inside src/api: JSON, which the other encodings are made from. */
MUST_CHECK err_t present_json(struct arena *, struct buffer *, const struct presentation *, const struct kind *,
    bytes text, uint64_t revision, bool with_columns, struct error *);
MUST_CHECK err_t present_json_item(struct arena *, struct buffer *, const struct presentation *, const struct kind *,
    bytes text, uint64_t revision, struct error *);
void present_json_head(struct buffer *, const struct present_list *);
void present_json_tail(struct buffer *, const struct present_list *);
/* A protobuf message of the object or of its metadata, as the form has it, without its envelope. */
MUST_CHECK err_t present_message(struct arena *, struct buffer *, const struct presentation *, const struct kind *,
    bytes text, uint64_t revision, struct error *);
/* apiVersion and kind of one object in its form. */
void present_type(
    struct arena *, const struct presentation *, const struct kind *, bytes *ret_api_version, bytes *ret_kind);

/* ---- Cells of Tables. */
/* The cells of a row after the name, each with a comma before it: the kind's own, or by the paths of its columns; a
 * column without one shows the age. now: wall seconds. */
void present_cells(struct arena *, struct buffer *, const struct kind *, const struct json *object, int64_t now);
/* A comma and the time since creationTimestamp. */
void put_age_cell(struct buffer *, const struct json *object, int64_t now);

#endif
