/* SPDX-License-Identifier: Apache-2.0 */
/* The sorts of volume sources, a rule each. Inside of src/kinds. */
#ifndef COFFER_KINDS_POD_VOLUMES_H
#define COFFER_KINDS_POD_VOLUMES_H

#include "kinds/pod.h"

void pod_key_to_path_check(const struct field *item);
void pod_downward_check(const struct field *source, const struct pod_rules_context *);
void pod_projected_check(const struct field *source, const struct pod_rules_context *);

void pod_host_path_check(const struct field *source, const struct pod_rules_context *);
void pod_git_check(const struct field *source, const struct pod_rules_context *);
void pod_partition_check(const struct field *source, const struct pod_rules_context *);
void pod_nfs_check(const struct field *source, const struct pod_rules_context *);
void pod_iscsi_check(const struct field *source, const struct pod_rules_context *);
void pod_flocker_check(const struct field *source, const struct pod_rules_context *);
void pod_cinder_check(const struct field *source, const struct pod_rules_context *);
void pod_quobyte_check(const struct field *source, const struct pod_rules_context *);
void pod_fibre_channel_check(const struct field *source, const struct pod_rules_context *);
void pod_flex_check(const struct field *source, const struct pod_rules_context *);
void pod_azure_disk_check(const struct field *source, const struct pod_rules_context *);

/* The name of a CSI driver. */
void csi_driver_name_check(const struct field *driver);
/* core/v1 NodeSelector: at least one term. */
void node_selector_check(const struct field *selector, bool check_values);
/* The spec of a PersistentVolumeClaim, by itself or as part of another object. */
void persistent_claim_spec_check(const struct field *spec);

#endif
