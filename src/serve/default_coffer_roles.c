/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual verbs for those who hold more than they say; and what Coffer's controllers do themselves that in
 * Kubernetes other components do for them: reading what they watch, the Service of the API, definitions, old Events. */
#include "base/bytes.h"
#include "serve/default_roles.h"

const struct default_role default_coffer_roles[] = {
    {.name = "coffer:aggregate-to-edit",
        .aggregates_to = "edit",
        .rules = "list-metadata,mount core secrets\n"
                 "use core serviceaccounts"},
    {.name = "coffer:secret-names", .rules = "list-metadata core secrets"},
    {.name = "coffer:controller:certificate-controller",
        .rules = "list-metadata core nodes",
        .subjects = "ServiceAccount kube-system/certificate-controller"},
    {.namespace = "kube-system",
        .name = "coffer:controller:certificate-controller",
        .rules = "list-metadata core secrets",
        .subjects = "ServiceAccount kube-system/certificate-controller"},
    {.name = "coffer:controller:custom-resource-definition-controller",
        .rules = "get,list,update,watch apiextensions.k8s.io customresourcedefinitions\n"
                 "update apiextensions.k8s.io customresourcedefinitions/status\n"
                 "delete,deletecollection,list * *",
        .subjects = "ServiceAccount kube-system/custom-resource-definition-controller"},
    {.name = "coffer:controller:event-controller",
        .rules = "delete,get,list,watch core events",
        .subjects = "ServiceAccount kube-system/event-controller"},
    {.name = "coffer:controller:flow-schema-controller",
        .rules = "get,list,watch flowcontrol.apiserver.k8s.io flowschemas,prioritylevelconfigurations\n"
                 "update flowcontrol.apiserver.k8s.io flowschemas/status",
        .subjects = "ServiceAccount kube-system/flow-schema-controller"},
    {.namespace = "default",
        .name = "coffer:controller:kubernetes-service-controller",
        .rules = "create,delete,get,list,update,watch core endpoints,services\n"
                 "create,delete,get,list,update,watch discovery.k8s.io endpointslices",
        .subjects = "ServiceAccount kube-system/kubernetes-service-controller"},
    {.name = "coffer:controller:kubernetes-service-controller",
        .rules = "list,watch core endpoints,services kubernetes\n"
                 "list,watch discovery.k8s.io endpointslices kubernetes",
        .subjects = "ServiceAccount kube-system/kubernetes-service-controller"},
    {.name = "coffer:controller:root-ca-cert-publisher",
        .rules = "get,list,watch core configmaps,namespaces",
        .subjects = "ServiceAccount kube-system/root-ca-cert-publisher"},
    {.name = "coffer:controller:service-account-controller",
        .rules = "get,list,watch core namespaces,serviceaccounts",
        .subjects = "ServiceAccount kube-system/service-account-controller"},
    {.name = "coffer:controller:tokens-controller",
        .rules = "delete,get,list,update,watch core secrets\n"
                 "get,list,update,watch core serviceaccounts",
        .subjects = "ServiceAccount kube-system/tokens-controller"},
};
const size_t default_coffer_role_count = ARRAY_LEN(default_coffer_roles);
