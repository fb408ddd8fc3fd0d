/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of the text format, plain and folded, into their binary form. Folded ones nest as
 * deep as the text likes, so what is open is kept on a stack of its own: a folded instruction's
 * bytes wait among the pending ones until its operands have been written.
 *
 * Source: WebAssembly Core Specification 2.0, section 6.5.
 */
#include "text_internal.h"

#include <assert.h>

enum { FOLD_PLAIN, FOLD_BLOCK, FOLD_IF, FOLD_ARM };

static void put_opcode(hone_buffer *out, uint32_t opcode) {
    if (opcode > 0xFF) {
        hone_buffer_append_byte(out, (char)(opcode >> 8));
        hn_wat_put_unsigned(out, opcode & 0xFF);
    } else {
        hone_buffer_append_byte(out, (char)opcode);
    }
}

static uint32_t find_opcode(hn_wat *wat) {
    const hone_text_map_entry *entry =
        wat->lexer.token.kind == HN_WAT_ATOM
            ? hone_text_map_find(&wat->instructions, wat->lexer.token.text)
            : NULL;
    if (!entry) {
        if (!hn_wat_is_failed(&wat->lexer)) {
            hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "unknown operator or unexpected token");
        }
        return HN_WASM_OP_NOP;
    }
    return (uint32_t)entry->value.number;
}

/* --- labels ----------------------------------------------------------------------------------- */

static void push_label(hn_wat *wat, hone_text name, uint32_t opcode, bool is_folded) {
    wat->labels = hn_wat_grow(wat, wat->labels, wat->labels_count, &wat->labels_capacity,
                              sizeof *wat->labels);
    if (!hn_wat_is_failed(&wat->lexer)) {
        wat->labels[wat->labels_count++] = (hn_wat_label){name, (uint16_t)opcode, is_folded};
    }
}

static uint32_t take_label(hn_wat *wat) {
    hone_text name = hn_wat_take_name(&wat->lexer);
    if (!name.size) {
        return (uint32_t)hn_wat_take_unsigned(&wat->lexer, 32);
    }
    for (uint32_t i = wat->labels_count; i-- > 0;) {
        if (hone_text_is_equal(wat->labels[i].name, name)) {
            return wat->labels_count - 1 - i;
        }
    }
    hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "unknown label %.*s", HONE_TEXT_ARGS(name));
    return 0;
}

static void put_block_type(hn_wat *wat, hone_buffer *out) {
    hn_wat_type_use use = hn_wat_take_type_use(wat, false, false);
    if (!use.has_index && use.type.params_count == 0 && use.type.results_count <= 1) {
        hone_buffer_append_byte(out,
                                use.type.results_count ? (char)use.type.results[0] : (char)0x40);
        return;
    }
    hn_wat_put_signed(out, use.index);
}

/* --- immediates ------------------------------------------------------------------------------- */

/* offset=N align=N, and the memory in front of them. */
static void put_memory_argument(hn_wat *wat, uint32_t memory, uint32_t alignment,
                                hone_buffer *out) {
    hn_wat_lexer *lexer = &wat->lexer;
    uint64_t offset = 0;
    hone_text text = lexer->token.text;
    if (lexer->token.kind == HN_WAT_ATOM && hone_text_has_prefix(text, HONE_TEXT("offset="))) {
        lexer->token.text = (hone_text){text.data + 7, text.size - 7};
        offset = hn_wat_take_unsigned(lexer, 64);
        text = lexer->token.text;
    }
    if (lexer->token.kind == HN_WAT_ATOM && hone_text_has_prefix(text, HONE_TEXT("align="))) {
        lexer->token.text = (hone_text){text.data + 6, text.size - 6};
        uint64_t bytes = hn_wat_take_unsigned(lexer, 32);
        if (bytes == 0 || (bytes & (bytes - 1))) {
            hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "alignment must be a power of two");
        }
        alignment = bytes ? (uint32_t)__builtin_ctzll(bytes) : 0;
    }
    hn_wat_put_unsigned(out, alignment | (memory ? 0x40 : 0));
    if (memory) {
        hn_wat_put_unsigned(out, memory);
    }
    hn_wat_put_unsigned(out, offset);
}

