/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor over the bytes of a module. The first failure sticks: it fills the diag, and every later
 * read returns zero without moving, so that a run of reads needs one check. Loops over counts that
 * come from the bytes check on every turn.
 */
#ifndef HONE_WASM_BYTE_READER_INTERNAL_H
#define HONE_WASM_BYTE_READER_INTERNAL_H

#include "hone/base/hints.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

enum { HN_WASM_NO_FUNCTION = -1 };

typedef struct hn_wasm_reader {
    const uint8_t *at;
    const uint8_t *end;   /* of what may be read now */
    const uint8_t *start; /* of the module: offsets count from here */
    hone_status status;   /* sticky */
    int64_t function;     /* for messages; HN_WASM_NO_FUNCTION outside of bodies */
    hone_diag *diag;
} hn_wasm_reader;

/* The first failure of this reader; later ones are ignored. */
void hn_wasm_fail_at(hn_wasm_reader *reader, const uint8_t *at, hone_status status,
                     const char *format, ...) HONE_PRINTF(4, 5);

static inline bool hn_wasm_is_failed(const hn_wasm_reader *reader) {
    return reader->status != HONE_OK;
}

static inline size_t hn_wasm_left(const hn_wasm_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

uint8_t hn_wasm_read_byte(hn_wasm_reader *reader);

/* LEB128 of at most `bits` bits; longer forms and stray bits are malformed. */
uint64_t hn_wasm_read_unsigned(hn_wasm_reader *reader, uint32_t bits);
int64_t hn_wasm_read_signed(hn_wasm_reader *reader, uint32_t bits);

static inline uint32_t hn_wasm_read_u32(hn_wasm_reader *reader) {
    if (HONE_LIKELY(reader->at < reader->end && *reader->at < 0x80)) {
        return *reader->at++;
    }
    return (uint32_t)hn_wasm_read_unsigned(reader, 32);
}

/* `size` bytes in place; the empty span when they are not there. */
hone_span hn_wasm_read_bytes(hn_wasm_reader *reader, size_t size);

/* A vector of bytes that is UTF-8. */
hone_text hn_wasm_read_name(hn_wasm_reader *reader);

/* The code of an instruction: a byte, or 0xFC00 and 0xFD00 and what follows the prefix. */
uint32_t hn_wasm_read_opcode(hn_wasm_reader *reader);

#endif
