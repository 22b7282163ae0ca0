/* pattern.h - PCRE2 patterns over texts that need not be UTF-8, with bounds on time and stack.
 *
 * Bytes that are not UTF-8 end a text as far as patterns can see: they match nothing, and what
 * stands before and after them is matched as if it stood alone, though assertions that look
 * back still end there. A pattern does not change after it is compiled; a matcher belongs to
 * one thread.
 */
#ifndef BNT_TOKEN_PATTERN_H
#define BNT_TOKEN_PATTERN_H
#include "bantam/bantam.h"

/* A zeroed pattern is a valid closed one. */
typedef struct bnt_pattern {
    struct pcre2_real_code_8 *code; /* owns */
    bool jit;
} bnt_pattern;

/* Compiles with UTF and UCP. name begins the messages ("split pattern 2"). BANTAM_ERR_FORMAT
 * where the pattern does not compile. */
bantam_status bnt_pattern_compile(bnt_pattern *pattern, bantam_text source, const char *name,
                                  bantam_error *err);
void bnt_pattern_free(bnt_pattern *pattern);
size_t bnt_pattern_bytes(const bnt_pattern *pattern); /* memory it holds */

/* What matching needs besides patterns. Zeroed is closed. */
typedef struct bnt_matcher {
    struct pcre2_real_match_data_8 *data;       /* owns */
    struct pcre2_real_match_context_8 *context; /* owns */
    size_t window;                              /* whose limits context holds */
    uint64_t start_ns, start_cpu_ns, allowed_ns;
    uint32_t n_calls;
} bnt_matcher;

/* text_size is that of all the text this matcher will see: the time it may take grows with it.
 */
bantam_status bnt_matcher_init(bnt_matcher *matcher, size_t text_size, bantam_error *err);
void bnt_matcher_deinit(bnt_matcher *matcher);

/* A text that is searched from its start to its end. */
typedef struct bnt_subject {
    bantam_text text;
    size_t run_start, run_end; /* a stretch of UTF-8, as long as it can be */
} bnt_subject;

/* clean: the text is known to be UTF-8. */
void bnt_subject_init(bnt_subject *subject, bantam_text text, bool clean);

/* The first match that starts at `from` or later; `from` never decreases for one subject and is
 * at most the text's size. *found tells whether there is one. BANTAM_ERR_FULL where the
 * pattern takes too many steps or too long on this text. */
bantam_status bnt_pattern_find(const bnt_pattern *pattern, bnt_matcher *matcher,
                               bnt_subject *subject, size_t from, bool *found, size_t *start,
                               size_t *end, bantam_error *err);

/* The start of the character after the one at `at`, which is below the text's size. */
size_t bnt_text_after(bantam_text text, size_t at);
/* The start of the character before `at`, which is above 0. Bytes that are not UTF-8 count one
 * by one. */
size_t bnt_text_before(bantam_text text, size_t at);

#endif
