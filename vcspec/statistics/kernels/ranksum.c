/* Rank-sum tests of many conditions against one control that is sorted once.

   A block of rows is transposed to features by counting; each entry becomes one number, value above
   condition. Each feature's numbers are sorted, and one walk beside the sorted control counts, for
   all conditions of the block at once, the pairs won and the ties. Zeros are never stored: they are
   one tie in closed form, and negative values sort below it. */
#include "common.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define GATHERED 1048576 /* entries from which on a block is written line by line */
#define SHORT 24     /* insertion sort up to here */
#define LARGE 64     /* entries of a bucket from which on it is sorted by digits */

static void insert_sort(uint64_t *x, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        uint64_t v = x[i];
        int64_t j = i - 1;
        while (j >= 0 && x[j] > v) { x[j + 1] = x[j]; j--; }
        x[j + 1] = v;
    }
}

/* Least significant digit first: bits `low` to `high` of x, with room for n in `other`. */
static void digit_sort(uint64_t *x, uint64_t *other, int64_t n, int low, int high) {
    uint64_t differ = 0;
    int sorted = 1;
    for (int64_t i = 1; i < n; i++) {
        differ |= x[i] ^ x[0];
        sorted &= x[i] >= x[i - 1];
    }
    if (sorted) return;
    uint64_t *from = x, *to = other;
    for (int shift = low; shift < high; shift += 8) {
        if (((differ >> shift) & 255) == 0) continue;
        int64_t count[256] = {0};
        for (int64_t i = 0; i < n; i++) count[(from[i] >> shift) & 255]++;
        int64_t sum = 0;
        for (int b = 0; b < 256; b++) { int64_t c = count[b]; count[b] = sum; sum += c; }
        for (int64_t i = 0; i < n; i++) to[count[(from[i] >> shift) & 255]++] = from[i];
        uint64_t *swap = from; from = to; to = swap;
    }
    if (from != x) memcpy(x, from, (size_t)n * sizeof *x);
}

/* Sorts x by its bits from `low` on, and says where the result is: in x or in `other`. Entries are
   dealt into about as many buckets as there are entries, by where they lie between the smallest and
   the largest; most buckets hold a few, which are sorted by insertion, and none costs more than a
   sort by digits. */
