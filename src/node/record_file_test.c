/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of recorded streams: round trips, every truncation, every flipped bit. The seeds of
 * the fuzzer are what this writes: they are kept in tests/corpora/replay, and because they must not
 * change, they are also the proof that the format does not. HONE_UPDATE_CORPUS=1 writes them anew.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "hone/platform/file.h"
#include "record_file_internal.h"

#define CORPUS HONE_SOURCE_DIR "/tests/corpora/replay/"

enum { FIELDS_COUNT = 5 };

static const hone_field fields[FIELDS_COUNT] = {
    {{"n", 1}, HONE_TYPE_I64},     {{"load", 4}, HONE_TYPE_F64},
    {{"up", 2}, HONE_TYPE_BOOL},   {{"h\xc3\xb6st", 5}, HONE_TYPE_TEXT},
    {{"note", 4}, HONE_TYPE_TEXT},
};

typedef struct fixture {
    hone_arena arena;
    const hone_schema *schema;
    hone_buffer bytes;
    uint64_t random;
} fixture;

static uint64_t next_random(fixture *here) { /* xorshift64 */
    here->random ^= here->random << 13;
    here->random ^= here->random >> 7;
    here->random ^= here->random << 17;
    return here->random;
}

static void setup(fixture *here, uint32_t fields_count, bool is_timed) {
    *here = (fixture){.random = 88172645463325252u};
    hone_arena_init(&here->arena, NULL, SIZE_MAX);
    hone_buffer_init(&here->bytes, NULL, 1 << 30);
    assert_int_equal(
        hone_schema_create(&here->arena, fields, fields_count, is_timed, NULL, &here->schema),
        HONE_OK);
}

static void teardown(fixture *here) {
    hone_arena_deinit(&here->arena);
    hone_buffer_deinit(&here->bytes);
}

static hone_batch *make_batch(fixture *here, uint32_t rows_count, uint64_t text_bytes) {
    hone_batch_layout layout;
    assert_int_equal(hone_batch_plan(here->schema, rows_count, text_bytes, &layout), HONE_OK);
    void *memory = hone_arena_allocate(&here->arena, layout.size_bytes, 64);
    assert_non_null(memory);
    memset(memory, 0xA5, layout.size_bytes); /* what is unset must not matter */
    return hone_batch_init(memory, &layout);
}

static void fill(fixture *here, hone_batch *batch, uint32_t rows_count) {
    static const char *const texts[] = {"", "alpha", "Z\xc3\xa4hler", "a,b\n\"c\"", "0"};
    for (uint32_t i = 0; i < rows_count; i++) {
        uint32_t row = hone_batch_add_row(batch, (int64_t)next_random(here));
        for (uint32_t field = 0; field < batch->fields_count; field++) {
            uint64_t random = next_random(here);
            hone_cell *cell = &hone_batch_cells(batch, field)[row];
            if (random % 4 == 0) {
                hone_batch_set_missing(batch, field, row);
            } else if (fields[field].type == HONE_TYPE_TEXT) {
                hone_text text = hone_text_of(texts[random / 4 % 5]);
                assert_int_equal(hone_batch_add_text(batch, text, &cell->text), HONE_OK);
            } else if (fields[field].type == HONE_TYPE_BOOL) {
                cell->i64 = random & 4 ? 1 : 0;
            } else {
                cell->i64 = (int64_t)next_random(here); /* any bits of a double, too */
            }
        }
    }
}

/* Keeps about every third row. */
static void thin(fixture *here, hone_batch *batch) {
    uint32_t kept = 0;
    uint16_t *selection = hone_batch_selection(batch);
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        if (next_random(here) % 3 == 0 || i + 1 == batch->selected_count) {
            selection[kept++] = selection[i];
        }
    }
    batch->selected_count = kept;
}

static void check_cell(hone_batch *a, uint32_t row_a, hone_batch *b, uint32_t row_b,
                       uint32_t field) {
    hone_cell cell_a = hone_batch_cells(a, field)[row_a];
    hone_cell cell_b = hone_batch_cells(b, field)[row_b];
    bool is_missing = hone_batch_is_missing(a, field, row_a);
    assert_int_equal(is_missing, hone_batch_is_missing(b, field, row_b));
    if (!is_missing && fields[field].type == HONE_TYPE_TEXT) {
        assert_true(
            hone_text_is_equal(hone_batch_text(a, cell_a.text), hone_batch_text(b, cell_b.text)));
    } else if (!is_missing) {
        assert_true(cell_a.i64 == cell_b.i64);
    }
}

