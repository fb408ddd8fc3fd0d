/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel: everything a session has, in one object. What each file of the engine offers to the
 * others stands in the headers included at the end of this one's users: collector, symbols,
 * numbers, evaluate, match.
 */
#ifndef HN_LYRA_KERNEL_INTERNAL_H
#define HN_LYRA_KERNEL_INTERNAL_H

#include <setjmp.h>
#include <stdatomic.h>

#include <gmp.h>
#include <mpfr.h>

#include "collector_internal.h"
#include "system_symbols_internal.h"
#include "value_internal.h"

#include "hone/base/allocator.h"
#include "hone/base/buffer.h"
#include "hone/lyra/lyra.h"

enum {
    HN_STACK_VALUES_MAX = 1 << 22,
    HN_CLOCK_GROUPS = 16,
    HN_SYMBOLS_PER_SEGMENT = 1024,
    HN_FUNCTION_CACHE = 512,
    HN_OUTPUT_BYTES_MAX = 64 << 20,
};

typedef enum hn_attribute {
    HN_FLAT = 1 << 0,
    HN_ORDERLESS = 1 << 1,
    HN_ONE_IDENTITY = 1 << 2,
    HN_LISTABLE = 1 << 3,
    HN_HOLD_FIRST = 1 << 4,
    HN_HOLD_REST = 1 << 5,
    HN_HOLD_ALL = HN_HOLD_FIRST | HN_HOLD_REST,
    HN_HOLD_ALL_COMPLETE = 1 << 6,
    HN_SEQUENCE_HOLD = 1 << 7,
    HN_PROTECTED = 1 << 8,
    HN_LOCKED = 1 << 9,
    HN_READ_PROTECTED = 1 << 10,
    HN_CONSTANT = 1 << 11,
    HN_NUMERIC_FUNCTION = 1 << 12,
    HN_TEMPORARY = 1 << 13,
    HN_N_HOLD_FIRST = 1 << 14,
    HN_N_HOLD_REST = 1 << 15,
    HN_N_HOLD_ALL = HN_N_HOLD_FIRST | HN_N_HOLD_REST,
    HN_STUB = 1 << 16,
} hn_attribute;

/* f[arguments]: what a built-in gets. The arguments lie on the value stack. */
typedef struct hn_call {
    hn_value head;
    hn_value *args;
    uint32_t count;
    hn_value node; /* the same as an expression, or HN_NONE when nobody has made it yet */
} hn_call;

/* What a built-in does: the value of the call, or HN_NONE to leave it as it is. */
typedef hn_value (*hn_function)(hone_lyra *lyra, hn_call *call);

/* Built-ins that the evaluator does itself, on bodies with locals. */
typedef enum hn_special {
    HN_SPECIAL_NONE,
    HN_SPECIAL_IF,
    HN_SPECIAL_COMPOUND,
    HN_SPECIAL_AND,
    HN_SPECIAL_OR,
} hn_special;

/* One row of a table of built-ins. */
typedef struct hn_builtin {
    const char *name;
    hn_function function;
    uint32_t attributes;
    int16_t args_min, args_max; /* max -1: any number. Outside of it: message argx and its like */
    const char *usage;
} hn_builtin;

typedef struct hn_rules hn_rules;

struct hn_symbol {
    hn_value own; /* the value of x in x = value, or HN_NONE */
    uint32_t attributes;
    uint16_t group;
    uint8_t special;
    bool is_marked, is_system, is_free, is_removed;
    hn_function function;
    hn_rules *down, *up, *sub;
    /* From here on: rarely used. */
    hn_value own_rule; /* of x /; test := value and other patterns: a list of rules, or HN_NONE */
    hn_rules *numeric, *formats, *defaults;
    hn_value messages; /* list of rules tag -> text */
    hn_value options;  /* list */
    const hn_builtin *builtin;
    const char *name; /* with its context; owned by the kernel */
    uint32_t name_bytes, context_bytes;
    uint32_t id;
};

typedef enum hn_unwind_reason {
    HN_UNWIND_NONE,
    HN_UNWIND_THROW,
    HN_UNWIND_RETURN,
    HN_UNWIND_BREAK,
    HN_UNWIND_CONTINUE,
    HN_UNWIND_ABORT,
    HN_UNWIND_TIME,
    HN_UNWIND_MEMORY,
    HN_UNWIND_QUIT,
    HN_UNWIND_GOTO,
} hn_unwind_reason;

/* A place that an unwinding can stop at. See unwind.c. */
typedef struct hn_catch {
    jmp_buf target;
    struct hn_catch *outer;
    size_t stack_top;
    uint32_t restores_count, depth, reasons, quiet_depth;
    hn_value condition, form, sown;
} hn_catch;

/* What Block and its like have changed and an unwinding has to put back. */
typedef struct hn_restore {
    hn_symbol *symbol;
    hn_value own, own_rule;
    hn_rules *down, *up, *sub;
    uint32_t attributes;
    bool is_own_only;
} hn_restore;

struct hone_lyra {
    hn_collector collector;
    hn_value *stack; /* of values; the arguments of all calls that run */
    size_t stack_top, stack_capacity;
    uint32_t depth, depth_max, iterations_max;
    uint32_t epoch; /* counts definitions */
    uint32_t clocks[HN_CLOCK_GROUPS];
    uint32_t messages_count; /* issued or suppressed */
    uint32_t quiet_depth;
    const char *stack_limit; /* the lowest address the C stack may reach */
    hn_catch *catches;
    hn_restore *restores;
    uint32_t restores_count, restores_capacity;
    hn_unwind_reason reason;
    hn_value thrown, thrown_tag;
    _Atomic uint32_t is_interrupted;
    uint32_t ticks; /* until the next look at interrupts and time limits */
    uint64_t deadline_ns;
    /* symbols */
    hn_symbol **segments;
    uint32_t segments_count, symbols_count, symbols_max;
    uint32_t *table; /* open addressing: id + 1 */
    uint32_t table_capacity;
    uint32_t *free_ids; /* of collected temporaries */
    uint32_t free_ids_count, free_ids_capacity;
    uint64_t module_number;
    char *context; /* $Context */
    uint32_t context_bytes;
    hn_value context_path; /* list of strings */
    hn_value context_stack;
    /* evaluation of functions */
    struct {
        hn_value function, compiled;
    } function_cache[HN_FUNCTION_CACHE];
    struct {
        hn_value pattern, compiled;
    } pattern_cache[HN_FUNCTION_CACHE];
    hn_value sown, quieted, reaped, messages_list, history, inputs;
    hn_value handles; /* what the outside holds */
    hn_value options_defaults;
    uint32_t line;
    int exit_code;
    uint64_t random[4];
    uint64_t evaluations_count, rules_tried_count;
    hone_buffer text;  /* what printers write into before it is a value */
    mpz_t integers[4]; /* what GMP and MPFR compute with; so that unwinding loses nothing */
    mpfr_t reals[4];
    const hone_allocator *allocator;
    hone_lyra_options options;
    hn_symbol system[HN_SYSTEM_SYMBOLS_COUNT];
};

#define HN_SYM(lyra, name) hn_of_symbol(&(lyra)->system[HN_S_##name])
#define HN_IS_SYM(lyra, value, name) ((value) == HN_SYM(lyra, name))
#define HN_IS_FORM(lyra, value, name) hn_has_head((value), HN_SYM(lyra, name))

#endif
