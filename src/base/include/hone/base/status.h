/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error type of hone, and the caller's place for the details of an error.
 *
 * Every call that can fail returns a `hone_status`; results leave through `out_` parameters, last
 * in the list and written only on success. What a person needs (where, what, what to do) goes into
 * an optional `hone_diag`.
 *
 * Contract: no allocation, no global state; a `hone_diag` is confined to its owner. Passing NULL
 * for a diag is always allowed and costs nothing.
 */
#ifndef HONE_BASE_STATUS_H
#define HONE_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* name, number, text. A numbered range per layer: base 1, platform 100, measure 200, memory 300,
 * scheduler 400, io 500, channel 600, wasm 700, nn 750, vector 800, learn 830, cache 860, lyra 900,
 * node 1000. Numbers are part of the ABI and never reused. */
#define HONE_STATUS_LIST(X)                                           \
    X(INVALID_ARGUMENT, 1, "invalid argument")                        \
    X(OUT_OF_MEMORY, 2, "out of memory")                              \
    X(OVERFLOW, 3, "a number is out of range")                        \
    X(LIMIT, 4, "a stated limit was reached")                         \
    X(SYNTAX, 5, "syntax error")                                      \
    X(ENCODING, 6, "not valid UTF-8")                                 \
    X(TYPE_MISMATCH, 7, "wrong type")                                 \
    X(NOT_FOUND, 8, "not found")                                      \
    X(DUPLICATE, 9, "already there")                                  \
    X(TRUNCATED, 10, "ends too early")                                \
    X(CORRUPT, 11, "damaged data")                                    \
    X(UNSUPPORTED, 12, "not supported")                               \
    X(INTERNAL, 13, "internal error (please report it)")              \
    X(IO, 100, "input/output error")                                  \
    X(ABSENT, 101, "this machine does not have it")                   \
    X(FORBIDDEN, 102, "permission denied")                            \
    X(NO_SPACE, 103, "no space left")                                 \
    X(BROKEN_PIPE, 104, "the reader is gone")                         \
    X(WOULD_BLOCK, 105, "not ready yet")                              \
    X(TIMEOUT, 106, "timed out")                                      \
    X(INTERRUPTED, 107, "interrupted")                                \
    X(IS_DIRECTORY, 108, "is a directory")                            \
    X(REGRESSED, 200, "slower than the baseline")                     \
    X(INCONCLUSIVE, 201, "too noisy for a verdict")                   \
    X(BUDGET, 300, "memory budget exhausted")                         \
    X(STOPPED, 400, "the scheduler is stopping")                      \
    X(CANCELLED, 500, "cancelled")                                    \
    X(REFUSED, 501, "nobody listens there")                           \
    X(FULL, 600, "channel full")                                      \
    X(EMPTY, 601, "channel empty")                                    \
    X(CLOSED, 602, "channel closed")                                  \
    X(NOT_CONNECTED, 603, "nobody is at the other end")               \
    X(PEER_DEAD, 604, "the other end died")                           \
    X(LOST, 605, "messages were dropped")                             \
    X(MALFORMED, 700, "not well-formed WebAssembly")                  \
    X(INVALID_MODULE, 701, "an invalid module")                       \
    X(UNLINKABLE, 702, "an import cannot be linked")                  \
    X(TRAP, 703, "the program trapped")                               \
    X(WRONG_DIMENSION, 800, "wrong number of elements")               \
    X(NOT_FINITE, 801, "not a finite vector")                         \
    X(READ_ONLY, 802, "opened for reading only")                      \
    X(EVALUATION_MEMORY, 900, "the evaluation needs too much memory") \
    X(EVALUATION_QUIT, 901, "the program quit")                       \
    X(CYCLE, 1000, "stages form a cycle")                             \
    X(UNCONNECTED, 1001, "a stage is not connected")                  \
    X(BAD_RECORD, 1002, "a record could not be read")

typedef enum hone_status {
    HONE_OK = 0,
#define HONE_STATUS_ENUM(name, number, text) HONE_STATUS_##name = number,
    HONE_STATUS_LIST(HONE_STATUS_ENUM)
#undef HONE_STATUS_ENUM
} hone_status;

#if defined(__GNUC__)
#define HONE_MUST_USE __attribute__((warn_unused_result))
#define HONE_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))
#else
#define HONE_MUST_USE
#define HONE_PRINTF(format_index, first_index)
#endif

/* Where an error happened and what to do about it. Filled by the call that failed; no part is
 * borrowed. */
typedef struct hone_diag {
    hone_status status;
    char file[256];       /* "" when no file is concerned */
    uint32_t line;        /* 1-based; 0 when unknown */
    uint32_t column;      /* 1-based, in bytes; 0 when unknown */
    uint64_t byte_offset; /* from the start of the file; meaningful when line is not 0 */
    char subject[96];     /* the stage, field or key concerned, or "" */
    char message[512];    /* one sentence: what was found, what was expected, what to do */
} hone_diag;

/* The name of a status as in the source ("OUT_OF_MEMORY"), and its text. Never NULL. */
const char *hone_status_name(hone_status status);
const char *hone_status_text(hone_status status);

/* Empties `diag`. NULL is allowed. */
void hone_diag_clear(hone_diag *diag);

/* Sets status and message, keeps a position that was set before, and returns `status`, so that a
 * failing function can end in `return hone_diag_set(diag, HONE_STATUS_LIMIT, "...")`. Over-long
 * text is cut. NULL diag is allowed. */
hone_status hone_diag_set(hone_diag *diag, hone_status status, const char *format, ...)
    HONE_PRINTF(3, 4);

/* Sets the place. `file` and `subject` may be NULL to keep what is there. NULL diag is allowed. */
void hone_diag_at(hone_diag *diag, const char *file, uint32_t line, uint32_t column);
void hone_diag_about(hone_diag *diag, const char *subject);

/* Writes "file:line:column: subject: message" (parts that are unknown are left out) as a terminated
 * string into `out_text` of `size` bytes, cut to fit, and returns the length written. A control
 * character becomes '?', so that names and data cannot steer the terminal. */
size_t hone_diag_format(const hone_diag *diag, char *out_text, size_t size);

#endif
