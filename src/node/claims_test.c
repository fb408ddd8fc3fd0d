/* SPDX-License-Identifier: Apache-2.0 */
/* No sink empties what another stage reads or writes, and a mistake elsewhere empties nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hone/node/node.h"
#include "hone/platform/file.h"

static const char content[] = "a,b\n1,2\n";

/* A folder with in.csv and link.csv, a second name of the same file. */
typedef struct place {
    char folder[64], in[96], link[96], out[96];
} place;

static void make_place(place *here) {
    *here = (place){.folder = "/tmp/hone-claims-XXXXXX"};
    assert_non_null(mkdtemp(here->folder));
    (void)snprintf(here->in, sizeof here->in, "%s/in.csv", here->folder);
    (void)snprintf(here->link, sizeof here->link, "%s/link.csv", here->folder);
    (void)snprintf(here->out, sizeof here->out, "%s/out.csv", here->folder);
    assert_int_equal(hone_file_replace(here->in, HONE_TEXT("a,b\n1,2\n"), NULL), HONE_OK);
    assert_int_equal(link(here->in, here->link), 0);
}

static void remove_place(const place *here) {
    (void)unlink(here->in);
    (void)unlink(here->link);
    (void)unlink(here->out);
    (void)rmdir(here->folder);
}

static void assert_untouched(const place *here) {
    hone_buffer now;
    hone_buffer_init(&now, NULL, 1 << 20);
    assert_int_equal(hone_file_read_all(here->in, 1 << 16, NULL, &now), HONE_OK);
    assert_true(hone_text_is(hone_buffer_text(&now), content));
    hone_buffer_deinit(&now);
}

static hone_status load(const place *here, const char *sinks, const char *first, const char *second,
                        hone_diag *diag) {
    char text[1024];
    hone_node *node = NULL;
    hone_text format = hone_text_of(sinks);
    int length = snprintf(text, sizeof text,
                          "[[stage]]\nname=\"in\"\nkind=\"source.csv\"\npath=\"%s\"\n"
                          "[[stage]]\nname=\"one\"\nkind=\"sink.csv\"\nfrom=\"in\"\npath=\"%s\"\n"
                          "[[stage]]\nname=\"two\"\nkind=\"%.*s\"\nfrom=\"in\"\npath=\"%s\"\n",
                          here->in, first, HONE_TEXT_ARGS(format), second);
    assert_in_range(length, 1, sizeof text - 1);
    hone_status status =
        hone_node_load_text((hone_text){text, (size_t)length}, "node.toml", NULL, diag, &node);
    hone_node_destroy(node);
    return status;
}

static void sinks_spare_what_others_use(void **state) {
    (void)state;
    place here;
    make_place(&here);
    hone_diag diag = {0};
    assert_int_equal(load(&here, "sink.csv", here.in, "/dev/null", &diag), HONE_STATUS_DUPLICATE);
    assert_non_null(strstr(diag.message, "stage 'one' writes the same file"));
    assert_int_equal(diag.line, 4); /* the source's path */
    assert_int_equal(load(&here, "sink.ndjson", "/dev/null", here.link, &diag),
                     HONE_STATUS_DUPLICATE);
    assert_int_equal(load(&here, "sink.record", "/dev/null", here.link, &diag),
                     HONE_STATUS_DUPLICATE);
    assert_int_equal(load(&here, "sink.record", here.out, here.out, &diag), HONE_STATUS_DUPLICATE);
    assert_non_null(strstr(diag.message, "writes the same file")); /* whichever is asked first */
    assert_int_equal(load(&here, "sink.csv", "/dev/null", "/dev/null", &diag), HONE_OK);
    assert_untouched(&here);
    remove_place(&here);
}

static void a_mistake_elsewhere_empties_nothing(void **state) {
    (void)state;
    place here;
    char text[512];
    hone_node *node = NULL;
    make_place(&here);
    (void)snprintf(text, sizeof text,
                   "[[stage]]\nname=\"h\"\nkind=\"source.host\"\n"
                   "[[stage]]\nname=\"one\"\nkind=\"sink.csv\"\nfrom=\"h\"\npath=\"%s\"\n"
                   "[[stage]]\nname=\"two\"\nkind=\"filter\"\nfrom=\"h\"\nwhere=\"nonsense > 1\"\n"
                   "[[stage]]\nname=\"three\"\nkind=\"sink.null\"\nfrom=\"two\"\n",
                   here.in);
    assert_int_not_equal(hone_node_load_text(hone_text_of(text), "node.toml", NULL, NULL, &node),
                         HONE_OK);
    assert_untouched(&here);
    remove_place(&here);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sinks_spare_what_others_use),
        cmocka_unit_test(a_mistake_elsewhere_empties_nothing),
    };
    return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
