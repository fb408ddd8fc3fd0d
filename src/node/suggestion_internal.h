/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "; did you mean 'cpu_busy', 'cpu_user' or 'cpu_system'?": the nearest of some names, and those
 * that have the wanted one as a part or begin it. Contract: confined; the names are borrowed.
 */
#ifndef HONE_NODE_SUGGESTION_INTERNAL_H
#define HONE_NODE_SUGGESTION_INTERNAL_H

#include <stdint.h>

#include "hone/base/span.h"

enum { HN_SUGGESTIONS_MAX = 3, HN_SUGGESTION_BYTES = 256 };

typedef struct hn_suggestion {
    hone_text wanted;
    const char *nearest; /* NULL: none */
    const char *parts[HN_SUGGESTIONS_MAX];
    uint32_t parts_count;
    char text[HN_SUGGESTION_BYTES];
} hn_suggestion;

/* One name that there is, terminated. */
void hn_suggestion_add(hn_suggestion *suggestion, const char *name);

/* The text, which lives in `suggestion`; "" where nothing is near. */
const char *hn_suggestion_text(hn_suggestion *suggestion);

#endif
