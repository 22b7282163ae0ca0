/* test_load_hf.c - tokenizer.json, and what the files beside it say, to specs. */
#include "token_bytes.h"

#include "base/mem.h"
#include "token/load_parts.h"
#include "token/tokenizer.h"

/* The least model: one byte-level word. Steps and other members are put in front. */
#define MODEL "'model':{'type':'BPE','vocab':{'a':0},'merges':[]}"
#define BYTE_LEVEL                                                                             \
    "'pre_tokenizer':{'type':'ByteLevel','add_prefix_space':false,'use_regex':false}"

static bantam_status load(const char *json, bnt_spec *s, bantam_error *err)
{
    const char *const text = json_of(json);
    bnt_spec_init(s);
    return bnt_load_hf(s, text, strlen(text), NULL, NULL, NULL, err);
}

static void must_load(const char *json, bnt_spec *s)
{
    bantam_error err = {0};
    if (load(json, s, &err)) fail_msg("%s: %s", json, err.message);
}

static void refuse(const char *json, bantam_status expected, const char *message)
{
    bnt_spec s;
    bantam_error err = {0};
    const bantam_status status = load(json, &s, &err);
    if (status != expected) fail_msg("%d for %s: %s", status, json, err.message);
    if (!strstr(err.message, message)) fail_msg("\"%s\" lacks \"%s\"", err.message, message);
    assert_true(spec_is_empty(&s));
}

/* ---- the model --------------------------------------------------------------------------- */

static void byte_level_words_leave_the_alphabet_and_merges_find_them(void **state)
{
    (void)state;
    bnt_spec s;
    must_load("{" BYTE_LEVEL ",'added_tokens':[{'id':4,'content':'<x>','special':true,"
              "'lstrip':true},{'id':6,'content':'\xC3\xA9','special':false,'rstrip':true,"
              "'single_word':true,'normalized':true}],"
              "'model':{'vocab':{'h':0,'e':1,'\xC4\xA0':2,'\xC4\xA0h':3,'he':5},"
              "'merges':['\xC4\xA0 h',['h','e']],'ignore_merges':true}}",
              &s);
    assert_int_equal(s.kind, BNT_VOCAB_BPE_MERGES);
    assert_true(s.byte_level);
    assert_true(s.ignore_merges);
    assert_string_equal(s.kind_name, "byte-level bpe");
    assert_int_equal(s.n_tokens, 7);
    assert_text(s.tokens[2].text, " ");
    assert_text(s.tokens[3].text, " h");
    assert_text(s.tokens[4].text, "<x>");
    assert_int_equal(s.tokens[4].kind, BNT_TOKEN_CONTROL);
    assert_int_equal(s.tokens[4].added, BNT_ADDED_LSTRIP);
    assert_text(s.tokens[6].text, "\xC3\xA9"); /* added tokens are plain text */
    assert_int_equal(s.tokens[6].kind, BNT_TOKEN_USER_DEFINED);
    assert_int_equal(s.tokens[6].added,
                     BNT_ADDED_RSTRIP | BNT_ADDED_WORD | BNT_ADDED_NORMALIZED);
    assert_int_equal(s.n_merges, 2);
    assert_int_equal(s.merges[0].left, 2);
    assert_int_equal(s.merges[0].right, 0);
    assert_int_equal(s.merges[0].result, 3);
    assert_int_equal(s.merges[1].result, 5);
    bnt_spec_deinit(&s);
}

