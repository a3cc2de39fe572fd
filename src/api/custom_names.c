/* SPDX-License-Identifier: Apache-2.0 */
#include "api/custom_names.h"

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_lower_or_digit(uint8_t c)
{
    return is_lower(c) || (c >= '0' && c <= '9');
}

static bool is_label(bytes name, bool upper)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = upper && name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i];
        bool end = i + 1 == name.n;
        if (i == 0 ? !is_lower(c) : !is_lower_or_digit(c) && (c != '-' || end))
            return false;
    }
    return name.n > 0;
}

static size_t label_errors(bytes name, bool upper, const char *ret[2])
{
    size_t n = 0;
    if (name.n > 63)
        ret[n++] = "must be no more than 63 characters";
    if (!is_label(name, upper))
        ret[n++] = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
                   "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex "
                   "used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    return n;
}

size_t dns1035_label_errors(bytes name, const char *ret[2])
{
    return label_errors(name, false, ret);
}

size_t kind_name_errors(bytes kind, const char *ret[2])
{
    return label_errors(kind, true, ret);
}

static bool is_subdomain(bytes name)
{
    bool alphanumeric = false;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool next = is_lower_or_digit(c);
        if (!next && (c != '-' || !(alphanumeric || (i && name.p[i - 1] == '-'))) && (c != '.' || !alphanumeric))
            return false;
        alphanumeric = next;
    }
    return alphanumeric;
}

size_t dns1123_subdomain_errors(bytes name, const char *ret[2])
{
    size_t n = 0;
    if (name.n > 253)
        ret[n++] = "must be no more than 253 characters";
    if (!is_subdomain(name))
        ret[n++] =
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
            "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    return n;
}
