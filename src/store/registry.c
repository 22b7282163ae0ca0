/* registry.c - the table of names, and names taken apart.
 *
 * A row is data and nothing else: what is fetched, how and where to, is the same for all. Sizes
 * come from the number of parameters, which the models' own configurations give.
 */
#include "store/registry.h"

#include "format/locate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the table --------------------------------------------------------------------------- */

/* What a Hugging Face folder needs to run, and the terms that come with it. Weights in other
 * forms than safetensors (*.bin, *.pth, onnx/) are passed over. */
#define WEIGHTS "config.json generation_config.json *.safetensors *.safetensors.index.json "
#define TERMS   "LICENSE* NOTICE* USE_POLICY*"
#define BYTE_BPE                                                                               \
    WEIGHTS "tokenizer.json tokenizer_config.json special_tokens_map.json "                    \
            "chat_template.jinja " TERMS
#define SENTENCEPIECE                                                                          \
    WEIGHTS                                                                                    \
    "tokenizer.model tokenizer.json tokenizer_config.json special_tokens_map.json " TERMS
#define TEKKEN                                                                                 \
    WEIGHTS "tekken.json tokenizer.json tokenizer_config.json special_tokens_map.json "        \
            "chat_template.jinja SYSTEM_PROMPT.txt " TERMS

const char bnt_registry_files[] =
    WEIGHTS "tokenizer.json tokenizer.model tekken.json tokenizer_config.json "
            "special_tokens_map.json added_tokens.json chat_template.jinja chat_template.json "
            "SYSTEM_PROMPT.txt " TERMS;

#define APACHE "Apache-2.0"
#define LLAMA3 "Llama 3.2 Community License"
#define MRL    "Mistral Research License (no commercial use)"

#define PHONELM_NOTE "its card and license file say Apache-2.0, its README says GPL-2.0"
#define AMD_NOTE     "the tokenizer is under the Llama 2 Community License"

/* Of bnt_tokenizer_bytes(), with the published files; tests hold them against those at hand. */
#define SMOLLM2_WORDS 4340000
#define LLAMA3_WORDS  7000000
#define LLAMA2_WORDS  1880000
#define TEKKEN_WORDS  6500000

