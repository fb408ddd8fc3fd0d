/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of protocol buffers, read in place: a message is a span, its fields come one
 * after the other, a nested message is a span again. Nothing is allocated and nothing recurses.
 */
#ifndef HONE_NN_WIRE_INTERNAL_H
#define HONE_NN_WIRE_INTERNAL_H

#include "hone/base/span.h"
#include "hone/base/status.h"

typedef enum hn_wire_kind {
    HN_WIRE_VARINT = 0,
    HN_WIRE_64 = 1,
    HN_WIRE_BYTES = 2,
    HN_WIRE_32 = 5
} hn_wire_kind;

typedef struct hn_wire_field {
    uint32_t number;
    hn_wire_kind kind;
    uint64_t value; /* of VARINT, 64 and 32 */
    hone_span bytes;
} hn_wire_field;

/* Takes the next field off *rest. NOT_FOUND at the end; TRUNCATED, CORRUPT. */
HONE_MUST_USE hone_status hn_wire_next(hone_span *rest, hn_wire_field *out_field);

/* Takes a bare number off a packed field. NOT_FOUND at the end; TRUNCATED, CORRUPT. */
HONE_MUST_USE hone_status hn_wire_next_varint(hone_span *rest, uint64_t *out_value);

#endif
