/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text format: reads a module as text and writes it in the binary format, which is where
 * types are judged (hone/wasm/module.h).
 *
 * Contract: confined; no recursion on what the text says. What is not well-formed is MALFORMED,
 * with line and column in the diag.
 *
 * Source: WebAssembly Core Specification 2.0, section 6.
 */
#ifndef HONE_WASM_TEXT_H
#define HONE_WASM_TEXT_H

#include "hone/base/buffer.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

/* Reads one module, with "(module" around it or only its fields, and appends its binary form to
 * `out_bytes`. `file_name` is for messages. MALFORMED, LIMIT, OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_wasm_text_encode(hone_text text, const char *file_name,
                                                const hone_allocator *allocator, hone_diag *diag,
                                                hone_buffer *out_bytes);

#endif
