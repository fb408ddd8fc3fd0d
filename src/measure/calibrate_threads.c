/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes more than one thread. Bandwidth: a round starts when every thread spins at the line,
 * and ends with the last one, so that starting threads is not in it. Waking: the sleeper is given
 * time to fall asleep, and notes the time itself when it runs again.
 */
#include <stdatomic.h>

#include "calibrate_internal.h"
#include "hone/platform/clock.h"
#include "hone/platform/poller.h"
#include "hone/platform/thread.h"

enum {
    TEAM_MAX = 256,
    CHUNK_BYTES = 4 << 20,
    ROUNDS_MAX = 128,
    SPINS_BEFORE_YIELD = 200,
    WAKES_MAX = 800,
    WAKES_ENOUGH = 330, /* p99 wants 299 */
    WAKES_ENOUGH_QUICK = 40,
    REST_NS = 100000, /* for the sleeper to fall asleep in */
};

/* Spins, and lets others run now and then: a waiting thread must not keep the one it waits for off
 * the CPU. */
static void pause_spinning(uint32_t *spins) {
    if (++*spins % SPINS_BEFORE_YIELD == 0) {
        hone_thread_yield();
    } else {
        hone_cpu_relax();
    }
}

/* ---- bandwidth ---- */

typedef struct team {
    _Atomic uint32_t round;   /* raised to begin one; UINT32_MAX: end */
    _Atomic uint32_t ready;   /* helpers at the line */
    _Atomic uint32_t started; /* the round that was started */
    _Atomic uint32_t done;    /* helpers that have finished */
    const hn_calibration_block *block;
    size_t share_bytes, chunk_bytes;
} team;

typedef struct teammate {
    team *team;
    hone_thread thread;
    uint32_t index, cpu;
    size_t next_byte;
} teammate;

static void read_chunk(teammate *mine) {
    const team *all = mine->team;
    const uint8_t *share = all->block->data + mine->index * all->share_bytes;
    uint64_t sum = hn_calibration_sum(share + mine->next_byte, all->chunk_bytes);
    (void)hone_bench_opaque(sum);
    mine->next_byte += all->chunk_bytes;
    mine->next_byte = mine->next_byte + all->chunk_bytes <= all->share_bytes ? mine->next_byte : 0;
}

static void help_reading(void *context) {
    teammate *mine = context;
    team *all = mine->team;
    (void)!hone_thread_pin(mine->cpu);
    for (uint32_t seen = 0;;) {
        uint32_t round, spins = 0;
        /* Acquire: pairs with the release in end_team and run_round. */
        while ((round = atomic_load_explicit(&all->round, memory_order_acquire)) == seen) {
            hone_futex_wait(&all->round, seen, UINT64_MAX);
        }
        if (round == UINT32_MAX) {
            return;
        }
        seen = round;
        atomic_fetch_add_explicit(&all->ready, 1, memory_order_release);
        while (atomic_load_explicit(&all->started, memory_order_acquire) != round) {
            pause_spinning(&spins);
        }
        read_chunk(mine);
        atomic_fetch_add_explicit(&all->done, 1, memory_order_release);
    }
}

static void await_count(_Atomic uint32_t *count, uint32_t wanted) {
    uint32_t spins = 0;
    while (atomic_load_explicit(count, memory_order_acquire) != wanted) {
        pause_spinning(&spins);
    }
}

/* Bytes per second of one round, or 0 when it was disturbed. */
static double run_round(hn_calibrator *calibrator, teammate *first, uint32_t helpers_count,
                        uint32_t round) {
    team *all = first->team;
    hone_usage before, after;
    atomic_store_explicit(&all->ready, 0, memory_order_relaxed);
    atomic_store_explicit(&all->done, 0, memory_order_relaxed);
    atomic_store_explicit(&all->round, round, memory_order_release);
    hone_futex_wake(&all->round, helpers_count);
    await_count(&all->ready, helpers_count);
    hone_usage_read(&calibrator->sampler.probe, &before);
    uint64_t start_ns = hone_clock_monotonic_ns();
    atomic_store_explicit(&all->started, round, memory_order_release);
    read_chunk(first);
    await_count(&all->done, helpers_count);
    uint64_t wall_ns = hone_clock_monotonic_ns() - start_ns;
    hone_usage_read(&calibrator->sampler.probe, &after);
    return hn_sample_judge(&before, &after, wall_ns) == 0 && wall_ns > 0
               ? (double)all->chunk_bytes * (helpers_count + 1) / (double)wall_ns * 1e9
               : 0;
}

