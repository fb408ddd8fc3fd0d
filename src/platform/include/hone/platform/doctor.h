/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checklist of `hone doctor`: settings of the machine that cost speed, steadiness or safety,
 * what each costs, and the exact command that changes it. It only looks; it changes nothing.
 *
 * Contract: confined; texts are owned by the doctor's arena. Files are read below the root of the
 * description.
 */
#ifndef HONE_PLATFORM_DOCTOR_H
#define HONE_PLATFORM_DOCTOR_H

#include "hone/base/arena.h"
#include "hone/platform/detect.h"

typedef enum hone_doctor_state {
    HONE_DOCTOR_OK,
    HONE_DOCTOR_ADVICE,         /* could be better: see cost and remedy */
    HONE_DOCTOR_NOT_APPLICABLE, /* n/a: the finding is the reason */
} hone_doctor_state;

typedef struct hone_doctor_check {
    const char *name;  /* stable identifier, "transparent_huge_pages" */
    const char *title; /* for people */
    hone_doctor_state state;
    const char *finding; /* what was found, or the reason why it could not be looked at */
    const char *cost;    /* what the present setting costs; "" unless ADVICE */
    const char *remedy;  /* the command that changes it; "" unless ADVICE */
} hone_doctor_check;

typedef struct hone_doctor {
    hone_doctor_check *checks;
    size_t checks_count;
    size_t advice_count; /* checks in state ADVICE */
    hone_arena arena;
} hone_doctor;

/* "ok", "advice", "n/a". Never NULL. */
const char *hone_doctor_state_name(hone_doctor_state state);

/* Looks at the machine that `platform` describes. `allocator` NULL means libc. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_doctor_examine(const hone_platform *platform,
                                              const hone_allocator *allocator,
                                              hone_doctor *out_doctor);
void hone_doctor_deinit(hone_doctor *doctor);

#endif
