/* SPDX-License-Identifier: Apache-2.0 */
/* Creating a Pod is not reading a Secret (docs/pod-secrets.md). Who creates or changes a Pod, or the template of what
 * makes Pods, must be allowed get, or the virtual verb mount, on each Secret that it names, and must be allowed to act
 * as the ServiceAccount that it names. Inside src/serve only.
 *
 *   creator                      who must be allowed all of it
 *   anyone                       the creator; and the recorded writer of the object's controller, when it has one
 *   a controller of Kubernetes   the recorded writer of the object's controller; nobody is, when there is none
 */
#ifndef COFFER_SERVE_GUARD_POD_SECRETS_H
#define COFFER_SERVE_GUARD_POD_SECRETS_H

#include "serve/guard.h"

/* May set or drop the annotation of the recorded writer (pod_writer.h). */
guard_function guard_pod_secrets;

#endif
