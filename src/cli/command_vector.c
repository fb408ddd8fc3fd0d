/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hone vector`: an index of vectors in a file. The first operand says what to do with it; the rest
 * are files: of the index, and of rows (fvecs, bvecs, npy).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_members_internal.h"
#include "session_internal.h"

#include "hone/base/allocator.h"
#include "hone/vector/index_file.h"
#include "hone/vector/rows.h"

enum { HITS_DEFAULT = 10, KEYS_AT_ONCE = 512, FLUSH_BYTES = 1 << 20 };

/* Rows of a file, mapped, and room for one of them. */
typedef struct row_file {
    hone_file_mapping mapping;
    hone_vector_rows rows;
    float *values;
} row_file;

typedef struct range {
    uint32_t min, max;
} range;

static const range links_range = {HONE_VECTOR_LINKS_MIN, HONE_VECTOR_LINKS_MAX};
static const range width_range = {1, HONE_VECTOR_WIDTH_MAX};

typedef struct action {
    const char *name;
    uint32_t operands_count; /* the name included */
    const char *operands;
    const char *options; /* what it takes of the command's, each between blanks */
    hone_status (*run)(hn_session *session, hone_diag *diag);
} action;

static const char *index_path(const hn_session *session) {
    return session->arguments.operands[1];
}

static void close_rows(row_file *from) {
    HONE_DELETE_ARRAY(NULL, float, from->values, from->rows.dims);
    hone_file_unmap(&from->mapping);
}

static hone_status open_rows(const hn_session *session, hone_diag *diag, row_file *out_file) {
    const char *path = session->arguments.operands[2];
    hone_vector_rows_format format = HONE_VECTOR_NPY;
    *out_file = (row_file){.values = NULL};
    hone_status status = hone_vector_rows_format_of(path, diag, &format);
    if (!status) {
        status = hone_file_map(path, false, diag, &out_file->mapping);
    }
    if (!status) {
        status = hone_vector_rows_open(format, out_file->mapping.data, out_file->mapping.size_bytes,
                                       diag, &out_file->rows);
    }
    if (!status) {
        out_file->values = HONE_NEW_ARRAY(NULL, float, out_file->rows.dims);
        status = out_file->values
                     ? HONE_OK
                     : hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a row");
    }
    if (status) {
        hone_diag_at(diag, path, 0, 0);
        hone_file_unmap(&out_file->mapping);
    }
    return status;
}

static hone_status add_rows(const hn_session *session, hone_vector_index *index, row_file *from,
                            uint64_t first_key, hone_diag *diag) {
    hone_status status = HONE_OK;
    for (uint64_t i = 0; i < from->rows.count && !status; i++) {
        const hone_vector_item item = {.key = first_key + i,
                                       .values = {from->values, from->rows.dims}};
        status = hone_vector_rows_read(&from->rows, i, diag, from->values);
        if (!status) {
            status = hone_vector_add(index, &item, diag);
        }
        if (status) {
            char about[48];
            (void)snprintf(about, sizeof about, "row %llu", (unsigned long long)i);
            hone_diag_about(diag, about);
            hone_diag_at(diag, session->arguments.operands[2], 0, 0);
        }
    }
    return status;
}

/* ---- the actions ---- */

/* The place of the word in the names; the table of options allows no others. */
static unsigned place_of(const char *word, const char *(*name_at)(unsigned)) {
    unsigned place = 0;
    while (word && strcmp(word, name_at(place)) != 0) {
        place++;
    }
    return place;
}

static const char *metric_at(unsigned place) {
    return hone_vector_metric_name((hone_vector_metric)place);
}

static const char *storage_at(unsigned place) {
    return hone_vector_storage_name((hone_vector_storage)place);
}

/* 0 when it was not given. */
static hone_status take_number(const hn_arguments *arguments, const char *name, range allowed,
                               hone_diag *diag, uint32_t *out_number) {
    uint64_t number = hn_arguments_number(arguments, name);
    if (hn_arguments_has(arguments, name) && (number < allowed.min || number > allowed.max)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "--%s is from %u to %u", name,
                             allowed.min, allowed.max);
    }
    *out_number = (uint32_t)number;
    return HONE_OK;
}

static hone_status build(hn_session *session, hone_diag *diag) {
    const hn_arguments *arguments = &session->arguments;
    row_file from;
    hone_vector_options options = {
        .metric = (hone_vector_metric)place_of(hn_arguments_text(arguments, "metric"), metric_at),
        .storage =
            (hone_vector_storage)place_of(hn_arguments_text(arguments, "storage"), storage_at),
        .vectors_max = HONE_VECTOR_VECTORS_MAX,
        .seed = hn_arguments_number(arguments, "seed")};
    hone_vector_index *index = NULL;
    hone_status status = take_number(arguments, "links", links_range, diag, &options.links_max);
    if (!status) {
        status = take_number(arguments, "width", width_range, diag, &options.build_width);
    }
    if (!status) {
        status = open_rows(session, diag, &from);
    }
    if (status) {
        return status;
    }
    options.dims = from.rows.dims;
    status = hone_vector_create(&options, diag, &index);
    if (!status) {
        status = add_rows(session, index, &from, hn_arguments_number(arguments, "first-key"), diag);
    }
    if (!status) {
        status = hone_vector_save(index, index_path(session), diag);
    }
    hone_vector_destroy(index);
    close_rows(&from);
    return status;
}

/* One more than the largest key there is; 0 for an empty index. */
static uint64_t next_key(hone_vector_index *index) {
    uint64_t keys[KEYS_AT_ONCE], cursor = 0, next = 0;
    size_t count;
    while ((count = hone_vector_list_keys(index, &cursor, keys, KEYS_AT_ONCE)) > 0) {
        for (size_t i = 0; i < count; i++) {
            next = keys[i] >= next ? keys[i] + 1 : next;
        }
    }
    return next;
}

static hone_status add(hn_session *session, hone_diag *diag) {
    static const hone_vector_file_options writable = {.is_writable = true};
    row_file from;
    hone_vector_index *index = NULL;
    hone_status status = open_rows(session, diag, &from);
    if (status) {
        return status;
    }
    status = hone_vector_open(index_path(session), &writable, diag, &index);
    if (!status) {
        uint64_t first = hn_arguments_has(&session->arguments, "first-key")
                             ? hn_arguments_number(&session->arguments, "first-key")
                             : next_key(index);
        status = add_rows(session, index, &from, first, diag);
    }
    if (!status) { /* of all of it, or none */
        status = hone_vector_commit(index, diag);
    }
    if (!status) { /* so that the next one to open it need not replay the log */
        status = hone_vector_checkpoint(index, diag);
    }
    hone_vector_destroy(index);
    close_rows(&from);
    return status;
}

static void print_hits(hn_session *session, uint64_t row, const hone_vector_hit *hits,
                       size_t count) {
    bool is_json = hn_arguments_has(&session->arguments, "json");
    hone_json_writer writer;
    if (is_json) {
        hone_json_writer_init(&writer, &session->out.buffer, 0);
        hone_json_write_object_begin(&writer);
        hn_json_u64(&writer, "query", row);
        hn_json_key(&writer, "hits");
        hone_json_write_array_begin(&writer);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_json) {
            hone_json_write_object_begin(&writer);
            hn_json_u64(&writer, "key", hits[i].key);
            hn_json_f64(&writer, "distance", (double)hits[i].distance);
            hone_json_write_object_end(&writer);
        } else {
            hn_cli_print(&session->out, "%llu\t%llu\t%.6g\n", (unsigned long long)row,
                         (unsigned long long)hits[i].key, (double)hits[i].distance);
        }
    }
    if (is_json) {
        hone_json_write_array_end(&writer);
        hone_json_write_object_end(&writer);
        hn_cli_print(&session->out, "\n");
    }
    if (session->out.buffer.size > FLUSH_BYTES) {
        hn_cli_output_flush(&session->out);
    }
}

static hone_status search_rows(hn_session *session, hone_vector_index *index, row_file *from,
                               hone_vector_search *search, hone_diag *diag) {
    hone_vector_hit *hits = HONE_NEW_ARRAY(NULL, hone_vector_hit, search->count);
    hone_status status = hits ? HONE_OK
                              : hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                                              "no memory for %u hits", search->count);
    search->query = (hone_vector_values){from->values, from->rows.dims};
    for (uint64_t i = 0; i < from->rows.count && !status; i++) {
        size_t found = 0;
        status = hone_vector_rows_read(&from->rows, i, diag, from->values);
        if (!status) {
            status = hone_vector_find(index, search, diag, hits, &found);
        }
        if (status) {
            hone_diag_at(diag, session->arguments.operands[2], 0, 0);
        } else {
            print_hits(session, i, hits, found);
        }
    }
    HONE_DELETE_ARRAY(NULL, hone_vector_hit, hits, search->count);
    return status;
}

static hone_status search(hn_session *session, hone_diag *diag) {
    const hn_arguments *arguments = &session->arguments;
    row_file from;
    hone_vector_index *index = NULL;
    hone_vector_search wanted = {.is_exact = hn_arguments_has(arguments, "exact")};
    hone_status status = take_number(arguments, "count", width_range, diag, &wanted.count);
    if (!status) {
        status = take_number(arguments, "width", width_range, diag, &wanted.width);
    }
    if (!status) {
        status = open_rows(session, diag, &from);
    }
    if (status) {
        return status;
    }
    wanted.count = wanted.count ? wanted.count : HITS_DEFAULT;
    status = hone_vector_open(index_path(session), NULL, diag, &index);
    if (!status) {
        status = search_rows(session, index, &from, &wanted, diag);
    }
    hone_vector_destroy(index);
    close_rows(&from);
    return status;
}

static hone_status info(hn_session *session, hone_diag *diag) {
    hone_vector_index *index = NULL;
    hone_vector_stats stats;
    hone_status status = hone_vector_open(index_path(session), NULL, diag, &index);
    if (status) {
        return status;
    }
    hone_vector_stats_read(index, &stats);
    uint64_t log_bytes = hone_vector_log_bytes(index);
    hone_vector_destroy(index);
    if (!hn_arguments_has(&session->arguments, "json")) {
        hn_cli_print(&session->out,
                     "vectors  %llu of %u elements\nmetric   %s\nstorage  %s\n"
                     "graph    %u levels, %llu links on the lowest\n"
                     "free     %llu places of removed vectors\nlog      %llu bytes\n",
                     (unsigned long long)stats.vectors_count, stats.dims,
                     hone_vector_metric_name(stats.metric), hone_vector_storage_name(stats.storage),
                     stats.levels_count, (unsigned long long)stats.links_count,
                     (unsigned long long)stats.free_count, (unsigned long long)log_bytes);
        return HONE_OK;
    }
    hone_json_writer writer;
    hone_json_writer_init(&writer, &session->out.buffer, 2);
    hone_json_write_object_begin(&writer);
    hn_json_u64(&writer, "vectors", stats.vectors_count);
    hn_json_u64(&writer, "dims", stats.dims);
    hn_json_text(&writer, "metric", hone_vector_metric_name(stats.metric));
    hn_json_text(&writer, "storage", hone_vector_storage_name(stats.storage));
    hn_json_u64(&writer, "levels", stats.levels_count);
    hn_json_u64(&writer, "links", stats.links_count);
    hn_json_u64(&writer, "free", stats.free_count);
    hn_json_u64(&writer, "log_bytes", log_bytes);
    hone_json_write_object_end(&writer);
    hn_cli_print(&session->out, "\n");
    return HONE_OK;
}

static hone_status verify(hn_session *session, hone_diag *diag) {
    return hone_vector_check_file(index_path(session), diag);
}

/* ---- which one ---- */

static const action actions[] = {
    {"build", 3, "INDEX ROWS", " metric storage links width seed first-key ", build},
    {"add", 3, "INDEX ROWS", " first-key ", add},
    {"search", 3, "INDEX ROWS", " count width exact json ", search},
    {"info", 2, "INDEX", " json ", info},
    {"verify", 2, "INDEX", " ", verify},
};

static const action *find_action(const hn_arguments *arguments, hone_diag *diag) {
    enum { ACTIONS = sizeof actions / sizeof *actions };
    const char *names[ACTIONS];
    const char *wanted = arguments->operands[0];
    for (size_t i = 0; i < ACTIONS; i++) {
        names[i] = actions[i].name;
        if (strcmp(wanted, names[i]) == 0) {
            return &actions[i];
        }
    }
    const char *nearest = hone_text_nearest(hone_text_of(wanted), names, ACTIONS);
    (void)hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                        "'%.64s' is nothing to do with vectors%s%s%s (build, add, search, info, "
                        "verify)",
                        wanted, nearest ? ": did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
    return NULL;
}

/* Files and options are those that the action takes. */
static hone_status check(const hn_arguments *arguments, const action *wanted, hone_diag *diag) {
    if (arguments->operands_count != wanted->operands_count) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "say hone vector %s %s",
                             wanted->name, wanted->operands);
    }
    for (uint32_t i = 0; i < arguments->given_count; i++) {
        char word[64];
        (void)snprintf(word, sizeof word, " %s ", arguments->given[i].option->name);
        if (!strstr(wanted->options, word)) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "--%s has no meaning for 'hone vector %s'",
                                 arguments->given[i].option->name, wanted->name);
        }
    }
    return HONE_OK;
}

int hn_command_vector(hn_session *session) {
    hone_diag diag = {0};
    const action *wanted = find_action(&session->arguments, &diag);
    if (!wanted || check(&session->arguments, wanted, &diag)) {
        return hn_cli_fail(session, HN_EXIT_USAGE, &diag);
    }
    return wanted->run(session, &diag) ? hn_cli_fail(session, HN_EXIT_INPUT, &diag) : HN_EXIT_OK;
}
