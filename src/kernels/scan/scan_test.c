/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every variant that this machine can run gives the bits of ref. Method: random and adverse
 * bytes, every misalignment, blocks that end at the end of a mapping, output poisoned before and
 * checked behind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hone/kernels/scan.h"
#include "hone/platform/isa.h"

enum { BLOCKS_MAX = 37, POISON = 0xA5 };

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void fill(uint8_t *bytes, size_t size, char separator, uint64_t *seed) {
    for (size_t i = 0; i < size; i++) {
        uint64_t random = next_random(seed);
        uint8_t special[4] = {(uint8_t)separator, '"', '\n', (uint8_t)(separator ^ 0x80)};
        bytes[i] = random & 1 ? (uint8_t)(random >> 8) : special[random >> 8 & 3];
    }
}

static void assert_same_bits(const hone_scan_variant *variant, const uint8_t *bytes,
                             size_t blocks_count, char separator) {
    hone_csv_masks expected[BLOCKS_MAX], got[BLOCKS_MAX + 1], poison;
    memset(got, POISON, sizeof got);
    memset(&poison, POISON, sizeof poison);
    hone_csv_mask_ref(bytes, blocks_count, separator, expected);
    variant->csv_mask(bytes, blocks_count, separator, got);
    assert_memory_equal(got, expected, blocks_count * sizeof *got);
    assert_memory_equal(&got[blocks_count], &poison, sizeof poison);
}

static void check_variant(const hone_scan_variant *variant) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 64 * BLOCKS_MAX;
    size_t pages = (size + 64 + page - 1) / page;
    uint8_t *map =
        mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    uint8_t *end = map + pages * page;
    assert_int_equal(mprotect(end, page, PROT_NONE), 0);
    uint64_t seed = 21;
    for (int round = 0; round < 300; round++) {
        char separator = round % 3 ? (char)next_random(&seed) : ',';
        size_t blocks_count = next_random(&seed) % (BLOCKS_MAX + 1);
        size_t offset = (size_t)round % 64; /* 0: the last byte is the last of the mapping */
        uint8_t *bytes = end - offset - 64 * blocks_count;
        fill(map, pages * page, separator, &seed);
        assert_same_bits(variant, bytes, blocks_count, separator);
    }
    assert_int_equal(munmap(map, (pages + 1) * page), 0);
}

static void variants_give_the_bits_of_ref(void **state) {
    (void)state;
    size_t count, checked = 0;
    const hone_scan_variant *variants = hone_scan_variants(&count);
    hone_isa_mask features = hone_isa_detect();
    assert_string_equal(variants[0].name, "ref");
    for (size_t i = 0; i < count; i++) {
        if (hone_isa_has(features, variants[i].needed)) {
            check_variant(&variants[i]);
            checked++;
        } else {
            print_message("%s: this machine cannot run it, not checked\n", variants[i].name);
        }
    }
    assert_true(checked >= 1);
}

static void table_takes_the_best_allowed(void **state) {
    (void)state;
    size_t count;
    const hone_scan_variant *variants = hone_scan_variants(&count);
    assert_true(hone_scan_csv_mask(0) == hone_csv_mask_ref);
    for (size_t i = 0; i < count; i++) {
        assert_true(hone_scan_csv_mask(variants[i].needed) == variants[i].csv_mask);
    }
    assert_true(hone_scan_csv_mask(~(hone_isa_mask)0) == variants[count - 1].csv_mask);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_give_the_bits_of_ref),
        cmocka_unit_test(table_takes_the_best_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
