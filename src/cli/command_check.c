/* SPDX-License-Identifier: Apache-2.0 */
/* `hone check`: loads a node without running it, and shows or draws its graph. */
#include <string.h>

#include "session_internal.h"

#include "hone/node/report.h"

enum { PICTURE_BYTES_MAX = 64 << 20 };

static hone_status load(hn_session *session, hone_diag *diag, hone_node **out_node) {
    const hn_arguments *arguments = &session->arguments;
    hone_node_options options = {.is_check = true, .root = hn_arguments_text(arguments, "root")};
    hone_status status =
        hn_arguments_collect(arguments, "set", diag, &options.settings, &options.settings_count);
    if (!status) {
        status = hone_node_load(arguments->operands[0], &options, diag, out_node);
    }
    hn_arguments_release(options.settings, options.settings_count);
    return status;
}

static hone_status draw(const hone_node *node, const char *path, hone_diag *diag) {
    hone_buffer picture;
    hone_buffer_init(&picture, NULL, PICTURE_BYTES_MAX);
    hone_graph_write_svg(node, &picture);
    hone_status status = hone_buffer_status(&picture);
    status = status ? hone_diag_set(diag, status, "the picture does not fit into memory")
                    : hn_cli_write_file(path, hone_buffer_text(&picture), diag);
    hone_buffer_deinit(&picture);
    return status;
}

int hn_command_check(hn_session *session) {
    const char *picture_path = hn_arguments_text(&session->arguments, "svg");
    hone_diag diag = {0};
    hone_node *node = NULL;
    if (load(session, &diag, &node)) {
        return hn_cli_fail(session, HN_EXIT_INPUT, &diag);
    }
    bool is_picture_only = picture_path && strcmp(picture_path, "-") == 0;
    if (is_picture_only) {
        hone_graph_write_svg(node, &session->out.buffer);
    } else if (hn_arguments_has(&session->arguments, "json")) {
        hone_graph_write_json(node, &session->out.buffer);
    } else {
        hone_graph_write_text(node, &session->out.buffer);
    }
    int code = HN_EXIT_OK;
    if (picture_path && !is_picture_only && draw(node, picture_path, &diag)) {
        hone_diag_about(&diag, "--svg");
        code = hn_cli_fail(session, HN_EXIT_INPUT, &diag);
    }
    hone_node_destroy(node);
    return code;
}
