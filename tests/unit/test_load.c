/* test_load.c - from paths to specs: which file counts, and what lies beside it. */
#include "token_bytes.h"

#include "base/mem.h"
#include <sys/stat.h>
#include <unistd.h>

#define HF                                                                                     \
    "{'added_tokens':[{'id':1,'content':'<s>','special':true},{'id':2,'content':'<e>',"        \
    "'special':true}],'model':{'type':'BPE','vocab':{'a':0},'merges':[]}}"
#define TEKKEN                                                                                 \
    "{'config':{'pattern':'.','default_vocab_size':2,'default_num_special_tokens':1},"         \
    "'vocab':[{'rank':0,'token_bytes':'AA=='}]}"

static char folder[256];

static const char *in_folder(const char *name)
{
    static char paths[8][512];
    static unsigned turn;
    char *const path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *text)
{
    write_whole(in_folder(name), text, strlen(text));
}

static int make_folder(void **state)
{
    (void)state;
    const char *const tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/bantam-load-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"tokenizer.json",
                                        "tekken.json",
                                        "tokenizer.model",
                                        "tokenizer_config.json",
                                        "generation_config.json",
                                        "config.json",
                                        "chat_template.jinja",
                                        "chat_template.json",
                                        "vocab.gguf",
                                        "odd"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(in_folder(names[i]));
    return rmdir(folder);
}

static void must_load(const char *path, bnt_spec *s)
{
    bantam_error err = {0};
    bnt_spec_init(s);
    if (bnt_spec_load(s, path, &err)) fail_msg("%s", err.message);
}

static void refuse(const char *path, bantam_status expected, const char *start,
                   const char *part)
{
    bnt_spec s;
    bantam_error err = {0};
    bnt_spec_init(&s);
    const bantam_status status = bnt_spec_load(&s, path, &err);
    if (status != expected) fail_msg("%d: %s", status, err.message);
    if (strncmp(err.message, start, strlen(start)) != 0 || !strstr(err.message, part)) {
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", err.message, start, part);
    }
    assert_true(spec_is_empty(&s));
}

static void a_folder_is_its_first_tokenizer_with_the_files_beside_it(void **state)
{
    (void)state;
    bnt_spec s;
    refuse(folder, BANTAM_ERR_IO, folder, "no tokenizer.json");
    put_file("tokenizer.model", "IQ== 0\n");
    must_load(folder, &s);
    assert_string_equal(s.kind_name, "tiktoken");
    assert_int_equal(s.n_tokens, 257);
    bnt_spec_deinit(&s);

    put_file("tekken.json", json_of(TEKKEN));
    must_load(folder, &s);
    assert_int_equal(s.n_tokens, 2);
    bnt_spec_deinit(&s);

    put_file("tokenizer.json", json_of(HF));
    put_file("tokenizer_config.json",
             json_of("{'bos_token':'<s>','add_bos_token':true,'chat_template':'old',"
                     "'model_max_length':1000000000000000019884624838656}"));
    put_file("generation_config.json", json_of("{'eos_token_id':2}"));
    put_file("config.json", json_of("{'eos_token_id':1}"));
    must_load(folder, &s);
    assert_int_equal(s.n_tokens, 3);
    assert_true(s.adds_bos);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.eos, 2);
    assert_int_equal(s.n_stops, 1);
    assert_text(s.chat_template, "old");
    bnt_spec_deinit(&s);

    /* One file alone gives what its folder gives. */
    must_load(in_folder("tokenizer.json"), &s);
    assert_int_equal(s.eos, 2);
    assert_text(s.chat_template, "old");
    bnt_spec_deinit(&s);
}

static void templates_in_files_of_their_own_come_first(void **state)
{
    (void)state;
    bnt_spec s;
    put_file("tokenizer.json", json_of(HF));
    put_file("tokenizer_config.json", json_of("{'chat_template':'old'}"));
    put_file("chat_template.json", json_of("{'chat_template':'newer'}"));
    must_load(folder, &s);
    assert_text(s.chat_template, "newer");
    bnt_spec_deinit(&s);
    put_file("chat_template.jinja", "newest");
    must_load(folder, &s);
    assert_text(s.chat_template, "newest");
    bnt_spec_deinit(&s);
}

