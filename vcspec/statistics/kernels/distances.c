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

/* Sums of Euclidean distances between rows, in single or in double precision. Both sides come in
   blocks of STEP rows, the left as (blocks, STEP, width), the right as (blocks, width, STEP), with
   zeros for the rows that are missing in the last. Squares are added feature by feature, in single
   precision by fused multiplication and addition; the distances of a row of the right side are added
   in double precision in the order of the left, and those sums in the order of the right. So the
   bits are the same in each of the versions. */
#define STEP 16

#if defined(HAS_WIDER)

#define SUM_OF_DISTANCES(NAME, HAVING, ROWS, PARTS, REAL, REALS, SUMS, ZERO, LOAD, SPREAD,        \
                         SUBTRACT, SQUARE, ROOT, ADD, STORE)                                      \
    static APART HAVING double NAME(int64_t n, int64_t m, int64_t width, const REAL *left,        \
                                    const REAL *right) {                                          \
        double total = 0.0;                                                                       \
        for (int64_t j = 0; j < m; j += STEP, right += STEP * width) {                            \
            SUMS;                                                                                 \
            double column[STEP];                                                                  \
            for (int64_t i = 0; i < n; i += ROWS) {                                               \
                const REAL *own = left + i * width;                                               \
                REALS squares[ROWS][PARTS];                                                       \
                for (int r = 0; r < ROWS; r++)                                                    \
                    for (int p = 0; p < PARTS; p++) squares[r][p] = ZERO();                       \
                for (int64_t k = 0; k < width; k++) {                                             \
                    REALS there[PARTS];                                                           \
                    UNROLLED for (int p = 0; p < PARTS; p++)                                      \
                        there[p] = LOAD(right + k * STEP + p * (STEP / PARTS));                   \
                    UNROLLED for (int r = 0; r < ROWS; r++) {                                     \
                        REALS here = SPREAD(own[r * width + k]);                                  \
                        UNROLLED for (int p = 0; p < PARTS; p++) {                                \
                            REALS gap = SUBTRACT(there[p], here);                                 \
                            squares[r][p] = SQUARE(gap, squares[r][p]);                           \
                        }                                                                         \
                    }                                                                             \
                }                                                                                 \
                UNROLLED for (int r = 0; r < ROWS; r++) {                                         \
                    if (i + r >= n) break;                                                        \
                    UNROLLED for (int p = 0; p < PARTS; p++) {                                    \
                        REALS root = ROOT(squares[r][p]);                                         \
                        ADD(p, root);                                                             \
                    }                                                                             \
                }                                                                                 \
            }                                                                                     \
            STORE;                                                                                \
            for (int64_t l = 0; l < STEP && j + l < m; l++) total += column[l];                   \
        }                                                                                         \
        return total;                                                                             \
    }

#define FUSED_16(x, y) _mm512_fmadd_ps(x, x, y)
#define FUSED_8(x, y) _mm256_fmadd_ps(x, x, y)
#define SQUARE_8(x, y) _mm512_add_pd(y, _mm512_mul_pd(x, x))
#define SQUARE_4(x, y) _mm256_add_pd(y, _mm256_mul_pd(x, x))

#define LOW_8(x) _mm512_cvtps_pd(_mm512_castps512_ps256(x))
#define HIGH_8(x) _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1)))
#define LOW_4(x) _mm256_cvtps_pd(_mm256_castps256_ps128(x))
#define HIGH_4(x) _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))

#define SUMS_BY_8 __m512d sum[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()}
#define STORE_8 _mm512_storeu_pd(column, sum[0]), _mm512_storeu_pd(column + 8, sum[1])
#define ADD_SINGLE_8(p, x) \
    sum[0] = _mm512_add_pd(sum[0], LOW_8(x)), sum[1] = _mm512_add_pd(sum[1], HIGH_8(x))
#define ADD_DOUBLE_8(p, x) sum[p] = _mm512_add_pd(sum[p], x)

#define SUMS_BY_4 \
    __m256d sum[4]; \
    for (int q = 0; q < 4; q++) sum[q] = _mm256_setzero_pd()
