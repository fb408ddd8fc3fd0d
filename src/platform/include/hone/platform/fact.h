/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One answer about the machine. "It has 4", "it has none" and "this process may not know" are three
 * different answers, and none of them is 0: a fact that is not present carries the reason.
 *
 * Contract: plain values; texts live as long as the object (hone_platform, hone_limits) that the
 * fact was taken from. Whoever reads a value must have tested the state first.
 */
#ifndef HONE_PLATFORM_FACT_H
#define HONE_PLATFORM_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum hone_fact_state {
    HONE_FACT_ABSENT,    /* the machine has no such thing, or does not tell in a readable form */
    HONE_FACT_FORBIDDEN, /* there may be one, but this process is not allowed to see or use it */
    HONE_FACT_PRESENT
} hone_fact_state;

typedef enum hone_fact_kind {
    HONE_FACT_TEXT,   /* only `text` */
    HONE_FACT_NUMBER, /* value.number */
    HONE_FACT_REAL,   /* value.real */
    HONE_FACT_FLAG    /* value.flag; text "yes" or "no" */
} hone_fact_kind;

typedef struct hone_fact {
    hone_fact_state state;
    hone_fact_kind kind;
    union {
        uint64_t number;
        double real;
        bool flag;
    } value;            /* meaningful when present */
    const char *text;   /* the value as text, exact, without its unit; "" unless present */
    const char *reason; /* why it is not present; for a present one, what it rests on, or "" */
} hone_fact;

/* A fact with its place in the description. `group` and `name` are stable identifiers: lower case,
 * digits and '_' ("memory", "effective_bytes"); some have a suffix that the machine gives ("l2",
 * "node0", "spectre_v2"). */
typedef struct hone_fact_entry {
    const char *group;
    const char *name;
    const char *unit; /* "bytes", "cpus", "hz", "ns", "percent", "celsius", "joules" or "" */
    hone_fact fact;
} hone_fact_entry;

/* Entries of one group stand together. */
typedef struct hone_fact_list {
    hone_fact_entry *entries;
    size_t count;
} hone_fact_list;

/* "present", "absent", "forbidden". Never NULL. */
const char *hone_fact_state_name(hone_fact_state state);

/* The fact of that group and name, or NULL when the list has no such entry. Cost: linear. */
const hone_fact *hone_fact_find(const hone_fact_list *list, const char *group, const char *name);

#endif