static void byte_fallback_names_become_bytes(void **state)
{
    (void)state;
    bnt_spec s;
    must_load("{'model':{'type':'BPE','byte_fallback':true,'unk_token':'<unk>','fuse_unk':true,"
              "'vocab':{'<unk>':0,'<0x0A>':1,'<0xff>':2,'<0xZZ>':3},'merges':[]}}",
              &s);
    assert_string_equal(s.kind_name, "sentencepiece bpe");
    assert_true(s.byte_fallback);
    assert_true(s.fuse_unknown);
    assert_int_equal(s.unk, 0);
    assert_int_equal(s.tokens[0].kind, BNT_TOKEN_UNKNOWN);
    assert_int_equal(s.tokens[1].kind, BNT_TOKEN_BYTE);
    assert_text(s.tokens[1].text, "\n");
    assert_text(s.tokens[2].text, "\xFF");
    assert_int_equal(s.tokens[3].kind, BNT_TOKEN_NORMAL);
    bnt_spec_deinit(&s);
}

static void ids_left_out_are_unused_tokens(void **state)
{
    (void)state;
    bnt_spec s;
    must_load("{'model':{'type':'BPE','vocab':{'a':0,'b':3},'merges':[]}}", &s);
    assert_int_equal(s.n_tokens, 4);
    assert_int_equal(s.tokens[1].kind, BNT_TOKEN_UNUSED);
    assert_int_equal(s.tokens[1].text.size, 0);
    assert_int_equal(s.tokens[3].kind, BNT_TOKEN_NORMAL);
    bnt_spec_deinit(&s);
}

static void an_added_token_may_rename_an_id_that_merges_use(void **state)
{
    (void)state;
    bnt_spec s;
    must_load("{'added_tokens':[{'id':1,'content':'<new>','special':true}],"
              "'model':{'type':'BPE','vocab':{'a':0,'old':1,'aold':2},'merges':['a old']}}",
              &s);
    assert_text(s.tokens[1].text, "<new>");
    assert_int_equal(s.merges[0].right, 1);
    bnt_spec_deinit(&s);
}

static void bad_models_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "7",
        "{}",
        "{'model':7}",
        "{'model':{'type':'BPE','vocab':[],'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{},'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{'a':0}}}",
        "{'model':{'type':'BPE','vocab':{'a':0},'merges':{}}}",
        "{'model':{'type':'BPE','vocab':{'a':-1},'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{'a':1.5},'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{'a':'1'},'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{'a':2147483648},'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{'a':1099511627776},'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{'a':4000000},'merges':[]}}", /* 100 MB of holes */
        "{'model':{'type':'BPE','vocab':{'a':0,'b':0},'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{'a':0,'a':1},'merges':[]}}",
        "{'model':{'type':'BPE','vocab':{'a':0,'b':1},'merges':['a b']}}",
        "{'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':['a b b']}}",
        "{'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':[['a','b','b']]}}",
        "{'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':[['a',1]]}}",
        "{'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':[7]}}",
        "{'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':['ab']}}",
        "{'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':[' ab']}}",
        "{'model':{'type':'BPE','vocab':{'a':0},'merges':[],'unk_token':'x'}}",
        "{'model':{'type':'BPE','vocab':{'a':0},'merges':[],'byte_fallback':1}}",
        "{'added_tokens':{}," MODEL "}",
        "{'added_tokens':[7]," MODEL "}",
        "{'added_tokens':[{'id':1,'content':''}]," MODEL "}",
        "{'added_tokens':[{'id':1099511627776,'content':'x'}]," MODEL "}",
        "{'added_tokens':[{'id':'1','content':'x'}]," MODEL "}",
        "{'added_tokens':[{'id':1,'content':'x','special':1}]," MODEL "}",
        "{'added_tokens':[{'id':1,'content':'a'}]," MODEL "}",
        "{'added_tokens':[{'id':1,'content':'x'},{'id':1,'content':'y'}]," MODEL "}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(bad[i], BANTAM_ERR_FORMAT, "");
    }
}