static uint64_t *sort_keys(uint64_t *x, uint64_t *other, uint32_t *count, int64_t n, int low) {
    if (n <= SHORT) { insert_sort(x, n); return x; }
    uint64_t least = x[0], most = x[0];
    for (int64_t i = 1; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    uint64_t range = (most >> low) - (least >> low);
    if (range == 0) { digit_sort(x, other, n, 0, low); return x; }
    uint64_t floor_ = least >> low, buckets = (uint64_t)n < 65536 ? (uint64_t)n : 65536;
    uint64_t scale = (buckets << 32) / (range + 1);
    memset(count, 0, (size_t)(buckets + 1) * sizeof *count);
    for (int64_t i = 0; i < n; i++) count[(((x[i] >> low) - floor_) * scale >> 32) + 1]++;
    uint32_t largest = 0;
    for (uint64_t b = 0; b < buckets; b++) {
        largest = count[b + 1] > largest ? count[b + 1] : largest;
        count[b + 1] += count[b];
    }
    for (int64_t i = 0; i < n; i++) other[count[((x[i] >> low) - floor_) * scale >> 32]++] = x[i];
    /* count[b] is now the end of bucket b. */
    int64_t start = 0;
    for (uint64_t b = 0; largest > LARGE && b < buckets; b++) {
        if (count[b] - start > LARGE) digit_sort(other + start, x + start, count[b] - start, 0, 64);
        start = count[b];
    }
    insert_sort(other, n); /* nothing has far to go */
    return other;
}

/* Largest column of a compressed matrix. */
static int64_t longest(int64_t features, const int64_t *start) {
    int64_t most = 0;
    for (int64_t g = 0; g < features; g++)
        most = start[g + 1] - start[g] > most ? start[g + 1] - start[g] : most;
    return most;
}

/* Adds to count[g] the entries of feature g that are not zero; -1 for a column that is none. */
API int64_t vcs_count(int64_t stored, const int32_t *indices, const uint32_t *bits,
                      int64_t features, int64_t *count) {
    for (int64_t k = 0; k < stored; k++) {
        if ((uint64_t)(uint32_t)indices[k] >= (uint64_t)features) return -1;
        count[indices[k]] += (bits[k] & MAGNITUDE) != 0;
    }
    return 0;
}

/* Places each entry that is not zero at the cursor of its feature, as its ordered number. */
API int64_t vcs_place(int64_t stored, const int32_t *indices, const uint32_t *bits,
                      int64_t features, int64_t *cursor, const int64_t *end, uint32_t *values) {
    for (int64_t k = 0; k < stored; k++) {
        if (!(bits[k] & MAGNITUDE)) continue;
        if ((uint64_t)(uint32_t)indices[k] >= (uint64_t)features) return -1;
        int64_t at = cursor[indices[k]]++;
        if (at >= end[indices[k]]) return -1;
        values[at] = ordered(bits[k]);
    }
    return 0;
}

/* Sorts each feature's values, and sums t^3 - t over their runs of t equal ones. */
API int64_t vcs_sort_control(int64_t features, const int64_t *start, uint32_t *values,
                             uint64_t *ties) {
    int64_t most = longest(features, start);
    uint64_t *keys = malloc((size_t)(2 * most + 1) * sizeof *keys);
    uint32_t *count = malloc((size_t)(most + 2) * sizeof *count);
    if (!keys || !count) { free(keys); free(count); return -2; }
    for (int64_t g = 0; g < features; g++) {
        uint32_t *own = values + start[g];
        int64_t n = start[g + 1] - start[g];
        for (int64_t i = 0; i < n; i++) keys[i] = own[i];
        const uint64_t *ordered_ = sort_keys(keys, keys + most, count, n, 0);
        uint64_t sum = 0, run = 0;
        for (int64_t i = 0; i < n; i++) {
            own[i] = (uint32_t)ordered_[i];
            run = i && own[i] == own[i - 1] ? run + 1 : 1;
            /* t^3 - t grows by 3 t (t - 1) when a run grows to t. */
            sum += 3 * run * (run - 1);
        }
        ties[g] = sum;
    }
    free(keys); free(count);
    return 0;
}

/* Entries of one feature that wait until they fill a line of the cache. */
typedef struct { uint64_t key[8]; } Line;

/* Writes a whole line past the cache, which has no use for it. */
static inline void flush(uint64_t *to, const Line *line) {
#if defined(__SSE2__)
    for (int j = 0; j < 8; j += 2)
        _mm_stream_si128((__m128i *)(to + j), _mm_loadu_si128((const __m128i *)(line->key + j)));
#else
    memcpy(to, line, sizeof *line);
#endif
}

/* Transposes a block: key = ordered value above the number of the row's condition. */
static int64_t transpose(int64_t rows, const int64_t *indptr, const int32_t *indices,
                         const uint32_t *bits, const uint16_t *condition, int64_t features,
                         int64_t *start, uint64_t *keys) {
    int64_t stored = indptr[rows] - indptr[0];
    memset(start, 0, (size_t)(features + 2) * sizeof *start);
    if (vcs_count(stored, indices + indptr[0], bits + indptr[0], features,
                  start + 2)) return -1;
    for (int64_t g = 0; g < features; g++) start[g + 2] += start[g + 1];
    Line *waiting = stored > GATHERED ? scratch(features * (int64_t)sizeof *waiting) : NULL;
    for (int64_t r = 0; r < rows; r++) {
        uint64_t own = condition[r];
        for (int64_t k = indptr[r]; k < indptr[r + 1]; k++) {
            if (!(bits[k] & MAGNITUDE)) continue;
            int64_t g = indices[k], at = start[g + 1]++;
            uint64_t key = (uint64_t)ordered(bits[k]) << 16 | own;
            if (!waiting) { keys[at] = key; continue; }
            waiting[g].key[at & 7] = key;
            if ((at & 7) == 7) flush(keys + at - 7, waiting + g);
        }
    }
    /* A line that two features share was written whole by either: the right parts go last. */
    for (int64_t g = 0; waiting && g < features; g++) {
        int64_t end = start[g + 1], from = g ? start[g] : 0;
        from = (end & ~7) > from ? end & ~7 : from;
        for (int64_t at = from; at < end; at++) keys[at] = waiting[g].key[at & 7];
    }
    free(waiting);
    return 0;
}

/* What is known of one condition at one feature: twice the pairs won among the control's stored
   values, ties, and how many values it has, those above zero in the upper half of the number. */
typedef struct { int64_t wins; uint64_t ties, filled; } Tally;

#define ABOVE 32

static uint32_t count_below(const uint32_t *own, int64_t n, uint32_t value) {
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (own[middle] < value) low = middle + 1;
        else high = middle;
    }
    return (uint32_t)low;
}

/* For each sorted key, how many of the n sorted control values are below it. One value of either
   side is passed at a time, without a branch that the processor would have to guess; the two ends
   are worked on at once, as neither waits for the other. */
static void place_keys(const uint64_t *keys, int64_t m, const uint32_t *own, int64_t n,
                       uint32_t *below) {
    int64_t i = 0, j = 0, k = m - 1, l = n - 1, steps = (m + n) / 2;
    for (int64_t s = 0; s < steps && i < m && j < n && k >= 0 && l >= 0; s++) {
        int up = own[j] < (uint32_t)(keys[i] >> 16), down = own[l] < (uint32_t)(keys[k] >> 16);
        below[i] = (uint32_t)j;
        below[k] = (uint32_t)(l + 1);
        j += up;
        i += !up;
        l -= !down;
        k -= down;
    }
    /* Where the ends have met, each has written over the last that the other had found. */
    if (i == k + 1) {
        if (k >= 0) below[k] = count_below(own, n, (uint32_t)(keys[k] >> 16));
        if (i < m) below[i] = count_below(own, n, (uint32_t)(keys[i] >> 16));
    }
    for (; i <= k; i++) {
        while (j < n && own[j] < (uint32_t)(keys[i] >> 16)) j++;
        below[i] = (uint32_t)j;
    }
}