static uint32_t take_optional(hn_wat *wat, uint32_t space) {
    return hn_wat_is_index(wat) ? hn_wat_take_index(wat, space) : 0;
}

/* A lane access may begin with a memory: then two numbers, or more, follow. */
static uint32_t take_memory_before_lane(hn_wat *wat) {
    hn_wat_lexer ahead = wat->lexer;
    ahead.diag = NULL;
    hn_wat_advance(&ahead);
    bool is_memory = hn_wat_is_index(wat) && ahead.token.kind == HN_WAT_ATOM;
    if (is_memory && !hn_wat_is_number(&ahead)) {
        is_memory = hone_text_has_prefix(ahead.token.text, HONE_TEXT("offset=")) ||
                    hone_text_has_prefix(ahead.token.text, HONE_TEXT("align="));
    }
    return is_memory ? hn_wat_take_index(wat, HN_WAT_MEMORIES) : 0;
}

static void put_lane(hn_wat *wat, hone_buffer *out) {
    hone_buffer_append_byte(out, (char)hn_wat_take_unsigned(&wat->lexer, 8));
}

static void put_vector(hn_wat *wat, hone_buffer *out) {
    static const struct {
        const char *name;
        uint8_t lanes, bits;
        bool is_float;
    } shapes[] = {{"i8x16", 16, 8, false}, {"i16x8", 8, 16, false}, {"i32x4", 4, 32, false},
                  {"i64x2", 2, 64, false}, {"f32x4", 4, 32, true},  {"f64x2", 2, 64, true}};
    hn_wat_lexer *lexer = &wat->lexer;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (!hn_wat_take_atom(lexer, shapes[i].name)) {
            continue;
        }
        for (uint32_t lane = 0; lane < shapes[i].lanes; lane++) {
            uint64_t bits = !shapes[i].is_float    ? hn_wat_take_integer(lexer, shapes[i].bits)
                            : shapes[i].bits == 32 ? hn_wat_take_f32(lexer)
                                                   : hn_wat_take_f64(lexer);
            hn_wat_put_bytes(out, bits, shapes[i].bits / 8);
        }
        return;
    }
    hn_wat_fail_token(lexer, "the shape of a vector");
}

static void put_labels(hn_wat *wat, hone_buffer *out) {
    uint32_t count = 0;
    wat->scratch.size = 0;
    while (hn_wat_is_index(wat)) {
        hn_wat_put_unsigned(&wat->scratch, take_label(wat));
        count++;
    }
    if (count == 0) {
        hn_wat_fail_token(&wat->lexer, "a label");
        return;
    }
    hn_wat_put_unsigned(out, count - 1);
    hone_buffer_append(out, wat->scratch.data, wat->scratch.size);
}

static void put_call_indirect(hn_wat *wat, hone_buffer *out) {
    uint32_t table = take_optional(wat, HN_WAT_TABLES);
    hn_wat_type_use use = hn_wat_take_type_use(wat, false, true);
    hn_wat_put_unsigned(out, use.index);
    hn_wat_put_unsigned(out, table);
}

static void put_reference_type(hn_wat *wat, hone_buffer *out) {
    if (hn_wat_take_atom(&wat->lexer, "func")) {
        hone_buffer_append_byte(out, (char)HONE_WASM_FUNCREF);
    } else if (hn_wat_take_atom(&wat->lexer, "extern")) {
        hone_buffer_append_byte(out, (char)HONE_WASM_EXTERNREF);
    } else {
        hn_wat_fail_token(&wat->lexer, "func or extern");
    }
}

/* Two indices of one space, or none; the binary has them in the same order. */
static void put_two(hn_wat *wat, uint32_t space, hone_buffer *out) {
    uint32_t a = 0, b = 0;
    if (hn_wat_is_index(wat)) {
        a = hn_wat_take_index(wat, space);
        b = hn_wat_take_index(wat, space);
    }
    hn_wat_put_unsigned(out, a);
    hn_wat_put_unsigned(out, b);
}

