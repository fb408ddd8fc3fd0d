/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules of the text format, in two passes: the first counts and names what is defined, because
 * anything may be named before it stands there; the second writes the sections.
 *
 * Source: WebAssembly Core Specification 2.0, section 6.6.
 */
#include "text_internal.h"

#include <assert.h>

enum {
    BYTES_MAX = 1 << 28,
    ARENA_BYTES_MAX = 1 << 28,
    NAMES_MAX = 1 << 20,
    SECTION_TYPE = 1,
    SECTION_IMPORT,
    SECTION_FUNCTION,
    SECTION_TABLE,
    SECTION_MEMORY,
    SECTION_GLOBAL,
    SECTION_EXPORT,
    SECTION_START,
    SECTION_ELEMENT,
    SECTION_CODE,
    SECTION_DATA,
    SECTION_DATA_COUNT,
};

static const char *const space_names[HN_WAT_SPACES_COUNT] = {
    "type", "function", "table", "memory", "global", "elem segment", "data segment", "local"};

/* --- writing ---------------------------------------------------------------------------------- */

void hn_wat_put_unsigned(hone_buffer *buffer, uint64_t value) {
    do {
        uint8_t byte = value & 0x7F;
        value >>= 7;
        hone_buffer_append_byte(buffer, (char)(value ? byte | 0x80 : byte));
    } while (value);
}

void hn_wat_put_signed(hone_buffer *buffer, int64_t value) {
    for (;;) {
        uint8_t byte = value & 0x7F;
        value >>= 7;
        bool is_last = (value == 0 && !(byte & 0x40)) || (value == -1 && (byte & 0x40));
        hone_buffer_append_byte(buffer, (char)(is_last ? byte : byte | 0x80));
        if (is_last) {
            return;
        }
    }
}

void hn_wat_put_bytes(hone_buffer *buffer, uint64_t value, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        hone_buffer_append_byte(buffer, (char)(value >> 8 * i));
    }
}

static void put_text(hone_buffer *buffer, hone_text text) {
    hn_wat_put_unsigned(buffer, text.size);
    hone_buffer_append_text(buffer, text);
}

static hone_buffer *add(hn_wat *wat, uint32_t section) {
    wat->sections[section].count++;
    return &wat->sections[section].bytes;
}

void *hn_wat_grow(hn_wat *wat, void *array, uint32_t count, uint32_t *capacity, size_t size) {
    if (count < *capacity || hn_wat_is_failed(&wat->lexer)) {
        return array;
    }
    uint32_t larger = *capacity ? *capacity * 2 : 32;
    void *moved = hone_arena_allocate_zeroed(&wat->arena, larger, size, _Alignof(max_align_t));
    if (!moved) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_OUT_OF_MEMORY, "no memory to read a module");
        return array;
    }
    if (count) {
        memcpy(moved, array, count * size);
    }
    *capacity = larger;
    return moved;
}

/* --- names and types -------------------------------------------------------------------------- */

void hn_wat_name(hn_wat *wat, uint32_t space, hone_text name, uint32_t index) {
    if (!name.size || hn_wat_is_failed(&wat->lexer)) {
        return;
    }
    hone_text_map_entry *entry = NULL;
    hone_status status = hone_text_map_insert(&wat->spaces[space].names, name, &entry);
    if (status == HONE_STATUS_DUPLICATE) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "duplicate %s %.*s", space_names[space],
                    HONE_TEXT_ARGS(name));
    } else if (status) {
        hn_wat_fail(&wat->lexer, status, "too many names");
    } else {
        entry->value.number = index;
    }
}

bool hn_wat_is_index(const hn_wat *wat) {
    const hn_wat_token *token = &wat->lexer.token;
    return token->kind == HN_WAT_ATOM &&
           (token->text.data[0] == '$' || hn_wat_is_number(&wat->lexer));
}

uint32_t hn_wat_take_index(hn_wat *wat, uint32_t space) {
    hone_text name = hn_wat_take_name(&wat->lexer);
    if (!name.size) {
        return (uint32_t)hn_wat_take_unsigned(&wat->lexer, 32);
    }
    const hone_text_map_entry *entry = hone_text_map_find(&wat->spaces[space].names, name);
    if (!entry) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "unknown %s %.*s", space_names[space],
                    HONE_TEXT_ARGS(name));
        return 0;
    }
    return (uint32_t)entry->value.number;
}

uint8_t hn_wat_take_value_type(hn_wat *wat) {
    static const uint8_t types[] = {HONE_WASM_I32,      HONE_WASM_I64,  HONE_WASM_F32,
                                    HONE_WASM_F64,      HONE_WASM_V128, HONE_WASM_FUNCREF,
                                    HONE_WASM_EXTERNREF};
    for (size_t i = 0; i < sizeof types; i++) {
        if (hn_wat_take_atom(&wat->lexer, hone_wasm_type_name((hone_wasm_type)types[i]))) {
            return types[i];
        }
    }
    hn_wat_fail_token(&wat->lexer, "a type");
    return HONE_WASM_I32;
}

