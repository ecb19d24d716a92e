/* One pass over the rows of a block: what rules ask of the values, and sums by feature. */
#include "common.h"

#include <math.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* all that takes wide values is inlined */
#endif

static inline uint64_t finalise(uint64_t z) { /* SplitMix64, doi:10.1145/2660193.2660195 */
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

typedef float F8 __attribute__((vector_size(32)));
typedef int32_t I8 __attribute__((vector_size(32)));
typedef uint32_t U8 __attribute__((vector_size(32)));

/* `yes` where the mask is set, 0 elsewhere. */
static inline F8 only(I8 mask, F8 yes) { return (F8)((I8)yes & mask); }

/* exp(x) for x up to 88, to about 1e-7 of itself; nothing that a branch would slow down. */
static inline F8 exponential(F8 x) {
    const F8 most = {88, 88, 88, 88, 88, 88, 88, 88}, least = -(most - 1);
    x = only(x < most, x) + only(x >= most, most);
    x = only(x > least, x) + only(x <= least, least);
    F8 shifted = x * 1.44269504f + 12582912.0f; /* rounds to a whole number in the low bits */
    F8 whole = shifted - 12582912.0f;
    F8 r = x - whole * 0.693359375f + whole * 2.12194440e-4f; /* ln 2 in two parts */
    F8 p = 1.0f + r * (1.0f + r * (0.5f + r * (0.166666667f + r * (0.0416666667f
           + r * (0.00833333333f + r * 0.00138888889f)))));
    I8 exponent = (I8)((U8)(I8)shifted << 23) + 0x3f800000;
    return p * (F8)exponent;
}

static inline float exponential_of(float x) {
    F8 all = {x, 0, 0, 0, 0, 0, 0, 0};
    return exponential(all)[0];
}

/* Counts of a block's rows; each (rows,). */
typedef struct {
    int32_t *stored, *out_of_range, *repeated, *falling, *not_finite, *negative, *fractional;
    double *total;
    float *natural, *largest;
} Notes;

/* What is noted of one value, of either width. */
typedef struct { int32_t stored, odd, negative, fractional; double total, natural, largest; } Sums;

static inline void note(Sums *all, double v, int natural) {
    if (v - v != 0) { all->odd++; all->stored++; return; }
    all->stored += v != 0;
    all->negative += v < 0;
    all->fractional += v != floor(v);
    all->total += v;
    if (natural) all->natural += exponential_of((float)v) - 1.0f;
    all->largest = v > all->largest ? v : all->largest;
}

static inline int32_t sum_of(I8 x) {
    int32_t sum = 0;
    for (int j = 0; j < 8; j++) sum += x[j];
    return sum;
}

/* Notes on n values, eight at a time; the total is that of whole numbers, and exact. */
static WIDE Sums sums_f32(int64_t n, const float *value, int natural) {
    I8 stored = {0}, odd = {0}, negative = {0}, fractional = {0};
    F8 natural_sum = {0}, largest = {0};
    Sums all = {0};
    int64_t whole = n / 8 * 8;
    for (int64_t k = 0; k < whole; k += 8) {
        F8 raw;
        memcpy(&raw, value + k, sizeof raw);
        I8 finite = raw - raw == 0;
        F8 v = only(finite, raw);
        F8 small = only((v < 1e9f) & (v > -1e9f), v); /* above, all are whole */
        stored -= raw != 0;
        odd += 1 + finite;
        negative -= v < 0;
        fractional -= __builtin_convertvector(__builtin_convertvector(small, I8), F8) != small;
        largest = only(v > largest, v) + only(v <= largest, largest);
        if (natural) natural_sum += exponential(v) - 1.0f;
    }
    if (!natural)
        for (int64_t k = 0; k < whole; k++) all.total += value[k] - value[k] == 0 ? value[k] : 0;
    for (int64_t k = whole; k < n; k++) note(&all, value[k], natural);
    all.stored += sum_of(stored);
    all.odd += sum_of(odd);
    all.negative += sum_of(negative);
    all.fractional += sum_of(fractional);
    for (int j = 0; j < 8; j++) {
        all.natural += natural_sum[j];
        all.largest = largest[j] > all.largest ? largest[j] : all.largest;
    }
    return all;
}

static Sums sums_f64(int64_t n, const double *value, int natural) {
    Sums all = {0};
    for (int64_t k = 0; k < n; k++) note(&all, value[k], natural);
    return all;
}

/* Counts column numbers outside the matrix, not above the one before, and equal to it. */
static WIDE void order(int64_t n, const int32_t *index, int64_t features, int64_t row,
                       Notes *out) {
    int32_t outside = 0, repeated = 0, falling = 0;
    uint32_t most = (uint32_t)(features < INT32_MAX ? features : INT32_MAX);
    for (int64_t k = 0; k < n; k++) outside += (uint32_t)index[k] >= most;
    for (int64_t k = 1; k < n; k++) {
        repeated += index[k] == index[k - 1];
        falling += index[k] < index[k - 1];
    }
    out->out_of_range[row] = outside;
    out->repeated[row] = repeated;
    out->falling[row] = falling;
}

enum { STRETCH = 512 }; /* values whose hashes stay near the processor */
typedef uint32_t __attribute__((may_alias)) Bits; /* of a float32 */

/* Fingerprints go stretch by stretch: columns are looked up one by one, which processors do no
   faster together, and all that is computed is computed for several values at once. Zeros count
   for nothing; they have no other bit than the sign. */
static WIDEST void widened(int64_t n, const float *value, double *wide) {
    for (int64_t k = 0; k < n; k++) wide[k] = (double)value[k];
}

static WIDEST uint64_t sum_wide(int64_t n, const uint64_t *value, const uint64_t *hash) {
    uint64_t sum = 0;
    for (int64_t k = 0; k < n; k++) sum += value[k] << 1 ? finalise(value[k] ^ hash[k]) : 0;
    return sum;
}

static uint64_t fingerprint(int64_t n, const int32_t *index, const void *values, int wide,
                            const uint64_t *column) {
    uint64_t hash[STRETCH], bits[STRETCH], print = 0;
    double own[STRETCH];
    for (int64_t at = 0; at < n; at += STRETCH) {
        int64_t now = n - at < STRETCH ? n - at : STRETCH;
        if (wide)
            memcpy(bits, (const double *)values + at, (size_t)now * sizeof *bits);
        else {
            widened(now, (const float *)values + at, own);
            memcpy(bits, own, (size_t)now * sizeof *bits);
        }
        for (int64_t k = 0; k < now; k++) hash[k] = column[index[at + k]];
        print += sum_wide(now, bits, hash);
    }
    return print;
}

/* Notes on each row. `column` holds a hash of each column number; `wide` says that values are
   float64; with `natural` the sum of exp(value) - 1 is taken as well. */
API void vcs_scan(int64_t rows, const int64_t *indptr, const int32_t *indices, const void *values,
                  int wide, int64_t features, const uint64_t *column, int natural,
                  int32_t *counts, double *total, float *reals, uint64_t *fingerprint_) {
    Notes out = {counts, counts + rows, counts + 2 * rows, counts + 3 * rows, counts + 4 * rows,
                 counts + 5 * rows, counts + 6 * rows, total, reals, reals + rows};
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = indptr[r], n = indptr[r + 1] - indptr[r];
        const void *own = wide ? (const void *)((const double *)values + at)
                               : (const void *)((const float *)values + at);
        order(n, indices + at, features, r, &out);
        Sums all = wide ? sums_f64(n, own, natural) : sums_f32(n, own, natural);
        out.stored[r] = all.stored;
        out.not_finite[r] = all.odd;
        out.negative[r] = all.negative;
        out.fractional[r] = all.fractional;
        out.total[r] = all.total;
        out.natural[r] = (float)all.natural;
        out.largest[r] = (float)all.largest;
        fingerprint_[r] = out.out_of_range[r] ? 0 : fingerprint(n, indices + at, own, wide, column);
    }
}

