/* probe_x86.h - the loop of a probe: twelve sums, more than latency times ports of any
 * processor that has the registers. Who includes it defines REG_BITS for register.h. */
#ifndef BNT_KERNEL_X86_PROBE_X86_H
#define BNT_KERNEL_X86_PROBE_X86_H
#include "kernel/probe.h"
#include "kernel/x86/register.h"

#define PROBE_EACH(m) m(a) m(b) m(c) m(d) m(e) m(f) m(g) m(h) m(i) m(j) m(k) m(l)

/* A function of probe.h: type ri or rf; step(sum) adds products of x and y to a sum, `ops`
 * operations to each of its lanes. Compilers must not know that two sums are alike, nor what
 * the operands are in the next round. */
#define PROBE(name, type, x0, y0, step, ops)                                                   \
    uint64_t name(uint32_t n_rounds, uint32_t *sink)                                           \
    {                                                                                          \
        type x = x0, y = y0;                                                                   \
        type a = x, b = y, c = x, d = y, e = x, f = y, g = x, h = y, i = x, j = y, k = x,      \
             l = y;                                                                            \
        __asm__ volatile("" : "+" REG(x), "+" REG(y));                                         \
        __asm__ volatile(""                                                                    \
                         : "+" REG(a), "+" REG(b), "+" REG(c), "+" REG(d), "+" REG(e),         \
                           "+" REG(f), "+" REG(g), "+" REG(h), "+" REG(i), "+" REG(j),         \
                           "+" REG(k), "+" REG(l));                                            \
        for (uint32_t n = 0; n < n_rounds; n++) {                                              \
            PROBE_EACH(step)                                                                   \
            __asm__ volatile("" : "+" REG(x));                                                 \
        }                                                                                      \
        a = type##_add(type##_add(a, b), type##_add(c, d));                                    \
        e = type##_add(type##_add(e, f), type##_add(g, h));                                    \
        i = type##_add(type##_add(i, j), type##_add(k, l));                                    \
        a = type##_add(type##_add(a, e), i);                                                   \
        memcpy(sink, &a, sizeof *sink);                                                        \
        return (uint64_t)n_rounds * 12 * REG_LANES * (ops);                                    \
    }

#define PROBE_FMA(sum) sum = rf_fma(x, y, sum);
#define PROBE_FP32(name)                                                                       \
    PROBE(name, rf, REG_OP(set1_ps)(0.5f), REG_OP(set1_ps)(0x1p-20f), PROBE_FMA, 2)

#endif
