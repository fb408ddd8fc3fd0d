/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lyra: a symbolic language with the syntax and the semantics of the Wolfram Language, to be used
 * as a program of its own or inside another one.
 *
 * A kernel is one session: its symbols, their definitions, and the memory of all expressions. It
 * reads text, evaluates it in the documented order to a fixed point, and prints the result in one
 * of the language's forms.
 *
 * Contract: confined: a kernel belongs to one thread at a time; kernels share nothing. Only
 * hone_lyra_interrupt is shared. Memory is bounded by memory_bytes_max, C stack by
 * stack_bytes_max, and what runs into a bound ends with a message of the language; the kernel
 * stays usable. No files, no clock but the monotonic one, no output: what programs print and
 * messages they cause go to the callbacks. Uses GMP and MPFR, which end the process when malloc
 * fails; their numbers are bounded long before.
 */
#ifndef HONE_LYRA_LYRA_H
#define HONE_LYRA_LYRA_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/allocator.h"
#include "hone/base/buffer.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

typedef struct hone_lyra hone_lyra;

typedef struct hone_lyra_options {
    size_t memory_bytes_max; /* of expressions; 0 means 1 GiB */
    size_t stack_bytes_max;  /* of the C stack, from where a kernel is entered; 0 means 4 MiB */
    uint32_t symbols_max;    /* 0 means 1000000 */
    uint64_t random_seed;    /* of RandomInteger and others; 0 means 1 */
    /* What Print and its like say, without a line end at the end. NULL: nowhere. */
    void (*print)(void *self, hone_text text);
    /* A message, as "f::tag: text". NULL: nowhere. */
    void (*message)(void *self, hone_text text);
    void *self;
} hone_lyra_options;

typedef enum hone_lyra_form {
    HONE_LYRA_OUTPUT_FORM,
    HONE_LYRA_INPUT_FORM,
    HONE_LYRA_FULL_FORM,
} hone_lyra_form;

typedef struct hone_lyra_stats {
    size_t live_bytes; /* reachable at the last collection */
    size_t held_bytes; /* taken from the allocator for expressions */
    size_t peak_bytes; /* the most that was ever held */
    uint64_t collections_count;
    uint64_t evaluations_count;
    uint64_t rules_tried_count;
    uint32_t symbols_count;
} hone_lyra_stats;

/* `options` may be NULL; `allocator` NULL means libc. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_lyra_create(const hone_lyra_options *options,
                                           const hone_allocator *allocator, hone_diag *diag,
                                           hone_lyra **out_lyra);

/* NULL is allowed. */
void hone_lyra_destroy(hone_lyra *lyra);

/* Reads all expressions of `source` and evaluates one after the other; the last result is appended
 * to `out_result` (may be NULL) in the form asked for, nothing when it is Null. `name` is what
 * messages call the source, or NULL. SYNTAX with the position in `diag`; then nothing from there on
 * was evaluated. LIMIT when the result does not fit into the buffer. INTERRUPTED after
 * hone_lyra_interrupt, EVALUATION_MEMORY when memory_bytes_max was reached; EVALUATION_QUIT when
 * the program called Quit[] or Exit[]. */
HONE_MUST_USE hone_status hone_lyra_evaluate(hone_lyra *lyra, const char *name, hone_text source,
                                             hone_lyra_form form, hone_diag *diag,
                                             hone_buffer *out_result);

/* As hone_lyra_evaluate, as one line of a session: evaluates what `$Line` counts, keeps In[n] and
 * Out[n], and says in *out_line which n it was, and in *out_is_null whether there is nothing to
 * show. */
HONE_MUST_USE hone_status hone_lyra_evaluate_line(hone_lyra *lyra, hone_text source,
                                                  hone_diag *diag, hone_buffer *out_result,
                                                  uint32_t *out_line, bool *out_is_null);

/* True when `source` is the beginning of something: an open bracket, string or comment, or an
 * operator without its right side. For line editors. */
bool hone_lyra_is_incomplete(hone_lyra *lyra, hone_text source);

/* Reads `source`, does not evaluate it, and prints it in the form asked for. SYNTAX, LIMIT. */
HONE_MUST_USE hone_status hone_lyra_reformat(hone_lyra *lyra, hone_text source, hone_lyra_form form,
                                             hone_diag *diag, hone_buffer *out_text);

/* Makes the evaluation that runs now, or the next one, end with $Aborted. Shared; may be called
 * from a signal handler. */
void hone_lyra_interrupt(hone_lyra *lyra);

/* The exit code that the program gave to Quit or Exit. */
int hone_lyra_exit_code(const hone_lyra *lyra);

void hone_lyra_stats_read(const hone_lyra *lyra, hone_lyra_stats *out_stats);

/* The names of System` symbols that begin with `prefix`, one after the other from *cursor (0 at
 * first); NULL at the end. Borrowed from the kernel. For completion and for checks of the
 * tables. */
const char *hone_lyra_next_name(const hone_lyra *lyra, const char *prefix, uint32_t *cursor);

#endif
