/* Two-sided tail of the normal law, and the deviate that it belongs to.

   The complementary error function by the rational approximations of the Cephes library (Moshier
   1989), whose coefficients these are, evaluated in the order in which SciPy evaluates them: both
   give the same bits where they stand on the same exp. */
#include "common.h"

#include <math.h>

static const double P[] = {2.46196981473530512524E-10, 5.64189564831068821977E-1,
    7.46321056442269912687E0, 4.86371970985681366614E1, 1.96520832956077098242E2,
    5.26445194995477358631E2, 9.34528527171957607540E2, 1.02755188689515710272E3,
    5.57535335369399327526E2};
static const double Q[] = {1.32281951154744992508E1, 8.67072140885989742329E1,
    3.54937778887819891062E2, 9.75708501743205489753E2, 1.82390916687909736289E3,
    2.24633760818710981792E3, 1.65666309194161350182E3, 5.57535340817727675546E2};
static const double R[] = {5.64189583547755073984E-1, 1.27536670759978104416E0,
    5.01905042251180477414E0, 6.16021097993053585195E0, 7.40974269950448939160E0,
    2.97886665372100240670E0};
static const double S[] = {2.26052863220117276590E0, 9.39603524938001434673E0,
    1.20489539808096656605E1, 1.70814450747565897222E1, 9.60896809063285878198E0,
    3.36907645100081516050E0};
static const double T[] = {9.60497373987051638749E0, 9.00260197203842689217E1,
    2.23200534594684319226E3, 7.00332514112805075473E3, 5.55923013010394962768E4};
static const double U[] = {3.35617141647503099647E1, 5.21357949780152679795E2,
    4.59432382970980127987E3, 2.26290000613890934246E4, 4.92673942608635921086E4};

/* Polynomial of that degree, highest coefficient first. */
static inline double polynomial(double x, const double *c, int degree) {
    double sum = c[0];
    for (int k = 1; k <= degree; k++) sum = sum * x + c[k];
    return sum;
}

/* The same with the highest coefficient 1, which is left out. */
static inline double monic(double x, const double *c, int degree) {
    double sum = x + c[0];
    for (int k = 1; k < degree; k++) sum = sum * x + c[k];
    return sum;
}

/* erfc(x) for x >= 0. */
static double tail(double x) {
    if (x < 1.0) {
        double z = x * x;
        return 1.0 - x * polynomial(z, T, 4) / monic(z, U, 5);
    }
    if (x * x > 7.09782712893383996843E2) return 0.0;
    double z = exp(-x * x);
    if (x < 8.0) return z * polynomial(x, P, 8) / monic(x, Q, 8);
    return z * polynomial(x, R, 5) / monic(x, S, 6);
}

/* z and p of n tests of one condition, from u and the ties; 0 and 1 where nothing varies. */
API void vcs_two_sided(int64_t n, const double *u, const double *ties, int64_t cells,
                       int64_t control_cells, int continuity, double *deviate, double *p) {
    double both = (double)(cells + control_cells), pairs = (double)cells * (double)control_cells;
    double most = both - 1 > 1 ? both - 1 : 1, half = continuity ? 0.5 : 0.0;
    for (int64_t k = 0; k < n; k++) {
        double spread = (both + 1) - ties[k] / (both * most);
        if (!(spread > 1)) { deviate[k] = 0.0; p[k] = 1.0; continue; }
        double gap = u[k] - pairs / 2, excess = fabs(gap) - half;
        excess = excess > 0 ? excess : 0;
        double size = excess / sqrt(pairs / 12 * spread);
        deviate[k] = gap < 0 ? -size : gap > 0 ? size : 0.0;
        p[k] = tail(size / sqrt(2.0));
    }
}
