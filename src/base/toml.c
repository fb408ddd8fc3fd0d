/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document: statements, headers, arrays and inline tables. Recursive descent over the bytes;
 * the recursion is as deep as values are nested, at most HONE_TOML_DEPTH_MAX.
 *
 * What makes TOML hard is which tables may still be extended, and by what. Every table remembers
 * how it came to be (toml_internal.h); one place each decides for dotted keys, for the parts of a
 * header before its last, and for the last.
 */
#include "toml_internal.h"

#include <stdio.h>

/* --- Errors --------------------------------------------------------------------------------- */

hone_status hn_toml_fail(const hn_toml_parser *parser, const char *at, hone_status status,
                         const char *format, ...) {
    if (parser->diag) {
        char message[sizeof parser->diag->message];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        hone_diag_at(parser->diag, parser->file_name, parser->line, hn_toml_column(parser, at));
        parser->diag->byte_offset = (uint64_t)(at - parser->start);
        (void)hone_diag_set(parser->diag, status, "%s", message);
    }
    return status;
}

hone_status hn_toml_fail_memory(const hn_toml_parser *parser) {
    return hn_toml_fail(parser, parser->at, HONE_STATUS_OUT_OF_MEMORY,
                        "no memory left for this document: its maximum is %zu bytes",
                        parser->arena->bytes_max);
}

/* What stands at `at`, for a person. */
static void describe_found(const hn_toml_parser *parser, const char *at, char *text, size_t size) {
    unsigned char byte = at < parser->end ? (unsigned char)*at : 0;
    if (at == parser->end) {
        (void)snprintf(text, size, "the end of the file");
    } else if (byte == '\n' || (byte == '\r' && at + 1 < parser->end && at[1] == '\n')) {
        (void)snprintf(text, size, "the end of the line");
    } else if (byte < 0x20 || byte == 0x7F) {
        (void)snprintf(text, size, "a control character (0x%02X)", byte);
    } else {
        int length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        (void)snprintf(text, size, "'%.*s'", length, at);
    }
}

hone_status hn_toml_fail_expected(const hn_toml_parser *parser, const char *expected) {
    char found[40];
    describe_found(parser, parser->at, found, sizeof found);
    return hn_toml_fail(parser, parser->at, HONE_STATUS_SYNTAX, "expected %s, found %s", expected,
                        found);
}

/* Errors about a key stand where the key stands. */
static hone_status fail_at_key(const hn_toml_parser *parser, const hn_toml_key *key,
                               hone_status status, const char *problem, uint32_t other_line) {
    hn_toml_parser there = *parser;
    there.line = key->line;
    int size = key->name.size > 64 ? 64 : (int)key->name.size;
    const char *at = there.line_start + key->column - 1;
    hone_status result = hn_toml_fail(&there, at, status, "'%.*s' %s (line %u)", size,
                                      key->name.data, problem, other_line);
    if (parser->diag) {
        char subject[65];
        memcpy(subject, key->name.data, (size_t)size);
        subject[size] = '\0';
        hone_diag_about(parser->diag, subject);
    }
    return result;
}

static hone_status check_depth(const hn_toml_parser *parser, uint32_t depth) {
    if (depth > HONE_TOML_DEPTH_MAX) {
        return hn_toml_fail(parser, parser->at, HONE_STATUS_LIMIT,
                            "tables and arrays are nested more than %d deep", HONE_TOML_DEPTH_MAX);
    }
    return HONE_OK;
}

/* --- Tables --------------------------------------------------------------------------------- */

/* A table and how deep it lies; the root is 1. */
typedef struct place {
    hone_toml_value *table;
    uint32_t depth;
} place;

static hone_toml_entry *find_entry(const hone_toml_value *table, hone_text key) {
    return (hone_toml_entry *)hone_toml_find_entry(table, key);
}

static void set_table(hone_toml_value *value, uint32_t state, const hn_toml_key *key) {
    *value = (hone_toml_value){
        .type = HONE_TOML_TABLE, .line = key->line, .column = key->column, .state = state};
}

