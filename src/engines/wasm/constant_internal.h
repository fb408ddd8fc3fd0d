/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HONE_WASM_CONSTANT_INTERNAL_H
#define HONE_WASM_CONSTANT_INTERNAL_H

#include "decoder_internal.h"

/* Values that a constant expression may have pending. */
enum { HN_WASM_CONSTANT_DEPTH_MAX = 64 };

#endif
