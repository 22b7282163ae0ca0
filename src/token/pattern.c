/* pattern.c - PCRE2 kept within bounds.
 *
 * Patterns come from files and texts from anywhere, so three things are limited. Steps: PCRE2
 * counts them and gives up. Stack: the compiled code of PCRE2 uses a block of fixed size; where
 * that does not do, its interpreter goes on in memory from the heap, limited too. Time: a
 * pattern such as `\s*x` needs few steps for each place but looks at all that follows from each
 * place. So the matcher is shown the text through a window that starts small and grows only
 * when a match wants to see beyond it (PCRE2's hard partial matching); no single call takes
 * much longer than all before it, and between calls the time is measured.
 */
#include "token/pattern.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/words.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include <time.h>

enum {
    FIRST_WINDOW = 1024,
    WINDOW_GROWTH = 4,
    STEPS_PER_BYTE = 16,        /* the interpreter takes a step for each byte it goes back */
    HEAP_KIB = 64 << 10,        /* for the interpreter */
    MAX_SOURCE = 64 << 10,      /* bytes of a pattern; real ones have 400 */
    CALLS_PER_LOOK = 32,        /* at the clock */
    ALLOWED_NS_PER_BYTE = 4000, /* real patterns need 10 to 50 */
};
#define ALLOWED_NS UINT64_C(1000000000)

/* ---- PCRE2's memory ---- */

static void *take(size_t size, void *unused)
{
    (void)unused;
    return bnt_alloc(size);
}

static void give(void *block, void *unused)
{
    (void)unused;
    bnt_free(block);
}

static pcre2_general_context *open_context(void)
{
    return pcre2_general_context_create(take, give, NULL);
}

/* ---- patterns ---- */

static bantam_status fail_compile(int code, size_t offset, const char *name, bantam_error *err)
{
    PCRE2_UCHAR message[128] = {0};
    if (code == PCRE2_ERROR_HEAP_FAILED) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", name);
    }
    pcre2_get_error_message(code, message, sizeof message);
    return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: %s at byte %zu", name, (const char *)message,
                    offset);
}

bantam_status bnt_pattern_compile(bnt_pattern *pattern, bantam_text source, const char *name,
                                  bantam_error *err)
{
    int code = PCRE2_ERROR_HEAP_FAILED;
    size_t offset = 0;
    pcre2_compile_context *context = NULL;
    *pattern = (bnt_pattern){0};

    if (source.size > MAX_SOURCE) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s has %zu bytes, at most %d", name,
                        source.size, MAX_SOURCE);
    }
    pcre2_general_context *general = open_context();
    if (general) context = pcre2_compile_context_create(general);
    if (context) {
        /* \C could cut a character in two. */
        pattern->code = pcre2_compile((PCRE2_SPTR)(source.data ? source.data : ""), source.size,
                                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code,
                                      &offset, context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    if (!pattern->code) return fail_compile(code, offset, name, err);

    /* Systems that forbid new machine code are left with the interpreter. */
    pattern->jit =
        pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD) == 0;
    return BANTAM_OK;
}

void bnt_pattern_free(bnt_pattern *pattern)
{
    pcre2_code_free(pattern->code);
    *pattern = (bnt_pattern){0};
}

size_t bnt_pattern_bytes(const bnt_pattern *pattern)
{
    size_t size = 0, jit_size = 0;
    if (!pattern->code) return 0;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &size);
    if (pattern->jit) pcre2_pattern_info(pattern->code, PCRE2_INFO_JITSIZE, &jit_size);
    return size + jit_size;
}

/* ---- matchers ---- */

