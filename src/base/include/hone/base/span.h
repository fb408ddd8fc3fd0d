/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: bytes and text that somebody else owns. Both are passed by value; neither is terminated by
 * a zero byte.
 *
 * Contract: a view owns nothing and is valid as long as what it looks at; each function that
 * returns one says how long that is. No state; any thread.
 */
#ifndef HONE_BASE_SPAN_H
#define HONE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes, read only. */
typedef struct hone_span {
    const uint8_t *data;
    size_t size;
} hone_span;

/* Text, read only; UTF-8 where the producer says so. */
typedef struct hone_text {
    const char *data;
    size_t size;
} hone_text;

/* A string literal as text, usable in static initialisers. For printf: "%.*s" with
 * HONE_TEXT_ARGS(text). */
#define HONE_TEXT(literal) ((hone_text){"" literal, sizeof(literal) - 1})
#define HONE_TEXT_ARGS(text) (int)(text).size, (text).data

/* A view of a terminated string; NULL gives the empty text. */
static inline hone_text hone_text_of(const char *string) {
    return (hone_text){string ? string : "", string ? strlen(string) : 0};
}

static inline bool hone_text_is_equal(hone_text a, hone_text b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool hone_text_is(hone_text a, const char *string) {
    return hone_text_is_equal(a, hone_text_of(string));
}

/* Order of bytes, the shorter one first where one begins the other. <0, 0, >0. */
int hone_text_compare(hone_text a, hone_text b);

static inline bool hone_text_has_prefix(hone_text text, hone_text prefix) {
    return text.size >= prefix.size &&
           (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

/* The text without spaces, tabs and line ends at both sides. */
hone_text hone_text_trim(hone_text text);

/* Cuts `*rest` at the first `separator`: returns what is before it and leaves what is after. Where
 * there is none, returns everything and leaves the empty text with data NULL. */
hone_text hone_text_split(hone_text *rest, char separator);

/* Writes the UTF-8 of a code point below 0x110000 into `out_text` (1 to 4 bytes) and returns its
 * size. */
size_t hone_utf8_encode(uint32_t code, char *out_text);

/* True when `text` is valid UTF-8 (no surrogates, no over-long forms); else *out_offset (may be
 * NULL) is the first bad byte. */
bool hone_text_is_utf8(hone_text text, size_t *out_offset);

/* The entry of `candidates` that is closest to `text`, or NULL when none is near: the distance
 * (Damerau-Levenshtein) may be one more than a third of the text's length. For "did you mean".
 * Cost: candidates x lengths; texts over 64 bytes are never near. */
const char *hone_text_nearest(hone_text text, const char *const *candidates,
                              size_t candidates_count);

/* FNV-1a, 64 bit: a stable hash for names and schemas. Not for hostile keys. */
uint64_t hone_hash_bytes(const void *data, size_t size);

#endif
