/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hints to the compiler and the processor: which way a branch goes, what is fetched soon, what must
 * be inlined or kept out of the way. For the few hot paths that a bench shows; nothing here changes
 * what code does.
 *
 * Contract: macros without state. A prefetch never faults, whatever the address is.
 */
#ifndef HONE_BASE_HINTS_H
#define HONE_BASE_HINTS_H

/* Bytes that travel between cores together: what different threads write stands this far apart.
 * 64 on x86 and on most of aarch64; where lines are longer it costs speed, never correctness. */
#define HONE_CACHE_LINE_BYTES 64

#if defined(__GNUC__)
/* The condition as 0 or 1, laid out for the case that it is nearly always so. */
#define HONE_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define HONE_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Begins to fetch the line at `address` into all caches, to be read, or to be written. */
#define HONE_PREFETCH_READ(address) __builtin_prefetch((address), 0, 3)
#define HONE_PREFETCH_WRITE(address) __builtin_prefetch((address), 1, 3)

/* Before a function: rarely called (not inlined, placed away from hot code, and branches to it
 * count as unlikely), or inlined even where the compiler would rather not. */
#define HONE_COLD __attribute__((cold, noinline))
#define HONE_ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define HONE_LIKELY(condition) (!!(condition))
#define HONE_UNLIKELY(condition) (!!(condition))
#define HONE_PREFETCH_READ(address) ((void)(address))
#define HONE_PREFETCH_WRITE(address) ((void)(address))
#define HONE_COLD
#define HONE_ALWAYS_INLINE inline
#endif

#endif
