/* SPDX-License-Identifier: Apache-2.0 */
/* The embedding interface: functions of the host, nested calls, limits, fuel, shared modules. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hone/platform/thread.h"
#include "hone/wasm/instance.h"
#include "hone/wasm/text.h"

static hone_wasm_module *make_module(const char *text, bool is_metered) {
    hone_buffer bytes;
    hone_buffer_init(&bytes, NULL, 1 << 20);
    hone_diag diag = {0};
    hone_wasm_module *module = NULL;
    hone_wasm_module_options options = {.is_metered = is_metered};
    hone_status status = hone_wasm_text_encode(hone_text_of(text), "test", NULL, &diag, &bytes);
    if (!status) {
        status =
            hone_wasm_module_create((hone_span){bytes.data, bytes.size}, &options, &diag, &module);
    }
    if (status) {
        fail_msg("%s %s", diag.subject, diag.message);
    }
    hone_buffer_deinit(&bytes);
    return module;
}

static hone_wasm_store *make_store(const hone_wasm_store_options *options) {
    hone_wasm_store *store = NULL;
    assert_int_equal(hone_wasm_store_create(options, NULL, &store), HONE_OK);
    return store;
}

static hone_wasm_instance *make_instance(hone_wasm_store *store, const char *text,
                                         bool is_metered) {
    hone_wasm_module *module = make_module(text, is_metered);
    hone_diag diag = {0};
    hone_wasm_instance *instance = NULL;
    hone_status status = hone_wasm_instance_create(store, module, &diag, &instance);
    hone_wasm_module_release(module);
    if (status) {
        fail_msg("%s", diag.message);
    }
    return instance;
}

static hone_wasm_function *function_of(const hone_wasm_instance *instance, const char *name) {
    hone_wasm_extern item;
    assert_int_equal(hone_wasm_instance_export(instance, hone_text_of(name), &item), HONE_OK);
    assert_int_equal(item.kind, HONE_WASM_FUNCTION);
    return item.as.function;
}

/* --- functions of the host -------------------------------------------------------------------- */

typedef struct host {
    hone_wasm_store *store;
    hone_wasm_instance *back; /* whose "down" is called again */
    uint32_t calls_count;
    hone_status status;
} host;

static hone_status add_in_host(void *context, hone_wasm_instance *instance,
                               hone_wasm_value *values) {
    host *h = context;
    h->calls_count++;
    uint64_t size_bytes = 0;
    uint8_t *memory = hone_wasm_memory_data(hone_wasm_instance_memory(instance), &size_bytes);
    assert_int_equal(size_bytes, 65536);
    memory[0]++;
    values[0].i64 = values[0].i32 + values[1].i64;
    return h->status;
}

static hone_status down_in_host(void *context, hone_wasm_instance *instance,
                                hone_wasm_value *values) {
    (void)instance;
    host *h = context;
    h->calls_count++;
    if (values[0].i32 == 0) {
        return HONE_OK;
    }
    return hone_wasm_call(h->store, function_of(h->back, "down"), values, NULL);
}

static void define_host(host *h) {
    static const uint8_t add_params[] = {HONE_WASM_I32, HONE_WASM_I64};
    static const uint8_t one[] = {HONE_WASM_I64}, down[] = {HONE_WASM_I32};
    hone_wasm_function_type add_type = {add_params, one, 2, 1}, down_type = {down, down, 1, 1};
    hone_wasm_extern item = {.kind = HONE_WASM_FUNCTION};
    assert_int_equal(
        hone_wasm_function_create(h->store, &add_type, add_in_host, h, &item.as.function), HONE_OK);
    assert_int_equal(hone_wasm_store_define(h->store, HONE_TEXT("host"), HONE_TEXT("add"), item),
                     HONE_OK);
    assert_int_equal(
        hone_wasm_function_create(h->store, &down_type, down_in_host, h, &item.as.function),
        HONE_OK);
    assert_int_equal(hone_wasm_store_define(h->store, HONE_TEXT("host"), HONE_TEXT("down"), item),
                     HONE_OK);
}

static const char host_text[] =
    "(module (import \"host\" \"add\" (func $add (param i32 i64) (result i64)))"
    " (import \"host\" \"down\" (func $down (param i32) (result i32))) (memory 1)"
    " (func (export \"sum\") (param i32) (result i64)"
    "  (i64.add (call $add (local.get 0) (i64.const 40)) (i64.load8_u (i32.const 0))))"
    " (func (export \"down\") (param i32) (result i32)"
    "  (call $down (i32.sub (local.get 0) (i32.const 1)))))";

static void test_host_functions(void **state) {
    (void)state;
    host h = {.store = make_store(NULL)};
    define_host(&h);
    hone_wasm_instance *instance = make_instance(h.store, host_text, false);
    hone_wasm_value values[2] = {{.i32 = 2}};
    assert_int_equal(hone_wasm_call(h.store, function_of(instance, "sum"), values, NULL), HONE_OK);
    assert_int_equal(values[0].i64, 43); /* what the host wrote to memory is seen */
    h.status = HONE_STATUS_IO;
    assert_int_equal(hone_wasm_call(h.store, function_of(instance, "sum"), values, NULL),
                     HONE_STATUS_IO);
    assert_int_equal(hone_wasm_store_trap(h.store), HONE_WASM_TRAP_HOST);
    assert_int_equal(h.calls_count, 2);
    hone_wasm_store_destroy(h.store);
}

