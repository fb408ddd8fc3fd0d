/* SPDX-License-Identifier: Apache-2.0 */
/* Decoder and validator: a table of small modules, every cut and every changed byte of larger ones,
 * limits, and memory that runs out. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "hone/base/buffer.h"
#include "hone/memory/failing.h"
#include "hone/platform/file.h"
#include "hone/wasm/module.h"

#define HEADER "\0asm\1\0\0\0"
#define BYTES(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

typedef struct module_case {
    hone_span bytes;
    hone_status status;
    const char *place; /* in the diag's subject */
    const char *word;  /* in its message */
} module_case;

/* A function () -> () with the body given; and () -> i32. Sizes below 128. */
#define TYPE_NOTHING "\1\4\1\x60\0\0"
#define TYPE_I32 "\1\5\1\x60\0\1\x7F"
#define ONE_FUNCTION "\3\2\1\0"

static const module_case cases[] = {
    {BYTES(HEADER), HONE_OK, "", ""},
    {BYTES(""), HONE_STATUS_MALFORMED, "byte 0", "unexpected end"},
    {BYTES("\0asn\1\0\0\0"), HONE_STATUS_MALFORMED, "byte 0", "magic"},
    {BYTES("\0asm\2\0\0\0"), HONE_STATUS_MALFORMED, "byte 4", "version"},
    {BYTES(HEADER "\x0D\0"), HONE_STATUS_MALFORMED, "byte 8", "section id 13"},
    {BYTES(HEADER "\1\1\0\1\1\0"), HONE_STATUS_MALFORMED, "byte 11", "after last section"},
    {BYTES(HEADER "\1\x85\x80\x80\x80\x80\0"), HONE_STATUS_MALFORMED, "byte 9", "longer than 32"},
    {BYTES(HEADER "\1\x80\x80\x80\x80\x10"), HONE_STATUS_MALFORMED, "byte 9", "too large"},
    {BYTES(HEADER TYPE_NOTHING ONE_FUNCTION), HONE_STATUS_MALFORMED, "byte 18", "inconsistent"},
    {BYTES(HEADER TYPE_NOTHING ONE_FUNCTION "\x0A\4\1\2\0\x0B"), HONE_OK, "", ""},
    {BYTES(HEADER TYPE_NOTHING ONE_FUNCTION "\x0A\6\1\4\0\x41\0\x0B"), HONE_STATUS_INVALID_MODULE,
     "function 0", "1 values remain"},
    {BYTES(HEADER TYPE_I32 ONE_FUNCTION "\x0A\4\1\2\0\x0B"), HONE_STATUS_INVALID_MODULE,
     "function 0", "empty"},
    {BYTES(HEADER TYPE_I32 ONE_FUNCTION "\x0A\6\1\4\0\x42\0\x0B"), HONE_STATUS_INVALID_MODULE,
     "byte 26", "expected i32, found i64"},
    /* Behind `unreachable` the stack gives what is wanted, but not two kinds at once. */
    {BYTES(HEADER TYPE_I32 ONE_FUNCTION "\x0A\6\1\4\0\0\x6A\x0B"), HONE_OK, "", ""},
    {BYTES(HEADER TYPE_I32 ONE_FUNCTION "\x0A\6\1\4\0\0\x7C\x0B"), HONE_STATUS_INVALID_MODULE,
     "function 0", "expected i32, found i64"},
    {BYTES(HEADER TYPE_NOTHING ONE_FUNCTION "\x0A\6\1\4\0\x0C\1\x0B"), HONE_STATUS_INVALID_MODULE,
     "function 0", "unknown label 1"},
    {BYTES(HEADER TYPE_NOTHING ONE_FUNCTION "\x0A\5\1\3\0\xFF\x0B"), HONE_STATUS_MALFORMED,
     "function 0", "illegal opcode"},
    /* Invalid first, not well-formed behind it: the graver of the two. */
    {BYTES(HEADER TYPE_NOTHING ONE_FUNCTION "\x0A\6\1\4\0\x1A\xFF\x0B"), HONE_STATUS_MALFORMED,
     "function 0", "illegal opcode"},
    {BYTES(HEADER TYPE_NOTHING ONE_FUNCTION "\x0A\x0B\1\x09\2\xFF\xFF\xFF\xFF\x0F\x7F\2\x7F\x0B"),
     HONE_STATUS_MALFORMED, "function 0", "too many locals"},
    {BYTES(HEADER TYPE_NOTHING ONE_FUNCTION "\x0A\x08\1\6\1\xD1\x86\3\x7F\x0B"), HONE_STATUS_LIMIT,
     "function 0", "50001 locals"},
    {BYTES(HEADER "\2\x09\1\1m\1\xFF\3\x7F\0\0"), HONE_STATUS_MALFORMED, "byte 14", "UTF-8"},
    {BYTES(HEADER "\5\4\1\1\2\1"), HONE_STATUS_INVALID_MODULE, "byte 11", "minimum"},
    {BYTES(HEADER "\7\5\1\1\x61\0\0"), HONE_STATUS_INVALID_MODULE, "byte 14", "unknown function 0"},
};

