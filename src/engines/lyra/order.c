/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical order: numbers by value, strings, symbols by name, then expressions. Powers and
 * products are compared as monomials are: factor by factor from the last one on, bases before
 * exponents, so that 1 + x + x^2 + x y + y stands as it does on paper. What is no power counts as
 * its own first power. Shorter expressions come first, then head, then arguments.
 */
#include "make_internal.h"
#include "numbers_internal.h"

static int order_text(hone_text a, hone_text b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int by_case = 0;
    for (size_t i = 0; i < common; i++) {
        int left = (unsigned char)a.data[i], right = (unsigned char)b.data[i];
        int left_folded = left >= 'A' && left <= 'Z' ? left + 32 : left;
        int right_folded = right >= 'A' && right <= 'Z' ? right + 32 : right;
        if (left_folded != right_folded) {
            bool is_left_letter = left_folded >= 'a' || left >= 0x80;
            bool is_right_letter = right_folded >= 'a' || right >= 0x80;
            if (is_left_letter != is_right_letter) {
                return is_left_letter ? 1 : -1;
            }
            return left_folded < right_folded ? -1 : 1;
        }
        if (left != right && by_case == 0) {
            by_case = left > right ? -1 : 1; /* lower case first */
        }
    }
    return a.size != b.size ? (a.size < b.size ? -1 : 1) : by_case;
}

static int rank_of(hone_lyra *lyra, hn_value value) {
    (void)lyra;
    if (hn_is_number(value)) {
        return 0;
    }
    if (hn_is_string(value)) {
        return 1;
    }
    return hn_is_symbol(value) ? 2 : 3;
}

static int order_numbers(hone_lyra *lyra, hn_value a, hn_value b) {
    int order = hn_number_compare(lyra, hn_real_part(a), hn_real_part(b));
    if (order == 0) {
        order = hn_number_compare(lyra, hn_imaginary_part(a), hn_imaginary_part(b));
    }
    if (order == 0) { /* 1 before 1. */
        order = !hn_number_is_exact(a) - !hn_number_is_exact(b);
    }
    return order;
}

static hn_value base_of(hone_lyra *lyra, hn_value value) {
    return hn_has_form(value, HN_SYM(lyra, Power), 2) ? hn_arg(value, 0) : value;
}

static hn_value exponent_of(hone_lyra *lyra, hn_value value) {
    return hn_has_form(value, HN_SYM(lyra, Power), 2) ? hn_arg(value, 1) : hn_of_small(1);
}

static int order_powers(hone_lyra *lyra, hn_value a, hn_value b) {
    int order = hn_order(lyra, base_of(lyra, a), base_of(lyra, b));
    return order ? order : hn_order(lyra, exponent_of(lyra, a), exponent_of(lyra, b));
}

/* Factors from the last on; a number in front comes last. */
static int order_products(hone_lyra *lyra, hn_value a, hn_value b, hn_value head) {
    const hn_value *left = hn_has_head(a, head) ? hn_args(a) : &a;
    const hn_value *right = hn_has_head(b, head) ? hn_args(b) : &b;
    uint32_t left_count = hn_has_head(a, head) ? hn_count(a) : 1;
    uint32_t right_count = hn_has_head(b, head) ? hn_count(b) : 1;
    while (left_count > 0 && right_count > 0) {
        hn_value x = left[left_count - 1], y = right[right_count - 1];
        bool is_left_number = hn_is_number(x), is_right_number = hn_is_number(y);
        if (is_left_number != is_right_number) {
            return is_left_number ? -1 : 1;
        }
        int order = head == HN_SYM(lyra, Times) ? order_powers(lyra, x, y) : hn_order(lyra, x, y);
        if (order) {
            return order;
        }
        left_count--;
        right_count--;
    }
    return (left_count > right_count) - (left_count < right_count);
}

static int order_normals(hone_lyra *lyra, hn_value a, hn_value b) {
    uint32_t left = hn_count(a), right = hn_count(b);
    if (left != right) {
        return left < right ? -1 : 1;
    }
    int order = hn_order(lyra, hn_head(a), hn_head(b));
    for (uint32_t i = 0; order == 0 && i < left; i++) {
        order = hn_order(lyra, hn_arg(a, i), hn_arg(b, i));
    }
    return order;
}

int hn_order(hone_lyra *lyra, hn_value a, hn_value b) {
    if (a == b) {
        return 0;
    }
    int left = rank_of(lyra, a), right = rank_of(lyra, b);
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    hn_value times = HN_SYM(lyra, Times), power = HN_SYM(lyra, Power), plus = HN_SYM(lyra, Plus);
    bool is_algebra = (left == 3 && (hn_head(a) == times || hn_head(a) == power)) ||
                      (right == 3 && (hn_head(b) == times || hn_head(b) == power));
    if (left >= 2 && right >= 2 && is_algebra) {
        if (hn_has_head(a, times) || hn_has_head(b, times)) {
            return order_products(lyra, a, b, times);
        }
        return order_powers(lyra, a, b);
    }
    if (left >= 2 && right >= 2 && (hn_has_head(a, plus) || hn_has_head(b, plus))) {
        return order_products(lyra, a, b, plus);
    }
    if (left != right) {
        return left < right ? -1 : 1;
    }
    switch (left) {
    case 0: return order_numbers(lyra, a, b);
    case 1: return order_text(hn_text_of(a), hn_text_of(b));
    case 2: {
        const hn_symbol *x = hn_symbol_of(a), *y = hn_symbol_of(b);
        int order =
            order_text((hone_text){x->name + x->context_bytes, x->name_bytes - x->context_bytes},
                       (hone_text){y->name + y->context_bytes, y->name_bytes - y->context_bytes});
        return order ? order : x->id < y->id ? -1 : 1;
    }
    default: return order_normals(lyra, a, b);
    }
}

/* Merge sort: stable, and a run that is sorted already costs one comparison an element. */
static void merge_sort(hone_lyra *lyra, hn_value *values, hn_value *room, uint32_t count) {
    if (count < 8) {
        for (uint32_t i = 1; i < count; i++) {
            hn_value moved = values[i];
            uint32_t at = i;
            for (; at > 0 && hn_order(lyra, values[at - 1], moved) > 0; at--) {
                values[at] = values[at - 1];
            }
            values[at] = moved;
        }
        return;
    }
    uint32_t half = count / 2;
    merge_sort(lyra, values, room, half);
    merge_sort(lyra, values + half, room, count - half);
    if (hn_order(lyra, values[half - 1], values[half]) <= 0) {
        return;
    }
    memcpy(room, values, half * sizeof *values);
    uint32_t from = 0, other = half, to = 0;
    while (from < half) {
        values[to++] = other < count && hn_order(lyra, room[from], values[other]) > 0
                           ? values[other++]
                           : room[from++];
    }
}

void hn_sort(hone_lyra *lyra, hn_value *values, uint32_t count) {
    size_t top = lyra->stack_top;
    hn_stack_need(lyra, count / 2 + 1);
    lyra->stack_top += count / 2 + 1;
    memset(lyra->stack + top, 0, (count / 2 + 1) * sizeof(hn_value));
    merge_sort(lyra, values, lyra->stack + top, count);
    lyra->stack_top = top;
}
