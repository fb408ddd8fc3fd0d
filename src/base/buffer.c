/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/buffer.h"

#include <stdio.h>

#include "hone/base/checked.h"

enum { BUFFER_CAPACITY_FIRST = 256 };

void hone_buffer_init(hone_buffer *buffer, const hone_allocator *allocator, size_t size_max) {
    *buffer = (hone_buffer){.allocator = allocator, .size_max = size_max};
}

void hone_buffer_deinit(hone_buffer *buffer) {
    hone_release(buffer->allocator, buffer->data, buffer->capacity, 1);
    *buffer = (hone_buffer){0};
}

hone_status hone_buffer_reserve(hone_buffer *buffer, size_t more) {
    size_t needed;
    if (buffer->status != HONE_OK) {
        return buffer->status;
    }
    if (!hone_size_add(buffer->size, more, &needed) || needed > buffer->size_max) {
        return buffer->status = HONE_STATUS_LIMIT;
    }
    if (needed <= buffer->capacity) {
        return HONE_OK;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_CAPACITY_FIRST;
    while (capacity < needed) {
        capacity = capacity > buffer->size_max / 2 ? buffer->size_max : capacity * 2;
    }
    uint8_t *data = hone_reallocate(buffer->allocator, buffer->data, buffer->capacity, capacity, 1);
    if (!data) {
        return buffer->status = HONE_STATUS_OUT_OF_MEMORY;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return HONE_OK;
}

void hone_buffer_append(hone_buffer *buffer, const void *data, size_t size) {
    if (size && hone_buffer_reserve(buffer, size) == HONE_OK) {
        memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
    }
}

void hone_buffer_append_text(hone_buffer *buffer, hone_text text) {
    hone_buffer_append(buffer, text.data, text.size);
}

void hone_buffer_append_byte(hone_buffer *buffer, char byte) {
    hone_buffer_append(buffer, &byte, 1);
}

void hone_buffer_format(hone_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length > 0 && hone_buffer_reserve(buffer, (size_t)length + 1) == HONE_OK) {
        (void)vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void hone_buffer_clear(hone_buffer *buffer) {
    buffer->size = 0;
    buffer->status = HONE_OK;
}

hone_status hone_buffer_status(const hone_buffer *buffer) {
    return buffer->status;
}
