/* SPDX-License-Identifier: Apache-2.0 */
/* Element and data segments. Source: WebAssembly Core Specification 2.0, 5.5.12 and 5.5.14. */
#include "decoder_internal.h"

/* One element given as an expression: a null, a function, or an imported constant global. */
static hn_wasm_element read_element(hn_wasm_decoder *decoder, uint8_t type) {
    const uint8_t *at = decoder->reader.at;
    hn_wasm_expression expression = hn_wasm_read_constant(decoder, type);
    if (hn_wasm_is_failed(&decoder->reader)) {
        return (hn_wasm_element){0};
    }
    hn_wasm_reader reader = decoder->reader;
    reader.at = expression.start;
    uint32_t opcode = hn_wasm_read_opcode(&reader);
    if (opcode == HN_WASM_OP_REF_NULL) {
        return (hn_wasm_element){HN_WASM_OP_REF_NULL, 0};
    }
    uint32_t index = hn_wasm_read_u32(&reader);
    if (opcode != HN_WASM_OP_REF_FUNC && opcode != HN_WASM_OP_GLOBAL_GET) {
        HN_WASM_INVALID(decoder, at, "constant expression required");
    }
    return (hn_wasm_element){(uint16_t)opcode, index};
}

static void read_elements(hn_wasm_decoder *decoder, hn_wasm_element_segment *segment,
                          bool is_expressions) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "elements of a segment");
    segment->elements =
        hn_wasm_new_array(decoder, count, sizeof *segment->elements, _Alignof(hn_wasm_element));
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        if (is_expressions) {
            segment->elements[i] = read_element(decoder, segment->type);
            continue;
        }
        uint32_t index = hn_wasm_read_index(decoder, module->functions_count, "function");
        if (!hn_wasm_is_failed(&decoder->reader)) {
            segment->elements[i] = (hn_wasm_element){HN_WASM_OP_REF_FUNC, index};
            module->is_declared[index] = 1;
        }
    }
    segment->elements_count = count;
}

/* Bit 0: passive or declared; bit 1: has an index (active) or is declared; bit 2: expressions. */
static void decode_element_segment(hn_wasm_decoder *decoder, hn_wasm_element_segment *segment) {
    hone_wasm_module *module = decoder->module;
    const uint8_t *at = decoder->reader.at;
    uint32_t flags = hn_wasm_read_u32(&decoder->reader);
    if (flags > 7) {
        HN_WASM_MALFORMED(decoder, at, "malformed element segment flags %u", flags);
        return;
    }
    segment->type = HONE_WASM_FUNCREF;
    segment->mode = !(flags & 1)  ? HN_WASM_SEGMENT_ACTIVE
                    : (flags & 2) ? HN_WASM_SEGMENT_DECLARED
                                  : HN_WASM_SEGMENT_PASSIVE;
    if (segment->mode == HN_WASM_SEGMENT_ACTIVE) {
        segment->table = flags & 2 ? hn_wasm_read_u32(&decoder->reader) : 0;
        if (segment->table >= module->tables_count) {
            HN_WASM_INVALID(decoder, at, "unknown table %u", segment->table);
            return;
        }
        segment->offset = hn_wasm_read_constant(decoder, HONE_WASM_I32);
    }
    if (flags & 3) { /* says what it holds */
        const uint8_t *kind_at = decoder->reader.at;
        if (flags & 4) {
            segment->type = hn_wasm_read_reference_type(decoder);
        } else if (hn_wasm_read_byte(&decoder->reader) != 0) {
            HN_WASM_MALFORMED(decoder, kind_at, "malformed element kind");
        }
    }
    if (segment->mode == HN_WASM_SEGMENT_ACTIVE && !hn_wasm_is_failed(&decoder->reader) &&
        module->tables[segment->table].element != segment->type) {
        HN_WASM_INVALID(decoder, at, "type mismatch: a table of %s gets elements of %s",
                        hone_wasm_type_name(module->tables[segment->table].element),
                        hone_wasm_type_name((hone_wasm_type)segment->type));
    }
    read_elements(decoder, segment, flags & 4);
}

void hn_wasm_decode_elements(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "element segments");
    module->elements = hn_wasm_new_array(decoder, count, sizeof *module->elements,
                                         _Alignof(hn_wasm_element_segment));
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        decode_element_segment(decoder, &module->elements[i]);
    }
    module->elements_count = count;
}

static void decode_data_segment(hn_wasm_decoder *decoder, hn_wasm_data_segment *segment) {
    hone_wasm_module *module = decoder->module;
    const uint8_t *at = decoder->reader.at;
    uint32_t flags = hn_wasm_read_u32(&decoder->reader);
    if (flags > 2) {
        HN_WASM_MALFORMED(decoder, at, "malformed data segment flags %u", flags);
        return;
    }
    segment->mode = flags == 1 ? HN_WASM_SEGMENT_PASSIVE : HN_WASM_SEGMENT_ACTIVE;
    if (flags != 1) {
        segment->memory = flags == 2 ? hn_wasm_read_u32(&decoder->reader) : 0;
        if (segment->memory >= module->memories_count) {
            HN_WASM_INVALID(decoder, at, "unknown memory %u", segment->memory);
            return;
        }
        bool is_64 = module->memories[segment->memory].is_64;
        segment->offset = hn_wasm_read_constant(decoder, is_64 ? HONE_WASM_I64 : HONE_WASM_I32);
    }
    segment->bytes = hn_wasm_read_bytes(&decoder->reader, hn_wasm_read_u32(&decoder->reader));
}

void hn_wasm_decode_data(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "data segments");
    module->data =
        hn_wasm_new_array(decoder, count, sizeof *module->data, _Alignof(hn_wasm_data_segment));
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        decode_data_segment(decoder, &module->data[i]);
    }
    module->data_count = count;
}