static hone_status load(hone_span bytes, const hone_wasm_module_options *options, hone_diag *diag,
                        hone_wasm_module **out_module) {
    *out_module = NULL;
    hone_diag_clear(diag);
    return hone_wasm_module_create(bytes, options, diag, out_module);
}

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_diag diag;
        hone_wasm_module *module;
        hone_status status = load(cases[i].bytes, NULL, &diag, &module);
        if (status != cases[i].status || !strstr(diag.message, cases[i].word) ||
            !strstr(diag.subject, cases[i].place)) {
            fail_msg("case %zu: %s: %s: %s", i, hone_status_name(status), diag.subject,
                     diag.message);
        }
        assert_true((module != NULL) == (status == HONE_OK));
        hone_wasm_module_release(module);
    }
}

/* A module of the corpus, in a block of exactly its size. */
static hone_span read_sample(const char *name) {
    char path[4096];
    assert_true(snprintf(path, sizeof path, "%s/tests/corpora/wasm_module/%s.wasm", HONE_SOURCE_DIR,
                         name) > 0);
    hone_buffer content;
    hone_buffer_init(&content, NULL, 1 << 20);
    assert_int_equal(hone_file_read_all(path, 1 << 20, NULL, &content), HONE_OK);
    uint8_t *data = malloc(content.size);
    assert_non_null(data);
    memcpy(data, content.data, content.size);
    hone_span span = {data, content.size};
    hone_buffer_deinit(&content);
    return span;
}

static const char *const samples[] = {"arith", "refs", "simd", "more"};
enum { SAMPLES_COUNT = sizeof samples / sizeof samples[0] };

static void test_queries(void **state) {
    (void)state;
    hone_span bytes = read_sample("arith");
    hone_diag diag;
    hone_wasm_module *module;
    assert_int_equal(load(bytes, NULL, &diag, &module), HONE_OK);
    assert_int_equal(hone_wasm_module_count(module, HONE_WASM_FUNCTION), 4);
    assert_int_equal(hone_wasm_module_count(module, HONE_WASM_GLOBAL), 1);
    assert_int_equal(hone_wasm_module_exports_count(module), 3);
    hone_text name;
    hone_wasm_external_type type;
    hone_wasm_module_export(module, 0, &name, &type);
    assert_true(hone_text_is(name, "m"));
    assert_int_equal(type.kind, HONE_WASM_MEMORY);
    assert_int_equal(type.limits.max, 4);
    hone_wasm_module_export(module, 1, &name, &type);
    assert_true(hone_text_is(name, "a"));
    assert_int_equal(type.function.params_count, 2);
    assert_int_equal(type.function.params[1], HONE_WASM_I64);
    assert_int_equal(type.function.results[0], HONE_WASM_F64);
    assert_true(hone_text_is(hone_wasm_module_function_name(module, 3), "s"));
    assert_true(hone_text_is(hone_wasm_module_section(module, 0).name, ""));
    hone_wasm_module_acquire(module);
    hone_wasm_module_release(module);
    hone_wasm_module_release(module);
    free((void *)(uintptr_t)bytes.data);
}

/* What is cut short is not a module, unless the cut is behind a section; and it is never read
 * beyond its end, which the sanitizer sees. */
static void test_every_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        hone_span bytes = read_sample(samples[i]);
        for (size_t size = 0; size < bytes.size; size++) {
            uint8_t *cut = malloc(size ? size : 1);
            assert_non_null(cut);
            memcpy(cut, bytes.data, size);
            hone_diag diag;
            hone_wasm_module *module;
            hone_status status = load((hone_span){cut, size}, NULL, &diag, &module);
            assert_true(status == HONE_OK || status == HONE_STATUS_MALFORMED);
            assert_true(diag.byte_offset <= size);
            hone_wasm_module_release(module);
            free(cut);
        }
        free((void *)(uintptr_t)bytes.data);
    }
}

static void test_every_bit(void **state) {
    (void)state;
    uint32_t refused_count = 0, count = 0;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        hone_span bytes = read_sample(samples[i]);
        uint8_t *data = (uint8_t *)(uintptr_t)bytes.data;
        for (size_t bit = 0; bit < bytes.size * 8; bit++) {
            data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            hone_diag diag;
            hone_wasm_module *module;
            hone_status status = load(bytes, NULL, &diag, &module);
            assert_true(status == HONE_OK || (diag.status == status && diag.message[0]));
            refused_count += status != HONE_OK;
            count++;
            hone_wasm_module_release(module);
            data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        free(data);
    }
    assert_true(refused_count > count / 4 && refused_count < count);
}

