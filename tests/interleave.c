/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every simulated thread is a real one that waits for its turn, so that thread-local variables and
 * the sanitizers work as ever. An execution follows a list of decisions and goes on with the first
 * alternative (stay with the thread that runs) behind its end; the next execution changes the last
 * decision that has an alternative left: a depth-first search without any state but that list.
 */
#include "interleave.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "hone/platform/thread.h"

enum { DECISIONS_MAX = 100000, NOBODY = INTERLEAVE_THREADS_MAX };

typedef enum thread_state { UNUSED, RUNNABLE, BLOCKED, DONE } thread_state;

typedef struct simulated_thread {
    thread_state state;
    bool (*is_ready)(void *context); /* of a blocked one */
    void *ready_context;
    void (*run)(void *context); /* of a spawned one; NULL: the program's */
    void *run_context;
    hone_thread handle;
    jmp_buf home; /* for one that dies */
    _Atomic uint32_t has_turn;
} simulated_thread;

typedef struct decision {
    uint8_t chosen;
    uint8_t alternatives_count;
} decision;

/* One exploration at a time, see the contract. tidy: allow global: the code under test cannot hand
 * a pointer to its points. */
static struct {
    const interleave_program *program;
    simulated_thread threads[INTERLEAVE_THREADS_MAX];
    decision decisions[DECISIONS_MAX];
    uint32_t decisions_count; /* of the list to follow */
    uint32_t position;        /* in this execution */
    uint32_t preemptions_count;
    uint32_t cpu; /* that all of them run on */
    bool is_exploring;
    bool has_died;
    uint32_t death; /* NOBODY: none, or forgotten */
    bool is_ending; /* the real threads shall go home */
    _Atomic uint32_t is_execution_over;
} run;

/* tidy: allow global: the number of the calling thread, or NOBODY outside. */
static _Thread_local uint32_t self = NOBODY;

_Noreturn static void give_up(const char *what) {
    (void)fprintf(stderr, "interleave: %s: %s. Decisions:", run.program->name, what);
    for (uint32_t i = 0; i < run.position; i++) {
        (void)fprintf(stderr, " %u", (unsigned)run.decisions[i].chosen);
    }
    (void)fprintf(stderr, "\n");
    abort();
}

void interleave_check(bool holds, const char *what) {
    if (!holds) {
        give_up(what);
    }
}

static bool can_run(const simulated_thread *thread) {
    return thread->state == RUNNABLE ||
           (thread->state == BLOCKED && thread->is_ready(thread->ready_context));
}

/* Chooses among `count` alternatives as the list says, else the first. */
static uint32_t decide(uint32_t count) {
    if (count == 1) {
        return 0;
    }
    if (run.position == DECISIONS_MAX) {
        give_up("more decisions than can be kept");
    }
    decision *next = &run.decisions[run.position];
    if (run.position == run.decisions_count) {
        *next = (decision){0, (uint8_t)count};
        run.decisions_count++;
    }
    interleave_check(next->alternatives_count == count, "the program is not deterministic");
    run.position++;
    return next->chosen;
}

static void give_turn(uint32_t thread) {
    /* release: pairs with await_turn, so that the next one sees all that was written before */
    atomic_store_explicit(&run.threads[thread].has_turn, 1, memory_order_release);
    hone_futex_wake(&run.threads[thread].has_turn, 1);
}

static void await_turn(void) {
    _Atomic uint32_t *has_turn = &run.threads[self].has_turn;
    while (!atomic_load_explicit(has_turn, memory_order_acquire)) {
        hone_futex_wait(has_turn, 0, UINT64_MAX);
    }
    atomic_store_explicit(has_turn, 0, memory_order_relaxed);
}

/* Everybody who could run, the current thread first when it can. */
static uint32_t list_ready(uint32_t *out_threads, bool is_current_first) {
    uint32_t count = 0;
    if (is_current_first) {
        out_threads[count++] = self;
    }
    for (uint32_t i = 0; i < INTERLEAVE_THREADS_MAX; i++) {
        if (!(is_current_first && i == self) && can_run(&run.threads[i])) {
            out_threads[count++] = i;
        }
    }
    return count;
}

_Noreturn static void die(void) {
    run.has_died = true;
    run.death = self;
    longjmp(run.threads[self].home, 1);
}

void interleave_point(void) {
    if (self == NOBODY || !run.is_exploring) {
        return;
    }
    bool may_die = !run.has_died && (run.program->mortals >> self & 1) != 0;
    uint32_t ready[INTERLEAVE_THREADS_MAX] = {self};
    uint32_t count =
        run.preemptions_count == run.program->preemptions_max ? 1 : list_ready(ready, true);
    uint32_t chosen = decide(count + may_die);
    if (chosen == count) {
        die();
    }
    if (ready[chosen] != self) {
        run.preemptions_count++;
        give_turn(ready[chosen]);
        await_turn();
    }
}

