/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every detecting file of this layer shares: small files read below a root, and facts made
 * into an arena. Out of memory is remembered in `status`, so that a run of facts needs one check.
 */
#ifndef HONE_PLATFORM_MACHINE_INTERNAL_H
#define HONE_PLATFORM_MACHINE_INTERNAL_H

#include "hone/base/arena.h"
#include "hone/base/buffer.h"
#include "hone/platform/fact.h"

enum {
    HN_ROOT_SIZE_MAX = 1024,
    HN_PATH_SIZE_MAX = 4096,
    HN_SMALL_FILE_BYTES = 64 << 10, /* sysfs gives at most a page */
    HN_LARGE_FILE_BYTES = 1 << 20
};

typedef struct hn_machine {
    const char *root;    /* borrowed; "" for this machine */
    hone_arena *arena;   /* borrowed; texts of facts */
    hone_buffer scratch; /* the file read last */
    hone_status status;
} hn_machine;

/* A file's content (without blanks at the ends), or why there is none. The text dies with the next
 * read; the reason lives in the arena. */
typedef struct hn_content {
    hone_fact_state state;
    hone_text text;
    const char *reason;
} hn_content;

/* INVALID_ARGUMENT for a root that is too long or, unless "", no directory. NULL root means "". */
HONE_MUST_USE hone_status hn_machine_init(hn_machine *machine, const char *root, hone_arena *arena,
                                          hone_diag *diag);
void hn_machine_deinit(hn_machine *machine);

static inline bool hn_machine_is_live(const hn_machine *machine) {
    return machine->root[0] == '\0';
}

/* Reads the whole file of that absolute path, at most 64 KiB (large: 1 MiB), below the root. Only
 * regular files are read, so that no pipe or device in a faked tree can hold the caller up. */
hn_content hn_machine_read(hn_machine *machine, const char *format, ...) HONE_PRINTF(2, 3);
hn_content hn_machine_read_large(hn_machine *machine, const char *format, ...) HONE_PRINTF(2, 3);
bool hn_machine_has_path(const hn_machine *machine, const char *format, ...) HONE_PRINTF(2, 3);

/* The names in a directory (dot files left out), sorted, at most `names_max`, in the arena. What is
 * not readable gives none and a reason. */
typedef struct hn_names {
    const char **names;
    size_t count;
    hone_fact_state state; /* of the directory */
    const char *reason;
} hn_names;
hn_names hn_machine_list(hn_machine *machine, size_t names_max, const char *path);

/* A formatted text in the arena; "" when memory runs out (remembered). */
const char *hn_machine_format(hn_machine *machine, const char *format, ...) HONE_PRINTF(2, 3);

/* A terminated copy in the arena; "" when memory runs out (remembered). */
const char *hn_machine_copy(hn_machine *machine, hone_text text);

/* Facts. `reason` of a present fact may be ""; it is borrowed and must live in the arena or be a
 * literal. */
hone_fact hn_fact_number(hn_machine *machine, uint64_t number, const char *reason);
hone_fact hn_fact_real(hn_machine *machine, double real, const char *reason);
hone_fact hn_fact_flag(bool flag, const char *reason);
hone_fact hn_fact_text(hn_machine *machine, hone_text text, const char *reason); /* copies text */
hone_fact hn_fact_missing(hone_fact_state state, const char *reason);
hone_fact hn_fact_absent(const char *reason);

/* The file as a fact: its text, made printable and cut at 256 bytes; or as a decimal number, at
 * most `number_max`. */
hone_fact hn_fact_read_text(hn_machine *machine, const char *path);
hone_fact hn_fact_read_number(hn_machine *machine, uint64_t number_max, const char *path);

/* The choice in brackets of "always [madvise] never". */
hone_fact hn_fact_read_choice(hn_machine *machine, const char *path);

/* "absent: the file says 'xyz', not a number" in one place. */
hone_fact hn_fact_garbage(hn_machine *machine, const char *path, hone_text found,
                          const char *expected);

#endif
