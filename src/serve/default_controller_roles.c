/* SPDX-License-Identifier: Apache-2.0 */
/* Roles for controllers: Coffer's own have the rights that are theirs in Kubernetes, and others can be run beside it.
 */
#include "base/bytes.h"
#include "serve/default_roles.h"

const struct default_role default_controller_roles[] = {
    {.name = "system:controller:attachdetach-controller",
        .rules = "list,watch core persistentvolumeclaims,persistentvolumes\n"
                 "get,list,watch core nodes\n"
                 "patch,update core nodes/status\n"
                 "list,watch core pods\n"
                 "create,patch,update core,events.k8s.io events\n"
                 "create,delete,get,list,watch storage.k8s.io volumeattachments\n"
                 "get,list,watch storage.k8s.io csidrivers\n"
                 "get,list,watch storage.k8s.io csinodes",
        .subjects = "ServiceAccount kube-system/attachdetach-controller"},
    {.name = "system:controller:certificate-controller",
        .rules = "delete,get,list,watch certificates.k8s.io certificatesigningrequests\n"
                 "update certificates.k8s.io certificatesigningrequests/approval,certificatesigningrequests/status\n"
                 "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet\n"
                 "sign certificates.k8s.io signers "
                 "kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/"
                 "kubelet-serving,kubernetes.io/legacy-unknown\n"
                 "create authorization.k8s.io subjectaccessreviews\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/certificate-controller"},
    {.name = "system:controller:clusterrole-aggregation-controller",
        .rules = "escalate,get,list,patch,update,watch rbac.authorization.k8s.io clusterroles",
        .subjects = "ServiceAccount kube-system/clusterrole-aggregation-controller"},
    {.name = "system:controller:cronjob-controller",
        .rules = "get,list,update,watch batch cronjobs\n"
                 "create,delete,get,list,patch,update,watch batch jobs\n"
                 "update batch cronjobs/status\n"
                 "update batch cronjobs/finalizers\n"
                 "delete,list,watch core pods\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/cronjob-controller"},
    {.name = "system:controller:daemon-set-controller",
        .rules = "get,list,watch apps,extensions daemonsets\n"
                 "update apps,extensions daemonsets/status\n"
                 "update apps,extensions daemonsets/finalizers\n"
                 "list,watch core nodes\n"
                 "create,delete,list,patch,watch core pods\n"
                 "create core pods/binding\n"
                 "create,delete,get,list,patch,update,watch apps controllerrevisions\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/daemon-set-controller"},
    {.name = "system:controller:deployment-controller",
        .rules = "get,list,update,watch apps,extensions deployments\n"
                 "update apps,extensions deployments/status\n"
                 "update apps,extensions deployments/finalizers\n"
                 "create,delete,get,list,patch,update,watch apps,extensions replicasets\n"
                 "get,list,update,watch core pods\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/deployment-controller"},
    {.name = "system:controller:disruption-controller",
        .rules = "get,list,watch apps,extensions deployments\n"
                 "get,list,watch apps,extensions replicasets\n"
                 "get,list,watch core replicationcontrollers\n"
                 "get,list,watch policy poddisruptionbudgets\n"
                 "get,list,watch apps statefulsets\n"
                 "update policy poddisruptionbudgets/status\n"
                 "patch,update core pods/status\n"
                 "get * */scale\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/disruption-controller"},
    {.name = "system:controller:endpoint-controller",
        .rules = "get,list,watch core pods,services\n"
                 "create,delete,get,list,update,watch core endpoints\n"
                 "create core endpoints/restricted\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/endpoint-controller"},
    {.name = "system:controller:endpointslice-controller",
        .rules = "get,list,watch core nodes,pods,services\n"
                 "update core services/finalizers\n"
                 "create,delete,get,list,update,watch discovery.k8s.io endpointslices\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/endpointslice-controller"},
    {.name = "system:controller:endpointslicemirroring-controller",
        .rules = "get,list,watch core endpoints,services\n"
                 "update core services/finalizers\n"
                 "update core endpoints/finalizers\n"
                 "create,delete,get,list,update,watch discovery.k8s.io endpointslices\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/endpointslicemirroring-controller"},
    {.name = "system:controller:ephemeral-volume-controller",
        .rules = "get,list,watch core pods\n"
                 "update core pods/finalizers\n"
                 "create,get,list,watch core persistentvolumeclaims\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/ephemeral-volume-controller"},
    {.name = "system:controller:expand-controller",
        .rules = "get,list,patch,update,watch core persistentvolumes\n"
                 "patch,update core persistentvolumeclaims/status\n"
                 "get,list,watch core persistentvolumeclaims\n"
                 "create,patch,update core,events.k8s.io events\n"
                 "get core services",
        .subjects = "ServiceAccount kube-system/expand-controller"},
    {.name = "system:controller:generic-garbage-collector",
        .rules = "delete,get,list,patch,update,watch * *\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/generic-garbage-collector"},
    {.name = "system:controller:horizontal-pod-autoscaler",
        .rules = "get,list,watch autoscaling horizontalpodautoscalers\n"
                 "update autoscaling horizontalpodautoscalers/status\n"
                 "get,update * */scale\n"
                 "list,watch core pods\n"
                 "list,watch metrics.k8s.io pods\n"
                 "get,list,watch custom.metrics.k8s.io *\n"
                 "get,list,watch external.metrics.k8s.io *\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/horizontal-pod-autoscaler"},
    {.name = "system:controller:job-controller",
        .rules = "get,list,patch,update,watch batch jobs\n"
                 "update batch jobs/status\n"
                 "update batch jobs/finalizers\n"
                 "create,delete,list,patch,watch core pods\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/job-controller"},
    {.name = "system:controller:legacy-service-account-token-cleaner",
        .rules = "get core configmaps kube-apiserver-legacy-service-account-token-tracking\n"
                 "delete,patch core secrets",
        .subjects = "ServiceAccount kube-system/legacy-service-account-token-cleaner"},
    {.name = "system:controller:namespace-controller",
        .rules = "delete,get,list,watch core namespaces\n"
                 "update core namespaces/finalize,namespaces/status\n"
                 "delete,deletecollection,get,list,watch * *",
        .subjects = "ServiceAccount kube-system/namespace-controller"},
    {.name = "system:controller:node-controller",
        .rules = "delete,get,list,patch,update,watch core nodes\n"
                 "patch,update core nodes/status\n"
                 "patch,update core pods/status\n"
                 "delete,get,list,watch core pods\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/node-controller"},
    {.name = "system:controller:persistent-volume-binder",
        .rules = "create,delete,get,list,update,watch core persistentvolumes\n"
                 "update core persistentvolumes/status\n"
                 "get,list,update,watch core persistentvolumeclaims\n"
                 "update core persistentvolumeclaims/status\n"
                 "create,delete,get,list,watch core pods\n"
                 "get,list,watch storage.k8s.io storageclasses\n"
                 "list,watch core nodes\n"
                 "create,patch,update core,events.k8s.io events\n"
                 "watch core events\n"
                 "get core services",
        .subjects = "ServiceAccount kube-system/persistent-volume-binder"},
    {.name = "system:controller:pod-garbage-collector",
        .rules = "delete,list,watch core pods\n"
                 "get,list,watch core nodes\n"
                 "patch core pods/status",
        .subjects = "ServiceAccount kube-system/pod-garbage-collector"},
    {.name = "system:controller:pv-protection-controller",
        .rules = "get,list,update,watch core persistentvolumes\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/pv-protection-controller"},
    {.name = "system:controller:pvc-protection-controller",
        .rules = "get,list,update,watch core persistentvolumeclaims\n"
                 "get,list,watch core pods\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/pvc-protection-controller"},
    {.name = "system:controller:replicaset-controller",
        .rules = "get,list,update,watch apps,extensions replicasets\n"
                 "update apps,extensions replicasets/status\n"
                 "update apps,extensions replicasets/finalizers\n"
                 "create,delete,list,patch,watch core pods\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/replicaset-controller"},
    {.name = "system:controller:replication-controller",
        .rules = "get,list,update,watch core replicationcontrollers\n"
                 "update core replicationcontrollers/status\n"
                 "update core replicationcontrollers/finalizers\n"
                 "create,delete,list,patch,watch core pods\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/replication-controller"},
    {.name = "system:controller:resource-claim-controller",
        .rules = "get,list,watch core pods\n"
                 "update core pods/finalizers\n"
                 "create,delete,get,list,watch resource.k8s.io resourceclaims\n"
                 "patch,update resource.k8s.io resourceclaims,resourceclaims/status\n"
                 "patch,update core pods/status\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/resource-claim-controller"},
    {.name = "system:controller:resourcequota-controller",
        .rules = "list,watch * *\n"
                 "update core resourcequotas/status\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/resourcequota-controller"},
    {.name = "system:controller:root-ca-cert-publisher",
        .rules = "create,update core configmaps\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/root-ca-cert-publisher"},
    {.name = "system:controller:route-controller",
        .rules = "list,watch core nodes\n"
                 "patch core nodes/status\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/route-controller"},
    {.name = "system:controller:selinux-warning-controller",
        .rules = "create,patch,update core,events.k8s.io events\n"
                 "get,list,watch core persistentvolumes\n"
                 "get,list,watch core persistentvolumeclaims\n"
                 "get,list,watch core pods\n"
                 "get,list,watch storage.k8s.io csidrivers",
        .subjects = "ServiceAccount kube-system/selinux-warning-controller"},
    {.name = "system:controller:service-account-controller",
        .rules = "create core serviceaccounts\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/service-account-controller"},
    {.name = "system:controller:service-cidrs-controller",
        .rules = "get,list,patch,update,watch networking.k8s.io servicecidrs\n"
                 "patch,update networking.k8s.io servicecidrs/finalizers\n"
                 "patch,update networking.k8s.io servicecidrs/status\n"
                 "get,list,watch networking.k8s.io ipaddresses\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/service-cidrs-controller"},
    {.name = "system:controller:service-controller",
        .rules = "get,list,watch core services\n"
                 "patch,update core services/status\n"
                 "list,watch core nodes\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/service-controller"},
    {.name = "system:controller:statefulset-controller",
        .rules = "list,watch core pods\n"
                 "get,list,watch apps statefulsets\n"
                 "update apps statefulsets/status\n"
                 "update apps statefulsets/finalizers\n"
                 "create,delete,get,patch,update core pods\n"
                 "create,delete,get,list,patch,update,watch apps controllerrevisions\n"
                 "create,get,list,watch core persistentvolumeclaims\n"
                 "create,patch,update core,events.k8s.io events\n"
                 "delete,update core persistentvolumeclaims\n"
                 "update core pods/finalizers",
        .subjects = "ServiceAccount kube-system/statefulset-controller"},
    {.name = "system:controller:ttl-after-finished-controller",
        .rules = "delete,get,list,watch batch jobs\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/ttl-after-finished-controller"},
    {.name = "system:controller:ttl-controller",
        .rules = "list,patch,update,watch core nodes\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/ttl-controller"},
    {.name = "system:controller:validatingadmissionpolicy-status-controller",
        .rules = "get,list,watch admissionregistration.k8s.io validatingadmissionpolicies\n"
                 "get,patch,update admissionregistration.k8s.io validatingadmissionpolicies/status\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/validatingadmissionpolicy-status-controller"},
    {.name = "system:controller:volumeattributesclass-protection-controller",
        .rules = "get,list,watch core persistentvolumeclaims\n"
                 "get,list,watch core persistentvolumes\n"
                 "get,list,update,watch storage.k8s.io volumeattributesclasses\n"
                 "create,patch,update core,events.k8s.io events",
        .subjects = "ServiceAccount kube-system/volumeattributesclass-protection-controller"},
};
const size_t default_controller_role_count = ARRAY_LEN(default_controller_roles);
