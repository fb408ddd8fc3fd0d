/* SPDX-License-Identifier: Apache-2.0 */
/* docs/stages.md agrees with the tables of the kinds, and its examples load. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hone/base/buffer.h"
#include "hone/node/node.h"
#include "hone/platform/file.h"

static char folder[] = "/tmp/hone-stages-manual-XXXXXX";
static hone_buffer manual; /* terminated */

static const char *manual_text(void) {
    return (const char *)manual.data;
}

/* The part under the kind's heading, as a copy. */
static const char *section_of(const hone_stage_kind_info *kind) {
    static char section[16384];
    char heading[256];
    (void)snprintf(heading, sizeof heading, "\n### `%s`: %s\n", kind->name, kind->summary);
    const char *start = strstr(manual_text(), heading);
    if (!start) {
        fail_msg("docs/stages.md has no heading '%s'", heading + 1);
        return "";
    }
    start += strlen(heading);
    const char *end = strstr(start, "\n##");
    size_t size = end ? (size_t)(end - start) : strlen(start);
    assert_true(size < sizeof section);
    memcpy(section, start, size);
    section[size] = '\0';
    return section;
}

static void check_option(const char *kind, const char *section,
                         const hone_stage_option_info *option) {
    char row[256];
    bool is_sign = option->fallback && strcmp(option->fallback, ",") == 0;
    (void)snprintf(row, sizeof row, "\n| `%s` | %s |%s%s%s| ", option->name, option->type,
                   option->is_required || option->fallback ? " " : "",
                   option->is_required ? "required"
                   : is_sign           ? "`,`"
                   : option->fallback  ? option->fallback
                                       : " ",
                   option->is_required || option->fallback ? " " : "");
    if (!strstr(section, row)) {
        fail_msg("docs/stages.md: the table of %s has no row that begins with '%s'", kind, row + 1);
    }
}

/* Rows of the table with the head "| option | type |". */
static uint32_t rows_count(const char *section) {
    const char *row = strstr(section, "\n| option | type | default | meaning |\n");
    uint32_t count = 0;
    while (row && row[1] == '|') {
        count++;
        row = strchr(row + 1, '\n');
    }
    return count < 2 ? 0 : count - 2; /* the head and the line below */
}

static void test_tables(void **state) {
    (void)state;
    hone_stage_kind_info kind;
    hone_stage_option_info option;
    uint32_t kinds_count = 0;
    for (; hone_stage_kind_at(kinds_count, &kind); kinds_count++) {
        const char *section = section_of(&kind);
        for (uint32_t i = 0; hone_stage_option_at(kinds_count, i, &option); i++) {
            check_option(kind.name, section, &option);
        }
        assert_int_equal(rows_count(section), kind.options_count);
    }
    uint32_t headings_count = 0;
    for (const char *at = manual_text(); (at = strstr(at, "\n### `")); at++) {
        headings_count++;
    }
    assert_int_equal(headings_count, kinds_count);
}

static void write_file(const char *name, const char *content) {
    assert_int_equal(hone_file_replace(name, hone_text_of(content), NULL), HONE_OK);
}

/* What the examples read. */
static void make_inputs(void) {
    static const char recorder[] =
        "[[stage]]\nname = \"rows\"\nkind = \"source.csv\"\npath = \"data.csv\"\n"
        "[[stage]]\nname = \"capture\"\nkind = \"sink.record\"\nfrom = \"rows\"\n"
        "path = \"capture.hone\"\n";
    hone_node *node;
    const hone_report *report;
    write_file("data.csv", "at,load\n2026-01-02T03:04:05Z,0.5\n");
    write_file("events.ndjson", "{\"ts\":1,\"user\":{\"id\":2},\"action\":\"go\"}\n");
    assert_int_equal(hone_node_load_text(hone_text_of(recorder), "recorder", NULL, NULL, &node),
                     HONE_OK);
    assert_int_equal(hone_node_run(node, &(hone_node_run_options){0}, NULL, &report), HONE_OK);
    hone_node_destroy(node);
}

static void test_examples(void **state) {
    (void)state;
    static const char begin[] = "\n```toml\n", end[] = "\n```\n";
    uint32_t examples_count = 0;
    make_inputs();
    for (const char *at = manual_text(); (at = strstr(at, begin)); examples_count++) {
        at += sizeof begin - 1;
        const char *stop = strstr(at, end);
        assert_non_null(stop);
        hone_diag diag = {0};
        hone_node *node = NULL;
        hone_node_options options = {.is_check = true};
        hone_status status = hone_node_load_text((hone_text){at, (size_t)(stop - at) + 1},
                                                 "stages.md", &options, &diag, &node);
        if (status != HONE_OK) {
            char message[700];
            (void)hone_diag_format(&diag, message, sizeof message);
            fail_msg("example %u of docs/stages.md: %s", examples_count + 1, message);
        }
        hone_node_destroy(node);
    }
    hone_stage_kind_info kind;
    assert_true(examples_count > 0 && !hone_stage_kind_at(examples_count, &kind));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_examples),
    };
    hone_buffer_init(&manual, NULL, 1 << 20);
    hone_status status =
        hone_file_read_all(HONE_SOURCE_DIR "/docs/stages.md", 1 << 19, NULL, &manual);
    hone_buffer_append_byte(&manual, '\0');
    if (status != HONE_OK || !mkdtemp(folder) || chdir(folder) != 0) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink("data.csv");
    (void)unlink("events.ndjson");
    (void)unlink("capture.hone");
    (void)(chdir("/") == 0 && rmdir(folder) == 0);
    hone_buffer_deinit(&manual);
    return failed;
}
