/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files of the folders given, without a fuzzer: what was once found is
 * tried again in every plain test run. Usage: REPLAY FOLDER...; an absent or empty folder is an
 * error, because it would pass for ever.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE_MAX = 4096, FILE_SIZE_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fail(const char *path, const char *problem) {
    fprintf(stderr, "corpus_replay: %s: %s\n", path, problem);
    return -1;
}

/* 1 when the file was run, 0 when it is no plain file, -1 on error. */
static int replay_file(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        return fail(path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return 0;
    }
    if (info.st_size > FILE_SIZE_MAX) {
        return fail(path, "larger than 16 MiB: a corpus holds small files");
    }
    FILE *file = fopen(path, "rb");
    if (!file) {
        return fail(path, strerror(errno));
    }
    /* A block of exactly the file's size, so that a sanitizer sees every byte too far. */
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size ? size : 1);
    size_t size_read = data ? fread(data, 1, size, file) : 0;
    (void)fclose(file);
    int result = size_read == size && data ? 1 : fail(path, "cannot be read");
    if (result == 1) {
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return result;
}

/* The number of files run, or -1. */
static long replay_folder(const char *folder) {
    DIR *directory = opendir(folder);
    if (!directory) {
        return fail(folder, strerror(errno));
    }
    long count = 0;
    for (struct dirent *entry = readdir(directory); entry && count >= 0;
         entry = readdir(directory)) {
        char path[PATH_SIZE_MAX];
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof path) {
            count = fail(folder, "a path is too long");
            break;
        }
        int result = replay_file(path);
        count = result < 0 ? -1 : count + result;
    }
    (void)closedir(directory);
    return count == 0 ? fail(folder, "no files: the corpus is missing") : count;
}

int main(int argc, char **argv) {
    long total = 0;
    for (int i = 1; i < argc; i++) {
        long count = replay_folder(argv[i]);
        if (count < 0) {
            return EXIT_FAILURE;
        }
        total += count;
    }
    if (argc < 2) {
        (void)fail(argv[0], "expected the folders of a corpus as arguments");
        return EXIT_FAILURE;
    }
    printf("%ld inputs replayed\n", total);
    return EXIT_SUCCESS;
}
