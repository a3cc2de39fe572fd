/* SPDX-License-Identifier: Apache-2.0 */
/* API priority and fairness (kubernetes-api.md 8, KEP-1040): which priority level a request belongs to, and which flow
 * of that, by the FlowSchemas and PriorityLevelConfigurations of flowcontrol.apiserver.k8s.io/v1, compiled into a
 * published snapshot.
 *
 *   request ──the first that matches, by precedence──> schema ──by name──> level ──> how much, and how many turns
 *
 * As upstream: a schema whose level is not there matches nothing; system:masters are exempt; what no schema matches is
 * of the level catch-all, whether or not somebody stored one. Rules for paths that are no resource are not asked:
 * documents and probes are answered on the spot. */
#ifndef COFFER_ACCESS_FLOW_CONTROL_H
#define COFFER_ACCESS_FLOW_CONTROL_H

#include "access/authorize.h"
#include "text/json.h"

#define FLOW_LEVELS 32 /* with numbers of their own; further ones share the last */
#define FLOW_SEATS                                                                                                     \
    600 /* that levels have shares of: kube-apiserver's --max-requests-inflight and its mutating ones                  \
         */
#define FLOW_UID_LIMIT 64

struct flow_class {
    char schema_uid[FLOW_UID_LIMIT], level_uid[FLOW_UID_LIMIT]; /* "": of what nobody stored */
    bytes distinguisher; /* which flow of the schema: the request's user or namespace; empty: it has one */
    unsigned level;      /* below FLOW_LEVELS */
    unsigned weight;     /* of its turns, against other levels'; at least 1 */
    bool exempt;         /* from both bounds: */
    unsigned most;       /* requests of the level that may be under way, waiting ones with them */
    unsigned flow_most;  /* the same of one flow */
};

/* What the request belongs to. Takes no lock and allocates nothing; ret borrows from the request's attributes. */
void flow_classify(const struct attributes *, struct flow_class *ret);

/* ---- Changing, by whoever follows the store: one thread at a time. */

/* The object of that name; NULL: it is gone. In force for whoever classifies after. Without memory nothing changed. */
MUST_CHECK err_t flow_schema_put(bytes name, const struct json *object, struct error *);
MUST_CHECK err_t flow_level_put(bytes name, const struct json *object, struct error *);

#endif
