/* SPDX-License-Identifier: Apache-2.0 */
/* `hone version`. Asks the CPU, but opens no file: it answers in a few milliseconds anywhere. */
#include "build_info.h"
#include "json_members_internal.h"
#include "session_internal.h"

#include "hone/platform/isa.h"

typedef struct feature {
    const char *name;
    bool is_on;
    const char *reason;
} feature;

#define FEATURE_ROW(name, is_on, reason) {name, is_on, reason},
static const feature features[] = {HN_BUILD_FEATURES(FEATURE_ROW)};
enum { FEATURES_COUNT = sizeof features / sizeof *features };

#ifdef NDEBUG
static const bool has_asserts = false;
#else
static const bool has_asserts = true;
#endif

static void print_json(hn_session *session, hone_isa_mask isa) {
    hone_json_writer writer;
    hone_json_writer_init(&writer, &session->out.buffer, 2);
    hone_json_write_object_begin(&writer);
    hn_json_text(&writer, "name", session->program->name);
    hn_json_text(&writer, "version", session->program->version);
    hn_json_text(&writer, "build_type", HN_BUILD_TYPE);
    hn_json_text(&writer, "compiler", HN_BUILD_COMPILER);
    hn_json_text(&writer, "architecture", HN_BUILD_ARCHITECTURE);
    hn_json_text(&writer, "sanitizers", HN_BUILD_SANITIZERS);
    hn_json_bool(&writer, "asserts", has_asserts);
    hn_json_key(&writer, "isa");
    hone_json_write_object_begin(&writer);
    hn_json_text(&writer, "level", hone_isa_level_of(isa)->name);
    hn_json_key(&writer, "features");
    hone_json_write_array_begin(&writer);
    for (int i = 0; i < HONE_ISA_COUNT; i++) {
        if (hone_isa_has(isa, HONE_ISA_BIT(i))) {
            hone_json_write_text(&writer, hone_text_of(hone_isa_name((hone_isa)i)));
        }
    }
    hone_json_write_array_end(&writer);
    hone_json_write_object_end(&writer);
    hn_json_key(&writer, "features");
    hone_json_write_array_begin(&writer);
    for (int i = 0; i < FEATURES_COUNT; i++) {
        hone_json_write_object_begin(&writer);
        hn_json_text(&writer, "name", features[i].name);
        hn_json_bool(&writer, "is_on", features[i].is_on);
        hn_json_text(&writer, "reason", features[i].reason);
        hone_json_write_object_end(&writer);
    }
    hone_json_write_array_end(&writer);
    hone_json_write_object_end(&writer);
    hn_cli_print(&session->out, "\n");
}

static void print_isa(hn_cli_output *out, hone_isa_mask isa) {
    hone_buffer names;
    hone_buffer_init(&names, NULL, 4096);
    hone_buffer_format(&names, "%s:", hone_isa_level_of(isa)->name);
    for (int i = 0; i < HONE_ISA_COUNT; i++) {
        if (hone_isa_has(isa, HONE_ISA_BIT(i))) {
            hone_buffer_format(&names, " %s", hone_isa_name((hone_isa)i));
        }
    }
    hn_cli_print(out, "  %sisa%s       ", hn_cli_style_of(out, HN_STYLE_NAME),
                 hn_cli_style_of(out, HN_STYLE_PLAIN));
    hn_cli_print_wrapped(out, hone_buffer_text(&names), 12, 12);
    hone_buffer_deinit(&names);
}

static void print_people(hn_session *session, hone_isa_mask isa) {
    hn_cli_output *out = &session->out;
    const char *name = hn_cli_style_of(out, HN_STYLE_NAME),
               *plain = hn_cli_style_of(out, HN_STYLE_PLAIN);
    hn_cli_print(out, "%s%s %s%s\n", hn_cli_style_of(out, HN_STYLE_TITLE), session->program->name,
                 session->program->version, plain);
    hn_cli_print(out, "  %sbuild%s     %s for %s, by %s%s%s%s\n", name, plain, HN_BUILD_TYPE,
                 HN_BUILD_ARCHITECTURE, HN_BUILD_COMPILER, has_asserts ? ", with asserts" : "",
                 HN_BUILD_SANITIZERS[0] ? ", sanitizers: " : "", HN_BUILD_SANITIZERS);
    print_isa(out, isa);
    for (int i = 0; i < FEATURES_COUNT; i++) {
        hn_cli_print(out, "  %s%-9s%s %s%s%s%s%s\n", name, features[i].name, plain,
                     hn_cli_style_of(out, features[i].is_on ? HN_STYLE_GOOD : HN_STYLE_WARNING),
                     features[i].is_on ? "on" : "off", plain, features[i].reason[0] ? ": " : "",
                     features[i].reason);
    }
}

int hn_command_version(hn_session *session) {
    hone_isa_mask isa = hone_isa_detect();
    if (hn_arguments_has(&session->arguments, "json")) {
        print_json(session, isa);
    } else {
        print_people(session, isa);
    }
    return HN_EXIT_OK;
}
