/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first and only process of a guest with two memory nodes of two CPUs each (tools/numa-guest):
 * puts pages on nodes in every way there is, asks the kernel where they are, and switches the guest
 * off. One line a check; the last one says "passed" or "failed".
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/arena.h"
#include "hone/memory/page_allocator.h"
#include "hone/platform/thread.h"

enum { BLOCK_BYTES = 8 << 20, MARK = 0x5A };

static unsigned failures_count; /* tidy: allow global: a program of its own, one thread */

static void check(bool is_right, const char *what) {
    (void)printf("%s %s\n", is_right ? "ok  " : "FAIL", what);
    failures_count += !is_right;
}

static hone_cpu_set set_of(const char *list) {
    hone_cpu_set set = {{0}};
    (void)hone_cpu_set_parse(hone_text_of(list), &set);
    return set;
}

/* A block by options; the check fails and the block is empty when there is none. */
static hone_page_block make_block(hone_page_block_options options, const char *what) {
    hone_page_block block = {0};
    hone_diag diag = {0};
    options.size_bytes = BLOCK_BYTES;
    if (hone_page_block_init(&block, &options, &diag) != HONE_OK) {
        (void)printf("     %s: %s\n", what, diag.message);
        check(false, what);
    }
    return block;
}

/* Whether the pages lie on the two nodes in these shares, and all of them are there. */
static bool is_placed(const hone_page_block *block, double share_0, double share_1) {
    hone_page_placement placement;
    if (!block->data || hone_page_block_placement(block, &placement) != HONE_OK ||
        placement.resident_count != placement.pages_count) {
        return false;
    }
    double all = (double)placement.pages_count;
    double difference_0 = (double)placement.node_counts[0] / all - share_0;
    double difference_1 = (double)placement.node_counts[1] / all - share_1;
    (void)printf("     node 0: %llu pages, node 1: %llu pages, hit rate %.3f\n",
                 (unsigned long long)placement.node_counts[0],
                 (unsigned long long)placement.node_counts[1], placement.hit_rate);
    return difference_0 < 0.01 && difference_0 > -0.01 && difference_1 < 0.01 &&
           difference_1 > -0.01 && (placement.hit_rate < 0 || placement.hit_rate > 0.99);
}

static bool is_marked(const hone_page_block *block) {
    const uint8_t *bytes = block->data;
    for (size_t i = 0; i < block->size_bytes; i++) {
        if (bytes[i] != MARK) {
            return false;
        }
    }
    return true;
}

static void check_layout(void) {
    hone_cpu_layout layout;
    hone_numa_strategy strategy;
    hone_cpu_set both = set_of("0-1");
    uint32_t cpus[2];
    if (hone_cpu_layout_read(NULL, NULL, NULL, &layout) != HONE_OK) {
        check(false, "layout");
        return;
    }
    check(layout.cpus_count == 4 && layout.nodes_count == 2 && layout.nodes[1].cpus_count == 2,
          "layout: 4 CPUs on 2 nodes");
    const hone_cpu_place *first = hone_cpu_layout_find(&layout, 0),
                         *far = hone_cpu_layout_find(&layout, 2);
    check(first && far && hone_cpu_layout_distance(&layout, first, far) == HONE_CPU_REMOTE,
          "layout: CPU 2 is remote to CPU 0");
    check(hone_cpu_layout_place(&layout, HONE_CPU_ORDER_SCATTER, false, 2, NULL, cpus) == HONE_OK &&
              cpus[0] < 2 && cpus[1] >= 2,
          "layout: scatter takes a node each");
    hone_numa_choose(&layout, HONE_NUMA_WORKLOAD_THREADS, 4, &strategy);
    check(strategy.policy == HONE_NUMA_INTERLEAVE &&
              memcmp(&strategy.nodes, &both, sizeof both) == 0,
          "strategy: four threads interleave");
    hone_cpu_layout_deinit(&layout);
}

static void check_policies(void) {
    hone_cpu_set both = set_of("0-1");
    for (uint32_t node = 0; node < 2; node++) {
        hone_cpu_set one = {{0}};
        hone_cpu_set_add(&one, node);
        hone_page_block block = make_block((hone_page_block_options){.placement = HONE_NUMA_BIND,
                                                                     .nodes = &one,
                                                                     .is_prefaulted = true},
                                           "bind");
        check(is_placed(&block, node == 0, node == 1), node ? "bind to node 1" : "bind to node 0");
        hone_page_block_deinit(&block);

        check(hone_thread_pin(2 * node) == HONE_OK, "pin to a CPU of the node");
        block = make_block((hone_page_block_options){.placement = HONE_NUMA_LOCAL}, "local");
        check(block.data && hone_page_block_prefault(&block) == HONE_OK &&
                  is_placed(&block, node == 0, node == 1),
              "local: where it is touched");
        hone_page_block_deinit(&block);
    }
    hone_page_block block = make_block((hone_page_block_options){.placement = HONE_NUMA_INTERLEAVE,
                                                                 .nodes = &both,
                                                                 .is_prefaulted = true},
                                       "interleave");
    check(is_placed(&block, 0.5, 0.5), "interleave over both");
    hone_page_block_deinit(&block);

    check(hone_numa_set_thread(HONE_NUMA_INTERLEAVE, &both, NULL) == HONE_OK,
          "interleave as the policy of the thread");
    block = make_block((hone_page_block_options){.is_prefaulted = true}, "default");
    check(is_placed(&block, 0.5, 0.5), "default: the policy of the thread");
    hone_page_block_deinit(&block);
    check(hone_numa_set_thread(HONE_NUMA_DEFAULT, NULL, NULL) == HONE_OK,
          "and back to the default");
}

