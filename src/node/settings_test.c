/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "hone/node/node.h"

static const char content[] = "[node]\n"
                              "name = \"before\"\n"
                              "[[stage]]\n"
                              "name = \"in.put\"\n"
                              "kind = \"source.host\"\n"
                              "[[stage]]\n"
                              "name = \"out\"\n"
                              "kind = \"sink.null\"\n"
                              "from = \"in.put\"\n"
                              "queue = 3\n";

static hone_status load(const char *const *settings, uint32_t count, hone_diag *diag,
                        hone_node **out_node) {
    hone_node_options options = {.is_check = true, .settings = settings, .settings_count = count};
    return hone_node_load_text(hone_text_of(content), "n.toml", &options, diag, out_node);
}

static void settings_change_and_add_keys(void **state) {
    (void)state;
    static const char *const settings[] = {
        "node.name=between", "node.name = \"after\"",   "node.memory_budget=3MiB",
        "out.queue=7",       "out.on_full=drop_oldest", "in.put.interval=\"50ms\"",
    };
    hone_diag diag = {0};
    hone_node *node = NULL;
    hone_node_stage_info info;
    assert_int_equal(load(settings, 6, &diag, &node), HONE_OK);
    assert_string_equal(hone_node_name(node), "after");
    assert_int_equal(hone_node_budget_bytes(node), 3 << 20);
    assert_int_equal(hone_node_stage_info_read(node, 1, &info), HONE_OK);
    assert_int_equal(info.queue_batches, 7);
    assert_string_equal(info.on_full, "drop_oldest");
    hone_node_destroy(node);
}

static void bad_settings_say_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *setting;
        hone_status status;
        const char *message;
    } cases[] = {
        {"name=x", HONE_STATUS_SYNTAX, "write STAGE.KEY=VALUE or node.KEY=VALUE"},
        {"node.name", HONE_STATUS_SYNTAX, "write STAGE.KEY=VALUE or node.KEY=VALUE"},
        {".name=x", HONE_STATUS_SYNTAX, "write STAGE.KEY=VALUE or node.KEY=VALUE"},
        {"node.=x", HONE_STATUS_SYNTAX, "write STAGE.KEY=VALUE or node.KEY=VALUE"},
        {"ouut.queue=1", HONE_STATUS_NOT_FOUND, "there is no stage 'ouut'; did you mean 'out'?"},
        {"noed.name=x", HONE_STATUS_NOT_FOUND, "did you mean 'node'?"},
        {"out.quue=1", HONE_STATUS_NOT_FOUND, "did you mean 'queue'?"},
        {"out.queue=many", HONE_STATUS_TYPE_MISMATCH, "queue"},
        /* One value only: no second key comes in through a line end. */
        {"out.queue=1\nkind=\"x\"", HONE_STATUS_TYPE_MISMATCH, "queue"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_diag diag = {0};
        hone_node *node = NULL;
        assert_int_equal(load(&cases[i].setting, 1, &diag, &node), cases[i].status);
        if (!strstr(diag.message, cases[i].message)) {
            assert_string_equal(diag.message, cases[i].message);
        }
    }
}

/* Whichever of the two stands first in the file: no line of it is wrong. */
static void a_name_given_twice_is_the_settings_fault(void **state) {
    (void)state;
    static const struct {
        const char *setting, *message;
    } cases[] = {
        {"in.put.name=out", "setting 'in.put.name=out': stage 'out': the stage in line 6 has this "
                            "name, too: give each "
                            "its own"},
        {"out.name=in.put",
         "setting 'out.name=in.put': stage 'in.put': the stage in line 3 has this name, too: give "
         "each its own"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        hone_diag diag = {0};
        hone_node *node = NULL;
        assert_int_equal(load(&cases[i].setting, 1, &diag, &node), HONE_STATUS_DUPLICATE);
        hone_diag_format(&diag, text, sizeof text);
        assert_string_equal(text, cases[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_change_and_add_keys),
        cmocka_unit_test(bad_settings_say_what_is_wrong),
        cmocka_unit_test(a_name_given_twice_is_the_settings_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
