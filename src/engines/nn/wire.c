/* SPDX-License-Identifier: Apache-2.0 */
/* Source: protobuf.dev, "Encoding". Groups, which nobody writes any more, are refused. */
#include "wire_internal.h"

static void skip(hone_span *rest, size_t size) {
    rest->data += size;
    rest->size -= size;
}

hone_status hn_wire_next_varint(hone_span *rest, uint64_t *out_value) {
    uint64_t value = 0;
    if (rest->size == 0) {
        return HONE_STATUS_NOT_FOUND;
    }
    for (size_t i = 0; i < 10; i++) {
        if (i == rest->size) {
            return HONE_STATUS_TRUNCATED;
        }
        uint8_t byte = rest->data[i];
        if (i == 9 && byte > 1) {
            return HONE_STATUS_CORRUPT;
        }
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (!(byte & 0x80)) {
            skip(rest, i + 1);
            *out_value = value;
            return HONE_OK;
        }
    }
    return HONE_STATUS_CORRUPT;
}

static hone_status take_fixed(hone_span *rest, size_t size, uint64_t *out_value) {
    if (rest->size < size) {
        return HONE_STATUS_TRUNCATED;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)rest->data[i] << (8 * i);
    }
    skip(rest, size);
    *out_value = value;
    return HONE_OK;
}

static hone_status take_bytes(hone_span *rest, hone_span *out_bytes) {
    uint64_t size;
    hone_status status = hn_wire_next_varint(rest, &size);
    if (status != HONE_OK) {
        return status == HONE_STATUS_NOT_FOUND ? HONE_STATUS_TRUNCATED : status;
    }
    if (size > rest->size) {
        return HONE_STATUS_TRUNCATED;
    }
    *out_bytes = (hone_span){rest->data, (size_t)size};
    skip(rest, (size_t)size);
    return HONE_OK;
}

hone_status hn_wire_next(hone_span *rest, hn_wire_field *out_field) {
    uint64_t key;
    hone_status status = hn_wire_next_varint(rest, &key);
    if (status != HONE_OK) {
        return status;
    }
    if (key >> 3 == 0 || key >> 3 > (1u << 29) - 1) {
        return HONE_STATUS_CORRUPT;
    }
    *out_field = (hn_wire_field){.number = (uint32_t)(key >> 3), .kind = (hn_wire_kind)(key & 7)};
    switch (out_field->kind) {
    case HN_WIRE_VARINT:
        status = hn_wire_next_varint(rest, &out_field->value);
        return status == HONE_STATUS_NOT_FOUND ? HONE_STATUS_TRUNCATED : status;
    case HN_WIRE_64: return take_fixed(rest, 8, &out_field->value);
    case HN_WIRE_32: return take_fixed(rest, 4, &out_field->value);
    case HN_WIRE_BYTES: return take_bytes(rest, &out_field->bytes);
    }
    return HONE_STATUS_CORRUPT;
}
