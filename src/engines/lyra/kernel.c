/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a kernel, and its entry: text in, text out. */
#include <stdio.h>

#include "builtins_internal.h"
#include "reader_internal.h"

enum {
    MEMORY_BYTES = 1 << 30,
    STACK_BYTES = 4 << 20,
    SYMBOLS = 1000000,
    RECURSION = 1024,
    ITERATIONS = 4096,
    TEXT_BYTES_MAX = 256 << 20,
    RESERVE_BYTES = 1 << 20,
};

static const hn_builtin *const tables[] = {
    hn_builtins_control,     hn_builtins_iteration,   hn_builtins_scoping,
    hn_builtins_assign,      hn_builtins_definitions, hn_builtins_arithmetic,
    hn_builtins_powers,      hn_builtins_comparison,  hn_builtins_replacing,
    hn_builtins_parts,       hn_builtins_lists,       hn_builtins_functional,
    hn_builtins_elementary,  hn_builtins_strings,     hn_builtins_associations,
    hn_builtins_polynomials,
};

static void register_builtins(hone_lyra *lyra) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const hn_builtin *row = tables[i]; row->name; row++) {
            char full[96];
            int size = snprintf(full, sizeof full, "System`%s", row->name);
            hn_symbol *symbol = hn_symbol_of_full_name(lyra, (hone_text){full, (size_t)size}, true);
            symbol->function = row->function;
            symbol->attributes = row->attributes;
            symbol->builtin = row;
        }
    }
    lyra->system[HN_S_If].special = HN_SPECIAL_IF;
    lyra->system[HN_S_CompoundExpression].special = HN_SPECIAL_COMPOUND;
    lyra->system[HN_S_And].special = HN_SPECIAL_AND;
    lyra->system[HN_S_Or].special = HN_SPECIAL_OR;
    for (uint32_t i = 0; i < lyra->symbols_count; i++) {
        hn_symbol_at(lyra, i)->attributes |= HN_PROTECTED;
    }
    hn_symbol *infinity = &lyra->system[HN_S_Infinity];
    infinity->own = hn_make1(lyra, HN_SYM(lyra, DirectedInfinity), hn_of_small(1));
    lyra->system[HN_S_ComplexInfinity].own = hn_make0(lyra, HN_SYM(lyra, DirectedInfinity));
    lyra->system[HN_S_I].own = hn_make_complex(lyra, hn_of_small(0), hn_of_small(1));
}

/* A name in System` that programs may assign to, as $RecursionLimit. */
static void define(hone_lyra *lyra, const char *name, hn_value value) {
    char full[96];
    int size = snprintf(full, sizeof full, "System`%s", name);
    hn_symbol *symbol = hn_symbol_of_full_name(lyra, (hone_text){full, (size_t)size}, true);
    symbol->own = value;
    symbol->attributes &= ~(uint32_t)HN_PROTECTED;
}

