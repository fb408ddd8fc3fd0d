/* SPDX-License-Identifier: Apache-2.0 */
#include "machine_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "procfs_internal.h"

enum { READ_STEP_BYTES = 4096, TEXT_FACT_BYTES_MAX = 256 };

hone_status hn_machine_init(hn_machine *machine, const char *root, hone_arena *arena,
                            hone_diag *diag) {
    struct stat info;
    root = root ? root : "";
    if (strlen(root) >= HN_ROOT_SIZE_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the root prefix has %zu bytes; at most %d are allowed", strlen(root),
                             HN_ROOT_SIZE_MAX - 1);
    }
    if (root[0] && (stat(root, &info) != 0 || !S_ISDIR(info.st_mode))) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the root prefix '%.200s' is not a directory; give the folder that "
                             "holds proc/ and sys/",
                             root);
    }
    *machine = (hn_machine){.root = root, .arena = arena};
    hone_buffer_init(&machine->scratch, arena->allocator, HN_LARGE_FILE_BYTES + READ_STEP_BYTES);
    return HONE_OK;
}

void hn_machine_deinit(hn_machine *machine) {
    hone_buffer_deinit(&machine->scratch);
}

static void note_out_of_memory(hn_machine *machine) {
    machine->status = HONE_STATUS_OUT_OF_MEMORY;
}

const char *hn_machine_copy(hn_machine *machine, hone_text text) {
    char *copy = hone_arena_copy_text(machine->arena, text);
    if (!copy) {
        note_out_of_memory(machine);
        return "";
    }
    return copy;
}

HONE_PRINTF(2, 0)
static const char *format_into_arena(hn_machine *machine, const char *format, va_list arguments) {
    char text[1024];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0) {
        return "";
    }
    size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    return hn_machine_copy(machine, (hone_text){text, size});
}

const char *hn_machine_format(hn_machine *machine, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = format_into_arena(machine, format, arguments);
    va_end(arguments);
    return text;
}

/* Root and path together. False when that is longer than a path can be. */
HONE_PRINTF(3, 0)
static bool make_path(const hn_machine *machine, char path[HN_PATH_SIZE_MAX], const char *format,
                      va_list arguments) {
    size_t root_size = strlen(machine->root);
    memcpy(path, machine->root, root_size);
    int length = vsnprintf(path + root_size, HN_PATH_SIZE_MAX - root_size, format, arguments);
    return length >= 0 && (size_t)length < HN_PATH_SIZE_MAX - root_size;
}

static hn_content refuse(hn_machine *machine, int error, const char *what) {
    bool is_forbidden = error == EACCES || error == EPERM;
    const char *text =
        error == ENOENT || error == ENOTDIR ? "there is no such file" : strerror(error);
    return (hn_content){
        .state = is_forbidden ? HONE_FACT_FORBIDDEN : HONE_FACT_ABSENT,
        .text = {"", 0},
        .reason = hn_machine_format(machine, "%.300s: %s", what, text),
    };
}

/* Fills the scratch buffer from `fd`. 0, or an errno; EFBIG when there is more than allowed. */
static int read_descriptor(hn_machine *machine, int fd, size_t size_max) {
    hone_buffer *scratch = &machine->scratch;
    for (;;) {
        if (hone_buffer_reserve(scratch, READ_STEP_BYTES) != HONE_OK) {
            note_out_of_memory(machine);
            return ENOMEM;
        }
        ssize_t got = read(fd, scratch->data + scratch->size, READ_STEP_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? errno : 0;
        }
        scratch->size += (size_t)got;
        if (scratch->size > size_max) {
            return EFBIG;
        }
    }
}

static hn_content read_path(hn_machine *machine, const char *path, size_t size_max) {
    const char *shown = path + strlen(machine->root);
    struct stat info;
    hone_buffer_clear(&machine->scratch);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return refuse(machine, errno, shown);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        (void)close(fd);
        return (hn_content){HONE_FACT_ABSENT,
                            {"", 0},
                            hn_machine_format(machine, "%.300s: not a regular file", shown)};
    }
    int error = read_descriptor(machine, fd, size_max);
    (void)close(fd);
    if (error == EFBIG) {
        return (hn_content){
            HONE_FACT_ABSENT,
            {"", 0},
            hn_machine_format(machine, "%.300s: larger than %zu bytes", shown, size_max)};
    }
    if (error) {
        return refuse(machine, error, shown);
    }
    return (hn_content){HONE_FACT_PRESENT, hone_text_trim(hone_buffer_text(&machine->scratch)), ""};
}

HONE_PRINTF(3, 0)
static hn_content read_formatted(hn_machine *machine, size_t size_max, const char *format,
                                 va_list arguments) {
    char path[HN_PATH_SIZE_MAX];
    if (!make_path(machine, path, format, arguments)) {
        return (hn_content){HONE_FACT_ABSENT, {"", 0}, "the path is too long"};
    }
    return read_path(machine, path, size_max);
}

hn_content hn_machine_read(hn_machine *machine, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hn_content content = read_formatted(machine, HN_SMALL_FILE_BYTES, format, arguments);
    va_end(arguments);
    return content;
}

hn_content hn_machine_read_large(hn_machine *machine, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hn_content content = read_formatted(machine, HN_LARGE_FILE_BYTES, format, arguments);
    va_end(arguments);
    return content;
}

