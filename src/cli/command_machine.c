/* SPDX-License-Identifier: Apache-2.0 */
/* What detect and doctor share: describing the machine, with the complaint where that fails. */
#include "command_machine_internal.h"

int hn_cli_describe_machine(hn_session *session, hone_platform *out_platform) {
    hone_diag diag = {0};
    hone_platform_options options = {.root = hn_arguments_text(&session->arguments, "root")};
    hone_status status = hone_platform_detect(&options, &diag, out_platform);
    return status ? hn_cli_fail(session, HN_EXIT_INPUT, &diag) : HN_EXIT_OK;
}
