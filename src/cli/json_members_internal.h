/* SPDX-License-Identifier: Apache-2.0 */
/* Members of JSON objects in one call each: key and value. Contract: as hone/base/json.h. */
#ifndef HN_CLI_JSON_MEMBERS_INTERNAL_H
#define HN_CLI_JSON_MEMBERS_INTERNAL_H

#include "hone/base/json.h"

static inline void hn_json_key(hone_json_writer *writer, const char *key) {
    hone_json_write_key(writer, hone_text_of(key));
}

static inline void hn_json_text(hone_json_writer *writer, const char *key, const char *value) {
    hn_json_key(writer, key);
    hone_json_write_text(writer, hone_text_of(value));
}

static inline void hn_json_u64(hone_json_writer *writer, const char *key, uint64_t value) {
    hn_json_key(writer, key);
    hone_json_write_u64(writer, value);
}

static inline void hn_json_f64(hone_json_writer *writer, const char *key, double value) {
    hn_json_key(writer, key);
    hone_json_write_f64(writer, value);
}

static inline void hn_json_bool(hone_json_writer *writer, const char *key, bool value) {
    hn_json_key(writer, key);
    hone_json_write_bool(writer, value);
}

#endif
