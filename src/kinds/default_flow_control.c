/* SPDX-License-Identifier: Apache-2.0 */
/* The FlowSchemas and PriorityLevelConfigurations of Kubernetes 1.34. */
#include "kinds/default_flow_control.h"

#include "api/builtin_kinds.h"
#include "base/bytes.h"

#define EVERY_RESOURCE "{verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*']}"
#define EVERYTHING     "resourceRules: [" EVERY_RESOURCE "], nonResourceRules: [{verbs: ['*'], nonResourceURLs: ['*']}]"
#define GROUP(name)    "{kind: Group, group: {name: '" name "'}}"
#define USER(name)     "{kind: User, user: {name: '" name "'}}"
#define SYSTEM         "{kind: ServiceAccount, serviceAccount: {namespace: kube-system, name: '*'}}"
#define EVERYONE       GROUP("system:unauthenticated") ", " GROUP("system:authenticated")
#define LEASES(verbs)  "{verbs: [" verbs "], apiGroups: [coordination.k8s.io], resources: [leases], namespaces: ['*']}"

#define SCHEMA(level, precedence, rules)                                                                               \
    "priorityLevelConfiguration: {name: " level "}, matchingPrecedence: " precedence ", rules: [{" rules "}]"
#define BY_USER      ", distinguisherMethod: {type: ByUser}"
#define BY_NAMESPACE ", distinguisherMethod: {type: ByNamespace}"

#define QUEUED(shares, lendable, queues, hand_size)                                                                    \
    "type: Limited, limited: {nominalConcurrencyShares: " shares ", lendablePercent: " lendable                        \
    ", limitResponse: {type: Queue, queuing: {queues: " queues ", handSize: " hand_size ", queueLengthLimit: 50}}}"

const struct default_flow_object default_flow_objects[] = {
    {&priority_level_configuration_kind, "exempt", true,
        "type: Exempt, exempt: {nominalConcurrencyShares: 0, lendablePercent: 0}"},
    {&priority_level_configuration_kind, "catch-all", true,
        "type: Limited, limited: {nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: {type: Reject}}"},
    {&priority_level_configuration_kind, "system", false, QUEUED("30", "33", "64", "6")},
    {&priority_level_configuration_kind, "node-high", false, QUEUED("40", "25", "64", "6")},
    {&priority_level_configuration_kind, "leader-election", false, QUEUED("10", "0", "16", "4")},
    {&priority_level_configuration_kind, "workload-high", false, QUEUED("40", "50", "128", "6")},
    {&priority_level_configuration_kind, "workload-low", false, QUEUED("100", "90", "128", "6")},
    {&priority_level_configuration_kind, "global-default", false, QUEUED("20", "50", "128", "6")},

    {&flow_schema_kind, "exempt", true, SCHEMA("exempt", "1", "subjects: [" GROUP("system:masters") "], " EVERYTHING)},
    {&flow_schema_kind, "probes", false,
        SCHEMA("exempt", "2",
            "subjects: [" EVERYONE
            "], nonResourceRules: [{verbs: [get], nonResourceURLs: [/healthz, /readyz, /livez]}]")},
    {&flow_schema_kind, "system-leader-election", false,
        SCHEMA("leader-election", "100",
            "subjects: [" USER("system:kube-controller-manager") ", " USER(
                "system:kube-scheduler") ", " SYSTEM "], resourceRules: [" LEASES("get, create, update") "]") BY_USER},
    {&flow_schema_kind, "system-node-high", false,
        SCHEMA("node-high", "400",
            "subjects: [" GROUP(
                "system:nodes") "], resourceRules: [{verbs: ['*'], apiGroups: [''], "
                                "resources: [nodes, nodes/status], clusterScope: true, namespaces: ['*']}, " LEASES(
                                    "'*'") "]") BY_USER},
    {&flow_schema_kind, "system-nodes", false,
        SCHEMA("system", "500", "subjects: [" GROUP("system:nodes") "], " EVERYTHING) BY_USER},
    {&flow_schema_kind, "kube-controller-manager", false,
        SCHEMA("workload-high", "800", "subjects: [" USER("system:kube-controller-manager") "], " EVERYTHING)
            BY_NAMESPACE},
    {&flow_schema_kind, "kube-scheduler", false,
        SCHEMA("workload-high", "800", "subjects: [" USER("system:kube-scheduler") "], " EVERYTHING) BY_NAMESPACE},
    {&flow_schema_kind, "kube-system-service-accounts", false,
        SCHEMA("workload-high", "900", "subjects: [" SYSTEM "], " EVERYTHING) BY_NAMESPACE},
    {&flow_schema_kind, "service-accounts", false,
        SCHEMA("workload-low", "9000", "subjects: [" GROUP("system:serviceaccounts") "], " EVERYTHING) BY_USER},
    {&flow_schema_kind, "global-default", false,
        SCHEMA("global-default", "9900", "subjects: [" EVERYONE "], " EVERYTHING) BY_USER},
    {&flow_schema_kind, "catch-all", true,
        SCHEMA("catch-all", "10000", "subjects: [" EVERYONE "], " EVERYTHING) BY_USER},
};
const size_t default_flow_object_count = ARRAY_LEN(default_flow_objects);