static void check_rows(const hone_schema *schema, hone_batch *from, uint32_t first_selected,
                       hone_batch *to) {
    for (uint32_t i = 0; i < to->rows_count; i++) {
        uint32_t row = hone_batch_selection(from)[first_selected + i];
        assert_true(hone_batch_timestamps(from)[row] == hone_batch_timestamps(to)[i]);
        for (uint32_t field = 0; field < schema->fields_count; field++) {
            check_cell(from, row, to, i, field);
        }
    }
}

static hone_span span_of(const hone_buffer *buffer) {
    return (hone_span){buffer->data, buffer->size};
}

static hone_status read_block(fixture *here, hone_span bytes, uint64_t number, hone_diag *diag,
                              hn_record_block *block) {
    hone_diag_clear(diag);
    hone_status status = hn_record_block_measure(bytes, here->schema, number, diag, block);
    return status == HONE_OK ? hn_record_block_read(bytes, here->schema, diag, block) : status;
}

static void test_round_trip(void **state) {
    (void)state;
    static const uint32_t rows[] = {1, 2, 63, 64, 65, 127, 500, 1024};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        for (uint32_t variant = 0; variant < 12; variant++) {
            fixture here;
            hone_diag diag;
            hn_record_block block;
            uint32_t written = 0;
            setup(&here, variant % (FIELDS_COUNT + 1), variant & 1);
            here.random += variant * 7919u + rows[k];
            hone_batch *batch = make_batch(&here, rows[k], (uint64_t)rows[k] * 32);
            fill(&here, batch, rows[k]);
            if (variant >= 6) {
                thin(&here, batch);
            }
            assert_int_equal(
                hn_record_block_write(here.schema, batch, 0, variant, &here.bytes, &written),
                HONE_OK);
            assert_int_equal(written, batch->selected_count);
            assert_int_equal(here.bytes.size % 8, 0);
            assert_int_equal(read_block(&here, span_of(&here.bytes), variant, &diag, &block),
                             HONE_OK);
            assert_int_equal(block.size_bytes, here.bytes.size);
            hone_batch *back = make_batch(&here, block.rows_count, block.text_bytes);
            hn_record_block_copy(&block, here.schema, 0, block.rows_count, back);
            check_rows(here.schema, batch, 0, back);
            hone_batch *part = make_batch(&here, block.rows_count, block.text_bytes);
            hn_record_block_copy(&block, here.schema, written / 2, written - written / 2, part);
            check_rows(here.schema, batch, written / 2, part);
            teardown(&here);
        }
    }
}

/* Several cells may refer to one text, so that a batch can have more text than its heap: it is cut
 * into blocks that stay small. */
static void test_much_text_is_cut(void **state) {
    (void)state;
    enum { ROWS = 100, TEXT = 1 << 20 };
    fixture here;
    hone_diag diag;
    uint32_t done = 0, rows_count = 0, blocks_count = 0;
    setup(&here, FIELDS_COUNT, true);
    hone_batch *batch = make_batch(&here, ROWS, TEXT);
    hone_text_ref ref;
    char *text = hone_arena_allocate(&here.arena, TEXT, 1);
    memset(text, 'x', TEXT);
    assert_int_equal(hone_batch_add_text(batch, (hone_text){text, TEXT}, &ref), HONE_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t row = hone_batch_add_row(batch, i);
        for (uint32_t field = 0; field < FIELDS_COUNT; field++) {
            hone_batch_cells(batch, field)[row].i64 = 0;
        }
        ref.size_bytes = i == 50 ? TEXT : TEXT / 2;
        for (int field = 3; field < FIELDS_COUNT; field++) {
            hone_batch_cells(batch, (uint32_t)field)[row].text = ref;
        }
    }
    for (; done < ROWS; blocks_count++, done += rows_count) {
        hn_record_block block;
        hone_buffer_clear(&here.bytes);
        assert_int_equal(
            hn_record_block_write(here.schema, batch, done, blocks_count, &here.bytes, &rows_count),
            HONE_OK);
        assert_int_equal(read_block(&here, span_of(&here.bytes), blocks_count, &diag, &block),
                         HONE_OK);
        assert_in_range(block.text_bytes, 1, HN_RECORD_TEXT_BYTES_WANTED);
        hone_batch *back = make_batch(&here, block.rows_count, block.text_bytes);
        hn_record_block_copy(&block, here.schema, 0, block.rows_count, back);
        check_rows(here.schema, batch, done, back);
    }
    assert_in_range(blocks_count, 25, 30);
    teardown(&here);
}

/* --- the seeds, and what becomes of them when they are cut or damaged --- */

static void append_file(fixture *here, uint32_t blocks_count, uint32_t rows_count, bool is_thin) {
    assert_int_equal(hn_record_head_write(here->schema, &here->bytes), HONE_OK);
    for (uint32_t i = 0; i < blocks_count; i++) {
        uint32_t written;
        hone_batch *batch = make_batch(here, rows_count + i, 4096);
        fill(here, batch, rows_count + i);
        if (is_thin) {
            thin(here, batch);
        }
        assert_int_equal(hn_record_block_write(here->schema, batch, 0, i, &here->bytes, &written),
                         HONE_OK);
        assert_int_equal(written, batch->selected_count);
    }
}

