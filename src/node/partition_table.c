/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The [[partition]] tables: named shares of CPU time, and which one pays for each stage. A stage
 * that names none belongs to the partition "default" where there is one, else to "rest", which is
 * made of what the others leave.
 */
#include "load_internal.h"

#include <math.h>
#include <stdio.h>

#include "hone/base/number.h"

static const char rest_name[] = "rest", default_name[] = "default";

/* What is left below this is nothing: shares are given in percent. */
static const double REST_SHARE_MIN = HONE_PARTITION_SHARE_MIN;

typedef struct partition_keys {
    const char *name;
    const hone_toml_value *share, *critical_share;
} partition_keys;

static const hn_option partition_options[] = {
    {.name = "name",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(partition_keys, name),
     .is_required = true,
     .help = "what stages call it by"},
    {.name = "share",
     .type = HN_OPTION_VALUE,
     .offset = offsetof(partition_keys, share),
     .is_required = true,
     .help = "its part of the workers' CPU time while all partitions have work, as 0.7 or "
             "\"70%\"; all together at most 1"},
    {.name = "critical_share",
     .type = HN_OPTION_VALUE,
     .offset = offsetof(partition_keys, critical_share),
     .help = "how far its critical stages may go before all others, from `share` to 1; without it "
             "as far as `share`"},
};
enum { PARTITION_OPTIONS_COUNT = sizeof partition_options / sizeof *partition_options };

bool hone_partition_option_at(uint32_t option_index, hone_stage_option_info *out_info) {
    return hn_options_describe(partition_options, PARTITION_OPTIONS_COUNT, option_index, out_info);
}

static void name_partition(const char *name, hone_diag *diag) {
    char subject[96];
    (void)snprintf(subject, sizeof subject, "partition '%.80s'", name);
    hone_diag_about(diag, subject);
}

static void blame(const char *name, const hone_toml_value *value, hone_diag *diag) {
    name_partition(name, diag);
    hone_diag_at(diag, NULL, value->line, value->column);
}

/* 0.7 or "70%" */
static bool parse_share(const hone_toml_value *value, double *out_share) {
    hone_text text = value->as.string;
    switch (value->type) {
    case HONE_TOML_FLOAT: *out_share = value->as.number; return true;
    case HONE_TOML_INTEGER: *out_share = (double)value->as.integer; return true;
    case HONE_TOML_STRING:
        if (text.size < 2 || text.data[text.size - 1] != '%') {
            return false;
        }
        text.size--;
        if (hone_number_parse_f64(hone_text_trim(text), out_share) != HONE_OK) {
            return false;
        }
        *out_share /= 100;
        return true;
    default: return false;
    }
}

static hone_status read_share(const char *name, const char *key, const hone_toml_value *value,
                              double least, hone_diag *diag, double *out_share) {
    double share = 0;
    bool is_share = parse_share(value, &share);
    if (is_share && share >= HONE_PARTITION_SHARE_MIN && share >= least && share <= 1) {
        *out_share = share;
        return HONE_OK;
    }
    blame(name, value, diag);
    if (is_share && share > 1 && value->type != HONE_TOML_STRING) {
        /* 70 is a percentage that somebody forgot to write as one; 1.7 is not */
        char hint[48] = "";
        if (share >= 2 && share <= 100 && share == floor(share) && share / 100 >= least) {
            (void)snprintf(hint, sizeof hint, "; did you mean \"%g%%\"?", share);
        }
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'%s' must be at most 1, which is all CPU time, but is %g%s", key,
                             share, hint);
    }
    if (is_share && share >= HONE_PARTITION_SHARE_MIN && share < least) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'%s' of %g %% is less than the share of %g %%: it says how far "
                             "critical stages may go beyond that",
                             key, share * 100, least * 100);
    }
    return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                         "'%s' must be a number from 0.0001 to 1, or a percentage in quotes, "
                         "such as \"70%%\"",
                         key);
}

static const hone_toml_value *name_value(const hone_toml_value *table) {
    return hone_toml_find(table, HONE_TEXT("name"));
}

static hone_status check_name(const hone_node *node, const char *name,
                              const hone_toml_value *tables, hone_diag *diag) {
    const hone_toml_value *value = name_value(hone_toml_item_at(tables, node->partitions_count));
    hone_text text = hone_text_of(name);
    if (text.size == 0 || text.size > HONE_PARTITION_NAME_BYTES_MAX || hn_name_has_control(text)) {
        hone_diag_at(diag, NULL, value->line, value->column);
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "a partition's name has 1 to %d bytes and no control character",
                             HONE_PARTITION_NAME_BYTES_MAX);
    }
    if (strcmp(name, rest_name) == 0) {
        blame(name, value, diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "this name stands for what the other partitions leave; call it "
                             "\"default\" if it is for all stages that name no partition");
    }
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        if (strcmp(node->partitions[i].name, name) == 0) {
            blame(name, value, diag);
            return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                                 "the partition in line %u has this name, too: give each its own",
                                 hone_toml_item_at(tables, i)->line);
        }
    }
    return HONE_OK;
}

/* The keys, with the partition's name in whatever is said about them. */
static hone_status read_keys(hone_node *node, const hone_toml_value *table, partition_keys *keys,
                             hone_diag *diag) {
    const hone_toml_value *name = name_value(table);
    if (name && name->type == HONE_TOML_STRING) {
        name_partition(name->as.string.data, diag);
    }
    hone_status status = hn_options_check_keys(table, partition_options, PARTITION_OPTIONS_COUNT,
                                               NULL, 0, "[[partition]]", diag);
    if (status == HONE_OK) {
        status = hn_options_read_table(table, partition_options, PARTITION_OPTIONS_COUNT, keys,
                                       &node->arena, diag);
    }
    if (status == HONE_OK) {
        hone_diag_about(diag, ""); /* what is said next may be about something else */
    }
    return status;
}

