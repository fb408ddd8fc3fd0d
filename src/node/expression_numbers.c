/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic, comparisons and conversions of numbers: a loop for each operation, type and operand
 * shape (vector-vector, vector-constant, constant-vector). The loops are written once, as inline
 * functions of the operation; the compiler makes one copy for each kernel and vectorises it.
 *
 * An i64 operation cannot fail in the middle of a loop: it sets the top bit of a word that the loop
 * collects. Only when that bit is set at the end, a second pass marks the rows. Rows whose
 * arguments are missing hold anything; what they do to that word costs time, never correctness.
 */
#include "expression_internal.h"

#include <math.h>

#define BAD ((uint64_t)1 << 63)

typedef double f64_unary(double x);
typedef double f64_binary(double a, double b);
typedef bool i64_compare(int64_t a, int64_t b);
typedef int64_t i64_unary(int64_t x, uint64_t *bad);
typedef int64_t i64_binary(int64_t a, int64_t b, uint64_t *bad);

/* --- Loops over f64 --- */

static inline HN_INLINED void each_f64(const hn_call *call, f64_unary *op) {
    const hone_cell *restrict x = call->args[0].cells;
    hone_cell *restrict out = call->cells;
    const size_t rows = call->rows_count;
    for (size_t i = 0; i < rows; i++) {
        out[i].f64 = op(x[i].f64);
    }
}

static inline HN_INLINED void pair_f64(const hn_call *call, f64_binary *op) {
    const hone_cell *restrict a = call->args[0].cells, *restrict b = call->args[1].cells;
    hone_cell *restrict out = call->cells;
    const size_t rows = call->rows_count;
    if (call->args[1].step == 0) {
        const double right = b[0].f64;
        for (size_t i = 0; i < rows; i++) {
            out[i].f64 = op(a[i].f64, right);
        }
    } else if (call->args[0].step == 0) {
        const double left = a[0].f64;
        for (size_t i = 0; i < rows; i++) {
            out[i].f64 = op(left, b[i].f64);
        }
    } else {
        for (size_t i = 0; i < rows; i++) {
            out[i].f64 = op(a[i].f64, b[i].f64);
        }
    }
}

/* Two doubles at once. Written out because compilers turn the loop over plain comparisons into
 * vectors only from AVX on, and every x86-64 and aarch64 has this much. */
typedef double f64_pair __attribute__((vector_size(16)));
typedef int64_t i64_pair __attribute__((vector_size(16)));
typedef i64_pair f64_compare(f64_pair a, f64_pair b); /* -1 where true, 0 where false */

static inline HN_INLINED f64_pair load_pair(const hn_vector *vector, size_t row) {
    f64_pair pair;
    if (vector->step == 0) {
        return (f64_pair){vector->cells->f64, vector->cells->f64};
    }
    memcpy(&pair, &vector->cells[row], sizeof pair);
    return pair;
}

static inline HN_INLINED void compare_f64(const hn_call *call, f64_compare *op) {
    const hn_vector a = call->args[0], b = call->args[1];
    hone_cell *restrict out = call->cells;
    const size_t rows = call->rows_count;
    size_t i = 0;
    for (; i + 2 <= rows; i += 2) {
        i64_pair truth = op(load_pair(&a, i), load_pair(&b, i)) & 1;
        memcpy(&out[i], &truth, sizeof truth);
    }
    if (i < rows) {
        f64_pair left = {a.cells[i * a.step].f64}, right = {b.cells[i * b.step].f64};
        out[i].i64 = op(left, right)[0] & 1;
    }
}

/* --- Loops over i64 --- */

static inline HN_INLINED void compare_i64(const hn_call *call, i64_compare *op) {
    const hone_cell *restrict a = call->args[0].cells, *restrict b = call->args[1].cells;
    hone_cell *restrict out = call->cells;
    const size_t rows = call->rows_count;
    if (call->args[1].step == 0) {
        const int64_t right = b[0].i64;
        for (size_t i = 0; i < rows; i++) {
            out[i].i64 = op(a[i].i64, right);
        }
    } else if (call->args[0].step == 0) {
        const int64_t left = a[0].i64;
        for (size_t i = 0; i < rows; i++) {
            out[i].i64 = op(left, b[i].i64);
        }
    } else {
        for (size_t i = 0; i < rows; i++) {
            out[i].i64 = op(a[i].i64, b[i].i64);
        }
    }
}

