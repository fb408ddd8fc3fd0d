/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: joining, cutting, to and from expressions. Characters are code points of UTF-8. */
#include "builtins_internal.h"
#include "reader_internal.h"

static size_t character_size(char first) {
    unsigned char byte = (unsigned char)first;
    return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

static uint32_t characters_count(hone_text text) {
    uint32_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static void append_each(hone_lyra *lyra, hn_value value, bool *is_fine) {
    if (HN_IS_FORM(lyra, value, List)) {
        for (uint32_t i = 0; i < hn_count(value); i++) {
            append_each(lyra, hn_arg(value, i), is_fine);
        }
    } else if (hn_is_string(value)) {
        hone_buffer_append_text(&lyra->text, hn_text_of(value));
    } else {
        *is_fine = false;
    }
}

static hn_value take_text(hone_lyra *lyra, size_t before) {
    hone_text text = {(const char *)lyra->text.data + before, lyra->text.size - before};
    hn_value string = hn_make_string(lyra, text);
    lyra->text.size = before;
    return string;
}

static hn_value string_join(hone_lyra *lyra, hn_call *call) {
    size_t before = lyra->text.size;
    for (uint32_t i = 0; i < call->count; i++) {
        bool is_fine = true;
        append_each(lyra, call->args[i], &is_fine);
        if (!is_fine) {
            lyra->text.size = before;
            hn_message2(lyra, call->head, "string", hn_of_small(i + 1), hn_call_node(lyra, call));
            return HN_NONE;
        }
    }
    return take_text(lyra, before);
}

static hn_value string_length(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_string(call->args[0])) {
        hn_message2(lyra, call->head, "string", hn_of_small(1), hn_call_node(lyra, call));
        return HN_NONE;
    }
    return hn_of_small(characters_count(hn_text_of(call->args[0])));
}

static hn_value characters(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_string(call->args[0])) {
        return HN_NONE;
    }
    hone_text text = hn_text_of(call->args[0]);
    size_t top = lyra->stack_top;
    for (size_t at = 0, size; at < text.size; at += size) {
        size = character_size(text.data[at]);
        size = size > text.size - at ? text.size - at : size;
        hn_push(lyra, hn_make_string(lyra, (hone_text){text.data + at, size}));
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value string_reverse(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_string(call->args[0])) {
        return HN_NONE;
    }
    hone_text text = hn_text_of(call->args[0]);
    size_t before = lyra->text.size, end = text.size;
    for (size_t i = text.size; i-- > 0;) {
        if (((unsigned char)text.data[i] & 0xc0) != 0x80) {
            hone_buffer_append(&lyra->text, text.data + i, end - i);
            end = i;
        }
    }
    return take_text(lyra, before);
}

static hn_value change_case(hone_lyra *lyra, hn_call *call, char first, char last) {
    if (!hn_is_string(call->args[0])) {
        return HN_NONE;
    }
    hn_value copy = hn_make_string(lyra, hn_text_of(call->args[0]));
    char *data = (char *)hn_node_of(copy)->words;
    for (uint32_t i = 0; i < hn_count(copy); i++) {
        data[i] = (char)(data[i] >= first && data[i] <= last ? data[i] ^ 32 : data[i]);
    }
    return copy;
}

static hn_value to_upper(hone_lyra *lyra, hn_call *call) {
    return change_case(lyra, call, 'a', 'z');
}
static hn_value to_lower(hone_lyra *lyra, hn_call *call) {
    return change_case(lyra, call, 'A', 'Z');
}

static hn_value to_string(hone_lyra *lyra, hn_call *call) {
    hone_lyra_form form = HONE_LYRA_OUTPUT_FORM;
    if (call->count > 1) {
        form = call->args[1] == HN_SYM(lyra, InputForm)  ? HONE_LYRA_INPUT_FORM
               : call->args[1] == HN_SYM(lyra, FullForm) ? HONE_LYRA_FULL_FORM
                                                         : form;
    }
    return hn_print_string(lyra, call->args[0], form);
}

static hn_value to_expression(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_string(call->args[0])) {
        return call->args[0];
    }
    hn_reader reader = {.lyra = lyra, .source = hn_text_of(call->args[0])};
    hn_value value = HN_SYM(lyra, Null);
    for (;;) {
        hn_value next;
        hone_diag diag = {0};
        if (hn_read_next(&reader, &diag, &next)) {
            hn_message1(lyra, call->head, "sntx", call->args[0]);
            return hn_of_symbol(hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Failed"), true));
        }
        if (next == HN_NONE) {
            return value;
        }
        value = call->count > 2 ? hn_apply1(lyra, call->args[2], next) : hn_evaluate(lyra, next);
    }
}

const hn_builtin hn_builtins_strings[] = {
    {"StringJoin", string_join, HN_P | HN_FLAT | HN_ONE_IDENTITY, 0, -1,
     "\"s1\" <> \"s2\" puts strings together."},
    {"StringLength", string_length, HN_P | HN_LISTABLE, 1, 1,
     "StringLength[\"s\"] counts characters."},
    {"Characters", characters, HN_P | HN_LISTABLE, 1, 1,
     "Characters[\"s\"] gives the list of characters."},
    {"StringReverse", string_reverse, HN_P | HN_LISTABLE, 1, 1,
     "StringReverse[\"s\"] reverses a string."},
    {"ToUpperCase", to_upper, HN_P | HN_LISTABLE, 1, 1,
     "ToUpperCase[\"s\"] gives upper case (ASCII)."},
    {"ToLowerCase", to_lower, HN_P | HN_LISTABLE, 1, 1,
     "ToLowerCase[\"s\"] gives lower case (ASCII)."},
    {"ToString", to_string, HN_P, 1, 2, "ToString[expr, form] gives expr as a string."},
    {"ToExpression", to_expression, HN_P, 1, 3,
     "ToExpression[\"s\"] reads and evaluates a string."},
    {0},
};
