/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine is, from /proc: enough to tell whether two runs may be compared. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/buffer.h"
#include "hone/platform/file.h"
#include "hone/platform/thread.h"
#include "hone/platform/usage.h"
#include "json_internal.h"

enum { FACTS_BYTES_MAX = 4 << 20 };

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#elif defined(__aarch64__)
#define ARCHITECTURE "aarch64"
#else
#define ARCHITECTURE "other"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

#if !defined(__OPTIMIZE__)
#define BUILD "unoptimised"
#elif defined(NDEBUG)
#define BUILD "optimised"
#else
#define BUILD "optimised, asserts"
#endif

/* The file as text, or the empty text. */
static hone_text read_fact(const char *root, const char *path, hone_buffer *buffer) {
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    hone_buffer_clear(buffer);
    if (hone_file_read_all(full, FACTS_BYTES_MAX / 2, NULL, buffer) != HONE_OK) {
        return (hone_text){"", 0};
    }
    return hone_buffer_text(buffer);
}

/* Copies printable text, blanks squeezed; "n/a" for nothing. */
static void copy_fact(hone_text text, char *out_text, size_t size) {
    size_t length = 0;
    text = hone_text_trim(text);
    for (size_t i = 0; i < text.size && length + 1 < size; i++) {
        char byte = text.data[i];
        bool is_blank = byte == ' ' || byte == '\t';
        if ((is_blank && length && out_text[length - 1] != ' ') ||
            (!is_blank && isprint((unsigned char)byte))) {
            out_text[length++] = is_blank ? ' ' : byte;
        }
    }
    out_text[length] = '\0';
    if (length == 0) {
        (void)snprintf(out_text, size, "n/a");
    }
}

/* The value of the first "key : value" line. x86 has "model name"; ARM boards "Model" or only the
 * numbers of implementer and part. */
static hone_text find_key(hone_text text, const char *key) {
    while (text.data && text.size) {
        hone_text line = hone_text_split(&text, '\n');
        hone_text name = hone_text_trim(hone_text_split(&line, ':'));
        if (line.data && hone_text_is(name, key)) {
            return line;
        }
    }
    return (hone_text){"", 0};
}

static void read_cpu(hone_text cpuinfo, char *out_text, size_t size) {
    hone_text model = find_key(cpuinfo, "model name");
    if (model.size == 0) {
        model = find_key(cpuinfo, "Model");
    }
    if (model.size) {
        copy_fact(model, out_text, size);
        return;
    }
    char implementer[32], part[32];
    copy_fact(find_key(cpuinfo, "CPU implementer"), implementer, sizeof implementer);
    copy_fact(find_key(cpuinfo, "CPU part"), part, sizeof part);
    if (strcmp(part, "n/a") == 0) {
        (void)snprintf(out_text, size, "n/a");
    } else {
        (void)snprintf(out_text, size, "implementer %s part %s", implementer, part);
    }
}

void hone_bench_host_read(const char *root, hone_bench_host *out_host) {
    hone_buffer buffer;
    hone_bench_host host = {.cpus_count = hone_thread_cpus_allowed_count(), .load_average = -1};
    root = root ? root : "";
    hone_buffer_init(&buffer, NULL, FACTS_BYTES_MAX);
    read_cpu(read_fact(root, "/proc/cpuinfo", &buffer), host.cpu, sizeof host.cpu);
    copy_fact(read_fact(root, "/proc/sys/kernel/osrelease", &buffer), host.kernel,
              sizeof host.kernel);
    char load[64];
    copy_fact(read_fact(root, "/proc/loadavg", &buffer), load, sizeof load);
    if (isdigit((unsigned char)load[0])) {
        host.load_average = strtod(load, NULL);
    }
    hone_buffer_deinit(&buffer);
    copy_fact(HONE_TEXT(ARCHITECTURE), host.architecture, sizeof host.architecture);
    copy_fact(HONE_TEXT(COMPILER), host.compiler, sizeof host.compiler);
    copy_fact(HONE_TEXT(BUILD), host.build, sizeof host.build);
    host.fingerprint = hn_host_fingerprint(&host);
    *out_host = host;
}
