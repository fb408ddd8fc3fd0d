/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens. Names may contain letters of any script and long names such as \[Alpha]; x_h, #name and
 * %5 are one token each, because blanks inside mean something else.
 */
#include "make_internal.h"
#include "reader_internal.h"
#include "symbols_internal.h"

enum { NAME_BYTES_MAX = 1024, LONG_NAME_BYTES_MAX = 64 };

static int at(const hn_lexer *it, size_t offset) {
    return it->at + offset < it->source.size ? (unsigned char)it->source.data[it->at + offset] : -1;
}

static hone_text rest(const hn_lexer *it) {
    return (hone_text){it->source.data + it->at, it->source.size - it->at};
}

static bool is_letter(int byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '$' ||
           byte >= 0x80;
}

static bool is_digit(int byte) {
    return byte >= '0' && byte <= '9';
}

/* The code of \[Name], \:nnnn or \.nn at `offset`; 0: none. */
static uint32_t long_character(const hn_lexer *it, size_t offset, size_t *out_size) {
    if (at(it, offset) != '\\') {
        return 0;
    }
    int second = at(it, offset + 1);
    size_t begin = offset + 2;
    if (second == '[') {
        size_t end = begin;
        while (at(it, end) != ']' && at(it, end) >= 0 && end - begin < LONG_NAME_BYTES_MAX) {
            end++;
        }
        *out_size = end + 1 - offset;
        return at(it, end) == ']'
                   ? hn_named_character((hone_text){it->source.data + it->at + begin, end - begin})
                   : 0;
    }
    if (second != ':' && second != '.') {
        return 0;
    }
    uint32_t code = 0, digits = second == ':' ? 4 : 2;
    for (uint32_t i = 0; i < digits; i++) {
        int byte = at(it, begin + i) | 32;
        if (!is_digit(byte) && !(byte >= 'a' && byte <= 'f')) {
            return 0;
        }
        code = code * 16 + (uint32_t)(is_digit(byte) ? byte - '0' : byte - 'a' + 10);
    }
    *out_size = digits + 2;
    return code;
}

/* A long name that is a letter, not an operator or a space. */
static uint32_t long_letter(const hn_lexer *it, size_t offset, size_t *out_size) {
    size_t operator_size;
    hone_text here = {it->source.data + it->at + offset, it->source.size - it->at - offset};
    uint32_t code = long_character(it, offset, out_size);
    if (code == 0 || hn_operator_find(here, &operator_size) != UINT32_MAX || code <= ' ' ||
        (code >= 0x2000 && code <= 0x200b) || code == 0x2062 || code == 0xf765) {
        return 0;
    }
    return code;
}

static bool is_name_start(const hn_lexer *it, size_t offset) {
    size_t size;
    int byte = at(it, offset);
    return is_letter(byte) || (byte == '`' && is_letter(at(it, offset + 1))) ||
           (byte == '\\' && long_letter(it, offset, &size) != 0);
}

/* Reads a name from the current place on; too long ones are cut and end as they are. */
static hone_text read_name(hn_lexer *it, char *room) {
    size_t size = 0;
    while (size + 4 < NAME_BYTES_MAX) {
        size_t long_size;
        uint32_t code;
        int byte = at(it, 0);
        if (is_letter(byte) || (is_digit(byte) && size > 0) ||
            (byte == '`' && is_letter(at(it, 1)))) {
            room[size++] = (char)byte;
            it->at++;
        } else if (byte == '\\' && (code = long_letter(it, 0, &long_size)) != 0) {
            size += hone_utf8_encode(code, room + size);
            it->at += long_size;
        } else {
            break;
        }
    }
    return (hone_text){room, size};
}

static hn_value symbol_named(hn_lexer *it, hone_text name) {
    static const struct {
        const char *name;
        hn_system_symbol symbol;
    } constants[] = {{"\xcf\x80", HN_S_Pi},    {"\xe2\x88\x9e", HN_S_Infinity},
                     {"\xef\x9d\x8d", HN_S_E}, {"\xef\x9d\x8e", HN_S_I},
                     {"\xef\x9d\x8f", HN_S_I}, {"\xc2\xb0", HN_S_Degree}};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        if (hone_text_is(name, constants[i].name)) {
            return hn_of_symbol(&it->lyra->system[constants[i].symbol]);
        }
    }
    return hn_of_symbol(hn_symbol_resolve(it->lyra, name));
}

static void fail(hn_token *token, const char *problem, bool is_truncated) {
    token->kind = HN_TOKEN_ERROR;
    token->problem = problem;
    token->is_truncated = is_truncated;
}

/* --- blanks and comments --------------------------------------------------------------------- */

/* False: a comment does not end. */
static bool skip_comment(hn_lexer *it) {
    uint32_t depth = 0;
    do {
        if (at(it, 0) == '(' && at(it, 1) == '*') {
            depth++;
            it->at += 2;
        } else if (at(it, 0) == '*' && at(it, 1) == ')') {
            depth--;
            it->at += 2;
        } else if (at(it, 0) < 0) {
            return false;
        } else {
            it->at++;
        }
    } while (depth > 0);
    return true;
}

