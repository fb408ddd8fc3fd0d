/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is written reads the same, of every type and rank; arrays that are no tensors here are
 * refused. Method: round trips, every beginning of a file, a table. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hone/base/npy.h"
#include "hone/nn/tensors.h"

static void check_round_trip(const hone_nn_tensor *made, const uint8_t *elements) {
    const size_t bytes = made->count * hone_nn_type_bytes(made->type);
    hone_nn_tensor read;
    hone_buffer file;
    hone_span got;
    hone_buffer_init(&file, NULL, 4096);
    hone_nn_tensor_write(made, elements, &file);
    assert_int_equal(hone_buffer_status(&file), HONE_OK);
    hone_span whole = {(const uint8_t *)file.data, file.size};
    assert_int_equal(hone_nn_tensor_read(whole, NULL, &read, &got), HONE_OK);
    assert_int_equal(read.type, made->type);
    assert_int_equal(read.rank, made->rank);
    assert_memory_equal(read.dims, made->dims, made->rank * sizeof *made->dims);
    assert_int_equal(got.size, bytes);
    assert_memory_equal(got.data, elements, bytes);
    for (whole.size = 0; whole.size < file.size; whole.size++) {
        assert_int_not_equal(hone_nn_tensor_read(whole, NULL, &read, &got), HONE_OK);
    }
    hone_buffer_deinit(&file);
}

static void what_is_written_reads_the_same(void **state) {
    (void)state;
    static const hone_nn_type types[] = {HONE_NN_F32, HONE_NN_F64, HONE_NN_I64, HONE_NN_I32,
                                         HONE_NN_I8,  HONE_NN_U8,  HONE_NN_BOOL};
    uint8_t elements[6 * 8];
    for (size_t i = 0; i < sizeof elements; i++) {
        elements[i] = (uint8_t)(i * 37);
    }
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        for (uint32_t rank = 0; rank <= HONE_NN_RANK_MAX; rank++) {
            hone_nn_tensor made = {.type = types[t], .rank = rank, .count = 1};
            for (uint32_t d = 0; d < rank; d++) {
                made.dims[d] = d == 0 ? 3 : d == rank - 1 ? 2 : 1;
                made.count *= made.dims[d];
            }
            check_round_trip(&made, elements);
        }
    }
}

static void what_is_no_tensor_is_refused(void **state) {
    (void)state;
    static const struct {
        hone_npy_array array;
        hone_status status;
    } cases[] = {
        {{.kind = 'f', .element_bytes = 2, .rank = 1, .dims = {0}}, HONE_STATUS_UNSUPPORTED},
        {{.kind = 'u', .element_bytes = 4, .rank = 1, .dims = {0}}, HONE_STATUS_UNSUPPORTED},
        {{.kind = 'f', .element_bytes = 4, .rank = 7, .dims = {0, 1, 1, 1, 1, 1, 1}},
         HONE_STATUS_LIMIT},
        {{.kind = 'f', .element_bytes = 4, .rank = 2, .dims = {0, (uint64_t)1 << 31}},
         HONE_STATUS_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_buffer file;
        hone_nn_tensor tensor;
        hone_span elements;
        hone_buffer_init(&file, NULL, 4096);
        hone_npy_write_head(&cases[i].array, &file);
        hone_span whole = {(const uint8_t *)file.data, file.size};
        assert_int_equal(hone_nn_tensor_read(whole, NULL, &tensor, &elements), cases[i].status);
        hone_buffer_deinit(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(what_is_no_tensor_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