static void what_the_spec_cannot_express_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{'model':{'type':'Unigram','vocab':[]}}", "Unigram"},
        {"{'model':{'type':'WordPiece','vocab':{}}}", "WordPiece"},
        {"{'model':{'type':'BPE','vocab':{'a':0},'merges':[],'dropout':0.1}}", "dropout"},
        {"{'model':{'type':'BPE','vocab':{'a':0},'merges':[],'end_of_word_suffix':'</w>'}}",
         "end_of_word_suffix"},
        {"{'normalizer':{'type':'NFC'}," MODEL "}", "NFC"},
        {"{'normalizer':{'type':'Sequence','normalizers':[{'type':'Lowercase'}]}," MODEL "}",
         "Lowercase"},
        {"{'normalizer':{'type':'Precompiled','precompiled_charsmap':'/w=='}," MODEL "}",
         "Precompiled"},
        {"{'pre_tokenizer':{'type':'UnicodeScripts'}," MODEL "}", "UnicodeScripts"},
        {"{'pre_tokenizer':{'type':'Split','pattern':{'Regex':'[a&&[b]]'},"
         "'behavior':'Isolated'}," MODEL "}",
         "[a&&[b]]"},
        {"{'pre_tokenizer':{'type':'Split','pattern':{'Regex':'\\\\h+'},"
         "'behavior':'Isolated'}," MODEL "}",
         "\\h+"},
        {"{'decoder':{'type':'WordPiece'}," MODEL "}", "WordPiece"},
        {"{'decoder':{'type':'Strip','content':' ','start':1,'stop':0}," MODEL "}", "Strip"},
        {"{'post_processor':{'type':'Odd'}," MODEL "}", "Odd"},
        {"{'post_processor':{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'a'}},"
         "{'SpecialToken':{'id':'a'}},{'Sequence':{'id':'A'}}],"
         "'special_tokens':{'a':{'ids':[0]}}}," MODEL "}",
         "more than one special token before"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refuse(cases[i].json, BANTAM_ERR_UNSUPPORTED, cases[i].message);
    }
}

/* ---- steps ------------------------------------------------------------------------------- */

static void normalizers_are_walked_flat(void **state)
{
    (void)state;
    bnt_spec s;
    must_load(
        "{'normalizer':{'type':'Sequence','normalizers':[{'type':'Prepend','prepend':'_'},"
        "{'type':'Sequence','normalizers':[]},"
        "{'type':'Sequence','normalizers':[{'type':'Replace','pattern':{'String':' '},"
        "'content':'_'},{'type':'Replace','pattern':{'Regex':' {2,}$'},'content':''}]},"
        "{'type':'Strip','strip_left':true,'strip_right':false}]}," MODEL "}",
        &s);
    assert_int_equal(s.n_normal, 4);
    assert_int_equal(s.normal[0].op, BNT_NORMAL_PREPEND);
    assert_text(s.normal[0].content, "_");
    assert_int_equal(s.normal[1].op, BNT_NORMAL_REPLACE);
    assert_false(s.normal[1].regex);
    assert_text(s.normal[1].pattern, " ");
    assert_true(s.normal[2].regex);
    assert_text(s.normal[2].pattern, "(?m) {2,}$"); /* a line's end in Oniguruma */
    assert_text(s.normal[2].content, "");
    assert_int_equal(s.normal[3].op, BNT_NORMAL_STRIP);
    assert_true(s.normal[3].left);
    assert_false(s.normal[3].right);
    bnt_spec_deinit(&s);
}