/* A segment, behind an optional memory or table; the binary has the segment first. */
static void put_segment(hn_wat *wat, uint32_t segments, uint32_t targets, hone_buffer *out) {
    hn_wat_lexer ahead = wat->lexer;
    ahead.diag = NULL;
    hn_wat_advance(&ahead);
    hn_wat_lexer kept = wat->lexer;
    wat->lexer.token = ahead.token;
    bool has_target = hn_wat_is_index(wat);
    wat->lexer = kept;
    uint32_t target = has_target ? hn_wat_take_index(wat, targets) : 0;
    hn_wat_put_unsigned(out, hn_wat_take_index(wat, segments));
    hn_wat_put_unsigned(out, target);
}

/* long: one case per kind of immediate. */
static void put_immediate(hn_wat *wat, const hn_wasm_instruction *row, hone_buffer *out) {
    hn_wat_lexer *lexer = &wat->lexer;
    switch (row->immediate) {
    case HN_WASM_IMMEDIATE_NONE: break;
    case HN_WASM_IMMEDIATE_LABEL: hn_wat_put_unsigned(out, take_label(wat)); break;
    case HN_WASM_IMMEDIATE_LABELS: put_labels(wat, out); break;
    case HN_WASM_IMMEDIATE_FUNC:
        hn_wat_put_unsigned(out, hn_wat_take_index(wat, HN_WAT_FUNCTIONS));
        break;
    case HN_WASM_IMMEDIATE_CALL_INDIRECT: put_call_indirect(wat, out); break;
    case HN_WASM_IMMEDIATE_LOCAL:
        hn_wat_put_unsigned(out, hn_wat_take_index(wat, HN_WAT_LOCALS));
        break;
    case HN_WASM_IMMEDIATE_GLOBAL:
        hn_wat_put_unsigned(out, hn_wat_take_index(wat, HN_WAT_GLOBALS));
        break;
    case HN_WASM_IMMEDIATE_TABLE:
        hn_wat_put_unsigned(out, take_optional(wat, HN_WAT_TABLES));
        break;
    case HN_WASM_IMMEDIATE_MEMORY:
        hn_wat_put_unsigned(out, take_optional(wat, HN_WAT_MEMORIES));
        break;
    case HN_WASM_IMMEDIATE_MEM:
        put_memory_argument(wat, take_optional(wat, HN_WAT_MEMORIES), row->alignment, out);
        break;
    case HN_WASM_IMMEDIATE_MEM_LANE:
        put_memory_argument(wat, take_memory_before_lane(wat), row->alignment, out);
        put_lane(wat, out);
        break;
    case HN_WASM_IMMEDIATE_LANE: put_lane(wat, out); break;
    case HN_WASM_IMMEDIATE_SHUFFLE:
        for (int i = 0; i < 16; i++) {
            put_lane(wat, out);
        }
        break;
    case HN_WASM_IMMEDIATE_I32:
        hn_wat_put_signed(out, (int32_t)(uint32_t)hn_wat_take_integer(lexer, 32));
        break;
    case HN_WASM_IMMEDIATE_I64:
        hn_wat_put_signed(out, (int64_t)hn_wat_take_integer(lexer, 64));
        break;
    case HN_WASM_IMMEDIATE_F32: hn_wat_put_bytes(out, hn_wat_take_f32(lexer), 4); break;
    case HN_WASM_IMMEDIATE_F64: hn_wat_put_bytes(out, hn_wat_take_f64(lexer), 8); break;
    case HN_WASM_IMMEDIATE_V128: put_vector(wat, out); break;
    case HN_WASM_IMMEDIATE_REF_TYPE: put_reference_type(wat, out); break;
    case HN_WASM_IMMEDIATE_DATA_MEMORY:
        wat->uses_data = true;
        put_segment(wat, HN_WAT_DATA, HN_WAT_MEMORIES, out);
        break;
    case HN_WASM_IMMEDIATE_DATA:
        wat->uses_data = true;
        hn_wat_put_unsigned(out, hn_wat_take_index(wat, HN_WAT_DATA));
        break;
    case HN_WASM_IMMEDIATE_ELEM_TABLE: put_segment(wat, HN_WAT_ELEMENTS, HN_WAT_TABLES, out); break;
    case HN_WASM_IMMEDIATE_ELEM:
        hn_wat_put_unsigned(out, hn_wat_take_index(wat, HN_WAT_ELEMENTS));
        break;
    case HN_WASM_IMMEDIATE_MEMORY_MEMORY: put_two(wat, HN_WAT_MEMORIES, out); break;
    case HN_WASM_IMMEDIATE_TABLE_TABLE: put_two(wat, HN_WAT_TABLES, out); break;
    default: assert(false); break;
    }
}

