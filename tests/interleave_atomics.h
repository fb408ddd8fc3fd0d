/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a point before each atomic access of the code that is included after this header.
 */
#ifndef HONE_TESTS_INTERLEAVE_ATOMICS_H
#define HONE_TESTS_INTERLEAVE_ATOMICS_H

#include <stdatomic.h>

#include "interleave.h"

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_compare_exchange_strong_explicit

/* The builtins that gcc and clang make the standard's macros of. */
#ifdef __clang__
#define INTERLEAVE_BUILTIN(name_c11, name_gnu) name_c11
#define INTERLEAVE_CAS(object, expected, desired, success, failure) \
    __c11_atomic_compare_exchange_strong(object, expected, desired, success, failure)
#else
#define INTERLEAVE_BUILTIN(name_c11, name_gnu) name_gnu
#define INTERLEAVE_CAS(object, expected, desired, success, failure) \
    __atomic_compare_exchange_n(object, expected, desired, 0, success, failure)
#endif

#define atomic_load_explicit(object, order) \
    (interleave_point(), INTERLEAVE_BUILTIN(__c11_atomic_load, __atomic_load_n)(object, order))
#define atomic_store_explicit(object, value, order) \
    (interleave_point(),                            \
     INTERLEAVE_BUILTIN(__c11_atomic_store, __atomic_store_n)(object, value, order))
#define atomic_exchange_explicit(object, value, order) \
    (interleave_point(),                               \
     INTERLEAVE_BUILTIN(__c11_atomic_exchange, __atomic_exchange_n)(object, value, order))
#define atomic_fetch_add_explicit(object, value, order) \
    (interleave_point(),                                \
     INTERLEAVE_BUILTIN(__c11_atomic_fetch_add, __atomic_fetch_add)(object, value, order))
#define atomic_fetch_sub_explicit(object, value, order) \
    (interleave_point(),                                \
     INTERLEAVE_BUILTIN(__c11_atomic_fetch_sub, __atomic_fetch_sub)(object, value, order))
#define atomic_fetch_or_explicit(object, value, order) \
    (interleave_point(),                               \
     INTERLEAVE_BUILTIN(__c11_atomic_fetch_or, __atomic_fetch_or)(object, value, order))
#define atomic_fetch_and_explicit(object, value, order) \
    (interleave_point(),                                \
     INTERLEAVE_BUILTIN(__c11_atomic_fetch_and, __atomic_fetch_and)(object, value, order))
#define atomic_compare_exchange_strong_explicit(object, expected, desired, success, failure) \
    (interleave_point(), INTERLEAVE_CAS(object, expected, desired, success, failure))

#endif
