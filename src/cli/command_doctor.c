/* SPDX-License-Identifier: Apache-2.0 */
/* `hone doctor`: the checklist of settings, with what each costs and the command that changes it.
 */
#include <stdio.h>
#include <string.h>

#include "json_members_internal.h"
#include "command_machine_internal.h"

#include "hone/platform/doctor.h"

enum { TITLE_COLUMN = 10 };

static hn_style style_of_state(hone_doctor_state state) {
    switch (state) {
    case HONE_DOCTOR_OK: return HN_STYLE_GOOD;
    case HONE_DOCTOR_ADVICE: return HN_STYLE_WARNING;
    case HONE_DOCTOR_NOT_APPLICABLE: break;
    }
    return HN_STYLE_FAINT;
}

static void print_check(hn_cli_output *out, const hone_doctor_check *check,
                        uint32_t finding_column) {
    const char *plain = hn_cli_style_of(out, HN_STYLE_PLAIN);
    uint32_t width = (uint32_t)strlen(check->title);
    hn_cli_print(out, "  %s%-6s%s  %s%s%s", hn_cli_style_of(out, style_of_state(check->state)),
                 hone_doctor_state_name(check->state), plain, hn_cli_style_of(out, HN_STYLE_NAME),
                 check->title, plain);
    hn_cli_print_wrapped(out, hone_text_of(check->finding), finding_column, TITLE_COLUMN + width);
    if (check->cost[0]) {
        char cost[1024];
        (void)snprintf(cost, sizeof cost, "costs: %s", check->cost);
        hn_cli_print_wrapped(out, hone_text_of(cost), TITLE_COLUMN, 0);
    }
    if (check->remedy[0]) {
        /* Not wrapped: it is there to be copied. */
        hn_cli_print(out, "%*sdo:    %s%s%s\n", TITLE_COLUMN, "",
                     hn_cli_style_of(out, HN_STYLE_TITLE), check->remedy, plain);
    }
}

static void print_people(hn_cli_output *out, const hone_doctor *doctor) {
    uint32_t title_columns = 0, ok_count = 0;
    for (size_t i = 0; i < doctor->checks_count; i++) {
        uint32_t width = (uint32_t)strlen(doctor->checks[i].title);
        title_columns = width > title_columns ? width : title_columns;
        ok_count += doctor->checks[i].state == HONE_DOCTOR_OK;
    }
    for (size_t i = 0; i < doctor->checks_count; i++) {
        print_check(out, &doctor->checks[i], TITLE_COLUMN + title_columns + 2);
    }
    hn_cli_print(out, "\n%zu to improve, %u ok, %zu n/a. Nothing was changed.\n",
                 doctor->advice_count, ok_count,
                 doctor->checks_count - doctor->advice_count - ok_count);
}

static void print_json(hn_cli_output *out, const hone_doctor *doctor) {
    hone_json_writer writer;
    hone_json_writer_init(&writer, &out->buffer, 2);
    hone_json_write_object_begin(&writer);
    hn_json_u64(&writer, "advice_count", doctor->advice_count);
    hn_json_key(&writer, "checks");
    hone_json_write_array_begin(&writer);
    for (size_t i = 0; i < doctor->checks_count; i++) {
        const hone_doctor_check *check = &doctor->checks[i];
        hone_json_write_object_begin(&writer);
        hn_json_text(&writer, "name", check->name);
        hn_json_text(&writer, "title", check->title);
        hn_json_text(&writer, "state", hone_doctor_state_name(check->state));
        hn_json_text(&writer, "finding", check->finding);
        hn_json_text(&writer, "cost", check->cost);
        hn_json_text(&writer, "remedy", check->remedy);
        hone_json_write_object_end(&writer);
    }
    hone_json_write_array_end(&writer);
    hone_json_write_object_end(&writer);
    hn_cli_print(out, "\n");
}

int hn_command_doctor(hn_session *session) {
    hone_platform platform;
    int code = hn_cli_describe_machine(session, &platform);
    if (code != HN_EXIT_OK) {
        return code;
    }
    hone_doctor doctor;
    hone_status status = hone_doctor_examine(&platform, NULL, &doctor);
    if (status) {
        hone_diag diag = {0};
        (void)hone_diag_set(&diag, status, "the checklist did not fit into memory");
        hone_platform_deinit(&platform);
        return hn_cli_fail(session, HN_EXIT_FAILED, &diag);
    }
    if (hn_arguments_has(&session->arguments, "json")) {
        print_json(&session->out, &doctor);
    } else {
        print_people(&session->out, &doctor);
    }
    hone_doctor_deinit(&doctor);
    hone_platform_deinit(&platform);
    return HN_EXIT_OK;
}
