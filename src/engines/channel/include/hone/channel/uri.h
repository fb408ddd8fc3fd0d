/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels by name: memory://NAME within a process, ipc://NAME between processes of one machine.
 *
 * Contract
 *   Threads    as channel.h. Creating an ipc channel starts one thread, which sleeps until somebody
 *              connects or dies; destroying the channel ends it.
 *   Names      1 to 48 letters, digits, '.', '_', '-', not beginning with '.'. A name belongs to
 *              one living process at a time; when that ends, however it ends, the name is free.
 *   Memory     an ipc channel has no file: the kernel frees it with the last process that has it.
 *   Rights     options.rights are those of a socket's file in options.folder; the kernel lets
 *              connect whom they allow. Whoever may connect is trusted to write to the channel:
 *              nobody can make others touch memory outside of it, but messages can be damaged.
 *   Death      of a process is seen by the kernel's word only (pidfd), never by a time-out: a
 *              stopped process keeps what it has and goes on when it is continued. What a dead
 *              sender had not committed is skipped and counted (lost_uncommitted_count), what a
 *              dead receiver held is given back and counted (reclaimed_count).
 *   Forks      a child does not have the memory; it connects by itself. A child of the creator's
 *              that lives on keeps the name taken: fork before creating, or exec.
 *
 * When the one who created a channel dies the others go on with what they have; nobody new can
 * connect, and the name can be created anew.
 */
#ifndef HONE_CHANNEL_URI_H
#define HONE_CHANNEL_URI_H

#include "hone/channel/channel.h"

/* Creates what others connect to. INVALID_ARGUMENT (the URI, the options), UNSUPPORTED (a scheme
 * that is not built), DUPLICATE (the name is owned), OUT_OF_MEMORY, NO_SPACE, FORBIDDEN, LIMIT. */
HONE_MUST_USE hone_status hone_channel_create_uri(const char *uri,
                                                  const hone_channel_options *options,
                                                  hone_diag *diag, hone_channel **out_channel);

/* Joins what another process created; size, mode and so on are the creator's. Of the options only
 * type, folder and allocator count; NULL: defaults. NOT_FOUND (nobody has the name), TYPE_MISMATCH
 * (both types are named), UNSUPPORTED (another version; memory://), FORBIDDEN, LIMIT, CORRUPT. */
HONE_MUST_USE hone_status hone_channel_connect(const char *uri, const hone_channel_options *options,
                                               hone_diag *diag, hone_channel **out_channel);

/* What the channel is, as its creator said. */
hone_channel_mode hone_channel_mode_of(const hone_channel *channel);
size_t hone_channel_capacity_bytes(const hone_channel *channel);

#endif