/* Everything about the tested block but its keys. */
typedef struct {
    int64_t features, conditions, control_cells;
    const int64_t *cells, *control_start;
    const uint32_t *control;
    const uint64_t *control_ties;
    double *u, *ties;
} Test;

static inline uint64_t cubic(uint64_t t) { return t * t * t - t; }

/* Counts sorted keys `from` to `to`, each of which adds `unit` to its condition's values. */
static void tally_keys(const uint64_t *key, int64_t from, int64_t to, const uint32_t *own,
                       int64_t n, const uint32_t *below, uint64_t unit, Tally *tally) {
    for (int64_t i = from; i < to; i++) {
        Tally *one = tally + (key[i] & 65535);
        int64_t rank = below[i], same = 1, met = 0;
        uint32_t value = (uint32_t)(key[i] >> 16);
        if ((rank < n && own[rank] == value) || (i + 1 < to && key[i + 1] == key[i])) {
            for (int64_t j = rank; j < n && own[j] == value; j++) met++;
            while (i + 1 < to && key[i + 1] == key[i]) { same++; i++; }
            one->ties += cubic((uint64_t)(same + met)) - cubic((uint64_t)met);
        }
        one->wins += same * (2 * rank + met);
        one->filled += (uint64_t)same * unit;
    }
}

/* U and the sum of t^3 - t of each condition at one feature, from its m sorted keys. */
static void tally_feature(const Test *test, int64_t g, const uint64_t *key, int64_t m, Tally *tally,
                          uint32_t *below) {
    int64_t n = test->control_start[g + 1] - test->control_start[g], negative = 0, first = 0;
    const uint32_t *own = test->control + test->control_start[g];
    double silent = (double)(test->control_cells - n);
    for (int64_t c = 0; c < test->conditions; c++) tally[c] = (Tally){0, test->control_ties[g], 0};
    while (negative < n && own[negative] < SIGN) negative++;
    while (first < m && (uint32_t)(key[first] >> 16) < SIGN) first++;
    place_keys(key, m, own, n, below);
    tally_keys(key, 0, first, own, n, below, 1, tally);
    tally_keys(key, first, m, own, n, below, 1 | (uint64_t)1 << ABOVE, tally);
    for (int64_t c = 0; c < test->conditions; c++) {
        int64_t filled = (int64_t)(tally[c].filled & 0xffffffffu), at = c * test->features + g;
        int64_t above = (int64_t)(tally[c].filled >> ABOVE), zeros = test->cells[c] - filled;
        uint64_t both = (uint64_t)(zeros + test->control_cells - n);
        test->u[at] = 0.5 * (double)tally[c].wins + (double)above * silent
                    + (double)zeros * ((double)negative + 0.5 * silent);
        test->ties[at] = (double)(tally[c].ties + cubic(both));
    }
}

/* Tests the conditions of a block. `condition` numbers each row's condition, rising from 0;
   u and ties are (conditions, features). `keys` has room for every entry of the block. Exact as
   long as all cells together are below 2^21.
   -1: a column is none; -2: no memory. */
API int64_t vcs_rank_sums(int64_t rows, const int64_t *indptr, const int32_t *indices,
                          const uint32_t *bits, const uint16_t *condition, int64_t features,
                          const int64_t *control_start, const uint32_t *control,
                          const uint64_t *control_ties, int64_t control_cells, int64_t conditions,
                          const int64_t *cells, uint64_t *keys, double *u, double *ties) {
    int64_t failed = -2;
    int64_t *start = malloc((size_t)(features + 2) * sizeof *start);
    uint64_t *other = NULL;
    uint32_t *count = NULL, *below = NULL;
    Tally *tally = malloc((size_t)(conditions + 1) * sizeof *tally);
    if (!start || !tally) goto end;
    failed = transpose(rows, indptr, indices, bits, condition, features, start, keys);
    if (failed) goto end;
    failed = -2;
    int64_t most = longest(features, start);
    other = malloc((size_t)(most + 1) * sizeof *other);
    count = malloc((size_t)((most < 65536 ? most : 65536) + 2) * sizeof *count);
    below = malloc((size_t)(most + 1) * sizeof *below);
    if (!other || !count || !below) goto end;
    Test test = {features, conditions, control_cells, cells, control_start, control, control_ties,
                 u, ties};
    for (int64_t g = 0; g < features; g++) {
        int64_t m = start[g + 1] - start[g];
        const uint64_t *sorted = sort_keys(keys + start[g], other, count, m, 16);
        tally_feature(&test, g, sorted, m, tally, below);
    }
    failed = 0;
end:
    free(start); free(other); free(count); free(below); free(tally);
    return failed;
}
