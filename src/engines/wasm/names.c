/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name section: names of functions for backtraces. It is custom, so what is damaged in it
 * makes the module no worse: reading stops there.
 *
 * Source: WebAssembly Core Specification 2.0, section 7.4.1.
 */
#include "decoder_internal.h"

enum { NAMES_OF_FUNCTIONS = 1 };

static void read_names(hn_wasm_reader *reader, hone_wasm_module *module) {
    uint32_t count = hn_wasm_read_u32(reader);
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(reader); i++) {
        uint32_t index = hn_wasm_read_u32(reader);
        hone_text name = hn_wasm_read_name(reader);
        if (!hn_wasm_is_failed(reader) && index < module->functions_count) {
            module->names[index] = name;
        }
    }
}

void hn_wasm_decode_names(hn_wasm_decoder *decoder, hone_span content) {
    hone_wasm_module *module = decoder->module;
    hn_wasm_reader reader = {.at = content.data, .end = content.data + content.size};
    reader.start = decoder->reader.start;
    reader.function = HN_WASM_NO_FUNCTION;
    while (hn_wasm_left(&reader)) {
        uint8_t id = hn_wasm_read_byte(&reader);
        hone_span part = hn_wasm_read_bytes(&reader, hn_wasm_read_u32(&reader));
        if (id == NAMES_OF_FUNCTIONS && part.size && !module->names) {
            hn_wasm_reader inner = reader;
            inner.at = part.data;
            inner.end = part.data + part.size;
            module->names = hn_wasm_new_array(decoder, module->functions_count, sizeof(hone_text),
                                              _Alignof(hone_text));
            if (module->names) {
                read_names(&inner, module);
            }
        }
    }
}
