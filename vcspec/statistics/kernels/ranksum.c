/* Rank-sum tests of many conditions against one control that is sorted once.

   A block of rows is transposed to features by counting; values become whole numbers in their
   order. The values of a condition at a feature are not sorted: each is looked up among the sorted
   control, which gives the pairs that it wins and how many it ties with. Ties within the condition
   are met between the same two values of the control, where few others are. Zeros are never stored:
   they are one tie in closed form, and negative values sort below it. */
#include "common.h"

#define GATHERED 1048576 /* entries from which on a block is written line by line */
#define SHORT 24        /* insertion sort up to here */
#define LARGE 64        /* entries of a bucket from which on it is sorted by digits */
#define LINE 16         /* values in a line of the cache */
#define STEP 4          /* of the control's values, one of so many is in its index */
#define WINDOW 16       /* values of the control that are looked at together */
#define CHAIN 16        /* values between two of the control from which on a condition is sorted */
#define NODE 24         /* bits of a number of a node, of which there are fewer than cells */

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

/* Values of one feature that wait until they fill a line of the cache. */
typedef struct { uint32_t value[LINE]; } Line;

/* Writes a whole line past the cache, which has no use for it. */
static inline void flush(uint32_t *to, const Line *line) {
#if defined(HAS_WIDER)
    for (int j = 0; j < LINE; j += 4)
        _mm_stream_si128((__m128i *)(to + j), _mm_loadu_si128((const __m128i *)(line->value + j)));
#else
    memcpy(to, line, sizeof *line);
#endif
}

/* Everything about the tested block but its entries. */
typedef struct {
    int64_t features, conditions, control_cells;
    const int64_t *cells, *control_start;
    const uint32_t *control, *index;
    const uint64_t *control_ties;
    double *u, *ties;
} Test;

/* Transposes a block whose rows are in the order of their conditions: the values of each feature in
   the order of the rows. count: (conditions, features) entries that are not zero. start: (features
   + 2,) where the values of each feature after the first begin. */
static int64_t transpose(int64_t rows, const int64_t *indptr, const int32_t *indices,
                         const uint32_t *bits, const uint16_t *condition, const Test *test,
                         int64_t *start, uint32_t *count, uint32_t *values) {
    const int64_t features = test->features, stored = indptr[rows] - indptr[0];
    for (int64_t r = 0; r < rows; r++) {
        uint32_t *own = count + condition[r] * features;
        for (int64_t k = indptr[r]; k < indptr[r + 1]; k++) {
            if ((uint64_t)(uint32_t)indices[k] >= (uint64_t)features) return -1;
            own[indices[k]] += (bits[k] & MAGNITUDE) != 0;
        }
    }
    memset(start, 0, (size_t)(features + 2) * sizeof *start);
    for (int64_t c = 0; c < test->conditions; c++)
        for (int64_t g = 0; g < features; g++) start[g + 2] += count[c * features + g];
    for (int64_t g = 0; g < features; g++) start[g + 2] += start[g + 1];
    Line *waiting = stored > GATHERED ? scratch(features * (int64_t)sizeof *waiting) : NULL;
    for (int64_t k = indptr[0]; k < indptr[rows]; k++) {
        if (!(bits[k] & MAGNITUDE)) continue;
        int64_t g = indices[k], at = start[g + 1]++;
        uint32_t value = ordered(bits[k]);
        if (!waiting) { values[at] = value; continue; }
        waiting[g].value[at % LINE] = value;
        if (at % LINE == LINE - 1) flush(values + at - (LINE - 1), waiting + g);
    }
    /* A line that two features share was written whole by either: the right parts go last. */
    for (int64_t g = 0; waiting && g < features; g++) {
        int64_t end = start[g + 1], from = g ? start[g] : 0;
        int64_t line = end - end % LINE;
        for (int64_t at = line > from ? line : from; at < end; at++)
            values[at] = waiting[g].value[at % LINE];
    }
    free(waiting);
    return 0;
}

/* How many of the n sorted values are below this one, without a branch that the processor would
   have to guess. */
static int64_t count_below(const uint32_t *own, int64_t n, uint32_t value) {
    const uint32_t *from = own;
    if (n == 0) return 0;
    for (int64_t half; n > 1; n -= half) {
        half = n / 2;
        from += half & -(int64_t)(from[half - 1] < value);
    }
    return from - own + (*from < value);
}

