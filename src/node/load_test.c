/* SPDX-License-Identifier: Apache-2.0 */
/* Bad node files, each with the whole message that a person gets; what good ones are read as. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/memory/checking.h"
#include "hone/memory/failing.h"
#include "node_kinds_test.h"

#define SOURCE "[[stage]]\nname = \"in\"\nkind = \"test.source\"\nrows = 3\n"
#define SINK "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = \"in\"\n"
#define EDIT(name, from) "[[stage]]\nname = \"" name "\"\nkind = \"test.edit\"\nfrom = " from "\n"

#define PARTITION(name, share) "[[partition]]\nname = \"" name "\"\nshare = " share "\n"

typedef struct bad_file {
    const char *content;
    hone_status status;
    const char *message; /* as hone_diag_format writes it */
} bad_file;

static const bad_file bad_files[] = {
    /* the file as a whole */
    {"", HONE_STATUS_NOT_FOUND,
     "n.toml: a node needs at least one stage: begin it with a line [[stage]]"},
    {"# nothing but a comment\n", HONE_STATUS_NOT_FOUND,
     "n.toml: a node needs at least one stage: begin it with a line [[stage]]"},
    {"[node]\nname = \"x\"\n", HONE_STATUS_NOT_FOUND,
     "n.toml: a node needs at least one stage: begin it with a line [[stage]]"},
    {"[node]\nname = \"x\n", HONE_STATUS_SYNTAX,
     "n.toml:2:10: the string is not closed: expected \" before the end of the line"},
    {"node = 3\n" SOURCE, HONE_STATUS_TYPE_MISMATCH, "n.toml:1:8: 'node' must be a table: [node]"},
    {"stage = 3\n", HONE_STATUS_NOT_FOUND,
     "n.toml:1:9: a node needs at least one stage: begin it with a line [[stage]]"},
    {"stage = [3]\n", HONE_STATUS_TYPE_MISMATCH,
     "n.toml:1:10: 'stage' must be a list of tables: [[stage]]"},
    {"[[stages]]\nname = \"in\"\n", HONE_STATUS_NOT_FOUND,
     "n.toml:1:3: a node file has no key 'stages'; did you mean 'stage'?"},
    {SOURCE SINK "[stag]\n", HONE_STATUS_NOT_FOUND,
     "n.toml:9:2: a node file has no key 'stag'; did you mean 'stage'?"},
    {"[node]\nname = \"a\\u0000b\"\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:2:8: 'name' has a zero byte in it: remove \\u0000"},

    /* [node] */
    {"[node]\nmemory_buget = \"1MiB\"\n" SOURCE SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:2:1: [node] has no key 'memory_buget'; did you mean 'memory_budget'?"},
    {"[node]\nxyzzy = 1\n" SOURCE SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:2:1: [node] has no key 'xyzzy'; its keys are name, memory_budget, "
     "workers, simd, pinning, one_per_core, power, batch_rows"},
    {"[node]\nname = 7\n" SOURCE SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:2:8: 'name' must be a text in quotes, but is 7"},
    {"[node]\nmemory_budget = \"64Mib\"\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:2:17: 'memory_budget = \"64Mib\"' is not a size, such as \"64KiB\""},
    {"[node]\nmemory_budget = true\n" SOURCE SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:2:17: 'memory_budget' must be a size, such as \"64KiB\", but is a boolean"},
    {"[node]\nmemory_budget = -1\n" SOURCE SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:2:17: 'memory_budget' must be a size, such as \"64KiB\", but is -1"},
    {"[node]\nmemory_budget = 0\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:2:17: 'memory_budget' must be above 0, such as \"64MiB\""},
    {"[node]\nmemory_budget = \"1KiB\"\n" SOURCE SINK, HONE_STATUS_BUDGET,
     "n.toml:7:3: stage 'out': 1152 bytes more do not fit into the memory budget of 1.00 "
     "KiB; raise 'memory_budget' in [node]"},
    {"[node]\nworkers = -1\n" SOURCE SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:2:11: 'workers' must be a whole number from 0, but is -1"},
    {"[node]\nworkers = 2000\n" SOURCE SINK, HONE_STATUS_LIMIT,
     "n.toml:2:11: 2000 workers are more than the limit of 1024"},

    {"[node]\npower = \"fast\"\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:2:9: 'power = \"fast\"' is not one of \"auto\", \"performance\", \"balanced\", "
     "\"power_save\""},
    {"[node]\npower = \"powersave\"\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:2:9: 'power = \"powersave\"' is not one of \"auto\", \"performance\", \"balanced\", "
     "\"power_save\"; did you mean 'power_save'?"},
    {"[node]\npower = \"perf\"\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:2:9: 'power = \"perf\"' is not one of \"auto\", \"performance\", \"balanced\", "
     "\"power_save\"; did you mean 'performance'?"},
    {"[node]\nbatch_rows = 2000\n" SOURCE SINK, HONE_STATUS_LIMIT,
     "n.toml:2:14: 'batch_rows' must be at most 1024, or 0 for what the power profile says"},

    /* [[partition]] */
    {"[partition]\nname = \"a\"\n" SOURCE SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:1:2: [partition] is no list: begin each partition with a line [[partition]], in "
     "double brackets"},
    {PARTITION("a", "70") SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:3:9: partition 'a': 'share' must be at most 1, which is all CPU time, but is 70; did "
     "you mean \"70%\"?"},
    {PARTITION("a", "1.7") SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:3:9: partition 'a': 'share' must be at most 1, which is all CPU time, but is 1.7"},
    {PARTITION("a", "0.5") "critical_share = 1.2\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:4:18: partition 'a': 'critical_share' must be at most 1, which is all CPU time, but "
     "is "
     "1.2"},
    {PARTITION("a", "0.5") "critical_share = 20\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:4:18: partition 'a': 'critical_share' must be at most 1, which is all CPU time, but "
     "is "
     "20"},
    {PARTITION("a", "0.5") "critical_share = 80\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:4:18: partition 'a': 'critical_share' must be at most 1, which is all CPU time, but "
     "is "
     "80; did you mean \"80%\"?"},
    {"[[partition]]\nname = \"a\"\n" SOURCE SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:1:3: partition 'a': 'share' is missing: its part of the workers' CPU time while all "
     "partitions have work, as 0.7 or \"70%\"; all together at most 1"},
    {PARTITION("a", "0.5") "critical = 1\n" SOURCE SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:4:1: partition 'a': [[partition]] has no key 'critical'; did you mean "
     "'critical_share'?"},
    {PARTITION("a", "0.5") "[[partition]]\nname = 3\nshare = 0.1\n" SOURCE SINK,
     HONE_STATUS_TYPE_MISMATCH, "n.toml:5:8: 'name' must be a text in quotes, but is 3"},
    {PARTITION("a", "\"much\"") SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:3:9: partition 'a': 'share' must be a number from 0.0001 to 1, or a percentage "
     "in quotes, such as \"70%\""},
    {PARTITION("a", "0.7") PARTITION("b", "\"40%\"") SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:6:9: partition 'b': with this one the shares add up to 110 %: lower some of them to "
     "come to 100 % at most"},
    {PARTITION("a", "0.1") PARTITION("a", "0.1") SOURCE SINK, HONE_STATUS_DUPLICATE,
     "n.toml:5:8: partition 'a': the partition in line 1 has this name, too: give each its own"},
    {PARTITION("rest", "0.1") SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:2:8: partition 'rest': this name stands for what the other partitions leave; call it "
     "\"default\" if it is for all stages that name no partition"},
    {PARTITION("a", "0.5") "critical_share = 0.2\n" SOURCE SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:4:18: partition 'a': 'critical_share' of 20 % is less than the share of 50 %: it says "
     "how far critical stages may go beyond that"},
    {PARTITION("control", "0.5") SOURCE "partition = \"contol\"\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:8:13: stage 'in': there is no partition 'contol'; did you mean 'control'?"},
    {SOURCE "partition = \"a\"\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:5:13: stage 'in': there is no partition 'a': add a table [[partition]] with this name "
     "and a share"},
    {PARTITION("a", "1") SOURCE "partition = \"a\"\n" SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:9:3: stage 'out': it names no partition, and the partitions leave no CPU time: name "
     "one of them, or lower a share"},

    /* one stage */
    {"[[stage]]\nkind = \"test.source\"\nrows = 3\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:1:3: a stage needs 'name'"},
    {"[[stage]]\nname = \"in\"\nrows = 3\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:1:3: a stage needs 'kind'"},
    {"[[stage]]\nname = 3\nkind = \"test.source\"\n" SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:2:8: 'name' must be a text in quotes, and not an empty one"},
    {"[[stage]]\nname = \"\"\nkind = \"test.source\"\n" SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:2:8: 'name' must be a text in quotes, and not an empty one"},
    {"[[stage]]\nname = \"in\"\nkind = \"test.sorce\"\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:3:8: stage 'in': there is no stage kind 'test.sorce'; did you mean "
     "'test.source'?"},
    {"[[stage]]\nname = \"in\"\nkind = \"zzzzzzzzzz\"\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:3:8: stage 'in': there is no stage kind 'zzzzzzzzzz'; `hone help stages` "
     "lists them"},
    {"[[stage]]\nname = \"in\"\nkind = \"test.source\"\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:1:3: stage 'in': 'rows' is missing: how many rows"},
    {"[stage]\nname = \"a\"\n[stage]\nname = \"b\"\n", HONE_STATUS_DUPLICATE,
     "n.toml:3:2: stage: 'stage' is defined already, and a table can be opened only once (line 1): "
     "begin each stage with a line [[stage]], in double brackets"},
    {"[stage]\nname = \"a\"\n", HONE_STATUS_TYPE_MISMATCH,
     "n.toml:1:2: [stage] is a single table: begin each stage with a line [[stage]], in double "
     "brackets"},
    {SOURCE "where = \"a == \"b\"\"\n" SINK, HONE_STATUS_SYNTAX,
     "n.toml:5:16: expected the end of the line, found 'b': a text ends at the next \"; within "
     "it, as in expressions, write 'text'"},
    {SOURCE "rowz = 3\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:5:1: stage 'in': kind 'test.source' has no key 'rowz'; did you mean 'rows'?"},
    {SOURCE "quue = 3\n" SINK, HONE_STATUS_NOT_FOUND,
     "n.toml:5:1: stage 'in': kind 'test.source' has no key 'quue'; did you mean 'queue'?"},
    {SOURCE "batch = \"three\"\n" SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:5:9: stage 'in': 'batch' must be a whole number from 0, but is a string"},
    {SOURCE "batch = -3\n" SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:5:9: stage 'in': 'batch' must be a whole number from 0, but is -3"},
    {SOURCE "every = 3\n" SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:5:9: stage 'in': 'every' must be a duration in quotes, such as \"100ms\" or "
     "\"3s\", but is 3"},
    {SOURCE "every = \"soon\"\n" SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:5:9: stage 'in': 'every = \"soon\"' is not a duration in quotes, such as "
     "\"100ms\" or \"3s\""},
    {SOURCE "field = [1]\n" SINK, HONE_STATUS_TYPE_MISMATCH,
     "n.toml:5:9: stage 'in': 'field' must be a text in quotes, but is an array"},
    {SOURCE SINK "fail_at_end = 1\n", HONE_STATUS_TYPE_MISMATCH,
     "n.toml:9:15: stage 'out': 'fail_at_end' must be true or false, but is 1"},
    {SOURCE SINK "on_full = \"drop\"\n", HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:9:11: stage 'out': 'on_full = \"drop\"' is not one of \"block\", "
     "\"drop_oldest\", \"drop_newest\"; did you mean "
     "'drop_oldest' or 'drop_newest'?"},
    {SOURCE SINK "on_full = 1\n", HONE_STATUS_TYPE_MISMATCH,
     "n.toml:9:11: stage 'out': 'on_full' must be one of \"block\", \"drop_oldest\", "
     "\"drop_newest\", but is 1"},
    {SOURCE SINK "queue = 0\n", HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:9:9: stage 'out': 'queue' must be from 1 to 65536 batches"},
    {SOURCE SINK "queue = 65537\n", HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:9:9: stage 'out': 'queue' must be from 1 to 65536 batches"},
    {SOURCE SINK "queue = \"4\"\n", HONE_STATUS_TYPE_MISMATCH,
     "n.toml:9:9: stage 'out': 'queue' must be a whole number from 0, but is a string"},
    {"[[stage]]\n"
     "name = \"this-name-is-longer-than-sixty-three-bytes-which-is-more-than-any-name-may-have\"\n"
     "kind = \"test.source\"\nrows = 1\n",
     HONE_STATUS_LIMIT,
     "n.toml:2:8: stage "
     "'this-name-is-longer-than-sixty-three-bytes-which-is-more-than-any-name-may-have': "
     "a stage's name has at most 63 bytes and no control character"},
    {"[[stage]]\nname = \"a\\u0000b\"\nkind = \"test.source\"\nrows = 1\n", HONE_STATUS_LIMIT,
     "n.toml:2:8: stage 'a': a stage's name has at most 63 bytes and no control character"},
    {SOURCE SOURCE SINK, HONE_STATUS_DUPLICATE,
     "n.toml:6:8: stage 'in': the stage in line 1 has this name, too: give each its own"},

    /* wiring */
    {SOURCE "from = \"out\"\n" SINK, HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:5:8: stage 'in': a source takes no input: remove 'from'"},
    {"[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = \"inn\"\n" SOURCE,
     HONE_STATUS_NOT_FOUND, "n.toml:4:8: stage 'out': there is no stage 'inn'; did you mean 'in'?"},
    {SOURCE "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = [\"in\", \"zzzzzzzz\"]\n",
     HONE_STATUS_NOT_FOUND,
     "n.toml:8:15: stage 'out': there is no stage 'zzzzzzzz'; 'from' takes the name of "
     "another stage"},
    {SOURCE "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = [\"in\", 3]\n",
     HONE_STATUS_TYPE_MISMATCH,
     "n.toml:8:15: stage 'out': 'from' must be a text or a list of texts, but is 3"},
    {SOURCE "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = [\"in\",\n  \"in\"]\n",
     HONE_STATUS_INVALID_ARGUMENT, "n.toml:9:3: stage 'out': 'in' is named twice"},
    {SOURCE "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\n", HONE_STATUS_UNCONNECTED,
     "n.toml:5:3: stage 'out': nothing comes in: name the stage it takes from, as in from "
     "= \"in\""},
    {SOURCE "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = []\n", HONE_STATUS_UNCONNECTED,
     "n.toml:8:8: stage 'out': nothing comes in: name the stage it takes from, as in from "
     "= \"in\""},
    {"[[stage]]\nname = \"out\"\nkind = \"test.sink\"\n", HONE_STATUS_UNCONNECTED,
     "n.toml:1:3: stage 'out': nothing comes in: name the stage it takes from, as in from "
     "= \"source\""},
    {SOURCE SINK EDIT("more", "\"out\""), HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:12:8: stage 'more': 'out' is a sink: it gives nothing"},
    {SOURCE, HONE_STATUS_UNCONNECTED,
     "n.toml:1:3: stage 'in': nothing takes what it gives: another stage needs from = "
     "\"in\""},
    {SOURCE SINK EDIT("middle", "\"in\""), HONE_STATUS_UNCONNECTED,
     "n.toml:9:3: stage 'middle': nothing takes what it gives: another stage needs from = "
     "\"middle\""},
    {SOURCE SINK EDIT("me", "\"me\""), HONE_STATUS_CYCLE,
     "n.toml:12:8: stage 'me': stages take from each other in a circle: 'me' takes from "
     "'me'; remove one of these links"},
    {SOURCE SINK EDIT("a", "\"b\"") EDIT("b", "[\"in\", \"a\"]"), HONE_STATUS_CYCLE,
     "n.toml:12:8: stage 'a': stages take from each other in a circle: 'a' takes from 'b' "
     "takes from 'a'; remove one of these links"},
    {SOURCE SINK EDIT("a", "\"c\"") EDIT("b", "\"a\"") EDIT("c", "\"b\"") EDIT(
         "behind", "\"c\"") "[[stage]]\nname = \"o2\"\nkind = \"test.sink\"\nfrom = \"behind\"\n",
     HONE_STATUS_CYCLE,
     "n.toml:12:8: stage 'a': stages take from each other in a circle: 'a' takes from 'c' "
     "takes from 'b' takes from 'a'; remove one of these links"},
    {SOURCE "[[stage]]\nname = \"other\"\nkind = \"test.source\"\nrows = 1\nfield = \"m\"\n"
            "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = [\"in\", \"other\"]\n",
     HONE_STATUS_TYPE_MISMATCH,
     "n.toml:13:8: stage 'out': 'in' and 'other' give different records: the first "
     "difference is field 'n'"},
};

static void each_bad_file_has_its_message(void **test) {
    (void)test;
    int wrong = 0;
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        hone_diag diag = {0};
        hone_node *node = NULL;
        char text[1024];
        hone_status status =
            hone_node_load_text(hone_text_of(bad_files[i].content), "n.toml", NULL, &diag, &node);
        (void)hone_diag_format(&diag, text, sizeof text);
        if (node) {
            print_error("--- loads, but should not:\n%s", bad_files[i].content);
            hone_node_destroy(node);
            wrong++;
            continue;
        }
        if (status != bad_files[i].status || strcmp(text, bad_files[i].message) != 0) {
            print_error("--- of\n%s\nexpected %s: %s\n     got %s: %s\n", bad_files[i].content,
                        hone_status_name(bad_files[i].status), bad_files[i].message,
                        hone_status_name(status), text);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* --- files --- */

static int make_folder(void **state) {
    static char folder[] = "/tmp/hone-load-test-XXXXXX";
    *state = mkdtemp(folder);
    return *state && setenv("HONE_RUNTIME_DIR", *state, 1) == 0 ? 0 : -1;
}

static int remove_folder(void **state) {
    char path[300];
    (void)snprintf(path, sizeof path, "%s/large.toml", (const char *)*state);
    (void)unlink(path);
    return rmdir(*state);
}

static void check_file(const char *path, hone_status expected, const char *before,
                       const char *after) {
    hone_diag diag = {0};
    hone_node *node = NULL;
    char wanted[700], text[1024];
    assert_int_equal(hone_node_load(path, NULL, &diag, &node), expected);
    assert_null(node);
    (void)hone_diag_format(&diag, text, sizeof text);
    (void)snprintf(wanted, sizeof wanted, "%s'%s'%s", before, path, after);
    assert_string_equal(text, wanted);
}

static void files_that_are_none(void **test) {
    const char *folder = *test;
    char path[300];
    (void)snprintf(path, sizeof path, "%s/missing.toml", folder);
    check_file(path, HONE_STATUS_NOT_FOUND, "there is no node file ",
               ": look at its name and at the folder that you are in; `hone help node` says what "
               "belongs into one");
    check_file(folder, HONE_STATUS_IS_DIRECTORY, "cannot read ", ": it is a directory, not a file");
    (void)snprintf(path, sizeof path, "%s/large.toml", folder);
    assert_int_equal(hone_file_replace(path, HONE_TEXT("# small\n"), NULL), HONE_OK);
    assert_int_equal(truncate(path, 5 << 20), 0);
    check_file(path, HONE_STATUS_LIMIT, "", " is larger than the limit of 4194304 bytes");
}

static void too_many_stages(void **test) {
    hone_buffer content;
    hone_diag diag = {0};
    hone_node *node = NULL;
    (void)test;
    hone_buffer_init(&content, NULL, 1 << 20);
    for (int i = 0; i <= HN_STAGES_MAX; i++) {
        if (i == HN_STAGES_MAX) { /* up to here it loads */
            assert_int_equal(
                hone_node_load_text(hone_buffer_text(&content), "n.toml", NULL, &diag, &node),
                HONE_OK);
            assert_int_equal(hone_node_stages_count(node), HN_STAGES_MAX);
            hone_node_destroy(node);
        }
        hone_buffer_format(&content,
                           i ? "[[stage]]\nname = \"s%d\"\nkind = \"test.sink\"\nfrom = \"s0\"\n"
                             : "[[stage]]\nname = \"s%d\"\nkind = \"test.source\"\nrows = 1\n",
                           i);
    }
    assert_int_equal(hone_node_load_text(hone_buffer_text(&content), "n.toml", NULL, &diag, &node),
                     HONE_STATUS_LIMIT);
    hone_buffer_deinit(&content);
    assert_string_equal(diag.message, "257 stages are more than the limit of 256");
}

/* --- settings from outside --- */

static void settings_change_the_file(void **test) {
    static const struct {
        const char *setting;
        hone_status status;
        const char *message;
    } rows[] = {
        {"in.rows=5", HONE_OK, "ok"},
        {"node.workers=3", HONE_OK, "ok"},
        {"out.from=[\"in\"]", HONE_OK, "ok"},
        {"out.from=in", HONE_OK, "ok"}, /* no TOML value: a text */
        {"rows=5", HONE_STATUS_SYNTAX, "setting 'rows=5': write STAGE.KEY=VALUE or node.KEY=VALUE"},
        {"in.rows", HONE_STATUS_SYNTAX,
         "setting 'in.rows': write STAGE.KEY=VALUE or node.KEY=VALUE"},
        {"inn.rows=5", HONE_STATUS_NOT_FOUND,
         "setting 'inn.rows=5': there is no stage 'inn'; did you mean 'in'?"},
        {"in.rowz=5", HONE_STATUS_NOT_FOUND,
         "setting 'in.rowz=5': stage 'in': kind 'test.source' has no key 'rowz'; did you mean "
         "'rows'?"},
        {"in.rows=x", HONE_STATUS_TYPE_MISMATCH,
         "setting 'in.rows=x': stage 'in': 'rows' must be a whole number from 0, but is a string"},
        {"in.rows=", HONE_STATUS_TYPE_MISMATCH,
         "setting 'in.rows=': stage 'in': 'rows' must be a whole number from 0, but is a string"},
        {"node.pinning=x", HONE_STATUS_INVALID_ARGUMENT,
         "setting 'node.pinning=x': 'pinning = \"x\"' is not one of \"none\", \"compact\", "
         "\"scatter\""},
        {"node.batch_rows=2000", HONE_STATUS_LIMIT,
         "setting 'node.batch_rows=2000': 'batch_rows' must be at most 1024, or 0 for what the "
         "power profile says"},
        {"out.from=[\"in\", \"inn\"]", HONE_STATUS_NOT_FOUND,
         "setting 'out.from=[\"in\", \"inn\"]': stage 'out': there is no stage 'inn'; did you mean "
         "'in'?"},
    };
    int wrong = 0;
    (void)test;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hone_node_options options = {.settings = &rows[i].setting, .settings_count = 1};
        hone_diag diag = {0};
        hone_node *node = NULL;
        char text[1024];
        hone_status status = hone_node_load_text(HONE_TEXT("[node]\n" SOURCE SINK), "n.toml",
                                                 &options, &diag, &node);
        (void)hone_diag_format(&diag, text, sizeof text);
        hone_node_destroy(status == HONE_OK ? node : NULL);
        if (status != rows[i].status || strcmp(text, rows[i].message) != 0) {
            print_error("%s: got %s: %s\n", rows[i].setting, hone_status_name(status), text);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* --- good files --- */

static void stages_are_sorted_and_described(void **test) {
    hone_node_stage_info info;
    hone_node *node = NULL;
    (void)test;
    assert_int_equal(hone_node_load_text(
                         HONE_TEXT("[node]\nname = \"x\"\nworkers = 2\n" SINK
                                   "queue = 3\non_full = \"drop_oldest\"\n" EDIT("unused", "\"in\"")
                                       SOURCE "[[stage]]\nname = \"o2\"\nkind = "
                                              "\"sink.null\"\nfrom = [\"unused\"]\n"),
                         "n.toml", NULL, NULL, &node),
                     HONE_OK);
    assert_string_equal(hone_node_name(node), "x");
    assert_string_equal(hone_node_path(node), "n.toml");
    assert_int_equal(hone_node_budget_bytes(node), 64 << 20);
    assert_int_equal(hone_node_workers_count(node), 2);
    assert_int_equal(hone_node_stages_count(node), 4);
    for (uint32_t i = 0; i < 4; i++) { /* each comes after what it takes from */
        assert_int_equal(hone_node_stage_info_read(node, i, &info), HONE_OK);
        for (uint32_t k = 0; k < info.inputs_count; k++) {
            assert_true(info.inputs[k] < i);
        }
        assert_int_equal(info.schema == NULL,
                         strcmp(info.name, "out") == 0 || strcmp(info.name, "o2") == 0);
        if (strcmp(info.name, "out") == 0) {
            assert_int_equal(info.queue_batches, 3);
            assert_string_equal(info.on_full, "drop_oldest");
            assert_int_equal(info.line, 4);
        }
    }
    assert_int_equal(hone_node_stage_info_read(node, 4, &info), HONE_STATUS_INVALID_ARGUMENT);
    hone_node_destroy(node);
}

static void nothing_is_left_after_a_failure(void **test) {
    (void)test;
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        hone_checking *checking = NULL;
        hone_node *node = NULL;
        hone_diag diag = {0};
        assert_int_equal(hone_checking_create(NULL, 4096, &checking), HONE_OK);
        hone_node_options options = {.allocator = hone_checking_allocator(checking)};
        assert_int_not_equal(hone_node_load_text(hone_text_of(bad_files[i].content), "n.toml",
                                                 &options, NULL, &node),
                             HONE_OK);
        assert_int_equal(hone_checking_verify(checking, &diag), HONE_OK);
        hone_checking_destroy(checking);
    }
}

/* Every allocation of a load fails once, those for partitions and settings among them. */
static void each_allocation_may_fail(void **test) {
    static const char content[] = "[node]\nname = \"x\"\n" PARTITION(
        "control", "0.3") "critical_share = 0.5\n" PARTITION("default", "\"60%\"") SOURCE
        "partition = \"control\"\ncritical = true\n" EDIT(
            "double", "\"in\"") "partition = \"rest\"\n"
                                "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = [\"in\", "
                                "\"double\"]\n";
    static const char *const settings[] = {"in.rows=5", "out.queue=3", "out.from=[\"double\"]"};
    uint64_t n = 1;
    (void)test;
    for (;; n++) {
        hone_failing failing;
        hone_diag diag = {0};
        hone_node *node = NULL;
        hone_failing_init(&failing, NULL, n, false);
        hone_node_options options = {
            .allocator = &failing.allocator, .settings = settings, .settings_count = 3};
        hone_status status =
            hone_node_load_text(hone_text_of(content), "n.toml", &options, &diag, &node);
        hone_node_destroy(status == HONE_OK ? node : NULL);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
        assert_int_equal(diag.status, HONE_STATUS_OUT_OF_MEMORY);
        assert_true(diag.message[0]);
    }
    assert_true(n > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_file_has_its_message),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(too_many_stages),
        cmocka_unit_test(settings_change_the_file),
        cmocka_unit_test(stages_are_sorted_and_described),
        cmocka_unit_test(nothing_is_left_after_a_failure),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
