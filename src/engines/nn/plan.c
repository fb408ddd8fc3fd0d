/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places every intermediate result in one block of memory. A value is alive from the step that
 * makes it to the last step that reads it; values alive at the same time may not overlap. Each goes
 * to the lowest place that is free all its life, in some order: larger first (after Pisarchyk and
 * Lee 2020), as they are made, or longer-lived first, whichever needs least. From there on single
 * values change their place in the order as long as that does no harm, for a bounded number of
 * tries: some order gives the best plan there is, namely that of its offsets.
 *
 * Before that, steps that can work in place take over the memory of an input that dies with them.
 */
#include <stdlib.h>

#include "network_internal.h"

enum { ALIGNMENT = 64, TRIES_MAX = 4000, SEARCH_WORK = 4000000 };

static const uint32_t PAST_THE_END = UINT32_MAX;

static size_t bytes_of(const hn_value *value) {
    size_t bytes = value->count * hone_nn_type_bytes(value->type);
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static hn_value *root_of(const hn_builder *b, hn_value_id id) {
    return hn_at(b, hn_at(b, id)->root);
}

static void see_lives(hn_builder *b, const hn_value_id *outputs, size_t outputs_count) {
    for (uint32_t s = 0; s < b->steps_count; s++) {
        const hn_step *step = &b->steps[s];
        hn_value *made = root_of(b, step->output);
        made->first_use = s;
        made->last_use = s > made->last_use ? s : made->last_use;
        for (uint32_t i = 0; i < step->inputs_count; i++) {
            root_of(b, step->inputs[i])->last_use = s;
        }
    }
    for (size_t i = 0; i < outputs_count; i++) {
        root_of(b, outputs[i])->last_use = PAST_THE_END;
    }
}

/* In the order of the steps, so that chains collapse: the root of a chain is its first value. */
static void work_in_place(hn_builder *b) {
    for (uint32_t s = 0; s < b->steps_count; s++) {
        const hn_step *step = &b->steps[s];
        hn_value *in = root_of(b, step->inputs[0]), *out = root_of(b, step->output);
        bool is_possible = step->can_be_in_place && !in->constant && in->input < 0 &&
                           in->last_use == s && out->first_use == s &&
                           bytes_of(in) == bytes_of(out);
        for (uint32_t i = 1; i < step->inputs_count; i++) {
            is_possible &= step->inputs[i] == step->inputs[0] || root_of(b, step->inputs[i]) != in;
        }
        if (!is_possible) {
            continue;
        }
        hn_value_id old_root = hn_at(b, step->output)->root, new_root = in->root;
        in->last_use = out->last_use;
        for (hn_value_id id = 1; id < b->values_count; id++) {
            if (hn_at(b, id)->root == old_root) {
                hn_at(b, id)->root = new_root;
            }
        }
    }
}

static int by_size(const void *a, const void *b) {
    const hn_value *x = *(hn_value *const *)a, *y = *(hn_value *const *)b;
    if (bytes_of(x) != bytes_of(y)) {
        return bytes_of(x) < bytes_of(y) ? 1 : -1;
    }
    return x->first_use < y->first_use ? -1 : x->first_use > y->first_use;
}

static int by_step(const void *a, const void *b) {
    const hn_value *x = *(hn_value *const *)a, *y = *(hn_value *const *)b;
    return x->first_use < y->first_use ? -1 : x->first_use > y->first_use;
}

static int by_life(const void *a, const void *b) {
    const hn_value *x = *(hn_value *const *)a, *y = *(hn_value *const *)b;
    uint32_t x_life = x->last_use - x->first_use, y_life = y->last_use - y->first_use;
    return x_life != y_life ? (x_life < y_life ? 1 : -1) : by_size(a, b);
}

static bool are_alive_together(const hn_value *a, const hn_value *b) {
    return a->first_use <= b->last_use && b->first_use <= a->last_use;
}

/* The lowest place: right behind a placed value that lives at the same time, or the beginning. */
static size_t lowest_place(hn_value *const *placed, size_t count, const hn_value *value) {
    size_t offset = 0;
    for (bool has_moved = true; has_moved;) {
        has_moved = false;
        for (size_t i = 0; i < count; i++) {
            const hn_value *other = placed[i];
            if (are_alive_together(other, value) && offset < other->offset + bytes_of(other) &&
                other->offset < offset + bytes_of(value)) {
                offset = other->offset + bytes_of(other);
                has_moved = true;
            }
        }
    }
    return offset;
}

/* Places all in the order they are in; the size of the arena. */
static size_t place_all(hn_value *const *values, size_t count) {
    size_t arena_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        values[i]->offset = lowest_place(values, i, values[i]);
        size_t end = values[i]->offset + bytes_of(values[i]);
        arena_bytes = end > arena_bytes ? end : arena_bytes;
    }
    return arena_bytes;
}

/* Puts the element at `from` to `to`; the others keep their order. */
static void shift(hn_value **values, size_t from, size_t to) {
    hn_value *moved = values[from];
    for (; from < to; from++) {
        values[from] = values[from + 1];
    }
    for (; from > to; from--) {
        values[from] = values[from - 1];
    }
    values[to] = moved;
}

/* The offsets of the best order found; `least` ends the search. */
static size_t place_best(hn_value **values, size_t count, size_t least) {
    static int (*const orders[])(const void *, const void *) = {by_step, by_life, by_size};
    size_t best = SIZE_MAX, best_order = 0;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        qsort(values, count, sizeof *values, orders[i]);
        size_t bytes = place_all(values, count);
        if (bytes < best) {
            best = bytes;
            best_order = i;
        }
    }
    qsort(values, count, sizeof *values, orders[best_order]);
    size_t tries = count > 1 ? SEARCH_WORK / (count * count) : 0;
    uint64_t random = 88172645463325252u; /* always the same: so is the plan */
    for (tries = tries < TRIES_MAX ? tries : TRIES_MAX; tries > 0 && best > least; tries--) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t from = (size_t)(random >> 40) % count, to = (size_t)(random >> 16) % count;
        shift(values, from, to);
        size_t bytes = place_all(values, count);
        if (bytes <= best) {
            best = bytes;
        } else {
            shift(values, to, from);
        }
    }
    return place_all(values, count);
}

hone_status hn_plan(hn_builder *b, const hn_value_id *outputs, size_t outputs_count,
                    size_t *out_arena_bytes, size_t *out_least) {
    see_lives(b, outputs, outputs_count);
    work_in_place(b);
    hn_value **placed = HONE_ARENA_NEW_ARRAY(b->work, hn_value *, (size_t)b->steps_count + 1);
    size_t *alive = HONE_ARENA_NEW_ARRAY(b->work, size_t, (size_t)b->steps_count + 1);
    if (!placed || !alive) {
        return hn_no_memory(b);
    }
    size_t count = 0, least = 0;
    for (uint32_t s = 0; s < b->steps_count; s++) {
        hn_value *made = root_of(b, b->steps[s].output);
        if (made->first_use == s && !made->constant) {
            placed[count++] = made;
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (uint32_t s = placed[i]->first_use; s < b->steps_count && s <= placed[i]->last_use;
             s++) {
            alive[s] += bytes_of(placed[i]);
            least = alive[s] > least ? alive[s] : least;
        }
    }
    *out_arena_bytes = place_best(placed, count, least);
    *out_least = least;
    return HONE_OK;
}