static void test_features(void **state) {
    (void)state;
    static const struct {
        const char *name;
        hone_wasm_feature missing;
        hone_status status;
    } rows[] = {
        {"simd", HONE_WASM_FEATURE_SIMD, HONE_STATUS_MALFORMED},
        {"more", HONE_WASM_FEATURE_MULTI_MEMORY, HONE_STATUS_INVALID_MODULE},
        {"more", HONE_WASM_FEATURE_MEMORY64, HONE_STATUS_MALFORMED},
        {"more", HONE_WASM_FEATURE_EXTENDED_CONST, HONE_STATUS_INVALID_MODULE},
        {"more", HONE_WASM_FEATURE_TAIL_CALL, HONE_STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hone_span bytes = read_sample(rows[i].name);
        hone_wasm_module_options options = {.features = (uint32_t)HONE_WASM_FEATURES_ALL &
                                                        ~(uint32_t)rows[i].missing};
        hone_diag diag;
        hone_wasm_module *module;
        assert_int_equal(load(bytes, &options, &diag, &module), rows[i].status);
        assert_int_equal(load(bytes, NULL, &diag, &module), HONE_OK);
        hone_wasm_module_release(module);
        free((void *)(uintptr_t)bytes.data);
    }
}

/* A body of `depth` blocks within one another. */
static void make_nest(hone_buffer *module, uint32_t depth) {
    uint32_t body = depth * 3 + 2, section = body + 5;
    hone_buffer_append(module, HEADER TYPE_NOTHING ONE_FUNCTION "\x0A", 19);
    const uint32_t sizes[2] = {section, body};
    for (int i = 0; i < 2; i++) { /* LEB128 in four bytes */
        for (uint32_t shift = 0; shift < 28; shift += 7) {
            uint32_t more = shift < 21 ? 0x80 : 0;
            hone_buffer_append_byte(module, (char)((sizes[i] >> shift & 0x7F) | more));
        }
        if (i == 0) {
            hone_buffer_append_byte(module, 1);
        }
    }
    hone_buffer_append_byte(module, 0);
    for (uint32_t i = 0; i < depth; i++) {
        hone_buffer_append(module, "\2\x40", 2);
    }
    for (uint32_t i = 0; i <= depth; i++) {
        hone_buffer_append_byte(module, 0x0B);
    }
    assert_int_equal(hone_buffer_status(module), HONE_OK);
}

static void test_depth(void **state) {
    (void)state;
    static const struct {
        uint32_t depth;
        hone_status status;
    } rows[] = {{1, HONE_OK}, {99999, HONE_OK}, {100000, HONE_STATUS_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hone_buffer bytes;
        hone_buffer_init(&bytes, NULL, 1 << 20);
        make_nest(&bytes, rows[i].depth);
        hone_diag diag;
        hone_wasm_module *module;
        assert_int_equal(load((hone_span){bytes.data, bytes.size}, NULL, &diag, &module),
                         rows[i].status);
        hone_wasm_module_release(module);
        hone_buffer_deinit(&bytes);
    }
}

static void test_limits(void **state) {
    (void)state;
    static const hone_wasm_module_limits rows[] = {
        {.module_bytes_max = 100}, {.decoded_bytes_max = 1000}, {.functions_max = 2},
        {.body_bytes_max = 10},    {.locals_max = 2},           {.depth_max = 2},
        {.values_max = 1},
    };
    hone_span bytes = read_sample("arith");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hone_wasm_module_options options = {.limits = rows[i]};
        hone_diag diag;
        hone_wasm_module *module;
        hone_status status = load(bytes, &options, &diag, &module);
        bool is_arena = rows[i].decoded_bytes_max != 0;
        assert_int_equal(status, is_arena ? HONE_STATUS_OUT_OF_MEMORY : HONE_STATUS_LIMIT);
    }
    free((void *)(uintptr_t)bytes.data);
}

static void test_memory_runs_out(void **state) {
    (void)state;
    hone_span bytes = read_sample("arith");
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        hone_wasm_module_options options = {.allocator = &failing.allocator};
        hone_diag diag;
        hone_wasm_module *module;
        hone_status status = load(bytes, &options, &diag, &module);
        hone_wasm_module_release(module);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            assert_true(n > 4);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
    free((void *)(uintptr_t)bytes.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),     cmocka_unit_test(test_queries),
        cmocka_unit_test(test_every_cut), cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_features),  cmocka_unit_test(test_depth),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
