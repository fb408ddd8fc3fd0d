/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: f::tag names a text, Message[f::tag, ...] fills its slots and hands it to the embedder.
 * A symbol without a text of its own for a tag uses General's.
 */
#include "builtins_internal.h"

static const struct {
    const char *symbol, *tag, *text;
} texts[] = {
    {"General", "argx", "`1` called with `2` arguments; 1 argument is expected."},
    {"General", "argr", "`1` called with 1 argument; `2` arguments are expected."},
    {"General", "argrx", "`1` called with `2` arguments; `3` arguments are expected."},
    {"General", "argt", "`1` called with `2` arguments; `3` or `4` arguments are expected."},
    {"General", "argtu", "`1` called with 1 argument; `2` or `3` arguments are expected."},
    {"General", "argb",
     "`1` called with `2` arguments; between `3` and `4` arguments are expected."},
    {"General", "argbu", "`1` called with 1 argument; between `2` and `3` arguments are expected."},
    {"General", "argm", "`1` called with `2` arguments; `3` or more arguments are expected."},
    {"General", "argmu", "`1` called with 1 argument; `2` or more arguments are expected."},
    {"General", "tdlen", "Objects of unequal length in `1` cannot be combined."},
    {"General", "ovfl", "Overflow occurred in computation."},
    {"General", "unfl", "Underflow occurred in computation."},
    {"General", "indet", "Indeterminate expression `1` encountered."},
    {"General", "normal", "Nonatomic expression expected at position `1` in `2`."},
    {"General", "list", "List expected at position `1` in `2`."},
    {"General", "ivar", "`1` is not a valid variable."},
    {"General", "sym", "Argument `1` at position `2` is expected to be a symbol."},
    {"General", "string", "String expected at position `1` in `2`."},
    {"General", "strse", "String or list of strings expected at position `1` in `2`."},
    {"General", "int", "Integer expected at position `1` in `2`."},
    {"General", "intnm", "Non-negative machine-sized integer expected at position `1` in `2`."},
    {"General", "intpm", "Positive machine-sized integer expected at position `1` in `2`."},
    {"General", "level", "Level specification `1` is not of the form n, {n}, or {m, n}."},
    {"General", "lvset",
     "Local variable specification `1` contains `2`, which is an assignment to "
     "`3`; only assignments to symbols are allowed."},
    {"General", "lvsym",
     "Local variable specification `1` contains `2`, which is not a symbol or "
     "an assignment to a symbol."},
    {"General", "lvlist", "Local variable specification `1` is not a List."},
    {"General", "reps",
     "{`1`} is neither a list of replacement rules nor a valid dispatch table, and "
     "so cannot be used for replacing."},
    {"General", "rvalue", "`1` is not a variable with a value, so its value cannot be changed."},
    {"General", "nonopt",
     "Options expected (instead of `1`) beyond position `2` in `3`. An option "
     "must be a rule or a list of rules."},
    {"General", "heads", "Heads `1` and `2` are expected to be the same."},
    {"General", "exact", "`1` is not an exact number."},
    {"General", "ssle", "Symbol, string, or HoldPattern[symbol] expected at position `2` in `1`."},
    {"General", "nosyntax", "`1` is not available in this version."},
    {"General", "incomp", "Expressions `1` and `2` have incompatible shapes."},
    {"General", "stop", "Further output of `1` will be suppressed during this calculation."},
    {"Power", "infy", "Infinite expression `1` encountered."},
    {"Infinity", "indet", "Indeterminate expression `1` encountered."},
    {"Set", "write", "Tag `1` in `2` is Protected."},
    {"SetDelayed", "write", "Tag `1` in `2` is Protected."},
    {"General", "wrsym", "Symbol `1` is Protected."},
    {"General", "locked", "Symbol `1` is locked."},
    {"General", "setraw", "Cannot assign to raw object `1`."},
    {"General", "tagnf", "Tag `1` not found in `2`."},
    {"General", "tagnfd", "Tag `1` not found or too deep for an assigned rule."},
    {"General", "setps", "`1` in the part assignment is not a symbol."},
    {"General", "shape", "Lists `1` and `2` are not the same shape."},
    {"General", "noval", "Symbol `1` in part assignment does not have an immediate value."},
    {"General", "norep", "Assignment on `2` for `1` not found."},
    {"Part", "partw", "Part `1` of `2` does not exist."},
    {"Part", "partd", "Part specification `1` is longer than depth of object."},
    {"Part", "pspec",
     "Part specification `1` is neither a machine-sized integer nor a list of "
     "machine-sized integers."},
    {"Part", "pkspec1", "The expression `1` cannot be used as a part specification."},
    {"Part", "take", "Cannot take positions `1` through `2` in `3`."},
    {"Take", "take", "Cannot take positions `1` through `2` in `3`."},
    {"Drop", "drop", "Cannot drop positions `1` through `2` in `3`."},
    {"First", "nofirst", "`1` has zero length and no first element."},
    {"Last", "nolast", "`1` has zero length and no last element."},
    {"Rest", "norest", "Cannot take Rest of expression `1` with length zero."},
    {"Most", "nomost", "Cannot take Most of expression `1` with length zero."},
    {"Function", "slotn", "Slot number `1` in `2` cannot be filled from the arguments."},
    {"Function", "fpct", "Too many parameters in `1` to be filled from `2`."},
    {"Throw", "nocatch", "Uncaught `1` returned to top level."},
    {"$RecursionLimit", "reclim2", "Recursion depth of `1` exceeded during evaluation of `2`."},
    {"$RecursionLimit", "stack",
     "The stack is exhausted; what was evaluated is nested too deeply."},
    {"$IterationLimit", "itlim", "Iteration limit of `1` exceeded."},
    {"ReplaceRepeated", "rrlim", "Exiting after `1` scanned `2` times."},
    {"Do", "iterb", "Iterator `1` does not have appropriate bounds."},
    {"General", "iterb", "Iterator `1` does not have appropriate bounds."},
    {"General", "itform",
     "Argument `1` at position `2` does not have the correct form for an iterator."},
    {"General", "vloc",
     "The variable `1` cannot be localized so that it can be assigned to "
     "numerical values."},
    {"Range", "range", "Range specification in `1` does not have appropriate bounds."},
    {"Divide", "infy", "Infinite expression `1` encountered."},
    {"Check", "argmu", "Check called with 1 argument; 2 or more arguments are expected."},
    {"OptionValue", "optnf", "Option name `2` not found in defaults for `1`."},
    {"Join", "heads", "Heads `1` and `2` are expected to be the same."},
    {"Inner", "incom",
     "Length `1` of dimension `2` in `3` is incommensurate with length `4` of "
     "dimension `5` in `6`."},
    {"Dot", "dotsh", "Tensors `1` and `2` have incompatible shapes."},
    {"Transpose", "nmtx", "The first two levels of `1` cannot be transposed."},
    {"ToExpression", "sntx", "Invalid syntax in or before `1`."},
    {"Attributes", "attnf", "`1` is not a known attribute."},
    {"SetAttributes", "attnf", "`1` is not a known attribute."},
    {"General", "notfound", "Symbol `1` not found."},
    {"StringJoin", "string", "String expected at position `1` in `2`."},
    {"General", "base", "Requested base `1` in `2` should be between 2 and `3`."},
    {"General", "seqs", "Sequence specification `1` is expected."},
    {"Quotient", "infy", "Infinite expression `1` encountered."},
    {"Return", "nofunc", "Function `2` not found enclosing `1`."},
    {"Partition", "pdep", "Depth `1` requested in `2`."},
    {"Fold", "normal", "Nonatomic expression expected at position `1` in `2`."},
    {"Association", "setps", "`1` in the part assignment is not a symbol."},
};

