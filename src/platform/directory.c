/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/directory.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static hone_status fail(hone_diag *diag, const char *path, int error) {
    hone_status status = error == EACCES || error == EPERM || error == EROFS ? HONE_STATUS_FORBIDDEN
                         : error == ENOSPC || error == EDQUOT                ? HONE_STATUS_NO_SPACE
                                                                             : HONE_STATUS_IO;
    return hone_diag_set(diag, status, "cannot make the directory '%.200s': %s", path,
                         strerror(error));
}

static bool is_directory(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

hone_status hone_directory_make(const char *path, hone_diag *diag) {
    char part[4096];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the path of a directory is %s",
                             length ? "too long" : "empty");
    }
    memcpy(part, path, length + 1);
    for (size_t at = 1; at <= length; at++) {
        char kept = part[at];
        if (kept != '/' && kept != '\0') {
            continue;
        }
        part[at] = '\0';
        if (mkdir(part, 0777) != 0) {
            int error = errno;
            if (!is_directory(part)) {
                return fail(diag, part, error);
            }
        }
        part[at] = kept;
    }
    return HONE_OK;
}
