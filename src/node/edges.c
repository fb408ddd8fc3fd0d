/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An edge of the graph: a channel of batch pointers, and what happens when it is full. With `block`
 * the batch is parked at the edge and the producer waits. Waiting loses no wake-up because both
 * sides exchange the same word: the producer sets it and tries once more, the consumer clears it
 * after each take; whoever comes second sees the other.
 */
#include "node_internal.h"

#include <assert.h>

enum { SLOT_BYTES = 64 }; /* of one pointer in a channel */

hone_status hn_edge_create(hone_node *node, hn_edge *edge, hone_diag *diag) {
    hone_channel_options options = {
        .mode = HONE_CHANNEL_SPSC,
        .on_full = edge->consumer->on_full == HN_ON_FULL_DROP_OLDEST ? HONE_CHANNEL_ON_FULL_EVICT
                                                                     : HONE_CHANNEL_ON_FULL_WAIT,
        /* more than the queue: for the batch that the consumer is just taking, and for the end */
        .capacity_bytes = ((size_t)edge->consumer->queue_batches + 2) * SLOT_BYTES,
        .participants_max = 2,
        .allocator = hone_budget_allocator(node->budget),
    };
    hone_status status = hone_channel_create(&options, diag, &edge->channel);
    if (status == HONE_OK) {
        status = hone_channel_open_sender(edge->channel, diag, &edge->sender);
    }
    if (status == HONE_OK) {
        status = hone_channel_open_receiver(edge->channel, diag, &edge->receiver);
    }
    return status == HONE_STATUS_OUT_OF_MEMORY
               ? hn_node_explain_no_memory(node, options.capacity_bytes, diag)
               : status;
}

void hn_edge_destroy(hn_edge *edge) {
    for (hone_batch *batch; edge->receiver && (batch = hn_edge_take(edge));) {
        hn_batch_release(&edge->consumer->stage, batch);
    }
    for (uint32_t i = 0; i < edge->parked_count; i++) {
        hn_batch_release(&edge->producer->stage, edge->parked[i]);
    }
    edge->parked_count = 0;
    hone_sender_destroy(edge->sender);
    hone_receiver_destroy(edge->receiver);
    hone_channel_destroy(edge->channel);
    edge->sender = NULL;
    edge->receiver = NULL;
    edge->channel = NULL;
}

static bool send(hn_edge *edge, hone_batch *batch) {
    hone_loan loan;
    if (hone_channel_loan(edge->sender, sizeof batch, &loan) != HONE_OK) {
        return false;
    }
    memcpy(loan.data, &batch, sizeof batch);
    hone_channel_commit(edge->sender, &loan);
    edge->sent_count++;
    hn_stage_notify(edge->consumer);
    return true;
}

/* The channel rounds its size up, so the edge itself counts what is in the queue. */
static bool try_send(hn_edge *edge, hone_batch *batch) {
    uint64_t queue = edge->consumer->queue_batches;
    if (edge->sent_count - edge->taken_copy >= queue) {
        /* acquire: pairs with hn_edge_take */
        edge->taken_copy = atomic_load_explicit(&edge->taken_count, memory_order_acquire);
    }
    return edge->sent_count - edge->taken_copy < queue && send(edge, batch);
}

/* Dropped records are counted at the consumer, whose policy it is; more than one producer may do
 * so. */
static void drop(hn_edge *edge, hone_batch *batch) {
    atomic_fetch_add_explicit(&edge->consumer->stage.live->records_dropped, batch->selected_count,
                              memory_order_relaxed);
    hn_batch_release(&edge->producer->stage, batch);
}

/* False when there is nothing left to evict: the consumer has taken it all meanwhile. */
static bool evict_one(hn_edge *edge) {
    hone_message message;
    hone_batch *oldest;
    if (hone_channel_evict(edge->sender, &message) != HONE_OK) {
        return false;
    }
    memcpy(&oldest, message.data, sizeof oldest);
    edge->sent_count--; /* as if it had never been sent */
    drop(edge, oldest);
    return true;
}

/* Evicts what is too much. Where the consumer was faster there is room in the channel, even before
 * the consumer has counted what it took. */
static void send_evicting(hn_edge *edge, hone_batch *batch) {
    bool has_sent = false;
    while (!has_sent) {
        has_sent = evict_one(edge) ? try_send(edge, batch) : send(edge, batch);
    }
}

void hn_edge_send(hn_edge *edge, hone_batch *batch) {
    if (edge->parked_count == 0 && try_send(edge, batch)) {
        return;
    }
    assert(edge->parked_count < HN_PARKED_MAX); /* the contract of hn_stage_send */
    switch ((hn_on_full)edge->consumer->on_full) {
    case HN_ON_FULL_BLOCK: edge->parked[edge->parked_count++] = batch; break;
    case HN_ON_FULL_DROP_OLDEST: send_evicting(edge, batch); break;
    case HN_ON_FULL_DROP_NEWEST: drop(edge, batch); break;
    }
}

static uint32_t send_parked(hn_edge *edge) {
    uint32_t sent = 0;
    while (sent < edge->parked_count && try_send(edge, edge->parked[sent])) {
        sent++;
    }
    memmove(edge->parked, edge->parked + sent, (edge->parked_count - sent) * sizeof *edge->parked);
    edge->parked_count -= sent;
    return edge->parked_count;
}

bool hn_edge_flush(hn_edge *edge) {
    if (send_parked(edge) == 0) {
        return true;
    }
    /* acq_rel on both sides' exchanges: see the file's head */
    (void)atomic_exchange_explicit(&edge->is_producer_waiting, 1, memory_order_acq_rel);
    return send_parked(edge) == 0;
}

hone_batch *hn_edge_take(hn_edge *edge) {
    hone_message message;
    hone_batch *batch = NULL;
    hone_status status = hone_channel_take(edge->receiver, &message);
    if (status != HONE_OK) {
        edge->is_drained = status == HONE_STATUS_CLOSED;
        return NULL;
    }
    memcpy(&batch, message.data, sizeof batch);
    hone_channel_release(edge->receiver, &message);
    atomic_fetch_add_explicit(&edge->taken_count, 1, memory_order_release);
    if (atomic_exchange_explicit(&edge->is_producer_waiting, 0, memory_order_acq_rel)) {
        hn_stage_notify(edge->producer);
    }
    return batch;
}
