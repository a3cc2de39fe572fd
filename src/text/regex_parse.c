/* SPDX-License-Identifier: Apache-2.0 */
/* From a pattern to a tree, with Go's sentences about what is wrong (regexp/syntax). Open groups are a list of frames,
 * not calls: a pattern cannot exhaust the stack. */
#include "text/regex_parser.h"
#include "text/utf8.h"

static const char invalid_capture[] = "invalid named capture";
static const char invalid_repeat[] = "invalid repeat count";
static const char too_deep[] = "expression nests too deeply";
static const char too_large[] = "expression too large";

err_t regex_fail(struct parser *p, const char *sentence, bytes expression)
{
    return error_set(p->error, ERR_BAD_REQUEST, "error parsing regexp: %s: `%.*s`", sentence, BYTES_FMT(expression));
}

err_t regex_next_rune(struct parser *p, uint32_t *ret)
{
    *ret = 0xfffd;
    if (p->left.n == 0)
        return ERR_OK;
    unsigned n = utf8_next(p->left, ret);
    if (n == 0)
        return regex_fail(p, "invalid UTF-8", p->left);
    p->left = bytes_skip(p->left, n);
    return ERR_OK;
}

err_t regex_check_utf8(struct parser *p, bytes text)
{
    for (unsigned n; text.n; text = bytes_skip(text, n)) {
        n = bytes_utf8(text);
        if (n == 0)
            return regex_fail(p, "invalid UTF-8", text);
    }
    return ERR_OK;
}

/* Takes the text when it comes next. */
static bool take(struct parser *p, bytes text)
{
    if (!bytes_start(p->left, text))
        return false;
    p->left = bytes_skip(p->left, text.n);
    return true;
}

static err_t new_node(struct parser *p, struct node node, struct node **ret)
{
    struct node *copy = arena_alloc(p->arena, sizeof(*copy));
    if (!copy)
        return arena_error(p->arena, p->error);
    if (node.height > REGEX_NESTING_MOST)
        return regex_fail(p, too_deep, p->pattern);
    *copy = node;
    *ret = copy;
    return ERR_OK;
}

static err_t push(struct parser *p, struct node node)
{
    struct node *item = NULL;
    node.next = p->frame->items;
    TRY(new_node(p, node, &item));
    p->frame->items = item;
    p->frame->item_count++;
    return ERR_OK;
}

static err_t push_assertion(struct parser *p, uint32_t assertion)
{
    return push(p, (struct node){NODE_ASSERTION, .height = 1, .copies = 1, .size = 1, .assertion = assertion});
}

static err_t push_class(struct parser *p, struct class_builder *set)
{
    struct char_class *class = arena_alloc(p->arena, sizeof(*class));
    if (!class || !class_build(set, class))
        return arena_error(p->arena, p->error);
    p->ranges += class->count;
    if (p->ranges > REGEX_RANGES_MOST)
        return regex_fail(p, too_large, p->pattern);
    return push(p, (struct node){NODE_CLASS, .height = 1, .copies = 1, .size = 1, .class = class});
}

/* The one set in the making, emptied: its room is used again. */
static struct class_builder *empty_set(struct parser *p)
{
    p->set.count = 0;
    return &p->set;
}

static err_t push_char(struct parser *p, uint32_t code_point)
{
    struct class_builder *set = empty_set(p);
    if (p->flags & FLAG_FOLD) {
        class_add(set, code_point, code_point, true);
        class_tidy(set);
    }
    if (set->failed || set->count > 1 || (set->count && set->ranges[0].low < set->ranges[0].high))
        return push_class(p, set);
    return push(p, (struct node){NODE_CHAR, .height = 1, .copies = 1, .size = 1, .code_point = code_point});
}

