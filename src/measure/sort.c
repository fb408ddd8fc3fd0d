/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Introsort: quicksort around the middle of three, insertion sort for short runs, heapsort when the
 * recursion gets deeper than 2 log2 n. Comparisons are inlined, which is what makes it faster than
 * the C library's qsort on doubles (suite `lab`, case sort).
 */
#include "hone/measure/statistics.h"

enum { SHORT_RUN = 24 };

static void swap(double *a, double *b) {
    double kept = *a;
    *a = *b;
    *b = kept;
}

static void insertion_sort(double *values, size_t count) {
    for (size_t i = 1; i < count; i++) {
        double value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

static void sift_down(double *values, size_t root, size_t count) {
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        child += child + 1 < count && values[child] < values[child + 1];
        if (values[root] >= values[child]) {
            return;
        }
        swap(&values[root], &values[child]);
        root = child;
    }
}

static void heap_sort(double *values, size_t count) {
    for (size_t root = count / 2; root-- > 0;) {
        sift_down(values, root, count);
    }
    for (size_t end = count; end-- > 1;) {
        swap(&values[0], &values[end]);
        sift_down(values, 0, end);
    }
}

static double middle_of_three(double a, double b, double c) {
    double low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Hoare's scheme: afterwards values[0 .. result) <= values[result ..), both parts not empty. */
static size_t partition(double *values, size_t count) {
    double pivot = middle_of_three(values[0], values[count / 2], values[count - 1]);
    size_t left = 0, right = count - 1;
    for (;;) {
        while (values[left] < pivot) {
            left++;
        }
        while (values[right] > pivot) {
            right--;
        }
        if (left >= right) {
            return left == 0 ? 1 : left;
        }
        swap(&values[left++], &values[right--]);
    }
}

static void sort_to_depth(double *values, size_t count, unsigned depth) {
    while (count > SHORT_RUN) {
        if (depth-- == 0) {
            heap_sort(values, count);
            return;
        }
        size_t cut = partition(values, count);
        if (cut < count - cut) {
            sort_to_depth(values, cut, depth);
            values += cut;
            count -= cut;
        } else {
            sort_to_depth(values + cut, count - cut, depth);
            count = cut;
        }
    }
    insertion_sort(values, count);
}

void hone_sort_doubles(double *values, size_t count) {
    unsigned depth = 2;
    for (size_t n = count; n > 1; n >>= 1) {
        depth += 2;
    }
    sort_to_depth(values, count, depth);
}