static hn_value find_text(hone_lyra *lyra, hn_value symbol, hn_value tag) {
    hn_value list = hn_symbol_of(symbol)->messages;
    for (uint32_t i = 0; list != HN_NONE && i < hn_count(list); i++) {
        if (hn_is_same(lyra, hn_arg(hn_arg(list, i), 0), tag)) {
            return hn_arg(hn_arg(list, i), 1);
        }
    }
    hone_text name = hn_symbol_short_name(hn_symbol_of(symbol));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (hone_text_is(name, texts[i].symbol) && hone_text_is(hn_text_of(tag), texts[i].tag)) {
            return hn_make_string(lyra, hone_text_of(texts[i].text));
        }
    }
    return symbol == HN_SYM(lyra, General) ? HN_NONE : find_text(lyra, HN_SYM(lyra, General), tag);
}

hn_value hn_message_text(hone_lyra *lyra, hn_value symbol, hn_value tag) {
    return find_text(lyra, symbol, tag);
}

/* Appends the text with `1`, `2`... filled in; `` is the next one. */
static void fill(hone_lyra *lyra, hone_text text, const hn_value *args, uint32_t count,
                 hone_buffer *out) {
    uint32_t next = 0;
    for (size_t at = 0; at < text.size; at++) {
        if (text.data[at] != '`') {
            hone_buffer_append_byte(out, text.data[at]);
            continue;
        }
        uint32_t index = 0;
        size_t end = at + 1;
        for (; end < text.size && text.data[end] >= '0' && text.data[end] <= '9' && index < 1000;
             end++) {
            index = index * 10 + (uint32_t)(text.data[end] - '0');
        }
        if (end >= text.size || text.data[end] != '`') {
            hone_buffer_append_byte(out, '`');
            continue;
        }
        index = index ? index - 1 : next++;
        if (index < count) {
            hn_print(lyra, args[index], HONE_LYRA_OUTPUT_FORM, out);
        }
        at = end;
    }
}