static err_t push_any(struct parser *p)
{
    static const struct char_range all[] = {{0, CODE_POINT_MOST}};
    static const struct char_range not_newline[] = {{0, '\n' - 1}, {'\n' + 1, CODE_POINT_MOST}};
    static const struct char_class any = {all, 1, {UINT64_MAX, UINT64_MAX}};
    static const struct char_class any_not_newline = {not_newline, 2, {UINT64_MAX ^ 1 << '\n', UINT64_MAX}};
    return push(p, (struct node){NODE_CLASS, .height = 1, .copies = 1, .size = 1,
                       .class = p->flags & FLAG_DOT_NEWLINE ? &any : &any_not_newline});
}

static uint32_t saturate(uint64_t size)
{
    return size > REGEX_PROGRAM_MOST ? REGEX_PROGRAM_MOST + 1 : (uint32_t)size;
}

/* Several nodes as one, a single one as it is. */
static struct node combine(enum node_type type, struct node *last, uint32_t count)
{
    struct node node = {type, .height = 1, .copies = 1, .child = last};
    uint64_t size = type == NODE_ALTERNATE ? count - 1 : 0;
    if (count == 0)
        return (struct node){NODE_EMPTY, .height = 1, .copies = 1};
    if (count == 1)
        return *last;
    for (const struct node *child = last; child; child = child->next) {
        node.height = child->height >= node.height ? child->height + 1 : node.height;
        node.copies = child->copies > node.copies ? child->copies : node.copies;
        size += child->size;
    }
    node.size = saturate(size);
    return node;
}

/* The items behind the last | become a branch. */
static err_t close_branch(struct parser *p)
{
    struct frame *f = p->frame;
    struct node branch = combine(NODE_CONCAT, f->items, f->item_count);
    branch.next = f->branches;
    TRY(new_node(p, branch, &f->branches));
    f->branch_count++;
    f->items = NULL;
    f->item_count = 0;
    return ERR_OK;
}

static err_t open_group(struct parser *p, bool captures, unsigned flags)
{
    struct frame *frame = arena_alloc(p->arena, sizeof(*frame));
    if (!frame)
        return arena_error(p->arena, p->error);
    if (p->depth++ >= REGEX_NESTING_MOST)
        return regex_fail(p, too_deep, p->pattern);
    *frame = (struct frame){.outer = p->frame, .outer_flags = p->flags, .captures = captures};
    p->frame = frame;
    p->flags = flags;
    return ERR_OK;
}

static err_t close_group(struct parser *p)
{
    struct frame *f = p->frame;
    TRY(close_branch(p));
    struct node node = combine(NODE_ALTERNATE, f->branches, f->branch_count);
    if (!f->outer)
        return regex_fail(p, "unexpected )", p->pattern);
    node.height += f->captures;
    p->flags = f->outer_flags;
    p->frame = f->outer;
    p->depth--;
    p->left = bytes_skip(p->left, 1);
    return push(p, node);
}

/* (?P<name> or (?<name>, of which the bytes before the name are taken. */
static err_t open_named_group(struct parser *p, const uint8_t *start)
{
    size_t end = bytes_find(p->left, '>');
    bytes name = {p->left.p, end};
    if (end == p->left.n) {
        TRY(regex_check_utf8(p, regex_rest(p, start)));
        return regex_fail(p, invalid_capture, regex_rest(p, start));
    }
    TRY(regex_check_utf8(p, name));
    p->left = bytes_skip(p->left, end + 1);
    bool valid = name.n > 0;
    for (size_t i = 0; i < name.n; i++)
        valid &= name.p[i] == '_' || regex_is_alphanumeric(name.p[i]);
    return valid ? open_group(p, true, p->flags) : regex_fail(p, invalid_capture, regex_since(p, start));
}