static inline HN_INLINED void each_i64(const hn_call *call, i64_unary *op) {
    const hone_cell *restrict x = call->args[0].cells;
    hone_cell *restrict out = call->cells;
    const size_t rows = call->rows_count;
    uint64_t bad = 0;
    for (size_t i = 0; i < rows; i++) {
        out[i].i64 = op(x[i].i64, &bad);
    }
    for (size_t i = 0; i < rows && (bad & BAD); i++) {
        uint64_t row_bad = 0;
        (void)op(x[i].i64, &row_bad);
        call->missing[i / 64] |= (row_bad >> 63) << (i % 64);
    }
}

static inline HN_INLINED void mark_bad_pairs(const hn_call *call, i64_binary *op) {
    const hn_vector *a = &call->args[0], *b = &call->args[1];
    for (size_t i = 0; i < call->rows_count; i++) {
        uint64_t bad = 0;
        (void)op(a->cells[i * a->step].i64, b->cells[i * b->step].i64, &bad);
        call->missing[i / 64] |= (bad >> 63) << (i % 64);
    }
}

static inline HN_INLINED void pair_i64(const hn_call *call, i64_binary *op) {
    const hone_cell *restrict a = call->args[0].cells, *restrict b = call->args[1].cells;
    hone_cell *restrict out = call->cells;
    const size_t rows = call->rows_count;
    uint64_t bad = 0;
    if (call->args[1].step == 0) {
        const int64_t right = b[0].i64;
        for (size_t i = 0; i < rows; i++) {
            out[i].i64 = op(a[i].i64, right, &bad);
        }
    } else if (call->args[0].step == 0) {
        const int64_t left = a[0].i64;
        for (size_t i = 0; i < rows; i++) {
            out[i].i64 = op(left, b[i].i64, &bad);
        }
    } else {
        for (size_t i = 0; i < rows; i++) {
            out[i].i64 = op(a[i].i64, b[i].i64, &bad);
        }
    }
    if (bad & BAD) {
        mark_bad_pairs(call, op);
    }
}

/* --- Operations on f64 --- */

static inline HN_INLINED double add(double a, double b) {
    return a + b;
}
static inline HN_INLINED double subtract(double a, double b) {
    return a - b;
}
static inline HN_INLINED double multiply(double a, double b) {
    return a * b;
}
static inline HN_INLINED double divide(double a, double b) {
    return a / b;
}
/* The exact remainder, moved to the sign of b. */
static inline HN_INLINED double modulo(double a, double b) {
    double remainder = fmod(a, b);
    if (remainder != 0 && (remainder < 0) != (b < 0)) {
        remainder += b;
    }
    return remainder == 0 ? copysign(0.0, b) : remainder;
}
/* The quotient is taken from the remainder, so that it is not one too much where a / b rounds up to
 * a whole number. */
static inline HN_INLINED double floor_divide(double a, double b) {
    double quotient = a / b;
    if (!isfinite(quotient) || b == 0) {
        return quotient;
    }
    if (isinf(b)) {
        return floor(quotient) - (quotient == 0 && a != 0 && (a < 0) != (b < 0));
    }
    return round((a - modulo(a, b)) / b);
}
static inline HN_INLINED double negate(double x) {
    return -x;
}
/* A NaN on either side is the result: a comparison with it is false. */
static inline HN_INLINED double least(double a, double b) {
    return a < b || a != a ? a : b;
}
static inline HN_INLINED double greatest(double a, double b) {
    return a > b || a != a ? a : b;
}
static inline HN_INLINED double sign(double x) {
    return x > 0 ? 1.0 : x < 0 ? -1.0 : x;
}
static inline HN_INLINED i64_pair equal(f64_pair a, f64_pair b) {
    return a == b;
}
static inline HN_INLINED i64_pair unequal(f64_pair a, f64_pair b) {
    return a != b;
}
static inline HN_INLINED i64_pair less(f64_pair a, f64_pair b) {
    return a < b;
}
static inline HN_INLINED i64_pair less_equal(f64_pair a, f64_pair b) {
    return a <= b;
}
static inline HN_INLINED i64_pair greater(f64_pair a, f64_pair b) {
    return a > b;
}
static inline HN_INLINED i64_pair greater_equal(f64_pair a, f64_pair b) {
    return a >= b;
}

