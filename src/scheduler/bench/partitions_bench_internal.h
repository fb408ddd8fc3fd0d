/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions' part of the suite; each returns a deviation in percentage points. */
#ifndef HONE_SCHEDULER_PARTITIONS_BENCH_INTERNAL_H
#define HONE_SCHEDULER_PARTITIONS_BENCH_INTERNAL_H

double hn_measure_share(void *context); /* of the CPU time of the partition that is to have 70 % */
double hn_measure_bills(void *context); /* of the sum of all bills from what the kernel counts */
double hn_measure_spare(void *context); /* of a partition alone from all the time there is */

#endif