static const bnt_registry_row rows[] = {
    {"smollm2:135m", "HuggingFaceTB/SmolLM2-135M", APACHE, BYTE_BPE, NULL, 134515008, 2, false,
     false, "smollm2-135m", SMOLLM2_WORDS},
    {"smollm2:135m-instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", APACHE, BYTE_BPE, NULL,
     134515008, 2, false, true, "smollm2-135m", SMOLLM2_WORDS},
    {"smollm2:360m", "HuggingFaceTB/SmolLM2-360M", APACHE, BYTE_BPE, NULL, 361821120, 2, false,
     false, "smollm2-360m", SMOLLM2_WORDS},
    {"smollm2:360m-instruct", "HuggingFaceTB/SmolLM2-360M-Instruct", APACHE, BYTE_BPE, NULL,
     361821120, 2, false, true, "smollm2-360m", SMOLLM2_WORDS},
    {"smollm2:1.7b", "HuggingFaceTB/SmolLM2-1.7B", APACHE, BYTE_BPE, NULL, 1711376384, 2, false,
     false, "smollm2-1.7b", SMOLLM2_WORDS},
    {"smollm2:1.7b-instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct", APACHE, BYTE_BPE,
     "calls tools", 1711376384, 2, false, true, "smollm2-1.7b", SMOLLM2_WORDS},
    {"llama3.2:1b", "meta-llama/Llama-3.2-1B", LLAMA3, BYTE_BPE, NULL, 1235814400, 2, true,
     false, "llama3.2-1b", LLAMA3_WORDS},
    {"llama3.2:1b-instruct", "meta-llama/Llama-3.2-1B-Instruct", LLAMA3, BYTE_BPE,
     "calls tools", 1235814400, 2, true, true, "llama3.2-1b", LLAMA3_WORDS},
    {"llama3.2:3b", "meta-llama/Llama-3.2-3B", LLAMA3, BYTE_BPE, NULL, 3212749824, 2, true,
     false, "llama3.2-3b", LLAMA3_WORDS},
    {"llama3.2:3b-instruct", "meta-llama/Llama-3.2-3B-Instruct", LLAMA3, BYTE_BPE,
     "calls tools", 3212749824, 2, true, true, "llama3.2-3b", LLAMA3_WORDS},
    {"amd-llama:135m", "amd/AMD-Llama-135m", APACHE, SENTENCEPIECE, AMD_NOTE, 134105856, 4,
     false, false, "amd-llama-135m", LLAMA2_WORDS},
    {"amd-llama:135m-code", "amd/AMD-Llama-135m-code", APACHE, SENTENCEPIECE, AMD_NOTE,
     134105856, 4, false, false, "amd-llama-135m", LLAMA2_WORDS},
    {"codellama:7b", "codellama/CodeLlama-7b-hf", "Llama 2 Community License", SENTENCEPIECE,
     "the model that amd-llama:135m-code drafts for", 6738546688, 2, false, false,
     "codellama-7b", LLAMA2_WORDS},
    {"phonelm:0.5b", "mllmTeam/PhoneLM-0.5B", APACHE, BYTE_BPE, PHONELM_NOTE, 509658112, 2,
     false, false, "phonelm-0.5b", SMOLLM2_WORDS},
    {"phonelm:0.5b-instruct", "mllmTeam/PhoneLM-0.5B-Instruct", APACHE, BYTE_BPE, PHONELM_NOTE,
     509658112, 2, false, true, "phonelm-0.5b", SMOLLM2_WORDS},
    {"phonelm:1.5b", "mllmTeam/PhoneLM-1.5B", APACHE, BYTE_BPE, PHONELM_NOTE, 1618593280, 2,
     false, false, "phonelm-1.5b", SMOLLM2_WORDS},
    {"phonelm:1.5b-instruct", "mllmTeam/PhoneLM-1.5B-Instruct", APACHE, BYTE_BPE, PHONELM_NOTE,
     1618593280, 2, false, true, "phonelm-1.5b", SMOLLM2_WORDS},
    {"phonelm:1.5b-call", "mllmTeam/PhoneLM-1.5B-Call", APACHE, BYTE_BPE,
     "calls Android functions; " PHONELM_NOTE, 1618593280, 2, false, false, "phonelm-1.5b",
     SMOLLM2_WORDS},
    {"ministral:8b", "mistralai/Ministral-8B-Instruct-2410", MRL, TEKKEN, NULL, 8019808256, 2,
     true, true, "ministral-8b", TEKKEN_WORDS},
    {"ministral3:3b", "mistralai/Ministral-3-3B-Base-2512", APACHE, TEKKEN, "with vision",
     3849090048, 2, false, false, "ministral3-3b", TEKKEN_WORDS},
    {"ministral3:3b-instruct", "mistralai/Ministral-3-3B-Instruct-2512-BF16", APACHE, TEKKEN,
     "with vision; the BF16 edition, since the other one is in FP8", 3849090048, 2, false, true,
     "ministral3-3b", TEKKEN_WORDS},
    {"ministral3:3b-reasoning", "mistralai/Ministral-3-3B-Reasoning-2512", APACHE, TEKKEN,
     "with vision", 3849090048, 2, false, true, "ministral3-3b", TEKKEN_WORDS},
    {"bluelm-v:3b", NULL, "not published", "", "its authors have published no weights",
     2700000000, 2, false, false, NULL, 0},
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

size_t bnt_registry_n(void)
{
    return N_ROWS;
}

const bnt_registry_row *bnt_registry_at(size_t index)
{
    return index < N_ROWS ? &rows[index] : NULL;
}

const bnt_registry_row *bnt_registry_by_repository(const char *repository)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (rows[i].repository && strcasecmp(rows[i].repository, repository) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* ---- forms ------------------------------------------------------------------------------- */

/* How a form that is made here is written behind a name of the table, and its type. The first
 * spelling of a type is the proper one. */
static const struct {
    const char *suffix, *type;
} forms[] = {{"q4", "b4"}, {"q8", "b8"},     {"b4", "b4"},
             {"b8", "b8"}, {"q4_0", "q4_0"}, {"q8_0", "q8_0"}};

enum { N_FORMS = sizeof forms / sizeof forms[0] };

/* The type that a suffix stands for; NULL for none. */
static const char *type_of(const char *suffix)
{
    for (size_t i = 0; i < N_FORMS; i++) {
        if (strcasecmp(suffix, forms[i].suffix) == 0) return forms[i].type;
    }
    return NULL;
}

static const char *suffix_of(const char *type)
{
    for (size_t i = 0; i < N_FORMS; i++) {
        if (strcasecmp(type, forms[i].type) == 0) return forms[i].suffix;
    }
    return NULL;
}

void bnt_registry_name(const char *repository, const char *form, char *out, size_t capacity)
{
    const bnt_registry_row *const row = bnt_registry_by_repository(repository);
    const char *const suffix = suffix_of(form);

    if (row && (!*form || suffix)) {
        snprintf(out, capacity, "%s%s%s", row->name, *form ? "-" : "", *form ? suffix : "");
    } else {
        snprintf(out, capacity, "%s%s%s", repository, *form ? ":" : "", form);
    }
}

/* ---- names of the table ------------------------------------------------------------------ */

static const bnt_registry_row *find_row(const char *name, size_t size)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (strlen(rows[i].name) == size && strncasecmp(rows[i].name, name, size) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

bool bnt_registry_claims(const char *name)
{
    const size_t family = strcspn(name, ":/");

    if (name[family] == '/') return false;
    for (size_t i = 0; i < N_ROWS; i++) {
        if (strcspn(rows[i].name, ":") == family &&
            strncasecmp(rows[i].name, name, family) == 0) {
            return true;
        }
    }
    return false;
}

static int least(int a, int b, int c)
{
    const int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

enum { MAX_COMPARED = 48 };

/* How many letters must be put in, taken out or changed to make one text of the other. Both
 * have at most MAX_COMPARED. */
static int distance(const char *a, const char *b)
{
    const size_t n = strlen(b);
    int row[MAX_COMPARED + 1];

    for (size_t j = 0; j <= n; j++) {
        row[j] = (int)j;
    }
    for (size_t i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            const int above = row[j];
            const int same = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + same);
            diagonal = above;
        }
    }
    return row[n];
}

/* All names of a family that is written out, else the three nearest ones. */
static bantam_status unknown_name(const char *name, bantam_error *err)
{
    char list[360] = "";
    size_t used = 0;
    bool taken[N_ROWS] = {false};
    const size_t family = strcspn(name, ":");
    const bool in_family = bnt_registry_claims(name);

    for (size_t turn = 0; turn < (in_family ? N_ROWS : 3u); turn++) {
        size_t best = N_ROWS;
        int nearest = 1 << 20;
        for (size_t i = 0; i < N_ROWS && strlen(name) <= MAX_COMPARED; i++) {
            const bool inside = strcspn(rows[i].name, ":") == family &&
                                strncasecmp(rows[i].name, name, family) == 0;
            if (taken[i] || (in_family && !inside)) continue;
            const int d = in_family ? (int)i : distance(name, rows[i].name);
            if (d < nearest) {
                nearest = d;
                best = i;
            }
        }
        if (best == N_ROWS) break;
        taken[best] = true;
        const int more = snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                                  rows[best].name);
        if (more < 0 || (size_t)more >= sizeof list - used) break;
        used += (size_t)more;
    }
    return bnt_fail(err, BANTAM_ERR_INVALID, "%.60s: no model has this name; %s %s", name,
                    used ? (in_family ? "there are" : "the nearest are") : "others are",
                    used ? list : "written as ORG/REPO");
}

static bantam_status find_in_table(const char *name, bnt_named *out, bantam_error *err)
{
    const bnt_registry_row *row = find_row(name, strlen(name));
    const char *const dash = strrchr(name, '-');

    if (!row && dash) {
        out->made = type_of(dash + 1);
        if (out->made) row = find_row(name, (size_t)(dash - name));
    }
    if (!row) return unknown_name(name, err);
    if (!row->repository) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "%s: %s", row->name, row->note);
    }
    out->row = row;
    snprintf(out->repository, sizeof out->repository, "%s", row->repository);
    if (out->made) snprintf(out->form, sizeof out->form, "%s", out->made);
    bnt_registry_name(out->repository, out->form, out->name, sizeof out->name);
    return BANTAM_OK;
}

