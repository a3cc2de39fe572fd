/* SPDX-License-Identifier: Apache-2.0 */
/* A tree becomes a program of few instructions, and the program runs in all its states at once (Thompson's and Pike's
 * machine, without captures): each character is looked at once, with at most one thread an instruction. */
#include "text/regex.h"

#include "text/regex_tree.h"
#include "text/utf8.h"

enum operation { OP_CHAR, OP_CLASS, OP_ASSERTION, OP_SPLIT, OP_MATCH };

struct instruction {
    enum operation operation;
    uint32_t next;
    union {
        uint32_t other; /* OP_SPLIT */
        uint32_t code_point;
        uint32_t assertion;
        const struct char_class *class;
    };
};

struct regex {
    struct instruction *program;
    uint32_t count, start;
};

size_t regex_states(const struct regex *regex)
{
    return regex->count;
}

static uint32_t add(struct regex *regex, struct instruction instruction)
{
    regex->program[regex->count] = instruction;
    return regex->count++;
}

static uint32_t compile(struct regex *regex, const struct node *node, uint32_t next);

/* x{2,4} is xx(x(x)?)?, x{2,} is xx+, x* loops before x. Greed decides nothing here. */
static uint32_t compile_repeat(struct regex *regex, const struct node *node, uint32_t next)
{
    uint32_t start = next;
    int copies = node->least;
    if (node->most < 0) {
        uint32_t loop = add(regex, (struct instruction){.operation = OP_SPLIT, .other = next});
        uint32_t body = compile(regex, node->child, loop);
        regex->program[loop].next = body;
        start = copies ? body : loop;
        copies -= copies > 0;
    }
    for (int i = node->least; i < node->most; i++) {
        uint32_t body = compile(regex, node->child, start);
        start = add(regex, (struct instruction){.operation = OP_SPLIT, .next = body, .other = next});
    }
    for (int i = 0; i < copies; i++)
        start = compile(regex, node->child, start);
    return start;
}

/* Compiles backwards: what follows is already there, at next. Returns where to begin. No deeper than the parser's bound
 * on nesting; as long as node->size says. */
static uint32_t compile(struct regex *regex, const struct node *node, uint32_t next)
{
    uint32_t start = next;
    switch (node->type) {
    case NODE_EMPTY:
        return next;
    case NODE_CHAR:
        return add(regex, (struct instruction){.operation = OP_CHAR, .next = next, .code_point = node->code_point});
    case NODE_CLASS:
        return add(regex, (struct instruction){.operation = OP_CLASS, .next = next, .class = node->class});
    case NODE_ASSERTION:
        return add(regex, (struct instruction){.operation = OP_ASSERTION, .next = next, .assertion = node->assertion});
    case NODE_CONCAT:
        for (const struct node *child = node->child; child; child = child->next)
            start = compile(regex, child, start);
        return start;
    case NODE_ALTERNATE:
        start = compile(regex, node->child, next);
        for (const struct node *child = node->child->next; child; child = child->next) {
            uint32_t branch = compile(regex, child, next);
            start = add(regex, (struct instruction){.operation = OP_SPLIT, .next = branch, .other = start});
        }
        return start;
    default:
        return compile_repeat(regex, node, next);
    }
}

err_t regex_compile(struct arena *arena, bytes pattern, const struct regex **ret, struct error *error)
{
    const struct node *root = NULL;
    TRY(regex_parse(arena, pattern, &root, error));
    struct regex *regex = arena_zero(arena, sizeof(*regex));
    size_t most = (size_t)root->size + 1;
    if (!regex || !(regex->program = arena_alloc(arena, most * sizeof(*regex->program))))
        return arena_error(arena, error);
    uint32_t match = add(regex, (struct instruction){.operation = OP_MATCH});
    regex->start = compile(regex, root, match);
    *ret = regex;
    return ERR_OK;
}

/* One match under way. Each list holds an instruction at most once a position, so none outgrows the program. */
struct machine {
    const struct regex *regex;
    uint32_t *threads;  /* wait for the character at this position */
    uint32_t *reached;  /* by the character before */
    uint32_t *pending;  /* the stack of follow */
    uint64_t *followed; /* by instruction: the last position it was followed at, from 1 on */
    size_t thread_count, reached_count;
    uint64_t position;
};

#define NO_CHARACTER UINT32_MAX

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static uint32_t assertions_between(uint32_t before, uint32_t after)
{
    uint32_t true_here = is_word(before) != is_word(after) ? AT_WORD_BOUNDARY : AT_NO_WORD_BOUNDARY;
    if (before == NO_CHARACTER)
        true_here |= AT_TEXT_START | AT_LINE_START;
    if (after == NO_CHARACTER)
        true_here |= AT_TEXT_END | AT_LINE_END;
    if (before == '\n')
        true_here |= AT_LINE_START;
    if (after == '\n')
        true_here |= AT_LINE_END;
    return true_here;
}

static void wait_at(struct machine *m, uint32_t *pending, size_t *count, uint32_t at)
{
    if (m->followed[at] == m->position)
        return;
    m->followed[at] = m->position;
    pending[(*count)++] = at;
}

/* Walks from an instruction on to all that wait for a character. True when a match is among what it meets. */
static bool follow(struct machine *m, uint32_t start, uint32_t true_here)
{
    size_t count = 0;
    wait_at(m, m->pending, &count, start);
    while (count) {
        uint32_t at = m->pending[--count];
        const struct instruction *i = &m->regex->program[at];
        switch (i->operation) {
        case OP_MATCH:
            return true;
        case OP_SPLIT:
            wait_at(m, m->pending, &count, i->other);
            wait_at(m, m->pending, &count, i->next);
            break;
        case OP_ASSERTION:
            if (i->assertion & true_here)
                wait_at(m, m->pending, &count, i->next);
            break;
        default:
            m->threads[m->thread_count++] = at;
        }
    }
    return false;
}

static void step(struct machine *m, uint32_t c)
{
    m->reached_count = 0;
    for (size_t t = 0; t < m->thread_count; t++) {
        const struct instruction *i = &m->regex->program[m->threads[t]];
        if (i->operation == OP_CHAR ? i->code_point == c : class_has(i->class, c))
            m->reached[m->reached_count++] = i->next;
    }
}

bool regex_matches(const struct regex *regex, struct arena *arena, bytes text)
{
    struct machine m = {.regex = regex};
    const struct instruction *first = &regex->program[regex->start];
    bool anchored = first->operation == OP_ASSERTION && first->assertion == AT_TEXT_START;
    uint32_t before = NO_CHARACTER;
    m.followed = arena_zero(arena, regex->count * sizeof(*m.followed));
    m.threads = arena_alloc(arena, 3 * regex->count * sizeof(*m.threads));
    if (!m.followed || !m.threads)
        return false;
    m.reached = m.threads + regex->count;
    m.pending = m.reached + regex->count;
    for (m.position = 1;; m.position++) {
        uint32_t c = NO_CHARACTER;
        unsigned n = utf8_next(text, &c);
        if (text.n && n == 0) { /* as Go reads what is no UTF-8 */
            c = 0xfffd;
            n = 1;
        }
        uint32_t true_here = assertions_between(before, text.n ? c : NO_CHARACTER);
        m.thread_count = 0;
        for (size_t i = 0; i < m.reached_count; i++)
            if (follow(&m, m.reached[i], true_here))
                return true;
        if ((!anchored || m.position == 1) && follow(&m, regex->start, true_here))
            return true;
        if (text.n == 0 || (anchored && m.thread_count == 0))
            return false;
        step(&m, c);
        before = c;
        text = bytes_skip(text, n);
    }
}
