/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output of a command: put together in memory, written at the end (or when the command
 * says so), with colour only where a terminal shows it.
 *
 * Contract: confined. Failures are remembered, later output is then dropped, and
 * hn_cli_output_finish tells; so commands print without checking.
 */
#ifndef HN_CLI_PRINTING_INTERNAL_H
#define HN_CLI_PRINTING_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/buffer.h"
#include "hone/base/status.h"
#include "hone/platform/file.h"

typedef enum hn_style {
    HN_STYLE_PLAIN,
    HN_STYLE_TITLE, /* bold */
    HN_STYLE_NAME,  /* cyan */
    HN_STYLE_FAINT,
    HN_STYLE_GOOD,    /* green */
    HN_STYLE_WARNING, /* yellow */
    HN_STYLE_BAD,     /* red */
} hn_style;

typedef struct hn_cli_output {
    hone_file file;
    hone_buffer buffer;
    hone_status status; /* of writing, sticky */
    hone_diag diag;
    uint32_t columns; /* to wrap at */
    bool is_terminal;
    bool has_colour;
} hn_cli_output;

/* `fd` is 1 or 2. Colour needs a terminal that is not "dumb", and NO_COLOR unset or empty
 * (no-color.org). */
void hn_cli_output_init(hn_cli_output *output, int fd);

void hn_cli_print(hn_cli_output *output, const char *format, ...) HONE_PRINTF(2, 3);
void hn_cli_print_text(hn_cli_output *output, hone_text text);

/* Words of `text`, wrapped at output->columns, each line behind `indent` blanks; the first line
 * continues at column `column`. Ends with a line end. */
void hn_cli_print_wrapped(hn_cli_output *output, hone_text text, uint32_t indent, uint32_t column);

/* The escape sequence that begins a style (PLAIN ends any), or "" where there is no colour. */
const char *hn_cli_style_of(const hn_cli_output *output, hn_style style);

/* Writes out what was printed so far. */
void hn_cli_output_flush(hn_cli_output *output);

/* Flushes, closes, frees. HONE_OK, BROKEN_PIPE when the reader went away, or why output is lost,
 * with a message in output->diag. */
hone_status hn_cli_output_finish(hn_cli_output *output);

/* hone_file_replace() for a path that somebody typed: a failure is told by that path alone, not by
 * the name of the file beside it that is written first. */
HONE_MUST_USE hone_status hn_cli_write_file(const char *path, hone_text content, hone_diag *diag);

#endif
