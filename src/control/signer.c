/* SPDX-License-Identifier: Apache-2.0 */
#include "control/signer.h"

#include "access/user.h"

/* Usages that no own signer gives are all the same to it. */
#define USAGE_OTHER (1u << 31)

static const struct {
    const char *name;
    unsigned bit;
} usage_names[] = {
    {"client auth", X509_USAGE_CLIENT_AUTH},
    {"digital signature", X509_USAGE_DIGITAL_SIGNATURE},
    {"key encipherment", X509_USAGE_KEY_ENCIPHERMENT},
    {"server auth", X509_USAGE_SERVER_AUTH},
};

static unsigned usage_bit(bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(usage_names); i++)
        if (bytes_equal(name, bytes_of(usage_names[i].name)))
            return usage_names[i].bit;
    return USAGE_OTHER;
}

static unsigned usage_bits(const struct json *usages)
{
    unsigned bits = 0;
    for (const struct json *u = usages && usages->type == JSON_ARRAY ? usages->first : NULL; u; u = u->next)
        bits |= usage_bit(u->text);
    return bits;
}

static err_t check_client(const struct x509_csr *csr, const struct json *usages, struct error *error)
{
    (void)csr;
    for (const struct json *u = usages && usages->type == JSON_ARRAY ? usages->first : NULL; u; u = u->next)
        if (usage_bit(u->text) & (X509_USAGE_SERVER_AUTH | USAGE_OTHER))
            return error_set(error, ERR_INVALID, "invalid usage for client certificate: %.*s", BYTES_FMT(u->text));
    if (!(usage_bits(usages) & X509_USAGE_CLIENT_AUTH))
        return error_set(error, ERR_INVALID, "missing required usage for client certificate: client auth");
    return ERR_OK;
}

/* key encipherment is for RSA keys, and may be there for all. */
static bool is_usage_pair(const struct json *usages, unsigned extended)
{
    return (usage_bits(usages) & ~(unsigned)X509_USAGE_KEY_ENCIPHERMENT) == (X509_USAGE_DIGITAL_SIGNATURE | extended);
}

static bool is_of_nodes(const struct x509_csr *csr)
{
    return csr->organization_count == 1 && bytes_equal(csr->organizations[0], BYTES(USER_NODES));
}

static err_t wrong(struct error *error, const char *sentence)
{
    return error_set(error, ERR_INVALID, "%s", sentence);
}

static const char no_nodes[] = "subject organization is not system:nodes";
static const char no_node[] = "subject common name does not begin with system:node:";
static const char no_email[] = "Email subjectAltNames are not allowed";
static const char no_uri[] = "URI subjectAltNames are not allowed";

static err_t check_kubelet_client(const struct x509_csr *csr, const struct json *usages, struct error *error)
{
    if (!is_of_nodes(csr))
        return wrong(error, no_nodes);
    if (csr->dns_names)
        return wrong(error, "DNS subjectAltNames are not allowed");
    if (csr->emails)
        return wrong(error, no_email);
    if (csr->ip_addresses)
        return wrong(error, "IP subjectAltNames are not allowed");
    if (csr->uris)
        return wrong(error, no_uri);
    if (!bytes_start(csr->common_name, BYTES(USER_NODE_PREFIX)))
        return wrong(error, no_node);
    if (!is_usage_pair(usages, X509_USAGE_CLIENT_AUTH))
        return wrong(error, "usages did not match [client auth digital signature key encipherment]");
    return ERR_OK;
}

static err_t check_kubelet_server(const struct x509_csr *csr, const struct json *usages, struct error *error)
{
    if (!is_of_nodes(csr))
        return wrong(error, no_nodes);
    if (!csr->dns_names && !csr->ip_addresses)
        return wrong(error, "DNS or IP subjectAltName is required");
    if (csr->emails)
        return wrong(error, no_email);
    if (csr->uris)
        return wrong(error, no_uri);
    if (!is_usage_pair(usages, X509_USAGE_SERVER_AUTH))
        return wrong(error, "usages did not match [digital signature key encipherment server auth]");
    if (!bytes_start(csr->common_name, BYTES(USER_NODE_PREFIX)))
        return wrong(error, no_node);
    return ERR_OK;
}

static const struct signer {
    const char *name;
    err_t (*check)(const struct x509_csr *, const struct json *usages, struct error *);
} signers[] = {
    {SIGNER_CLIENT, check_client},
    {SIGNER_KUBELET_CLIENT, check_kubelet_client},
    {SIGNER_KUBELET_SERVER, check_kubelet_server},
};

static const struct signer *find(bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(signers); i++)
        if (bytes_equal(name, bytes_of(signers[i].name)))
            return &signers[i];
    return NULL;
}

bool signer_is_own(bytes name)
{
    return find(name) != NULL;
}

err_t signer_check(
    bytes name, const struct x509_csr *csr, const struct json *usages, unsigned *ret_usages, struct error *error)
{
    const struct signer *signer = find(name);
    if (!signer)
        return wrong(error, "this is no signer of this server");
    *ret_usages = usage_bits(usages);
    return signer->check(csr, usages, error);
}
