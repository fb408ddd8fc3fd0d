/* SPDX-License-Identifier: Apache-2.0 */
/* Making values; sameness and hashes. */
#include "make_internal.h"

#include "numbers_internal.h"
#include "symbols_internal.h"
#include "unwind_internal.h"

static inline uint32_t groups_of(hn_value value) {
    if (hn_is_node(value)) {
        return hn_node_of(value)->groups;
    }
    return hn_is_symbol(value) ? hn_symbol_of(value)->group : 0;
}

static inline uint32_t locals_of(hn_value value) {
    if (hn_is_node(value)) {
        return hn_node_of(value)->flags & (uint32_t)HN_FLAG_LOCALS;
    }
    return hn_is_local(value) ? HN_FLAG_LOCALS : 0;
}

void hn_node_settle(hn_node *node) {
    uint32_t groups = 0, locals = 0;
    for (uint32_t i = 0; i <= node->count; i++) {
        groups |= groups_of(node->words[i]);
        locals |= locals_of(node->words[i]);
    }
    node->groups = (uint16_t)groups;
    node->flags = (uint8_t)((node->flags & ~HN_FLAG_LOCALS) | locals);
}

hn_value hn_make(hone_lyra *lyra, hn_value head, const hn_value *args, uint32_t count) {
    hn_node *node = hn_node_new(lyra, HN_NORMAL, count + 1);
    node->count = count;
    node->words[0] = head;
    uint32_t groups = groups_of(head), locals = locals_of(head);
    for (uint32_t i = 0; i < count; i++) {
        node->words[1 + i] = args[i];
        groups |= groups_of(args[i]);
        locals |= locals_of(args[i]);
    }
    node->groups = (uint16_t)groups;
    node->flags = (uint8_t)locals;
    return hn_of_node(node);
}

hn_value hn_make0(hone_lyra *lyra, hn_value head) {
    return hn_make(lyra, head, NULL, 0);
}
hn_value hn_make1(hone_lyra *lyra, hn_value head, hn_value a) {
    return hn_make(lyra, head, &a, 1);
}
hn_value hn_make2(hone_lyra *lyra, hn_value head, hn_value a, hn_value b) {
    hn_value args[] = {a, b};
    return hn_make(lyra, head, args, 2);
}
hn_value hn_make3(hone_lyra *lyra, hn_value head, hn_value a, hn_value b, hn_value c) {
    hn_value args[] = {a, b, c};
    return hn_make(lyra, head, args, 3);
}
hn_value hn_make_list(hone_lyra *lyra, const hn_value *args, uint32_t count) {
    return hn_make(lyra, HN_SYM(lyra, List), args, count);
}

hn_value hn_make_string(hone_lyra *lyra, hone_text text) {
    if (text.size > UINT32_MAX - 8) {
        hn_unwind(lyra, HN_UNWIND_MEMORY);
    }
    hn_node *node = hn_node_new(lyra, HN_STRING, (uint32_t)((text.size + 7) / 8));
    node->count = (uint32_t)text.size;
    if (text.size > 0) {
        memcpy(node->words, text.data, text.size);
    }
    return hn_of_node(node);
}

hn_value hn_make_real(hone_lyra *lyra, double real) {
    hn_value value = hn_of_flonum(real);
    if (value == HN_NONE) {
        hn_node *node = hn_node_new(lyra, HN_REAL, 1);
        node->count = 1;
        memcpy(node->words, &real, sizeof real);
        value = hn_of_node(node);
    }
    return value;
}

hn_value hn_call_node(hone_lyra *lyra, hn_call *call) {
    if (call->node == HN_NONE) {
        call->node = hn_make(lyra, call->head, call->args, call->count);
    }
    return call->node;
}

hn_value hn_replace_arg(hone_lyra *lyra, hn_value expression, uint32_t index, hn_value arg) {
    hn_value copy = hn_make(lyra, hn_head(expression), hn_args(expression), hn_count(expression));
    hn_args(copy)[index] = arg;
    hn_node_settle(hn_node_of(copy));
    return copy;
}

