/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of scripts: modules, actions, assertions. */
#include <stdio.h>

#include "script_internal.h"

enum { BYTES_MAX = 1 << 28, NAMES_MAX = 1 << 16 };

typedef struct script {
    hn_wat_lexer lexer;
    hone_wasm_store *store;
    hone_wasm_instance *current;
    hone_text_map instances; /* by $name */
    hone_wasm_script_options options;
    hone_wasm_script_counts *counts;
    uint32_t line; /* of the command */
} script;

HONE_PRINTF(2, 3)
static void fail(script *s, const char *format, ...) {
    s->counts->failed++;
    if (!s->options.on_failure) {
        return;
    }
    hone_diag diag = {0};
    char message[sizeof diag.message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    hone_diag_at(&diag, s->lexer.file_name, s->line, 1);
    (void)hone_diag_set(&diag, HONE_STATUS_TRAP, "%s", message);
    s->options.on_failure(s->options.context, &diag);
}

/* --- modules ---------------------------------------------------------------------------------- */

static hone_status load_bytes(script *s, hone_span bytes, hone_diag *diag,
                              hone_wasm_module **out_module) {
    hone_wasm_module_options options = {.allocator = s->options.allocator,
                                        .features = s->options.features};
    return hone_wasm_module_create(bytes, &options, diag, out_module);
}

static hone_status load_text(script *s, hone_text text, hone_diag *diag,
                             hone_wasm_module **out_module) {
    hone_buffer bytes;
    hone_buffer_init(&bytes, s->options.allocator, BYTES_MAX);
    hone_status status =
        hone_wasm_text_encode(text, s->lexer.file_name, s->options.allocator, diag, &bytes);
    if (!status) {
        status = load_bytes(s, (hone_span){bytes.data, bytes.size}, diag, out_module);
    }
    hone_buffer_deinit(&bytes);
    return status;
}

static void take_strings(script *s, hone_buffer *out) {
    while (s->lexer.token.kind == HN_WAT_STRING) {
        hn_wat_take_string(&s->lexer, out);
    }
}

/* "(module ...)" in any of its forms; the cursor ends behind it. The status is that of the module;
 * failures of the script itself are the lexer's. */
static hone_status take_module(script *s, hone_diag *diag, hone_text *out_name,
                               hone_wasm_module **out_module) {
    hn_wat_lexer *lexer = &s->lexer;
    hn_wat_lexer start = *lexer;
    const char *first = lexer->token.text.data;
    if (!hn_wat_take_open(lexer, "module")) {
        hn_wat_fail_token(lexer, "(module");
        return HONE_STATUS_MALFORMED;
    }
    *out_name = hn_wat_take_name(lexer);
    bool is_binary = hn_wat_is_atom(lexer, "binary"), is_quote = hn_wat_is_atom(lexer, "quote");
    hone_status status;
    if (!is_binary && !is_quote) {
        *lexer = start;
        hn_wat_skip(lexer);
        /* the token behind is read already: the module ends at the parenthesis before it */
        const char *end = lexer->token.kind == HN_WAT_END ? lexer->at : lexer->token.text.data;
        while (end > first && end[-1] != ')') {
            end--;
        }
        return load_text(s, (hone_text){first, (size_t)(end - first)}, diag, out_module);
    }
    hn_wat_advance(lexer);
    hone_buffer content;
    hone_buffer_init(&content, s->options.allocator, BYTES_MAX);
    take_strings(s, &content);
    hn_wat_close(lexer);
    status = is_binary ? load_bytes(s, (hone_span){content.data, content.size}, diag, out_module)
                       : load_text(s, hone_buffer_text(&content), diag, out_module);
    hone_buffer_deinit(&content);
    return status;
}

static hone_status take_instance(script *s, hone_diag *diag, hone_text *out_name,
                                 hone_wasm_instance **out_instance) {
    hone_wasm_module *module = NULL;
    hone_status status = take_module(s, diag, out_name, &module);
    if (!status) {
        status = hone_wasm_instance_create(s->store, module, diag, out_instance);
    }
    hone_wasm_module_release(module);
    return status;
}

static void module_command(script *s) {
    hone_diag diag = {0};
    hone_text name = {"", 0};
    s->current = NULL;
    hone_status status = take_instance(s, &diag, &name, &s->current);
    if (status == HONE_STATUS_UNSUPPORTED) {
        s->counts->skipped++;
        return;
    }
    if (status) {
        fail(s, "module: %s: %.300s", hone_status_name(status), diag.message);
        return;
    }
    if (name.size) {
        hone_text_map_entry *entry = NULL;
        hone_status inserted = hone_text_map_insert(&s->instances, name, &entry);
        if (inserted && inserted != HONE_STATUS_DUPLICATE) {
            hn_wat_fail(&s->lexer, inserted, "too many names of modules");
            return;
        }
        entry->value.pointer = s->current;
    }
}

static hone_wasm_instance *take_instance_name(script *s) {
    hone_text name = hn_wat_take_name(&s->lexer);
    if (!name.size) {
        return s->current;
    }
    const hone_text_map_entry *entry = hone_text_map_find(&s->instances, name);
    return entry ? entry->value.pointer : NULL;
}

static void register_command(script *s) {
    hone_buffer name;
    hone_buffer_init(&name, s->options.allocator, BYTES_MAX);
    hn_wat_advance(&s->lexer);
    hn_wat_advance(&s->lexer);
    hn_wat_take_string(&s->lexer, &name);
    const hone_wasm_instance *instance = take_instance_name(s);
    hn_wat_close(&s->lexer);
    if (!instance || hone_wasm_store_define_instance(s->store, hone_buffer_text(&name), instance)) {
        fail(s, "register: no such module, or no memory");
    }
    hone_buffer_deinit(&name);
}

/* --- actions ---------------------------------------------------------------------------------- */

typedef struct action {
    hone_status status;
    bool has_vector;
    hone_wasm_value results[HN_SCRIPT_VALUES_MAX];
} action;

static void perform(script *s, const hone_wasm_instance *instance, hone_text field, bool is_get,
                    action *out, hone_diag *diag) {
    hone_wasm_extern item;
    out->status =
        instance ? hone_wasm_instance_export(instance, field, &item) : HONE_STATUS_NOT_FOUND;
    if (out->status) {
        return;
    }
    if (is_get) {
        out->results[0] = hone_wasm_global_get(item.as.global);
    } else {
        out->status = hone_wasm_call(s->store, item.as.function, out->results, diag);
    }
}

/* (invoke $module? "name" value*) or (get $module? "name") */
static void take_action(script *s, action *out, hone_diag *diag) {
    hn_wat_lexer *lexer = &s->lexer;
    bool is_get = hn_wat_is_open(lexer, "get");
    if (!is_get && !hn_wat_is_open(lexer, "invoke")) {
        hn_wat_fail_token(lexer, "(invoke or (get");
        return;
    }
    hn_wat_advance(lexer);
    hn_wat_advance(lexer);
    const hone_wasm_instance *instance = take_instance_name(s);
    hone_buffer field;
    hone_buffer_init(&field, s->options.allocator, BYTES_MAX);
    hn_wat_take_string(lexer, &field);
    hn_script_value values[HN_SCRIPT_VALUES_MAX];
    uint32_t count = hn_script_take_values(lexer, values, &out->has_vector);
    for (uint32_t i = 0; i < count; i++) {
        out->results[i].u64 = values[i].bits;
    }
    hn_wat_close(lexer);
    out->status = HONE_STATUS_UNSUPPORTED;
    if (!hn_wat_is_failed(lexer) && !out->has_vector) {
        perform(s, instance, hone_buffer_text(&field), is_get, out, diag);
    }
    hone_buffer_deinit(&field);
}

static void action_command(script *s) {
    action done = {0};
    hone_diag diag = {0};
    take_action(s, &done, &diag);
    if (done.status == HONE_STATUS_UNSUPPORTED) {
        s->counts->skipped++;
    } else if (done.status) {
        fail(s, "action: %s: %.300s", hone_status_name(done.status), diag.message);
    }
}

/* --- assertions ------------------------------------------------------------------------------- */

static void assert_return(script *s) {
    action done = {0};
    hone_diag diag = {0};
    take_action(s, &done, &diag);
    hn_script_value expected[HN_SCRIPT_VALUES_MAX];
    bool has_vector = false;
    uint32_t count = hn_script_take_values(&s->lexer, expected, &has_vector);
    if (has_vector || done.status == HONE_STATUS_UNSUPPORTED) {
        s->counts->skipped++;
        return;
    }
    if (done.status) {
        fail(s, "assert_return: %s: %.300s", hone_status_name(done.status), diag.message);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!hn_script_is_match(&expected[i], done.results[i])) {
            fail(s, "assert_return: result %u is 0x%llx, expected 0x%llx", i,
                 (unsigned long long)done.results[i].u64, (unsigned long long)expected[i].bits);
            return;
        }
    }
    s->counts->passed++;
}