uint8_t hn_wat_take_reference_type(hn_wat *wat) {
    if (!hn_wat_is_atom(&wat->lexer, "funcref") && !hn_wat_is_atom(&wat->lexer, "externref")) {
        hn_wat_fail_token(&wat->lexer, "funcref or externref");
        return HONE_WASM_FUNCREF;
    }
    return hn_wat_take_value_type(wat);
}

static const uint8_t *keep_bytes(hn_wat *wat, const hone_buffer *bytes) {
    uint8_t *copy = hone_arena_allocate(&wat->arena, bytes->size, 1);
    if (!copy) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_OUT_OF_MEMORY, "no memory to read a module");
        return NULL;
    }
    if (bytes->size) {
        memcpy(copy, bytes->data, bytes->size);
    }
    return copy;
}

/* (word type* ) and (word $name type), any number of them. */
static const uint8_t *take_types(hn_wat *wat, const char *word, bool takes_names,
                                 uint32_t *out_count) {
    hone_buffer *types = &wat->scratch;
    types->size = 0;
    while (hn_wat_take_open(&wat->lexer, word)) {
        hone_text name = wat->lexer.token.kind == HN_WAT_ATOM && word[0] == 'p'
                             ? hn_wat_take_name(&wat->lexer)
                             : (hone_text){"", 0};
        if (name.size) {
            if (!takes_names) {
                hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED,
                            "unexpected token: a parameter's name here");
            }
            hn_wat_name(wat, HN_WAT_LOCALS, name, (uint32_t)types->size);
            hone_buffer_append_byte(types, (char)hn_wat_take_value_type(wat));
        }
        while (!name.size && wat->lexer.token.kind == HN_WAT_ATOM) {
            hone_buffer_append_byte(types, (char)hn_wat_take_value_type(wat));
        }
        hn_wat_close(&wat->lexer);
    }
    *out_count = (uint32_t)types->size;
    return keep_bytes(wat, types);
}

static bool is_same(const hone_wasm_function_type *a, const hone_wasm_function_type *b) {
    return a->params_count == b->params_count && a->results_count == b->results_count &&
           memcmp(a->params, b->params, a->params_count) == 0 &&
           memcmp(a->results, b->results, a->results_count) == 0;
}

static uint32_t add_type(hn_wat *wat, const hone_wasm_function_type *type) {
    wat->types =
        hn_wat_grow(wat, wat->types, wat->types_count, &wat->types_capacity, sizeof *wat->types);
    if (hn_wat_is_failed(&wat->lexer)) {
        return 0;
    }
    wat->types[wat->types_count] = *type;
    return wat->types_count++;
}

static uint32_t find_type(hn_wat *wat, const hone_wasm_function_type *type) {
    if (hn_wat_is_failed(&wat->lexer)) {
        return 0;
    }
    for (uint32_t i = 0; i < wat->types_count; i++) {
        if (is_same(&wat->types[i], type)) {
            return i;
        }
    }
    return add_type(wat, type);
}

hn_wat_type_use hn_wat_take_type_use(hn_wat *wat, bool takes_names, bool makes_type) {
    hn_wat_type_use use = {.has_index = hn_wat_take_open(&wat->lexer, "type")};
    if (use.has_index) {
        use.index = hn_wat_take_index(wat, HN_WAT_TYPES);
        hn_wat_close(&wat->lexer);
    }
    use.type.params = take_types(wat, "param", takes_names, &use.type.params_count);
    use.type.results = take_types(wat, "result", false, &use.type.results_count);
    use.named = use.type.params_count;
    if (hn_wat_is_failed(&wat->lexer)) {
        return (hn_wat_type_use){.type = {(const uint8_t *)"", (const uint8_t *)"", 0, 0}};
    }
    bool is_simple = use.type.params_count == 0 && use.type.results_count <= 1;
    if (!use.has_index) {
        if (makes_type || !is_simple) {
            use.index = find_type(wat, &use.type);
        }
        return use;
    }
    bool is_inline = use.type.params_count || use.type.results_count;
    if (use.index >= wat->types_count) {
        if (is_inline) {
            hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "unknown type %u", use.index);
        }
        return use; /* for the validator */
    }
    if (is_inline && !is_same(&use.type, &wat->types[use.index])) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "inline function type");
    }
    use.type = wat->types[use.index];
    return use;
}

