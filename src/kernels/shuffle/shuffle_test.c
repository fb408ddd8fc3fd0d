/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every variant that this machine can run gives the bytes of ref, and the inverse gives the
 * input back. Method: every count around the vector step, sizes with and without a vector path,
 * misaligned buffers that end at the end of a mapping, output poisoned before and checked behind;
 * ref itself against the definition in the header.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hone/kernels/shuffle.h"
#include "hone/platform/isa.h"

enum { COUNT_MAX = 133, ELEMENT_MAX = 9, SIZE_MAX_BYTES = COUNT_MAX * ELEMENT_MAX, POISON = 0xA5 };

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Memory whose last byte is followed by a page that must not be touched. */
typedef struct fenced {
    uint8_t *map, *end;
    size_t map_size;
} fenced;

static fenced fenced_make(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (SIZE_MAX_BYTES + 64 + page - 1) / page * page;
    fenced made = {.map_size = size + page};
    made.map =
        mmap(NULL, made.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(made.map != MAP_FAILED);
    made.end = made.map + size;
    assert_int_equal(mprotect(made.end, page, PROT_NONE), 0);
    return made;
}

static void fenced_drop(fenced *it) {
    assert_int_equal(munmap(it->map, it->map_size), 0);
}

typedef struct buffers {
    fenced in, out, back;
    uint64_t seed;
} buffers;

static buffers buffers_make(void) {
    return (buffers){fenced_make(), fenced_make(), fenced_make(), 5};
}

static void buffers_drop(buffers *it) {
    fenced_drop(&it->in);
    fenced_drop(&it->out);
    fenced_drop(&it->back);
}

static void check_elements(const hone_shuffle_variant *variant, buffers *it, size_t count,
                           size_t element_size, size_t offset) {
    size_t size = count * element_size;
    uint8_t expected[SIZE_MAX_BYTES];
    uint8_t *in = it->in.end - size, *out = it->out.end - offset - size,
            *back = it->back.end - size;
    for (size_t i = 0; i < size; i++) {
        in[i] = (uint8_t)next_random(&it->seed);
    }
    memset(it->out.map, POISON, (size_t)(it->out.end - it->out.map));
    hone_shuffle_variants(&(size_t){0})->shuffle(in, count, element_size, expected);
    variant->shuffle(in, count, element_size, out);
    assert_memory_equal(out, expected, size);
    for (size_t i = 0; i < offset; i++) {
        assert_int_equal(out[size + i], POISON);
    }
    assert_int_equal(out[-1], POISON);
    variant->unshuffle(out, count, element_size, back);
    assert_memory_equal(back, in, size);
}

static void check_bits(const hone_shuffle_variant *variant, buffers *it, size_t size,
                       size_t offset) {
    uint8_t expected[SIZE_MAX_BYTES];
    uint8_t *in = it->in.end - size, *out = it->out.end - offset - size,
            *back = it->back.end - size;
    for (size_t i = 0; i < size; i++) {
        in[i] = (uint8_t)next_random(&it->seed);
    }
    memset(it->out.map, POISON, (size_t)(it->out.end - it->out.map));
    hone_shuffle_variants(&(size_t){0})->split_bits(in, size, expected);
    variant->split_bits(in, size, out);
    assert_memory_equal(out, expected, size);
    for (size_t i = 0; i < offset; i++) {
        assert_int_equal(out[size + i], POISON);
    }
    assert_int_equal(out[-1], POISON);
    variant->join_bits(out, size, back);
    assert_memory_equal(back, in, size);
}

static void variants_give_the_bytes_of_ref(void **state) {
    (void)state;
    size_t variants_count;
    const hone_shuffle_variant *variants = hone_shuffle_variants(&variants_count);
    assert_string_equal(variants[0].name, "ref");
    buffers it = buffers_make();
    for (size_t v = 0; v < variants_count; v++) {
        if (!hone_isa_has(hone_isa_detect(), variants[v].needed)) {
            print_message("%s: this machine cannot run it, not checked\n", variants[v].name);
            continue;
        }
        for (size_t count = 0; count <= COUNT_MAX; count++) {
            for (size_t element_size = 1; element_size <= ELEMENT_MAX; element_size++) {
                check_elements(&variants[v], &it, count, element_size, count % 33);
            }
            check_bits(&variants[v], &it, count * 8, count % 33);
        }
    }
    buffers_drop(&it);
}

static void planes_are_where_the_header_says(void **state) {
    (void)state;
    const uint8_t in[8] = {0x01, 0x02, 0x03, 0x14, 0x25, 0x36, 0xFF, 0x80};
    uint8_t out[8];
    const hone_shuffle_variant *ref = hone_shuffle_variants(&(size_t){0});
    ref->shuffle(in, 2, 4, out);
    const uint8_t planes[8] = {0x01, 0x25, 0x02, 0x36, 0x03, 0xFF, 0x14, 0x80};
    assert_memory_equal(out, planes, sizeof planes);
    ref->split_bits(in, 8, out);
    for (size_t bit = 0; bit < 8; bit++) {
        for (size_t i = 0; i < 8; i++) {
            assert_int_equal(out[bit] >> i & 1, in[i] >> bit & 1);
        }
    }
}

static void table_takes_the_best_allowed(void **state) {
    (void)state;
    size_t count;
    const hone_shuffle_variant *variants = hone_shuffle_variants(&count);
    assert_ptr_equal(hone_shuffle_choose(0), &variants[0]);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(hone_shuffle_choose(variants[i].needed), &variants[i]);
    }
    assert_ptr_equal(hone_shuffle_choose(~(hone_isa_mask)0), &variants[count - 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_give_the_bytes_of_ref),
        cmocka_unit_test(planes_are_where_the_header_says),
        cmocka_unit_test(table_takes_the_best_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