/* --- Operations on i64 --- */

static inline HN_INLINED int64_t whole_add(int64_t a, int64_t b, uint64_t *bad) {
    uint64_t sum = (uint64_t)a + (uint64_t)b;
    *bad |= ((uint64_t)a ^ sum) & ((uint64_t)b ^ sum);
    return (int64_t)sum;
}
static inline HN_INLINED int64_t whole_subtract(int64_t a, int64_t b, uint64_t *bad) {
    uint64_t difference = (uint64_t)a - (uint64_t)b;
    *bad |= ((uint64_t)a ^ (uint64_t)b) & ((uint64_t)a ^ difference);
    return (int64_t)difference;
}
static inline HN_INLINED int64_t whole_multiply(int64_t a, int64_t b, uint64_t *bad) {
    int64_t product;
    *bad |= (uint64_t)__builtin_mul_overflow(a, b, &product) << 63;
    return product;
}
static inline HN_INLINED int64_t whole_modulo(int64_t a, int64_t b, uint64_t *bad) {
    if (b == 0 || b == -1) { /* INT64_MIN % -1 traps on x86 */
        *bad |= b == 0 ? BAD : 0;
        return 0;
    }
    int64_t remainder = a % b;
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}
static inline HN_INLINED int64_t whole_floor_divide(int64_t a, int64_t b, uint64_t *bad) {
    if (b == 0 || (b == -1 && a == INT64_MIN)) {
        *bad |= BAD;
        return 0;
    }
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}
static inline HN_INLINED int64_t whole_negate(int64_t x, uint64_t *bad) {
    return whole_subtract(0, x, bad);
}
static inline HN_INLINED int64_t whole_abs(int64_t x, uint64_t *bad) {
    uint64_t sign_bits = (uint64_t)(x >> 63);
    uint64_t magnitude = ((uint64_t)x ^ sign_bits) - sign_bits;
    *bad |= magnitude;
    return (int64_t)magnitude;
}
static inline HN_INLINED int64_t whole_sign(int64_t x, uint64_t *bad) {
    (void)bad;
    return (x > 0) - (x < 0);
}
static inline HN_INLINED int64_t whole_least(int64_t a, int64_t b, uint64_t *bad) {
    (void)bad;
    return a < b ? a : b;
}
static inline HN_INLINED int64_t whole_greatest(int64_t a, int64_t b, uint64_t *bad) {
    (void)bad;
    return a > b ? a : b;
}
static inline HN_INLINED bool whole_equal(int64_t a, int64_t b) {
    return a == b;
}
static inline HN_INLINED bool whole_unequal(int64_t a, int64_t b) {
    return a != b;
}
static inline HN_INLINED bool whole_less(int64_t a, int64_t b) {
    return a < b;
}
static inline HN_INLINED bool whole_less_equal(int64_t a, int64_t b) {
    return a <= b;
}
static inline HN_INLINED bool whole_greater(int64_t a, int64_t b) {
    return a > b;
}
static inline HN_INLINED bool whole_greater_equal(int64_t a, int64_t b) {
    return a >= b;
}

/* --- Kernels: a loop and an operation --- */