static void put_limits(hn_wat *wat, bool is_memory, hone_buffer *out) {
    bool is_64 = is_memory && hn_wat_take_atom(&wat->lexer, "i64");
    if (!is_64 && is_memory) {
        (void)hn_wat_take_atom(&wat->lexer, "i32");
    }
    uint32_t bits = is_64 ? 64 : 32;
    uint64_t min = hn_wat_take_unsigned(&wat->lexer, bits), max = 0;
    bool has_max = hn_wat_is_number(&wat->lexer);
    if (has_max) {
        max = hn_wat_take_unsigned(&wat->lexer, bits);
    }
    hone_buffer_append_byte(out, (char)((is_64 ? 4 : 0) | has_max));
    hn_wat_put_unsigned(out, min);
    if (has_max) {
        hn_wat_put_unsigned(out, max);
    }
}

static void put_table_type(hn_wat *wat, hone_buffer *out) {
    wat->scratch.size = 0;
    put_limits(wat, false, &wat->scratch);
    hone_buffer_append_byte(out, (char)hn_wat_take_reference_type(wat));
    hone_buffer_append(out, wat->scratch.data, wat->scratch.size);
}

static void put_global_type(hn_wat *wat, hone_buffer *out) {
    bool is_mutable = hn_wat_take_open(&wat->lexer, "mut");
    hone_buffer_append_byte(out, (char)hn_wat_take_value_type(wat));
    hone_buffer_append_byte(out, (char)is_mutable);
    if (is_mutable) {
        hn_wat_close(&wat->lexer);
    }
}

static void put_function_type(hn_wat *wat, hone_buffer *out) {
    hn_wat_put_unsigned(out, hn_wat_take_type_use(wat, true, true).index);
}

/* --- fields ----------------------------------------------------------------------------------- */

/* The kinds that can be imported and exported, in the order of hone_wasm_kind and of the spaces
 * from HN_WAT_FUNCTIONS on. */
static const char *const kind_words[] = {"func", "table", "memory", "global"};
enum { KINDS_COUNT = 4 };

static void put_import_type(hn_wat *wat, uint32_t kind, hone_buffer *out) {
    hone_buffer_append_byte(out, (char)kind);
    switch (kind) {
    case HONE_WASM_FUNCTION: put_function_type(wat, out); break;
    case HONE_WASM_TABLE: put_table_type(wat, out); break;
    case HONE_WASM_MEMORY: put_limits(wat, true, out); break;
    default: put_global_type(wat, out); break;
    }
}

static void put_string(hn_wat *wat, hone_buffer *out) {
    hone_buffer bytes;
    hone_buffer_init(&bytes, wat->allocator, BYTES_MAX);
    hn_wat_take_string(&wat->lexer, &bytes);
    if (!hone_text_is_utf8(hone_buffer_text(&bytes), NULL)) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "malformed UTF-8 encoding");
    }
    put_text(out, hone_buffer_text(&bytes));
    hone_buffer_deinit(&bytes);
}

/* Inline exports; true when an inline import follows them, which is written as well. */
static bool take_exports_and_import(hn_wat *wat, uint32_t kind, uint32_t index) {
    while (hn_wat_take_open(&wat->lexer, "export")) {
        hone_buffer *out = add(wat, SECTION_EXPORT);
        put_string(wat, out);
        hone_buffer_append_byte(out, (char)kind);
        hn_wat_put_unsigned(out, index);
        hn_wat_close(&wat->lexer);
    }
    if (!hn_wat_take_open(&wat->lexer, "import")) {
        return false;
    }
    hone_buffer *out = add(wat, SECTION_IMPORT);
    put_string(wat, out);
    put_string(wat, out);
    hn_wat_close(&wat->lexer);
    put_import_type(wat, kind, out);
    return true;
}

static void begin_locals(hn_wat *wat) {
    hone_text_map_deinit(&wat->spaces[HN_WAT_LOCALS].names);
    hone_text_map_init(&wat->spaces[HN_WAT_LOCALS].names, wat->allocator, NAMES_MAX);
}

static void put_locals(hn_wat *wat, uint32_t first) {
    uint32_t groups = 0, index = first;
    hone_buffer *types = &wat->scratch;
    types->size = 0;
    while (hn_wat_take_open(&wat->lexer, "local")) {
        hone_text name = hn_wat_take_name(&wat->lexer);
        hn_wat_name(wat, HN_WAT_LOCALS, name, index);
        while (wat->lexer.token.kind == HN_WAT_ATOM) {
            hn_wat_put_unsigned(types, 1);
            hone_buffer_append_byte(types, (char)hn_wat_take_value_type(wat));
            groups++;
            index++;
            if (name.size) {
                break;
            }
        }
        hn_wat_close(&wat->lexer);
    }
    hn_wat_put_unsigned(&wat->body, groups);
    hone_buffer_append(&wat->body, types->data, types->size);
}

