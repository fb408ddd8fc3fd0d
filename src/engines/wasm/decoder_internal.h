/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the parts of the decoder: sections.c, segments.c, validate.c, constant.c. */
#ifndef HONE_WASM_DECODER_INTERNAL_H
#define HONE_WASM_DECODER_INTERNAL_H

#include "module_internal.h"
#include "byte_reader_internal.h"

typedef struct hn_wasm_frame hn_wasm_frame;

typedef struct hn_wasm_decoder {
    hn_wasm_reader reader;
    hone_wasm_module *module;
    uint32_t functions_capacity; /* of is_declared */
    uint32_t function_section_count;
    bool has_code;
    /* validate.c: what grows from body to body */
    const uint8_t *instruction; /* the one looked at */
    uint8_t *values;
    uint32_t values_count;
    uint32_t values_capacity;
    hn_wasm_frame *frames;
    uint32_t frames_count;
    uint32_t frames_capacity;
    uint8_t *locals;
    uint32_t locals_count;
    uint32_t locals_capacity;
} hn_wasm_decoder;

#define HN_WASM_MALFORMED(decoder, place, ...) \
    hn_wasm_fail_at(&(decoder)->reader, (place), HONE_STATUS_MALFORMED, __VA_ARGS__)
#define HN_WASM_INVALID(decoder, place, ...) \
    hn_wasm_fail_at(&(decoder)->reader, (place), HONE_STATUS_INVALID_MODULE, __VA_ARGS__)

static inline bool hn_wasm_has(const hn_wasm_decoder *decoder, hone_wasm_feature feature) {
    return (decoder->module->features & (uint32_t)feature) != 0;
}

/* An array of `count` elements of the module's, zeroed; fails the reader when there is no memory.
 * NULL with count 0. */
void *hn_wasm_new_array(hn_wasm_decoder *decoder, uint64_t count, size_t size, size_t alignment);

/* A count of elements of at least `bytes_each`, checked against what is left to read. */
uint32_t hn_wasm_read_count(hn_wasm_decoder *decoder, const char *what);

/* An index below `count`; else INVALID_MODULE "unknown WHAT". */
uint32_t hn_wasm_read_index(hn_wasm_decoder *decoder, uint32_t count, const char *what);

uint8_t hn_wasm_read_value_type(hn_wasm_decoder *decoder);
uint8_t hn_wasm_read_reference_type(hn_wasm_decoder *decoder);

/* segments.c */
void hn_wasm_decode_elements(hn_wasm_decoder *decoder);
void hn_wasm_decode_data(hn_wasm_decoder *decoder);

/* constant.c: reads a constant expression that leaves one value of `type`. */
hn_wasm_expression hn_wasm_read_constant(hn_wasm_decoder *decoder, uint8_t type);

/* validate.c: the body of function `function` that begins at the reader and ends at its end. */
void hn_wasm_validate_body(hn_wasm_decoder *decoder, uint32_t function);
void hn_wasm_validate_release(hn_wasm_decoder *decoder);

/* names.c: the name section; what is damaged in it is left out. */
void hn_wasm_decode_names(hn_wasm_decoder *decoder, hone_span content);

#endif