static hone_status add_table(hn_toml_parser *parser, place *at, const hn_toml_key *key,
                             uint32_t state) {
    hone_toml_entry *entry = hn_toml_add_entry(&at->table->as.table, parser->arena, key);
    if (!entry) {
        return hn_toml_fail_memory(parser);
    }
    set_table(&entry->value, state, key);
    at->table = &entry->value;
    at->depth++;
    return check_depth(parser, at->depth);
}

/* a in `a.b = 1`: only tables that dotted keys made are entered. */
static hone_status enter_dotted(hn_toml_parser *parser, place *at, const hn_toml_key *key) {
    hone_toml_entry *entry = find_entry(at->table, key->name);
    if (!entry) {
        return add_table(parser, at, key, HN_TOML_DOTTED);
    }
    if (entry->value.type != HONE_TOML_TABLE || entry->value.state != HN_TOML_DOTTED) {
        return fail_at_key(parser, key, HONE_STATUS_DUPLICATE,
                           entry->value.type == HONE_TOML_TABLE
                               ? "is a table that was defined before and cannot be extended by "
                                 "dotted keys"
                               : "has a value already, so it cannot hold further keys",
                           entry->key_line);
    }
    at->table = &entry->value;
    at->depth++;
    return check_depth(parser, at->depth);
}

/* a in `[a.b]`: any table that is not closed, or the last one of an array of tables. */
static hone_status enter_header(hn_toml_parser *parser, place *at, const hn_toml_key *key) {
    hone_toml_entry *entry = find_entry(at->table, key->name);
    if (!entry) {
        return add_table(parser, at, key, HN_TOML_IMPLICIT);
    }
    if (entry->value.state == HN_TOML_CLOSED) {
        return fail_at_key(parser, key, HONE_STATUS_DUPLICATE,
                           "has a value already, so no header can add to it", entry->key_line);
    }
    at->table = &entry->value;
    at->depth++;
    if (entry->value.state == HN_TOML_TABLES) {
        at->table = entry->value.as.array.items[entry->value.as.array.count - 1];
        at->depth++;
    }
    return check_depth(parser, at->depth);
}

/* b in `[a.b]` */
static hone_status open_table(hn_toml_parser *parser, place *at, const hn_toml_key *key) {
    hone_toml_entry *entry = find_entry(at->table, key->name);
    if (!entry) {
        return add_table(parser, at, key, HN_TOML_OPENED);
    }
    if (entry->value.state != HN_TOML_IMPLICIT) {
        return fail_at_key(parser, key, HONE_STATUS_DUPLICATE,
                           "is defined already, and a table can be opened only once",
                           entry->key_line);
    }
    entry->value.state = HN_TOML_OPENED;
    entry->value.line = key->line;
    entry->value.column = key->column;
    at->table = &entry->value;
    at->depth++;
    return HONE_OK;
}

/* b in `[[a.b]]` */
static hone_status append_table(hn_toml_parser *parser, place *at, const hn_toml_key *key) {
    hone_toml_entry *entry = find_entry(at->table, key->name);
    if (!entry) {
        entry = hn_toml_add_entry(&at->table->as.table, parser->arena, key);
        if (!entry) {
            return hn_toml_fail_memory(parser);
        }
        entry->value = (hone_toml_value){.type = HONE_TOML_ARRAY,
                                         .line = key->line,
                                         .column = key->column,
                                         .state = HN_TOML_TABLES};
    }
    if (entry->value.state != HN_TOML_TABLES) {
        return fail_at_key(parser, key, HONE_STATUS_DUPLICATE,
                           "is defined already, and not as an array of tables in [[ ]]",
                           entry->key_line);
    }
    at->table = hn_toml_add_item(&entry->value.as.array, parser->arena);
    if (!at->table) {
        return hn_toml_fail_memory(parser);
    }
    set_table(at->table, HN_TOML_OPENED, key);
    at->depth += 2;
    return check_depth(parser, at->depth);
}

