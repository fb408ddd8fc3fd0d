/* SPDX-License-Identifier: Apache-2.0 */
#include "procfs_internal.h"

#include <math.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool hn_parse_digits(hone_text text, uint64_t *out_number) {
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]) || __builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text.data[i] - '0'), &number)) {
            return false;
        }
    }
    if (text.size == 0) {
        return false;
    }
    *out_number = number;
    return true;
}

bool hn_parse_number(hone_text text, uint64_t *out_number) {
    return hn_parse_digits(hone_text_trim(text), out_number);
}

bool hn_parse_signed(hone_text text, int64_t *out_number) {
    uint64_t number;
    text = hone_text_trim(text);
    bool is_negative = text.size > 1 && text.data[0] == '-' && is_digit(text.data[1]);
    hone_text digits = is_negative ? (hone_text){text.data + 1, text.size - 1} : text;
    if (!hn_parse_digits(digits, &number) || number > INT64_MAX) {
        return false;
    }
    *out_number = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

bool hn_parse_decimal(hone_text text, double *out_number) {
    uint64_t whole, part = 0;
    double scale = 1;
    hone_text fraction = hone_text_trim(text);
    hone_text head = hone_text_split(&fraction, '.');
    if (!hn_parse_digits(head, &whole) || whole > 1000000000000000u || fraction.size > 9) {
        return false;
    }
    if (fraction.data && !hn_parse_digits(fraction, &part)) {
        return false;
    }
    for (size_t i = 0; i < fraction.size; i++) {
        scale *= 10;
    }
    *out_number = (double)whole + (double)part / scale;
    return true;
}

bool hn_parse_cache_size(hone_text text, uint64_t *out_bytes) {
    uint64_t number, unit = 1;
    text = hone_text_trim(text);
    if (text.size && !is_digit(text.data[text.size - 1])) {
        char last = text.data[--text.size];
        unit = last == 'K' ? 1u << 10 : last == 'M' ? 1u << 20 : last == 'G' ? 1u << 30 : 0;
    }
    return unit && hn_parse_digits(text, &number) &&
           !__builtin_mul_overflow(number, unit, out_bytes);
}

bool hn_parse_choice(hone_text text, hone_text *out_choice) {
    hone_text rest = text;
    (void)hone_text_split(&rest, '[');
    if (!rest.data) {
        return false;
    }
    hone_text choice = hone_text_split(&rest, ']');
    if (!rest.data || choice.size == 0) {
        return false;
    }
    *out_choice = choice;
    return true;
}

hone_text hn_next_word(hone_text *rest) {
    while (rest->size && is_blank(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
    hone_text word = {rest->data, 0};
    while (word.size < rest->size && !is_blank(rest->data[word.size])) {
        word.size++;
    }
    if (word.size) {
        rest->data += word.size;
        rest->size -= word.size;
    }
    return word;
}

bool hn_has_word(hone_text words, const char *word) {
    size_t start = 0;
    for (size_t i = 0; i <= words.size; i++) {
        if (i < words.size && words.data[i] != ',' && !is_blank(words.data[i])) {
            continue;
        }
        if (i > start && hone_text_is((hone_text){words.data + start, i - start}, word)) {
            return true;
        }
        start = i + 1;
    }
    return false;
}

bool hn_find_field(hone_text text, const char *key, hone_text *out_value) {
    while (text.size) {
        hone_text value = hone_text_split(&text, '\n');
        hone_text name = hone_text_split(&value, ':');
        if (value.data && hone_text_is(hone_text_trim(name), key)) {
            *out_value = hone_text_trim(value);
            return true;
        }
    }
    return false;
}

bool hn_find_kilobytes(hone_text text, const char *key, uint64_t *out_bytes) {
    hone_text value;
    uint64_t number;
    if (!hn_find_field(text, key, &value)) {
        return false;
    }
    hone_text word = hn_next_word(&value);
    return hone_text_is(hone_text_trim(value), "kB") && hn_parse_number(word, &number) &&
           !__builtin_mul_overflow(number, (uint64_t)1024, out_bytes);
}

bool hn_find_counter(hone_text text, const char *key, uint64_t *out_number) {
    while (text.size) {
        hone_text line = hone_text_split(&text, '\n');
        if (hone_text_is(hn_next_word(&line), key)) {
            return hn_parse_number(hn_next_word(&line), out_number);
        }
    }
    return false;
}

bool hn_find_resource_limit(hone_text text, const char *name, uint64_t *out_soft) {
    hone_text prefix = hone_text_of(name);
    while (text.size) {
        hone_text line = hone_text_split(&text, '\n');
        if (!hone_text_has_prefix(line, prefix)) {
            continue;
        }
        hone_text rest = {line.data + prefix.size, line.size - prefix.size};
        hone_text soft = hn_next_word(&rest);
        if (hone_text_is(soft, "unlimited")) {
            *out_soft = UINT64_MAX;
            return true;
        }
        return hn_parse_digits(soft, out_soft);
    }
    return false;
}

bool hn_find_hex(hone_text text, const char *key, uint64_t *out_number) {
    hone_text value;
    uint64_t number = 0;
    if (!hn_find_field(text, key, &value) || value.size == 0 || value.size > 16) {
        return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        bool is_letter = c >= 'a' && c <= 'f';
        if (!is_digit(c) && !is_letter) {
            return false;
        }
        number = number << 4 | (uint64_t)(is_letter ? c - 'a' + 10 : c - '0');
    }
    *out_number = number;
    return true;
}

bool hn_parse_pressure(hone_text text, double *out_percent) {
    double percent;
    while (text.size) {
        hone_text line = hone_text_split(&text, '\n');
        if (!hone_text_is(hn_next_word(&line), "some")) {
            continue;
        }
        hone_text value = hn_next_word(&line);
        hone_text name = hone_text_split(&value, '=');
        if (!hone_text_is(name, "avg10") || !hn_parse_decimal(value, &percent) || percent > 100) {
            return false;
        }
        *out_percent = percent;
        return true;
    }
    return false;
}

bool hn_parse_cpu_times(hone_text text, hn_cpu_times *out_times) {
    uint64_t times[8] = {0};
    hone_text line = hone_text_split(&text, '\n');
    if (!hone_text_is(hn_next_word(&line), "cpu")) {
        return false;
    }
    for (size_t i = 0; i < 8; i++) {
        hone_text word = hn_next_word(&line);
        bool is_old_kernel = word.size == 0 && i >= 4; /* 2.4 wrote four, 2.6 seven */
        if (is_old_kernel) {
            break;
        }
        /* The sum of eight must not overflow. */
        if (!hn_parse_number(word, &times[i]) || times[i] > UINT64_MAX / 16) {
            return false;
        }
    }
    *out_times = (hn_cpu_times){times[0], times[1], times[2], times[3],
                                times[4], times[5], times[6], times[7]};
    return true;
}

/* Words `from` .. `from + count - 1` of a line of numbers. */
static bool parse_numbers(hone_text *line, size_t skip, size_t count, uint64_t *out_numbers) {
    for (size_t i = 0; i < skip; i++) {
        (void)hn_next_word(line);
    }
    for (size_t i = 0; i < count; i++) {
        if (!hn_parse_number(hn_next_word(line), &out_numbers[i])) {
            return false;
        }
    }
    return true;
}

bool hn_parse_disk_line(hone_text line, hn_disk_line *out_disk) {
    uint64_t device[2], counts[7];
    if (!parse_numbers(&line, 0, 2, device)) {
        return false;
    }
    hone_text name = hn_next_word(&line);
    if (name.size == 0 || !parse_numbers(&line, 0, 7, counts)) {
        return false;
    }
    *out_disk = (hn_disk_line){name, counts[0], counts[2], counts[4], counts[6]};
    return true;
}

bool hn_parse_net_line(hone_text line, hn_net_line *out_interface) {
    uint64_t received, sent;
    hone_text name = hone_text_trim(hone_text_split(&line, ':'));
    if (!line.data || name.size == 0 || !parse_numbers(&line, 0, 1, &received) ||
        !parse_numbers(&line, 7, 1, &sent)) {
        return false;
    }
    *out_interface = (hn_net_line){name, received, sent};
    return true;
}

bool hn_find_cgroup_path(hone_text text, const char *controller, hone_text *out_path) {
    while (text.size) {
        hone_text path = hone_text_split(&text, '\n');
        (void)hone_text_split(&path, ':'); /* number of the hierarchy */
        hone_text controllers = hone_text_split(&path, ':');
        bool is_it = controller[0] ? hn_has_word(controllers, controller) : controllers.size == 0;
        if (is_it && path.size && path.data[0] == '/') {
            *out_path = path;
            return true;
        }
    }
    return false;
}

/* 36 35 98:0 /root /point rw,noatime shared:1 ... - cgroup cgroup rw,memory (proc(5)) */
static bool parse_mount_line(hone_text line, const char *controller, hn_cgroup_mount *out_mount) {
    for (size_t i = 0; i < 3; i++) {
        (void)hn_next_word(&line);
    }
    hn_cgroup_mount mount;
    mount.root = hn_next_word(&line);
    mount.point = hn_next_word(&line);
    hone_text word = hn_next_word(&line);
    while (word.size && !hone_text_is(word, "-")) {
        word = hn_next_word(&line);
    }
    hone_text type = hn_next_word(&line);
    (void)hn_next_word(&line); /* source */
    hone_text options = hn_next_word(&line);
    bool is_it = controller[0] ? hone_text_is(type, "cgroup") && hn_has_word(options, controller)
                               : hone_text_is(type, "cgroup2");
    if (is_it) {
        *out_mount = mount;
    }
    return is_it;
}

bool hn_find_cgroup_mount(hone_text mountinfo, const char *controller, hn_cgroup_mount *out_mount) {
    while (mountinfo.size) {
        hone_text line = hone_text_split(&mountinfo, '\n');
        if (parse_mount_line(line, controller, out_mount)) {
            return true;
        }
    }
    return false;
}

static bool is_octal(hone_text text, size_t at) {
    if (at + 3 >= text.size || text.data[at] != '\\') {
        return false;
    }
    for (size_t i = 1; i <= 3; i++) {
        if (text.data[at + i] < '0' || text.data[at + i] > (i == 1 ? '3' : '7')) {
            return false;
        }
    }
    return true;
}

static bool has_climb(hone_text path) {
    while (path.size) {
        if (hone_text_is(hone_text_split(&path, '/'), "..")) {
            return true;
        }
    }
    return false;
}

bool hn_decode_path(hone_text encoded, char *out_path, size_t size) {
    size_t length = 0;
    if (encoded.size == 0 || encoded.data[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < encoded.size; i++) {
        char c = encoded.data[i];
        if (is_octal(encoded, i)) {
            c = (char)((encoded.data[i + 1] - '0') * 64 + (encoded.data[i + 2] - '0') * 8 +
                       (encoded.data[i + 3] - '0'));
            i += 3;
        }
        if (length + 1 >= size || c == '\0') {
            return false;
        }
        out_path[length++] = c;
    }
    while (length > 1 && out_path[length - 1] == '/') {
        length--;
    }
    out_path[length] = '\0';
    return !has_climb((hone_text){out_path, length});
}

bool hn_parse_cpu_max(hone_text text, double *out_cpus) {
    uint64_t quota, period;
    hone_text quota_word = hn_next_word(&text);
    hone_text period_word = hn_next_word(&text);
    if (!hn_parse_number(period_word, &period) || period == 0 || hone_text_trim(text).size) {
        return false;
    }
    if (hone_text_is(quota_word, "max")) {
        *out_cpus = INFINITY;
        return true;
    }
    if (!hn_parse_number(quota_word, &quota) || quota == 0) {
        return false;
    }
    *out_cpus = (double)quota / (double)period;
    return true;
}

bool hn_parse_limit(hone_text text, uint64_t *out_bytes) {
    if (hone_text_is(hone_text_trim(text), "max")) {
        *out_bytes = UINT64_MAX;
        return true;
    }
    return hn_parse_number(text, out_bytes);
}