/* Adds each value, and its square, to its feature's pair in `sums`, (features, 2), in row order. */
API int64_t vcs_sums(int64_t stored, const int32_t *indices, const void *values, int wide,
                     int64_t features, double *sums) {
    for (int64_t k = 0; k < stored; k++) {
        if ((uint64_t)(uint32_t)indices[k] >= (uint64_t)features) return -1;
        double v = wide ? ((const double *)values)[k] : (double)((const float *)values)[k];
        double *own = sums + 2 * (int64_t)indices[k];
        own[0] += v;
        own[1] += v * v;
    }
    return 0;
}

/* 1 where columns rise within each row and are not negative, and no value is zero or NaN. */
API WIDE int64_t vcs_canonical(int64_t rows, const int64_t *indptr, const int32_t *indices,
                               const void *values, int wide) {
    int64_t at = indptr[0], end = indptr[rows], bad = 0;
    for (int64_t r = 0; r < rows; r++) {
        int32_t falls = 0;
        for (int64_t k = indptr[r] + 1; k < indptr[r + 1]; k++) falls += indices[k] <= indices[k - 1];
        bad += falls + (indptr[r] < indptr[r + 1] && indices[indptr[r]] < 0);
    }
    int32_t odd = 0;
    if (wide)
        for (int64_t k = at; k < end; k++)
            odd += !(((const double *)values)[k] < 0 || ((const double *)values)[k] > 0);
    else
        for (int64_t k = at; k < end; k++)
            odd += !(((const float *)values)[k] < 0 || ((const float *)values)[k] > 0);
    return bad == 0 && odd == 0;
}

/* Number of entries of each row of a dense block that are not zero (NaN is not zero). */
API WIDE void vcs_filled(int64_t rows, int64_t features, const void *values, int wide,
                         int64_t *count) {
    for (int64_t r = 0; r < rows; r++) {
        int64_t n = 0;
        if (wide) {
            const double *own = (const double *)values + r * features;
            for (int64_t g = 0; g < features; g++) n += own[g] != 0;
        } else {
            const float *own = (const float *)values + r * features;
            for (int64_t g = 0; g < features; g++) n += own[g] != 0;
        }
        count[r] = n;
    }
}

