/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: views wherever that is enough (a substring is a piece of its argument), new bytes in the
 * text space otherwise. A row that is missing gets the empty text and takes no space.
 */
#include "expression_internal.h"

#include "hone/base/number.h"

char *hn_text_space_take(hn_text_space *space, size_t size) {
    if (size > space->capacity_bytes - space->used_bytes) {
        space->is_full = true;
        return NULL;
    }
    char *place = space->data + space->used_bytes;
    space->used_bytes += size;
    return place;
}

static hone_text text_at(const hn_vector *vector, size_t row) {
    return vector->texts[row * vector->step];
}

static void give_up(const hn_call *call, size_t row) {
    call->texts[row] = HONE_TEXT("");
}

/* A copy of `bytes` in the space, or the empty text when it is full. */
static void put_copy(const hn_call *call, size_t row, const char *bytes, size_t size) {
    char *place = hn_text_space_take(call->space, size);
    if (!place) {
        give_up(call, row);
        return;
    }
    memcpy(place, bytes, size);
    call->texts[row] = (hone_text){place, size};
}

void hn_load_text(const hn_call *call) {
    const hn_vector *x = &call->args[0];
    for (size_t i = 0; i < call->rows_count; i++) {
        bool is_missing = hn_is_missing(call->missing, i);
        call->texts[i] =
            is_missing ? HONE_TEXT("") : hone_batch_text(call->batch, x->cells[i].text);
    }
}

void hn_copy_text(const hn_call *call) {
    for (size_t i = 0; i < call->rows_count; i++) {
        call->texts[i] = text_at(&call->args[0], i);
    }
}

/* --- Conversions --- */

void hn_i64_of_text(const hn_call *call) {
    for (size_t i = 0; i < call->rows_count; i++) {
        call->cells[i].i64 = 0;
        if (hone_number_parse_i64(text_at(&call->args[0], i), &call->cells[i].i64) != HONE_OK) {
            hn_set_missing(call->missing, i);
        }
    }
}

void hn_f64_of_text(const hn_call *call) {
    for (size_t i = 0; i < call->rows_count; i++) {
        call->cells[i].f64 = 0;
        if (hone_number_parse_f64(text_at(&call->args[0], i), &call->cells[i].f64) != HONE_OK) {
            hn_set_missing(call->missing, i);
        }
    }
}

void hn_bool_of_text(const hn_call *call) {
    for (size_t i = 0; i < call->rows_count; i++) {
        hone_text text = text_at(&call->args[0], i);
        bool is_true = hone_text_is(text, "true");
        call->cells[i].i64 = is_true;
        if (!is_true && !hone_text_is(text, "false")) {
            hn_set_missing(call->missing, i);
        }
    }
}

void hn_text_of_i64(const hn_call *call) {
    char digits[HONE_NUMBER_TEXT_MAX];
    for (size_t i = 0; i < call->rows_count; i++) {
        give_up(call, i);
        if (!hn_is_missing(call->missing, i)) {
            put_copy(call, i, digits, hone_number_format_i64(call->args[0].cells[i].i64, digits));
        }
    }
}

void hn_text_of_f64(const hn_call *call) {
    char digits[HONE_NUMBER_TEXT_MAX];
    for (size_t i = 0; i < call->rows_count; i++) {
        give_up(call, i);
        if (!hn_is_missing(call->missing, i)) {
            put_copy(call, i, digits, hone_number_format_f64(call->args[0].cells[i].f64, digits));
        }
    }
}

void hn_text_of_bool(const hn_call *call) {
    for (size_t i = 0; i < call->rows_count; i++) {
        bool is_true = call->args[0].cells[i].i64 & 1;
        call->texts[i] = is_true ? HONE_TEXT("true") : HONE_TEXT("false");
    }
}

/* --- Characters: a code point begins at every byte that is no continuation byte --- */

static bool begins_character(char byte) {
    return ((unsigned char)byte & 0xC0) != 0x80;
}

static size_t count_characters(hone_text text) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += begins_character(text.data[i]);
    }
    return count;
}

/* `text` without its first `count` characters. */
static hone_text skip_characters(hone_text text, uint64_t count) {
    size_t i = 0;
    for (; i < text.size; i++) {
        if (begins_character(text.data[i]) && count-- == 0) {
            break;
        }
    }
    return (hone_text){text.data + i, text.size - i};
}

void hn_length(const hn_call *call) {
    for (size_t i = 0; i < call->rows_count; i++) {
        call->cells[i].i64 = (int64_t)count_characters(text_at(&call->args[0], i));
    }
}

