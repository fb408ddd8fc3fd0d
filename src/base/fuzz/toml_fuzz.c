/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: a tree whose parts can all be visited, or an error with a place and a message. */
#include <stdlib.h>

#include "hone/base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) {
        abort();
    }
}

static void visit(const hone_toml_value *value, int depth) {
    char text[HONE_TOML_DATETIME_MAX];
    require(depth <= HONE_TOML_DEPTH_MAX + 1 && value->line && value->column);
    if (value->type == HONE_TOML_STRING) {
        require(hone_text_is_utf8(value->as.string, NULL));
        require(value->as.string.data[value->as.string.size] == '\0');
    }
    require(hone_toml_format_datetime(value, text) < sizeof text);
    for (size_t i = 0; i < hone_toml_count(value); i++) {
        const hone_toml_entry *entry = hone_toml_entry_at(value, i);
        require(!entry || hone_toml_find_entry(value, entry->key) == entry);
        visit(entry ? &entry->value : hone_toml_item_at(value, i), depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_arena arena;
    hone_diag diag = {0};
    const hone_toml_value *root = NULL;
    hone_arena_init(&arena, NULL, 64 << 20);
    hone_status status =
        hone_toml_parse((hone_text){(const char *)data, size}, "fuzz", &arena, &diag, &root);
    if (status == HONE_OK) {
        visit(root, 1);
    } else {
        require(!root && diag.status == status && diag.line && diag.column && diag.message[0]);
        require(diag.byte_offset <= size);
    }
    hone_arena_deinit(&arena);
    return 0;
}
