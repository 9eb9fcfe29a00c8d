/* Plain loops, compiled more than once: the linker's resolver picks the best version for the
 * machine. The baseline stays x86-64, so one binary runs everywhere. By feature, not by "arch=...":
 * gcc's resolver counts a processor newer than itself as none of the named ones. Sanitizers start
 * too late for resolvers. */
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define VECTORISED
#endif