static hone_status read_partition(hone_node *node, const hone_toml_value *tables, double *sum,
                                  hone_diag *diag) {
    const hone_toml_value *table = hone_toml_item_at(tables, node->partitions_count);
    hone_partition_options *partition = &node->partitions[node->partitions_count];
    partition_keys keys = {0};
    hone_diag_at(diag, NULL, table->line, table->column);
    if (table->type != HONE_TOML_TABLE) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'partition' must be a list of tables: [[partition]]");
    }
    hone_status status = read_keys(node, table, &keys, diag);
    if (status == HONE_OK) {
        status = check_name(node, keys.name, tables, diag);
    }
    if (status == HONE_OK) {
        status = read_share(keys.name, "share", keys.share, 0, diag, &partition->share);
    }
    if (status == HONE_OK && keys.critical_share) {
        status = read_share(keys.name, "critical_share", keys.critical_share, partition->share,
                            diag, &partition->critical_share);
    }
    if (status != HONE_OK) {
        return status;
    }
    *sum += partition->share;
    if (*sum > 1 + 1e-9) {
        blame(keys.name, keys.share, diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "with this one the shares add up to %g %%: lower some of them to come "
                             "to 100 %% at most",
                             *sum * 100);
    }
    partition->name = keys.name;
    node->partitions_count++;
    return HONE_OK;
}

hone_status hn_node_read_partitions(hone_node *node, hone_diag *diag) {
    const hone_toml_value *tables = hone_toml_find(node->root, HONE_TEXT("partition"));
    double sum = 0;
    if (!tables) {
        return HONE_OK;
    }
    hone_diag_at(diag, NULL, tables->line, tables->column);
    if (tables->type != HONE_TOML_ARRAY) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "[partition] is no list: begin each partition with a line "
                             "[[partition]], in double brackets");
    }
    /* one place is kept for what they leave */
    if (hone_toml_count(tables) >= HONE_PARTITIONS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "%zu partitions are more than the limit of %d",
                             hone_toml_count(tables), HONE_PARTITIONS_MAX - 1);
    }
    hone_status status = HONE_OK;
    for (size_t i = 0; i < hone_toml_count(tables) && status == HONE_OK; i++) {
        status = read_partition(node, tables, &sum, diag);
    }
    node->rest_share = 1 - sum;
    return status;
}

/* --- which one pays for a stage --- */

static bool find_partition(const hone_node *node, const char *name, uint32_t *out_index) {
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        if (strcmp(node->partitions[i].name, name) == 0) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

static hone_status unknown_partition(const hone_node *node, const hn_stage_run *run,
                                     hone_diag *diag) {
    const char *names[HONE_PARTITIONS_MAX];
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        names[i] = node->partitions[i].name;
    }
    const char *nearest =
        hone_text_nearest(hone_text_of(run->partition_name), names, node->partitions_count);
    hn_stage_blame(&run->stage, "partition", diag);
    if (nearest) {
        return hone_diag_set(diag, HONE_STATUS_NOT_FOUND,
                             "there is no partition '%.60s'; did you mean '%s'?",
                             run->partition_name, nearest);
    }
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND,
                         "there is no partition '%.60s': add a table [[partition]] with this name "
                         "and a share",
                         run->partition_name);
}

/* For a stage that names none, or "rest". */
static hone_status choose_default(hone_node *node, hn_stage_run *run, hone_diag *diag) {
    if ((!run->partition_name && find_partition(node, default_name, &run->partition)) ||
        find_partition(node, rest_name, &run->partition)) {
        return HONE_OK;
    }
    if (node->rest_share < REST_SHARE_MIN) {
        hn_stage_blame(&run->stage, "partition", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%s, and the partitions leave no CPU time: name one of them, or lower "
                             "a share",
                             run->partition_name ? "it is to have the rest"
                                                 : "it names no partition");
    }
    run->partition = node->partitions_count;
    node->partitions[node->partitions_count++] =
        (hone_partition_options){.name = rest_name, .share = node->rest_share};
    return HONE_OK;
}

hone_status hn_node_assign_partitions(hone_node *node, hone_diag *diag) {
    hone_status status = HONE_OK;
    bool is_used[HONE_PARTITIONS_MAX] = {false};
    for (uint32_t i = 0; i < node->stages_count && status == HONE_OK; i++) {
        hn_stage_run *run = &node->stages[i];
        if (run->partition_name && strcmp(run->partition_name, rest_name) != 0) {
            status = find_partition(node, run->partition_name, &run->partition)
                         ? HONE_OK
                         : unknown_partition(node, run, diag);
        } else if (node->partitions_count) {
            status = choose_default(node, run, diag);
        } else if (run->partition_name) {
            status = unknown_partition(node, run, diag);
        }
        is_used[run->partition] = true;
    }
    for (uint32_t i = 0; i < node->partitions_count && status == HONE_OK; i++) {
        if (!is_used[i]) {
            hone_log_write(node->log, HONE_LOG_WARNING,
                           "partition '%s' has no stage; the others share its time",
                           node->partitions[i].name);
        }
    }
    return status;
}