/* Time this thread has computed: a process that was stopped for an hour has not been slow. */
static uint64_t cpu_ns(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void set_window(bnt_matcher *m, size_t window)
{
    const size_t most = UINT32_MAX / STEPS_PER_BYTE;
    const size_t steps = (window < most ? window : most) * STEPS_PER_BYTE;
    if (m->window == window) return;
    pcre2_set_match_limit(m->context, (uint32_t)steps);
    pcre2_set_depth_limit(m->context, (uint32_t)steps);
    m->window = window;
}

bantam_status bnt_matcher_init(bnt_matcher *matcher, size_t text_size, bantam_error *err)
{
    *matcher = (bnt_matcher){0};
    pcre2_general_context *general = open_context();
    if (general) {
        matcher->context = pcre2_match_context_create(general);
        matcher->data = pcre2_match_data_create(1, general);
    }
    pcre2_general_context_free(general);
    if (!matcher->context || !matcher->data) {
        bnt_matcher_deinit(matcher);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for matching patterns");
    }
    pcre2_set_heap_limit(matcher->context, HEAP_KIB);
    set_window(matcher, FIRST_WINDOW);
    matcher->start_ns = bnt_clock_ns();
    matcher->start_cpu_ns = cpu_ns();
    matcher->allowed_ns = ALLOWED_NS + (uint64_t)text_size * ALLOWED_NS_PER_BYTE;
    return BANTAM_OK;
}

void bnt_matcher_deinit(bnt_matcher *matcher)
{
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    *matcher = (bnt_matcher){0};
}

/* The system is asked for the thread's own time only once the time that passed is suspicious.
 */
static bool is_late(bnt_matcher *m)
{
    if (++m->n_calls % CALLS_PER_LOOK != 0 && m->window == FIRST_WINDOW) return false;
    return bnt_clock_ns() - m->start_ns > m->allowed_ns &&
           cpu_ns() - m->start_cpu_ns > m->allowed_ns;
}

/* ---- texts ---- */

size_t bnt_text_after(bantam_text text, size_t at)
{
    uint32_t code;
    return at + bnt_utf8_decode(text.data + at, text.size - at, &code);
}

size_t bnt_text_before(bantam_text text, size_t at)
{
    for (size_t back = 1; back <= 4 && back <= at; back++) {
        if (((uint8_t)text.data[at - back] & 0xC0) == 0x80) continue;
        uint32_t code;
        const size_t size = bnt_utf8_decode(text.data + at - back, back, &code);
        if (size == back && code != BNT_UTF8_BAD) return at - back;
        break;
    }
    return at - 1;
}

/* The end of the UTF-8 that starts at `at`. */
static size_t run_end(bantam_text text, size_t at)
{
    while (at < text.size) {
        if (text.size - at >= 8) {
            if (!(bnt_load64(text.data + at) & UINT64_C(0x8080808080808080))) {
                at += 8;
                continue;
            }
        }
        uint32_t code;
        const size_t size = bnt_utf8_decode(text.data + at, text.size - at, &code);
        if (code == BNT_UTF8_BAD) break;
        at += size;
    }
    return at;
}

void bnt_subject_init(bnt_subject *subject, bantam_text text, bool clean)
{
    *subject = (bnt_subject){.text = text};
    subject->run_end = clean ? text.size : run_end(text, 0);
}

/* Moves to the run that holds `from`, or else to the next one. False at the end of the text. */
static bool enter_run(bnt_subject *s, size_t *from)
{
    if (*from < s->run_end) return true;
    /* At the end of a run an empty match is possible still. */
    if (*from == s->run_end && s->run_end > s->run_start) return true;
    while (*from < s->text.size) {
        s->run_start = *from;
        s->run_end = run_end(s->text, *from);
        if (s->run_end > s->run_start) return true;
        ++*from;
    }
    return false;
}

/* ---- searching ---- */

static int match(const bnt_pattern *p, bnt_matcher *m, const char *data, size_t size, size_t at,
                 bool partial)
{
    const uint32_t options = partial ? PCRE2_PARTIAL_HARD : 0;
    if (p->jit) {
        const int rc =
            pcre2_jit_match(p->code, (PCRE2_SPTR)data, size, at, options, m->data, m->context);
        if (rc != PCRE2_ERROR_JIT_STACKLIMIT) return rc;
    }
    return pcre2_match(p->code, (PCRE2_SPTR)data, size, at,
                       options | PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, m->data, m->context);
}

static bantam_status fail_match(int rc, bantam_error *err)
{
    switch (rc) {
    case PCRE2_ERROR_NOMEMORY:
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for matching a pattern");
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_RECURSELOOP:
        return bnt_fail(err, BANTAM_ERR_FULL,
                        "a pattern of the tokenizer needs too many steps on this text");
    default:
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "a pattern of the tokenizer cannot be matched (PCRE2 error %d)", rc);
    }
}

/* Searches the run from `at` on, both relative to its start. */
static int search_run(const bnt_pattern *p, bnt_matcher *m, bantam_text run, size_t at)
{
    size_t window = FIRST_WINDOW;
    for (;;) {
        size_t end = run.size;
        if (window < run.size - at) {
            end = at + window; /* and to the end of the character there */
            while (end < run.size && ((uint8_t)run.data[end] & 0xC0) == 0x80) {
                end++;
            }
        }
        set_window(m, window);
        const int rc = match(p, m, run.data, end, at, end < run.size);
        if (rc >= 0 || (rc != PCRE2_ERROR_PARTIAL && rc != PCRE2_ERROR_NOMATCH)) return rc;
        if (rc == PCRE2_ERROR_NOMATCH) {
            if (end == run.size) return rc;
            at = end; /* no match starts within the window */
        } else {
            window *= WINDOW_GROWTH;
        }
        if (is_late(m)) return PCRE2_ERROR_MATCHLIMIT;
    }
}

bantam_status bnt_pattern_find(const bnt_pattern *pattern, bnt_matcher *matcher,
                               bnt_subject *subject, size_t from, bool *found, size_t *start,
                               size_t *end, bantam_error *err)
{
    *found = false;
    while (enter_run(subject, &from)) {
        const size_t base = subject->run_start;
        const bantam_text run = {subject->text.data + base, subject->run_end - base};
        const int rc = search_run(pattern, matcher, run, from - base);
        if (rc >= 0) {
            const size_t *at = pcre2_get_ovector_pointer(matcher->data);
            /* \K can move the start beyond the end or in front of where the search began. */
            if (at[0] < from - base || at[1] < at[0]) {
                return bnt_fail(err, BANTAM_ERR_FORMAT,
                                "a pattern of the tokenizer matches backwards");
            }
            *found = true;
            *start = base + at[0];
            *end = base + at[1];
            if (is_late(matcher)) return fail_match(PCRE2_ERROR_MATCHLIMIT, err);
            return BANTAM_OK;
        }
        if (rc != PCRE2_ERROR_NOMATCH) return fail_match(rc, err);
        from =
            subject->run_end + 1; /* the byte there is not UTF-8, or the text is at its end */
    }
    return BANTAM_OK;
}
