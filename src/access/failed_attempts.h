/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that were good for nobody, counted by where they came from: an IPv4 address, or the /64 of an IPv6 one,
 * which is what one customer has. A bucket of FAILED_ATTEMPTS_AT_ONCE that fills by one a second; who has emptied it is
 * told to wait when it fails again. Whoever succeeds never comes here, so a valid credential is never refused for the
 * address that it shares with others. The table is bounded: where it is full, the address that failed least makes
 * room. Any thread. */
#ifndef COFFER_ACCESS_FAILED_ATTEMPTS_H
#define COFFER_ACCESS_FAILED_ATTEMPTS_H

#include "base/bytes.h"

#include <pthread.h>

#define FAILED_ATTEMPTS_AT_ONCE 100
#define FAILED_ATTEMPTS_FILL_MS 1000
#define FAILED_ATTEMPTS_LINES   20 /* of the log, a second */

enum { FAILED_ATTEMPTS_SETS = 512, FAILED_ATTEMPTS_WAYS = 8 };

/* All zero but for the lock when new: PTHREAD_MUTEX_INITIALIZER. */
struct failed_attempts {
    pthread_mutex_t lock;
    uint64_t salt; /* so that nobody can choose addresses that share a set; drawn at first use */
    struct {
        uint64_t place;   /* 0: free */
        uint64_t full_ms; /* when its bucket would be full again */
    } table[FAILED_ATTEMPTS_SETS][FAILED_ATTEMPTS_WAYS];
    uint64_t line_second, lines, untold;
};

struct failed_attempt {
    bool limited;    /* answer 429, a second's wait */
    bool tell;       /* write a line of the log */
    uint64_t untold; /* how many were not told since the last that was */
};

/* address: numeric, as the peer's is. now_ms: monotonic. */
void failed_attempts_count(struct failed_attempts *, const char *address, uint64_t now_ms, struct failed_attempt *ret);

#endif
