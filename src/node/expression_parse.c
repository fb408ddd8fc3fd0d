/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precedence climbing. Recursion happens only for parentheses, arguments, prefix operators and the
 * right side of an operator, and is counted; long chains (a + b + c ...) are a loop. Nodes are
 * written in postorder, so that the tree needs no pointers and nobody behind the parser recurses.
 */
#include "expression_lexer_internal.h"

#include <assert.h>

typedef struct hn_parser {
    hn_lexer lexer;
    hn_nodes out;
    uint32_t depth;
} hn_parser;

enum {
    LEVEL_OR = 1,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARE,
    LEVEL_SUM,
    LEVEL_PRODUCT,
    LEVEL_PREFIX,
    LEVEL_POWER
};

typedef struct binary_operator {
    const char *spelling;
    int level;
    const char *function;
} binary_operator;

static const binary_operator binary_operators[] = {
    {"or", LEVEL_OR, "or"},      {"||", LEVEL_OR, "or"},      {"and", LEVEL_AND, "and"},
    {"&&", LEVEL_AND, "and"},    {"==", LEVEL_COMPARE, "=="}, {"!=", LEVEL_COMPARE, "!="},
    {"<", LEVEL_COMPARE, "<"},   {"<=", LEVEL_COMPARE, "<="}, {">", LEVEL_COMPARE, ">"},
    {">=", LEVEL_COMPARE, ">="}, {"+", LEVEL_SUM, "+"},       {"-", LEVEL_SUM, "-"},
    {"*", LEVEL_PRODUCT, "*"},   {"/", LEVEL_PRODUCT, "/"},   {"//", LEVEL_PRODUCT, "//"},
    {"%", LEVEL_PRODUCT, "%"},   {"**", LEVEL_POWER, "**"},
};

static hone_status parse_level(hn_parser *parser, int level_least);

static const hn_token *token_of(const hn_parser *parser) {
    return &parser->lexer.token;
}

static hone_status next(hn_parser *parser) {
    return hn_lexer_next(&parser->lexer);
}

static bool token_is(const hn_parser *parser, const char *spelling) {
    const hn_token *token = token_of(parser);
    return (token->kind == HN_TOKEN_OPERATOR || token->kind == HN_TOKEN_NAME) &&
           hone_text_is(token->text, spelling);
}

/* Texts in messages are cut, so that the advice behind them is not. */
static int shown(hone_text text) {
    return text.size > 40 ? 40 : (int)text.size;
}

