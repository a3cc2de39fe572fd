/* SPDX-License-Identifier: Apache-2.0 */
#include "api/conditions.h"
#include "api/kind.h"
#include "base/base64.h"
#include "base/clock.h"
#include "cmd/cert.h"

#include <errno.h>
#include <stdio.h>

#define REQUESTS "/apis/certificates.k8s.io/v1/certificatesigningrequests"

static const struct {
    const char *title;
    int width; /* of its cells; 0: the last, which is not padded */
} columns[] = {{"REQUEST", 18}, {"USER", 20}, {"GROUPS", 16}, {"REQUESTOR", 20}, {"REQUESTEDDURATION", 17},
    {"STATE", 8}, {"EXPIRES", 0}};

/* Names come from others: what could move a terminal's cursor is not printed. */
static void print_cell(size_t column, bytes text)
{
    int n = 0, width = columns[column].width;
    if (text.n == 0)
        text = BYTES("-");
    for (size_t i = 0; i < text.n; i++, n++)
        putchar(text.p[i] < 0x20 || text.p[i] >= 0x7f ? '?' : text.p[i]);
    printf("%*s", width == 0 ? 0 : n < width ? width - n + 2 : 2, "");
}

static const char *state_of(const struct json *status)
{
    static const char *const types[] = {"Failed", "Denied", "Approved"};
    if (json_text(status, BYTES("certificate")).n > 0)
        return "Issued";
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (condition_find(status, types[i]))
            return types[i];
    return "Pending";
}

/* What is in the member in base64; empty when it is no base64. */
static bytes decoded(struct arena *arena, const struct json *object, bytes member)
{
    bytes ret;
    size_t offset;
    return base64_decode(arena, BASE64_STANDARD, json_text(object, member), &ret, &offset) == ERR_OK ? ret : BYTES_NONE;
}

static err_t print_request(struct arena *arena, const struct json *object, struct error *error)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    const struct json *seconds = json_get(spec, BYTES("expirationSeconds"));
    bytes request = decoded(arena, spec, BYTES("request")), certificate = decoded(arena, status, BYTES("certificate"));
    struct x509_csr csr = {.common_name = BYTES("")};
    struct x509_identity identity;
    struct buffer groups;
    char until[CLOCK_RFC3339_SIZE] = "", duration[16] = "";
    int64_t n;
    buffer_init(&groups, arena);
    if (request.n && x509_csr_read(arena, request, &csr, NULL) != ERR_OK)
        csr = (struct x509_csr){.common_name = BYTES("")};
    for (size_t i = 0; i < csr.organization_count; i++)
        buffer_format(&groups, "%s%.*s", i ? "," : "", BYTES_FMT(csr.organizations[i]));
    if (certificate.n && x509_identify_pem(arena, certificate, &identity, NULL) == ERR_OK)
        clock_format(identity.not_after, until);
    if (seconds && json_to_int64(seconds, &n))
        human_duration(n, duration);
    if (groups.failed || arena->failed)
        return arena_error(arena, error);
    const bytes cells[] = {json_text(json_get(object, BYTES("metadata")), BYTES("name")), csr.common_name,
        buffer_bytes(&groups), json_text(spec, BYTES("username")), bytes_of(duration), bytes_of(state_of(status)),
        bytes_of(until)};
    _Static_assert(ARRAY_LEN(cells) == ARRAY_LEN(columns), "a cell for each column");
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        print_cell(i, cells[i]);
    putchar('\n');
    return ERR_OK;
}

err_t cert_list(struct api_client *client, struct arena *arena, struct error *error)
{
    struct api_list pages = {.path = BYTES(REQUESTS), .limit = 250};
    struct json *items;
    for (;;) {
        bool first = !pages.started;
        TRY(api_list_next(client, arena, &pages, &items, error));
        if (!items)
            break;
        for (size_t i = 0; first && i < ARRAY_LEN(columns); i++)
            print_cell(i, bytes_of(columns[i].title));
        if (first)
            putchar('\n');
        for (const struct json *item = items->first; item; item = item->next)
            TRY(print_request(arena, item, error));
    }
    return fflush(stdout) == 0 ? ERR_OK : error_errno(error, errno, "cannot write to standard output");
}