static void take_function(hn_wat *wat, uint32_t index) {
    begin_locals(wat);
    if (take_exports_and_import(wat, HONE_WASM_FUNCTION, index)) {
        return;
    }
    hn_wat_type_use use = hn_wat_take_type_use(wat, true, true);
    hn_wat_put_unsigned(add(wat, SECTION_FUNCTION), use.index);
    wat->body.size = 0;
    put_locals(wat, use.type.params_count);
    hn_wat_take_code(wat, false);
    hone_buffer_append_byte(&wat->body, (char)HN_WASM_OP_END);
    hone_buffer *code = add(wat, SECTION_CODE);
    hn_wat_put_unsigned(code, wat->body.size);
    hone_buffer_append(code, wat->body.data, wat->body.size);
}

static void put_expression(hn_wat *wat, bool is_single, hone_buffer *out) {
    wat->body.size = 0;
    hn_wat_take_code(wat, is_single);
    hone_buffer_append(out, wat->body.data, wat->body.size);
    hone_buffer_append_byte(out, (char)HN_WASM_OP_END);
}

/* (offset code) or one folded instruction. */
static void put_offset(hn_wat *wat, hone_buffer *out) {
    if (hn_wat_take_open(&wat->lexer, "offset")) {
        put_expression(wat, false, out);
        hn_wat_close(&wat->lexer);
    } else {
        put_expression(wat, true, out);
    }
}

/* Elements as expressions, (item code) or one folded instruction each; returns how many. */
static uint32_t put_element_expressions(hn_wat *wat, hone_buffer *out) {
    uint32_t count = 0;
    while (wat->lexer.token.kind == HN_WAT_OPEN) {
        if (hn_wat_take_open(&wat->lexer, "item")) {
            put_expression(wat, false, out);
            hn_wat_close(&wat->lexer);
        } else {
            put_expression(wat, true, out);
        }
        count++;
    }
    return count;
}

static uint32_t put_function_indices(hn_wat *wat, hone_buffer *out) {
    uint32_t count = 0;
    while (hn_wat_is_index(wat)) {
        hn_wat_put_unsigned(out, hn_wat_take_index(wat, HN_WAT_FUNCTIONS));
        count++;
    }
    return count;
}

/* The list of a segment: behind flags, table and offset in the binary. */
static void put_element_list(hn_wat *wat, uint32_t flags, bool has_kind, hone_buffer *out) {
    hone_buffer list;
    hone_buffer_init(&list, wat->allocator, BYTES_MAX);
    uint32_t count;
    if (flags & 4) {
        uint8_t type = hn_wat_take_reference_type(wat);
        if (has_kind) {
            hone_buffer_append_byte(out, (char)type);
        }
        count = put_element_expressions(wat, &list);
    } else {
        (void)hn_wat_take_atom(&wat->lexer, "func");
        if (has_kind) {
            hone_buffer_append_byte(out, 0);
        }
        count = put_function_indices(wat, &list);
    }
    hn_wat_put_unsigned(out, count);
    hone_buffer_append(out, list.data, list.size);
    hone_buffer_deinit(&list);
}

static bool is_expressions(const hn_wat *wat) {
    return hn_wat_is_atom(&wat->lexer, "funcref") || hn_wat_is_atom(&wat->lexer, "externref");
}

static void take_element(hn_wat *wat) {
    hone_buffer *out = add(wat, SECTION_ELEMENT);
    bool is_declared = hn_wat_take_atom(&wat->lexer, "declare");
    bool has_table = hn_wat_take_open(&wat->lexer, "table");
    uint32_t table = 0;
    if (has_table) {
        table = hn_wat_take_index(wat, HN_WAT_TABLES);
        hn_wat_close(&wat->lexer);
    } else if (!is_declared && hn_wat_is_index(wat)) { /* an old form: the table's index */
        hn_wat_lexer ahead = wat->lexer;
        ahead.diag = NULL;
        hn_wat_advance(&ahead);
        if (ahead.token.kind == HN_WAT_OPEN) {
            table = hn_wat_take_index(wat, HN_WAT_TABLES);
            has_table = true;
        }
    }
    bool is_active = wat->lexer.token.kind == HN_WAT_OPEN;
    if (has_table && !is_active) {
        hn_wat_fail_token(&wat->lexer, "(offset");
    }
    hone_buffer offset;
    hone_buffer_init(&offset, wat->allocator, BYTES_MAX);
    if (is_active) {
        put_offset(wat, &offset);
    }
    uint32_t kind = is_expressions(wat) ? 4 : 0;
    bool is_extern = hn_wat_is_atom(&wat->lexer, "externref");
    if (!is_active && !kind && !hn_wat_is_atom(&wat->lexer, "func")) {
        hn_wat_fail_token(&wat->lexer, "func, funcref or externref");
    }
    bool is_explicit = is_active && (table != 0 || is_extern);
    uint32_t flags = kind | (is_declared ? 3 : !is_active ? 1 : is_explicit ? 2 : 0);
    hn_wat_put_unsigned(out, flags);
    if (is_explicit) {
        hn_wat_put_unsigned(out, table);
    }
    hone_buffer_append(out, offset.data, offset.size);
    hone_buffer_deinit(&offset);
    put_element_list(wat, flags, (flags & 3) != 0, out);
}

