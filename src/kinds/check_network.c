/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/check_network.h"

#include "api/custom_names.h"

#include <arpa/inet.h>

#define WILDCARD                                                                                                       \
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "    \
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', "    \
    "regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

/* ---- Addresses */

static bool address_of(bytes text, unsigned char ret[16], unsigned *ret_bits)
{
    char copy[INET6_ADDRSTRLEN];
    if (!text.n || text.n >= sizeof(copy) || memchr(text.p, 0, text.n))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    bool v4 = inet_pton(AF_INET, copy, ret) == 1;
    *ret_bits = v4 ? 32 : 128;
    return v4 || inet_pton(AF_INET6, copy, ret) == 1;
}

bool is_ip(bytes text)
{
    unsigned char address[16];
    unsigned bits;
    return address_of(text, address, &bits);
}

static bool range_of(bytes text, unsigned char ret[16], unsigned *ret_bits, uint64_t *ret_length)
{
    size_t slash = bytes_find(text, '/');
    return slash < text.n && address_of((bytes){text.p, slash}, ret, ret_bits) &&
           bytes_to_uint64(bytes_skip(text, slash + 1), ret_length) && *ret_length <= *ret_bits;
}

static bool is_within(const unsigned char address[16], const unsigned char network[16], uint64_t length)
{
    for (uint64_t i = 0; i < length; i++)
        if ((address[i / 8] ^ network[i / 8]) & 0x80 >> i % 8)
            return false;
    return true;
}

bool cidr_contains(bytes outer, bytes inner)
{
    unsigned char a[16], b[16];
    unsigned a_bits, b_bits;
    uint64_t a_length, b_length;
    if (!range_of(outer, a, &a_bits, &a_length) || !range_of(inner, b, &b_bits, &b_length) || a_bits != b_bits ||
        b_length <= a_length)
        return false;
    return is_within(b, a, a_length);
}

void check_endpoint_address(const struct field *field)
{
    static const struct {
        const char *ranges[2], *sentence;
    } forbidden[] = {{{"127.0.0.0/8", "::1/128"}, "may not be in the loopback range (127.0.0.0/8, ::1/128)"},
        {{"169.254.0.0/16", "fe80::/10"}, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"},
        {{"224.0.0.0/24", "ff02::/16"}, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"}};
    unsigned char address[16], network[16];
    static const unsigned char zero[16];
    unsigned bits, of_bits;
    uint64_t length;
    if (!address_of(field_text(field), address, &bits))
        return;
    if (memcmp(address, zero, bits / 8) == 0)
        field_invalid(field, "may not be unspecified (%.*s)", BYTES_FMT(field_text(field)));
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
        if (range_of(bytes_of(forbidden[i].ranges[bits == 128]), network, &of_bits, &length) &&
            is_within(address, network, length))
            field_invalid(field, "%s", forbidden[i].sentence);
}

/* ---- Names */

void check_port_name(const struct field *field)
{
    bytes name = field_text(field);
    bool charset = name.n > 0, letter = false, pair = false;
    for (size_t i = 0; i < name.n; i++) {
        bool low = name.p[i] >= 'a' && name.p[i] <= 'z';
        charset = charset && (low || (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '-');
        letter = letter || low;
        pair = pair || (i && name.p[i] == '-' && name.p[i - 1] == '-');
    }
    if (name.n > 15)
        field_invalid(field, "must be no more than 15 characters");
    if (!charset)
        field_invalid(field, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    if (!letter)
        field_invalid(field, "must contain at least one letter (a-z)");
    if (pair)
        field_invalid(field, "must not contain consecutive hyphens");
    if (name.n && (name.p[0] == '-' || name.p[name.n - 1] == '-'))
        field_invalid(field, "must not begin or end with a hyphen");
}

void check_service_name(const struct field *field)
{
    const char *sentences[2];
    size_t n = dns1035_label_errors(field_text(field), sentences);
    for (size_t i = 0; i < n; i++)
        field_invalid(field, "%s", sentences[i]);
}

void check_wildcard_subdomain(const struct field *field)
{
    bytes text = field_text(field);
    struct arena *arena = field->check->arena;
    struct error probe;
    error_init(&probe, arena);
    if (bytes_start(text, BYTES("*.")))
        validate_dns1123_subdomain(arena, bytes_skip(text, 2), false, BYTES(""), &probe);
    if (!bytes_start(text, BYTES("*.")) || probe.cause_count)
        field_invalid(field, "%s", WILDCARD);
}

void check_port_number(const struct field *field)
{
    int64_t port = field_integer(field, 0);
    if (port < 1 || port > 65535)
        field_invalid(field, "must be between 1 and 65535, inclusive");
}
