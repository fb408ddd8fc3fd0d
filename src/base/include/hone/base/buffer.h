/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable run of bytes with a maximum named at birth: for text that is put together, and for
 * bytes read piece by piece.
 *
 * Contract: confined. Growth doubles. A failed append leaves the buffer as it was and marks it:
 * further appends do nothing, and hone_buffer_status() tells at the end, so that a run of appends
 * needs one check.
 */
#ifndef HONE_BASE_BUFFER_H
#define HONE_BASE_BUFFER_H

#include "hone/base/allocator.h"
#include "hone/base/span.h"

typedef struct hone_buffer {
    const hone_allocator *allocator; /* borrowed; NULL means libc */
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    hone_status status;
} hone_buffer;

void hone_buffer_init(hone_buffer *buffer, const hone_allocator *allocator, size_t size_max);
void hone_buffer_deinit(hone_buffer *buffer);

/* Room for `more` bytes behind size, without changing size. */
hone_status hone_buffer_reserve(hone_buffer *buffer, size_t more);
void hone_buffer_append(hone_buffer *buffer, const void *data, size_t size);
void hone_buffer_append_text(hone_buffer *buffer, hone_text text);
void hone_buffer_append_byte(hone_buffer *buffer, char byte);
/* As printf; needs room for one byte more than it appends, within the maximum. */
void hone_buffer_format(hone_buffer *buffer, const char *format, ...) HONE_PRINTF(2, 3);

/* Empties it, keeps the memory, and forgets an earlier failure. */
void hone_buffer_clear(hone_buffer *buffer);

/* HONE_OK, or why an append failed: OUT_OF_MEMORY or LIMIT. */
HONE_MUST_USE hone_status hone_buffer_status(const hone_buffer *buffer);

/* Valid until the next append. */
static inline hone_text hone_buffer_text(const hone_buffer *buffer) {
    return (hone_text){(const char *)buffer->data, buffer->size};
}

#endif