/* The entries of a dense block that are not zero, row by row. */
API void vcs_compress(int64_t rows, int64_t features, const void *values, int wide,
                      const int64_t *indptr, int32_t *indices, void *data) {
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = indptr[r], end = indptr[r + 1];
        for (int64_t g = 0; g < features && at < end; g++) {
            if (wide) {
                double v = ((const double *)values)[r * features + g];
                indices[at] = (int32_t)g;
                ((double *)data)[at] = v;
                at += v != 0;
            } else {
                float v = ((const float *)values)[r * features + g];
                indices[at] = (int32_t)g;
                ((float *)data)[at] = v;
                at += v != 0;
            }
        }
    }
}

/* A value of a row that was seen, and the hash of its unit; few values stand in most entries. */
typedef struct { uint32_t bits; uint64_t hash; } Met;
enum { MET = 256 };

static WIDEST void hash_bits(int64_t n, const Bits *value, uint64_t *hash) {
    for (int64_t k = 0; k < n; k++) hash[k] = finalise((uint64_t)value[k] | (uint64_t)1 << 32);
}

static WIDEST uint64_t sum_of_hashes(int64_t n, const Bits *value, const uint64_t *hash) {
    uint64_t sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += value[k] << 1 ? finalise(hash[k]) : 0; /* zeros have no other bit than the sign */
    return sum;
}

/* Adds the hash of each value that is not zero, in units of `least`, to `print`; 0 where one of
   them is not whole to a thousandth. */
static int in_units(int64_t n, const int32_t *index, const Bits *value, double least,
                    const uint64_t *names, uint64_t *print) {
    Met met[MET] = {{0, 0}}; /* no value that is looked up has the bits of zero */
    uint64_t hash[STRETCH];
    *print = 0;
    for (int64_t at = 0; at < n; at += STRETCH) {
        int64_t now = n - at < STRETCH ? n - at : STRETCH;
        for (int64_t k = 0; k < now; k++) {
            uint32_t bits = value[at + k];
            Met *own = met + (bits * 2654435761u >> 24);
            hash[k] = 0;
            if (!(bits << 1)) continue;
            if (own->bits != bits) {
                float amount;
                memcpy(&amount, &bits, sizeof amount);
                double share = expm1((double)amount) / least, unit = rint(share);
                if (!(unit >= 1 && unit < 4294967296.0 && fabs(share - unit) <= 1e-3 * unit))
                    return 0;
                own->bits = bits;
                own->hash = finalise((uint64_t)unit);
            }
            hash[k] = names[index[at + k]] ^ own->hash;
        }
        *print += sum_of_hashes(now, value + at, hash);
    }
    return 1;
}

static uint64_t in_bits(int64_t n, const int32_t *index, const Bits *value,
                        const uint64_t *names) {
    uint64_t hash[STRETCH], print = 0;
    for (int64_t at = 0; at < n; at += STRETCH) {
        int64_t now = n - at < STRETCH ? n - at : STRETCH;
        hash_bits(now, value + at, hash);
        for (int64_t k = 0; k < now; k++) hash[k] ^= names[index[at + k]];
        print += sum_of_hashes(now, value + at, hash);
    }
    return print;
}

/* Counts the values of a row that are not zero and those that are not finite, and the columns that
   are outside the matrix; the bits of the smallest value above zero, of infinity where none is. */
typedef struct { int32_t stored, odd, outside; uint32_t least; } Row;

static WIDEST Row looked_at(int64_t n, const int32_t *index, const Bits *value, int64_t features) {
    uint32_t most = (uint32_t)(features < INT32_MAX ? features : INT32_MAX), infinity = 0x7f800000;
    int32_t stored = 0, odd = 0, outside = 0;
    uint32_t least = infinity;
    for (int64_t k = 0; k < n; k++) {
        stored += value[k] << 1 != 0;
        odd += value[k] << 1 >= infinity << 1;
        outside += (uint32_t)index[k] >= most;
        uint32_t own = value[k] - 1 < infinity ? value[k] : infinity; /* others are not above 0 */
        least = own < least ? own : least;
    }
    Row row = {stored, odd, outside, least};
    return row;
}

/* Fingerprint of each row, and how many values it has that are not zero; both 0 where one of them
   is not finite. With `counted` values are log1p of amounts. `names` holds a hash of each column. */
API int64_t vcs_fingerprints(int64_t rows, const int64_t *indptr, const int32_t *indices,
                             const float *values, int64_t features, const uint64_t *names,
                             int counted, uint64_t *print, int64_t *filled) {
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = indptr[r], n = indptr[r + 1] - indptr[r];
        const int32_t *index = indices + at;
        const Bits *value = (const Bits *)(values + at);
        Row row = looked_at(n, index, value, features);
        if (row.outside) return -1;
        print[r] = 0;
        filled[r] = row.odd ? 0 : row.stored;
        if (row.odd) continue;
        float least;
        memcpy(&least, &row.least, sizeof least);
        if (!counted || !in_units(n, index, value, expm1((double)least), names, print + r))
            print[r] = in_bits(n, index, value, names);
    }
    return 0;
}
