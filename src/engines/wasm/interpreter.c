/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter. Code is an array of operations (translate.c), each beginning with the address of
 * its handler; a handler does its work and calls the next one in tail position, so that the chain
 * is jumps, the state stays in registers, and the host's stack does not grow. Each handler ends in
 * an indirect jump of its own, which is what branch predictors like.
 *
 * Frames of wasm functions lie in the store's stack and overlap: the arguments that a caller leaves
 * on top of its frame are the first locals of the callee, and results go where they were. Behind
 * the locals a frame keeps two slots: where to return to, and the caller's frame.
 *
 * The handlers are made from the tables in operations_internal.h, which is why macros have bodies
 * here. tail_calls_test.py reads the object code: no handler may call another.
 *
 * tidy: allow name throughout: handlers are static, which the macro HANDLER says
 *
 * Source: Bell: Threaded Code, CACM 16(6), 1973; Ertl, Gregg: The Structure and Performance of
 * Efficient Interpreters, JILP 5, 2003.
 */
#include "interpreter_internal.h"

#include <assert.h>

#include "hone/base/hints.h"

#include "numeric_internal.h"

#define PARAMS                                                                      \
    const hn_wasm_op *pc, hn_wasm_slot *fp, uint8_t *memory, uint64_t memory_bytes, \
        hone_wasm_instance *instance, uint64_t r0, double f0, float g0
#define ARGUMENTS fp, memory, memory_bytes, instance, r0, f0, g0

#if defined(__clang__)
#define TAIL __attribute__((musttail))
#else
#define TAIL
#endif

/* ThreadSanitizer would put code behind the tail calls. Nothing here is shared between threads but
 * the entry of a function, which is atomic. */
#define HANDLER(name) __attribute__((no_sanitize("thread"))) static uint32_t op_##name(PARAMS)
#define UNUSED \
    (void)fp, (void)memory, (void)memory_bytes, (void)instance, (void)r0, (void)f0, (void)g0

#define GO(to)                                      \
    do {                                            \
        const hn_wasm_op *next = (to);              \
        TAIL return next->handler(next, ARGUMENTS); \
    } while (0)
#define NEXT(size) GO(pc + (size))
#define FAIL(trap) \
    TAIL return fail(pc, fp, memory, memory_bytes, instance, (uint64_t)(trap), f0, g0)

static HONE_COLD uint32_t fail(PARAMS) {
    UNUSED;
    hone_wasm_store *store = instance->store;
    store->trap = (hone_wasm_trap)r0;
    store->trap_pc = pc;
    store->trap_fp = fp;
    store->trap_instance = instance;
    return (uint32_t)r0;
}

/* Types: how they lie in slots, accumulators and immediates. */
#define FROM_ACC_i32 ((uint32_t)r0)
#define FROM_ACC_i64 (r0)
#define FROM_ACC_f32 (g0)
#define FROM_ACC_f64 (f0)
#define TO_ACC_i32(value) (r0 = (uint32_t)(value))
#define TO_ACC_i64(value) (r0 = (uint64_t)(value))
#define TO_ACC_f32(value) (g0 = (value))
#define TO_ACC_f64(value) (f0 = (value))
#define C_TYPE_i32 uint32_t
#define C_TYPE_i64 uint64_t
#define C_TYPE_f32 float
#define C_TYPE_f64 double
#define IMMEDIATE_i32(op) ((uint32_t)(op)->i)
#define IMMEDIATE_i64(op) ((uint64_t)(int64_t)(op)->i)
#define IMMEDIATE_f32(op) ((op)->f)
#define IMMEDIATE_f64(op) ((double)(op)->f)

/* --- two operands, one operand ---------------------------------------------------------------- */

#define BINARY(variant, type, result, trap, expression, left, right, size, STORE) \
    HANDLER(variant) {                                                            \
        UNUSED;                                                                   \
        C_TYPE_##type a = (left), b = (right);                                    \
        (void)a, (void)b;                                                         \
        if (HONE_UNLIKELY((trap) != 0)) {                                         \
            FAIL(trap);                                                           \
        }                                                                         \
        TO_ACC_##result(expression);                                              \
        STORE;                                                                    \
        NEXT(size);                                                               \
    }