static bool skip_blanks(hn_lexer *it, hn_token *token) {
    for (;;) {
        int byte = at(it, 0);
        if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\f') {
            it->at++;
        } else if (byte == '\\' && at(it, 1) == '\n') {
            it->at += 2;
        } else if (byte == '\\' && at(it, 1) == '\r' && at(it, 2) == '\n') {
            it->at += 3;
        } else if (byte == '(' && at(it, 1) == '*') {
            token->begin = it->at;
            if (!skip_comment(it)) {
                fail(token, "this comment does not end: *) is missing", true);
                return false;
            }
        } else {
            return true;
        }
        token->has_space = true;
    }
}

/* --- strings --------------------------------------------------------------------------------- */

static size_t octal(const hn_lexer *it, uint32_t *out_code) {
    *out_code = 0;
    for (size_t i = 1; i <= 3; i++) {
        if (at(it, i) < '0' || at(it, i) > '7') {
            return 0;
        }
        *out_code = *out_code * 8 + (uint32_t)(at(it, i) - '0');
    }
    return 4;
}

/* One escape at the current place: writes what it means, returns what it takes. */
static size_t read_escape(const hn_lexer *it, char *out, size_t *out_size) {
    size_t size;
    uint32_t code = long_character(it, 0, &size);
    if (code == 0 && (size = octal(it, &code)) == 0) {
        static const char plain[] = "n\nt\tr\rb\bf\f\"\"\\\\";
        for (size_t i = 0; plain[i]; i += 2) {
            if (at(it, 1) == plain[i]) {
                *out = plain[i + 1];
                *out_size = 1;
                return 2;
            }
        }
        *out_size = at(it, 1) == '\n' ? 0 : 1; /* \ at the end of a line joins lines */
        *out = '\\';
        return at(it, 1) == '\n' ? 2 : 1;
    }
    *out_size = hone_utf8_encode(code, out);
    return size;
}

static void lex_string(hn_lexer *it, hn_token *token) {
    size_t end = it->at + 1;
    while (end < it->source.size && it->source.data[end] != '"') {
        end += it->source.data[end] == '\\' ? 2 : 1;
    }
    if (end >= it->source.size) {
        fail(token, "this string does not end: \" is missing", true);
        return;
    }
    size_t top = it->lyra->stack_top, size = 0;
    hn_stack_need(it->lyra, (end - it->at) / 8 + 2);
    char *room = (char *)(it->lyra->stack + top);
    for (it->at++; it->at < end;) {
        if (it->source.data[it->at] == '\\') {
            size_t written;
            it->at += read_escape(it, room + size, &written);
            size += written;
        } else {
            room[size++] = it->source.data[it->at++];
        }
    }
    it->at = end + 1;
    token->kind = HN_TOKEN_STRING;
    it->lyra->stack_top = top + size / 8 + 1;
    token->value = hn_make_string(it->lyra, (hone_text){room, size});
    it->lyra->stack_top = top;
}

/* Behind :: and << stand names that are strings. */
static bool lex_raw_name(hn_lexer *it, hn_token *token, const char *extra) {
    size_t end = it->at;
    while (end < it->source.size &&
           (is_letter((unsigned char)it->source.data[end]) || is_digit(it->source.data[end]) ||
            (it->source.data[end] && strchr(extra, it->source.data[end])))) {
        end++;
    }
    if (end == it->at) {
        return false;
    }
    token->kind = HN_TOKEN_STRING;
    token->value = hn_make_string(it->lyra, (hone_text){it->source.data + it->at, end - it->at});
    it->at = end;
    return true;
}

/* --- names, patterns, slots, outs ------------------------------------------------------------ */

static void lex_name(hn_lexer *it, hn_token *token) {
    hone_lyra *lyra = it->lyra;
    char room[NAME_BYTES_MAX];
    hn_value name = HN_NONE;
    if (at(it, 0) != '_') {
        hone_text text = read_name(it, room);
        if (text.size == 0) {
            it->at++;
            fail(token, "this name is too long", false);
            return;
        }
        name = symbol_named(it, text);
    }
    token->kind = HN_TOKEN_SYMBOL;
    token->value = name;
    if (at(it, 0) != '_') {
        return;
    }
    uint32_t count = 0;
    while (count < 3 && at(it, 0) == '_') {
        it->at++;
        count++;
    }
    hn_value blank = count == 1   ? HN_SYM(lyra, Blank)
                     : count == 2 ? HN_SYM(lyra, BlankSequence)
                                  : HN_SYM(lyra, BlankNullSequence);
    token->kind = HN_TOKEN_BLANKS;
    if (is_name_start(it, 0)) {
        token->value = hn_make1(lyra, blank, symbol_named(it, read_name(it, room)));
    } else {
        token->value = hn_make0(lyra, blank);
    }
    if (name != HN_NONE) {
        token->value = hn_make2(lyra, HN_SYM(lyra, Pattern), name, token->value);
    }
    if (count == 1 && at(it, 0) == '.' && at(it, 1) != '.') {
        it->at++;
        token->value = hn_make1(lyra, HN_SYM(lyra, Optional), token->value);
    }
}