bool hn_machine_has_path(const hn_machine *machine, const char *format, ...) {
    char path[HN_PATH_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    bool is_made = make_path(machine, path, format, arguments);
    va_end(arguments);
    return is_made && access(path, F_OK) == 0;
}

static int compare_names(const void *a, const void *b) {
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

static void collect_names(hn_machine *machine, DIR *directory, size_t names_max, hn_names *out) {
    struct dirent *entry;
    while (out->count < names_max && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char *name = hone_arena_copy_text(machine->arena, hone_text_of(entry->d_name));
        if (!name) {
            note_out_of_memory(machine);
            return;
        }
        out->names[out->count++] = name;
    }
    if (out->count > 1) {
        qsort(out->names, out->count, sizeof *out->names, compare_names);
    }
}

hn_names hn_machine_list(hn_machine *machine, size_t names_max, const char *path) {
    char full[HN_PATH_SIZE_MAX];
    hn_names list = {.state = HONE_FACT_PRESENT, .reason = ""};
    list.names = HONE_ARENA_NEW_ARRAY(machine->arena, const char *, names_max);
    if (!list.names) {
        note_out_of_memory(machine);
        return list;
    }
    int length = snprintf(full, sizeof full, "%s%s", machine->root, path);
    if (length < 0 || (size_t)length >= sizeof full) {
        list.state = HONE_FACT_ABSENT;
        list.reason = "the path is too long";
        return list;
    }
    DIR *directory = opendir(full);
    if (!directory) {
        hn_content refused = refuse(machine, errno, path);
        list.state = refused.state;
        list.reason = refused.reason;
        return list;
    }
    collect_names(machine, directory, names_max, &list);
    (void)closedir(directory);
    return list;
}

hone_fact hn_fact_missing(hone_fact_state state, const char *reason) {
    return (hone_fact){.state = state, .text = "", .reason = reason};
}

hone_fact hn_fact_absent(const char *reason) {
    return hn_fact_missing(HONE_FACT_ABSENT, reason);
}

hone_fact hn_fact_number(hn_machine *machine, uint64_t number, const char *reason) {
    return (hone_fact){
        .state = HONE_FACT_PRESENT,
        .kind = HONE_FACT_NUMBER,
        .value.number = number,
        .text = hn_machine_format(machine, "%llu", (unsigned long long)number),
        .reason = reason,
    };
}

hone_fact hn_fact_real(hn_machine *machine, double real, const char *reason) {
    return (hone_fact){
        .state = HONE_FACT_PRESENT,
        .kind = HONE_FACT_REAL,
        .value.real = real,
        .text = hn_machine_format(machine, "%.10g", real),
        .reason = reason,
    };
}

hone_fact hn_fact_flag(bool flag, const char *reason) {
    return (hone_fact){
        .state = HONE_FACT_PRESENT,
        .kind = HONE_FACT_FLAG,
        .value.flag = flag,
        .text = flag ? "yes" : "no",
        .reason = reason,
    };
}

/* Copies what may be shown: control characters and broken UTF-8 become '?', over-long text is cut.
 * Firmware strings end in a zero byte, which is dropped. */
static char *copy_printable(hn_machine *machine, hone_text text) {
    while (text.size && text.data[text.size - 1] == '\0') {
        text.size--;
    }
    text.size = text.size < TEXT_FACT_BYTES_MAX ? text.size : TEXT_FACT_BYTES_MAX;
    char *copy = hone_arena_copy_text(machine->arena, text);
    if (!copy) {
        note_out_of_memory(machine);
        return NULL;
    }
    bool is_utf8 = hone_text_is_utf8(text, NULL);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)copy[i];
        if (byte == '\n' || byte == '\t') {
            copy[i] = ' ';
        } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !is_utf8)) {
            copy[i] = '?';
        }
    }
    return copy;
}

hone_fact hn_fact_text(hn_machine *machine, hone_text text, const char *reason) {
    char *copy = copy_printable(machine, text);
    return (hone_fact){
        .state = HONE_FACT_PRESENT,
        .kind = HONE_FACT_TEXT,
        .text = copy ? copy : "",
        .reason = reason,
    };
}

hone_fact hn_fact_garbage(hn_machine *machine, const char *path, hone_text found,
                          const char *expected) {
    hone_text shown = {found.data, found.size < 40 ? found.size : 40};
    char *printable = copy_printable(machine, shown);
    return hn_fact_absent(hn_machine_format(machine, "%.300s says '%s' where %s was expected", path,
                                            printable ? printable : "", expected));
}

hone_fact hn_fact_read_text(hn_machine *machine, const char *path) {
    hn_content content = hn_machine_read(machine, "%s", path);
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    if (content.text.size == 0) {
        return hn_fact_absent(hn_machine_format(machine, "%.300s: empty", path));
    }
    return hn_fact_text(machine, content.text, "");
}

hone_fact hn_fact_read_number(hn_machine *machine, uint64_t number_max, const char *path) {
    uint64_t number;
    hn_content content = hn_machine_read(machine, "%s", path);
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    if (!hn_parse_number(content.text, &number)) {
        return hn_fact_garbage(machine, path, content.text, "a number");
    }
    if (number > number_max) {
        return hn_fact_garbage(
            machine, path, content.text,
            hn_machine_format(machine, "a number up to %llu", (unsigned long long)number_max));
    }
    return hn_fact_number(machine, number, "");
}

hone_fact hn_fact_read_choice(hn_machine *machine, const char *path) {
    hn_content content = hn_machine_read(machine, "%s", path);
    hone_text choice;
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    if (!hn_parse_choice(content.text, &choice)) {
        return hn_fact_garbage(machine, path, content.text, "a choice in brackets");
    }
    return hn_fact_text(machine, choice, "");
}