static void files_are_told_by_their_bytes(void **state)
{
    (void)state;
    static const float score[] = {0, 0, 0};
    static const char *const pieces[] = {"<unk>", "<s>", "</s>"};
    bnt_spec s;
    bytes b = {0}, m = {0};

    put_file("odd", json_of("  " TEKKEN));
    must_load(in_folder("odd"), &s);
    assert_int_equal(s.kind, BNT_VOCAB_BPE_RANKS);
    bnt_spec_deinit(&s);

    gguf_start(&b);
    gguf_text(&b, "tokenizer.ggml.model", "llama");
    gguf_texts(&b, "tokenizer.ggml.tokens", pieces, 3);
    gguf_floats(&b, "tokenizer.ggml.scores", score, 3);
    gguf_end(&b);
    write_whole(in_folder("odd"), b.data, b.size);
    put_file("tokenizer_config.json", "broken"); /* which a GGUF file does not need */
    must_load(in_folder("odd"), &s);
    assert_int_equal(s.n_tokens, 3);
    bnt_spec_deinit(&s);
    unlink(in_folder("tokenizer_config.json"));
    bytes_free(&b);

    pb_piece(&b, "<unk>", 0, 2);
    pb_piece(&b, "a", 0, 1);
    pb_number(&m, 3, 2);
    pb_bytes(&b, 2, m.data, m.size);
    write_whole(in_folder("odd"), b.data, b.size);
    must_load(in_folder("odd"), &s);
    assert_string_equal(s.kind_name, "sentencepiece bpe");
    bnt_spec_deinit(&s);
    bytes_free(&m);
    bytes_free(&b);
}

static void messages_begin_with_the_file_at_fault(void **state)
{
    (void)state;
    put_file("tokenizer.json", "{");
    refuse(folder, BANTAM_ERR_FORMAT, in_folder("tokenizer.json"), "line 1");
    put_file("tokenizer.json", "");
    refuse(folder, BANTAM_ERR_FORMAT, in_folder("tokenizer.json"), "");
    put_file("tokenizer.json", "[]");
    refuse(folder, BANTAM_ERR_FORMAT, in_folder("tokenizer.json"), "no model");
    put_file("tokenizer.json", json_of(HF));
    put_file("config.json", "[]");
    refuse(folder, BANTAM_ERR_FORMAT, in_folder("config.json"), "expected an object");
    put_file("config.json", "");
    refuse(folder, BANTAM_ERR_FORMAT, in_folder("config.json"), "");
    unlink(in_folder("config.json"));
    put_file("odd", "\xFF\xFE\x80");
    refuse(in_folder("odd"), BANTAM_ERR_FORMAT, in_folder("odd"), "");
    put_file("odd", "");
    refuse(in_folder("odd"), BANTAM_ERR_FORMAT, in_folder("odd"), "");
    refuse(in_folder("absent"), BANTAM_ERR_IO, in_folder("absent"), "");
    refuse("/dev/zero", BANTAM_ERR_IO, "/dev/zero", "");
    refuse("", BANTAM_ERR_IO, "", "");
}

static void no_allocation_is_left_unchecked(void **state)
{
    (void)state;
    put_file("tokenizer.json", json_of(HF));
    put_file("tokenizer_config.json",
             json_of("{'chat_template':'old','model_max_length':1000000000000000000000}"));
    put_file("chat_template.jinja", "newest");
    uint64_t n = 0;
    bantam_status status;
    do {
        bnt_spec s;
        const int64_t live = bnt_mem_live();
        bnt_spec_init(&s);
        bnt_mem_fail_after(n++);
        status = bnt_spec_load(&s, folder, NULL);
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
        cmocka_unit_test_setup_teardown(
            a_folder_is_its_first_tokenizer_with_the_files_beside_it, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(templates_in_files_of_their_own_come_first, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(files_are_told_by_their_bytes, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(messages_begin_with_the_file_at_fault, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(no_allocation_is_left_unchecked, make_folder,
                                        drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
