/* test_decode.c - tokens back to text. */
#include "base/mem.h"
#include "specs.h"
#include "support.h"
#include "token/decode.h"

typedef struct fixture {
    bnt_spec spec;
    bnt_vocab vocab;
    bnt_decoder decoder;
} fixture;

static void open_fixture(fixture *f)
{
    bantam_error err = {0};
    if (bnt_vocab_open(&f->vocab, &f->spec, &err)) fail_msg("%s", err.message);
    if (bnt_decoder_open(&f->decoder, &f->vocab, &f->spec, &err)) fail_msg("%s", err.message);
}

static void close_fixture(fixture *f)
{
    bnt_decoder_close(&f->decoder);
    bnt_vocab_close(&f->vocab);
    bnt_spec_deinit(&f->spec);
}

/* Checks the text for every capacity from 0 to one more than is needed. */
static void expect(const fixture *f, unsigned flags, const char *expected, const uint32_t *ids,
                   size_t n)
{
    const size_t needed = strlen(expected);
    for (size_t capacity = 0; capacity <= needed + 1; capacity++) {
        char *got = malloc(capacity + 1);
        size_t size = 99;
        assert_non_null(got);
        got[capacity] = '#';
        const bantam_status status = bnt_decoder_run(
            &f->decoder, ids, n, flags, capacity ? got : NULL, capacity, &size, NULL);
        assert_int_equal(status, capacity < needed ? BANTAM_ERR_FULL : BANTAM_OK);
        assert_int_equal(size, needed);
        assert_memory_equal(got, expected, capacity < needed ? capacity : needed);
        assert_int_equal(got[capacity], '#');
        free(got);
    }
}

#define EXPECT(f, flags, expected, ...)                                                        \
    do {                                                                                       \
        const uint32_t ids_[] = {__VA_ARGS__};                                                 \
        expect(f, flags, expected, ids_, sizeof ids_ / sizeof ids_[0]);                        \
    } while (0)

enum { WORD = 259 }; /* the first word of spec_scores() */

static const char *const words[] = {"\xE2\x96\x81",
                                    "\xE2\x96\x81hi",
                                    "a\xE2\x96\x81"
                                    "b",
                                    "c",
                                    "\xE2\x96\x81\xE2\x96\x81",
                                    NULL};

static void replacements_show_in_the_text_of_each_token(void **state)
{
    (void)state;
    fixture f;
    spec_scores(&f.spec, words);
    open_fixture(&f);
    static const char *const expected[] = {" ", " hi", "a b", "c", "  "};
    for (uint32_t i = 0; i < 5; i++) {
        const bantam_text t = bnt_decoder_text(&f.decoder, WORD + i);
        assert_int_equal(t.size, strlen(expected[i]));
        assert_memory_equal(t.data, expected[i], t.size);
    }
    const bantam_text name = bnt_decoder_text(&f.decoder, 1);
    assert_int_equal(name.size, 3);
    assert_memory_equal(name.data, "<s>", 3);
    const bantam_text byte = bnt_decoder_text(&f.decoder, 3 + 0xE2);
    assert_int_equal(byte.size, 1);
    assert_int_equal((uint8_t)byte.data[0], 0xE2);
    close_fixture(&f);
}

static void the_space_the_encoder_added_is_dropped_once(void **state)
{
    (void)state;
    fixture f;
    spec_scores(&f.spec, words);
    open_fixture(&f);
    EXPECT(&f, 0, "hi hi", WORD + 1, WORD + 1);
    EXPECT(&f, 0, " hi", WORD, WORD + 1);
    EXPECT(&f, 0, " c", WORD + 4, WORD + 3);
    EXPECT(&f, 0, "c hi", WORD + 3, WORD + 1);
    EXPECT(&f, 0, "", WORD);
    EXPECT(&f, 0, "hi", 1, WORD + 1, 2); /* hidden names before it do not count */
    EXPECT(&f, BANTAM_DETOKENIZE_SPECIAL, "<s> hi</s>", 1, WORD + 1, 2);
    expect(&f, 0, "", NULL, 0);
    close_fixture(&f);
}

static void byte_tokens_are_their_bytes(void **state)
{
    (void)state;
    fixture f;
    spec_scores(&f.spec, words);
    open_fixture(&f);
    EXPECT(&f, 0, "\xE2\x96\x81\xFF", 3 + 0xE2, 3 + 0x96, 3 + 0x81, 3 + 0xFF);
    EXPECT(&f, 0, "c", 3 + 0x20, WORD + 3); /* a space as a byte is a space too */
    close_fixture(&f);
}

static void control_and_unknown_tokens_are_left_out_unless_asked_for(void **state)
{
    (void)state;
    fixture f;
    spec_scores(&f.spec, words);
    open_fixture(&f);
    EXPECT(&f, 0, "cc", 0, WORD + 3, 1, WORD + 3, 2);
    EXPECT(&f, BANTAM_DETOKENIZE_SPECIAL, "<unk>c<s>c", 0, WORD + 3, 1, WORD + 3);
    close_fixture(&f);
}

