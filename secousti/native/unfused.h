/* For files whose loops add a product here and subtract one there, as complex numbers do: where GCC
   vectorizes them it fuses both into one instruction, even under -ffp-contract=off, if the processor
   asked for by -march has one. It rounds once, not twice, and the bits would be others. */

#if defined(__GNUC__) && !defined(__clang__)
#if defined(__FMA__) || defined(__AVX512F__) || !defined(__x86_64__)
#pragma GCC optimize("no-tree-vectorize")
#endif
#endif