/* `select` with its types is another instruction. */
static void put_select(hn_wat *wat, hone_buffer *out) {
    uint32_t count = 0;
    bool has_types = false;
    wat->scratch.size = 0;
    while (hn_wat_take_open(&wat->lexer, "result")) {
        has_types = true;
        while (wat->lexer.token.kind == HN_WAT_ATOM) {
            hone_buffer_append_byte(&wat->scratch, (char)hn_wat_take_value_type(wat));
            count++;
        }
        hn_wat_close(&wat->lexer);
    }
    put_opcode(out, has_types ? HN_WASM_OP_SELECT_TYPED : HN_WASM_OP_SELECT);
    if (has_types) {
        hn_wat_put_unsigned(out, count);
        hone_buffer_append(out, wat->scratch.data, wat->scratch.size);
    }
}

/* One instruction that is no block, with its immediates. */
static void put_plain(hn_wat *wat, uint32_t opcode, hone_buffer *out) {
    hn_wat_advance(&wat->lexer);
    if (opcode == HN_WASM_OP_SELECT) {
        put_select(wat, out);
        return;
    }
    put_opcode(out, opcode);
    put_immediate(wat, hn_wasm_instruction_of(opcode), out);
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void check_label_name(hn_wat *wat, hone_text wanted) {
    hone_text name = hn_wat_take_name(&wat->lexer);
    if (name.size && !hone_text_is_equal(name, wanted)) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "mismatching label %.*s",
                    HONE_TEXT_ARGS(name));
    }
}

/* `block`, `loop`, `if`, `else`, `end` without parentheses. */
static void take_structure(hn_wat *wat, uint32_t opcode) {
    hn_wat_advance(&wat->lexer);
    if (opcode >= HN_WASM_OP_BLOCK && opcode <= HN_WASM_OP_IF) {
        hone_text name = hn_wat_take_name(&wat->lexer);
        put_opcode(&wat->body, opcode);
        put_block_type(wat, &wat->body);
        push_label(wat, name, opcode, false);
        return;
    }
    hn_wat_label *label = wat->labels_count ? &wat->labels[wat->labels_count - 1] : NULL;
    bool is_open = label && !label->is_folded;
    if (!is_open || (opcode == HN_WASM_OP_ELSE && label->opcode != HN_WASM_OP_IF)) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "unexpected token: %s",
                    opcode == HN_WASM_OP_ELSE ? "else" : "end");
        return;
    }
    check_label_name(wat, label->name);
    put_opcode(&wat->body, opcode);
    if (opcode == HN_WASM_OP_ELSE) {
        label->opcode = HN_WASM_OP_ELSE;
    } else {
        wat->labels_count--;
    }
}

static bool is_structure(uint32_t opcode) {
    return (opcode >= HN_WASM_OP_BLOCK && opcode <= HN_WASM_OP_ELSE) || opcode == HN_WASM_OP_END;
}

static hn_wat_fold *push_fold(hn_wat *wat, uint8_t kind, hone_text label) {
    wat->folds =
        hn_wat_grow(wat, wat->folds, wat->folds_count, &wat->folds_capacity, sizeof *wat->folds);
    if (hn_wat_is_failed(&wat->lexer)) {
        return NULL;
    }
    hn_wat_fold *fold = &wat->folds[wat->folds_count++];
    *fold = (hn_wat_fold){.kind = kind,
                          .pending = wat->pending.size,
                          .labels_count = wat->labels_count,
                          .label = label};
    return fold;
}

static void flush_pending(hn_wat *wat, const hn_wat_fold *fold) {
    hone_buffer_append(&wat->body, wat->pending.data + fold->pending,
                       wat->pending.size - fold->pending);
    wat->pending.size = fold->pending;
}

