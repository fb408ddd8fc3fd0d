/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Truth and missing values: and, or, not, if, coalesce, is_missing. Missing bits are handled 64
 * rows at a time; single rows are looked at only in words that have a missing one.
 */
#include "expression_internal.h"

static size_t words_of(const hn_call *call) {
    return ((size_t)call->rows_count + 63) / 64;
}

static size_t rows_in_word(const hn_call *call, size_t word) {
    size_t rest = call->rows_count - word * 64;
    return rest < 64 ? rest : 64;
}

/* The bools of the 64 rows of a word as bits. */
static uint64_t pack_bools(const hn_call *call, const hn_vector *vector, size_t word) {
    const hone_cell *cells = vector->cells + word * 64 * vector->step;
    size_t rows = rows_in_word(call, word);
    uint64_t bits = 0;
    for (size_t i = 0; i < rows; i++) {
        bits |= (uint64_t)(cells[i * vector->step].i64 & 1) << i;
    }
    return bits;
}

/* Missing, unless one side alone decides: false for `and`, true for `or` (Kleene's logic, as in
 * SQL). `deciding` is that value, as a mask over the bools. */
static void decide_missing(const hn_call *call, uint64_t flip) {
    const hn_vector *a = &call->args[0], *b = &call->args[1];
    size_t words = words_of(call);
    for (size_t word = 0; word < words; word++) {
        uint64_t missing = a->missing[word] | b->missing[word];
        if (missing) {
            uint64_t decided_a = (pack_bools(call, a, word) ^ flip) & ~a->missing[word];
            uint64_t decided_b = (pack_bools(call, b, word) ^ flip) & ~b->missing[word];
            missing &= ~(decided_a | decided_b);
        }
        call->missing[word] = missing;
    }
}

/* Where one side decides, the other may hold anything; `& 1` keeps the result a bool. */
void hn_and(const hn_call *call) {
    const hn_vector *a = &call->args[0], *b = &call->args[1];
    hone_cell *out = call->cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        out[i].i64 = a->cells[i * a->step].i64 & b->cells[i * b->step].i64 & 1;
    }
    decide_missing(call, UINT64_MAX);
}

void hn_or(const hn_call *call) {
    const hn_vector *a = &call->args[0], *b = &call->args[1];
    hone_cell *out = call->cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        out[i].i64 = (a->cells[i * a->step].i64 | b->cells[i * b->step].i64) & 1;
    }
    decide_missing(call, 0);
}

void hn_not(const hn_call *call) {
    const hone_cell *restrict x = call->args[0].cells;
    hone_cell *restrict out = call->cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        out[i].i64 = (x[i].i64 ^ 1) & 1;
    }
}

static void if_missing(const hn_call *call) {
    const hn_vector *c = &call->args[0], *a = &call->args[1], *b = &call->args[2];
    size_t words = words_of(call);
    for (size_t word = 0; word < words; word++) {
        uint64_t missing = c->missing[word];
        if (a->missing[word] | b->missing[word]) {
            uint64_t is_true = pack_bools(call, c, word);
            missing |= (is_true & a->missing[word]) | (~is_true & b->missing[word]);
        }
        call->missing[word] = missing;
    }
}

void hn_if_cells(const hn_call *call) {
    const hn_vector *c = &call->args[0], *a = &call->args[1], *b = &call->args[2];
    for (size_t i = 0; i < call->rows_count; i++) {
        int64_t left = a->cells[i * a->step].i64, right = b->cells[i * b->step].i64;
        call->cells[i].i64 = c->cells[i * c->step].i64 & 1 ? left : right;
    }
    if_missing(call);
}

void hn_if_text(const hn_call *call) {
    const hn_vector *c = &call->args[0], *a = &call->args[1], *b = &call->args[2];
    for (size_t i = 0; i < call->rows_count; i++) {
        bool is_true = c->cells[i * c->step].i64 & 1;
        call->texts[i] = is_true ? a->texts[i * a->step] : b->texts[i * b->step];
    }
    if_missing(call);
}

static void both_missing(const hn_call *call) {
    size_t words = words_of(call);
    for (size_t word = 0; word < words; word++) {
        call->missing[word] = call->args[0].missing[word] & call->args[1].missing[word];
    }
}

void hn_coalesce_cells(const hn_call *call) {
    const hn_vector *a = &call->args[0], *b = &call->args[1];
    for (size_t i = 0; i < call->rows_count; i++) {
        int64_t left = a->cells[i * a->step].i64, right = b->cells[i * b->step].i64;
        call->cells[i].i64 = hn_is_missing(a->missing, i) ? right : left;
    }
    both_missing(call);
}

void hn_coalesce_text(const hn_call *call) {
    const hn_vector *a = &call->args[0], *b = &call->args[1];
    for (size_t i = 0; i < call->rows_count; i++) {
        bool use_right = hn_is_missing(a->missing, i);
        call->texts[i] = use_right ? b->texts[i * b->step] : a->texts[i * a->step];
    }
    both_missing(call);
}

void hn_is_missing_kernel(const hn_call *call) {
    const uint64_t *missing = call->args[0].missing;
    for (size_t i = 0; i < call->rows_count; i++) {
        call->cells[i].i64 = hn_is_missing(missing, i);
    }
    memset(call->missing, 0, words_of(call) * 8);
}