#define BINARY_VARIANTS(name, t, rt, trap, e)                                                      \
    BINARY(name##_ss, t, rt, trap, e, fp[pc->a].t, fp[pc->b].t, 1, (void)0)                        \
    BINARY(name##_ssd, t, rt, trap, e, fp[pc->a].t, fp[pc->b].t, 1, fp[pc->d].rt = FROM_ACC_##rt)  \
    BINARY(name##_si, t, rt, trap, e, fp[pc->a].t, IMMEDIATE_##t(pc), 1, (void)0)                  \
    BINARY(name##_sid, t, rt, trap, e, fp[pc->a].t, IMMEDIATE_##t(pc), 1,                          \
           fp[pc->b].rt = FROM_ACC_##rt)                                                           \
    BINARY(name##_rs, t, rt, trap, e, FROM_ACC_##t, fp[pc->b].t, 1, (void)0)                       \
    BINARY(name##_rsd, t, rt, trap, e, FROM_ACC_##t, fp[pc->b].t, 1, fp[pc->d].rt = FROM_ACC_##rt) \
    BINARY(name##_ri, t, rt, trap, e, FROM_ACC_##t, IMMEDIATE_##t(pc), 1, (void)0)                 \
    BINARY(name##_rid, t, rt, trap, e, FROM_ACC_##t, IMMEDIATE_##t(pc), 1,                         \
           fp[pc->b].rt = FROM_ACC_##rt)                                                           \
    BINARY(name##_sr, t, rt, trap, e, fp[pc->a].t, FROM_ACC_##t, 1, (void)0)                       \
    BINARY(name##_srd, t, rt, trap, e, fp[pc->a].t, FROM_ACC_##t, 1, fp[pc->d].rt = FROM_ACC_##rt)
HN_WASM_BINARIES(BINARY_VARIANTS)

#define UNARY(variant, type, result, trap, expression, operand, STORE) \
    HANDLER(variant) {                                                 \
        UNUSED;                                                        \
        C_TYPE_##type a = (operand);                                   \
        if (HONE_UNLIKELY((trap) != 0)) {                              \
            FAIL(trap);                                                \
        }                                                              \
        TO_ACC_##result(expression);                                   \
        STORE;                                                         \
        NEXT(1);                                                       \
    }
#define UNARY_VARIANTS(name, t, rt, trap, e)                                    \
    UNARY(name##_s, t, rt, trap, e, fp[pc->a].t, (void)0)                       \
    UNARY(name##_sd, t, rt, trap, e, fp[pc->a].t, fp[pc->d].rt = FROM_ACC_##rt) \
    UNARY(name##_r, t, rt, trap, e, FROM_ACC_##t, (void)0)                      \
    UNARY(name##_rd, t, rt, trap, e, FROM_ACC_##t, fp[pc->d].rt = FROM_ACC_##rt)
HN_WASM_UNARIES(UNARY_VARIANTS)

/* --- compare and branch ----------------------------------------------------------------------- */

#define BRANCH(variant, type, condition, left, right, size) \
    HANDLER(variant) {                                      \
        UNUSED;                                             \
        C_TYPE_##type a = (left), b = (right);              \
        if (condition) {                                    \
            GO(pc + pc->i);                                 \
        }                                                   \
        NEXT(size);                                         \
    }
#define SHORT_i32(op) ((uint32_t)(int32_t)(int16_t)(op)->b)
#define SHORT_i64(op) ((uint64_t)(int64_t)(int16_t)(op)->b)
#define BRANCH_VARIANTS_INT(name, t, rt, trap, e)                     \
    BRANCH(BR_##name##_ss, t, e, fp[pc->a].t, fp[pc->b].t, 1)         \
    BRANCH(BR_##name##_rs, t, e, FROM_ACC_##t, fp[pc->b].t, 1)        \
    BRANCH(BR_##name##_sh, t, e, fp[pc->a].t, SHORT_##t(pc), 1)       \
    BRANCH(BR_##name##_rh, t, e, FROM_ACC_##t, SHORT_##t(pc), 1)      \
    BRANCH(BR_##name##_sw, t, e, fp[pc->a].t, (C_TYPE_##t)pc[1].x, 2) \
    BRANCH(BR_##name##_rw, t, e, FROM_ACC_##t, (C_TYPE_##t)pc[1].x, 2)
HN_WASM_COMPARES_INT(BRANCH_VARIANTS_INT, I32, i32, int32_t)
HN_WASM_COMPARES_INT(BRANCH_VARIANTS_INT, I64, i64, int64_t)
#define BRANCH_VARIANTS_FLOAT(name, t, rt, trap, e)              \
    BRANCH(BR_##name##_ss, t, e, fp[pc->a].t, fp[pc->b].t, 1)    \
    BRANCH(BR_##name##_rs, t, e, FROM_ACC_##t, fp[pc->b].t, 1)   \
    BRANCH(BN_##name##_ss, t, !(e), fp[pc->a].t, fp[pc->b].t, 1) \
    BRANCH(BN_##name##_rs, t, !(e), FROM_ACC_##t, fp[pc->b].t, 1)
HN_WASM_COMPARES_FLOAT(BRANCH_VARIANTS_FLOAT, F32, f32)
HN_WASM_COMPARES_FLOAT(BRANCH_VARIANTS_FLOAT, F64, f64)

#define BRANCH_PLAIN(name, condition) \
    HANDLER(name) {                   \
        UNUSED;                       \
        if (condition) {              \
            GO(pc + pc->i);           \
        }                             \
        NEXT(1);                      \
    }
BRANCH_PLAIN(BR_IF_s, fp[pc->a].i32 != 0)
BRANCH_PLAIN(BR_IF_r, (uint32_t)r0 != 0)
BRANCH_PLAIN(BR_UNLESS_s, fp[pc->a].i32 == 0)
BRANCH_PLAIN(BR_UNLESS_r, (uint32_t)r0 == 0)

/* Loop counters: a local changes by a small constant and is compared. */
#define COUNT(name, condition, right, size)                      \
    HANDLER(name) {                                              \
        UNUSED;                                                  \
        uint32_t a = fp[pc->a].i32 + SHORT_i32(pc), b = (right); \
        (void)b;                                                 \
        fp[pc->a].i32 = a;                                       \
        r0 = a;                                                  \
        if (condition) {                                         \
            GO(pc + pc->i);                                      \
        }                                                        \
        NEXT(size);                                              \
    }
#define COUNT_VARIANTS(name, t, rt, trap, e)    \
    COUNT(BA_##name##_s, e, fp[pc[1].a].i32, 2) \
    COUNT(BA_##name##_w, e, (uint32_t)pc[1].x, 2)
HN_WASM_COMPARES_INT(COUNT_VARIANTS, I32, i32, int32_t)
COUNT(BA_IF, a != 0, 0, 1)
COUNT(BA_UNLESS, a == 0, 0, 1)

HANDLER(JUMP) {
    UNUSED;
    GO(pc + pc->i);
}

/* The cells behind hold distances, the default last. */
#define BRANCH_TABLE(name, operand)              \
    HANDLER(name) {                              \
        UNUSED;                                  \
        uint32_t index = (operand);              \
        index = index < pc->u ? index : pc->u;   \
        const hn_wasm_op *cell = pc + 1 + index; \
        GO(cell + cell->i);                      \
    }
BRANCH_TABLE(BR_TABLE_s, fp[pc->a].i32)
BRANCH_TABLE(BR_TABLE_r, (uint32_t)r0)

/* --- memory ----------------------------------------------------------------------------------- */

#define IS_OUTSIDE(address, size) HONE_UNLIKELY((address) + (size) > memory_bytes)

#define LOAD(variant, in_memory, type, base, STORE)     \
    HANDLER(variant) {                                  \
        UNUSED;                                         \
        uint64_t address = (base);                      \
        if (IS_OUTSIDE(address, sizeof(in_memory))) {   \
            FAIL(HONE_WASM_TRAP_OUT_OF_BOUNDS_MEMORY);  \
        }                                               \
        in_memory value;                                \
        memcpy(&value, memory + address, sizeof value); \
        TO_ACC_##type(value);                           \
        STORE;                                          \
        NEXT(1);                                        \
    }
/* Addresses: index and offset do not wrap around, but the sum of two operands does. */
#define AT_s ((uint64_t)fp[pc->a].i32 + pc->u)
#define AT_r ((uint64_t)(uint32_t)r0 + pc->u)
#define AT_w ((uint64_t)(uint32_t)(fp[pc->a].i32 + pc->u))
#define AT_k ((uint64_t)pc->u)
#define LOAD_VARIANTS(name, m, t)                           \
    LOAD(name##_s, m, t, AT_s, (void)0)                     \
    LOAD(name##_sd, m, t, AT_s, fp[pc->b].t = FROM_ACC_##t) \
    LOAD(name##_r, m, t, AT_r, (void)0)                     \
    LOAD(name##_rd, m, t, AT_r, fp[pc->b].t = FROM_ACC_##t) \
    LOAD(name##_w, m, t, AT_w, (void)0)                     \
    LOAD(name##_wd, m, t, AT_w, fp[pc->b].t = FROM_ACC_##t) \
    LOAD(name##_k, m, t, AT_k, (void)0)                     \
    LOAD(name##_kd, m, t, AT_k, fp[pc->b].t = FROM_ACC_##t)
HN_WASM_LOADS(LOAD_VARIANTS)

#define STORE(variant, in_memory, base, stored)         \
    HANDLER(variant) {                                  \
        UNUSED;                                         \
        uint64_t address = (base);                      \
        if (IS_OUTSIDE(address, sizeof(in_memory))) {   \
            FAIL(HONE_WASM_TRAP_OUT_OF_BOUNDS_MEMORY);  \
        }                                               \
        in_memory value = (in_memory)(stored);          \
        memcpy(memory + address, &value, sizeof value); \
        NEXT(1);                                        \
    }
#define STORE_VARIANTS(name, m, t, small)   \
    STORE(name##_ss, m, AT_s, fp[pc->b].t)  \
    STORE(name##_rs, m, AT_r, fp[pc->b].t)  \
    STORE(name##_ws, m, AT_w, fp[pc->b].t)  \
    STORE(name##_ks, m, AT_k, fp[pc->b].t)  \
    STORE(name##_sr, m, AT_s, FROM_ACC_##t) \
    STORE(name##_rr, m, AT_r, FROM_ACC_##t) \
    STORE(name##_wr, m, AT_w, FROM_ACC_##t) \
    STORE(name##_kr, m, AT_k, FROM_ACC_##t) \
    STORE(name##_sh, m, AT_s, small)        \
    STORE(name##_rh, m, AT_r, small)        \
    STORE(name##_wh, m, AT_w, small)        \
    STORE(name##_kh, m, AT_k, small)
#define STORE_VARIANTS_INT(name, m, t) STORE_VARIANTS(name, m, t, SHORT_##t(pc))
#define STORE_VARIANTS_FLOAT(name, m, t) STORE_VARIANTS(name, m, t, (int16_t)pc->b)
HN_WASM_STORES_INT(STORE_VARIANTS_INT)
HN_WASM_STORES_FLOAT(STORE_VARIANTS_FLOAT)

/* --- moves ------------------------------------------------------------------------------------ */

#define MOVE(name, size, ...) \
    HANDLER(name) {           \
        UNUSED;               \
        __VA_ARGS__;          \
        NEXT(size);           \
    }
MOVE(COPY, 1, fp[pc->d] = fp[pc->a])
MOVE(SET_r, 1, fp[pc->d].i64 = r0)
MOVE(SET_f, 1, fp[pc->d].f64 = f0)
MOVE(SET_g, 1, fp[pc->d].f32 = g0)
MOVE(SET_i, 1, fp[pc->a].i64 = (uint64_t)(int64_t)pc->i)
MOVE(SET_w, 2, fp[pc->a].i64 = pc[1].x)
MOVE(SELECT_s, 1, r0 = fp[fp[pc->c].i32 ? pc->a : pc->b].i64; fp[pc->d].i64 = r0)
MOVE(SELECT_r, 1, r0 = fp[(uint32_t)r0 ? pc->a : pc->b].i64; fp[pc->d].i64 = r0)
MOVE(GLOBAL_GET, 1, r0 = instance->globals[pc->u]->value[0].i64)
MOVE(GLOBAL_GETd, 1, r0 = instance->globals[pc->u]->value[0].i64; fp[pc->a].i64 = r0)
MOVE(GLOBAL_GET_w, 1, fp[pc->a] = instance->globals[pc->u]->value[0])
MOVE(GLOBAL_SET_s, 1, instance->globals[pc->u]->value[0] = fp[pc->a])
MOVE(GLOBAL_SET_r, 1, instance->globals[pc->u]->value[0].i64 = r0)

/* --- calls ------------------------------------------------------------------------------------ */

/* Where a call returns to is two cells behind its beginning, so that the base that it added to the
 * frame can be read there again. */
#define BASE_OF(back) ((back)[-2].a)

HANDLER(ENTER) {
    UNUSED;
    if (HONE_UNLIKELY(fp + pc->c > instance->stack_end)) {
        FAIL(HONE_WASM_TRAP_STACK_EXHAUSTED);
    }
    const hn_wasm_op *back = (const hn_wasm_op *)(uintptr_t)r0;
    fp[pc->d].i64 = r0;
    fp[pc->d + 1].i64 = (uint64_t)(uintptr_t)(fp - BASE_OF(back));
    for (uint32_t i = pc->a; i < pc->b; i++) {
        fp[i].i64 = 0;
    }
    NEXT(1);
}

#define LEAVE(record)                                                           \
    do {                                                                        \
        const hn_wasm_op *back = (const hn_wasm_op *)(uintptr_t)fp[record].i64; \
        fp = (hn_wasm_slot *)(uintptr_t)fp[(record) + 1].i64;                   \
        GO(back);                                                               \
    } while (0)

#define RETURN_FROM(name, ...) \
    HANDLER(name) {            \
        UNUSED;                \
        __VA_ARGS__;           \
        LEAVE(pc->d);          \
    }
RETURN_FROM(RETURN, (void)0)
RETURN_FROM(RETURN_s, r0 = fp[pc->a].i64; fp[0].i64 = r0)
RETURN_FROM(RETURN_r, fp[0].i64 = r0)
RETURN_FROM(RETURN_f, fp[0].f64 = f0)
RETURN_FROM(RETURN_g, fp[0].f32 = g0)
RETURN_FROM(RETURN_i, r0 = (uint64_t)(int64_t)(int16_t)pc->a; fp[0].i64 = r0)

static inline const hn_wasm_op *entry_of(const hn_wasm_code *code) {
    /* Pairs with the release store in translate.c. */
    return atomic_load_explicit(&code->entry, memory_order_acquire);
}

HANDLER(CALL) {
    UNUSED;
    const hn_wasm_op *entry = entry_of(pc[1].pointer);
    fp += pc->a;
    r0 = (uint64_t)(uintptr_t)(pc + 2);
    GO(entry);
}

static HONE_COLD hone_wasm_trap compile(hn_wasm_code *code, hone_wasm_store *store) {
    hone_status status = hn_wasm_translate(code, store->diag);
    store->host_status = status;
    return status ? HONE_WASM_TRAP_UNTRANSLATABLE : HONE_WASM_TRAP_NONE;
}

HANDLER(COMPILE) {
    UNUSED;
    hn_wasm_code *code = (hn_wasm_code *)(uintptr_t)pc->pointer;
    if (compile(code, instance->store)) {
        FAIL(HONE_WASM_TRAP_UNTRANSLATABLE);
    }
    GO(entry_of(code));
}

HANDLER(EXIT) {
    (void)pc;
    UNUSED;
    return HONE_WASM_TRAP_NONE;
}

/* Calls a function of the host whose arguments lie at `fp`. */
static __attribute__((noinline)) hone_wasm_trap
call_host(const hone_wasm_function *function, hone_wasm_instance *caller, hn_wasm_slot *fp) {
    hone_wasm_store *store = caller->store;
    uint32_t params = function->type->params_count, results = function->type->results_count;
    hn_wasm_slot *top = fp + 2 * (size_t)(params > results ? params : results);
    if (top > caller->stack_end) {
        return HONE_WASM_TRAP_STACK_EXHAUSTED;
    }
    hn_wasm_slot *saved = store->stack_top;
    store->stack_top = top;
    store->host_status = function->call(function->context, caller, (hone_wasm_value *)(void *)fp);
    store->stack_top = saved;
    return store->host_status ? HONE_WASM_TRAP_HOST : HONE_WASM_TRAP_NONE;
}

static __attribute__((noinline)) bool push_crossing(hone_wasm_store *store, const hn_wasm_op *pc,
                                                    hn_wasm_slot *fp,
                                                    hone_wasm_instance *instance) {
    if (store->crossings_count == store->crossings_capacity) {
        return false;
    }
    store->crossings[store->crossings_count++] = (hn_wasm_crossing){pc, fp, instance};
    return true;
}

static const hn_wasm_op cross_ops[3];

#define RELOAD_MEMORY                                         \
    do {                                                      \
        memory = NULL;                                        \
        memory_bytes = 0;                                     \
        if (instance->memories[0]) {                          \
            memory = instance->memories[0]->data;             \
            memory_bytes = instance->memories[0]->size_bytes; \
        }                                                     \
    } while (0)

/* A call of any function, the arguments at fp + pc->a, going on at pc + 2. */
#define CALL_ANY(function_)                                                \
    do {                                                                   \
        const hone_wasm_function *function = (function_);                  \
        hn_wasm_slot *frame = fp + pc->a;                                  \
        if (!function->code) {                                             \
            hone_wasm_trap failure = call_host(function, instance, frame); \
            if (HONE_UNLIKELY(failure)) {                                  \
                FAIL(failure);                                             \
            }                                                              \
            RELOAD_MEMORY;                                                 \
            r0 = frame->i64;                                               \
            NEXT(2);                                                       \
        }                                                                  \
        r0 = (uint64_t)(uintptr_t)(pc + 2);                                \
        if (function->instance != instance) {                              \
            if (!push_crossing(instance->store, pc + 2, fp, instance)) {   \
                FAIL(HONE_WASM_TRAP_STACK_EXHAUSTED);                      \
            }                                                              \
            instance = function->instance;                                 \
            RELOAD_MEMORY;                                                 \
            r0 = (uint64_t)(uintptr_t)&cross_ops[2];                       \
        }                                                                  \
        fp = frame;                                                        \
        GO(entry_of(function->code));                                      \
    } while (0)

/* The same in tail position: arguments move to the frame's beginning, and the callee returns to
 * where this function would have returned to. */
#define TAIL_CALL_ANY(function_)                                               \
    do {                                                                       \
        const hone_wasm_function *function = (function_);                      \
        const hn_wasm_op *back = (const hn_wasm_op *)(uintptr_t)fp[pc->d].i64; \
        hn_wasm_slot *caller = (hn_wasm_slot *)(uintptr_t)fp[pc->d + 1].i64;   \
        memmove(fp, fp + pc->a, pc->b * sizeof *fp);                           \
        r0 = (uint64_t)(uintptr_t)back;                                        \
        if (!function->code) {                                                 \
            hone_wasm_trap failure = call_host(function, instance, fp);        \
            if (HONE_UNLIKELY(failure)) {                                      \
                FAIL(failure);                                                 \
            }                                                                  \
            RELOAD_MEMORY;                                                     \
            r0 = fp->i64;                                                      \
            fp = caller;                                                       \
            GO(back);                                                          \
        }                                                                      \
        if (function->instance != instance) {                                  \
            if (!push_crossing(instance->store, back, caller, instance)) {     \
                FAIL(HONE_WASM_TRAP_STACK_EXHAUSTED);                          \
            }                                                                  \
            instance = function->instance;                                     \
            RELOAD_MEMORY;                                                     \
            r0 = (uint64_t)(uintptr_t)&cross_ops[2];                           \
        }                                                                      \
        GO(entry_of(function->code));                                          \
    } while (0)

HANDLER(CROSS_RETURN) {
    UNUSED;
    (void)pc;
    hone_wasm_store *store = instance->store;
    const hn_wasm_crossing *crossing = &store->crossings[--store->crossings_count];
    instance = crossing->instance;
    fp = crossing->fp;
    RELOAD_MEMORY;
    GO(crossing->pc);
}

HANDLER(CALL_IMPORT) {
    UNUSED;
    CALL_ANY(instance->functions[pc[1].x]);
}

HANDLER(TAIL_CALL) {
    UNUSED;
    TAIL_CALL_ANY(instance->functions[pc[1].x]);
}

/* The function that an element of a table is, or NULL: none of the type that the call states. */
static inline const hone_wasm_function *find_callee(const hone_wasm_instance *instance,
                                                    const hn_wasm_op *operands, uint32_t index) {
    const hone_wasm_table *table = instance->tables[operands->y >> 32];
    if (HONE_UNLIKELY(index >= table->size)) {
        return NULL;
    }
    const hone_wasm_function *function = table->elements[index].function;
    bool is_callable = function && function->type_id == instance->type_ids[(uint32_t)operands->y];
    return HONE_LIKELY(is_callable) ? function : NULL;
}

static HONE_COLD hone_wasm_trap why_not_callable(const hone_wasm_instance *instance,
                                                 const hn_wasm_op *operands, uint32_t index) {
    const hone_wasm_table *table = instance->tables[operands->y >> 32];
    return index >= table->size          ? HONE_WASM_TRAP_UNDEFINED_ELEMENT
           : !table->elements[index].u64 ? HONE_WASM_TRAP_UNINITIALIZED_ELEMENT
                                         : HONE_WASM_TRAP_INDIRECT_CALL_TYPE;
}

HANDLER(CALL_INDIRECT) {
    UNUSED;
    uint32_t index = fp[pc->b].i32;
    const hone_wasm_function *callee = find_callee(instance, pc + 1, index);
    if (HONE_UNLIKELY(!callee)) {
        FAIL(why_not_callable(instance, pc + 1, index));
    }
    CALL_ANY(callee);
}

HANDLER(TAIL_CALL_INDIRECT) {
    UNUSED;
    uint32_t index = fp[pc->a + pc->b].i32;
    const hone_wasm_function *callee = find_callee(instance, pc + 1, index);
    if (HONE_UNLIKELY(!callee)) {
        FAIL(why_not_callable(instance, pc + 1, index));
    }
    TAIL_CALL_ANY(callee);
}

/* --- the rest --------------------------------------------------------------------------------- */

HANDLER(TRAP) {
    UNUSED;
    FAIL(pc->u);
}

HANDLER(SLOW) {
    UNUSED;
    hone_wasm_trap trap = hn_wasm_slow(instance, pc->u, pc + 1, fp + pc->a);
    if (HONE_UNLIKELY(trap)) {
        FAIL(trap);
    }
    RELOAD_MEMORY;
    r0 = fp[pc->a].i64;
    NEXT(2);
}

/* At the beginning of functions and loops: what is executed until the next one. */
HANDLER(FUEL) {
    UNUSED;
    hone_wasm_store *store = instance->store;
    if (HONE_UNLIKELY(store->fuel < pc->u)) {
        store->fuel = 0;
        FAIL(HONE_WASM_TRAP_OUT_OF_FUEL);
    }
    store->fuel -= pc->u;
    NEXT(1);
}

static const hn_wasm_op exit_ops[3] = {{.y = 0}, {.y = 0}, {.handler = op_EXIT}};
static const hn_wasm_op cross_ops[3] = {{.y = 0}, {.y = 0}, {.handler = op_CROSS_RETURN}};

#define HANDLER_ROW(variant) [HN_WASM_DO_##variant] = op_##variant,
#define BINARY_ROWS(name, t, rt, trap, e) HN_WASM_VARIANTS_BINARY(HANDLER_ROW, name)
#define UNARY_ROWS(name, t, rt, trap, e) HN_WASM_VARIANTS_UNARY(HANDLER_ROW, name)
#define BRANCH_ROWS(name, t, rt, trap, e) HN_WASM_VARIANTS_BRANCH(HANDLER_ROW, name)
#define BRANCH_FLOAT_ROWS(name, t, rt, trap, e) HN_WASM_VARIANTS_BRANCH_FLOAT(HANDLER_ROW, name)
#define COUNT_ROWS(name, t, rt, trap, e) HN_WASM_VARIANTS_COUNT(HANDLER_ROW, name)
#define LOAD_ROWS(name, m, t) HN_WASM_VARIANTS_LOAD(HANDLER_ROW, name)
#define STORE_ROWS(name, m, t) HN_WASM_VARIANTS_STORE(HANDLER_ROW, name)

static hn_wasm_handler *const handlers[HN_WASM_OPERATIONS_COUNT] = {
    HN_WASM_ALL_OPERATIONS(HANDLER_ROW, BINARY_ROWS, UNARY_ROWS, BRANCH_ROWS, BRANCH_FLOAT_ROWS,
                           COUNT_ROWS, LOAD_ROWS, STORE_ROWS)};

hn_wasm_handler *hn_wasm_handler_of(uint32_t operation) {
    assert(operation < HN_WASM_OPERATIONS_COUNT);
    return handlers[operation];
}

bool hn_wasm_is_crossing(const hn_wasm_op *pc) {
    return pc == &cross_ops[2];
}

bool hn_wasm_is_exit(const hn_wasm_op *pc) {
    return pc == &exit_ops[2];
}

hone_wasm_trap hn_wasm_run(hone_wasm_function *function, hn_wasm_slot *fp) {
    hone_wasm_instance *instance = function->instance;
    uint8_t *memory;
    uint64_t memory_bytes;
    RELOAD_MEMORY;
    const hn_wasm_op *pc = entry_of(function->code);
    return (hone_wasm_trap)pc->handler(pc, fp, memory, memory_bytes, instance,
                                       (uint64_t)(uintptr_t)&exit_ops[2], 0, 0);
}