static void take_table(hn_wat *wat, uint32_t index) {
    if (take_exports_and_import(wat, HONE_WASM_TABLE, index)) {
        return;
    }
    hone_buffer *out = add(wat, SECTION_TABLE);
    if (!is_expressions(wat)) {
        put_table_type(wat, out);
        return;
    }
    uint8_t type = hn_wat_take_reference_type(wat);
    if (!hn_wat_take_open(&wat->lexer, "elem")) {
        hn_wat_fail_token(&wat->lexer, "(elem");
        return;
    }
    hone_buffer list;
    hone_buffer_init(&list, wat->allocator, BYTES_MAX);
    bool is_indices = hn_wat_is_index(wat);
    uint32_t count =
        is_indices ? put_function_indices(wat, &list) : put_element_expressions(wat, &list);
    hn_wat_close(&wat->lexer);
    hone_buffer_append_byte(out, (char)type);
    hone_buffer_append_byte(out, 1);
    hn_wat_put_unsigned(out, count);
    hn_wat_put_unsigned(out, count);
    hone_buffer *segment = add(wat, SECTION_ELEMENT);
    hn_wat_put_unsigned(segment, is_indices ? 2 : 6);
    hn_wat_put_unsigned(segment, index);
    hone_buffer_append(segment, "\x41\0\x0B", 3);
    hone_buffer_append_byte(segment, is_indices ? 0 : (char)type);
    hn_wat_put_unsigned(segment, count);
    hone_buffer_append(segment, list.data, list.size);
    hone_buffer_deinit(&list);
}

/* Strings up to the closing parenthesis, as a vector of bytes. Returns its size. */
static size_t put_data_strings(hn_wat *wat, hone_buffer *out) {
    hone_buffer bytes;
    hone_buffer_init(&bytes, wat->allocator, BYTES_MAX);
    while (wat->lexer.token.kind == HN_WAT_STRING) {
        hn_wat_take_string(&wat->lexer, &bytes);
    }
    size_t size = bytes.size;
    put_text(out, hone_buffer_text(&bytes));
    hone_buffer_deinit(&bytes);
    return size;
}

static void take_memory(hn_wat *wat, uint32_t index) {
    if (take_exports_and_import(wat, HONE_WASM_MEMORY, index)) {
        return;
    }
    hone_buffer *out = add(wat, SECTION_MEMORY);
    bool is_64 = hn_wat_is_atom(&wat->lexer, "i64");
    hn_wat_lexer before = wat->lexer;
    (void)(hn_wat_take_atom(&wat->lexer, "i64") || hn_wat_take_atom(&wat->lexer, "i32"));
    if (!hn_wat_take_open(&wat->lexer, "data")) {
        wat->lexer = before;
        put_limits(wat, true, out);
        return;
    }
    hone_buffer *segment = add(wat, SECTION_DATA);
    hn_wat_put_unsigned(segment, index ? 2 : 0);
    if (index) {
        hn_wat_put_unsigned(segment, index);
    }
    hone_buffer_append(segment, is_64 ? "\x42\0\x0B" : "\x41\0\x0B", 3);
    size_t pages = (put_data_strings(wat, segment) + HN_WASM_PAGE_BYTES - 1) / HN_WASM_PAGE_BYTES;
    hn_wat_close(&wat->lexer);
    hone_buffer_append_byte(out, (char)(is_64 ? 5 : 1));
    hn_wat_put_unsigned(out, pages);
    hn_wat_put_unsigned(out, pages);
}

static void take_global(hn_wat *wat, uint32_t index) {
    if (take_exports_and_import(wat, HONE_WASM_GLOBAL, index)) {
        return;
    }
    hone_buffer *out = add(wat, SECTION_GLOBAL);
    put_global_type(wat, out);
    put_expression(wat, false, out);
}

static void take_data(hn_wat *wat) {
    hone_buffer *out = add(wat, SECTION_DATA);
    uint32_t memory = 0;
    bool has_memory = hn_wat_take_open(&wat->lexer, "memory");
    if (has_memory) {
        memory = hn_wat_take_index(wat, HN_WAT_MEMORIES);
        hn_wat_close(&wat->lexer);
    } else if (hn_wat_is_index(wat)) { /* an old form */
        memory = hn_wat_take_index(wat, HN_WAT_MEMORIES);
    }
    bool is_active = wat->lexer.token.kind == HN_WAT_OPEN;
    if (has_memory && !is_active) {
        hn_wat_fail_token(&wat->lexer, "(offset");
    }
    hn_wat_put_unsigned(out, !is_active ? 1 : memory ? 2 : 0);
    if (is_active) {
        if (memory) {
            hn_wat_put_unsigned(out, memory);
        }
        put_offset(wat, out);
    }
    (void)put_data_strings(wat, out);
}