/* The suite's texts sometimes say more, and sometimes less. */
static bool is_told(hone_text expected, const char *text) {
    hone_text told = hone_text_of(text);
    return hone_text_has_prefix(expected, told) || hone_text_has_prefix(told, expected);
}

static void take_text(script *s, hone_buffer *out) {
    hone_buffer_init(out, s->options.allocator, BYTES_MAX);
    hn_wat_take_string(&s->lexer, out);
}

static void check_trap(script *s, const char *what, hone_status status, const char *message) {
    hone_buffer expected;
    take_text(s, &expected);
    const char *text = hone_wasm_trap_text(hone_wasm_store_trap(s->store));
    if (status == HONE_STATUS_UNSUPPORTED) {
        s->counts->skipped++;
    } else if (status != HONE_STATUS_TRAP) {
        fail(s, "%s: %s instead of a trap: %.300s", what, hone_status_name(status), message);
    } else if (!is_told(hone_buffer_text(&expected), text)) {
        fail(s, "%s: trap \"%s\", expected \"%.*s\"", what, text,
             HONE_TEXT_ARGS(hone_buffer_text(&expected)));
    } else {
        s->counts->passed++;
    }
    hone_buffer_deinit(&expected);
}

static void assert_trap(script *s, const char *what) {
    hone_diag diag = {0};
    if (hn_wat_is_open(&s->lexer, "module")) {
        hone_text name;
        hone_wasm_instance *instance = NULL;
        hone_status status = take_instance(s, &diag, &name, &instance);
        check_trap(s, what, status, diag.message);
        return;
    }
    action done = {0};
    take_action(s, &done, &diag);
    check_trap(s, what, done.status, diag.message);
}