static void run_rounds(hn_calibrator *calibrator, hone_calibration_id id, teammate *first,
                       uint32_t helpers_count) {
    double values[ROUNDS_MAX];
    size_t count = 0;
    uint32_t rounds_max = calibrator->is_quick ? ROUNDS_MAX / 8 : ROUNDS_MAX, round = 0;
    while (round < rounds_max && count < ROUNDS_MAX / 4) {
        double value = run_round(calibrator, first, helpers_count, ++round);
        values[count] = value;
        count += value > 0;
    }
    hn_calibrate_values(calibrator, id, values, count, round, 0.5);
}

static void end_team(team *all, teammate *mates, uint32_t helpers_count) {
    atomic_store_explicit(&all->round, UINT32_MAX, memory_order_release);
    hone_futex_wake(&all->round, UINT32_MAX >> 1);
    for (uint32_t i = 1; i <= helpers_count; i++) {
        hone_thread_join(mates[i].thread);
    }
}

static hone_status run_team(hn_calibrator *calibrator, hone_calibration_id id,
                            hn_calibration_block *block, uint32_t count) {
    team all = {.block = block, .share_bytes = block->size_bytes / count / 256 * 256};
    uint32_t cpus[TEAM_MAX], started = 0;
    all.chunk_bytes = all.share_bytes < CHUNK_BYTES ? all.share_bytes : CHUNK_BYTES;
    hone_status status = hone_cpu_layout_place(&calibrator->layout, HONE_CPU_ORDER_SCATTER, false,
                                               count, NULL, cpus);
    teammate *mates = HONE_NEW_ARRAY(calibrator->allocator, teammate, count);
    if (!mates) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < count && status == HONE_OK; i++) {
        mates[i] = (teammate){.team = &all, .index = i, .cpu = cpus[i]};
        if (i > 0) {
            status = hone_thread_create("hone-measure", help_reading, &mates[i], &mates[i].thread);
            started += status == HONE_OK;
        }
    }
    if (status == HONE_OK) {
        run_rounds(calibrator, id, &mates[0], started);
    }
    end_team(&all, mates, started);
    HONE_DELETE_ARRAY(calibrator->allocator, teammate, mates, count);
    return status;
}

hone_status hn_calibrate_bandwidth(hn_calibrator *calibrator) {
    hn_calibration_block block;
    uint32_t count = calibrator->layout.cpus_count;
    hn_calibration_block_init(&block, calibrator->calibration->block_bytes, false);
    if (!block.data) {
        return block.status;
    }
    for (size_t i = 0; i < block.size_bytes; i += 4096) {
        ((volatile uint8_t *)block.data)[i] = 1;
    }
    hone_status status = run_team(calibrator, HONE_CALIBRATION_BANDWIDTH_ONE, &block, 1);
    if (count > TEAM_MAX) {
        hn_calibrate_absent(calibrator, HONE_CALIBRATION_BANDWIDTH_ALL,
                            "%u usable CPUs are more than the %d that are measured together", count,
                            TEAM_MAX);
    } else if (status == HONE_OK) {
        status = run_team(calibrator, HONE_CALIBRATION_BANDWIDTH_ALL, &block, count);
    }
    hn_calibration_block_deinit(&block);
    return status;
}

/* ---- waking ---- */

typedef struct sleeper {
    _Atomic uint32_t word;     /* raised for each wake */
    _Atomic uint32_t sleeping; /* the word it sleeps on, plus 1 */
    _Atomic uint32_t is_over;
    _Atomic uint64_t awake_ns; /* when it ran again; 0: not yet */
    hone_poller poller;
    bool is_poller; /* else a futex */
    uint32_t cpu;
    hone_thread thread;
} sleeper;

static void sleep_often(void *context) {
    sleeper *mine = context;
    (void)!hone_thread_pin(mine->cpu);
    while (!atomic_load_explicit(&mine->is_over, memory_order_acquire)) {
        uint32_t seen = atomic_load_explicit(&mine->word, memory_order_acquire);
        atomic_store_explicit(&mine->sleeping, seen + 1, memory_order_release);
        while (atomic_load_explicit(&mine->word, memory_order_acquire) == seen) {
            void *token;
            if (mine->is_poller) {
                (void)hone_poller_wait(&mine->poller, true, &token, 1);
            } else {
                hone_futex_wait(&mine->word, seen, UINT64_MAX);
            }
        }
        /* Release: pairs with the acquire in wake_once. */
        atomic_store_explicit(&mine->awake_ns, hone_clock_monotonic_ns(), memory_order_release);
    }
}