/* --- Values --------------------------------------------------------------------------------- */

static hone_status parse_key_value(hn_toml_parser *parser, place at);

static hone_status parse_value(hn_toml_parser *parser, hone_toml_value *out_value, uint32_t depth);

static hone_status parse_array(hn_toml_parser *parser, hone_toml_value *out_value, uint32_t depth) {
    hone_status status = check_depth(parser, depth);
    out_value->type = HONE_TOML_ARRAY;
    out_value->as.array = (hone_toml_array){0};
    parser->at++;
    while (status == HONE_OK) {
        status = hn_toml_skip_blank_lines(parser);
        if (status != HONE_OK || hn_toml_peek(parser) == ']') {
            break;
        }
        hone_toml_value *item = hn_toml_add_item(&out_value->as.array, parser->arena);
        status = item ? parse_value(parser, item, depth + 1) : hn_toml_fail_memory(parser);
        if (status == HONE_OK) {
            status = hn_toml_skip_blank_lines(parser);
        }
        if (status != HONE_OK || hn_toml_peek(parser) == ']') {
            break;
        }
        if (hn_toml_peek(parser) != ',') {
            return hn_toml_fail_expected(parser, ", or ] behind an item of an array");
        }
        parser->at++;
    }
    parser->at += status == HONE_OK;
    return status;
}

static hone_status parse_inline_table(hn_toml_parser *parser, hone_toml_value *out_value,
                                      uint32_t depth) {
    hone_status status = check_depth(parser, depth);
    out_value->type = HONE_TOML_TABLE;
    out_value->as.table = (hone_toml_table){0};
    parser->at++;
    hn_toml_skip_blanks(parser);
    if (status == HONE_OK && hn_toml_peek(parser) == '}') {
        parser->at++;
        return HONE_OK;
    }
    while (status == HONE_OK) {
        hn_toml_skip_blanks(parser);
        status = parse_key_value(parser, (place){out_value, depth});
        if (status != HONE_OK) {
            break;
        }
        hn_toml_skip_blanks(parser);
        char c = hn_toml_peek(parser);
        if (c != ',' && c != '}') {
            return hn_toml_fail_expected(
                parser, ", or } behind a value of an inline table (it stands on one line)");
        }
        parser->at++;
        if (c == '}') {
            break;
        }
    }
    return status;
}

static hone_status parse_value(hn_toml_parser *parser, hone_toml_value *out_value, uint32_t depth) {
    out_value->line = parser->line;
    out_value->column = hn_toml_column(parser, parser->at);
    out_value->state = HN_TOML_CLOSED;
    switch (hn_toml_peek(parser)) {
    case '"':
    case '\'': return hn_toml_parse_string(parser, out_value);
    case '[': return parse_array(parser, out_value, depth);
    case '{': return parse_inline_table(parser, out_value, depth);
    default: return hn_toml_parse_scalar(parser, out_value);
    }
}

/* Reads `part . part . last` and enters all parts but the last. */
static hone_status parse_path(hn_toml_parser *parser, place *at, hn_toml_key *out_last,
                              hone_status (*enter)(hn_toml_parser *, place *,
                                                   const hn_toml_key *)) {
    for (;;) {
        hn_toml_skip_blanks(parser);
        hone_status status = hn_toml_parse_key(parser, out_last);
        hn_toml_skip_blanks(parser);
        if (status != HONE_OK || hn_toml_peek(parser) != '.') {
            return status;
        }
        parser->at++;
        status = enter(parser, at, out_last);
        if (status != HONE_OK) {
            return status;
        }
    }
}

static hone_status parse_key_value(hn_toml_parser *parser, place at) {
    hn_toml_key key;
    hone_status status = parse_path(parser, &at, &key, enter_dotted);
    if (status != HONE_OK) {
        return status;
    }
    if (hn_toml_peek(parser) != '=') {
        return hn_toml_fail_expected(parser, "= behind a key");
    }
    const hone_toml_entry *older = find_entry(at.table, key.name);
    if (older) {
        return fail_at_key(parser, &key, HONE_STATUS_DUPLICATE, "is defined already",
                           older->key_line);
    }
    parser->at++;
    hn_toml_skip_blanks(parser);
    hone_toml_entry *entry = hn_toml_add_entry(&at.table->as.table, parser->arena, &key);
    return entry ? parse_value(parser, &entry->value, at.depth + 1) : hn_toml_fail_memory(parser);
}