static void pre_tokenizers_become_split_steps(void **state)
{
    (void)state;
    bnt_spec s;
    must_load("{'pre_tokenizer':{'type':'Sequence','pretokenizers':["
              "{'type':'Digits','individual_digits':true},{'type':'Digits'},"
              "{'type':'Split','pattern':{'String':'a.b'},'behavior':'MergedWithPrevious',"
              "'invert':true},"
              "{'type':'Split','pattern':{'Regex':'[^\\\\]$]+'},'behavior':'Removed'},"
              "{'type':'Punctuation','behavior':'Contiguous'},"
              "{'type':'ByteLevel','add_prefix_space':true,'use_regex':true}]}," MODEL "}",
              &s);
    assert_int_equal(s.n_split, 7);
    assert_text(s.split[0].pattern, "\\p{N}");
    assert_int_equal(s.split[0].behavior, BNT_SPLIT_ISOLATED);
    assert_int_equal(s.split[1].behavior, BNT_SPLIT_CONTIGUOUS);
    assert_text(s.split[2].pattern, "a\\.b");
    assert_int_equal(s.split[2].behavior, BNT_SPLIT_MERGED_WITH_PREVIOUS);
    assert_true(s.split[2].invert);
    assert_text(s.split[3].pattern, "[^\\]$]+"); /* $ inside a set is no anchor */
    assert_int_equal(s.split[3].behavior, BNT_SPLIT_REMOVED);
    assert_int_equal(s.split[4].behavior, BNT_SPLIT_CONTIGUOUS);
    assert_int_equal(s.split[5].op, BNT_SPLIT_PREFIX);
    assert_text(s.split[5].content, " ");
    assert_text(s.split[6].pattern, bnt_pre_gpt2);
    assert_true(s.byte_level);
    bnt_spec_deinit(&s);

    must_load("{'pre_tokenizer':{'type':'Sequence','pretokenizers':["
              "{'type':'Digits','individual_digits':true},"
              "{'type':'ByteLevel','add_prefix_space':false}]}," MODEL "}",
              &s);
    assert_string_equal(s.pre_name, "smollm");
    bnt_spec_deinit(&s);
}

static void metaspace_is_a_replacement_a_prefix_and_a_split(void **state)
{
    (void)state;
    bnt_spec s;
    must_load("{'pre_tokenizer':{'type':'Metaspace','replacement':'\xE2\x96\x81',"
              "'prepend_scheme':'first','split':true},"
              "'decoder':{'type':'Metaspace','replacement':'\xE2\x96\x81',"
              "'prepend_scheme':'first'}," MODEL "}",
              &s);
    assert_int_equal(s.n_normal, 1);
    assert_text(s.normal[0].content, "\xE2\x96\x81");
    assert_int_equal(s.n_split, 2);
    assert_int_equal(s.split[0].op, BNT_SPLIT_PREFIX);
    assert_true(s.split[0].first_only);
    assert_int_equal(s.split[1].behavior, BNT_SPLIT_MERGED_WITH_NEXT);
    assert_int_equal(s.n_decode, 2);
    assert_int_equal(s.decode[1].start_count, 1);
    bnt_spec_deinit(&s);

    must_load("{'pre_tokenizer':{'type':'Metaspace','add_prefix_space':false,'split':false},"
              "'decoder':{'type':'Metaspace','add_prefix_space':false}," MODEL "}",
              &s);
    assert_int_equal(s.n_split, 0);
    assert_int_equal(s.n_decode, 1);
    bnt_spec_deinit(&s);
}

/* What the three schemes of Metaspace do to a text, to one after a special token, and to one
 * that has its space already. */
static void metaspace_schemes_differ_after_special_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        uint32_t ids[8]; /* of "a<s>a", then of " a" */
        size_t n;
    } cases[] = {
        {"always", {2, 3, 2, 2}, 4}, {"first", {2, 3, 0, 2}, 4}, {"never", {0, 3, 0, 2}, 4}};
    for (size_t i = 0; i < 3; i++) {
        char json[1024];
        uint32_t ids[8];
        size_t n = 0, more = 0;
        bnt_tokenizer *t = NULL;
        bnt_spec s;
        snprintf(json, sizeof json,
                 "{'added_tokens':[{'id':3,'content':'<s>','special':true}],'pre_tokenizer':"
                 "{'type':'Metaspace','replacement':'\xE2\x96\x81','prepend_scheme':'%s'},"
                 "'model':{'type':'BPE','vocab':{'a':0,'\xE2\x96\x81':1,'\xE2\x96\x81"
                 "a':2},"
                 "'merges':['\xE2\x96\x81 a']}}",
                 cases[i].scheme);
        must_load(json, &s);
        assert_int_equal(bnt_tokenizer_open(&t, &s, NULL), BANTAM_OK);
        assert_int_equal(bnt_tokenizer_encode(t, BNT_TEXT("a<s>a"), BANTAM_TOKENIZE_SPECIAL,
                                              ids, 8, &n, NULL),
                         BANTAM_OK);
        assert_int_equal(
            bnt_tokenizer_encode(t, BNT_TEXT(" a"), 0, ids + n, 8 - n, &more, NULL), BANTAM_OK);
        assert_int_equal(n + more, cases[i].n);
        assert_memory_equal(ids, cases[i].ids, (n + more) * sizeof *ids);
        bnt_tokenizer_close(t);
        bnt_spec_deinit(&s);
    }
}

