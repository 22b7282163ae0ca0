/* kernel_check.c - holds every version of every kernel to the bits of the reference.
 *
 *   kernel_check [--set NAME] [--only KERNEL] [--seed N]
 *
 * tests all instruction sets this machine has; KERNEL is the beginning of a name ("gemv"). A
 * failed case is named with the seed that makes it again. With --bench first, versions are
 * measured instead.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "bench.h"
#include "check.h"

static check state;

/* The sets by their flags, lesser ones first. */
static const struct {
    const char *name;
    unsigned flags;
} all_sets[] = {
    {"avx2", BNT_CPU_AVX2},
    {"avxvnni", BNT_CPU_AVX2 | BNT_CPU_AVXVNNI},
    {"avx512vnni", BNT_CPU_AVX2 | BNT_CPU_AVX512 | BNT_CPU_AVX512VNNI},
    {"neon", BNT_CPU_NEON},
    {"dotprod", BNT_CPU_NEON | BNT_CPU_DOTPROD},
    {"i8mm", BNT_CPU_NEON | BNT_CPU_DOTPROD | BNT_CPU_I8MM},
};

static void add_set(check *c, const char *name, unsigned flags)
{
    check_set *const set = &c->sets[c->n_sets++];
    set->name = name;
    set->flags = flags;
    bnt_kernels_init(&set->k, flags);
    bnt_learn_kernels_init(&set->tables.learn, flags);
}

static void find_sets(check *c)
{
    const unsigned flags = bnt_cpu_flags();
    bnt_kernels_init(&c->ref, 0);
    bnt_learn_kernels_init(&c->ref_tables.learn, 0);
    for (size_t i = 0; i < sizeof all_sets / sizeof all_sets[0]; i++) {
        if ((all_sets[i].flags & flags) == all_sets[i].flags) {
            add_set(c, all_sets[i].name, all_sets[i].flags);
        }
    }
    add_set(c, "all", flags); /* what a program here gets: no version but these */
}

/* Tells which call a signal has ended. */
static void on_signal(int number)
{
    char text[512];
    const int n = snprintf(
        text, sizeof text, "FAILED %s %s, case %u (%s, buffers %s), seed %llu: signal %d\n",
        state.running ? state.running->name : "ref", state.kernel, state.n_cases, state.text,
        state.at_begin ? "behind a page" : "at a page", (unsigned long long)state.seed, number);
    if (n > 0 && write(STDOUT_FILENO, text, (size_t)n) < 0) _exit(3);
    _exit(1);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: kernel_check [--bench] [--set NAME] [--only KERNEL] [--seed N]\n");
    return 2;
}

/* Options, each a word with its value behind it. */
static bool read_options(check *c, char **words, int n_words)
{
    for (int i = 0; i < n_words; i += 2) {
        if (i + 1 == n_words) return false;
        if (strcmp(words[i], "--set") == 0) {
            c->only_set = words[i + 1];
        } else if (strcmp(words[i], "--only") == 0) {
            c->only_kernel = words[i + 1];
        } else if (strcmp(words[i], "--seed") == 0) {
            c->seed = strtoull(words[i + 1], NULL, 0);
        } else {
            return false;
        }
    }
    return true;
}

static int report(const check *c)
{
    unsigned n_failed = 0;
    for (int i = 0; i < c->n_sets; i++) {
        const check_set *const set = &c->sets[i];
        n_failed += set->n_failed;
        printf("%-12s %u checks of its own kernels, %u failed\n", set->name, set->n_own,
               set->n_failed);
    }
    return n_failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    check *const c = &state;
    const bool measure = argc > 1 && strcmp(argv[1], "--bench") == 0;
    const int first = measure ? 2 : 1;
    c->kernel = "-";
    c->seed = 1;
    if (!read_options(c, argv + first, argc - first)) return usage();
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_signals();
    find_sets(c);
    if (measure) {
        check_bench(c);
        return 0;
    }
    check_vectors(c);
    check_attention(c);
    check_products(c);
    check_learn(c);
    return report(c);
}