static void wake_sleeper(sleeper *other) {
    atomic_fetch_add_explicit(&other->word, 1, memory_order_release);
    if (other->is_poller) {
        hone_poller_wake(&other->poller);
    } else {
        hone_futex_wake(&other->word, 1);
    }
}

typedef struct wake_sample {
    double latency_ns, cost_ns;
    bool is_clean;
} wake_sample;

static wake_sample wake_once(hn_calibrator *calibrator, sleeper *other) {
    hone_usage before, after;
    _Atomic uint32_t never = 0;
    uint32_t spins = 0;
    uint64_t awake_ns;
    await_count(&other->sleeping, atomic_load_explicit(&other->word, memory_order_relaxed) + 1);
    hone_futex_wait(&never, 0, REST_NS);
    atomic_store_explicit(&other->awake_ns, 0, memory_order_relaxed);
    hone_usage_read(&calibrator->sampler.probe, &before);
    uint64_t start_ns = hone_clock_monotonic_ns();
    wake_sleeper(other);
    uint64_t end_ns = hone_clock_monotonic_ns();
    hone_usage_read(&calibrator->sampler.probe, &after);
    while ((awake_ns = atomic_load_explicit(&other->awake_ns, memory_order_acquire)) == 0) {
        pause_spinning(&spins);
    }
    return (wake_sample){
        .latency_ns = (double)(awake_ns - start_ns),
        .cost_ns = (double)(end_ns - start_ns),
        .is_clean = hn_sample_judge(&before, &after, end_ns - start_ns) == 0 && awake_ns > start_ns,
    };
}

typedef struct wake_ids {
    hone_calibration_id p50, p99, cost;
} wake_ids;

static hone_status measure_wakes(hn_calibrator *calibrator, sleeper *other, const wake_ids *ids) {
    size_t enough = calibrator->is_quick ? WAKES_ENOUGH_QUICK : WAKES_ENOUGH, count = 0;
    double *latencies = HONE_NEW_ARRAY(calibrator->allocator, double, WAKES_MAX);
    double *costs = HONE_NEW_ARRAY(calibrator->allocator, double, WAKES_MAX);
    uint32_t tries = 0;
    while (latencies && costs && tries < WAKES_MAX && count < enough) {
        wake_sample sample = wake_once(calibrator, other);
        latencies[count] = sample.latency_ns;
        costs[count] = sample.cost_ns;
        count += sample.is_clean;
        tries++;
    }
    if (latencies && costs) {
        hn_calibrate_values(calibrator, ids->p50, latencies, count, tries, 0.5);
        hn_calibrate_values(calibrator, ids->p99, latencies, count, tries, 0.99);
        hn_calibrate_values(calibrator, ids->cost, costs, count, tries, 0.5);
    }
    bool is_out_of_memory = !latencies || !costs;
    HONE_DELETE_ARRAY(calibrator->allocator, double, latencies, WAKES_MAX);
    HONE_DELETE_ARRAY(calibrator->allocator, double, costs, WAKES_MAX);
    return is_out_of_memory ? HONE_STATUS_OUT_OF_MEMORY : HONE_OK;
}

static hone_status calibrate_wake(hn_calibrator *calibrator, bool is_poller, const wake_ids *ids) {
    sleeper other = {.is_poller = is_poller, .cpu = calibrator->other_cpu};
    hone_status status = is_poller ? hone_poller_init(&other.poller) : HONE_OK;
    if (status == HONE_OK) {
        status = hone_thread_create("hone-sleeper", sleep_often, &other, &other.thread);
    }
    if (status == HONE_OK) {
        status = measure_wakes(calibrator, &other, ids);
        atomic_store_explicit(&other.is_over, 1, memory_order_release);
        wake_sleeper(&other);
        hone_thread_join(other.thread);
    }
    if (is_poller) {
        hone_poller_deinit(&other.poller);
    }
    return status;
}

hone_status hn_calibrate_wakes(hn_calibrator *calibrator) {
    static const wake_ids futex = {HONE_CALIBRATION_WAKE_FUTEX_P50, HONE_CALIBRATION_WAKE_FUTEX_P99,
                                   HONE_CALIBRATION_WAKE_FUTEX_COST};
    static const wake_ids poller = {HONE_CALIBRATION_WAKE_POLLER_P50,
                                    HONE_CALIBRATION_WAKE_POLLER_P99,
                                    HONE_CALIBRATION_WAKE_POLLER_COST};
    hone_status status = calibrate_wake(calibrator, false, &futex);
    return status == HONE_OK ? calibrate_wake(calibrator, true, &poller) : status;
}
