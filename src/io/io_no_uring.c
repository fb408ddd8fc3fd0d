/* SPDX-License-Identifier: Apache-2.0 */
/* The build without liburing: says so. */
#include "io_internal.h"

hone_status hn_io_uring_create(hone_io *io, hone_diag *diag, bool *out_is_refusal) {
    (void)io;
    *out_is_refusal = true;
    return hone_diag_set(diag, HONE_STATUS_ABSENT,
                         "this build is without io_uring: liburing was not there, or "
                         "HONE_WITH_URING is off");
}