/* How many of the n sorted values from `rank` on are equal to this one, below which none is. */
static int64_t count_equal(const uint32_t *own, int64_t rank, int64_t n, uint32_t value) {
    int64_t step = 1;
    if (rank >= n || own[rank] != value) return 0;
    while (rank + step < n && own[rank + step] == value) step *= 2;
    int64_t from = rank + step / 2, end = rank + step < n ? rank + step : n;
    return from - rank + count_below(own + from, end - from, value + 1);
}

/* Where to look for a value among n sorted ones, WINDOW at least: place[b] of them are surely below
   those whose distance from the least, times the scale, is b. */
typedef struct {
    uint32_t least, most;
    uint64_t scale;
    const uint32_t *place;
} Index;

static inline uint64_t bucket_of(const Index *index, uint32_t value) {
    return (uint64_t)(value - index->least) * index->scale >> 32;
}

static Index index_of(const uint32_t *own, int64_t n, const uint32_t *place) {
    Index index = {own[0], own[n - 1], 0, place};
    index.scale = ((uint64_t)(n / STEP) << 32) / ((uint64_t)(index.most - index.least) + 1);
    return index;
}

/* Where the index of feature g begins, which holds a number for each STEP values, and one. */
static inline int64_t index_start(const int64_t *start, int64_t g) {
    return start[g] / STEP + 2 * g;
}

/* How many numbers the index of so many sorted values takes. */
API int64_t vcs_index_length(int64_t features, int64_t values) {
    return values / STEP + 2 * features;
}

/* Fills the index of each feature's sorted values. */
API void vcs_index(int64_t features, const int64_t *start, const uint32_t *values,
                   uint32_t *index) {
    for (int64_t g = 0; g < features; g++) {
        const uint32_t *own = values + start[g];
        const int64_t n = start[g + 1] - start[g], buckets = n / STEP;
        uint32_t *place = index + index_start(start, g), last = 0;
        memset(place, 0, (size_t)(buckets + 1) * sizeof *place);
        if (n < WINDOW) continue;
        const Index known = index_of(own, n, place);
        for (int64_t j = 0; j < n; j += STEP) place[bucket_of(&known, own[j]) + 1] = (uint32_t)j;
        for (int64_t b = 0; b < buckets; b++) {
            last = place[b] > last ? place[b] : last;
            place[b] = last;
        }
    }
}

/* Of a window of sorted values, how many are below this one, and how many are not above it. */
static inline void look(const uint32_t *window, uint32_t value, int64_t *below, int64_t *upto) {
#if defined(HAS_WIDER)
    const __m128i sign = _mm_set1_epi32((int)SIGN);
    const __m128i own = _mm_xor_si128(_mm_set1_epi32((int)value), sign);
    __m128i less[4], more[4];
    for (int j = 0; j < 4; j++) {
        __m128i four = _mm_loadu_si128((const __m128i *)(window + 4 * j));
        less[j] = _mm_cmplt_epi32(_mm_xor_si128(four, sign), own);
        more[j] = _mm_cmpgt_epi32(_mm_xor_si128(four, sign), own);
    }
    __m128i all_less = _mm_packs_epi16(_mm_packs_epi32(less[0], less[1]),
                                       _mm_packs_epi32(less[2], less[3]));
    __m128i all_more = _mm_packs_epi16(_mm_packs_epi32(more[0], more[1]),
                                       _mm_packs_epi32(more[2], more[3]));
    *below = __builtin_ctz(~(unsigned)_mm_movemask_epi8(all_less));
    *upto = __builtin_ctz((unsigned)_mm_movemask_epi8(all_more) | 1u << WINDOW);
#else
    *below = *upto = 0;
    for (int j = 0; j < WINDOW; j++) {
        *below += window[j] < value;
        *upto += window[j] <= value;
    }
#endif
}

/* The same on processors that compare all of a window at a time. */
#if defined(HAS_WIDER)
static inline HAVING_512 void look_at_once(const uint32_t *window, uint32_t value, int64_t *below,
                                           int64_t *upto) {
    const __m512i all = _mm512_loadu_si512(window), own = _mm512_set1_epi32((int)value);
    *below = __builtin_ctz(~(unsigned)_mm512_cmplt_epu32_mask(all, own));
    *upto = __builtin_ctz(~(unsigned)_mm512_cmple_epu32_mask(all, own));
}
#endif