/* Wasm and host call one another: as deep as the store allows, then a trap. */
static void test_nested_calls(void **state) {
    (void)state;
    hone_wasm_store_options options = {.host_depth_max = 20};
    host h = {.store = make_store(&options)};
    define_host(&h);
    h.back = make_instance(h.store, host_text, false);
    hone_wasm_value values[1] = {{.i32 = 15}};
    assert_int_equal(hone_wasm_call(h.store, function_of(h.back, "down"), values, NULL), HONE_OK);
    assert_int_equal(values[0].i32, 0);
    assert_int_equal(h.calls_count, 15);
    values[0].i32 = 25;
    assert_int_equal(hone_wasm_call(h.store, function_of(h.back, "down"), values, NULL),
                     HONE_STATUS_TRAP);
    values[0].i32 = 15; /* and the store is as good as before */
    assert_int_equal(hone_wasm_call(h.store, function_of(h.back, "down"), values, NULL), HONE_OK);
    hone_wasm_store_destroy(h.store);
}

/* --- limits ----------------------------------------------------------------------------------- */

static const char greedy_text[] =
    "(module (memory 1) (table $t 1 funcref)"
    " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
    " (func (export \"widen\") (param i32) (result i32)"
    "  (table.grow $t (ref.null func) (local.get 0)))"
    " (func $deep (export \"deep\") (param i32) (result i32)"
    "  (if (result i32) (local.get 0)"
    "   (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))"
    "   (else (i32.const 0))))"
    " (func (export \"forever\") (loop $l (br $l)))"
    " (func (export \"some\") (param i32) (result i32) (local i32)"
    "  (loop $l (local.set 1 (i32.add (local.get 1) (local.get 0)))"
    "   (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1)))";

static int32_t call_i32(hone_wasm_store *store, const hone_wasm_instance *instance,
                        const char *name, int32_t argument, hone_status expected) {
    hone_wasm_value values[1] = {{.i32 = argument}};
    assert_int_equal(hone_wasm_call(store, function_of(instance, name), values, NULL), expected);
    return values[0].i32;
}

static void test_limits(void **state) {
    (void)state;
    hone_wasm_store_options options = {
        .stack_bytes = 8192, .memory_pages_max = 3, .table_elements_max = 10};
    hone_wasm_store *store = make_store(&options);
    hone_wasm_instance *instance = make_instance(store, greedy_text, false);
    assert_int_equal(call_i32(store, instance, "grow", 2, HONE_OK), 1);
    assert_int_equal(call_i32(store, instance, "grow", 1, HONE_OK), -1);
    assert_int_equal(call_i32(store, instance, "widen", 9, HONE_OK), 1);
    assert_int_equal(call_i32(store, instance, "widen", 1, HONE_OK), -1);
    assert_int_equal(call_i32(store, instance, "deep", 100, HONE_OK), 100);
    (void)call_i32(store, instance, "deep", 100000, HONE_STATUS_TRAP);
    assert_int_equal(hone_wasm_store_trap(store), HONE_WASM_TRAP_STACK_EXHAUSTED);
    assert_int_equal(call_i32(store, instance, "deep", 100, HONE_OK), 100);
    hone_wasm_store_destroy(store);
}

static void test_fuel(void **state) {
    (void)state;
    hone_wasm_store *store = make_store(NULL);
    hone_wasm_instance *instance = make_instance(store, greedy_text, true);
    (void)call_i32(store, instance, "some", 5, HONE_STATUS_TRAP); /* none is there at first */
    hone_wasm_store_set_fuel(store, 1000000);
    (void)call_i32(store, instance, "forever", 0, HONE_STATUS_TRAP);
    assert_int_equal(hone_wasm_store_trap(store), HONE_WASM_TRAP_OUT_OF_FUEL);
    uint64_t used[2];
    for (int i = 0; i < 2; i++) {
        hone_wasm_store_set_fuel(store, 1000000);
        assert_int_equal(call_i32(store, instance, "some", 100, HONE_OK), 5050);
        used[i] = 1000000 - hone_wasm_store_fuel(store);
    }
    assert_int_equal(used[0], used[1]);
    assert_in_range(used[0], 900, 1200); /* nine instructions in the loop, and what is around it */
    hone_wasm_store_set_fuel(store, used[0]);
    assert_int_equal(call_i32(store, instance, "some", 100, HONE_OK), 5050);
    hone_wasm_store_set_fuel(store, used[0] - 1);
    (void)call_i32(store, instance, "some", 100, HONE_STATUS_TRAP);
    hone_wasm_store_destroy(store);
}

/* --- threads ---------------------------------------------------------------------------------- */

typedef struct runner {
    hone_wasm_module *module;
    int32_t result;
} runner;

static void *run_in_thread(void *argument) {
    runner *r = argument;
    hone_wasm_store *store = NULL;
    hone_wasm_instance *instance = NULL;
    hone_wasm_extern item;
    hone_wasm_value values[1] = {{.i32 = 1000}};
    if (!hone_wasm_store_create(NULL, NULL, &store) &&
        !hone_wasm_instance_create(store, r->module, NULL, &instance) &&
        !hone_wasm_instance_export(instance, HONE_TEXT("some"), &item) &&
        !hone_wasm_call(store, item.as.function, values, NULL)) {
        r->result = values[0].i32;
    }
    hone_wasm_store_destroy(store);
    return NULL;
}

/* Threads share a module whose functions are translated when they are first called. */
static void test_shared_module(void **state) {
    (void)state;
    enum { THREADS = 4 };
    hone_wasm_module *module = make_module(greedy_text, false);
    runner runners[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (runner){module, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, run_in_thread, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(runners[i].result, 500500);
    }
    hone_wasm_module_release(module);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_functions), cmocka_unit_test(test_nested_calls),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_fuel),
        cmocka_unit_test(test_shared_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