/* One allocator a node, and an arena on each. */
static void check_allocators(void) {
    for (uint32_t node = 0; node < 2; node++) {
        hone_page_allocator pages;
        hone_arena arena;
        hone_cpu_set one = {{0}};
        int32_t found[64];
        void *blocks[64];
        hone_cpu_set_add(&one, node);
        hone_page_allocator_options options = {.placement = HONE_NUMA_BIND, .nodes = &one};
        bool is_right = hone_page_allocator_init(&pages, &options, NULL) == HONE_OK;
        hone_arena_init(&arena, &pages.allocator, 8 << 20);
        for (size_t i = 0; i < 64 && is_right; i++) {
            blocks[i] = hone_arena_allocate_zeroed(&arena, 10000, 1, 64);
            is_right = blocks[i] != NULL;
        }
        is_right = is_right && hone_numa_locate(blocks, 64, found) == HONE_OK;
        for (size_t i = 0; i < 64 && is_right; i++) {
            is_right = found[i] == (int32_t)node;
        }
        check(is_right, node ? "an arena on node 1" : "an arena on node 0");
        hone_arena_deinit(&arena);
    }
}

static void check_migration(void) {
    hone_cpu_set zero = set_of("0"), three = set_of("0,3");
    hone_diag diag = {0};
    hone_page_block block = make_block((hone_page_block_options){.placement = HONE_NUMA_BIND,
                                                                 .nodes = &zero,
                                                                 .is_prefaulted = true},
                                       "bind");
    if (!block.data) {
        return;
    }
    memset(block.data, MARK, block.size_bytes);
    for (uint32_t round = 1; round <= 3; round++) {
        uint32_t node = round % 2;
        check(hone_page_block_migrate(&block, node, NULL) == HONE_OK &&
                  is_placed(&block, node == 0, node == 1) && is_marked(&block),
              node ? "migrate to node 1, nothing lost" : "migrate to node 0, nothing lost");
    }
    check(hone_page_block_migrate(&block, 2, &diag) == HONE_STATUS_ABSENT &&
              strstr(diag.message, "0-1") && is_placed(&block, 0, 1),
          "a node that is not there: refused, listed, nothing moved");
    hone_page_block_deinit(&block);
    hone_page_block other = {0};
    hone_page_block_options options = {
        .size_bytes = BLOCK_BYTES, .placement = HONE_NUMA_INTERLEAVE, .nodes = &three};
    check(hone_page_block_init(&other, &options, NULL) == HONE_STATUS_ABSENT && !other.data,
          "interleave over a node that is not there: refused");
}

static void check_huge_pages(void) {
    hone_cpu_set one = set_of("1");
    const char *reserve = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages";
    int fd = open(reserve, O_WRONLY | O_CLOEXEC);
    check(fd >= 0 && write(fd, "8", 1) == 1, "reserve huge pages on node 1");
    (void)close(fd);
    hone_page_block block =
        make_block((hone_page_block_options){.huge_pages = HONE_HUGE_PAGES_EXPLICIT,
                                             .is_required = true,
                                             .placement = HONE_NUMA_BIND,
                                             .nodes = &one,
                                             .is_prefaulted = true},
                   "explicit huge pages");
    check(is_placed(&block, 0, 1), "reserved huge pages bound to node 1");
    hone_page_block_deinit(&block);
    block = make_block((hone_page_block_options){.huge_pages = HONE_HUGE_PAGES_TRANSPARENT,
                                                 .placement = HONE_NUMA_BIND,
                                                 .nodes = &one,
                                                 .is_prefaulted = true},
                       "transparent huge pages");
    check(is_placed(&block, 0, 1), "transparent huge pages bound to node 1");
    hone_page_block_deinit(&block);
}

int main(void) {
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)mkdir("/proc", 0755);
    (void)mkdir("/sys", 0755);
    if (mount("proc", "/proc", "proc", 0, NULL) != 0 ||
        mount("sysfs", "/sys", "sysfs", 0, NULL) != 0) {
        (void)printf("FAIL cannot mount /proc and /sys: this program is the init of a guest\n");
        return 1;
    }
    (void)printf("\n"); /* the firmware leaves the cursor in a line */
    check_layout();
    check_policies();
    check_allocators();
    check_migration();
    check_huge_pages();
    (void)printf("numa-guest: %s\n", failures_count ? "failed" : "passed");
    (void)reboot(RB_POWER_OFF);
    return failures_count != 0;
}