/* A value's place: how many of the control are below it, and how many are equal. */
typedef struct { uint32_t rank, met; } Place;

/* Places of all values of a condition at a feature, by the function that looks into a window. */
#define PLACES(NAME, LOOK)                                                                        \
    static void NAME(const uint32_t *value, int64_t m, const uint32_t *own, int64_t n,            \
                     const uint32_t *index, Place *place) {                                       \
        const int64_t end = n - WINDOW;                                                           \
        const Index known = index_of(own, n, index);                                              \
        for (int64_t i = 0; i < m; i++) {                                                         \
            uint32_t inside = value[i] < known.least ? known.least : value[i];                    \
            inside = inside > known.most ? known.most : inside;                                   \
            int64_t from = known.place[bucket_of(&known, inside)], below, upto;                   \
            from = from > end ? end : from;                                                       \
            LOOK(own + from, value[i], &below, &upto);                                            \
            while (below == WINDOW && from < end) {                                               \
                from = from + WINDOW > end ? end : from + WINDOW;                                 \
                LOOK(own + from, value[i], &below, &upto);                                        \
            }                                                                                     \
            int64_t rank = from + below, met = upto - below;                                      \
            if (upto == WINDOW && met) met = count_equal(own, rank, n, value[i]); /* rare first */\
            place[i] = (Place){(uint32_t)rank, (uint32_t)met};                                    \
        }                                                                                         \
    }

APART PLACES(place_narrowly, look)

#if defined(HAS_WIDER)
APART HAVING_512 PLACES(place_widely, look_at_once)
#endif

static void place_all(const uint32_t *value, int64_t m, const uint32_t *own, int64_t n,
                      const uint32_t *index, Place *place) {
    if (n >= WINDOW) {
#if defined(HAS_WIDER)
        if (has_512()) {
            place_widely(value, m, own, n, index, place);
            return;
        }
#endif
        place_narrowly(value, m, own, n, index, place);
        return;
    }
    for (int64_t i = 0; i < m; i++) {
        int64_t rank = count_below(own, n, value[i]);
        place[i] = (Place){(uint32_t)rank, (uint32_t)count_equal(own, rank, n, value[i])};
    }
}

static inline uint64_t cubic(uint64_t t) { return t * t * t - t; }

/* A value of a condition, how often it was met so far, and the number of another one that lies
   between the same two of the control. */
typedef struct { uint32_t value, seen, next; } Node;

#define NONE UINT32_MAX

/* What is known of one condition at one feature: twice the pairs won among the control's stored
   values, the values above zero, and by how much the condition adds to the sum of t^3 - t. */
typedef struct { int64_t wins, above; uint64_t ties; } Found;

/* Memory for one condition at one feature. */
typedef struct {
    Place *place;
    Node *node;
    uint64_t *head; /* a visit above the number of a node, for each value of the control and one */
    uint64_t visit; /* what heads of this condition at this feature are told by */
    uint64_t *keys, *other;
    uint32_t *count;
} Room;

/* As `meet_all`, at a cost that no choice of values can raise. */
static APART Found sort_all(const uint32_t *value, int64_t m, Room *room) {
    Found found = {0, 0, 0};
    uint64_t same = 0;
    for (int64_t i = 0; i < m; i++) room->keys[i] = (uint64_t)value[i] << 32 | (uint64_t)i;
    const uint64_t *key = sort_keys(room->keys, room->other, room->count, m, 32);
    for (int64_t i = 0; i < m; i++) {
        const Place *place = room->place + (key[i] & UINT32_MAX);
        same = i && key[i] >> 32 == key[i - 1] >> 32 ? same + 1 : 0;
        uint64_t t = place->met + same;
        found.wins += 2 * (int64_t)place->rank + place->met;
        found.above += key[i] >> 32 >= SIGN;
        found.ties += 3 * t * (t + 1);
    }
    return found;
}

/* The m placed values of one condition. t^3 - t grows by 3 t (t + 1) when one joins t equal ones,
   which are those of the control and those that were met before. */
