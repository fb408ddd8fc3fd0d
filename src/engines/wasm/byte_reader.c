/* SPDX-License-Identifier: Apache-2.0 */
#include "byte_reader_internal.h"

#include <stdio.h>

void hn_wasm_fail_at(hn_wasm_reader *reader, const uint8_t *at, hone_status status,
                     const char *format, ...) {
    if (reader->status) {
        return;
    }
    reader->status = status;
    hone_diag *diag = reader->diag;
    if (diag) {
        char subject[sizeof diag->subject];
        size_t offset = (size_t)(at - reader->start);
        if (reader->function == HN_WASM_NO_FUNCTION) {
            (void)snprintf(subject, sizeof subject, "byte %zu", offset);
        } else {
            (void)snprintf(subject, sizeof subject, "byte %zu in function %lld", offset,
                           (long long)reader->function);
        }
        char message[sizeof diag->message];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        (void)hone_diag_set(diag, status, "%s", message);
        hone_diag_about(diag, subject);
        diag->byte_offset = offset;
    }
    reader->end = reader->at;
}

static void fail_end(hn_wasm_reader *reader) {
    hn_wasm_fail_at(reader, reader->end, HONE_STATUS_MALFORMED, "unexpected end");
}

uint8_t hn_wasm_read_byte(hn_wasm_reader *reader) {
    if (HONE_UNLIKELY(reader->at == reader->end)) {
        fail_end(reader);
        return 0;
    }
    return *reader->at++;
}

uint64_t hn_wasm_read_unsigned(hn_wasm_reader *reader, uint32_t bits) {
    uint64_t value = 0;
    const uint8_t *first = reader->at;
    for (uint32_t shift = 0;; shift += 7) {
        uint8_t byte = hn_wasm_read_byte(reader);
        if (hn_wasm_is_failed(reader)) {
            return 0;
        }
        uint32_t left = bits - shift;
        if (left < 7 && (byte & 0x7F) >> left) {
            hn_wasm_fail_at(reader, first, HONE_STATUS_MALFORMED, "integer too large for %u bits",
                            bits);
            return 0;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            return value;
        }
        if (left <= 7) {
            hn_wasm_fail_at(reader, first, HONE_STATUS_MALFORMED,
                            "integer representation longer than %u bits need", bits);
            return 0;
        }
    }
}

int64_t hn_wasm_read_signed(hn_wasm_reader *reader, uint32_t bits) {
    uint64_t value = 0;
    const uint8_t *first = reader->at;
    for (uint32_t shift = 0;; shift += 7) {
        uint8_t byte = hn_wasm_read_byte(reader);
        if (hn_wasm_is_failed(reader)) {
            return 0;
        }
        uint32_t left = bits - shift;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (left < 7) { /* the bits beyond are copies of the sign */
            uint8_t high = (uint8_t)((byte & 0x7F) >> (left - 1));
            if (high != 0 && high != 0x7F >> (left - 1)) {
                hn_wasm_fail_at(reader, first, HONE_STATUS_MALFORMED,
                                "integer too large for %u bits", bits);
                return 0;
            }
        }
        if (!(byte & 0x80)) {
            if (shift + 7 < 64 && (byte & 0x40)) {
                value |= ~(uint64_t)0 << (shift + 7);
            }
            return (int64_t)value;
        }
        if (left <= 7) {
            hn_wasm_fail_at(reader, first, HONE_STATUS_MALFORMED,
                            "integer representation longer than %u bits need", bits);
            return 0;
        }
    }
}

hone_span hn_wasm_read_bytes(hn_wasm_reader *reader, size_t size) {
    if (size > hn_wasm_left(reader)) {
        fail_end(reader);
        return (hone_span){0};
    }
    hone_span bytes = {reader->at, size};
    reader->at += size;
    return bytes;
}

hone_text hn_wasm_read_name(hn_wasm_reader *reader) {
    uint32_t size = hn_wasm_read_u32(reader);
    const uint8_t *first = reader->at;
    hone_span bytes = hn_wasm_read_bytes(reader, size);
    hone_text name = {(const char *)bytes.data, bytes.size};
    size_t offset = 0;
    if (!hone_text_is_utf8(name, &offset)) {
        hn_wasm_fail_at(reader, first + offset, HONE_STATUS_MALFORMED, "malformed UTF-8 encoding");
        return (hone_text){0};
    }
    return name;
}

uint32_t hn_wasm_read_opcode(hn_wasm_reader *reader) {
    const uint8_t *first = reader->at;
    uint8_t byte = hn_wasm_read_byte(reader);
    if (HONE_LIKELY(byte < 0xFC)) {
        return byte;
    }
    if (byte != 0xFC && byte != 0xFD) {
        return byte;
    }
    uint32_t number = hn_wasm_read_u32(reader);
    if (number > 0xFF) {
        hn_wasm_fail_at(reader, first, HONE_STATUS_MALFORMED, "illegal opcode 0x%02x 0x%x", byte,
                        number);
        return 0;
    }
    return (uint32_t)byte << 8 | number;
}