static void llamas_decoder_is_two_steps(void **state)
{
    (void)state;
    bnt_spec s;
    must_load("{'decoder':{'type':'Sequence','decoders':[{'type':'Replace','pattern':{'String':"
              "'\xE2\x96\x81'},'content':' '},{'type':'ByteFallback'},{'type':'Fuse'},"
              "{'type':'Strip','content':' ','start':1,'stop':2}]}," MODEL "}",
              &s);
    assert_int_equal(s.n_decode, 2);
    assert_int_equal(s.decode[0].op, BNT_DECODE_REPLACE);
    assert_text(s.decode[0].pattern, "\xE2\x96\x81");
    assert_text(s.decode[0].content, " ");
    assert_int_equal(s.decode[1].op, BNT_DECODE_STRIP);
    assert_int_equal(s.decode[1].start_count, 1);
    assert_int_equal(s.decode[1].end_count, 2);
    bnt_spec_deinit(&s);
}

static void bad_steps_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{'normalizer':7," MODEL "}",
        "{'normalizer':{}," MODEL "}",
        "{'normalizer':{'type':'Sequence'}," MODEL "}",
        "{'normalizer':{'type':'Prepend','prepend':1}," MODEL "}",
        "{'normalizer':{'type':'Replace','pattern':'x','content':''}," MODEL "}",
        "{'normalizer':{'type':'Replace','pattern':{'String':'x'}}," MODEL "}",
        "{'pre_tokenizer':{'type':'Split','pattern':{},'behavior':'Isolated'}," MODEL "}",
        "{'pre_tokenizer':{'type':'Split','pattern':{'String':'x'},'behavior':'Odd'}," MODEL
        "}",
        "{'pre_tokenizer':{'type':'Metaspace','replacement':''}," MODEL "}",
        "{'pre_tokenizer':{'type':'Metaspace','prepend_scheme':'odd'}," MODEL "}",
        "{'pre_tokenizer':{'type':'Digits','individual_digits':1}," MODEL "}",
        "{'decoder':[]," MODEL "}",
        "{'decoder':{'type':'Sequence','decoders':[{'type':'Fuse'},{'type':'Strip','content':"
        "' ','start':-1}]}," MODEL "}",
        "{'post_processor':{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'<s>'}}"
        "],"
        "'special_tokens':{}}," MODEL "}",
        "{'post_processor':{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'<s>'}}"
        "],"
        "'special_tokens':{'<s>':{'ids':[9]}}}," MODEL "}",
        "{'post_processor':{'type':'RobertaProcessing','cls':['a',0],'sep':['b',9]}," MODEL
        "}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(bad[i], BANTAM_ERR_FORMAT, "");
    }
}

static void too_many_steps_are_refused(void **state)
{
    (void)state;
    char json[12000] = "{'normalizer':{'type':'Sequence','normalizers':[";
    for (int i = 0; i < BNT_SPEC_MAX_STEPS + 1; i++) {
        strcat(json,
               i ? ",{'type':'Prepend','prepend':'_'}" : "{'type':'Prepend','prepend':'_'}");
    }
    strcat(json, "]}," MODEL "}");
    refuse(json, BANTAM_ERR_UNSUPPORTED, "more than 64 steps");
}

