/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/fact.h"

#include <string.h>

const char *hone_fact_state_name(hone_fact_state state) {
    switch (state) {
    case HONE_FACT_ABSENT: return "absent";
    case HONE_FACT_FORBIDDEN: return "forbidden";
    case HONE_FACT_PRESENT: return "present";
    }
    return "unknown";
}

const hone_fact *hone_fact_find(const hone_fact_list *list, const char *group, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        const hone_fact_entry *entry = &list->entries[i];
        if (strcmp(entry->group, group) == 0 && strcmp(entry->name, name) == 0) {
            return &entry->fact;
        }
    }
    return NULL;
}
