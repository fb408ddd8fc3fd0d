/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells AddressSanitizer which bytes nobody may touch: what lies in a pool or an arena and belongs
 * to no one. Without it both calls do nothing and cost nothing.
 *
 * Contract: inline; any thread. Bytes are unpoisoned before they go back to where they came from.
 */
#ifndef HONE_BASE_POISON_H
#define HONE_BASE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define HONE_HAS_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HONE_HAS_POISON 1
#endif
#endif

#ifdef HONE_HAS_POISON
#include <sanitizer/asan_interface.h>
static inline void hone_poison(void *data, size_t size_bytes) {
    __asan_poison_memory_region(data, size_bytes);
}
static inline void hone_unpoison(void *data, size_t size_bytes) {
    __asan_unpoison_memory_region(data, size_bytes);
}
#else
static inline void hone_poison(void *data, size_t size_bytes) {
    (void)data;
    (void)size_bytes;
}
static inline void hone_unpoison(void *data, size_t size_bytes) {
    (void)data;
    (void)size_bytes;
}
#endif

#endif