/* (?flags) and (?flags:, with - before those that end. */
static err_t parse_flags(struct parser *p, const uint8_t *start)
{
    static const char letters[] = "imsU"; /* in the order of the flags' bits */
    unsigned on = 0, off = 0;
    bool negative = false, seen = false;
    while (p->left.n) {
        uint32_t c;
        TRY(regex_next_rune(p, &c));
        const char *letter = c && c < 128 ? strchr(letters, (int)c) : NULL;
        unsigned bit = letter ? 1U << (letter - letters) : 0;
        if (bit) {
            on = negative ? on & ~bit : on | bit;
            off |= negative ? bit : 0;
            seen = true;
        } else if (c == '-' && !negative) {
            negative = true;
            seen = false;
        } else if ((c == ':' || c == ')') && (!negative || seen)) {
            unsigned flags = (p->flags | on) & ~off;
            if (c == ':')
                return open_group(p, false, flags);
            p->flags = flags;
            return ERR_OK;
        } else {
            break;
        }
    }
    return regex_fail(p, "invalid or unsupported Perl syntax", regex_since(p, start));
}

static err_t parse_group(struct parser *p)
{
    const uint8_t *start = p->left.p;
    bool perl_name = p->left.n > 4 && bytes_start(p->left, BYTES("(?P<"));
    bool name = p->left.n > 3 && bytes_start(p->left, BYTES("(?<"));
    if (perl_name || name) {
        p->left = bytes_skip(p->left, perl_name ? 4 : 3);
        return open_named_group(p, start);
    }
    if (take(p, BYTES("(?")))
        return parse_flags(p, start);
    p->left = bytes_skip(p->left, 1);
    return open_group(p, true, p->flags);
}

/* Behind the operator, which began at start. counted: {n}, {n,} or {n,m}. */
static err_t repeat(struct parser *p, const uint8_t *start, int least, int most, bool counted)
{
    struct node *item = p->frame->items;
    (void)take(p, BYTES("?")); /* less or more greedy: no matter */
    if (p->last_repeat)
        return regex_fail(p, "invalid nested repetition operator", regex_since(p, p->last_repeat));
    if (!item)
        return regex_fail(p, "missing argument to repetition operator", regex_since(p, start));
    struct node node = {NODE_REPEAT, .height = item->height + 1, .copies = item->copies, .child = item};
    node.least = least;
    node.most = most;
    uint32_t factor = (uint32_t)(most < 0 ? least : most);
    if (counted)
        node.copies = most == 0 ? 1 : item->copies * (factor ? factor : 1);
    uint64_t optional = most < 0 ? (least ? 1 : 1 + (uint64_t)item->size) : (uint64_t)(most - least);
    node.size = saturate((uint64_t)item->size * factor + optional);
    p->frame->items = item->next;
    item->next = NULL;
    p->frame->item_count--;
    TRY(push(p, node));
    if (counted && factor >= 2 && node.copies > REGEX_REPEAT_MOST)
        return regex_fail(p, invalid_repeat, regex_since(p, start));
    return ERR_OK;
}

/* A number without leading zeros; -1 when it is far too large. */
static bool take_number(bytes *text, int *ret)
{
    size_t n = 0;
    int value = 0;
    for (; n < text->n && text->p[n] >= '0' && text->p[n] <= '9'; n++)
        value = value < 0 || value >= 100000000 ? -1 : value * 10 + (text->p[n] - '0');
    if (n == 0 || (n > 1 && text->p[0] == '0'))
        return false;
    *text = bytes_skip(*text, n);
    *ret = value;
    return true;
}

/* A brace that begins no repetition is itself. */
static err_t parse_braces(struct parser *p, bool *ret_repeated)
{
    const uint8_t *start = p->left.p;
    bytes text = bytes_skip(p->left, 1);
    int least = 0, most = 0;
    bool counted = take_number(&text, &least);
    if (counted && text.n && text.p[0] == ',') {
        text = bytes_skip(text, 1);
        most = -1;
        if (text.n && text.p[0] != '}') {
            counted = take_number(&text, &most);
            least = most < 0 ? -1 : least;
        }
    } else {
        most = least;
    }
    if (!counted || !text.n || text.p[0] != '}') {
        p->left = bytes_skip(p->left, 1);
        return push_char(p, '{');
    }
    p->left = bytes_skip(text, 1);
    if (least < 0 || least > REGEX_REPEAT_MOST || most > REGEX_REPEAT_MOST || (most >= 0 && least > most))
        return regex_fail(p, invalid_repeat, regex_since(p, start));
    *ret_repeated = true;
    return repeat(p, start, least, most, true);
}

