/* SPDX-License-Identifier: Apache-2.0 */
#include "repeat_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hone/measure/baseline.h"
#include "hone/platform/process.h"

enum { PATH_BYTES = 2048 };

static hone_status run_once(const hn_repeat *repeat, const char *folder, uint32_t index,
                            hone_diag *diag) {
    char seed[24], name[24];
    (void)snprintf(seed, sizeof seed, "%" PRIu64, repeat->seed + index + 1);
    (void)snprintf(name, sizeof name, "part-%u", index);
    const char *argv[20] = {repeat->program, "--processes", "1",      "--blocks", "60",
                            "--seed",        seed,          "--save", name,       "--baselines",
                            folder};
    int count = 11;
    if (repeat->is_quick) {
        argv[count++] = "--quick";
    }
    if (repeat->filter) {
        argv[count++] = "--filter";
        argv[count++] = repeat->filter;
    }
    hone_process_result result;
    hone_status status = hone_process_run(argv, NULL, diag, &result);
    if (status == HONE_OK && result.exit_code != 0) {
        status = hone_diag_set(diag, HONE_STATUS_IO,
                               "a repeated run of '%.160s' failed with code %d; --processes 1 "
                               "does without",
                               repeat->program, result.exit_code);
    }
    return status;
}

static void remove_parts(const char *folder, const char *suite, uint32_t count) {
    char path[PATH_BYTES];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s/part-%u.json", folder, suite, i);
        (void)remove(path);
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, suite);
    (void)remove(path);
    (void)remove(folder);
}

hone_status hn_repeat_runs(const hn_repeat *repeat, uint32_t count, hone_arena *arena,
                           hone_diag *diag, hone_bench_report *out_reports) {
    char folder[PATH_BYTES - 100];
    int length = snprintf(folder, sizeof folder, "%s/parts.%ld", repeat->directory, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof folder) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the path of the baselines is too long");
    }
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < count && status == HONE_OK; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "part-%u", i);
        if (repeat->progress) {
            repeat->progress(i, count);
        }
        status = run_once(repeat, folder, i, diag);
        if (status == HONE_OK) {
            status = hone_baseline_load(repeat->suite, folder, name, arena, diag, &out_reports[i]);
        }
    }
    remove_parts(folder, repeat->suite, count);
    return status;
}