static void set_up(hone_lyra *lyra) {
    hn_push(lyra, HN_NONE); /* 0 is no environment */
    hn_value path[] = {hn_make_string(lyra, HONE_TEXT("System`")),
                       hn_make_string(lyra, HONE_TEXT("Global`"))};
    lyra->context_path = hn_make_list(lyra, path, 2);
    lyra->context_stack = lyra->sown = lyra->quieted = lyra->messages_list = HN_SYM(lyra, Null);
    lyra->reaped = HN_SYM(lyra, Null);
    lyra->history = lyra->inputs = hn_make_list(lyra, NULL, 0);
    register_builtins(lyra);
    define(lyra, "$RecursionLimit", hn_of_small(RECURSION));
    define(lyra, "$IterationLimit", hn_of_small(ITERATIONS));
    define(lyra, "$MaxMachineNumber", hn_make_real(lyra, 1.7976931348623157e308));
    define(lyra, "$MinMachineNumber", hn_make_real(lyra, 2.2250738585072014e-308));
    define(lyra, "$MachineEpsilon", hn_make_real(lyra, 2.220446049250313e-16));
    define(lyra, "$MachinePrecision", hn_make_real(lyra, 15.954589770191003));
    define(lyra, "$MaxPrecision", HN_SYM(lyra, Infinity));
    define(lyra, "$MinPrecision", hn_of_small(0));
    define(lyra, "$Assumptions", HN_SYM(lyra, True));
    define(lyra, "$Failed",
           hn_of_symbol(hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Failed"), true)));
    hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Failed"), true)->own = HN_NONE;
    hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Aborted"), true)->own = HN_NONE;
}

void hn_kernel_mark_roots(hone_lyra *lyra) {
    for (size_t i = 0; i < lyra->stack_top; i++) {
        hn_collector_mark_word(lyra, lyra->stack[i]);
    }
    const hn_value values[] = {lyra->context_path, lyra->context_stack,   lyra->sown,
                               lyra->quieted,      lyra->reaped,          lyra->messages_list,
                               lyra->history,      lyra->inputs,          lyra->thrown,
                               lyra->thrown_tag,   lyra->options_defaults};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        hn_collector_mark(lyra, values[i]);
    }
    for (uint32_t i = 0; i < lyra->restores_count; i++) {
        const hn_restore *it = &lyra->restores[i];
        it->symbol->is_marked = true;
        hn_collector_mark(lyra, it->own);
        hn_collector_mark(lyra, it->own_rule);
        if (!it->is_own_only) {
            hn_rules_mark(lyra, it->down);
            hn_rules_mark(lyra, it->up);
            hn_rules_mark(lyra, it->sub);
        }
    }
    for (const hn_catch *at = lyra->catches; at; at = at->outer) {
        hn_collector_mark(lyra, at->form);
        hn_collector_mark(lyra, at->sown);
    }
    /* what is cached may be compiled again */
    memset(lyra->function_cache, 0, sizeof lyra->function_cache);
    memset(lyra->pattern_cache, 0, sizeof lyra->pattern_cache);
    hn_symbols_mark(lyra);
}

/* --- entry ----------------------------------------------------------------------------------- */

typedef struct job {
    hn_reader reader;
    hone_lyra_form form;
    hone_diag *diag;
    hone_buffer *out;
    hone_status status;
    hn_value value;
    bool is_line, is_null, is_reformat;
} job;

static void record(hone_lyra *lyra, hn_value *list, hn_value value) {
    size_t top = lyra->stack_top;
    hn_stack_need(lyra, hn_count(*list) + 1);
    for (uint32_t i = 0; i < hn_count(*list); i++) {
        hn_push(lyra, hn_arg(*list, i));
    }
    hn_push(lyra, value);
    *list = hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    hn_symbol_changed(lyra, &lyra->system[HN_S_Out]);
}

static void evaluate_all(hone_lyra *lyra, job *it) {
    it->value = HN_SYM(lyra, Null);
    for (;;) {
        hn_value expression;
        it->status = hn_read_next(&it->reader, it->diag, &expression);
        if (it->status || expression == HN_NONE) {
            return;
        }
        it->value = expression;
        if (!it->is_reformat) {
            it->value = hn_evaluate(lyra, expression);
        }
    }
}

static void show(hone_lyra *lyra, job *it) {
    it->is_null = it->value == HN_SYM(lyra, Null);
    if (it->out && (!it->is_null || it->is_reformat)) {
        hn_print(lyra, it->value, it->form, it->out);
        it->status = hone_buffer_status(it->out);
        if (it->status) {
            (void)hone_diag_set(it->diag, it->status, "the result is too long to be shown");
        }
    }
}

static hn_value aborted(hone_lyra *lyra) {
    return hn_of_symbol(hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Aborted"), true));
}

static void judge_unwinding(hone_lyra *lyra, job *it) {
    hn_value thrown = lyra->thrown;
    it->value = aborted(lyra);
    lyra->thrown = HN_NONE;
    switch (lyra->reason) {
    case HN_UNWIND_QUIT: it->status = HONE_STATUS_EVALUATION_QUIT; return;
    case HN_UNWIND_MEMORY:
        it->status = hone_diag_set(it->diag, HONE_STATUS_EVALUATION_MEMORY,
                                   "the evaluation needs more memory than it may have");
        if (lyra->options.message) { /* as a constant: there is no memory to make it */
            lyra->options.message(lyra->options.self,
                                  HONE_TEXT("General::nomem: The current computation was aborted "
                                            "because there was insufficient memory available to "
                                            "complete the computation."));
        }
        return;
    case HN_UNWIND_ABORT:
        if (thrown != HN_NONE) {
            it->value = thrown;
        } else {
            it->status = hone_diag_set(it->diag, HONE_STATUS_INTERRUPTED, "aborted");
        }
        return;
    default: it->value = thrown != HN_NONE ? thrown : it->value; return;
    }
}

/* Keeps what was read, for In[n]; what an unwinding left, for Out[n]. */
static void run(hone_lyra *lyra, job *it) {
    hn_catch here;
    lyra->catches = NULL;
    hn_catch_push(lyra, &here, ~0u);
    if (setjmp(here.target) == 0) {
        evaluate_all(lyra, it);
    } else {
        judge_unwinding(lyra, it);
    }
    bool is_shown = it->status == HONE_OK;
    if (setjmp(here.target) == 0) {
        lyra->catches = &here;
        if (it->is_line && it->status != HONE_STATUS_SYNTAX &&
            it->status != HONE_STATUS_TRUNCATED) {
            record(lyra, &lyra->history, it->value);
        }
        if (is_shown) {
            show(lyra, it);
        }
    } else {
        judge_unwinding(lyra, it);
    }
    lyra->catches = NULL;
}

/* A session whose definitions fill the memory that it may have gets a little more, so that it can
 * clear some. */
static void set_memory_limit(hone_lyra *lyra) {
    size_t limit = lyra->options.memory_bytes_max;
    bool is_full = lyra->collector.held_bytes + RESERVE_BYTES > limit;
    lyra->collector.bytes_max = is_full ? limit + RESERVE_BYTES : limit;
}

static hone_status enter(hone_lyra *lyra, job *it) {
    set_memory_limit(lyra);
    lyra->collector.stack_base = __builtin_frame_address(0);
    lyra->stack_limit = lyra->collector.stack_base - lyra->options.stack_bytes_max;
    lyra->depth = 0;
    lyra->quiet_depth = 0;
    lyra->deadline_ns = 0;
    lyra->ticks = 1;
    lyra->text.size = 0;
    lyra->sown = lyra->messages_list = HN_SYM(lyra, Null);
    lyra->stack_top = 1;
    run(lyra, it);
    hn_restore_to(lyra, 0);
    lyra->stack_top = 1;
    lyra->collector.stack_base = NULL;
    return it->status;
}

hone_status hone_lyra_evaluate(hone_lyra *lyra, const char *name, hone_text source,
                               hone_lyra_form form, hone_diag *diag, hone_buffer *out_result) {
    job it = {.reader = {.lyra = lyra, .source = source, .name = name},
              .form = form,
              .diag = diag,
              .out = out_result};
    return enter(lyra, &it);
}

hone_status hone_lyra_evaluate_line(hone_lyra *lyra, hone_text source, hone_diag *diag,
                                    hone_buffer *out_result, uint32_t *out_line,
                                    bool *out_is_null) {
    job it = {.reader = {.lyra = lyra, .source = source},
              .diag = diag,
              .out = out_result,
              .is_line = true};
    lyra->line++;
    *out_line = lyra->line;
    hone_status status = enter(lyra, &it);
    if (status == HONE_STATUS_SYNTAX || status == HONE_STATUS_TRUNCATED) {
        lyra->line--;
    }
    *out_is_null = it.is_null || it.status != HONE_OK;
    return status;
}

hone_status hone_lyra_reformat(hone_lyra *lyra, hone_text source, hone_lyra_form form,
                               hone_diag *diag, hone_buffer *out_text) {
    job it = {.reader = {.lyra = lyra, .source = source},
              .form = form,
              .diag = diag,
              .out = out_text,
              .is_reformat = true};
    return enter(lyra, &it);
}

bool hone_lyra_is_incomplete(hone_lyra *lyra, hone_text source) {
    return hone_lyra_reformat(lyra, source, HONE_LYRA_FULL_FORM, NULL, NULL) ==
           HONE_STATUS_TRUNCATED;
}

void hone_lyra_interrupt(hone_lyra *lyra) {
    atomic_store_explicit(&lyra->is_interrupted, 1, memory_order_relaxed);
}

int hone_lyra_exit_code(const hone_lyra *lyra) {
    return lyra->exit_code;
}

void hone_lyra_stats_read(const hone_lyra *lyra, hone_lyra_stats *out_stats) {
    *out_stats = (hone_lyra_stats){.live_bytes = lyra->collector.live_bytes,
                                   .held_bytes = lyra->collector.held_bytes,
                                   .peak_bytes = lyra->collector.peak_bytes,
                                   .collections_count = lyra->collector.collections_count,
                                   .evaluations_count = lyra->evaluations_count,
                                   .rules_tried_count = lyra->rules_tried_count,
                                   .symbols_count = lyra->symbols_count};
}

const char *hone_lyra_next_name(const hone_lyra *lyra, const char *prefix, uint32_t *cursor) {
    hone_text wanted = hone_text_of(prefix);
    while (*cursor < lyra->symbols_count) {
        const hn_symbol *symbol = hn_symbol_at(lyra, (*cursor)++);
        if (!symbol->is_free && symbol->is_system && symbol->builtin &&
            hone_text_has_prefix(hn_symbol_short_name(symbol), wanted)) {
            return symbol->name + symbol->context_bytes;
        }
    }
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------ */

void hone_lyra_destroy(hone_lyra *lyra) {
    if (!lyra) {
        return;
    }
    const hone_allocator *allocator = lyra->allocator;
    hn_restore_to(lyra, 0);
    hn_symbols_deinit(lyra);
    hn_collector_deinit(&lyra->collector);
    HONE_DELETE_ARRAY(allocator, hn_value, lyra->stack, lyra->stack_capacity);
    HONE_DELETE_ARRAY(allocator, hn_restore, lyra->restores, lyra->restores_capacity);
    hone_release(allocator, lyra->context, lyra->context_bytes, 1);
    hone_buffer_deinit(&lyra->text);
    for (int i = 0; i < 4; i++) {
        mpz_clear(lyra->integers[i]);
        mpfr_clear(lyra->reals[i]);
    }
    HONE_DELETE(allocator, hone_lyra, lyra);
}

static void set_options(hone_lyra *lyra, const hone_lyra_options *options) {
    lyra->options = options ? *options : (hone_lyra_options){0};
    lyra->options.memory_bytes_max =
        lyra->options.memory_bytes_max ? lyra->options.memory_bytes_max : MEMORY_BYTES;
    lyra->options.stack_bytes_max =
        lyra->options.stack_bytes_max ? lyra->options.stack_bytes_max : STACK_BYTES;
    lyra->symbols_max = lyra->options.symbols_max ? lyra->options.symbols_max : SYMBOLS;
    lyra->random[0] = lyra->options.random_seed ? lyra->options.random_seed : 1;
    lyra->depth_max = RECURSION;
    lyra->iterations_max = ITERATIONS;
    lyra->epoch = 1;
    lyra->ticks = 1;
}

static bool allocate_parts(hone_lyra *lyra) {
    static const char global[] = "Global`";
    lyra->stack =
        hone_allocate(lyra->allocator, HN_STACK_VALUES_MAX * sizeof(hn_value), _Alignof(hn_value));
    lyra->stack_capacity = lyra->stack ? HN_STACK_VALUES_MAX : 0;
    lyra->context = hone_allocate(lyra->allocator, sizeof global, 1);
    lyra->context_bytes = lyra->context ? sizeof global : 0;
    if (!lyra->stack || !lyra->context) {
        return false;
    }
    memcpy(lyra->context, global, sizeof global);
    return hn_symbols_init(lyra) == HONE_OK;
}

hone_status hone_lyra_create(const hone_lyra_options *options, const hone_allocator *allocator,
                             hone_diag *diag, hone_lyra **out_lyra) {
    allocator = allocator ? allocator : hone_allocator_libc();
    hone_lyra *lyra = HONE_NEW(allocator, hone_lyra);
    if (!lyra) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a kernel");
    }
    lyra->allocator = allocator;
    set_options(lyra, options);
    hn_collector_init(&lyra->collector, allocator, lyra->options.memory_bytes_max);
    hone_buffer_init(&lyra->text, allocator, TEXT_BYTES_MAX);
    for (int i = 0; i < 4; i++) {
        mpz_init(lyra->integers[i]);
        mpfr_init2(lyra->reals[i], 64);
    }
    hn_catch here;
    lyra->collector.stack_base = __builtin_frame_address(0);
    lyra->stack_limit = lyra->collector.stack_base - lyra->options.stack_bytes_max;
    hn_catch_push(lyra, &here, ~0u);
    bool is_ready = allocate_parts(lyra);
    if (is_ready && setjmp(here.target) == 0) {
        set_up(lyra);
        lyra->collector.stack_base = NULL;
        lyra->catches = NULL;
        *out_lyra = lyra;
        return HONE_OK;
    }
    lyra->catches = NULL;
    hone_lyra_destroy(lyra);
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a kernel");
}