HONE_COLD void hn_stack_full(hone_lyra *lyra) {
    hn_unwind(lyra, HN_UNWIND_MEMORY);
}

hn_value hn_make_pushed(hone_lyra *lyra, hn_value head, size_t top) {
    hn_value made = hn_make(lyra, head, lyra->stack + top, (uint32_t)(lyra->stack_top - top));
    lyra->stack_top = top;
    return made;
}

hn_value hn_map_parts(hone_lyra *lyra, hn_value body,
                      hn_value (*each)(void *context, hn_value part), void *context) {
    size_t top = lyra->stack_top;
    hn_value head = each(context, hn_head(body));
    bool has_changed = head != hn_head(body);
    for (uint32_t i = 0; i < hn_count(body); i++) {
        hn_value part = each(context, hn_arg(body, i));
        has_changed |= part != hn_arg(body, i);
        hn_push(lyra, part);
    }
    if (!has_changed) {
        lyra->stack_top = top;
        return body;
    }
    return hn_make_pushed(lyra, head, top);
}

/* --- sameness -------------------------------------------------------------------------------- */

static bool is_same_leaf(const hn_node *a, const hn_node *b) {
    switch (a->kind) {
    case HN_STRING: return memcmp(a->words, b->words, a->count) == 0;
    case HN_BIG:
        return a->flags == b->flags && memcmp(a->words, b->words, a->count * sizeof(hn_value)) == 0;
    case HN_REAL: return memcmp(a->words, b->words, sizeof(double)) == 0;
    case HN_BIGREAL: return hn_bigreal_is_same(a, b);
    default: return false;
    }
}

bool hn_is_same_slow(hone_lyra *lyra, hn_value a, hn_value b) {
    const hn_node *left = hn_node_of(a), *right = hn_node_of(b);
    if (left->kind != right->kind || (left->count != right->count && left->kind != HN_BIGREAL) ||
        (left->hash && right->hash && left->hash != right->hash)) {
        return false;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    if (left->kind == HN_RATIONAL || left->kind == HN_COMPLEX) {
        return hn_is_same(lyra, left->words[0], right->words[0]) &&
               hn_is_same(lyra, left->words[1], right->words[1]);
    }
    if (left->kind != HN_NORMAL && left->kind != HN_PATTERN) {
        return is_same_leaf(left, right);
    }
    if (left->flags != right->flags && left->kind == HN_PATTERN) {
        return false;
    }
    for (uint32_t i = 0, words = left->count + (left->kind == HN_NORMAL); i < words; i++) {
        if (!hn_is_same(lyra, left->words[i], right->words[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t mix(uint64_t hash, uint64_t more) {
    hash = (hash ^ more) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

uint32_t hn_hash(hone_lyra *lyra, hn_value value) {
    if (!hn_is_node(value)) {
        uint64_t seed = hn_is_symbol(value) ? hn_symbol_of(value)->id * 8 + 3 : value;
        return (uint32_t)(mix(17, seed) >> 32) | 1;
    }
    hn_node *node = hn_node_of(value);
    if (node->hash) {
        return node->hash;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    uint64_t hash = node->kind;
    switch (node->kind) {
    case HN_STRING: hash = mix(hash, hone_hash_bytes(node->words, node->count)); break;
    case HN_BIG:
        hash = mix(hash, hone_hash_bytes(node->words, node->count * 8) + node->flags);
        break;
    case HN_REAL: hash = mix(hash, node->words[0]); break;
    case HN_BIGREAL: break; /* equal ones may differ in digits */
    default:
        for (uint32_t i = 0, count = node->kind == HN_NORMAL ? node->count + 1 : 2; i < count;
             i++) {
            hash = mix(hash, hn_hash(lyra, node->words[i]));
        }
    }
    node->hash = (uint32_t)(hash >> 32) | 1;
    return node->hash;
}

bool hn_get_int(hn_value value, int64_t *out_integer) {
    if (hn_is_integer(value)) {
        *out_integer = hn_integer_of(value);
        return true;
    }
    return false;
}

bool hn_is_true(const hone_lyra *lyra, hn_value value) {
    return value == HN_SYM(lyra, True);
}