/* --- The document --------------------------------------------------------------------------- */

/* [a.b] or [[a.b]]; *at, the root, becomes the table that the following keys belong to. */
static hone_status parse_header(hn_toml_parser *parser, place *at) {
    hn_toml_key key;
    bool is_array = parser->end - parser->at >= 2 && parser->at[1] == '[';
    parser->at += is_array ? 2 : 1;
    hone_status status = parse_path(parser, at, &key, enter_header);
    if (status != HONE_OK) {
        return status;
    }
    if (hn_toml_peek(parser) != ']') {
        return hn_toml_fail_expected(parser, "] or . behind the name of a table");
    }
    parser->at++;
    if (is_array) {
        if (hn_toml_peek(parser) != ']') {
            return hn_toml_fail_expected(parser, "]] at the end of [[");
        }
        parser->at++;
        return append_table(parser, at, &key);
    }
    return open_table(parser, at, &key);
}

static hone_status parse_document(hn_toml_parser *parser, hone_toml_value *root) {
    place at = {root, 1};
    for (;;) {
        hone_status status = hn_toml_skip_blank_lines(parser);
        if (status != HONE_OK || parser->at == parser->end) {
            return status;
        }
        if (*parser->at == '[') {
            at = (place){root, 1};
            status = parse_header(parser, &at);
        } else {
            status = parse_key_value(parser, at);
        }
        if (status == HONE_OK) {
            status = hn_toml_skip_line_end(parser);
        }
        if (status != HONE_OK) {
            return status;
        }
    }
}

/* Finds the line of a byte that is not UTF-8. */
static hone_status fail_encoding(hn_toml_parser *parser, size_t offset) {
    const char *bad = parser->start + offset;
    for (const char *c = parser->start; c < bad; c++) {
        if (*c == '\n') {
            parser->line++;
            parser->line_start = c + 1;
        }
    }
    return hn_toml_fail(parser, bad, HONE_STATUS_ENCODING,
                        "the byte 0x%02X is not valid UTF-8: save the file as UTF-8",
                        (unsigned char)*bad);
}

hone_status hone_toml_parse(hone_text content, const char *file_name, hone_arena *arena,
                            hone_diag *diag, const hone_toml_value **out_root) {
    if (!arena || !out_root || (!content.data && content.size)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "hone_toml_parse needs a content, an arena and out_root");
    }
    const char *start = content.size ? content.data : "";
    hn_toml_parser parser = {.start = start,
                             .at = start,
                             .end = start + content.size,
                             .line_start = start,
                             .line = 1,
                             .file_name = file_name,
                             .arena = arena,
                             .diag = diag};
    size_t bad_offset;
    if (content.size > HONE_TOML_SIZE_MAX) {
        return hn_toml_fail(&parser, start, HONE_STATUS_LIMIT,
                            "the file has %zu bytes, more than the maximum of %d", content.size,
                            HONE_TOML_SIZE_MAX);
    }
    if (!hone_text_is_utf8(content, &bad_offset)) {
        return fail_encoding(&parser, bad_offset);
    }
    if (hone_text_has_prefix(content, HONE_TEXT("\xEF\xBB\xBF"))) {
        parser.at += 3;
    }
    hone_toml_value *root = HONE_ARENA_NEW(arena, hone_toml_value);
    if (!root) {
        return hn_toml_fail_memory(&parser);
    }
    set_table(root, HN_TOML_OPENED, &(hn_toml_key){.line = 1, .column = 1});
    hone_status status = parse_document(&parser, root);
    if (status == HONE_OK) {
        *out_root = root;
    }
    return status;
}
