/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live counters of a running node: a page that the node writes into and that any process of the
 * same user can map and read, `hone top` among them. The report at the end is made from the same
 * counters.
 *
 * Contract: the node's stages write with relaxed atomics, each field by one thread at a time;
 * readers see each value whole but not all of one instant. Pages are files named PID.live in
 * HONE_RUNTIME_DIR, else XDG_RUNTIME_DIR/hone, else /dev/shm/hone-UID; the folder belongs to the
 * user and has mode 0700. A page whose process is gone is stale and is removed by whoever lists.
 */
#ifndef HONE_NODE_LIVE_H
#define HONE_NODE_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hone/base/allocator.h"
#include "hone/base/status.h"
#include "hone/measure/histogram.h"
#include "hone/platform/shared_page.h"

enum {
    HONE_LIVE_VERSION = 2,
    HONE_LIVE_NAME_BYTES = 64,
    HONE_LIVE_STAGES_MAX = 256,
    HONE_LIVE_PARTITIONS_MAX = 16,
    HONE_LIVE_LIST_MAX = 64
};

#define HONE_LIVE_MAGIC UINT64_C(0x31564C454E4F4800) /* "\0HONELV1" */

typedef enum hone_live_state {
    HONE_LIVE_LOADED,
    HONE_LIVE_RUNNING,
    HONE_LIVE_DRAINING,
    HONE_LIVE_ENDED
} hone_live_state;

typedef enum hone_live_role {
    HONE_LIVE_SOURCE,
    HONE_LIVE_TRANSFORM,
    HONE_LIVE_SINK
} hone_live_role;

typedef struct hone_live_stage {
    char name[HONE_LIVE_NAME_BYTES]; /* terminated */
    char kind[HONE_LIVE_NAME_BYTES];
    uint32_t role; /* hone_live_role */
    uint32_t inputs_count;
    _Atomic uint64_t records_in; /* taken from the stage's inputs, or made by a source */
    _Atomic uint64_t
        records_out; /* handed to the stage's outputs (counted once), or written by a sink */
    _Atomic uint64_t records_dropped;     /* lost at the stage's inputs by its on_full policy */
    _Atomic uint64_t records_skipped;     /* not readable, and skipped as configured */
    _Atomic uint64_t records_undelivered; /* taken in but not processed because the stage failed */
    _Atomic uint64_t batches_in, batches_out;
    _Atomic uint64_t bytes;         /* read by a source, written by a sink */
    _Atomic uint64_t blocked_count; /* times the stage had to wait for room in an output */
    _Atomic uint64_t busy_ns;       /* time spent in the stage's own code */
    _Atomic uint64_t queued_count;  /* batches waiting at its inputs, now */
    hone_histogram hop_ns;          /* per record: from being handed over to being taken */
    hone_histogram end_to_end_ns; /* sinks, per record: from entering the node to being processed */
} hone_live_stage;

/* A CPU partition. */
typedef struct hone_live_partition {
    char name[HONE_LIVE_NAME_BYTES];
    double share, critical_share;   /* set before the node runs */
    _Atomic uint64_t cpu_ns;        /* used by its stages */
    _Atomic uint64_t critical_ns;   /* of that, as critical work */
    _Atomic uint64_t waiting_count; /* stages that have work and wait for a worker, now */
} hone_live_partition;

#define HONE_LIVE_UNKNOWN UINT64_MAX

/* Memory pressure (hone/memory/pressure.h). Shares are in millionths; HONE_LIVE_UNKNOWN where the
 * system does not say. */
typedef struct hone_live_pressure {
    _Atomic uint64_t pressure_ppm, pressure_peak_ppm;
    _Atomic uint64_t own_ppm;    /* of the node's budget in use */
    _Atomic uint64_t cgroup_ppm; /* of the limit of the fullest control group in use */
    _Atomic uint64_t stall_ppm;  /* of the last 10 s in which tasks waited for memory */
    _Atomic uint64_t looks_count, passes_count; /* times it was looked at, and evicted for it */
    _Atomic uint64_t evicted_bytes;             /* given back in those passes */
} hone_live_pressure;

typedef struct hone_live_page {
    _Atomic uint64_t magic; /* written last, when the page is complete */
    uint32_t version;
    uint32_t stages_count;
    uint64_t size_bytes;
    int64_t pid;
    uint64_t process_start; /* from /proc/PID/stat: tells a reused pid */
    char node_name[HONE_LIVE_NAME_BYTES];
    uint64_t started_ns; /* monotonic */
    _Atomic uint64_t ended_ns;
    _Atomic uint32_t state; /* hone_live_state */
    uint32_t workers_count;
    uint64_t budget_bytes;
    _Atomic uint64_t held_bytes, peak_bytes;
    hone_live_pressure pressure;
    uint32_t partitions_count;
    hone_live_partition partitions[HONE_LIVE_PARTITIONS_MAX];
    hone_live_stage stages[];
} hone_live_page;

/* A mapped page. */
typedef struct hone_live {
    hone_live_page *page;
    hone_shared_page memory;
    bool is_shared; /* false: private memory, because no page file could be made */
} hone_live;

/* Creates the page of this process with room for `stages_count` stages. Where no file can be made
 * the page is private memory, is_shared is false and `diag` says why; that is not an error.
 * OUT_OF_MEMORY, LIMIT. */
HONE_MUST_USE hone_status hone_live_create(const char *node_name, uint32_t stages_count,
                                           hone_diag *diag, hone_live *out_live);

/* The same, in private memory from the start: nobody is to see this node. */
HONE_MUST_USE hone_status hone_live_create_private(const char *node_name, uint32_t stages_count,
                                                   hone_diag *diag, hone_live *out_live);

/* After everything that does not change any more was written: from now on others can open it. */
void hone_live_publish(hone_live *live);

/* Maps the page of another process, read only. NOT_FOUND; CORRUPT when it is no page of this
 * version, not published yet, or its process is gone; FORBIDDEN. Others can write to the page at
 * any time: whoever indexes by a count in it copies and checks it first. */
HONE_MUST_USE hone_status hone_live_open(int64_t pid, hone_diag *diag, hone_live *out_live);

/* Unmaps; the owner also removes the file. A zeroed one is allowed. */
void hone_live_close(hone_live *live);

/* The pids that have a page now, at most pids_max (<= HONE_LIVE_LIST_MAX); removes stale pages. */
HONE_MUST_USE hone_status hone_live_list(int64_t *out_pids, uint32_t pids_max,
                                         uint32_t *out_pids_count);

#endif
