/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells AddressSanitizer which bytes of a slab nobody may touch. Without it these do nothing.
 */
#ifndef HN_MEMORY_POISON_INTERNAL_H
#define HN_MEMORY_POISON_INTERNAL_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define HN_HAS_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HN_HAS_POISON 1
#endif
#endif

#ifdef HN_HAS_POISON
#include <sanitizer/asan_interface.h>
static inline void hn_poison(void *data, size_t size) {
    __asan_poison_memory_region(data, size);
}
static inline void hn_unpoison(void *data, size_t size) {
    __asan_unpoison_memory_region(data, size);
}
#else
static inline void hn_poison(void *data, size_t size) {
    (void)data;
    (void)size;
}
static inline void hn_unpoison(void *data, size_t size) {
    (void)data;
    (void)size;
}
#endif

#endif
