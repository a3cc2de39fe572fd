/* SPDX-License-Identifier: Apache-2.0 */
/* Time: wall clock for what clients see, monotonic for what we measure. */
#ifndef COFFER_BASE_CLOCK_H
#define COFFER_BASE_CLOCK_H

#include "base/bytes.h"

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
int64_t clock_wall_seconds(void);

/* RFC 3339 in UTC with whole seconds, as Kubernetes prints metav1.Time: 2026-01-02T03:04:05Z and a NUL. */
#define CLOCK_RFC3339_SIZE 21
void clock_format(int64_t seconds, char ret[CLOCK_RFC3339_SIZE]);
/* With six fractional digits (metav1.MicroTime, audit): 2026-01-02T03:04:05.000006Z and a NUL. */
#define CLOCK_RFC3339_MICRO_SIZE 28
void clock_format_micro(int64_t seconds, uint32_t microseconds, char ret[CLOCK_RFC3339_MICRO_SIZE]);
/* IMF-fixdate for HTTP's Date (RFC 9110): Sun, 06 Nov 1994 08:49:37 GMT and a NUL. */
#define CLOCK_HTTP_SIZE 30
void clock_format_http(int64_t seconds, char ret[CLOCK_HTTP_SIZE]);
/* Strict RFC 3339, any offset, fraction ignored. False when malformed or out of range. */
MUST_CHECK bool clock_parse(bytes text, int64_t *ret_seconds);

#endif