static bool is_off(hone_lyra *lyra, hn_value name) {
    for (hn_value list = lyra->quieted; HN_IS_FORM(lyra, list, List); list = hn_arg(list, 1)) {
        if (hn_is_same(lyra, hn_arg(list, 0), name)) {
            return true;
        }
    }
    return false;
}

void hn_message_value(hone_lyra *lyra, hn_value name, const hn_value *args, uint32_t count) {
    hn_value symbol = hn_arg(name, 0), tag = hn_arg(name, 1);
    if (is_off(lyra, name)) {
        return;
    }
    lyra->messages_count++;
    hn_value held = hn_make1(lyra, HN_SYM(lyra, HoldForm), name);
    lyra->messages_list = hn_make2(lyra, HN_SYM(lyra, List), held, lyra->messages_list);
    if (lyra->quiet_depth > 0 || !lyra->options.message) {
        return;
    }
    hone_buffer *out = &lyra->text;
    size_t before = out->size;
    hn_print(lyra, name, HONE_LYRA_OUTPUT_FORM, out);
    hone_buffer_append_text(out, HONE_TEXT(": "));
    hn_value text = find_text(lyra, symbol, tag);
    if (hn_is_string(text)) {
        fill(lyra, hn_text_of(text), args, count, out);
    } else {
        hone_buffer_append_text(out, HONE_TEXT("-- Message text not found --"));
    }
    hone_text whole = {(const char *)out->data + before, out->size - before};
    lyra->options.message(lyra->options.self, whole);
    out->size = before;
}

void hn_message(hone_lyra *lyra, hn_value symbol, const char *tag, const hn_value *args,
                uint32_t count) {
    hn_value name =
        hn_make2(lyra, HN_SYM(lyra, MessageName), symbol, hn_make_string(lyra, hone_text_of(tag)));
    hn_message_value(lyra, name, args, count);
}

void hn_message1(hone_lyra *lyra, hn_value symbol, const char *tag, hn_value arg) {
    hn_message(lyra, symbol, tag, &arg, 1);
}

void hn_message2(hone_lyra *lyra, hn_value symbol, const char *tag, hn_value a, hn_value b) {
    hn_value args[] = {a, b};
    hn_message(lyra, symbol, tag, args, 2);
}

void hn_message_count(hone_lyra *lyra, hn_call *call, int least, int most) {
    bool is_one = call->count == 1;
    hn_value args[] = {call->head, hn_of_small(call->count), hn_of_small(least), hn_of_small(most)};
    const char *tag;
    if (most < 0) {
        tag = is_one ? "argmu" : "argm";
    } else if (least == most) {
        tag = least == 1 ? "argx" : is_one ? "argr" : "argrx";
    } else if (most == least + 1) {
        tag = is_one ? "argtu" : "argt";
    } else {
        tag = is_one ? "argbu" : "argb";
    }
    if (is_one) { /* these texts say "1 argument" themselves */
        args[1] = args[2];
        args[2] = args[3];
    }
    hn_message(lyra, call->head, tag, args, 4);
}