static int64_t read_count(hn_lexer *it) {
    int64_t number = 0;
    while (is_digit(at(it, 0))) {
        number = number < 1000000000 ? number * 10 + (at(it, 0) - '0') : number;
        it->at++;
    }
    return number;
}

static void lex_slot(hn_lexer *it, hn_token *token) {
    hone_lyra *lyra = it->lyra;
    char room[NAME_BYTES_MAX];
    it->at++;
    bool is_sequence = at(it, 0) == '#';
    it->at += is_sequence;
    hn_value index = hn_of_small(1);
    if (is_digit(at(it, 0))) {
        index = hn_of_small(read_count(it));
    } else if (!is_sequence && is_letter(at(it, 0))) {
        index = hn_make_string(lyra, read_name(it, room));
    }
    token->kind = HN_TOKEN_SLOT;
    token->value =
        hn_make1(lyra, is_sequence ? HN_SYM(lyra, SlotSequence) : HN_SYM(lyra, Slot), index);
}

static void lex_out(hn_lexer *it, hn_token *token) {
    hone_lyra *lyra = it->lyra;
    int64_t back = 0;
    while (at(it, 0) == '%') {
        back++;
        it->at++;
    }
    token->kind = HN_TOKEN_OUT;
    if (back == 1 && is_digit(at(it, 0))) {
        token->value = hn_make1(lyra, HN_SYM(lyra, Out), hn_of_small(read_count(it)));
    } else if (back == 1) {
        token->value = hn_make0(lyra, HN_SYM(lyra, Out));
    } else {
        token->value = hn_make1(lyra, HN_SYM(lyra, Out), hn_of_small(-back));
    }
}

/* --- the rest -------------------------------------------------------------------------------- */

static bool lex_bracket(hn_lexer *it, hn_token *token) {
    int byte = at(it, 0), next = at(it, 1);
    token->spelling = (uint32_t)byte;
    if (byte == '<' && next == '|') {
        token->kind = HN_TOKEN_OPEN;
        token->spelling = '|';
        it->at += 2;
        return true;
    }
    if (byte == '|' && next == '>') {
        token->kind = HN_TOKEN_CLOSE;
        it->at += 2;
        return true;
    }
    if (byte == '(' || byte == '[' || byte == '{') {
        token->kind = HN_TOKEN_OPEN;
    } else if (byte == ')' || byte == ']' || byte == '}') {
        token->kind = HN_TOKEN_CLOSE;
    } else if (byte == ',') {
        token->kind = HN_TOKEN_COMMA;
    } else {
        return false;
    }
    it->at++;
    return true;
}

static bool lex_operator(hn_lexer *it, hn_token *token) {
    size_t size;
    token->spelling = hn_operator_find(rest(it), &size);
    if (token->spelling == UINT32_MAX) {
        return false;
    }
    const char *spelling = hn_operators[token->spelling].spelling;
    token->kind = HN_TOKEN_OPERATOR;
    it->at += size;
    it->is_file_name_next =
        strcmp(spelling, "<<") == 0 || strcmp(spelling, ">>") == 0 || strcmp(spelling, ">>>") == 0;
    return true;
}

static bool starts_number(const hn_lexer *it) {
    return is_digit(at(it, 0)) || (at(it, 0) == '.' && is_digit(at(it, 1)));
}

void hn_lex(hn_lexer *it, hn_token *token) {
    *token = (hn_token){.kind = HN_TOKEN_END};
    if (!skip_blanks(it, token)) {
        return;
    }
    token->begin = it->at;
    size_t long_size;
    int byte = at(it, 0);
    bool is_file_name = it->is_file_name_next;
    it->is_file_name_next = false;
    if (byte < 0) {
        token->kind = HN_TOKEN_END;
    } else if (byte == '\n') {
        it->at++;
        token->kind = HN_TOKEN_NEWLINE;
    } else if (byte == '"') {
        lex_string(it, token);
    } else if (is_file_name && lex_raw_name(it, token, "`./~_-:*")) {
        token->end = it->at;
    } else if (starts_number(it)) {
        if (!hn_lex_number(it, token)) {
            token->kind = HN_TOKEN_ERROR;
        }
    } else if (byte == '_' || is_name_start(it, 0)) {
        lex_name(it, token);
    } else if (byte == '#') {
        lex_slot(it, token);
    } else if (byte == '%') {
        lex_out(it, token);
    } else if (!lex_bracket(it, token) && !lex_operator(it, token)) {
        uint32_t code = long_character(it, 0, &long_size);
        if (code != 0) { /* invisible space and its like */
            it->at += long_size;
            token->has_space = true;
            hn_lex(it, token);
            return;
        }
        it->at++;
        fail(token, byte == '\\' ? "no such long name" : "this character means nothing here",
             false);
    }
    token->end = it->at;
}
