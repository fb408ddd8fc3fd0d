/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: heads as NumPy writes them are read, what is written reads the same, the rest is refused
 * with a reason. Method: a table, round trips. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hone/base/npy.h"

enum { FILE_MAX = 512 };

/* A file of version 1 with this head and eight bytes of elements. */
static hone_span make_file(const char *head, uint8_t file[FILE_MAX]) {
    const size_t size = strlen(head);
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (uint8_t)size;
    file[9] = (uint8_t)(size >> 8);
    memcpy(file + 10, head, size);
    memset(file + 10 + size, 7, 8);
    return (hone_span){file, 10 + size + 8};
}

#define HEAD(descr, order, shape) \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }\n"

static void heads(void **state) {
    (void)state;
    static const struct {
        const char *head;
        hone_status status;
        const char *word;
        uint64_t bytes;
    } cases[] = {
        {HEAD("<f4", "False", "(2,)"), HONE_OK, "", 8},
        {HEAD("<f4", "False", "(1, 2)"), HONE_OK, "", 8},
        {HEAD("|u1", "False", "(2, 2, 2)"), HONE_OK, "", 8},
        {HEAD("<i1", "False", "(3,)"), HONE_OK, "", 3},
        {HEAD("<f4", "False", "(0, 9223372036854775807, 9223372036854775807)"), HONE_OK, "", 0},
        {"{'shape': (), 'fortran_order': False, \"descr\": \"<f8\"}", HONE_OK, "", 8},
        {"{'shape':(2,1,),'fortran_order':False,'descr':'<f4'}   \n", HONE_OK, "", 8},
        {HEAD(">f4", "False", "(2,)"), HONE_STATUS_UNSUPPORTED, "'>f4'", 0},
        {HEAD("<f1", "False", "(2,)"), HONE_STATUS_UNSUPPORTED, "'<f1'", 0},
        {HEAD("<b4", "False", "(2,)"), HONE_STATUS_UNSUPPORTED, "'<b4'", 0},
        {HEAD("<c8", "False", "(1,)"), HONE_STATUS_UNSUPPORTED, "'<c8'", 0},
        {HEAD("<f4", "True", "(2,)"), HONE_STATUS_UNSUPPORTED, "Fortran", 0},
        {HEAD("<f4", "False", "(1,1,1,1,1,1,1,1,1)"), HONE_STATUS_LIMIT, "dimensions", 0},
        {HEAD("<f4", "False", "(3,)"), HONE_STATUS_TRUNCATED, "8 bytes", 0},
        {HEAD("<f4", "False", "(9223372036854775807, 9)"), HONE_STATUS_TRUNCATED, "more", 0},
        {HEAD("<f4", "Falsch", "(2,)"), HONE_STATUS_CORRUPT, "truth", 0},
        {HEAD("<f4", "False", "(-2,)"), HONE_STATUS_CORRUPT, "size", 0},
        {HEAD("<f4", "False", "(99999999999999999999,)"), HONE_STATUS_CORRUPT, "size", 0},
        {HEAD("<f4", "False", "(1 2)"), HONE_STATUS_CORRUPT, "comma", 0},
        {HEAD("<f4", "False", "2"), HONE_STATUS_CORRUPT, "tuple", 0},
        {"{'descr': '<f4', 'fortran_order': False}", HONE_STATUS_CORRUPT, "missing", 0},
        {"{'descr': '<f4', 'descr': '<f4'}", HONE_STATUS_CORRUPT, "twice", 0},
        {"{'descr': '<f4' 'fortran_order': False}", HONE_STATUS_CORRUPT, "comma", 0},
        {"{'descr': '<f4", HONE_STATUS_CORRUPT, "text", 0},
        {"{'descr': 4}", HONE_STATUS_CORRUPT, "text", 0},
        {"import os", HONE_STATUS_CORRUPT, "dictionary", 0},
        {"", HONE_STATUS_CORRUPT, "dictionary", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t file[FILE_MAX];
        hone_npy_array array;
        hone_span elements;
        hone_diag diag = {0};
        hone_status status =
            hone_npy_read(make_file(cases[i].head, file), &diag, &array, &elements);
        if (status != cases[i].status || !strstr(diag.message, cases[i].word)) {
            fail_msg("%s: %s: %s", cases[i].head, hone_status_name(status), diag.message);
        }
        if (status == HONE_OK) {
            assert_int_equal(elements.size, cases[i].bytes);
            assert_int_equal(array.count * array.element_bytes, cases[i].bytes);
            assert_int_equal(elements.data[0], 7);
        }
    }
}

static void what_is_written_reads_the_same(void **state) {
    (void)state;
    static const char descrs[][2] = {{'f', 2}, {'f', 8}, {'i', 1}, {'u', 4}, {'b', 1}};
    for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++) {
        for (uint32_t rank = 1; rank <= HONE_NPY_RANK_MAX; rank++) {
            hone_npy_array made = {
                .kind = descrs[i][0], .element_bytes = (uint8_t)descrs[i][1], .rank = rank};
            for (uint32_t d = 1; d < rank; d++) {
                made.dims[d] = INT64_MAX; /* the longest head */
            }
            hone_npy_array read;
            hone_span elements;
            hone_buffer file;
            hone_buffer_init(&file, NULL, 4096);
            hone_npy_write_head(&made, &file);
            assert_int_equal(hone_buffer_status(&file), HONE_OK);
            assert_int_equal(file.size % 64, 0);
            hone_span whole = {(const uint8_t *)file.data, file.size};
            assert_int_equal(hone_npy_read(whole, NULL, &read, &elements), HONE_OK);
            assert_memory_equal(&read, &made, sizeof made); /* no elements: a count of 0 */
            for (whole.size = 0; whole.size < file.size; whole.size++) {
                assert_int_not_equal(hone_npy_read(whole, NULL, &read, &elements), HONE_OK);
            }
            hone_buffer_deinit(&file);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(what_is_written_reads_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
