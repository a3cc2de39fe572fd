/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern up to the first NUL, and the text behind it. (?:pattern){1} matches the same texts. */
#include "text/regex.h"

#define LONGEST 4096 /* states times text: a second more would say nothing new */

static int verdict(struct arena *arena, bytes pattern, bytes text)
{
    const struct regex *regex;
    struct error error;
    error_init(&error, NULL);
    if (regex_compile(arena, pattern, &regex, &error) != ERR_OK)
        return -1;
    return regex_matches(regex, arena, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes input = {data, size < LONGEST ? size : LONGEST};
    size_t end = bytes_find(input, 0);
    bytes pattern = {data, end}, text = bytes_skip(input, end + (end < input.n));
    struct arena arena;
    arena_init(&arena, (size_t)32 << 20);
    int plain = verdict(&arena, pattern, text);
    bytes again = arena_join(&arena, BYTES("(?:"), pattern, BYTES("){1}"), ARENA_END);
    int grouped = again.p ? verdict(&arena, again, text) : plain;
    /* Flags and quotes that the pattern leaves open, or bounds, may refuse the longer one. */
    if (plain >= 0 && grouped >= 0 && plain != grouped && arena.failed == ERR_OK)
        __builtin_trap();
    arena_reset(&arena);
    return 0;
}