/* (then or (else inside of (if. */
static bool open_arm(hn_wat *wat, hn_wat_fold *fold) {
    if (!fold->has_then && hn_wat_take_open(&wat->lexer, "then")) {
        fold->has_then = true;
        flush_pending(wat, fold);
        push_label(wat, fold->label, HN_WASM_OP_IF, true);
        (void)push_fold(wat, FOLD_ARM, fold->label);
        return true;
    }
    if (fold->has_then && hn_wat_take_open(&wat->lexer, "else")) {
        put_opcode(&wat->body, HN_WASM_OP_ELSE);
        (void)push_fold(wat, FOLD_ARM, fold->label);
        return true;
    }
    if (fold->has_then) {
        hn_wat_fail_token(&wat->lexer, "(else or )");
        return true;
    }
    return false;
}

/* "(" and an instruction. */
static void open_fold(hn_wat *wat) {
    hn_wat_fold *outer = wat->folds_count ? &wat->folds[wat->folds_count - 1] : NULL;
    if (outer && outer->kind == FOLD_IF && open_arm(wat, outer)) {
        return;
    }
    hn_wat_advance(&wat->lexer);
    uint32_t opcode = find_opcode(wat);
    if (opcode == HN_WASM_OP_ELSE || opcode == HN_WASM_OP_END) {
        hn_wat_fail_token(&wat->lexer, "an instruction");
        return;
    }
    if (!is_structure(opcode)) {
        (void)push_fold(wat, FOLD_PLAIN, (hone_text){"", 0});
        put_plain(wat, opcode, &wat->pending);
        return;
    }
    hn_wat_advance(&wat->lexer);
    hone_text name = hn_wat_take_name(&wat->lexer);
    bool is_if = opcode == HN_WASM_OP_IF;
    if (is_if) {
        (void)push_fold(wat, FOLD_IF, name);
    }
    hone_buffer *out = is_if ? &wat->pending : &wat->body;
    put_opcode(out, opcode);
    put_block_type(wat, out);
    if (!is_if) {
        push_label(wat, name, opcode, true);
        (void)push_fold(wat, FOLD_BLOCK, name);
    }
}

/* ")" of a folded instruction. */
static void close_fold(hn_wat *wat) {
    hn_wat_fold fold = wat->folds[--wat->folds_count];
    bool has_label = fold.kind == FOLD_IF && fold.has_then;
    if (fold.kind == FOLD_IF && !fold.has_then) {
        hn_wat_fail_token(&wat->lexer, "(then");
        return;
    }
    if (wat->labels_count != fold.labels_count + has_label) {
        hn_wat_fail_token(&wat->lexer, "end");
        return;
    }
    if (fold.kind == FOLD_PLAIN) {
        flush_pending(wat, &fold);
    } else if (fold.kind != FOLD_ARM) {
        put_opcode(&wat->body, HN_WASM_OP_END);
        wat->labels_count--;
    }
    hn_wat_advance(&wat->lexer);
}

/* An instruction without parentheses, where one may stand. */
static void take_unfolded(hn_wat *wat) {
    const hn_wat_fold *fold = wat->folds_count ? &wat->folds[wat->folds_count - 1] : NULL;
    if (fold && (fold->kind == FOLD_PLAIN || fold->kind == FOLD_IF)) {
        hn_wat_fail_token(&wat->lexer, "( or )");
        return;
    }
    uint32_t opcode = find_opcode(wat);
    if (hn_wat_is_failed(&wat->lexer)) {
        return;
    }
    if (is_structure(opcode)) {
        take_structure(wat, opcode);
    } else {
        put_plain(wat, opcode, &wat->body);
    }
}

void hn_wat_take_code(hn_wat *wat, bool is_single) {
    wat->labels_count = wat->folds_count = 0;
    wat->pending.size = 0;
    while (!hn_wat_is_failed(&wat->lexer)) {
        switch (wat->lexer.token.kind) {
        case HN_WAT_CLOSE:
            if (wat->folds_count == 0) {
                if (wat->labels_count || is_single) {
                    hn_wat_fail_token(&wat->lexer, is_single ? "an instruction" : "end");
                }
                return;
            }
            close_fold(wat);
            if (is_single && wat->folds_count == 0) {
                return;
            }
            break;
        case HN_WAT_OPEN: open_fold(wat); break;
        case HN_WAT_ATOM:
            if (is_single && wat->folds_count == 0) {
                hn_wat_fail_token(&wat->lexer, "(");
                return;
            }
            take_unfolded(wat);
            break;
        default: hn_wat_fail_token(&wat->lexer, "an instruction"); break;
        }
    }
}
