/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a worker steals from first: rings of equally near workers by their CPUs' distance. Within a
 * ring the order is made anew each time, at random, so that thieves do not follow each other.
 * Workers that are not pinned are one ring: the kernel moves them, nothing is known of them.
 */
#include "scheduler_internal.h"

/* Insertion by distance, then number: there are few, and it is done once. */
static void sort_victims(hn_worker *worker, const uint32_t *distances) {
    uint32_t count = 0;
    for (uint32_t victim = 0; victim < worker->scheduler->workers_count; victim++) {
        if (victim == worker->index) {
            continue;
        }
        uint32_t place = count++;
        for (; place > 0 && distances[worker->victims[place - 1]] > distances[victim]; place--) {
            worker->victims[place] = worker->victims[place - 1];
        }
        worker->victims[place] = victim;
    }
    worker->rings_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || distances[worker->victims[i]] != distances[worker->victims[i - 1]]) {
            worker->rings[worker->rings_count++] = i;
        }
    }
    worker->rings[worker->rings_count] = count;
}

static void measure_distances(const hn_worker *worker, const hone_cpu_layout *layout,
                              uint32_t *out_distances) {
    const hone_scheduler *scheduler = worker->scheduler;
    const hone_cpu_place *own =
        worker->cpu != UINT32_MAX && layout ? hone_cpu_layout_find(layout, worker->cpu) : NULL;
    for (uint32_t i = 0; i < scheduler->workers_count; i++) {
        const hone_cpu_place *other =
            own ? hone_cpu_layout_find(layout, scheduler->workers[i].cpu) : NULL;
        out_distances[i] = other ? hone_cpu_layout_distance(layout, own, other) : 0;
    }
}

hone_status hn_victims_init(hone_scheduler *scheduler, const hone_cpu_layout *layout) {
    const hone_allocator *allocator = scheduler->allocator;
    uint32_t count = scheduler->workers_count;
    uint32_t *distances = HONE_NEW_ARRAY(allocator, uint32_t, count);
    hone_status status = distances ? HONE_OK : HONE_STATUS_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < count && status == HONE_OK; i++) {
        hn_worker *worker = &scheduler->workers[i];
        worker->victims = HONE_NEW_ARRAY(allocator, uint32_t, count);
        worker->rings = HONE_NEW_ARRAY(allocator, uint32_t, count);
        if (!worker->victims || !worker->rings) {
            status = HONE_STATUS_OUT_OF_MEMORY;
            break;
        }
        measure_distances(worker, layout, distances);
        sort_victims(worker, distances);
    }
    HONE_DELETE_ARRAY(allocator, uint32_t, distances, count);
    return status;
}

void hn_victims_deinit(hone_scheduler *scheduler) {
    for (uint32_t i = 0; scheduler->workers && i < scheduler->workers_count; i++) {
        hn_worker *worker = &scheduler->workers[i];
        HONE_DELETE_ARRAY(scheduler->allocator, uint32_t, worker->victims,
                          scheduler->workers_count);
        HONE_DELETE_ARRAY(scheduler->allocator, uint32_t, worker->rings, scheduler->workers_count);
    }
}

static uint64_t next_random(hn_worker *worker) {
    uint64_t x = worker->random_state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return worker->random_state = x;
}

void hn_victims_shuffle(hn_worker *worker) {
    for (uint32_t ring = 0; ring < worker->rings_count; ring++) {
        uint32_t first = worker->rings[ring];
        uint32_t length = worker->rings[ring + 1] - first;
        if (length > 1) {
            /* one swap a look is random enough, and cheap however many there are */
            uint32_t a = first + (uint32_t)(next_random(worker) % length);
            uint32_t victim = worker->victims[a];
            worker->victims[a] = worker->victims[first];
            worker->victims[first] = victim;
        }
    }
}