static const struct {
    const char *name;
    uint32_t fields_count;
    uint32_t blocks_count;
    uint32_t rows_count;
    uint32_t cut_bytes;
    bool is_timed;
    bool is_thin;
} seeds[] = {
    {"head", FIELDS_COUNT, 0, 0, 0, true, false},
    {"no-fields", 0, 2, 3, 0, false, false},
    {"one-record", FIELDS_COUNT, 1, 1, 0, true, false},
    {"numbers", 2, 2, 5, 0, true, false},
    {"blocks", FIELDS_COUNT, 3, 4, 0, true, false},
    {"selected", FIELDS_COUNT, 2, 70, 0, false, true},
    {"torn-block", FIELDS_COUNT, 2, 4, 17, true, false},
    {"torn-head", FIELDS_COUNT, 0, 0, 9, true, false},
};

static void test_seeds(void **state) {
    (void)state;
    bool is_update = getenv("HONE_UPDATE_CORPUS") != NULL;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        fixture here;
        hone_buffer kept;
        char path[4096];
        setup(&here, seeds[i].fields_count, seeds[i].is_timed);
        append_file(&here, seeds[i].blocks_count, seeds[i].rows_count, seeds[i].is_thin);
        here.bytes.size -= seeds[i].cut_bytes;
        (void)snprintf(path, sizeof path, "%s%s", CORPUS, seeds[i].name);
        if (is_update) {
            assert_int_equal(hone_file_replace(path, hone_buffer_text(&here.bytes), NULL), HONE_OK);
        }
        hone_buffer_init(&kept, NULL, 1 << 20);
        assert_int_equal(hone_file_read_all(path, 1 << 20, NULL, &kept), HONE_OK);
        assert_int_equal(kept.size, here.bytes.size);
        assert_memory_equal(kept.data, here.bytes.data, kept.size);
        hone_buffer_deinit(&kept);
        teardown(&here);
    }
}

static hone_status read_head(hone_span bytes, hone_diag *diag, bool *out_is_timed) {
    hone_arena arena;
    const hone_schema *schema = NULL;
    hone_arena_init(&arena, NULL, 1 << 20);
    hone_diag_clear(diag);
    hone_status status = hn_record_head_read(bytes, &arena, diag, &schema);
    *out_is_timed = status == HONE_OK && schema->is_timed;
    hone_arena_deinit(&arena);
    return status;
}

