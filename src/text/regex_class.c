/* SPDX-License-Identifier: Apache-2.0 */
#include "text/regex_class.h"

#include "text/regex_unicode.h"

#include <stdlib.h>

#define RING_MOST 4 /* code points that are equal without regard to case */

static int compare_ranges(const void *a, const void *b)
{
    const struct char_range *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

void class_tidy(struct class_builder *b)
{
    size_t kept = 0;
    if (b->failed || !b->ranges || b->count < 2)
        return;
    bool sorted = true;
    for (size_t i = 1; i < b->count && sorted; i++)
        sorted = b->ranges[i - 1].low <= b->ranges[i].low;
    if (!sorted)
        qsort(b->ranges, b->count, sizeof(*b->ranges), compare_ranges);
    for (size_t i = 1; i < b->count; i++) {
        struct char_range *last = &b->ranges[kept], next = b->ranges[i];
        if (next.low > last->high + 1)
            b->ranges[++kept] = next;
        else if (next.high > last->high)
            last->high = next.high;
    }
    b->count = kept + 1;
}

/* Tidies first; grows when that freed less than half. */
static void make_room(struct class_builder *b)
{
    class_tidy(b);
    if (b->ranges && b->count <= b->capacity / 2)
        return;
    size_t capacity = b->capacity ? b->capacity * 2 : 64;
    struct char_range *ranges = arena_alloc(b->arena, capacity * sizeof(*ranges));
    if (!ranges) {
        b->failed = true;
        return;
    }
    if (b->ranges)
        memcpy(ranges, b->ranges, b->count * sizeof(*ranges));
    b->ranges = ranges;
    b->capacity = capacity;
}

static void add_range(struct class_builder *b, uint32_t low, uint32_t high)
{
    struct char_range *last = b->ranges && b->count ? &b->ranges[b->count - 1] : NULL;
    if (b->failed)
        return;
    if (last && low <= last->high + 1 && last->low <= high + 1) {
        last->low = low < last->low ? low : last->low;
        last->high = high > last->high ? high : last->high;
        return;
    }
    if (!b->ranges || b->count == b->capacity)
        make_room(b);
    if (!b->failed)
        b->ranges[b->count++] = (struct char_range){low, high};
}

/* The fold of what [low, high] and the fold have in common. */
static struct char_range fold_range(const struct unicode_fold *fold, uint32_t low, uint32_t high)
{
    low = low > fold->low ? low : fold->low;
    high = high < fold->high ? high : fold->high;
    if (fold->delta == FOLD_EVEN)
        return (struct char_range){low & ~1U, high | 1U};
    if (fold->delta == FOLD_ODD)
        return (struct char_range){(low - 1) | 1U, (high + 1) & ~1U};
    return (struct char_range){low + (uint32_t)fold->delta, high + (uint32_t)fold->delta};
}

/* Walks the rings from low to high on: what comes next, and what comes next to that, up to a full ring. */
static void add_folds(struct class_builder *b, uint32_t low, uint32_t high, unsigned depth)
{
    size_t first = 0, end = unicode_fold_count;
    while (first < end) {
        size_t middle = (first + end) / 2;
        if (unicode_folds[middle].high < low)
            first = middle + 1;
        else
            end = middle;
    }
    for (; first < unicode_fold_count && unicode_folds[first].low <= high; first++) {
        struct char_range next = fold_range(&unicode_folds[first], low, high);
        add_range(b, next.low, next.high);
        if (depth + 1 < RING_MOST)
            add_folds(b, next.low, next.high, depth + 1);
    }
}

void class_add(struct class_builder *b, uint32_t low, uint32_t high, bool fold)
{
    add_range(b, low, high);
    if (fold)
        add_folds(b, low, high, 1);
}

void class_negate(struct class_builder *b)
{
    uint32_t low = 0;
    size_t kept = 0;
    class_tidy(b);
    if (!b->ranges || b->count == b->capacity)
        make_room(b); /* one more range may come out */
    if (b->failed)
        return;
    for (size_t i = 0; i < b->count; i++) {
        struct char_range range = b->ranges[i];
        if (range.low > low)
            b->ranges[kept++] = (struct char_range){low, range.low - 1};
        low = range.high + 1;
    }
    if (low <= CODE_POINT_MOST)
        b->ranges[kept++] = (struct char_range){low, CODE_POINT_MOST};
    b->count = kept;
}

bool class_build(struct class_builder *b, struct char_class *ret)
{
    struct char_class class = {0};
    class_tidy(b);
    struct char_range *ranges = b->failed ? NULL : arena_alloc(b->arena, b->count * sizeof(*ranges));
    if (!ranges)
        return false;
    if (b->count)
        memcpy(ranges, b->ranges, b->count * sizeof(*ranges));
    class.ranges = ranges;
    class.count = b->count;
    for (size_t i = 0; i < b->count; i++)
        for (uint32_t c = ranges[i].low; c <= ranges[i].high && c < 128; c++)
            class.ascii[c / 64] |= (uint64_t)1 << c % 64;
    *ret = class;
    return true;
}

bool class_has(const struct char_class *class, uint32_t c)
{
    size_t first = 0, end = class->count;
    if (c < 128)
        return class->ascii[c / 64] >> c % 64 & 1;
    while (first < end) {
        size_t middle = (first + end) / 2;
        if (c > class->ranges[middle].high)
            first = middle + 1;
        else if (c < class->ranges[middle].low)
            end = middle;
        else
            return true;
    }
    return false;
}

/* Adds what is in the set, or what is not. The fold comes before the negation: [^k] without regard to case is neither k
 * nor K. */
static void add_set(struct class_builder *b, const struct char_range *ranges, size_t count, bool negate, bool fold)
{
    struct class_builder set = {.arena = b->arena};
    for (size_t i = 0; i < count; i++)
        class_add(negate ? &set : b, ranges[i].low, ranges[i].high, fold);
    if (!negate)
        return;
    class_negate(&set);
    for (size_t i = 0; i < set.count && !set.failed; i++)
        add_range(b, set.ranges[i].low, set.ranges[i].high);
    b->failed |= set.failed;
}

/* Pairs of first and last character. Sets with NUL in them cannot be written so. */
static const struct ascii_set {
    const char *name;
    const char *pairs;
} perl_sets[] = {{"d", "09"}, {"s", "\t\n\f\r  "}, {"w", "09AZ__az"}}, posix_sets[] = {
                                                                           {"alnum", "09AZaz"},
                                                                           {"alpha", "AZaz"},
                                                                           {"blank", "\t\t  "},
                                                                           {"digit", "09"},
                                                                           {"graph", "!~"},
                                                                           {"lower", "az"},
                                                                           {"print", " ~"},
                                                                           {"punct", "!/:@[`{~"},
                                                                           {"space", "\t\r  "},
                                                                           {"upper", "AZ"},
                                                                           {"word", "09AZ__az"},
                                                                           {"xdigit", "09AFaf"},
};

static void add_ascii_set(struct class_builder *b, const struct ascii_set *set, bool negate, bool fold)
{
    struct char_range ranges[4];
    size_t count = 0;
    for (const char *pair = set->pairs; *pair; pair += 2)
        ranges[count++] = (struct char_range){(uint8_t)pair[0], (uint8_t)pair[1]};
    add_set(b, ranges, count, negate, fold);
}

bool class_add_perl(struct class_builder *b, uint8_t letter, bool fold)
{
    for (size_t i = 0; i < ARRAY_LEN(perl_sets); i++)
        if ((letter | 0x20) == perl_sets[i].name[0]) {
            add_ascii_set(b, &perl_sets[i], letter != (uint8_t)perl_sets[i].name[0], fold);
            return true;
        }
    return false;
}

bool class_add_posix(struct class_builder *b, bytes name, bool fold)
{
    static const struct char_range ascii_ranges[] = {{0, 0x7f}}, control_ranges[] = {{0, 0x1f}, {0x7f, 0x7f}};
    bool negate = name.n && name.p[0] == '^';
    name = bytes_skip(name, negate);
    for (size_t i = 0; i < ARRAY_LEN(posix_sets); i++)
        if (bytes_equal(name, bytes_of(posix_sets[i].name))) {
            add_ascii_set(b, &posix_sets[i], negate, fold);
            return true;
        }
    if (bytes_equal(name, BYTES("ascii")))
        add_set(b, ascii_ranges, ARRAY_LEN(ascii_ranges), negate, fold);
    else if (bytes_equal(name, BYTES("cntrl")))
        add_set(b, control_ranges, ARRAY_LEN(control_ranges), negate, fold);
    else
        return false;
    return true;
}

/* The long names of categories, as they come out of canonical_name. */
static const struct {
    const char *name, *category;
} category_aliases[] = {
    {"Cntrl", "Cc"},
    {"Digit", "Nd"},
    {"Currencysymbol", "Sc"},
    {"Nonspacingmark", "Mn"},
    {"Paragraphseparator", "Zp"},
    {"Separator", "Z"},
    {"Casedletter", "Lc"},
    {"Mark", "M"},
    {"Othernumber", "No"},
    {"Othersymbol", "So"},
    {"Privateuse", "Co"},
    {"Spaceseparator", "Zs"},
    {"Titlecaseletter", "Lt"},
    {"Unassigned", "Cn"},
    {"Combiningmark", "M"},
    {"Decimalnumber", "Nd"},
    {"Enclosingmark", "Me"},
    {"Format", "Cf"},
    {"Mathsymbol", "Sm"},
    {"Openpunctuation", "Ps"},
    {"Other", "C"},
    {"Punctuation", "P"},
    {"Number", "N"},
    {"Symbol", "S"},
    {"Connectorpunctuation", "Pc"},
    {"Letter", "L"},
    {"Letternumber", "Nl"},
    {"Modifiersymbol", "Sk"},
    {"Otherpunctuation", "Po"},
    {"Punct", "P"},
    {"Closepunctuation", "Pe"},
    {"Control", "Cc"},
    {"Otherletter", "Lo"},
    {"Spacingmark", "Mc"},
    {"Uppercaseletter", "Lu"},
    {"Initialpunctuation", "Pi"},
    {"Modifierletter", "Lm"},
    {"Surrogate", "Cs"},
    {"Dashpunctuation", "Pd"},
    {"Finalpunctuation", "Pf"},
    {"Lineseparator", "Zl"},
    {"Lowercaseletter", "Ll"},
};

#define NAME_LONGEST 32

/* A capital first, the rest small, no spaces, hyphens and underscores. False when it is too long to be one. */
static bool canonical_name(bytes name, char ret[NAME_LONGEST + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = (char)name.p[i];
        if (c == '_' || c == '-' || c == ' ')
            continue;
        if (n == NAME_LONGEST)
            return false;
        if (n == 0 && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (n && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        ret[n++] = c;
    }
    ret[n] = 0;
    return n > 0;
}

/* Reads the name at *at and moves behind it. False at the end of the list. */
static bool name_at(const char **at, bytes *ret)
{
    const char *start = *at;
    if (!*start)
        return false;
    for (++*at; **at >= 'a' && **at <= 'z';)
        ++*at;
    *ret = (bytes){(const uint8_t *)start, (size_t)(*at - start)};
    return true;
}

/* Which categories a name stands for, as bits by their place; 0 when it is none. */
static uint64_t categories_of(bytes name)
{
    uint64_t found = 0;
    unsigned place = 0;
    bool cased = bytes_equal(name, BYTES("Lc"));
    bytes category;
    for (size_t i = 0; i < ARRAY_LEN(category_aliases); i++)
        if (bytes_equal(name, bytes_of(category_aliases[i].name)))
            return categories_of(bytes_of(category_aliases[i].category));
    for (const char *at = unicode_category_names; name_at(&at, &category); place++)
        if (bytes_equal(name, category) || (name.n == 1 && name.p[0] == category.p[0]) ||
            (cased && category.p[0] == 'L' && strchr("ult", category.p[1])))
            found |= (uint64_t)1 << place;
    return found;
}

/* The place of a script's name from 1 on; 0 when it is none. */
static unsigned script_of(bytes name)
{
    unsigned place = 1;
    bytes script;
    for (const char *at = unicode_script_names; name_at(&at, &script); place++)
        if (bytes_equal(name, script))
            return place;
    return 0;
}

/* Adds the runs whose symbols are in categories, or are the script. */
static void add_runs(struct class_builder *b, const char *runs, uint64_t categories, unsigned script, bool fold)
{
    uint32_t low = 0;
    while (*runs) {
        unsigned symbol, count = 0;
        if (script) {
            symbol = 26U * (unsigned)(runs[0] - 'A') + (unsigned)(runs[1] - 'a');
            runs += 2;
        } else {
            symbol = *runs <= 'Z' ? (unsigned)(*runs - 'A') : (unsigned)(*runs - 'a') + 26U;
            runs++;
        }
        for (; *runs >= '0' && *runs <= '9'; runs++)
            count = count * 10 + (unsigned)(*runs - '0');
        count += count == 0;
        if (script ? symbol == script : (int)(categories >> symbol & 1))
            class_add(b, low, low + count - 1, fold);
        low += count;
    }
}

bool class_add_unicode(struct class_builder *b, bytes text, bool negate, bool fold)
{
    char canonical[NAME_LONGEST + 1];
    struct class_builder set = {.arena = b->arena};
    if (!canonical_name(text, canonical))
        return false;
    bytes name = bytes_of(canonical);
    bool assigned = bytes_equal(name, BYTES("Assigned"));
    uint64_t categories = categories_of(assigned ? BYTES("Cn") : name);
    unsigned script = categories ? 0 : script_of(name);
    fold = fold && categories != categories_of(BYTES("Lc")); /* Go folds no cased letters: U+0345 is none */
    if (categories || script)
        add_runs(&set, categories ? unicode_category_runs : unicode_script_runs, categories, script, fold);
    else if (bytes_equal(name, BYTES("Any")))
        class_add(&set, 0, CODE_POINT_MOST, false);
    else if (bytes_equal(name, BYTES("Ascii")))
        class_add(&set, 0, 0x7f, fold);
    else
        return false;
    class_tidy(&set);
    add_set(b, set.ranges, set.failed ? 0 : set.count, negate != assigned, false);
    b->failed |= set.failed;
    return true;
}
