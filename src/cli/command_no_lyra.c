/* SPDX-License-Identifier: Apache-2.0 */
/* `hone lyra` where the language was not built. */
#include "session_internal.h"

int hn_command_lyra(hn_session *session) {
    hone_diag diag = {0};
    (void)hone_diag_set(&diag, HONE_STATUS_UNSUPPORTED,
                        "this hone was built without lyra: install GMP and MPFR (Debian: "
                        "libgmp-dev, libmpfr-dev) and build it again");
    return hn_cli_fail(session, HN_EXIT_FAILED, &diag);
}