/* ---- what an encoder adds, and the files beside ------------------------------------------ */

#define VOCAB4                                                                                 \
    "'added_tokens':[{'id':1,'content':'<s>','special':true},"                                 \
    "{'id':2,'content':'</"                                                                    \
    "s>','special':true},{'id':3,'content':'<end>','special':true}]," MODEL

static json_t *parse(const char *json)
{
    json_t *value = NULL;
    const char *const text = json_of(json);
    bantam_error err = {0};
    if (bnt_json_parse(&value, text, strlen(text), &err)) fail_msg("%s", err.message);
    return value;
}

static bantam_status load_beside(const char *json, const char *config, const char *generation,
                                 const char *model_config, bnt_spec *s)
{
    json_t *const c = config ? parse(config) : NULL,
                  *const g = generation ? parse(generation) : NULL,
                  *const m = model_config ? parse(model_config) : NULL;
    const char *const text = json_of(json);
    bnt_spec_init(s);
    const bantam_status status = bnt_load_hf(s, text, strlen(text), c, g, m, NULL);
    json_decref(c);
    json_decref(g);
    json_decref(m);
    return status;
}

static void a_template_decides_what_is_added(void **state)
{
    (void)state;
    bnt_spec s;
    assert_int_equal(
        load_beside("{'post_processor':{'type':'Sequence','processors':[{'type':'ByteLevel'},"
                    "{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'<s>',"
                    "'type_id':0}},{'Sequence':{'id':'A','type_id':0}},"
                    "{'SpecialToken':{'id':'<e>'}}],'special_tokens':{'<s>':{'ids':[1]},"
                    "'<e>':{'ids':[3]}}}]}," VOCAB4 "}",
                    "{'add_bos_token':false,'bos_token':'</s>','eos_token':'</s>'}", NULL, NULL,
                    &s),
        BANTAM_OK);
    assert_true(s.adds_bos);
    assert_true(s.adds_eos);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.eos, 3);
    bnt_spec_deinit(&s);

    assert_int_equal(
        load_beside("{'post_processor':{'type':'TemplateProcessing','single':[{'Sequence':"
                    "{'id':'A'}}],'special_tokens':{}}," VOCAB4 "}",
                    "{'add_bos_token':true,'bos_token':'<s>'}", NULL, NULL, &s),
        BANTAM_OK);
    assert_false(s.adds_bos);
    assert_int_equal(s.bos, 1);
    bnt_spec_deinit(&s);

    must_load("{'post_processor':{'type':'RobertaProcessing','cls':['<s>',1],'sep':['</"
              "s>',2]}," VOCAB4 "}",
              &s);
    assert_true(s.adds_bos);
    assert_true(s.adds_eos);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.eos, 2);
    bnt_spec_deinit(&s);
}

static void without_a_template_the_config_and_the_class_decide(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        bool adds_bos;
    } cases[] = {
        {NULL, false},
        {"{'bos_token':'<s>'}", false},
        {"{'bos_token':'<s>','add_bos_token':true}", true},
        {"{'bos_token':{'content':'<s>'},'add_bos_token':true}", true},
        {"{'bos_token':'<s>','tokenizer_class':'LlamaTokenizerFast'}", true},
        {"{'bos_token':'<s>','tokenizer_class':'LlamaTokenizer','add_bos_token':false}", false},
        {"{'bos_token':'<s>','tokenizer_class':'GPT2Tokenizer'}", false},
        {"{'bos_token':'<none>','add_bos_token':true}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bnt_spec s;
        assert_int_equal(load_beside("{" VOCAB4 "}", cases[i].config, NULL, NULL, &s),
                         BANTAM_OK);
        assert_int_equal(s.adds_bos, cases[i].adds_bos);
        bnt_spec_deinit(&s);
    }
}