/* "AND" for "and": names differ by their case, and so do words. Or NULL. */
static const char *word_meant(const hn_token *token) {
    static const char *const words[][2] = {{"AND", "and"}, {"And", "and"}, {"OR", "or"},
                                           {"Or", "or"},   {"NOT", "not"}, {"Not", "not"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (token->kind == HN_TOKEN_NAME && hone_text_is(token->text, words[i][0])) {
            return words[i][1];
        }
    }
    return NULL;
}

static hone_status fail_expecting(const hn_parser *parser, const char *expected) {
    const hn_token *token = token_of(parser);
    bool is_end = token->kind == HN_TOKEN_END;
    const char *quote = is_end ? "" : "'", *meant = word_meant(token);
    return hn_expression_fail(
        parser->lexer.diag, parser->lexer.source, token->offset, HONE_STATUS_SYNTAX,
        "expected %s, found %s%.*s%s%s%s%s", expected, quote, shown(token->text), token->text.data,
        quote, meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static hone_status add_node(hn_parser *parser, hn_node node) {
    if (parser->out.count == parser->out.capacity) {
        return hn_expression_fail(parser->lexer.diag, parser->lexer.source, node.offset,
                                  HONE_STATUS_LIMIT,
                                  "the expression has more than %d parts; split it into several",
                                  HONE_EXPRESSION_NODES_MAX);
    }
    parser->out.nodes[parser->out.count++] = node;
    return HONE_OK;
}

static hone_status add_call(hn_parser *parser, const hn_function *function, uint32_t offset,
                            uint32_t args_count) {
    return add_node(parser, (hn_node){.kind = HN_NODE_CALL,
                                      .offset = offset,
                                      .function = function,
                                      .args_count = args_count});
}

static hone_status check_args_count(const hn_parser *parser, const hn_function *function,
                                    uint32_t offset, uint32_t count) {
    if (count >= function->args_min && count <= function->args_max) {
        return HONE_OK;
    }
    const char *bound = function->args_min == function->args_max ? ""
                        : count < function->args_min             ? "at least "
                                                                 : "at most ";
    uint32_t wanted = count < function->args_min ? function->args_min : function->args_max;
    return hn_expression_fail(parser->lexer.diag, parser->lexer.source, offset, HONE_STATUS_SYNTAX,
                              "%s() takes %s%u argument%s, found %u: %s", function->help.name,
                              bound, wanted, wanted == 1 ? "" : "s", count,
                              function->help.signature);
}

static hone_status find_function(const hn_parser *parser, const hn_token *name,
                                 const hn_function **out_function) {
    *out_function = hn_function_find(name->text, false);
    if (*out_function) {
        return HONE_OK;
    }
    hn_suggestion suggestion = {.wanted = name->text};
    hn_function_suggest(&suggestion);
    return hn_expression_fail(parser->lexer.diag, parser->lexer.source, name->offset,
                              HONE_STATUS_NOT_FOUND, "there is no function '%.*s'%s",
                              shown(name->text), name->text.data, hn_suggestion_text(&suggestion));
}

/* The token is the opening parenthesis. */
static hone_status parse_call(hn_parser *parser, const hn_token *name) {
    const hn_function *function;
    uint32_t count = 0;
    hone_status status = find_function(parser, name, &function);
    if (status != HONE_OK || (status = next(parser)) != HONE_OK) {
        return status;
    }
    while (!token_is(parser, ")")) {
        if (count > 0 && !token_is(parser, ",")) {
            return fail_expecting(parser, "an operator, ',' or ')'");
        }
        if (count > 0 && (status = next(parser)) != HONE_OK) {
            return status;
        }
        status = parse_level(parser, LEVEL_OR);
        if (status != HONE_OK) {
            return status;
        }
        count++;
    }
    status = check_args_count(parser, function, name->offset, count);
    if (status != HONE_OK ||
        (status = add_call(parser, function, name->offset, count)) != HONE_OK) {
        return status;
    }
    return next(parser);
}

static hone_status parse_parenthesis(hn_parser *parser) {
    hone_status status = next(parser);
    if (status != HONE_OK || (status = parse_level(parser, LEVEL_OR)) != HONE_OK) {
        return status;
    }
    return token_is(parser, ")") ? next(parser) : fail_expecting(parser, "an operator or ')'");
}

static bool is_reserved(hone_text text) {
    return hone_text_is(text, "and") || hone_text_is(text, "or") || hone_text_is(text, "not");
}

/* A name that is not quoted: a word of the language, a call or a field. */
static hone_status parse_name(hn_parser *parser) {
    hn_token name = *token_of(parser);
    hn_node node = {.offset = name.offset};
    if (is_reserved(name.text)) {
        return fail_expecting(parser, "a value");
    }
    hone_status status = next(parser);
    if (status != HONE_OK) {
        return status;
    }
    if (token_is(parser, "(")) {
        return parse_call(parser, &name);
    }
    bool is_true = hone_text_is(name.text, "true");
    if (is_true || hone_text_is(name.text, "false")) {
        node.kind = HN_NODE_LITERAL;
        node.type = HONE_TYPE_BOOL;
        node.cell.i64 = is_true;
    } else if (hone_text_is(name.text, "null")) {
        node.kind = HN_NODE_NULL;
    } else {
        node.kind = HN_NODE_FIELD;
        node.text = name.text;
    }
    return add_node(parser, node);
}

static hone_status parse_primary(hn_parser *parser) {
    const hn_token *token = token_of(parser);
    hn_node node = {.kind = HN_NODE_LITERAL,
                    .offset = token->offset,
                    .cell = token->cell,
                    .text = token->text,
                    .is_i64_minimum = token->is_i64_minimum};
    switch (token->kind) {
    case HN_TOKEN_I64: node.type = HONE_TYPE_I64; break;
    case HN_TOKEN_F64: node.type = HONE_TYPE_F64; break;
    case HN_TOKEN_TEXT: node.type = HONE_TYPE_TEXT; break;
    case HN_TOKEN_QUOTED_NAME: node.kind = HN_NODE_FIELD; break;
    case HN_TOKEN_NAME: return parse_name(parser);
    case HN_TOKEN_OPERATOR:
        return token_is(parser, "(") ? parse_parenthesis(parser)
                                     : fail_expecting(parser, "a value");
    case HN_TOKEN_END: return fail_expecting(parser, "a value");
    }
    hone_status status = add_node(parser, node);
    return status == HONE_OK ? next(parser) : status;
}

/* Prefix operators: 'not' binds weaker than comparisons, '!' and '-' stronger than products. */
static hone_status parse_prefix(hn_parser *parser) {
    uint32_t offset = token_of(parser)->offset;
    bool is_not = token_is(parser, "not"), is_bang = token_is(parser, "!");
    bool is_minus = token_is(parser, "-");
    if (!is_not && !is_bang && !is_minus) {
        return parse_primary(parser);
    }
    hone_status status = next(parser);
    if (status != HONE_OK) {
        return status;
    }
    status = parse_level(parser, is_not ? LEVEL_NOT : LEVEL_PREFIX);
    if (status != HONE_OK) {
        return status;
    }
    hn_node *last = &parser->out.nodes[parser->out.count - 1];
    if (is_minus && last->is_i64_minimum) {
        last->is_i64_minimum = false;
        last->offset = offset;
        return HONE_OK;
    }
    const char *name = is_minus ? "-x" : "not";
    return add_call(parser, hn_function_find(hone_text_of(name), true), offset, 1);
}

static const binary_operator *find_binary(const hn_parser *parser, int level_least) {
    for (size_t i = 0; i < sizeof binary_operators / sizeof binary_operators[0]; i++) {
        if (binary_operators[i].level >= level_least &&
            token_is(parser, binary_operators[i].spelling)) {
            return &binary_operators[i];
        }
    }
    return NULL;
}

/* Operands and operators of at least this level. */
static hone_status parse_operators(hn_parser *parser, int level_least) {
    hone_status status = parse_prefix(parser);
    const binary_operator *found;
    bool was_compared = false;
    while (status == HONE_OK && (found = find_binary(parser, level_least))) {
        uint32_t offset = token_of(parser)->offset;
        if (found->level == LEVEL_COMPARE && was_compared) {
            return hn_expression_fail(parser->lexer.diag, parser->lexer.source, offset,
                                      HONE_STATUS_SYNTAX,
                                      "comparisons cannot be chained; write a < b and b < c, or "
                                      "use parentheses");
        }
        was_compared = found->level == LEVEL_COMPARE;
        status = next(parser);
        /* ** is right-associative, and its right side may have a sign */
        int right = found->level == LEVEL_POWER ? LEVEL_PREFIX : found->level + 1;
        if (status == HONE_OK) {
            status = parse_level(parser, right);
        }
        if (status == HONE_OK) {
            const hn_function *function = hn_function_find(hone_text_of(found->function), true);
            assert(function);
            status = add_call(parser, function, offset, 2);
        }
    }
    return status;
}

static hone_status parse_level(hn_parser *parser, int level_least) {
    if (++parser->depth > HONE_EXPRESSION_DEPTH_MAX) {
        return hn_expression_fail(
            parser->lexer.diag, parser->lexer.source, token_of(parser)->offset, HONE_STATUS_LIMIT,
            "the expression is nested more than %d deep", HONE_EXPRESSION_DEPTH_MAX);
    }
    hone_status status = parse_operators(parser, level_least);
    parser->depth--;
    return status;
}

static hone_status check_minimum(const hn_parser *parser) {
    for (uint32_t i = 0; i < parser->out.count; i++) {
        if (parser->out.nodes[i].is_i64_minimum) {
            return hn_expression_fail(parser->lexer.diag, parser->lexer.source,
                                      parser->out.nodes[i].offset, HONE_STATUS_OVERFLOW,
                                      "the number 9223372036854775808 does not fit an i64; with a "
                                      "decimal point it is an f64");
        }
    }
    return HONE_OK;
}

hone_status hn_expression_parse(hone_text source, hone_arena *arena, hone_arena *temporary,
                                hone_diag *diag, hn_nodes *out_nodes) {
    hn_parser parser = {.lexer = {.source = source, .arena = arena, .diag = diag}};
    /* every node has a byte of the source to itself */
    parser.out.capacity =
        source.size < HONE_EXPRESSION_NODES_MAX ? (uint32_t)source.size : HONE_EXPRESSION_NODES_MAX;
    parser.out.nodes = HONE_ARENA_NEW_ARRAY(temporary, hn_node, parser.out.capacity);
    if (!parser.out.nodes) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory to compile an expression");
    }
    hone_status status = next(&parser);
    if (status == HONE_OK && token_of(&parser)->kind == HN_TOKEN_END) {
        status = hn_expression_fail(diag, source, 0, HONE_STATUS_SYNTAX, "the expression is empty");
    }
    if (status == HONE_OK) {
        status = parse_level(&parser, LEVEL_OR);
    }
    if (status == HONE_OK && token_of(&parser)->kind != HN_TOKEN_END) {
        status = fail_expecting(&parser, "an operator or the end");
    }
    if (status == HONE_OK) {
        status = check_minimum(&parser);
    }
    if (status == HONE_OK) {
        *out_nodes = parser.out;
    }
    return status;
}