static void take_import(hn_wat *wat) {
    hone_buffer *out = add(wat, SECTION_IMPORT);
    put_string(wat, out);
    put_string(wat, out);
    begin_locals(wat);
    for (uint32_t kind = 0; kind < KINDS_COUNT; kind++) {
        if (hn_wat_take_open(&wat->lexer, kind_words[kind])) {
            (void)hn_wat_take_name(&wat->lexer);
            wat->spaces[HN_WAT_FUNCTIONS + kind].fields_seen++;
            put_import_type(wat, kind, out);
            hn_wat_close(&wat->lexer);
            return;
        }
    }
    hn_wat_fail_token(&wat->lexer, "(func, (table, (memory or (global");
}

static void take_export(hn_wat *wat) {
    hone_buffer *out = add(wat, SECTION_EXPORT);
    put_string(wat, out);
    for (uint32_t kind = 0; kind < KINDS_COUNT; kind++) {
        if (hn_wat_take_open(&wat->lexer, kind_words[kind])) {
            hone_buffer_append_byte(out, (char)kind);
            hn_wat_put_unsigned(out, hn_wat_take_index(wat, HN_WAT_FUNCTIONS + kind));
            hn_wat_close(&wat->lexer);
            return;
        }
    }
    hn_wat_fail_token(&wat->lexer, "(func, (table, (memory or (global");
}

static void take_start(hn_wat *wat) {
    if (wat->sections[SECTION_START].count) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "multiple start sections");
    }
    hn_wat_put_unsigned(add(wat, SECTION_START), hn_wat_take_index(wat, HN_WAT_FUNCTIONS));
}

/* --- the passes ------------------------------------------------------------------------------- */

static void take_type(hn_wat *wat) {
    hone_text name = hn_wat_take_name(&wat->lexer);
    hn_wat_name(wat, HN_WAT_TYPES, name, wat->types_count);
    if (!hn_wat_take_open(&wat->lexer, "func")) {
        hn_wat_fail_token(&wat->lexer, "(func");
        return;
    }
    begin_locals(wat);
    hone_wasm_function_type type = {0};
    type.params = take_types(wat, "param", true, &type.params_count);
    type.results = take_types(wat, "result", false, &type.results_count);
    hn_wat_close(&wat->lexer);
    (void)add_type(wat, &type);
}

static void count_definition(hn_wat *wat, uint32_t space, bool is_import) {
    hone_text name = hn_wat_take_name(&wat->lexer);
    uint32_t index = wat->spaces[space].count++;
    hn_wat_name(wat, space, name, index);
    if (space == HN_WAT_FUNCTIONS && name.size) {
        hn_wat_put_unsigned(&wat->names, index);
        put_text(&wat->names, (hone_text){name.data + 1, name.size - 1});
        wat->names_count++;
    }
    if (is_import && wat->has_definition) {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "import after %s", space_names[space]);
    }
}

/* Whether an inline import stands among the inline exports of a definition. */
static bool has_inline_import(const hn_wat *wat) {
    hn_wat_lexer ahead = wat->lexer;
    ahead.diag = NULL;
    (void)hn_wat_take_name(&ahead);
    while (hn_wat_is_open(&ahead, "export")) {
        hn_wat_skip(&ahead);
    }
    return hn_wat_is_open(&ahead, "import");
}

static void count_import(hn_wat *wat) {
    hn_wat_lexer ahead = wat->lexer;
    hn_wat_advance(&wat->lexer);
    hn_wat_advance(&wat->lexer);
    for (uint32_t kind = 0; kind < KINDS_COUNT; kind++) {
        if (hn_wat_take_open(&wat->lexer, kind_words[kind])) {
            count_definition(wat, HN_WAT_FUNCTIONS + kind, true);
            break;
        }
    }
    hone_status status = wat->lexer.status;
    if (!status) {
        wat->lexer = ahead;
    }
}

/* The first pass over one field; the cursor is behind its word. */
static void count_field(hn_wat *wat, hone_text word) {
    static const char *const words[] = {"func", "table", "memory", "global", "elem", "data"};
    if (hone_text_is(word, "type")) {
        take_type(wat);
        return;
    }
    if (hone_text_is(word, "import")) {
        count_import(wat);
        return;
    }
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!hone_text_is(word, words[i])) {
            continue;
        }
        bool is_import = i < KINDS_COUNT && has_inline_import(wat);
        count_definition(wat, HN_WAT_FUNCTIONS + i, is_import);
        wat->has_definition |= i < KINDS_COUNT && !is_import;
        return;
    }
}

static uint32_t next_index(hn_wat *wat, uint32_t space) {
    (void)hn_wat_take_name(&wat->lexer);
    return wat->spaces[space].fields_seen++;
}