/* clang-format off: one line each reads as the table that it is */
void hn_add_f64(const hn_call *call) {
    pair_f64(call, add);
}
void hn_subtract_f64(const hn_call *call) {
    pair_f64(call, subtract);
}
void hn_multiply_f64(const hn_call *call) {
    pair_f64(call, multiply);
}
void hn_divide_f64(const hn_call *call) {
    pair_f64(call, divide);
}
void hn_floor_divide_f64(const hn_call *call) {
    pair_f64(call, floor_divide);
}
void hn_modulo_f64(const hn_call *call) {
    pair_f64(call, modulo);
}
void hn_power(const hn_call *call) {
    pair_f64(call, pow);
}
void hn_atan2(const hn_call *call) {
    pair_f64(call, atan2);
}
void hn_hypot(const hn_call *call) {
    pair_f64(call, hypot);
}
void hn_min_f64(const hn_call *call) {
    pair_f64(call, least);
}
void hn_max_f64(const hn_call *call) {
    pair_f64(call, greatest);
}
void hn_negate_f64(const hn_call *call) {
    each_f64(call, negate);
}
void hn_abs_f64(const hn_call *call) {
    each_f64(call, fabs);
}
void hn_sign_f64(const hn_call *call) {
    each_f64(call, sign);
}
void hn_floor(const hn_call *call) {
    each_f64(call, floor);
}
void hn_ceil(const hn_call *call) {
    each_f64(call, ceil);
}
void hn_round(const hn_call *call) {
    each_f64(call, round);
}
void hn_trunc(const hn_call *call) {
    each_f64(call, trunc);
}
void hn_sqrt(const hn_call *call) {
    each_f64(call, sqrt);
}
void hn_cbrt(const hn_call *call) {
    each_f64(call, cbrt);
}
void hn_exp(const hn_call *call) {
    each_f64(call, exp);
}
void hn_log(const hn_call *call) {
    each_f64(call, log);
}
void hn_log2(const hn_call *call) {
    each_f64(call, log2);
}
void hn_log10(const hn_call *call) {
    each_f64(call, log10);
}
void hn_sin(const hn_call *call) {
    each_f64(call, sin);
}
void hn_cos(const hn_call *call) {
    each_f64(call, cos);
}
void hn_tan(const hn_call *call) {
    each_f64(call, tan);
}
void hn_asin(const hn_call *call) {
    each_f64(call, asin);
}
void hn_acos(const hn_call *call) {
    each_f64(call, acos);
}
void hn_atan(const hn_call *call) {
    each_f64(call, atan);
}
void hn_tanh(const hn_call *call) {
    each_f64(call, tanh);
}

void hn_add_i64(const hn_call *call) {
    pair_i64(call, whole_add);
}
void hn_subtract_i64(const hn_call *call) {
    pair_i64(call, whole_subtract);
}
void hn_multiply_i64(const hn_call *call) {
    pair_i64(call, whole_multiply);
}
void hn_floor_divide_i64(const hn_call *call) {
    pair_i64(call, whole_floor_divide);
}
void hn_modulo_i64(const hn_call *call) {
    pair_i64(call, whole_modulo);
}
void hn_min_i64(const hn_call *call) {
    pair_i64(call, whole_least);
}
void hn_max_i64(const hn_call *call) {
    pair_i64(call, whole_greatest);
}
void hn_negate_i64(const hn_call *call) {
    each_i64(call, whole_negate);
}
void hn_abs_i64(const hn_call *call) {
    each_i64(call, whole_abs);
}
void hn_sign_i64(const hn_call *call) {
    each_i64(call, whole_sign);
}

void hn_equal_f64(const hn_call *call) {
    compare_f64(call, equal);
}
void hn_unequal_f64(const hn_call *call) {
    compare_f64(call, unequal);
}
void hn_less_f64(const hn_call *call) {
    compare_f64(call, less);
}
void hn_less_equal_f64(const hn_call *call) {
    compare_f64(call, less_equal);
}
void hn_greater_f64(const hn_call *call) {
    compare_f64(call, greater);
}
void hn_greater_equal_f64(const hn_call *call) {
    compare_f64(call, greater_equal);
}
void hn_equal_i64(const hn_call *call) {
    compare_i64(call, whole_equal);
}
void hn_unequal_i64(const hn_call *call) {
    compare_i64(call, whole_unequal);
}
void hn_less_i64(const hn_call *call) {
    compare_i64(call, whole_less);
}
void hn_less_equal_i64(const hn_call *call) {
    compare_i64(call, whole_less_equal);
}
void hn_greater_i64(const hn_call *call) {
    compare_i64(call, whole_greater);
}
void hn_greater_equal_i64(const hn_call *call) {
    compare_i64(call, whole_greater_equal);
}
/* clang-format on */

