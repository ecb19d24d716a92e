/* Distances between all pairs of rows of two dense matrices. Each pair is summed in one order of
   its own, so that equal rows are equally far from everything, and from each other by nothing. */
#include "common.h"

#include <math.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* all that takes wide values is inlined */
#endif

#define LANES 4
#define TILE 1024   /* features at a time: a tile of both sides stays in the nearest cache */
#define SIDE 4      /* rows of the right side at a time */

typedef double Wide __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t Mask __attribute__((vector_size(LANES * sizeof(int64_t))));

static inline Wide load(const double *from) {
    Wide x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline Wide gap(Wide a, Wide b, int squared) {
    Wide d = a - b;
    const Mask positive = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    return squared ? d * d : (Wide)((Mask)d & positive);
}

static inline double gap_of(double a, double b, int squared) {
    double d = a - b;
    return squared ? d * d : fabs(d);
}

static inline double total(Wide x) { return (x[0] + x[1]) + (x[2] + x[3]); }

#define PAIRWISE(NAME, SQUARED)                                                                   \
    static WIDE void NAME(int64_t n, int64_t m, int64_t features, const double *left,             \
                          const double *right, double *out) {                                     \
        for (int64_t i = 0; i < n * m; i++) out[i] = 0.0;                                         \
        for (int64_t first = 0; first < features; first += TILE) {                                \
            int64_t size = features - first < TILE ? features - first : TILE;                     \
            int64_t whole = size / LANES * LANES;                                                 \
            for (int64_t j = 0; j < m; j += SIDE) {                                               \
                int64_t some = m - j < SIDE ? m - j : SIDE;                                       \
                const double *b[SIDE];                                                            \
                for (int64_t s = 0; s < SIDE; s++)                                                \
                    b[s] = right + (j + (s < some ? s : 0)) * features + first;                   \
                for (int64_t i = 0; i < n; i++) {                                                 \
                    const double *a = left + i * features + first;                                \
                    Wide w0 = {0}, w1 = {0}, w2 = {0}, w3 = {0};                                  \
                    for (int64_t k = 0; k < whole; k += LANES) {                                  \
                        Wide x = load(a + k);                                                     \
                        w0 += gap(x, load(b[0] + k), SQUARED);                                    \
                        w1 += gap(x, load(b[1] + k), SQUARED);                                    \
                        w2 += gap(x, load(b[2] + k), SQUARED);                                    \
                        w3 += gap(x, load(b[3] + k), SQUARED);                                    \
                    }                                                                             \
                    double sum[SIDE] = {total(w0), total(w1), total(w2), total(w3)};              \
                    for (int64_t s = 0; s < some; s++) {                                          \
                        for (int64_t k = whole; k < size; k++)                                    \
                            sum[s] += gap_of(a[k], b[s][k], SQUARED);                             \
                        out[i * m + j + s] += sum[s];                                             \
                    }                                                                             \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }
PAIRWISE(absolute, 0)
PAIRWISE(squared, 1)

/* out (n, m): sums over features of |left - right|, or of its square. */
API void vcs_pairwise(int64_t n, int64_t m, int64_t features, const double *left,
                      const double *right, int square, double *out) {
    if (square) squared(n, m, features, left, right, out);
    else absolute(n, m, features, left, right, out);
}

static double squared_gap(const double *a, const double *b, int64_t width) {
    double sum = 0.0;
    for (int64_t k = 0; k < width; k++) {
        double d = a[k] - b[k];
        sum += d * d;
    }
    return sum;
}

/* Sum of Euclidean distances, from inner products (n, m) and the squared lengths of both sides. Of a
   pair whose squared distance is below `near` of both lengths, of which inner products leave nothing
   but rounding, from the rows themselves, (n, width) and (m, width). */
API WIDE double vcs_sum_of_roots(int64_t n, int64_t m, const double *products, const double *left,
                                 const double *right, int64_t width, const double *rows,
                                 const double *columns, const double *near) {
    double sum = 0.0, share = *near;
    for (int64_t i = 0; i < n; i++) {
        double lane[8] = {0}, close[8] = {0};
        const double *own = products + i * m;
        int64_t j = 0;
        for (; j + 8 <= m; j += 8)
            for (int l = 0; l < 8; l++) {
                double both = left[i] + right[j + l], d = both - 2.0 * own[j + l];
                close[l] += d < share * both ? 1.0 : 0.0;
                lane[l] += sqrt(d > 0.0 ? d : 0.0);
            }
        for (int l = 0; j + l < m; l++) {
            double both = left[i] + right[j + l], d = both - 2.0 * own[j + l];
            close[l] += d < share * both ? 1.0 : 0.0;
            lane[l] += sqrt(d > 0.0 ? d : 0.0);
        }
        double found = rows == columns ? -1.0 : 0.0; /* a row of one side is near itself */
        for (int l = 0; l < 8; l++) found += close[l];
        for (j = 0; found > 0.0 && j < m; j++) {
            double both = left[i] + right[j], d = both - 2.0 * own[j];
            if (d < share * both)
                lane[0] += sqrt(squared_gap(rows + i * width, columns + j * width, width)) -
                           sqrt(d > 0.0 ? d : 0.0);
        }
        for (int l = 0; l < 8; l++) sum += lane[l];
    }
    return sum;
}