/* The second pass over one field. */
static void take_field(hn_wat *wat, hone_text word) {
    if (hone_text_is(word, "type")) {
        while (wat->lexer.token.kind == HN_WAT_ATOM) {
            hn_wat_advance(&wat->lexer);
        }
        hn_wat_skip(&wat->lexer);
    } else if (hone_text_is(word, "import")) {
        take_import(wat);
    } else if (hone_text_is(word, "func")) {
        take_function(wat, next_index(wat, HN_WAT_FUNCTIONS));
    } else if (hone_text_is(word, "table")) {
        take_table(wat, next_index(wat, HN_WAT_TABLES));
    } else if (hone_text_is(word, "memory")) {
        take_memory(wat, next_index(wat, HN_WAT_MEMORIES));
    } else if (hone_text_is(word, "global")) {
        take_global(wat, next_index(wat, HN_WAT_GLOBALS));
    } else if (hone_text_is(word, "export")) {
        take_export(wat);
    } else if (hone_text_is(word, "start")) {
        take_start(wat);
    } else if (hone_text_is(word, "elem")) {
        (void)hn_wat_take_name(&wat->lexer);
        take_element(wat);
    } else if (hone_text_is(word, "data")) {
        (void)hn_wat_take_name(&wat->lexer);
        take_data(wat);
    } else {
        hn_wat_fail(&wat->lexer, HONE_STATUS_MALFORMED, "unexpected token: a field %.*s",
                    HONE_TEXT_ARGS(word));
    }
}