void hn_substring(const hn_call *call) {
    const hn_vector *starts = &call->args[1], *counts = &call->args[2];
    for (size_t i = 0; i < call->rows_count; i++) {
        int64_t start = starts->cells[i * starts->step].i64;
        int64_t count = counts->cells[i * counts->step].i64;
        give_up(call, i);
        if (hn_is_missing(call->missing, i) || start < 0 || count < 0) {
            hn_set_missing(call->missing, i);
            continue;
        }
        hone_text tail = skip_characters(text_at(&call->args[0], i), (uint64_t)start);
        tail.size -= skip_characters(tail, (uint64_t)count).size;
        call->texts[i] = tail;
    }
}

/* --- New text --- */

static inline HN_INLINED void change_case(const hn_call *call, char first, char last) {
    for (size_t i = 0; i < call->rows_count; i++) {
        hone_text text = text_at(&call->args[0], i);
        char *place = hn_text_space_take(call->space, text.size);
        if (!place) {
            give_up(call, i);
            continue;
        }
        for (size_t j = 0; j < text.size; j++) {
            char c = text.data[j];
            place[j] = (char)(c >= first && c <= last ? c ^ 0x20 : c);
        }
        call->texts[i] = (hone_text){place, text.size};
    }
}

void hn_lower(const hn_call *call) {
    change_case(call, 'A', 'Z');
}

void hn_upper(const hn_call *call) {
    change_case(call, 'a', 'z');
}

static void concat_row(const hn_call *call, size_t row) {
    size_t size = 0;
    for (uint32_t k = 0; k < call->args_count; k++) {
        size += text_at(&call->args[k], row).size; /* at most 32 texts of 4 GiB */
    }
    char *place = hn_text_space_take(call->space, size);
    if (!place) {
        return;
    }
    call->texts[row] = (hone_text){place, size};
    for (uint32_t k = 0; k < call->args_count; k++) {
        hone_text piece = text_at(&call->args[k], row);
        if (piece.size) {
            memcpy(place, piece.data, piece.size);
            place += piece.size;
        }
    }
}

void hn_concat(const hn_call *call) {
    for (size_t i = 0; i < call->rows_count; i++) {
        give_up(call, i);
        if (!hn_is_missing(call->missing, i)) {
            concat_row(call, i);
        }
    }
}

/* --- Questions --- */

static bool text_contains(hone_text text, hone_text part) {
    return part.size == 0 ||
           (text.size >= part.size && memmem(text.data, text.size, part.data, part.size) != NULL);
}

static bool text_ends_with(hone_text text, hone_text part) {
    return text.size >= part.size &&
           hone_text_is_equal((hone_text){text.data + text.size - part.size, part.size}, part);
}

static bool text_is_unequal(hone_text a, hone_text b) {
    return !hone_text_is_equal(a, b);
}

static bool text_is_less(hone_text a, hone_text b) {
    return hone_text_compare(a, b) < 0;
}

static bool text_is_less_equal(hone_text a, hone_text b) {
    return hone_text_compare(a, b) <= 0;
}

static bool text_is_greater(hone_text a, hone_text b) {
    return hone_text_compare(a, b) > 0;
}

static bool text_is_greater_equal(hone_text a, hone_text b) {
    return hone_text_compare(a, b) >= 0;
}

static inline HN_INLINED void ask(const hn_call *call, bool (*question)(hone_text a, hone_text b)) {
    for (size_t i = 0; i < call->rows_count; i++) {
        call->cells[i].i64 = question(text_at(&call->args[0], i), text_at(&call->args[1], i));
    }
}

/* clang-format off: one line each reads as the table that it is */
void hn_contains(const hn_call *call) {
    ask(call, text_contains);
}
void hn_starts_with(const hn_call *call) {
    ask(call, hone_text_has_prefix);
}
void hn_ends_with(const hn_call *call) {
    ask(call, text_ends_with);
}
void hn_equal_text(const hn_call *call) {
    ask(call, hone_text_is_equal);
}
void hn_unequal_text(const hn_call *call) {
    ask(call, text_is_unequal);
}
void hn_less_text(const hn_call *call) {
    ask(call, text_is_less);
}
void hn_less_equal_text(const hn_call *call) {
    ask(call, text_is_less_equal);
}
void hn_greater_text(const hn_call *call) {
    ask(call, text_is_greater);
}
void hn_greater_equal_text(const hn_call *call) {
    ask(call, text_is_greater_equal);
}
/* clang-format on */
