/* One function for every processor: compiled for several instruction sets, chosen when it is called.

   SCT_LEVELS(name, (parameters), (arguments)) defines `name` from an INLINE function `name_body`;
   SCT_LEVELS_BY_SIZE from three, `name_128`, `name_256` and `name_512`, for processors with vectors
   of so many bits. All compute the same bits (lanes.h), so the choice is a matter of speed alone.
   SCT_PORTABLE leaves only what every processor of the architecture has. */

#ifndef SCT_LEVELS_H
#define SCT_LEVELS_H

#define SCT_LEVELS(name, parameters, arguments) \
    SCT_LEVELS_OF(name, name##_body, name##_body, name##_body, parameters, arguments)
#define SCT_LEVELS_BY_SIZE(name, parameters, arguments) \
    SCT_LEVELS_OF(name, name##_128, name##_256, name##_512, parameters, arguments)

#if defined(__x86_64__) && !defined(SCT_PORTABLE)
#define SCT_LEVELS_OF(name, by_128, by_256, by_512, parameters, arguments)                     \
    static void name##_portable parameters { by_128 arguments; }                               \
    __attribute__((target("avx2"))) static void name##_avx2 parameters { by_256 arguments; }   \
    __attribute__((target("avx512f"))) static void name##_avx512 parameters { by_512 arguments; } \
    void name parameters {                                                                     \
        if (__builtin_cpu_supports("avx512f"))                                                 \
            name##_avx512 arguments;                                                           \
        else if (__builtin_cpu_supports("avx2"))                                               \
            name##_avx2 arguments;                                                             \
        else                                                                                   \
            name##_portable arguments;                                                         \
    }
#else
#define SCT_LEVELS_OF(name, by_128, by_256, by_512, parameters, arguments) \
    void name parameters { by_128 arguments; }
#endif

#endif
