/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HONE_WASM_SKIP_INTERNAL_H
#define HONE_WASM_SKIP_INTERNAL_H

#include "module_internal.h"
#include "byte_reader_internal.h"

/* Reads one instruction with its immediates and returns its code. */
uint32_t hn_wasm_skip_instruction(hn_wasm_reader *reader);

/* `block`, `loop` or `if`. */
bool hn_wasm_is_block(uint32_t opcode);

#endif
