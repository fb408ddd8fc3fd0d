/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: files as NumPy writes them are read, what is written reads the same, the rest is refused
 * with a reason. Method: a table, round trips, every beginning of a file. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hone/nn/npy.h"

enum { FILE_MAX = 512 };

/* A file of version 1 with this header and eight bytes of elements. */
static hone_span make_file(const char *header, uint8_t file[FILE_MAX]) {
    const size_t size = strlen(header);
    memcpy(file, (const uint8_t[]){0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}, 8);
    file[8] = (uint8_t)size;
    file[9] = (uint8_t)(size >> 8);
    memcpy(file + 10, header, size);
    memset(file + 10 + size, 7, 8);
    return (hone_span){file, 10 + size + 8};
}

static void headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        hone_status status;
        const char *word;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   \n", HONE_OK, ""},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}\n", HONE_OK, ""},
        {"{'shape': (), 'fortran_order': False, 'descr': '<f8'}", HONE_OK, ""},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", HONE_STATUS_UNSUPPORTED,
         "element type"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", HONE_STATUS_UNSUPPORTED,
         "Fortran"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", HONE_STATUS_TRUNCATED,
         "needs 12"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1)}",
         HONE_STATUS_UNSUPPORTED, "dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (65536, 65536)}", HONE_STATUS_LIMIT,
         "2^31"},
        {"{'descr': '<f4', 'fortran_order': False}", HONE_STATUS_CORRUPT, "missing"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
         HONE_STATUS_CORRUPT, "a key"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", HONE_STATUS_CORRUPT, "size"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", HONE_STATUS_CORRUPT, "comma"},
        {"import os", HONE_STATUS_CORRUPT, "dictionary"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t file[FILE_MAX];
        hone_nn_tensor tensor;
        hone_span elements;
        hone_diag diag = {0};
        hone_status status =
            hone_npy_read(make_file(cases[i].header, file), &diag, &tensor, &elements);
        if (status != cases[i].status || !strstr(diag.message, cases[i].word)) {
            fail_msg("%s: %s: %s", cases[i].header, hone_status_name(status), diag.message);
        }
        if (status == HONE_OK) {
            assert_int_equal(elements.size, 8);
            assert_int_equal(elements.data[0], 7);
        }
    }
}

static void check_round_trip(const hone_nn_tensor *made, const uint8_t *elements) {
    const size_t bytes = made->count * hone_nn_type_bytes(made->type);
    hone_nn_tensor read;
    hone_buffer file;
    hone_span got;
    hone_buffer_init(&file, NULL, 4096);
    hone_npy_write(made, elements, &file);
    assert_int_equal(hone_buffer_status(&file), HONE_OK);
    assert_int_equal((file.size - bytes) % 64, 0);
    hone_span whole = {(const uint8_t *)file.data, file.size};
    assert_int_equal(hone_npy_read(whole, NULL, &read, &got), HONE_OK);
    assert_int_equal(read.type, made->type);
    assert_int_equal(read.rank, made->rank);
    assert_memory_equal(read.dims, made->dims, made->rank * sizeof *made->dims);
    assert_int_equal(got.size, bytes);
    assert_memory_equal(got.data, elements, bytes);
    for (whole.size = 0; whole.size < file.size; whole.size++) {
        assert_int_not_equal(hone_npy_read(whole, NULL, &read, &got), HONE_OK);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(what_is_written_reads_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
