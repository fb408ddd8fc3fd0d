/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memory barrier that one thread makes for all others (membarrier): for protocols in which one
 * side is hot and the other is about to sleep anyway, so that the hot side needs none.
 *
 * Contract: shared. prepare is called once by each process that takes part, before anything depends
 * on it; a process that has not called it is not reached by the barriers of others.
 */
#ifndef HONE_PLATFORM_BARRIER_H
#define HONE_PLATFORM_BARRIER_H

#include "hone/base/status.h"

/* Makes the threads of this process reachable, for itself and for other processes. May be called
 * again. UNSUPPORTED where the kernel has no such call, or forbids it: then both sides have to
 * order their steps themselves. */
HONE_MUST_USE hone_status hone_barrier_prepare(void);

/* When it returns, every thread of every prepared process has passed a full barrier since the call.
 * Costs some microseconds. Only after hone_barrier_prepare succeeded. */
void hone_barrier_everywhere(void);

#endif
