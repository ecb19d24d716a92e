/* What the kernels share. Plain C11 without Python's headers, so that one library serves every
   Python version. Every kernel works on memory that its caller owns, holds no state and takes no
   lock: any number of threads may run it. Floating-point sums have one order, whatever the
   processor, so that the same input gives the same bits. */
#ifndef VCSPEC_COMMON_H
#define VCSPEC_COMMON_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

/* One build holds a version for wide registers and one for any processor; the loader chooses. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#if __GNUC__ >= 12
#define WIDEST __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define WIDEST WIDE
#endif
#else
#define WIDE
#define WIDEST
#endif

/* What is written for registers of one width; VCSPEC_WIDEST, in bits, leaves out what is wider. */
#ifndef VCSPEC_WIDEST
#define VCSPEC_WIDEST 512
#endif
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAS_WIDER
#define HAVING_512 __attribute__((target("avx512f,avx512bw,avx512vl,fma,bmi")))
#define HAVING_256 __attribute__((target("avx2,fma")))
static inline int has_512(void) {
    return VCSPEC_WIDEST >= 512 && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}
static inline int has_256(void) {
    return VCSPEC_WIDEST >= 256 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif
#if defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 16")
#else
#define UNROLLED
#endif

/* A loop that has the processor's registers for itself. */
#if defined(__GNUC__)
#define APART __attribute__((noinline))
#else
#define APART
#endif

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* Scratch memory in large pages where the system has them: transposing writes to as many places at
   once as there are features, and with small pages it would wait for their addresses. */
static inline void *scratch(int64_t bytes) {
    const size_t page = 2097152, size = (size_t)(bytes > 0 ? bytes : 1);
#if defined(MADV_HUGEPAGE)
    if (size >= 2 * page) {
        void *found = NULL;
        if (posix_memalign(&found, page, (size + page - 1) / page * page)) return NULL;
        madvise(found, size, MADV_HUGEPAGE);
        return found;
    }
#else
    (void)page;
#endif
    return malloc(size);
}

#define SIGN 0x80000000u
#define MAGNITUDE 0x7fffffffu

/* The order of these numbers is the order of the float32 values that they are made of. */
static inline uint32_t ordered(uint32_t bits) {
    return bits & SIGN ? ~bits : bits | SIGN;
}

#endif