static void test_head_is_checked(void **state) {
    (void)state;
    fixture here;
    hone_diag diag;
    bool is_timed;
    setup(&here, FIELDS_COUNT, true);
    append_file(&here, 0, 0, false);
    assert_int_equal(read_head(span_of(&here.bytes), &diag, &is_timed), HONE_OK);
    assert_true(is_timed);
    for (size_t size = 0; size < here.bytes.size; size++) {
        assert_int_equal(read_head((hone_span){here.bytes.data, size}, &diag, &is_timed),
                         HONE_STATUS_TRUNCATED);
    }
    for (size_t bit = 0; bit < here.bytes.size * 8; bit++) {
        here.bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        hone_status status = read_head(span_of(&here.bytes), &diag, &is_timed);
        /* a wrong version is a newer one; a size that is too large looks like a short file */
        assert_true(status == HONE_STATUS_CORRUPT ||
                    (bit / 32 == 2 && status == HONE_STATUS_UNSUPPORTED) ||
                    (bit / 32 == 5 && status == HONE_STATUS_TRUNCATED));
        assert_true(diag.message[0] != '\0');
        here.bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    teardown(&here);
}

static void test_block_is_checked(void **state) {
    (void)state;
    fixture here;
    hone_diag diag;
    hn_record_block block;
    uint32_t written;
    setup(&here, FIELDS_COUNT, true);
    hone_batch *batch = make_batch(&here, 5, 4096);
    fill(&here, batch, 5);
    assert_int_equal(hn_record_block_write(here.schema, batch, 0, 3, &here.bytes, &written),
                     HONE_OK);
    assert_int_equal(read_block(&here, span_of(&here.bytes), 3, &diag, &block), HONE_OK);
    assert_int_equal(read_block(&here, span_of(&here.bytes), 2, &diag, &block),
                     HONE_STATUS_CORRUPT);
    for (size_t size = 0; size < here.bytes.size; size++) {
        assert_int_equal(read_block(&here, (hone_span){here.bytes.data, size}, 3, &diag, &block),
                         HONE_STATUS_TRUNCATED);
    }
    for (size_t bit = 0; bit < here.bytes.size * 8; bit++) {
        here.bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(read_block(&here, span_of(&here.bytes), 3, &diag, &block),
                         HONE_STATUS_CORRUPT);
        assert_true(diag.message[0] != '\0');
        here.bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    teardown(&here);
}

/* --- what a wrong writer could write: the checksums match --- */

/* One record: n 1, load missing, up true, two texts "ab" and "c". */
static void write_one(fixture *here) {
    uint32_t written;
    hone_batch *batch = make_batch(here, 1, 64);
    uint32_t row = hone_batch_add_row(batch, 5);
    hone_batch_cells(batch, 0)[row].i64 = 1;
    hone_batch_set_missing(batch, 1, row);
    hone_batch_cells(batch, 2)[row].i64 = 1;
    assert_int_equal(
        hone_batch_add_text(batch, HONE_TEXT("c"), &hone_batch_cells(batch, 4)[row].text), HONE_OK);
    assert_int_equal(
        hone_batch_add_text(batch, HONE_TEXT("ab"), &hone_batch_cells(batch, 3)[row].text),
        HONE_OK);
    assert_int_equal(hn_record_block_write(here->schema, batch, 0, 0, &here->bytes, &written),
                     HONE_OK);
}

static const struct {
    uint32_t offset; /* in the block */
    uint32_t value;
    const char *message;
} forgeries[] = {
    {4, 0, "its sizes cannot be"},
    {4, HONE_BATCH_ROWS_MAX + 1, "its sizes cannot be"},
    {16, UINT32_MAX, "its sizes cannot be"},
    {20, 0, "its sizes cannot be"},
    {40 + 16, 1, "a missing value has a content in field 'load'"},
    {40 + 24, 2, "a bool is neither true nor false in field 'up'"},
    {40 + 32, 1, "a text is not where it should be in field 'h\xc3\xb6st'"},
    {40 + 36, 4, "a text is not where it should be"},
    {40 + 36, UINT32_MAX, "a text is not where it should be"},
    {40 + 40, 0, "a text is not where it should be in field 'note'"},
    {40 + 44, 0, "it has text that no record refers to"},
    {40 + 48, 2, "a value beyond the last record is marked missing in field 'n'"},
    {40 + 88, 0xC3, "a text is not valid UTF-8"},
    {40 + 92, 1, "it has text that no record refers to"},
};

static void test_forged_blocks(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        fixture here;
        hone_diag diag;
        hn_record_block block;
        setup(&here, FIELDS_COUNT, true);
        write_one(&here);
        assert_int_equal(here.bytes.size, 40 + 96);
        assert_int_equal(read_block(&here, span_of(&here.bytes), 0, &diag, &block), HONE_OK);
        uint8_t *bytes = here.bytes.data;
        memcpy(bytes + forgeries[i].offset, &forgeries[i].value, 4);
        uint64_t checksum = XXH3_64bits(bytes + 40, 96);
        memcpy(bytes + 24, &checksum, 8);
        checksum = XXH3_64bits(bytes, 32);
        memcpy(bytes + 32, &checksum, 8);
        assert_int_equal(read_block(&here, span_of(&here.bytes), 0, &diag, &block),
                         HONE_STATUS_CORRUPT);
        if (!strstr(diag.message, forgeries[i].message)) {
            fail_msg("%zu: %s", i, diag.message);
        }
        teardown(&here);
    }
}

static void test_limits_of_the_writer(void **state) {
    (void)state;
    fixture here;
    uint32_t written = 7;
    setup(&here, FIELDS_COUNT, true);
    hone_batch *batch = make_batch(&here, 1, 0);
    fill(&here, batch, 1);
    here.bytes.size_max = 64; /* less than any block */
    assert_int_equal(hn_record_block_write(here.schema, batch, 0, 0, &here.bytes, &written),
                     HONE_STATUS_LIMIT);
    assert_int_equal(here.bytes.size, 0);
    assert_int_equal(written, 7);
    /* names that would make the head too large */
    hone_field *many = HONE_ARENA_NEW_ARRAY(&here.arena, hone_field, 80);
    char *name = hone_arena_allocate(&here.arena, 1 << 20, 1);
    memset(name, 'n', 1 << 20);
    for (uint32_t i = 0; i < 80; i++) {
        many[i] = (hone_field){{name, (1 << 20) - i}, HONE_TYPE_I64};
    }
    hone_schema large = {.fields = many, .fields_count = 80};
    assert_int_equal(hn_record_head_write(&large, &here.bytes), HONE_STATUS_LIMIT);
    teardown(&here);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_much_text_is_cut),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_head_is_checked),
        cmocka_unit_test(test_block_is_checked),
        cmocka_unit_test(test_forged_blocks),
        cmocka_unit_test(test_limits_of_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