static APART Found meet_all(const uint32_t *value, int64_t m, Room *room) {
    Found found = {0, 0, 0};
    const uint64_t visit = ++room->visit;
    uint32_t nodes = 0;
    for (int64_t i = 0; i < m; i++) {
        const Place place = room->place[i];
        const uint64_t head = room->head[place.rank];
        uint32_t first = head >> NODE == visit ? (uint32_t)(head & ((1u << NODE) - 1)) : NONE;
        uint32_t at = first, steps = 0;
        while (at != NONE && room->node[at].value != value[i]) {
            if (++steps == CHAIN) return sort_all(value, m, room);
            at = room->node[at].next;
        }
        uint64_t t = place.met;
        if (at != NONE) {
            t += room->node[at].seen++;
        } else {
            room->node[nodes] = (Node){value[i], 1, first};
            room->head[place.rank] = visit << NODE | nodes++;
        }
        found.wins += 2 * (int64_t)place.rank + place.met;
        found.above += value[i] >= SIGN;
        found.ties += 3 * t * (t + 1);
    }
    return found;
}

/* U and the sum of t^3 - t of each condition at feature g, whose values are in their order. */
static void test_feature(const Test *test, int64_t g, const uint32_t *value,
                         const uint32_t *count, Room *room) {
    const int64_t n = test->control_start[g + 1] - test->control_start[g];
    const uint32_t *own = test->control + test->control_start[g];
    const double silent = (double)(test->control_cells - n);
    const double negative = (double)count_below(own, n, SIGN);
    const uint32_t *index = test->index + index_start(test->control_start, g);
    for (int64_t c = 0; c < test->conditions; c++) {
        int64_t at = c * test->features + g, m = count[at], zeros = test->cells[c] - m;
        place_all(value, m, own, n, index, room->place);
        Found found = meet_all(value, m, room);
        uint64_t both = (uint64_t)(zeros + test->control_cells - n);
        test->u[at] = 0.5 * (double)found.wins + (double)found.above * silent
                    + (double)zeros * (negative + 0.5 * silent);
        test->ties[at] = (double)(test->control_ties[g] + found.ties + cubic(both));
        value += m;
    }
}

/* Tests the conditions of a block. `condition` numbers each row's condition, rising from 0;
   u and ties are (conditions, features). `values` has room for every entry of the block. Exact as
   long as all cells together are below 2^21.
   -1: a column is none; -2: no memory. */
API int64_t vcs_rank_sums(int64_t rows, const int64_t *indptr, const int32_t *indices,
                          const uint32_t *bits, const uint16_t *condition, int64_t features,
                          const int64_t *control_start, const uint32_t *control,
                          const uint32_t *index, const uint64_t *control_ties,
                          int64_t control_cells, int64_t conditions, const int64_t *cells,
                          uint32_t *values, double *u, double *ties) {
    Test test = {features, conditions, control_cells, cells, control_start, control, index,
                 control_ties, u, ties};
    int64_t failed = -2, most = 0, own = longest(features, control_start);
    for (int64_t c = 0; c < conditions; c++) most = cells[c] > most ? cells[c] : most;
    int64_t *start = malloc((size_t)(features + 2) * sizeof *start);
    uint32_t *count = calloc((size_t)(conditions * features + 1), sizeof *count);
    Room room = {
        .place = malloc((size_t)(most + 1) * sizeof *room.place),
        .node = malloc((size_t)(most + 1) * sizeof *room.node),
        .head = calloc((size_t)(own + 1), sizeof *room.head),
        .keys = malloc((size_t)(most + 1) * sizeof *room.keys),
        .other = malloc((size_t)(most + 1) * sizeof *room.other),
        .count = malloc((size_t)(most + 2) * sizeof *room.count),
    };
    if (!start || !count || !room.place || !room.node || !room.head || !room.keys || !room.other
        || !room.count) goto end;
    failed = transpose(rows, indptr, indices, bits, condition, &test, start, count, values);
    for (int64_t g = 0; g < features && !failed; g++) {
        test_feature(&test, g, values + (g ? start[g] : 0), count, &room);
    }
end:
    free(start); free(count); free(room.place); free(room.node); free(room.head);
    free(room.keys); free(room.other); free(room.count);
    return failed;
}
