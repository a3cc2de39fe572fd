/* SPDX-License-Identifier: Apache-2.0 */
#include "access/failed_attempts.h"

#include "base/random.h"

#include <arpa/inet.h>

/* The room that a bucket has, in time. */
#define ROOM_MS ((uint64_t)FAILED_ATTEMPTS_AT_ONCE * FAILED_ATTEMPTS_FILL_MS)

static uint64_t of_ipv4(const uint8_t four[4])
{
    return 0xffff00000000u | (uint64_t)four[0] << 24 | (uint64_t)four[1] << 16 | (uint64_t)four[2] << 8 | four[3];
}

/* Never 0. A listener of [::] sees IPv4 addresses mapped into IPv6. */
static uint64_t place_of(const char *address)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t a[16] = {0};
    uint64_t place = 0;

    if (inet_pton(AF_INET, address, a) == 1)
        return of_ipv4(a);
    if (inet_pton(AF_INET6, address, a) == 1 && memcmp(a, mapped, sizeof mapped) == 0)
        return of_ipv4(a + sizeof mapped);
    for (size_t i = 0; i < 8; i++)
        place = place << 8 | a[i];
    return place ? place : 1;
}

static size_t set_of(struct failed_attempts *f, uint64_t place)
{
    uint64_t h = place ^ f->salt;

    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return (size_t)((h ^ h >> 32) % FAILED_ATTEMPTS_SETS);
}

/* Its own entry, or a free one, or that whose bucket is full first. */
static uint64_t *bucket_of(struct failed_attempts *f, uint64_t place)
{
    size_t set = set_of(f, place), least = 0;

    for (size_t i = 0; i < FAILED_ATTEMPTS_WAYS; i++) {
        if (f->table[set][i].place == place)
            return &f->table[set][i].full_ms;
        if (f->table[set][i].full_ms < f->table[set][least].full_ms)
            least = i;
    }
    f->table[set][least].place = place;
    f->table[set][least].full_ms = 0;
    return &f->table[set][least].full_ms;
}

static bool take_one(uint64_t *full_ms, uint64_t now_ms)
{
    uint64_t from = *full_ms > now_ms ? *full_ms : now_ms;

    if (from + FAILED_ATTEMPTS_FILL_MS > now_ms + ROOM_MS)
        return false;
    *full_ms = from + FAILED_ATTEMPTS_FILL_MS;
    return true;
}

static bool take_line(struct failed_attempts *f, uint64_t now_ms)
{
    if (f->line_second != now_ms / 1000)
        f->lines = 0;
    f->line_second = now_ms / 1000;
    return f->lines++ < FAILED_ATTEMPTS_LINES;
}

void failed_attempts_count(struct failed_attempts *f, const char *address, uint64_t now_ms, struct failed_attempt *ret)
{
    uint64_t place = place_of(address);

    pthread_mutex_lock(&f->lock);
    while (f->salt == 0)
        random_bytes(&f->salt, sizeof f->salt);
    *ret = (struct failed_attempt){.limited = !take_one(bucket_of(f, place), now_ms), .tell = take_line(f, now_ms)};
    ret->untold = f->untold;
    f->untold = ret->tell ? 0 : f->untold + 1;
    pthread_mutex_unlock(&f->lock);
}
