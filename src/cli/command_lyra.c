/* SPDX-License-Identifier: Apache-2.0 */
/* `hone lyra`: evaluates a program of the symbolic language. */
#include <string.h>

#include "session_internal.h"

#include "hone/lyra/lyra.h"

enum { SOURCE_BYTES_MAX = 64 << 20, RESULT_BYTES_MAX = 64 << 20 };

static void print(void *self, hone_text text) {
    hn_session *session = self;
    hn_cli_print_text(&session->out, text);
    hn_cli_print(&session->out, "\n");
    hn_cli_output_flush(&session->out);
}

static void say(void *self, hone_text text) {
    hn_session *session = self;
    hn_cli_output_flush(&session->out);
    hn_cli_print_text(&session->err, text);
    hn_cli_print(&session->err, "\n");
    hn_cli_output_flush(&session->err);
}

static hone_lyra_form form_of(const hn_arguments *arguments) {
    const char *name = hn_arguments_text(arguments, "form");
    return name && strcmp(name, "input") == 0  ? HONE_LYRA_INPUT_FORM
           : name && strcmp(name, "full") == 0 ? HONE_LYRA_FULL_FORM
                                               : HONE_LYRA_OUTPUT_FORM;
}

static hone_status evaluate(hn_session *session, hone_lyra *lyra, hone_text source,
                            hone_diag *diag) {
    const hn_arguments *arguments = &session->arguments;
    hone_buffer result;
    hone_buffer_init(&result, NULL, RESULT_BYTES_MAX);
    const char *name = arguments->operands_count > 0 ? arguments->operands[0] : NULL;
    hone_status status = hone_lyra_evaluate(lyra, name, source, form_of(arguments), diag, &result);
    if (status == HONE_OK && result.size > 0) {
        print(session, hone_buffer_text(&result));
    }
    hone_buffer_deinit(&result);
    return status;
}

static hone_status read_source(const hn_arguments *arguments, hone_diag *diag,
                               hone_buffer *out_source) {
    const char *code = hn_arguments_text(arguments, "code");
    if ((code != NULL) == (arguments->operands_count > 0)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "name either a FILE, or an expression with --code");
    }
    if (code) {
        hone_buffer_append_text(out_source, hone_text_of(code));
        return hone_buffer_status(out_source);
    }
    return hone_file_read_all(arguments->operands[0], SOURCE_BYTES_MAX, diag, out_source);
}

int hn_command_lyra(hn_session *session) {
    hone_lyra_options options = {.print = print, .message = say, .self = session};
    hone_lyra *lyra = NULL;
    hone_diag diag = {0};
    hone_buffer source;
    int code = HN_EXIT_OK;
    hone_buffer_init(&source, NULL, SOURCE_BYTES_MAX);
    hone_status status = read_source(&session->arguments, &diag, &source);
    status = status ? status : hone_lyra_create(&options, NULL, &diag, &lyra);
    status = status ? status : evaluate(session, lyra, hone_buffer_text(&source), &diag);
    if (status == HONE_STATUS_EVALUATION_QUIT) {
        code = hone_lyra_exit_code(lyra);
    } else if (status == HONE_STATUS_INVALID_ARGUMENT) {
        code = hn_cli_fail(session, HN_EXIT_USAGE, &diag);
    } else if (status) {
        bool is_source = !lyra || status == HONE_STATUS_SYNTAX || status == HONE_STATUS_TRUNCATED;
        code = hn_cli_fail(session, is_source ? HN_EXIT_INPUT : HN_EXIT_FAILED, &diag);
    }
    hone_lyra_destroy(lyra);
    hone_buffer_deinit(&source);
    return code;
}
