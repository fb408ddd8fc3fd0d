/* SPDX-License-Identifier: Apache-2.0 */
#include "topology_internal.h"

bool hn_topology_from_hwloc(hn_machine *machine, hn_topology *out_topology,
                            const char **out_reason) {
    (void)machine;
    (void)out_topology;
    *out_reason = "this build has no hwloc";
    return false;
}

hone_fact hn_hwloc_version(hn_machine *machine) {
    (void)machine;
    return hn_fact_absent("this build has no hwloc (libhwloc-dev, HONE_WITH_HWLOC); topology "
                          "comes from /sys");
}
