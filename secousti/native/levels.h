/* One function for every processor: compiled for several instruction sets, chosen when it is called.

   SCT_LEVELS(name, (parameters), (arguments)) defines `name` from an INLINE function `name_body`.
   All compute the same bits (lanes.h), so the choice is a matter of speed alone. SCT_PORTABLE
   leaves only what every processor of the architecture has. */

#ifndef SCT_LEVELS_H
#define SCT_LEVELS_H

#if defined(__x86_64__) && !defined(SCT_PORTABLE)
#define SCT_LEVELS(name, parameters, arguments)                                               \
    static void name##_portable parameters { name##_body arguments; }                         \
    __attribute__((target("avx2"))) static void name##_avx2 parameters { name##_body arguments; } \
    __attribute__((target("avx512f"))) static void name##_avx512 parameters {                 \
        name##_body arguments;                                                                \
    }                                                                                         \
    void name parameters {                                                                    \
        if (__builtin_cpu_supports("avx512f"))                                                \
            name##_avx512 arguments;                                                          \
        else if (__builtin_cpu_supports("avx2"))                                              \
            name##_avx2 arguments;                                                            \
        else                                                                                  \
            name##_portable arguments;                                                        \
    }
#else
#define SCT_LEVELS(name, parameters, arguments) \
    void name parameters { name##_body arguments; }
#endif

#endif