/* A module that must be refused with one status. */
static void assert_refused(script *s, const char *what, hone_status wanted) {
    hone_diag diag = {0};
    hone_text name = {"", 0};
    hone_status status;
    if (wanted == HONE_STATUS_UNLINKABLE) {
        hone_wasm_instance *instance = NULL;
        status = take_instance(s, &diag, &name, &instance);
    } else {
        hone_wasm_module *module = NULL;
        status = take_module(s, &diag, &name, &module);
        hone_wasm_module_release(module);
    }
    hone_buffer expected;
    take_text(s, &expected);
    if (status == wanted) {
        s->counts->passed++;
    } else {
        fail(s, "%s: %s (%.200s), expected \"%.*s\"", what, hone_status_name(status), diag.message,
             HONE_TEXT_ARGS(hone_buffer_text(&expected)));
    }
    hone_buffer_deinit(&expected);
}

static void assertion_command(script *s) {
    hn_wat_lexer *lexer = &s->lexer;
    hn_wat_advance(lexer);
    hone_text word = lexer->token.text;
    hn_wat_advance(lexer);
    if (hone_text_is(word, "assert_return")) {
        assert_return(s);
    } else if (hone_text_is(word, "assert_trap")) {
        assert_trap(s, "assert_trap");
    } else if (hone_text_is(word, "assert_exhaustion")) {
        assert_trap(s, "assert_exhaustion");
    } else if (hone_text_is(word, "assert_malformed")) {
        assert_refused(s, "assert_malformed", HONE_STATUS_MALFORMED);
    } else if (hone_text_is(word, "assert_invalid")) {
        assert_refused(s, "assert_invalid", HONE_STATUS_INVALID_MODULE);
    } else if (hone_text_is(word, "assert_unlinkable")) {
        assert_refused(s, "assert_unlinkable", HONE_STATUS_UNLINKABLE);
    } else {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "unknown command %.*s", HONE_TEXT_ARGS(word));
    }
    hn_wat_close(lexer);
}

/* A script may be the fields of one module, without "(module" around them. */
static bool is_inline_module(const hn_wat_lexer *lexer) {
    static const char *const fields[] = {"type",   "import", "func",  "table", "memory",
                                         "global", "export", "start", "elem",  "data"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (hn_wat_is_open(lexer, fields[i])) {
            return true;
        }
    }
    return false;
}

static void inline_module(script *s) {
    hone_diag diag = {0};
    hone_wasm_module *module = NULL;
    const char *first = s->lexer.token.text.data;
    hone_status status =
        load_text(s, (hone_text){first, (size_t)(s->lexer.end - first)}, &diag, &module);
    status = status ? status : hone_wasm_instance_create(s->store, module, &diag, &s->current);
    hone_wasm_module_release(module);
    if (status) {
        fail(s, "module: %s: %.300s", hone_status_name(status), diag.message);
    }
}

static void run_commands(script *s) {
    hn_wat_lexer *lexer = &s->lexer;
    if (is_inline_module(lexer)) {
        inline_module(s);
        return;
    }
    while (!hn_wat_is_failed(lexer) && lexer->token.kind != HN_WAT_END) {
        s->line = lexer->token.line;
        if (hn_wat_is_open(lexer, "module")) {
            module_command(s);
        } else if (hn_wat_is_open(lexer, "register")) {
            register_command(s);
        } else if (hn_wat_is_open(lexer, "invoke") || hn_wat_is_open(lexer, "get")) {
            action_command(s);
        } else if (lexer->token.kind == HN_WAT_OPEN) {
            assertion_command(s);
        } else {
            hn_wat_fail_token(lexer, "a command");
        }
    }
}

hone_status hone_wasm_script_run(hone_text text, const char *file_name,
                                 const hone_wasm_script_options *options, hone_diag *diag,
                                 hone_wasm_script_counts *counts) {
    script s = {.counts = counts};
    if (options) {
        s.options = *options;
    }
    hone_wasm_store_options store_options = {.allocator = s.options.allocator};
    hone_status status = hone_wasm_store_create(&store_options, diag, &s.store);
    status = status ? status : hn_script_define_spectest(s.store);
    hone_text_map_init(&s.instances, s.options.allocator, NAMES_MAX);
    if (!status) {
        hn_wat_lexer_init(&s.lexer, text, file_name, diag);
        run_commands(&s);
        status = s.lexer.status;
    }
    hone_text_map_deinit(&s.instances);
    hone_wasm_store_destroy(s.store);
    return status;
}
