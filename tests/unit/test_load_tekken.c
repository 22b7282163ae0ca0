/* test_load_tekken.c - Mistral's tekken.json to specs. */
#include "token_bytes.h"

#include "base/mem.h"

/* Four ranks of which the last is past the size of the model; 22 control tokens. */
static const char whole[] =
    "{'config':{'pattern':'\\\\p{N}|.','num_vocab_tokens':4,'default_vocab_size':25,"
    "'default_num_special_tokens':22,'version':'v3'},"
    "'vocab':[{'rank':0,'token_bytes':'AA==','token_str':'\\u0000'},"
    "{'rank':1,'token_bytes':'YQ==','token_str':'a'},"
    "{'rank':2,'token_bytes':'/w==','token_str':null},"
    "{'rank':3,'token_bytes':'YWE=','token_str':'aa'}]}";

static bantam_status load(const char *json, bnt_spec *s, bantam_error *err)
{
    const char *const text = json_of(json);
    bnt_spec_init(s);
    return bnt_load_tekken(s, text, strlen(text), err);
}

static void ids_are_ranks_after_the_control_tokens(void **state)
{
    (void)state;
    bnt_spec s;
    bantam_error err = {0};
    if (load(whole, &s, &err)) fail_msg("%s", err.message);
    assert_int_equal(s.kind, BNT_VOCAB_BPE_RANKS);
    assert_true(s.byte_level);
    assert_true(s.ignore_merges);
    assert_int_equal(s.n_tokens, 25); /* rank 3 does not exist */
    assert_int_equal(s.tokens[22].text.size, 1);
    assert_int_equal(s.tokens[22].text.data[0], 0);
    assert_text(s.tokens[23].text, "a");
    assert_text(s.tokens[24].text, "\xFF");
    assert_text(s.tokens[0].text, "<unk>");
    assert_text(s.tokens[3].text, "[INST]");
    assert_text(s.tokens[9].text, "[TOOL_CALLS]");
    assert_text(s.tokens[19].text, "[TOOL_CONTENT]");
    assert_text(s.tokens[20].text, "<SPECIAL_20>");
    assert_int_equal(s.tokens[21].kind, BNT_TOKEN_CONTROL);
    assert_int_equal(s.tokens[22].kind, BNT_TOKEN_NORMAL);
    assert_int_equal(s.unk, 0);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.eos, 2);
    assert_int_equal(s.pad, 11);
    assert_true(s.adds_bos);
    assert_int_equal(s.n_split, 1);
    assert_text(s.split[0].pattern, "\\p{N}|.");
    assert_string_equal(s.pre_name, "");
    bnt_spec_deinit(&s);
}

static void listed_control_tokens_replace_the_built_in_ones(void **state)
{
    (void)state;
    bnt_spec s;
    bantam_error err = {0};
    const bantam_status status =
        load("{'config':{'pattern':'.','default_vocab_size':5,'default_num_special_tokens':4},"
             "'vocab':[{'rank':0,'token_bytes':'AA=='}],"
             "'special_tokens':[{'rank':2,'token_str':'<s>','is_control':true},"
             "{'rank':0,'token_str':'[THINK]','is_control':true}]}",
             &s, &err);
    if (status) fail_msg("%s", err.message);
    assert_text(s.tokens[0].text, "[THINK]");
    assert_text(s.tokens[1].text, "<SPECIAL_1>");
    assert_text(s.tokens[2].text, "<s>");
    assert_int_equal(s.bos, 2);
    assert_int_equal(s.eos, BANTAM_NO_TOKEN);
    assert_int_equal(s.unk, BANTAM_NO_TOKEN);
    bnt_spec_deinit(&s);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]", "{}", "{'config':{}}", "{'config':[],'vocab':{}}",
        /* sizes */
        "{'config':{'pattern':'.','default_vocab_size':3,'default_num_special_tokens':1},"
        "'vocab':[{'rank':0,'token_bytes':'AA=='}]}",
        "{'config':{'pattern':'.','default_vocab_size':2,'default_num_special_tokens':2},"
        "'vocab':[{'rank':0,'token_bytes':'AA=='}]}",
        "{'config':{'pattern':'.','default_vocab_size':4294967295,"
        "'default_num_special_tokens':4294967294},'vocab':[{'rank':0,'token_bytes':'AA=='}]}",
        "{'config':{'pattern':'.','default_vocab_size':-2,'default_num_special_tokens':0},"
        "'vocab':[]}",
        /* no pattern */
        "{'config':{'default_vocab_size':1,'default_num_special_tokens':0},"
        "'vocab':[{'rank':0,'token_bytes':'AA=='}]}",
        /* rank, base64, empty token */
        "{'config':{'pattern':'.','default_vocab_size':1,'default_num_special_tokens':0},"
        "'vocab':[{'rank':1,'token_bytes':'AA=='}]}",
        "{'config':{'pattern':'.','default_vocab_size':1,'default_num_special_tokens':0},"
        "'vocab':[{'rank':0,'token_bytes':'A*=='}]}",
        "{'config':{'pattern':'.','default_vocab_size':1,'default_num_special_tokens':0},"
        "'vocab':[{'rank':0,'token_bytes':''}]}",
        "{'config':{'pattern':'.','default_vocab_size':1,'default_num_special_tokens':0},"
        "'vocab':[7]}",
        /* control tokens: twice, outside, no array */
        "{'config':{'pattern':'.','default_vocab_size':2,'default_num_special_tokens':1},"
        "'vocab':[{'rank':0,'token_bytes':'AA=='}],'special_tokens':[{'rank':0,'token_str':'a'}"
        ","
        "{'rank':0,'token_str':'b'}]}",
        "{'config':{'pattern':'.','default_vocab_size':2,'default_num_special_tokens':1},"
        "'vocab':[{'rank':0,'token_bytes':'AA=='}],'special_tokens':[{'rank':1,'token_str':'a'}"
        "]}",
        "{'config':{'pattern':'.','default_vocab_size':2,'default_num_special_tokens':1},"
        "'vocab':[{'rank':0,'token_bytes':'AA=='}],'special_tokens':7}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bnt_spec s;
        bantam_error err = {0};
        if (load(bad[i], &s, &err) != BANTAM_ERR_FORMAT) fail_msg("accepted %s", bad[i]);
        assert_true(err.message[0] != '\0');
        assert_true(spec_is_empty(&s));
    }
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const char *const text = json_of(whole);
    for (size_t n = 0; n < strlen(text); n++) {
        bnt_spec s;
        bnt_spec_init(&s);
        assert_int_equal(bnt_load_tekken(&s, text, n, NULL), BANTAM_ERR_FORMAT);
        assert_true(spec_is_empty(&s));
    }
}

static void no_allocation_is_left_unchecked(void **state)
{
    (void)state;
    uint64_t n = 0;
    bantam_status status;
    do {
        bnt_spec s;
        const int64_t live = bnt_mem_live();
        bnt_mem_fail_after(n++);
        status = load(whole, &s, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, s.n_tokens ? BANTAM_OK : BANTAM_ERR_NOMEM);
        bnt_spec_deinit(&s);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    assert_int_equal(status, BANTAM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_ranks_after_the_control_tokens),
        cmocka_unit_test(listed_control_tokens_replace_the_built_in_ones),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(no_allocation_is_left_unchecked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