static void ends_are_gathered_from_all_files(void **state)
{
    (void)state;
    bnt_spec s;
    assert_int_equal(load_beside("{" VOCAB4 "}", "{'eos_token':'</s>','pad_token':'<end>'}",
                                 "{'bos_token_id':1,'eos_token_id':[3,0,77,-1]}",
                                 "{'eos_token_id':9,'bos_token_id':2}", &s),
                     BANTAM_OK);
    assert_int_equal(s.eos, 2);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.pad, 3);
    assert_int_equal(s.n_stops, 3);
    bnt_spec_deinit(&s);

    assert_int_equal(load_beside("{" VOCAB4 "}", NULL, NULL,
                                 "{'text_config':{'eos_token_id':3,'bos_token_id':1}}", &s),
                     BANTAM_OK);
    assert_int_equal(s.eos, 3);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.n_stops, 2); /* and </s>, known by its name */
    bnt_spec_deinit(&s);
}

static void chat_templates_are_texts_or_lists_with_a_default(void **state)
{
    (void)state;
    bnt_spec s;
    assert_int_equal(load_beside("{" VOCAB4 "}", "{'chat_template':'{{ x }}'}", NULL, NULL, &s),
                     BANTAM_OK);
    assert_text(s.chat_template, "{{ x }}");
    bnt_spec_deinit(&s);
    assert_int_equal(load_beside("{" VOCAB4 "}",
                                 "{'chat_template':[{'name':'tool_use','template':'A'},"
                                 "{'name':'default','template':'B'}]}",
                                 NULL, NULL, &s),
                     BANTAM_OK);
    assert_text(s.chat_template, "B");
    bnt_spec_deinit(&s);
    assert_int_equal(load_beside("{" VOCAB4 "}", "{'chat_template':[7]}", NULL, NULL, &s),
                     BANTAM_OK);
    assert_int_equal(s.chat_template.size, 0);
    bnt_spec_deinit(&s);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const char *const text = json_of("{" BYTE_LEVEL "," VOCAB4 "}");
    for (size_t n = 0; n < strlen(text); n++) {
        bnt_spec s;
        bnt_spec_init(&s);
        assert_int_equal(bnt_load_hf(&s, text, n, NULL, NULL, NULL, NULL), BANTAM_ERR_FORMAT);
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
        status = load("{'normalizer':{'type':'Replace','pattern':{'Regex':'a$'},'content':'b'},"
                      "'pre_tokenizer':{'type':'Metaspace'},'decoder':{'type':'Metaspace'},"
                      "'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':['a b']}}",
                      &s, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, s.n_tokens ? BANTAM_OK : BANTAM_ERR_NOMEM);
        bnt_spec_deinit(&s);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 200);
    assert_int_equal(status, BANTAM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level_words_leave_the_alphabet_and_merges_find_them),
        cmocka_unit_test(byte_fallback_names_become_bytes),
        cmocka_unit_test(ids_left_out_are_unused_tokens),
        cmocka_unit_test(an_added_token_may_rename_an_id_that_merges_use),
        cmocka_unit_test(bad_models_are_refused),
        cmocka_unit_test(what_the_spec_cannot_express_is_named),
        cmocka_unit_test(normalizers_are_walked_flat),
        cmocka_unit_test(pre_tokenizers_become_split_steps),
        cmocka_unit_test(metaspace_is_a_replacement_a_prefix_and_a_split),
        cmocka_unit_test(metaspace_schemes_differ_after_special_tokens),
        cmocka_unit_test(llamas_decoder_is_two_steps),
        cmocka_unit_test(bad_steps_are_refused),
        cmocka_unit_test(too_many_steps_are_refused),
        cmocka_unit_test(a_template_decides_what_is_added),
        cmocka_unit_test(without_a_template_the_config_and_the_class_decide),
        cmocka_unit_test(ends_are_gathered_from_all_files),
        cmocka_unit_test(chat_templates_are_texts_or_lists_with_a_default),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(no_allocation_is_left_unchecked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
