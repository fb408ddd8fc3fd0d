/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hone/vector/index.h"
#include "hone/vector/rows.h"

/* A file of two rows of 2 elements, and of one of 1. */
static const uint8_t two_rows[] = {2, 0, 0, 0, 0, 0, 0x80, 0x3F, 0, 0, 0,    0x40,
                                   2, 0, 0, 0, 0, 0, 0,    0xC0, 0, 0, 0x80, 0x7F};

static void fvecs_and_bvecs(void **state) {
    (void)state;
    hone_vector_rows rows;
    float values[2];
    assert_int_equal(
        hone_vector_rows_open(HONE_VECTOR_FVECS, two_rows, sizeof two_rows, NULL, &rows), HONE_OK);
    assert_int_equal(rows.count, 2);
    assert_int_equal(rows.dims, 2);
    assert_int_equal(hone_vector_rows_read(&rows, 0, NULL, values), HONE_OK);
    assert_true(values[0] == 1 && values[1] == 2);
    assert_int_equal(hone_vector_rows_read(&rows, 1, NULL, values), HONE_OK);
    assert_true(values[0] == -2 && isinf(values[1]));
    assert_int_equal(hone_vector_rows_read(&rows, 2, NULL, values), HONE_STATUS_INVALID_ARGUMENT);
    static const uint8_t bytes[] = {3, 0, 0, 0, 0, 128, 255};
    float three[3];
    assert_int_equal(hone_vector_rows_open(HONE_VECTOR_BVECS, bytes, sizeof bytes, NULL, &rows),
                     HONE_OK);
    assert_int_equal(hone_vector_rows_read(&rows, 0, NULL, three), HONE_OK);
    assert_true(three[0] == 0 && three[1] == 128 && three[2] == 255);
}

static void damaged_vecs(void **state) {
    (void)state;
    uint8_t bytes[sizeof two_rows];
    hone_vector_rows rows;
    float values[2];
    for (size_t size = 0; size < sizeof two_rows; size++) {
        if (size != sizeof two_rows / 2) {
            assert_int_equal(hone_vector_rows_open(HONE_VECTOR_FVECS, two_rows, size, NULL, &rows),
                             HONE_STATUS_TRUNCATED);
        }
    }
    memcpy(bytes, two_rows, sizeof bytes);
    bytes[12] = 3; /* the second row's length */
    assert_int_equal(hone_vector_rows_open(HONE_VECTOR_FVECS, bytes, sizeof bytes, NULL, &rows),
                     HONE_OK);
    assert_int_equal(hone_vector_rows_read(&rows, 1, NULL, values), HONE_STATUS_CORRUPT);
    bytes[0] = 0;
    assert_int_equal(hone_vector_rows_open(HONE_VECTOR_FVECS, bytes, sizeof bytes, NULL, &rows),
                     HONE_STATUS_CORRUPT);
    bytes[3] = 0xFF;
    assert_int_equal(hone_vector_rows_open(HONE_VECTOR_FVECS, bytes, sizeof bytes, NULL, &rows),
                     HONE_STATUS_LIMIT);
}

/* An npy file of version 1 with that head and 8 zero bytes behind it, into a text of 256. */
static size_t make_npy(const char *head, uint8_t *out_bytes) {
    size_t length = strlen(head);
    memcpy(out_bytes, "\x93NUMPY\x01\x00", 8);
    out_bytes[8] = (uint8_t)length;
    out_bytes[9] = 0;
    memcpy(out_bytes + 10, head, length);
    memset(out_bytes + 10 + length, 0, 8);
    return 10 + length + 8;
}

static void heads_of_npy(void **state) {
    (void)state;
    static const struct {
        const char *head;
        hone_status status;
        uint64_t count;
        uint32_t dims;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n", HONE_OK, 1, 2},
        {"{'shape':(2,1,),'fortran_order':False,\"descr\":\"<f4\"}", HONE_OK, 2, 1},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4), }", HONE_OK, 2, 4},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", HONE_OK, 1, 1},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2), }", HONE_OK, 0, 2},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", HONE_STATUS_TRUNCATED, 0,
         0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }",
         HONE_STATUS_TRUNCATED, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 0), }", HONE_STATUS_CORRUPT, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 70000), }", HONE_STATUS_LIMIT, 0,
         0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", HONE_STATUS_UNSUPPORTED, 0,
         0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2), }", HONE_STATUS_UNSUPPORTED,
         0, 0},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1, 2), }", HONE_STATUS_UNSUPPORTED, 0,
         0},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", HONE_STATUS_UNSUPPORTED, 0,
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[256];
        hone_vector_rows rows = {.count = 0};
        float values[4];
        size_t size = make_npy(cases[i].head, bytes);
        hone_status status = hone_vector_rows_open(HONE_VECTOR_NPY, bytes, size, NULL, &rows);
        assert_int_equal(status, cases[i].status);
        if (status == HONE_OK) {
            assert_int_equal(rows.count, cases[i].count);
            assert_int_equal(rows.dims, cases[i].dims);
            for (uint64_t row = 0; row < rows.count; row++) {
                assert_int_equal(hone_vector_rows_read(&rows, row, NULL, values), HONE_OK);
            }
        }
    }
}

static void elements_of_npy(void **state) {
    (void)state;
    static const struct {
        const char *descr;
        uint8_t bytes[8];
        float value;
    } cases[] = {
        {"<f4", {0, 0, 0xC0, 0x3F}, 1.5f}, {"<f8", {0, 0, 0, 0, 0, 0, 0xF8, 0xBF}, -1.5f},
        {"<f2", {0x00, 0x3E}, 1.5f},       {"<f2", {0x01, 0x80}, -0x1p-24f},
        {"<f2", {0xFF, 0x7B}, 65504.0f},   {"<f2", {0x00, 0xFC}, -INFINITY},
        {"|i1", {0x80}, -128.0f},          {"|u1", {0x80}, 128.0f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char head[128];
        uint8_t bytes[256];
        hone_vector_rows rows;
        float value;
        (void)snprintf(head, sizeof head,
                       "{'descr': '%s', 'fortran_order': False, 'shape': (1, 1)}", cases[i].descr);
        size_t size = make_npy(head, bytes);
        memcpy(bytes + size - 8, cases[i].bytes, 8);
        assert_int_equal(hone_vector_rows_open(HONE_VECTOR_NPY, bytes, size, NULL, &rows), HONE_OK);
        assert_int_equal(hone_vector_rows_read(&rows, 0, NULL, &value), HONE_OK);
        assert_true(value == cases[i].value);
    }
}

static void names_of_files(void **state) {
    (void)state;
    hone_vector_rows_format format;
    assert_int_equal(hone_vector_rows_format_of("a/b.npy", NULL, &format), HONE_OK);
    assert_int_equal(format, HONE_VECTOR_NPY);
    assert_int_equal(hone_vector_rows_format_of("base.fvecs", NULL, &format), HONE_OK);
    assert_int_equal(format, HONE_VECTOR_FVECS);
    assert_int_equal(hone_vector_rows_format_of("x.csv", NULL, &format), HONE_STATUS_UNSUPPORTED);
    assert_int_equal(hone_vector_rows_format_of(".npy", NULL, &format), HONE_STATUS_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fvecs_and_bvecs), cmocka_unit_test(damaged_vecs),
        cmocka_unit_test(heads_of_npy),    cmocka_unit_test(elements_of_npy),
        cmocka_unit_test(names_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
