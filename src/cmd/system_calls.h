/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that `coffer serve` may make once it has started: a seccomp filter of the threads to come. */
#ifndef COFFER_CMD_SYSTEM_CALLS_H
#define COFFER_CMD_SYSTEM_CALLS_H

#include "base/error.h"

/* Of the calling thread and those that it starts, for good. What is on no list is EPERM, and in the kernel's audit log;
 * what only an attacker calls (execve, ptrace, mount, bpf ...) ends the process. */
MUST_CHECK err_t system_calls_restrict(struct error *);

#endif
