/* SPDX-License-Identifier: Apache-2.0 */
/* What module.c and the linker take from sections.c. */
#ifndef HONE_WASM_SECTIONS_INTERNAL_H
#define HONE_WASM_SECTIONS_INTERNAL_H

#include "decoder_internal.h"

/* Decodes the whole module; the reader's status tells. */
void hn_wasm_decode(hn_wasm_decoder *decoder);

bool hn_wasm_is_same_type(const hone_wasm_function_type *a, const hone_wasm_function_type *b);

#endif