/* --- Kernels of their own shape --- */

void hn_divide_i64(const hn_call *call) {
    const hn_vector *a = &call->args[0], *b = &call->args[1];
    bool has_zero = false;
    for (size_t i = 0; i < call->rows_count; i++) {
        int64_t divisor = b->cells[i * b->step].i64;
        has_zero |= divisor == 0;
        call->cells[i].f64 = (double)a->cells[i * a->step].i64 / (double)divisor;
    }
    for (size_t i = 0; i < call->rows_count && has_zero; i++) {
        uint64_t is_zero = b->cells[i * b->step].i64 == 0;
        call->missing[i / 64] |= is_zero << (i % 64);
    }
}

void hn_clamp_f64(const hn_call *call) {
    const hn_vector *x = &call->args[0], *low = &call->args[1], *high = &call->args[2];
    for (size_t i = 0; i < call->rows_count; i++) {
        double raised = greatest(x->cells[i * x->step].f64, low->cells[i * low->step].f64);
        call->cells[i].f64 = least(raised, high->cells[i * high->step].f64);
    }
}

void hn_clamp_i64(const hn_call *call) {
    const hn_vector *x = &call->args[0], *low = &call->args[1], *high = &call->args[2];
    uint64_t unused;
    for (size_t i = 0; i < call->rows_count; i++) {
        int64_t raised =
            whole_greatest(x->cells[i * x->step].i64, low->cells[i * low->step].i64, &unused);
        call->cells[i].i64 = whole_least(raised, high->cells[i * high->step].i64, &unused);
    }
}

void hn_is_nan(const hn_call *call) {
    const hone_cell *restrict x = call->args[0].cells;
    hone_cell *restrict out = call->cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        out[i].i64 = x[i].f64 != x[i].f64;
    }
}

void hn_time(const hn_call *call) {
    const int64_t *restrict timestamps = hone_batch_timestamps(call->batch);
    hone_cell *restrict out = call->cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        out[i].f64 = (double)timestamps[i] / 1e9;
    }
}

void hn_copy_cells(const hn_call *call) {
    const hn_vector *x = &call->args[0];
    for (size_t i = 0; i < call->rows_count; i++) {
        call->cells[i] = x->cells[i * x->step];
    }
}

void hn_f64_of_i64(const hn_call *call) {
    const hone_cell *restrict x = call->args[0].cells;
    hone_cell *restrict out = call->cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        out[i].f64 = (double)x[i].i64;
    }
}

/* Both bounds are exact doubles: -2^63 is an i64, 2^63 is not. NaN fails both. */
void hn_i64_of_f64(const hn_call *call) {
    const hone_cell *x = call->args[0].cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        bool fits = x[i].f64 >= -0x1p63 && x[i].f64 < 0x1p63;
        call->cells[i].i64 = fits ? (int64_t)x[i].f64 : 0;
        call->missing[i / 64] |= (uint64_t)!fits << (i % 64);
    }
}

void hn_bool_of_i64(const hn_call *call) {
    const hone_cell *restrict x = call->args[0].cells;
    hone_cell *restrict out = call->cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        out[i].i64 = x[i].i64 != 0;
    }
}

void hn_bool_of_f64(const hn_call *call) {
    const hone_cell *x = call->args[0].cells;
    for (size_t i = 0; i < call->rows_count; i++) {
        bool is_nan = x[i].f64 != x[i].f64;
        call->cells[i].i64 = x[i].f64 != 0;
        call->missing[i / 64] |= (uint64_t)is_nan << (i % 64);
    }
}