static void walk_fields(hn_wat *wat, bool is_first_pass) {
    hn_wat_lexer *lexer = &wat->lexer;
    while (lexer->token.kind == HN_WAT_OPEN) {
        hn_wat_lexer start = *lexer;
        hn_wat_advance(lexer);
        hone_text word = lexer->token.kind == HN_WAT_ATOM ? lexer->token.text : (hone_text){"", 0};
        hn_wat_advance(lexer);
        if (!is_first_pass) {
            take_field(wat, word);
            hn_wat_close(lexer);
            continue;
        }
        count_field(wat, word);
        if (!hn_wat_is_failed(lexer)) {
            *lexer = start;
            hn_wat_skip(lexer);
        }
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

#define NAME_ROW(name, code, text, ...) {text, HN_WASM_OP_##name},
static const struct {
    const char *name;
    uint32_t opcode;
} instruction_names[] = {HN_WASM_CORE_OPCODES(NAME_ROW) HN_WASM_MISC_OPCODES(NAME_ROW)
                             HN_WASM_SIMD_OPCODES(NAME_ROW)};

static void init(hn_wat *wat, hone_text text, const char *file_name,
                 const hone_allocator *allocator, hone_diag *diag) {
    *wat = (hn_wat){.allocator = allocator};
    hone_arena_init(&wat->arena, allocator, ARENA_BYTES_MAX);
    hn_wat_lexer_init(&wat->lexer, text, file_name, diag);
    hone_text_map_init(&wat->instructions, allocator, 1000);
    for (int i = 0; i < HN_WAT_SPACES_COUNT; i++) {
        hone_text_map_init(&wat->spaces[i].names, allocator, NAMES_MAX);
    }
    for (int i = 0; i < HN_WAT_SECTIONS_COUNT; i++) {
        hone_buffer_init(&wat->sections[i].bytes, allocator, BYTES_MAX);
    }
    hone_buffer_init(&wat->pending, allocator, BYTES_MAX);
    hone_buffer_init(&wat->body, allocator, BYTES_MAX);
    hone_buffer_init(&wat->scratch, allocator, BYTES_MAX);
    hone_buffer_init(&wat->names, allocator, BYTES_MAX);
    for (size_t i = 0; i < sizeof instruction_names / sizeof instruction_names[0]; i++) {
        hone_text_map_entry *entry = NULL;
        hone_status status = hone_text_map_insert(&wat->instructions,
                                                  hone_text_of(instruction_names[i].name), &entry);
        if (!status) { /* `select` stands there twice: the first one, without types */
            entry->value.number = instruction_names[i].opcode;
        } else if (status != HONE_STATUS_DUPLICATE) {
            hn_wat_fail(&wat->lexer, status, "no memory to read a module");
        }
    }
}

static void deinit(hn_wat *wat) {
    hone_text_map_deinit(&wat->instructions);
    for (int i = 0; i < HN_WAT_SPACES_COUNT; i++) {
        hone_text_map_deinit(&wat->spaces[i].names);
    }
    for (int i = 0; i < HN_WAT_SECTIONS_COUNT; i++) {
        hone_buffer_deinit(&wat->sections[i].bytes);
    }
    hone_buffer_deinit(&wat->pending);
    hone_buffer_deinit(&wat->body);
    hone_buffer_deinit(&wat->scratch);
    hone_buffer_deinit(&wat->names);
    hone_arena_deinit(&wat->arena);
}

static void put_types(hn_wat *wat) {
    for (uint32_t i = 0; i < wat->types_count; i++) {
        hone_buffer *out = add(wat, SECTION_TYPE);
        const hone_wasm_function_type *type = &wat->types[i];
        hone_buffer_append_byte(out, 0x60);
        put_text(out, (hone_text){(const char *)type->params, type->params_count});
        put_text(out, (hone_text){(const char *)type->results, type->results_count});
    }
}

static void put_section(const hn_wat *wat, uint32_t id, hone_buffer *out) {
    const hn_wat_section *section = &wat->sections[id];
    if (section->count == 0) {
        return;
    }
    uint8_t count[10];
    hone_buffer head;
    hone_buffer_init(&head, wat->allocator, sizeof count);
    if (id != SECTION_START) {
        hn_wat_put_unsigned(&head, section->count);
    }
    hone_buffer_append_byte(out, (char)id);
    hn_wat_put_unsigned(out, head.size + section->bytes.size);
    hone_buffer_append(out, head.data, head.size);
    hone_buffer_append(out, section->bytes.data, section->bytes.size);
    hone_buffer_deinit(&head);
}

static void put_names(hn_wat *wat, hone_buffer *out) {
    if (!wat->names_count) {
        return;
    }
    hone_buffer *part = &wat->body;
    part->size = 0;
    hn_wat_put_unsigned(part, wat->names_count);
    hone_buffer_append(part, wat->names.data, wat->names.size);
    hone_buffer *content = &wat->scratch;
    content->size = 0;
    put_text(content, HONE_TEXT("name"));
    hone_buffer_append_byte(content, 1);
    put_text(content, hone_buffer_text(part));
    hone_buffer_append_byte(out, 0);
    put_text(out, hone_buffer_text(content));
}

static void put_module(hn_wat *wat, hone_buffer *out) {
    static const uint8_t order[] = {SECTION_TYPE,       SECTION_IMPORT, SECTION_FUNCTION,
                                    SECTION_TABLE,      SECTION_MEMORY, SECTION_GLOBAL,
                                    SECTION_EXPORT,     SECTION_START,  SECTION_ELEMENT,
                                    SECTION_DATA_COUNT, SECTION_CODE,   SECTION_DATA};
    hone_buffer_append(out, "\0asm\1\0\0\0", 8);
    put_types(wat);
    for (size_t i = 0; i < sizeof order; i++) {
        if (order[i] == SECTION_DATA_COUNT) {
            if (wat->uses_data) {
                wat->sections[SECTION_DATA_COUNT].count = wat->sections[SECTION_DATA].count;
                wat->scratch.size = 0;
                hn_wat_put_unsigned(&wat->scratch, wat->sections[SECTION_DATA].count);
                hone_buffer_append_byte(out, SECTION_DATA_COUNT);
                put_text(out, hone_buffer_text(&wat->scratch));
            }
        } else {
            put_section(wat, order[i], out);
        }
    }
    put_names(wat, out);
}

static hone_status worst_buffer(const hn_wat *wat) {
    for (int i = 0; i < HN_WAT_SECTIONS_COUNT; i++) {
        if (hone_buffer_status(&wat->sections[i].bytes)) {
            return hone_buffer_status(&wat->sections[i].bytes);
        }
    }
    const hone_buffer *others[] = {&wat->pending, &wat->body, &wat->scratch, &wat->names};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (hone_buffer_status(others[i])) {
            return hone_buffer_status(others[i]);
        }
    }
    return HONE_OK;
}

static void read_module(hn_wat *wat, hone_buffer *out_bytes) {
    bool is_wrapped = hn_wat_take_open(&wat->lexer, "module");
    if (is_wrapped) {
        (void)hn_wat_take_name(&wat->lexer);
    }
    hn_wat_lexer start = wat->lexer;
    walk_fields(wat, true);
    if (!hn_wat_is_failed(&wat->lexer)) {
        wat->lexer = start;
        walk_fields(wat, false);
    }
    if (is_wrapped && !hn_wat_is_failed(&wat->lexer)) {
        hn_wat_close(&wat->lexer);
    }
    if (wat->lexer.token.kind != HN_WAT_END) {
        hn_wat_fail_token(&wat->lexer, "a field of a module");
    }
    if (!hn_wat_is_failed(&wat->lexer)) {
        put_module(wat, out_bytes);
    }
}

hone_status hone_wasm_text_encode(hone_text text, const char *file_name,
                                  const hone_allocator *allocator, hone_diag *diag,
                                  hone_buffer *out_bytes) {
    hn_wat wat;
    init(&wat, text, file_name, allocator, diag);
    read_module(&wat, out_bytes);
    hone_status status = wat.lexer.status ? wat.lexer.status : worst_buffer(&wat);
    status = status ? status : hone_buffer_status(out_bytes);
    if (status && !wat.lexer.status) {
        (void)hone_diag_set(diag, status, "no memory for the binary form of a module");
    }
    deinit(&wat);
    return status;
}
