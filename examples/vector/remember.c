/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers places by their position and finds what is near, in a file that survives:
 * remember [FILE] */
#include <stdio.h>

#include <hone/vector/index_file.h>

enum { ALPS = 1, SEA = 2 }; /* tags */

typedef struct place {
    const char *name;
    uint64_t tags;
    float position[2]; /* degrees east and north */
} place;

static const place places[] = {
    {"Innsbruck", ALPS, {11.4f, 47.3f}}, {"Grenoble", ALPS, {5.7f, 45.2f}},
    {"Bolzano", ALPS, {11.4f, 46.5f}},   {"Genoa", SEA, {8.9f, 44.4f}},
    {"Nice", ALPS | SEA, {7.3f, 43.7f}}, {"Trieste", SEA, {13.8f, 45.6f}},
};
enum { PLACES_COUNT = sizeof places / sizeof *places };

static hone_status keep_all(const char *path, hone_diag *diag) {
    const hone_vector_options options = {.dims = 2, .metric = HONE_VECTOR_L2};
    hone_vector_index *index = NULL;
    hone_status status = hone_vector_create(&options, diag, &index);
    for (uint64_t key = 0; key + 1 < PLACES_COUNT && status == HONE_OK; key++) {
        const hone_vector_item item = {
            .key = key, .values = {places[key].position, 2}, .tags = places[key].tags};
        status = hone_vector_add(index, &item, diag);
    }
    if (status == HONE_OK) {
        status = hone_vector_save(index, path, diag);
    }
    hone_vector_destroy(index);
    return status;
}

/* One more, into the file: it is there when commit returns, whatever happens then. */
static hone_status keep_last(const char *path, hone_diag *diag) {
    const hone_vector_file_options writable = {.is_writable = true};
    const place *last = &places[PLACES_COUNT - 1];
    const hone_vector_item item = {
        .key = PLACES_COUNT - 1, .values = {last->position, 2}, .tags = last->tags};
    hone_vector_index *index = NULL;
    hone_status status = hone_vector_open(path, &writable, diag, &index);
    if (status == HONE_OK) {
        status = hone_vector_add(index, &item, diag);
    }
    if (status == HONE_OK) {
        status = hone_vector_commit(index, diag);
    }
    hone_vector_destroy(index);
    return status;
}

static hone_status ask(const char *path, hone_diag *diag) {
    const float venice[] = {12.3f, 45.4f};
    const hone_vector_filter by_the_sea = {.tags_all = SEA};
    const hone_vector_search search = {.query = {venice, 2}, .count = 2, .filter = &by_the_sea};
    hone_vector_index *index = NULL;
    hone_vector_hit hits[2];
    size_t count = 0;
    hone_status status = hone_vector_open(path, NULL, diag, &index);
    if (status == HONE_OK) {
        status = hone_vector_find(index, &search, diag, hits, &count);
    }
    for (size_t i = 0; i < count; i++) {
        printf("%s\n", places[hits[i].key].name);
    }
    hone_vector_destroy(index);
    return status;
}

int main(int count, char **words) {
    const char *path = count > 1 ? words[1] : "places.hv";
    hone_diag diag = {0};
    hone_status status = keep_all(path, &diag);
    status = status ? status : keep_last(path, &diag);
    status = status ? status : ask(path, &diag);
    if (status) {
        char text[1024];
        hone_diag_format(&diag, text, sizeof text);
        fprintf(stderr, "%s\n", text);
    }
    return status ? 1 : 0;
}
