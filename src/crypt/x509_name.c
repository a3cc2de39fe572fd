/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/x509_name.h"

#include "crypt/openssl_error.h"

#include <arpa/inet.h>

#define DNS_NAME_MAX 253

/* What a DNS name of a certificate may hold; the wildcard is for whoever asks for one. */
bool x509_is_dns_name(bytes text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*";
    for (size_t i = 0; i < text.n; i++)
        if (!memchr(allowed, text.p[i], sizeof(allowed) - 1))
            return false;
    return text.n > 0 && text.n <= DNS_NAME_MAX;
}

/* The address in network order; 0 when the text is none. */
static size_t parse_address(bytes text, uint8_t ret[sizeof(struct in6_addr)])
{
    char name[INET6_ADDRSTRLEN];
    if (text.n >= sizeof(name) || bytes_find(text, 0) != text.n)
        return 0;
    memcpy(name, text.p, text.n);
    name[text.n] = 0;
    return inet_pton(AF_INET, name, ret) == 1 ? 4 : inet_pton(AF_INET6, name, ret) == 1 ? 16 : 0;
}

err_t x509_name_from(bytes text, GENERAL_NAME **ret, struct error *error)
{
    uint8_t address[sizeof(struct in6_addr)];
    size_t address_size = text.n ? parse_address(text, address) : 0;

    if (!address_size && !x509_is_dns_name(text))
        return error_set(error, ERR_INVALID,
            "a certificate's name must be an IP address or a DNS name, \"%.*s\" is neither", BYTES_FMT(text));
    const void *content = address_size ? (const void *)address : text.p;
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = ASN1_STRING_type_new(address_size ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (!name || !value || !ASN1_STRING_set(value, content, (int)(address_size ? address_size : text.n))) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return openssl_error(error, "make a certificate's name");
    }
    GENERAL_NAME_set0_value(name, address_size ? GEN_IPADD : GEN_DNS, value);
    *ret = name;
    return ERR_OK;
}

err_t x509_names_from(const bytes *texts, size_t count, GENERAL_NAMES **ret, struct error *error)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    err_t result = names ? ERR_OK : openssl_error(error, "name the certificate");
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        GENERAL_NAME *name;
        result = x509_name_from(texts[i], &name, error);
        if (result == ERR_OK && !sk_GENERAL_NAME_push(names, name)) {
            GENERAL_NAME_free(name);
            result = openssl_error(error, "name the certificate");
        }
    }
    if (result == ERR_OK)
        *ret = names;
    else
        GENERAL_NAMES_free(names);
    return result;
}
