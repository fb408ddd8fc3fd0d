/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where batches come from and go back to: each stage that makes batches has a pool of blocks of one
 * size, filled on demand and accounted to the node's budget. How many are out is bounded by the
 * queues of the edges, not by the pool.
 */
#include "batch_copy_internal.h"
#include "node_internal.h"

enum { BATCH_ALIGNMENT = 64, BATCHES_PER_SLAB = 4, BATCHES_MAX = 1 << 24 };

/* What stages once needed and do not need now is given back when memory is short, in the node's
 * budget or in the machine. */
static size_t spare_bytes(void *self) {
    return hone_shared_pool_spare_bytes(self);
}

static size_t shrink(void *self, size_t bytes) {
    return hone_shared_pool_try_shrink(self, bytes);
}

hone_status hn_stage_pool_create(hn_stage_run *run, hone_diag *diag) {
    hone_status status = hone_batch_plan(run->stage.schema, run->rows_wanted, 0, &run->layout);
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "a batch of %u fields is too large",
                             run->stage.schema->fields_count);
    }
    hone_pool_options options = {
        .object_bytes = run->layout.size_bytes,
        .alignment = BATCH_ALIGNMENT,
        .objects_per_slab = BATCHES_PER_SLAB,
        .objects_max = BATCHES_MAX,
        .allocator = run->stage.allocator,
    };
    status = hone_shared_pool_create(&options, diag, &run->pool);
    if (status != HONE_OK) {
        return status == HONE_STATUS_OUT_OF_MEMORY
                   ? hn_node_explain_no_memory(run->node, sizeof(hone_batch), diag)
                   : status;
    }
    run->spare = (hone_budget_evictable){
        .name = run->stage.name, .size_bytes = spare_bytes, .shrink = shrink, .self = run->pool};
    return hone_budget_register(run->node->budget, &run->spare, diag);
}

void hn_stage_pool_destroy(hn_stage_run *run) {
    hone_budget_unregister(&run->spare);
    hone_shared_pool_destroy(run->pool);
    run->pool = NULL;
}

static hone_status no_memory(hn_stage *stage, size_t bytes, hone_diag *diag) {
    hn_stage_blame(stage, NULL, diag);
    return hn_node_explain_no_memory(stage->run->node, bytes, diag);
}

/* What waits for a slow sink must not make the node fail. So a stage takes nothing more in while
 * most of the budget is held and all its own blocks are on their way: three quarters for a source,
 * seven eighths for a transform, so that what is on its way comes through. Nobody waits for ever:
 * sinks need no blocks, and who has none of its own outside goes on. */
bool hn_stage_lacks_memory(const hn_stage_run *run) {
    hone_budget_usage usage = hone_budget_read_usage(run->node->budget);
    size_t reserve_bytes = usage.limit_bytes / (run->inputs_count ? 8 : 4);
    size_t slab_bytes = (size_t)run->layout.size_bytes * BATCHES_PER_SLAB;
    if (slab_bytes + reserve_bytes <= usage.limit_bytes - usage.held_bytes) {
        return false;
    }
    hone_pool_stats pool = hone_shared_pool_read_stats(run->pool);
    return pool.live_count > 0 && pool.live_count == pool.capacity_count;
}

hone_status hn_batch_acquire(hn_stage *stage, hone_diag *diag, hone_batch **out_batch) {
    hn_stage_run *run = stage->run;
    void *block = hone_shared_pool_acquire(run->pool);
    if (!block) {
        return no_memory(stage, run->layout.size_bytes, diag);
    }
    *out_batch = hone_batch_init(block, &run->layout);
    (*out_batch)->owner = stage->index;
    return HONE_OK;
}

hone_status hn_batch_acquire_sized(hn_stage *stage, uint32_t rows_count, uint64_t text_bytes,
                                   hone_diag *diag, hone_batch **out_batch) {
    hn_stage_run *run = stage->run;
    if (rows_count <= run->layout.rows_capacity && text_bytes <= run->layout.text_capacity_bytes) {
        return hn_batch_acquire(stage, diag, out_batch);
    }
    hone_batch_layout layout;
    hone_status status = hone_batch_plan(stage->schema, rows_count, text_bytes, &layout);
    if (status != HONE_OK) {
        hn_stage_blame(stage, NULL, diag);
        return hone_diag_set(diag, status, "a batch with %llu bytes of text is too large",
                             (unsigned long long)text_bytes);
    }
    void *block = hone_allocate(stage->allocator, layout.size_bytes, BATCH_ALIGNMENT);
    if (!block) {
        return no_memory(stage, layout.size_bytes, diag);
    }
    *out_batch = hone_batch_init(block, &layout);
    (*out_batch)->owner = stage->index;
    (*out_batch)->is_oversize = 1;
    return HONE_OK;
}

void hn_batch_release(hn_stage *stage, hone_batch *batch) {
    /* release: what we read is read before the block is filled again; acquire: the last one sees
     * all others' reads */
    if (!batch || atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    hn_stage_run *owner = &stage->run->node->stages[batch->owner];
    if (batch->is_oversize) {
        hone_release(owner->stage.allocator, batch, batch->size_bytes, BATCH_ALIGNMENT);
    } else {
        hone_shared_pool_release(owner->pool, batch);
    }
}

/* The rows that are in; the others need no copy. */
static void copy_batch(hone_batch *to, hone_batch *from) {
    hn_batch_copy copy = {from, to, hone_batch_selection(from), from->selected_count};
    hn_batch_copy_rows(&copy);
    hn_batch_copy_heap(&copy);
    for (uint32_t field = 0; field < from->fields_count; field++) {
        hn_batch_copy_column(&copy, field, field);
    }
}

hone_status hn_batch_own(hn_stage *stage, hone_batch **batch, hone_diag *diag) {
    hone_batch *copy = NULL;
    if (hone_batch_is_unique(*batch)) {
        return HONE_OK;
    }
    hone_status status = hn_batch_acquire_sized(stage, (*batch)->selected_count,
                                                (*batch)->text_used_bytes, diag, &copy);
    if (status == HONE_OK) {
        copy_batch(copy, *batch);
    }
    hn_batch_release(stage, *batch);
    *batch = copy;
    return status;
}
