/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting of hostile stored text: pieces lie in the text, and make the text again. */
#include "api/object.h"

#include <stdlib.h>

static bool inside(bytes part, bytes whole)
{
    return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct object_cuts cuts;
    bytes text = {data, size}, pieces[4];
    char revision[48];
    if (!object_cut(text, &cuts))
        return 0;
    for (int item = 0; item < 2; item++) {
        object_pieces(text, &cuts, UINT64_MAX, item, revision, pieces);
        size_t end = size - (data[size - 1] == '\n');
        if (!inside(pieces[1], text) || !inside(pieces[3], text) || pieces[2].n > sizeof(revision) ||
            pieces[1].n + pieces[3].n + (item ? cuts.body : 0) != end)
            abort();
    }
    if (!inside(cuts.name, text) || !cuts.name.n || memchr(cuts.name.p, '"', cuts.name.n))
        abort();
    return 0;
}
