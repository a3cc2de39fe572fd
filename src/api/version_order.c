/* SPDX-License-Identifier: Apache-2.0 */
#include "api/version_order.h"

#include "base/bytes.h"

struct version_rank {
    bool known;
    unsigned stability; /* 2: none said, 1: beta, 0: alpha */
    uint64_t major, minor;
};

static size_t take_number(bytes text, size_t at, uint64_t *ret)
{
    size_t start = at;
    while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9')
        at++;
    return bytes_to_uint64((bytes){text.p + start, at - start}, ret) && *ret > 0 ? at : 0;
}

static struct version_rank rank(const char *version)
{
    static const char *const stabilities[] = {"alpha", "beta"};
    struct version_rank r = {.stability = 2};
    bytes text = bytes_of(version);
    size_t at = text.n && text.p[0] == 'v' ? take_number(text, 1, &r.major) : 0;
    if (!at)
        return (struct version_rank){0};
    for (unsigned i = 0; at < text.n && i < ARRAY_LEN(stabilities); i++)
        if (bytes_start(bytes_skip(text, at), bytes_of(stabilities[i]))) {
            r.stability = i;
            at = take_number(text, at + strlen(stabilities[i]), &r.minor);
            r.known = at == text.n;
            return r.known ? r : (struct version_rank){0};
        }
    r.known = at == text.n;
    return r.known ? r : (struct version_rank){0};
}

int version_order(const char *a, const char *b)
{
    struct version_rank r = rank(a), s = rank(b);
    if (r.known != s.known)
        return r.known ? -1 : 1;
    if (r.stability != s.stability)
        return r.stability > s.stability ? -1 : 1;
    if (r.major != s.major)
        return r.major > s.major ? -1 : 1;
    if (r.minor != s.minor)
        return r.minor > s.minor ? -1 : 1;
    return strcmp(a, b);
}