#define STORE_4 \
    for (int q = 0; q < 4; q++) _mm256_storeu_pd(column + 4 * q, sum[q])
#define ADD_SINGLE_4(p, x)                                     \
    sum[2 * p] = _mm256_add_pd(sum[2 * p], LOW_4(x)),          \
          sum[2 * p + 1] = _mm256_add_pd(sum[2 * p + 1], HIGH_4(x))
#define ADD_DOUBLE_4(p, x) sum[p] = _mm256_add_pd(sum[p], x)

SUM_OF_DISTANCES(single_by_16, HAVING_512, 16, 1, float, __m512, SUMS_BY_8, _mm512_setzero_ps,
                 _mm512_loadu_ps, _mm512_set1_ps, _mm512_sub_ps, FUSED_16, _mm512_sqrt_ps,
                 ADD_SINGLE_8, STORE_8)
SUM_OF_DISTANCES(double_by_8, HAVING_512, 8, 2, double, __m512d, SUMS_BY_8, _mm512_setzero_pd,
                 _mm512_loadu_pd, _mm512_set1_pd, _mm512_sub_pd, SQUARE_8, _mm512_sqrt_pd,
                 ADD_DOUBLE_8, STORE_8)
SUM_OF_DISTANCES(single_by_8, HAVING_256, 4, 2, float, __m256, SUMS_BY_4, _mm256_setzero_ps,
                 _mm256_loadu_ps, _mm256_set1_ps, _mm256_sub_ps, FUSED_8, _mm256_sqrt_ps,
                 ADD_SINGLE_4, STORE_4)
SUM_OF_DISTANCES(double_by_4, HAVING_256, 2, 4, double, __m256d, SUMS_BY_4, _mm256_setzero_pd,
                 _mm256_loadu_pd, _mm256_set1_pd, _mm256_sub_pd, SQUARE_4, _mm256_sqrt_pd,
                 ADD_DOUBLE_4, STORE_4)

#endif

#define ONE_BY_ONE(NAME, REAL, SQUARE, ROOT)                                                      \
    static double NAME(int64_t n, int64_t m, int64_t width, const REAL *left,                     \
                       const REAL *right) {                                                       \
        double total = 0.0;                                                                       \
        for (int64_t j = 0; j < m; j += STEP, right += STEP * width) {                            \
            double column[STEP] = {0};                                                            \
            for (int64_t i = 0; i < n; i++) {                                                     \
                REAL squares[STEP] = {0};                                                         \
                for (int64_t k = 0; k < width; k++)                                               \
                    for (int l = 0; l < STEP; l++) {                                              \
                        REAL gap = right[k * STEP + l] - left[i * width + k];                     \
                        squares[l] = SQUARE(gap, squares[l]);                                     \
                    }                                                                             \
                for (int l = 0; l < STEP; l++) column[l] += ROOT(squares[l]);                     \
            }                                                                                     \
            for (int64_t l = 0; l < STEP && j + l < m; l++) total += column[l];                   \
        }                                                                                         \
        return total;                                                                             \
    }
#define FUSED_1(x, y) fmaf(x, x, y)
#define SQUARE_1(x, y) ((y) + (x) * (x))
ONE_BY_ONE(single_by_1, float, FUSED_1, sqrtf)
ONE_BY_ONE(double_by_1, double, SQUARE_1, sqrt)

#if defined(HAS_WIDER)
#define WIDEST_OF(BY_512, BY_256, BY_1) (has_512() ? BY_512 : has_256() ? BY_256 : BY_1)
#else
#define WIDEST_OF(BY_512, BY_256, BY_1) BY_1
#endif

/* The sum over all pairs of n and m rows, from single precision. */
API double vcs_sum_of_distances(int64_t n, int64_t m, int64_t width, const float *left,
                                const float *right) {
    return WIDEST_OF(single_by_16, single_by_8, single_by_1)(n, m, width, left, right);
}

/* The same from double precision. */
API double vcs_sum_of_exact_distances(int64_t n, int64_t m, int64_t width, const double *left,
                                      const double *right) {
    return WIDEST_OF(double_by_8, double_by_4, double_by_1)(n, m, width, left, right);
}