uint32_t interleave_death(void) {
    return run.death == NOBODY ? UINT32_MAX : run.death;
}

void interleave_forget_death(void) {
    run.death = NOBODY;
}

/* Passes the turn on from a thread that cannot go on. While points are off, the first is taken. */
static void pass_on(void) {
    uint32_t ready[INTERLEAVE_THREADS_MAX];
    uint32_t count = list_ready(ready, false);
    if (count > 0) {
        give_turn(ready[run.is_exploring ? decide(count) : 0]);
        return;
    }
    for (uint32_t i = 0; i < INTERLEAVE_THREADS_MAX; i++) {
        interleave_check(run.threads[i].state != BLOCKED, "everybody waits, nobody can wake them");
    }
    atomic_store_explicit(&run.is_execution_over, 1, memory_order_release); /* pairs with explore */
    hone_futex_wake(&run.is_execution_over, 1);
}

void interleave_block(bool (*is_ready)(void *context), void *context) {
    simulated_thread *thread = &run.threads[self];
    if (is_ready(context)) {
        return;
    }
    thread->is_ready = is_ready;
    thread->ready_context = context;
    thread->state = BLOCKED;
    pass_on();
    await_turn();
    thread->state = RUNNABLE;
}

void interleave_set_exploring(bool is_exploring) {
    run.is_exploring = is_exploring;
}

uint32_t interleave_spawn(void (*function)(void *context), void *context) {
    uint32_t thread = 0;
    while (thread < INTERLEAVE_THREADS_MAX && run.threads[thread].state != UNUSED) {
        thread++;
    }
    interleave_check(thread < INTERLEAVE_THREADS_MAX, "too many threads");
    run.threads[thread].run = function;
    run.threads[thread].run_context = context;
    run.threads[thread].state = RUNNABLE;
    return thread;
}

static bool is_done(void *context) {
    return ((const simulated_thread *)context)->state == DONE;
}

void interleave_join(uint32_t thread) {
    interleave_block(is_done, &run.threads[thread]);
}

static void thread_main(void *context) {
    simulated_thread *thread = context;
    self = (uint32_t)(thread - run.threads);
    /* All on one CPU: handing the turn over is cheapest there. Where it is forbidden it is slower.
     */
    (void)!hone_thread_pin(run.cpu);
    for (;;) {
        await_turn();
        if (run.is_ending) {
            return;
        }
        if (setjmp(thread->home) == 0) {
            if (thread->run) {
                thread->run(thread->run_context);
            } else {
                run.program->run(run.program->context, self);
            }
        }
        thread->state = DONE;
        pass_on();
    }
}

static void execute_once(void) {
    run.position = 0;
    run.preemptions_count = 0;
    run.is_exploring = true;
    run.has_died = false;
    run.death = NOBODY;
    atomic_store_explicit(&run.is_execution_over, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < INTERLEAVE_THREADS_MAX; i++) {
        run.threads[i].state = i < run.program->threads_count ? RUNNABLE : UNUSED;
        run.threads[i].run = NULL;
    }
    uint32_t ready[INTERLEAVE_THREADS_MAX];
    give_turn(ready[decide(list_ready(ready, false))]);
    while (!atomic_load_explicit(&run.is_execution_over, memory_order_acquire)) {
        hone_futex_wait(&run.is_execution_over, 0, UINT64_MAX);
    }
}

/* Changes the last decision that can be changed and forgets what followed it. */
static bool next_schedule(void) {
    while (run.decisions_count > 0) {
        decision *last = &run.decisions[run.decisions_count - 1];
        if (++last->chosen < last->alternatives_count) {
            return true;
        }
        run.decisions_count--;
    }
    return false;
}

uint64_t interleave_explore(const interleave_program *program) {
    uint64_t executions_count = 0;
    run.program = program;
    run.decisions_count = 0;
    run.is_ending = false;
    run.cpu = hone_thread_cpu();
    for (uint32_t i = 0; i < INTERLEAVE_THREADS_MAX; i++) {
        assert_int_equal(
            hone_thread_create("interleave", thread_main, &run.threads[i], &run.threads[i].handle),
            HONE_OK);
    }
    do {
        program->begin(program->context);
        execute_once();
        program->end(program->context);
        executions_count++;
    } while (next_schedule() && executions_count < program->executions_max);
    run.is_ending = true;
    for (uint32_t i = 0; i < INTERLEAVE_THREADS_MAX; i++) {
        give_turn(i);
        hone_thread_join(run.threads[i].handle);
    }
    if (run.decisions_count > 0) {
        fail_msg("%s: not all orders fit into %llu executions", program->name,
                 (unsigned long long)program->executions_max);
    }
    return executions_count;
}
