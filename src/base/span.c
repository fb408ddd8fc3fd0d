/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/span.h"

int hone_text_compare(hone_text a, hone_text b) {
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

hone_text hone_text_trim(hone_text text) {
    while (text.size && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

hone_text hone_text_split(hone_text *rest, char separator) {
    const char *at = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
    hone_text head = *rest;
    if (!at) {
        *rest = (hone_text){NULL, 0};
        return head;
    }
    head.size = (size_t)(at - rest->data);
    rest->data = at + 1;
    rest->size -= head.size + 1;
    return head;
}

/* The length of the sequence that starts at `s` (1 to 4), or 0 when it is not valid (Unicode 15,
 * table 3-7). */
static size_t utf8_sequence_size(const uint8_t *s, size_t size) {
    uint8_t lead = s[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || length > size) {
        return 0;
    }
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool hone_text_is_utf8(hone_text text, size_t *out_offset) {
    const uint8_t *s = (const uint8_t *)text.data;
    for (size_t i = 0; i < text.size;) {
        size_t length = utf8_sequence_size(s + i, text.size - i);
        if (length == 0) {
            if (out_offset) {
                *out_offset = i;
            }
            return false;
        }
        i += length;
    }
    return true;
}

size_t hone_utf8_encode(uint32_t code, char *out_text) {
    if (code < 0x80) {
        out_text[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        out_text[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out_text[0] = (char)(0xF00 >> size | code); /* as many leading ones as bytes */
    return size;
}

enum { NEAREST_SIZE_MAX = 64 };

static size_t min3(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Optimal string alignment distance, three rows. */
static size_t edit_distance(hone_text a, hone_text b) {
    size_t rows[3][NEAREST_SIZE_MAX + 1];
    for (size_t j = 0; j <= b.size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t change = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            row[j] = min3(above[j] + 1, row[j - 1] + 1, change);
            bool is_swap =
                i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
            if (is_swap && two_above[j - 2] + 1 < row[j]) {
                row[j] = two_above[j - 2] + 1;
            }
        }
    }
    return rows[a.size % 3][b.size];
}

const char *hone_text_nearest(hone_text text, const char *const *candidates,
                              size_t candidates_count) {
    const char *nearest = NULL;
    size_t best = text.size / 3 + 2;
    if (text.size > NEAREST_SIZE_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < candidates_count; i++) {
        hone_text candidate = hone_text_of(candidates[i]);
        if (candidate.size > NEAREST_SIZE_MAX) {
            continue;
        }
        size_t distance = edit_distance(text, candidate);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

uint64_t hone_hash_bytes(const void *data, size_t size) {
    const uint8_t *bytes = data;
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001B3u;
    }
    return hash;
}