/* Behind \Q: all is itself, up to \E or the end. */
static err_t parse_quoted(struct parser *p)
{
    while (p->left.n && !take(p, BYTES("\\E"))) {
        uint32_t c;
        TRY(regex_next_rune(p, &c));
        TRY(push_char(p, c));
    }
    return ERR_OK;
}

static err_t parse_backslash(struct parser *p)
{
    struct class_builder *set = empty_set(p);
    uint8_t letter = p->left.n >= 2 ? p->left.p[1] : 0;
    static const struct {
        uint8_t letter;
        uint32_t assertion;
    } assertions[] = {{'A', AT_TEXT_START}, {'z', AT_TEXT_END}, {'b', AT_WORD_BOUNDARY}, {'B', AT_NO_WORD_BOUNDARY}};
    uint32_t c;
    bool taken;
    for (size_t i = 0; i < ARRAY_LEN(assertions); i++)
        if (letter == assertions[i].letter) {
            p->left = bytes_skip(p->left, 2);
            return push_assertion(p, assertions[i].assertion);
        }
    if (letter == 'C')
        return regex_fail(p, INVALID_ESCAPE, (bytes){p->left.p, 2});
    if (take(p, BYTES("\\Q")))
        return parse_quoted(p);
    TRY(regex_parse_set_escape(p, set, &taken));
    if (taken)
        return push_class(p, set);
    TRY(regex_parse_escape(p, &c));
    return push_char(p, c);
}

static err_t parse_item(struct parser *p, bool *ret_repeated)
{
    const uint8_t *start = p->left.p;
    bool lines = p->flags & FLAG_LINES;
    uint32_t c;
    switch (*start) {
    case '(':
        return parse_group(p);
    case ')':
        return close_group(p);
    case '[':
        TRY(regex_parse_class(p, empty_set(p)));
        return push_class(p, &p->set);
    case '{':
        return parse_braces(p, ret_repeated);
    case '\\':
        return parse_backslash(p);
    default:
        break;
    }
    TRY(regex_next_rune(p, &c));
    switch (c) {
    case '|':
        return close_branch(p);
    case '^':
        return push_assertion(p, lines ? AT_LINE_START : AT_TEXT_START);
    case '$':
        return push_assertion(p, lines ? AT_LINE_END : AT_TEXT_END);
    case '.':
        return push_any(p);
    case '*':
    case '+':
    case '?':
        *ret_repeated = true;
        return repeat(p, start, c == '+', c == '?' ? 1 : -1, false);
    default:
        return push_char(p, c);
    }
}

err_t regex_parse(struct arena *arena, bytes pattern, const struct node **ret, struct error *error)
{
    struct frame outermost = {0};
    struct parser p = {.arena = arena, .error = error, .pattern = pattern, .left = pattern, .frame = &outermost};
    p.set.arena = arena;
    if (pattern.n > REGEX_PATTERN_MOST)
        return regex_fail(&p, too_large, pattern);
    while (p.left.n) {
        const uint8_t *start = p.left.p;
        bool repeated = false;
        TRY(parse_item(&p, &repeated));
        p.last_repeat = repeated ? start : NULL;
    }
    if (p.frame->outer)
        return regex_fail(&p, "missing closing )", pattern);
    TRY(close_branch(&p));
    struct node node = combine(NODE_ALTERNATE, outermost.branches, outermost.branch_count), *root = NULL;
    if (node.size >= REGEX_PROGRAM_MOST)
        return regex_fail(&p, too_large, pattern);
    TRY(new_node(&p, node, &root));
    *ret = root;
    return ERR_OK;
}
