/* One pass over the rows of a block: what rules ask of the values, and sums by feature. */
#include "common.h"

#include <math.h>

#define LANES 8

static inline uint64_t finalise(uint64_t z) { /* SplitMix64, doi:10.1145/2660193.2660195 */
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* exp(x) for x up to 88, to about 1e-7 of itself; nothing that a branch would slow down. */
static inline float exponential(float x) {
    x = x < 88.0f ? x : 88.0f;
    x = x > -87.0f ? x : -87.0f;
    float shifted = x * 1.44269504f + 12582912.0f; /* rounds to a whole number in the low bits */
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    float whole = shifted - 12582912.0f;
    float r = x - whole * 0.693359375f + whole * 2.12194440e-4f; /* ln 2 in two parts */
    float p = 1.0f + r * (1.0f + r * (0.5f + r * (0.166666667f + r * (0.0416666667f
              + r * (0.00833333333f + r * 0.00138888889f)))));
    int32_t exponent = (int32_t)((uint32_t)bits << 23) + 0x3f800000;
    float scale;
    memcpy(&scale, &exponent, sizeof scale);
    return p * scale;
}

/* Counts of a block's rows; each (rows,). */
typedef struct {
    int32_t *stored, *out_of_range, *repeated, *falling, *not_finite, *negative, *fractional;
    double *total;
    float *natural, *largest;
    uint64_t *fingerprint;
} Notes;

#define SCAN(NAME, TYPE, WHOLE, EXACT)                                                                    \
    static WIDE void NAME(int64_t n, const int32_t *index, const TYPE *value, int64_t row,        \
                          int64_t features, const uint64_t *column, int natural, Notes *out) {    \
        int32_t outside = 0, repeated = 0, falling = 0, stored = 0, odd = 0, below = 0, parts = 0;\
        for (int64_t k = 0; k < n; k++) outside += (uint64_t)(uint32_t)index[k] >= (uint64_t)features;\
        for (int64_t k = 1; k < n; k++) {                                                         \
            repeated += index[k] == index[k - 1];                                                 \
            falling += index[k] < index[k - 1];                                                   \
        }                                                                                         \
        for (int64_t k = 0; k < n; k++) {                                                         \
            TYPE v = value[k];                                                                    \
            int finite = v - v == 0;                                                              \
            TYPE small = v < (TYPE)EXACT && v > (TYPE)-EXACT ? v : 0; /* above, all are whole */  \
            stored += v != 0;                                                                     \
            odd += !finite;                                                                       \
            below += finite & (v < 0);                                                            \
            parts += (TYPE)(WHOLE)small != small;                                                 \
        }                                                                                         \
        double total[LANES] = {0};                                                                \
        TYPE most[LANES] = {0};                                                                   \
        float sum[LANES] = {0};                                                                   \
        int64_t k = 0;                                                                            \
        for (; k + LANES <= n; k += LANES)                                                        \
            for (int j = 0; j < LANES; j++) {                                                     \
                TYPE v = value[k + j] - value[k + j] == 0 ? value[k + j] : 0;                     \
                total[j] += v;                                                                    \
                most[j] = v > most[j] ? v : most[j];                                              \
            }                                                                                     \
        for (int j = 0; k + j < n; j++) {                                                         \
            TYPE v = value[k + j] - value[k + j] == 0 ? value[k + j] : 0;                         \
            total[j] += v;                                                                        \
            most[j] = v > most[j] ? v : most[j];                                                  \
        }                                                                                         \
        if (natural) {                                                                            \
            for (k = 0; k + LANES <= n; k += LANES)                                               \
                for (int j = 0; j < LANES; j++) {                                                 \
                    float v = (float)value[k + j];                                                \
                    sum[j] += exponential(v - v == 0 ? v : 0) - 1.0f;                             \
                }                                                                                 \
            for (int j = 0; k + j < n; j++) {                                                     \
                float v = (float)value[k + j];                                                    \
                sum[j] += exponential(v - v == 0 ? v : 0) - 1.0f;                                 \
            }                                                                                     \
        }                                                                                         \
        uint64_t print = 0;                                                                       \
        if (!outside)                                                                             \
            for (k = 0; k < n; k++) {                                                             \
                double wide = value[k];                                                           \
                uint64_t bits;                                                                    \
                memcpy(&bits, &wide, sizeof bits);                                                \
                print += value[k] != 0 ? finalise(bits ^ column[index[k]]) : 0;                   \
            }                                                                                     \
        for (int j = 1; j < LANES; j++) {                                                         \
            total[0] += total[j];                                                                 \
            sum[0] += sum[j];                                                                     \
            most[0] = most[j] > most[0] ? most[j] : most[0];                                      \
        }                                                                                         \
        out->stored[row] = stored; out->out_of_range[row] = outside;                              \
        out->repeated[row] = repeated; out->falling[row] = falling;                               \
        out->not_finite[row] = odd; out->negative[row] = below; out->fractional[row] = parts;     \
        out->total[row] = total[0]; out->natural[row] = sum[0];                                   \
        out->largest[row] = (float)most[0]; out->fingerprint[row] = print;                        \
    }
SCAN(scan_row_f32, float, int32_t, 1e9)
SCAN(scan_row_f64, double, int64_t, 9007199254740992.0)

/* Notes on each row. `column` holds a hash of each column number; `wide` says that values are
   float64; with `natural` the sum of exp(value) - 1 is taken as well. */
API void vcs_scan(int64_t rows, const int64_t *indptr, const int32_t *indices, const void *values,
                  int wide, int64_t features, const uint64_t *column, int natural,
                  int32_t *counts, double *total, float *reals, uint64_t *fingerprint) {
    Notes out = {counts, counts + rows, counts + 2 * rows, counts + 3 * rows, counts + 4 * rows,
                 counts + 5 * rows, counts + 6 * rows, total, reals, reals + rows, fingerprint};
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = indptr[r], n = indptr[r + 1] - indptr[r];
        if (wide) scan_row_f64(n, indices + at, (const double *)values + at, r, features, column,
                               natural, &out);
        else scan_row_f32(n, indices + at, (const float *)values + at, r, features, column,
                          natural, &out);
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
