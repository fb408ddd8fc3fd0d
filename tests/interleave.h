/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a small concurrent program in every order that its threads' steps can take, up to a stated
 * number of preemptions, and always the same way: a lost wake-up or a race becomes a failure that
 * repeats, instead of one in a million runs. For tests of lock-free code and of sleeping.
 *
 * One thread runs at a time. It can lose its turn at a point (interleave_point, which stands before
 * every atomic access: see interleave_atomics.h) and where it blocks. Taking the turn from a thread
 * that could go on is a preemption; bugs nearly always show with two or three (M. Musuvathi,
 * S. Qadeer, Iterative context bounding for systematic testing of multithreaded programs, PLDI
 * 2007). The memory seen is sequentially consistent: wrong memory orders are the thread
 * sanitizer's to find.
 *
 * Contract: for tests. One exploration at a time. A program in which everybody waits ends the
 * process with a message, because its threads cannot be unwound.
 */
#ifndef HONE_TESTS_INTERLEAVE_H
#define HONE_TESTS_INTERLEAVE_H

#include <stdbool.h>
#include <stdint.h>

enum { INTERLEAVE_THREADS_MAX = 6 };

typedef struct interleave_program {
    const char *name;
    uint32_t threads_count;   /* that begin at once, as run(context, 0), run(context, 1), ... */
    uint32_t preemptions_max; /* per execution */
    uint64_t executions_max;  /* a guard: reaching it is a failure of the test's design */
    void (*begin)(void *context);
    void (*run)(void *context, uint32_t thread);
    void (*end)(void *context); /* checks what came out; cmocka asserts are allowed here only */
    void *context;
    uint32_t mortals; /* bit i: thread i may die at any point; one death per execution at most */
} interleave_program;

/* Explores everything; returns the number of executions. Fails the cmocka test at the guard. */
uint64_t interleave_explore(const interleave_program *program);

/* A place where the turn may pass to another thread. Nothing outside of an exploration. */
void interleave_point(void);

/* Waits until is_ready(context), which may look at plain memory and must not reach a point. */
void interleave_block(bool (*is_ready)(void *context), void *context);

/* Starts one more thread within an execution, and waits for its end. */
uint32_t interleave_spawn(void (*function)(void *context), void *context);
void interleave_join(uint32_t thread);

/* Switches points off and on for the whole execution: for the parts that are not to be explored.
 * On at the beginning of each. */
void interleave_set_exploring(bool is_exploring);

/* The thread that died in this execution, until the death is forgotten; UINT32_MAX: none. A death
 * ends everybody's futex wait, as a look at the others after a while does in the real world. */
uint32_t interleave_death(void);
void interleave_forget_death(void);

/* For checks inside of a thread: ends the process with the trace when `holds` is false. */
void interleave_check(bool holds, const char *what);

#endif