static void stripping_counts_at_both_ends_and_across_tokens(void **state)
{
    (void)state;
    static const char *const plain[] = {"xy", "x", "y", "a", NULL};
    fixture f;
    spec_bytes(&f.spec, BNT_VOCAB_BPE_RANKS, plain);
    f.spec.decode[0] = (bnt_decode_step){
        .op = BNT_DECODE_STRIP, .content = text_of("xy"), .start_count = 2, .end_count = 1};
    f.spec.n_decode = 1;
    open_fixture(&f);
    EXPECT(&f, 0, "xya", 256, 'x', 'y', 256, 'a', 256); /* two of three, one of one */
    EXPECT(&f, 0, "axy", 'a', 256, 'x', 'y');
    EXPECT(&f, 0, "xa", 'x', 'a');
    EXPECT(&f, 0, "ya", 'y', 'a');
    EXPECT(&f, 0, "", 256, 256, 256);
    EXPECT(&f, 0, "xy", 256, 256, 256, 256);
    EXPECT(&f, 0, "x", 256, 'x', 256);
    EXPECT(&f, 0, "y", 'y', 256);
    close_fixture(&f);
}

static void steps_run_in_order(void **state)
{
    (void)state;
    static const char *const plain[] = {"abc", "aab", NULL};
    fixture f;
    spec_bytes(&f.spec, BNT_VOCAB_BPE_RANKS, plain);
    f.spec.decode[0] = (bnt_decode_step){
        .op = BNT_DECODE_REPLACE, .pattern = text_of("b"), .content = text_of("aa")};
    f.spec.decode[1] = (bnt_decode_step){
        .op = BNT_DECODE_REPLACE, .pattern = text_of("aaa"), .content = text_of("Z")};
    f.spec.n_decode = 2;
    open_fixture(&f);
    EXPECT(&f, 0, "ZcZa", 256, 257); /* a aa c; a a aa */
    close_fixture(&f);
}

static void ids_outside_the_vocabulary_are_refused(void **state)
{
    (void)state;
    static const uint32_t bad[] = {264, 300, 0x7FFFFFFF, UINT32_MAX};
    fixture f;
    spec_scores(&f.spec, words);
    open_fixture(&f);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const uint32_t ids[] = {WORD + 3, bad[i]};
        char text[16] = "untouched";
        size_t size = 5;
        bantam_error err;
        assert_int_equal(bnt_decoder_run(&f.decoder, ids, 2, 0, text, 16, &size, &err),
                         BANTAM_ERR_INVALID);
        assert_int_equal(size, 0);
        assert_string_equal(text, "untouched");
        assert_non_null(strstr(err.message, "at 1"));
    }
    close_fixture(&f);
}

static void ten_thousand_bytes_that_never_make_a_character_are_bytes(void **state)
{
    (void)state;
    enum { N = 10000 };
    static uint32_t ids[N];
    static char expected[N + 1];
    fixture f;
    char got[N];
    size_t size;
    spec_scores(&f.spec, words);
    open_fixture(&f);
    for (size_t i = 0; i < N; i++) {
        ids[i] = 3 + 0xE2;
    }
    memset(expected, 0xE2, N);
    assert_int_equal(bnt_decoder_run(&f.decoder, ids, N, 0, got, N, &size, NULL), BANTAM_OK);
    assert_int_equal(size, N);
    assert_memory_equal(got, expected, N);
    close_fixture(&f);
}

static void replacements_that_grow_without_bound_are_refused(void **state)
{
    (void)state;
    static const char *const plain[] = {"aaaaaaaaaaaaaaaa", NULL};
    fixture f;
    bantam_error err;
    spec_bytes(&f.spec, BNT_VOCAB_BPE_RANKS, plain);
    for (uint32_t i = 0; i < 40; i++) {
        f.spec.decode[i] = (bnt_decode_step){
            .op = BNT_DECODE_REPLACE, .pattern = text_of("a"), .content = text_of("aa")};
    }
    f.spec.n_decode = 40;
    assert_int_equal(bnt_vocab_open(&f.vocab, &f.spec, NULL), BANTAM_OK);
    assert_int_equal(bnt_decoder_open(&f.decoder, &f.vocab, &f.spec, &err), BANTAM_ERR_FORMAT);
    close_fixture(&f);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    fixture f;
    bantam_status status;
    uint64_t n = 0;
    spec_scores(&f.spec, words);
    assert_int_equal(bnt_vocab_open(&f.vocab, &f.spec, NULL), BANTAM_OK);
    const int64_t live = bnt_mem_live();
    do {
        bnt_mem_fail_after(n++);
        status = bnt_decoder_open(&f.decoder, &f.vocab, &f.spec, NULL);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        if (status) assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 4);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replacements_show_in_the_text_of_each_token),
        cmocka_unit_test(the_space_the_encoder_added_is_dropped_once),
        cmocka_unit_test(byte_tokens_are_their_bytes),
        cmocka_unit_test(control_and_unknown_tokens_are_left_out_unless_asked_for),
        cmocka_unit_test(stripping_counts_at_both_ends_and_across_tokens),
        cmocka_unit_test(steps_run_in_order),
        cmocka_unit_test(ids_outside_the_vocabulary_are_refused),
        cmocka_unit_test(ten_thousand_bytes_that_never_make_a_character_are_bytes),
        cmocka_unit_test(replacements_that_grow_without_bound_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
