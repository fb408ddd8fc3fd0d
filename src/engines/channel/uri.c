/* SPDX-License-Identifier: Apache-2.0 */
/* Names of channels, and the way to what they name. */
#include "hone/channel/uri.h"

#include <ctype.h>
#include <string.h>

#include "channel_internal.h"

enum { NAME_BYTES_MAX = 48 };

typedef struct scheme {
    const char *prefix;
    hone_status (*create)(const char *name, const hone_channel_options *options, hone_diag *diag,
                          hone_channel **out_channel);
    hone_status (*connect)(const char *name, const hone_channel_options *options, hone_diag *diag,
                           hone_channel **out_channel);
} scheme;

static hone_status memory_create(const char *name, const hone_channel_options *options,
                                 hone_diag *diag, hone_channel **out_channel) {
    (void)name;
    return hone_channel_create(options, diag, out_channel);
}

static hone_status memory_connect(const char *name, const hone_channel_options *options,
                                  hone_diag *diag, hone_channel **out_channel) {
    (void)options;
    (void)out_channel;
    return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                         "nobody can connect to memory://%s: within a process pass the channel "
                         "itself on, between processes use ipc://%s",
                         name, name);
}

static const scheme schemes[] = {
    {"memory://", memory_create, memory_connect},
    {"ipc://", hn_ipc_create, hn_ipc_connect},
};

static bool is_name(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length > NAME_BYTES_MAX || name[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i])) {
            return false;
        }
    }
    return true;
}

static hone_status find_scheme(const char *uri, hone_diag *diag, const scheme **out_scheme,
                               const char **out_name) {
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i].prefix);
        if (strncmp(uri, schemes[i].prefix, length) != 0) {
            continue;
        }
        if (!is_name(uri + length)) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "'%.80s': a channel's name has 1 to %d letters, digits, '.', '_' "
                                 "or '-', and does not begin with '.'",
                                 uri, NAME_BYTES_MAX);
        }
        *out_scheme = &schemes[i];
        *out_name = uri + length;
        return HONE_OK;
    }
    if (strncmp(uri, "tcp://", 6) == 0 || strncmp(uri, "tls+tcp://", 10) == 0) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "'%.80s': channels between machines are not built yet", uri);
    }
    return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                         "'%.80s': a channel is memory://NAME or ipc://NAME", uri);
}

static hone_status check_type(const hone_channel_options *options, hone_diag *diag) {
    if (options && options->type && strlen(options->type) >= HN_TYPE_TEXT_BYTES) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the type of a channel has at most %d bytes", HN_TYPE_TEXT_BYTES - 1);
    }
    return HONE_OK;
}

hone_status hone_channel_create_uri(const char *uri, const hone_channel_options *options,
                                    hone_diag *diag, hone_channel **out_channel) {
    const scheme *chosen;
    const char *name;
    hone_status status = find_scheme(uri, diag, &chosen, &name);
    status = status == HONE_OK ? check_type(options, diag) : status;
    return status == HONE_OK ? chosen->create(name, options, diag, out_channel) : status;
}

hone_status hone_channel_connect(const char *uri, const hone_channel_options *options,
                                 hone_diag *diag, hone_channel **out_channel) {
    const scheme *chosen;
    const char *name;
    hone_status status = find_scheme(uri, diag, &chosen, &name);
    status = status == HONE_OK ? check_type(options, diag) : status;
    return status == HONE_OK ? chosen->connect(name, options, diag, out_channel) : status;
}

uint64_t hn_type_hash(const char *text) {
    return text && text[0] ? hone_hash_bytes(text, strlen(text)) : 0;
}

hone_channel_mode hone_channel_mode_of(const hone_channel *channel) {
    return channel->ring.mode;
}

size_t hone_channel_capacity_bytes(const hone_channel *channel) {
    return (size_t)channel->ring.units_count * HN_UNIT_BYTES;
}