/* ---- repositories ------------------------------------------------------------------------ */

static bantam_status bad_name(const char *name, bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "\"%.80s\": no model name: expected FAMILY:SIZE, ORG/REPO, ORG/REPO:QUANT "
                    "or ORG/REPO/FILE.gguf",
                    name);
}

static bool is_text(const char *name)
{
    for (; *name; name++) {
        if ((unsigned char)*name <= 0x20 || *name == 0x7F || *name == '\\') return false;
    }
    return true;
}

static bool ends_in_gguf(const char *name)
{
    const size_t n = strlen(name);
    return n > 5 && strcasecmp(name + n - 5, ".gguf") == 0;
}

static bantam_status split_repository(const char *name, bnt_named *out, bantam_error *err)
{
    const char *const slash = strchr(name, '/');
    const bantam_text org = {name, (size_t)(slash - name)};
    const bantam_text repo = {slash + 1, strcspn(slash + 1, "/:")};
    const char *const end = repo.data + repo.size;
    const bantam_text form = {end + 1, *end == ':' ? strlen(end + 1) : 0};

    if (!bnt_is_repo_part(org) || !bnt_is_repo_part(repo)) return bad_name(name, err);
    snprintf(out->repository, sizeof out->repository, "%.*s", (int)(end - name), name);
    out->row = bnt_registry_by_repository(out->repository);
    if (out->row) {
        snprintf(out->repository, sizeof out->repository, "%s", out->row->repository);
    }
    if (*end == ':') {
        if (!bnt_is_repo_part(form)) return bad_name(name, err);
        snprintf(out->form, sizeof out->form, "%.*s", (int)form.size, form.data);
        if (strcasecmp(out->form, "b4") == 0) out->made = "b4";
        if (strcasecmp(out->form, "b8") == 0) out->made = "b8";
        if (out->made) snprintf(out->form, sizeof out->form, "%s", out->made);
    } else if (*end == '/') {
        out->file = end + 1;
        if (!bnt_is_inner_path(out->file) || !ends_in_gguf(out->file)) {
            return bad_name(name, err);
        }
    }
    bnt_registry_name(out->repository, out->form, out->name, sizeof out->name);
    if (out->file) snprintf(out->name, sizeof out->name, "%.300s", name);
    return BANTAM_OK;
}

bantam_status bnt_registry_find(const char *name, bnt_named *out, bantam_error *err)
{
    *out = (bnt_named){.file = NULL};
    if (!name || !*name) return bnt_fail(err, BANTAM_ERR_INVALID, "the model has no name");
    if (strlen(name) >= BNT_MODEL_NAME_BYTES || !is_text(name)) return bad_name(name, err);

    bantam_status status;
    if (strchr(name, '/')) {
        status = split_repository(name, out, err);
    } else {
        status = find_in_table(name, out, err);
    }
    if (status) *out = (bnt_named){.file = NULL};
    return status;
}
