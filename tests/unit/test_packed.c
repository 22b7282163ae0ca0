/* Matrices that others quantized: GPTQ's, AWQ's and FP8's layouts, written here from their
 * formulas, come out of the archive as the values they stand for. */
#include "archive_rig.h"
#include "base/f16.h"
#include "quant/type.h"

#include <math.h>

enum { IN = 64, OUT = 16, MAX_PARTS = 6 };

/* ---- folders ----------------------------------------------------------------------------- */

typedef struct part {
    const char *name, *type;
    uint64_t rows, columns; /* rows 0: one dimension; both 0: a scalar */
    const void *data;
    size_t bytes;
} part;

/* Writes model.safetensors with these parts and config.json with this quantization_config. */
static void write_folder(const char *quantization, const part *parts, size_t n)
{
    char header[2048] = "{", data[65536];
    size_t at = 0, size;

    for (size_t i = 0; i < n; i++) {
        char shape[64] = "";
        if (parts[i].columns) snprintf(shape, sizeof shape, "%u", (unsigned)parts[i].columns);
        if (parts[i].rows) {
            snprintf(shape, sizeof shape, "%u,%u", (unsigned)parts[i].rows,
                     (unsigned)parts[i].columns);
        }
        const size_t used = strlen(header);
        snprintf(header + used, sizeof header - used,
                 "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                 i ? "," : "", parts[i].name, parts[i].type, shape, at, at + parts[i].bytes);
        assert_true(at + parts[i].bytes <= sizeof data);
        memcpy(data + at, parts[i].data, parts[i].bytes);
        at += parts[i].bytes;
    }
    strcat(header, "}");
    uint8_t *const file =
        st_make_stated(strlen(header), header, strlen(header), data, at, &size);
    write_whole(in("model.safetensors"), file, size);
    free(file);
    char config[512];
    snprintf(config, sizeof config, "{\"model_type\":\"llama\"%s%s}",
             *quantization ? ",\"quantization_config\":" : "", quantization);
    write_whole(in("config.json"), config, strlen(config));
}

/* Row r of w.weight after unpacking. */
static void read_row(const bnt_archive *a, uint64_t r, float *out)
{
    bantam_error err = {0};
    if (bnt_archive_unpack(a, &err)) fail_msg("%s", err.message);
    const bnt_tensor *const t = bnt_archive_find(a, "w.weight");
    assert_non_null(t);
    bnt_type_decode_row(t->type, t->data, (size_t)t->dims[0], (size_t)r, out);
}

/* ---- codes in words ---------------------------------------------------------------------- */

/* A random packed matrix: what each code, zero and scale is, and its parts. */
typedef struct packed {
    uint32_t codes[OUT][IN], zeros[OUT][IN], group[IN]; /* zeros by group */
    uint16_t scales[IN][OUT];                           /* by group, halves */
    uint32_t qweight[IN * OUT / 8], qzeros[IN * OUT / 8];
    uint32_t n_groups;
} packed;

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static void choose(packed *p, uint32_t group_size, bool symmetric, bool ordered, uint32_t seed)
{
    *p = (packed){.n_groups = IN / group_size};
    for (uint32_t i = 0; i < IN; i++) {
        p->group[i] = ordered ? i / group_size : next(&seed) % p->n_groups;
    }
    for (uint32_t o = 0; o < OUT; o++) {
        for (uint32_t i = 0; i < IN; i++) {
            p->codes[o][i] = next(&seed) & 15;
        }
        for (uint32_t g = 0; g < p->n_groups; g++) {
            p->zeros[o][g] = symmetric ? 8 : 1 + next(&seed) % 15;
            p->scales[g][o] = bnt_f32_to_f16((float)(next(&seed) % 1000 + 1) / 3000.0f);
        }
    }
}

static void pack_gptq(packed *p, bool v2)
{
    for (uint32_t o = 0; o < OUT; o++) {
        for (uint32_t i = 0; i < IN; i++) {
            p->qweight[i / 8 * OUT + o] |= p->codes[o][i] << (4 * (i % 8));
        }
        for (uint32_t g = 0; g < p->n_groups; g++) {
            p->qzeros[g * (OUT / 8) + o / 8] |= (p->zeros[o][g] - !v2) << (4 * (o % 8));
        }
    }
}

/* AutoAWQ's order: nibble k of a word is that of output order[k] of eight. */
static void pack_awq(packed *p)
{
    static const uint32_t order[8] = {0, 2, 4, 6, 1, 3, 5, 7};
    for (uint32_t w = 0; w < OUT / 8; w++) {
        for (uint32_t k = 0; k < 8; k++) {
            const uint32_t o = 8 * w + order[k];
            for (uint32_t i = 0; i < IN; i++) {
                p->qweight[i * (OUT / 8) + w] |= p->codes[o][i] << (4 * k);
            }
            for (uint32_t g = 0; g < p->n_groups; g++) {
                p->qzeros[g * (OUT / 8) + w] |= p->zeros[o][g] << (4 * k);
            }
        }
    }
}

static void write_words(const packed *p, const char *quantization, bool awq, bool with_order)
{
    static const uint8_t no_bias[2 * OUT];
    const part parts[] = {
        {"w.qweight", "I32", awq ? IN : IN / 8, awq ? OUT / 8 : OUT, p->qweight,
         sizeof p->qweight},
        {"w.qzeros", "I32", p->n_groups, OUT / 8, p->qzeros, (size_t)p->n_groups * OUT / 2},
        {"w.scales", "F16", p->n_groups, OUT, p->scales, (size_t)p->n_groups * OUT * 2},
        {"w.bias", "F16", 0, OUT, no_bias, sizeof no_bias},
        {"w.g_idx", "I32", 0, IN, p->group, sizeof p->group}};
    write_folder(quantization, parts, with_order ? 5 : 4);
}

static void check_words(const packed *p, const char *type)
{
    bnt_archive *const a = open_sound("");
    const bnt_tensor *const t = bnt_archive_find(a, "w.weight");
    assert_non_null(t);
    assert_string_equal(t->type->name, type);
    assert_int_equal(t->dims[0], IN);
    assert_int_equal(t->dims[1], OUT);
    assert_int_equal(bnt_archive_n_tensors(a), 1);
    for (uint32_t o = 0; o < OUT; o++) {
        float row[IN];
        read_row(a, o, row);
        for (uint32_t i = 0; i < IN; i++) {
            const uint32_t g = p->group[i];
            const float scale = bnt_f16_to_f32(p->scales[g][o]);
            const float exact = scale * (float)((int)p->codes[o][i] - (int)p->zeros[o][g]);
            const bool rounds = strcmp(type, "F16") == 0;
            const float expected = rounds ? bnt_f16_to_f32(bnt_f32_to_f16(exact)) : exact;
            if (row[i] != expected) {
                fail_msg("row %u input %u: %.9g, expected %.9g", o, i, (double)row[i],
                         (double)expected);
            }
            assert_true(fabsf(row[i] - exact) <= fabsf(exact) / 2048.0f);
        }
    }
    bnt_archive_close(a);
}

static const char gptq[] = "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32}";

static void symmetric_groups_are_q4_0_to_the_last_bit(void **state)
{
    packed p;
    (void)state;
    choose(&p, 32, true, true, 1);
    pack_gptq(&p, false);
    write_words(&p, gptq, false, true);
    check_words(&p, "Q4_0");

    choose(&p, 64, true, true, 2);
    pack_awq(&p);
    write_words(&p,
                "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":64,\"version\":\"gemm\"}",
                true, false);
    check_words(&p, "Q4_0");

    choose(&p, 64, true, true, 3); /* -1: one group of all inputs */
    pack_gptq(&p, true);
    write_words(&p,
                "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":-1,"
                "\"checkpoint_format\":\"gptq_v2\"}",
                false, false);
    check_words(&p, "Q4_0");
}

static void other_zeros_and_orders_are_halves(void **state)
{
    packed p;
    (void)state;
    choose(&p, 32, false, true, 4);
    pack_gptq(&p, false);
    write_words(&p, gptq, false, false);
    check_words(&p, "F16");

    choose(&p, 32, true, false, 5); /* inputs ordered by how much they matter */
    pack_gptq(&p, false);
    write_words(&p, gptq, false, true);
    check_words(&p, "F16");

    choose(&p, 16, true, true, 6); /* half a block */
    pack_gptq(&p, false);
    write_words(&p, "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":16}", false, false);
    check_words(&p, "F16");

    choose(&p, 32, false, true, 7);
    pack_awq(&p);
    write_words(&p, "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32}", true, false);
    check_words(&p, "F16");
}

/* ---- FP8 --------------------------------------------------------------------------------- */

/* The 127 finite values of either sign by counting: eight a power of two, from 2^-9 up. */
static void every_code_of_fp8_is_its_value_times_the_scale(void **state)
{
    uint8_t codes[2][128];
    float scale = 0.5f;
    bnt_archive *a;
    float row[128];
    (void)state;

    for (int i = 0; i < 128; i++) {
        codes[0][i] = (uint8_t)(i == 127 ? 0 : i);
        codes[1][i] = (uint8_t)(i == 127 ? 0 : i | 0x80);
    }
    const part parts[] = {{"w.weight", "F8_E4M3", 2, 128, codes, sizeof codes},
                          {"w.weight_scale_inv", "F32", 0, 0, &scale, 4},
                          {"w.activation_scale", "F32", 0, 0, &scale, 4}};
    write_folder("{\"quant_method\":\"fp8\"}", parts, 3);
    a = open_sound("");
    assert_int_equal(bnt_archive_n_tensors(a), 1);
    for (uint64_t r = 0; r < 2; r++) {
        read_row(a, r, row);
        double value = 0.0, step = 1.0 / 512.0;
        for (int i = 0; i < 127; i++) {
            assert_true((double)row[i] == (r ? -0.5 : 0.5) * value);
            if (i >= 16 && i % 8 == 0) step *= 2.0;
            value += step;
        }
    }
    bnt_archive_close(a);

    const float by_row[2] = {2.0f, 4.0f};
    const part rows[] = {{"w.weight", "F8_E4M3", 2, 128, codes, sizeof codes},
                         {"w.weight_scale", "F32", 2, 1, by_row, 8}};
    write_folder("", rows, 2);
    a = open_sound("");
    read_row(a, 1, row);
    assert_true(row[56] == -4.0f); /* 0x38 is one */
    bnt_archive_close(a);
}

/* ---- what does not fit ------------------------------------------------------------------- */

static void refused(const char *quantization, const part *parts, size_t n, const char *reason)
{
    bnt_archive *a = NULL;
    bantam_error err = {0};
    write_folder(quantization, parts, n);
    bantam_status status = bnt_archive_open(&a, in(""), &err);
    if (!status) status = bnt_archive_unpack(a, &err);
    assert_true(status == BANTAM_ERR_FORMAT || status == BANTAM_ERR_UNSUPPORTED);
    if (!strstr(err.message, reason)) fail_msg("%s, expected %s", err.message, reason);
    bnt_archive_close(a);
}

static void parts_that_do_not_fit_are_refused(void **state)
{
    packed p;
    (void)state;
    choose(&p, 32, true, true, 8);
    pack_gptq(&p, false);
    part whole[] = {{"w.qweight", "I32", IN / 8, OUT, p.qweight, sizeof p.qweight},
                    {"w.qzeros", "I32", 2, OUT / 8, p.qzeros, 2 * OUT / 2},
                    {"w.scales", "F16", 2, OUT, p.scales, 2 * OUT * 2},
                    {"w.g_idx", "I32", 0, IN, p.group, sizeof p.group}};
    refused("{\"quant_method\":\"gptq\",\"bits\":3}", whole, 4, "bits: expected 4, found 3");
    refused("{\"quant_method\":\"gptq\",\"group_size\":0}", whole, 4, "group_size");
    refused("{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":64}", whole, 4, "qzeros");
    refused("{\"quant_method\":\"aqlm\"}", whole, 4, "aqlm");
    refused("{\"quant_method\":\"awq\",\"version\":\"gemv\"}", whole, 4, "gemv");
    refused("{\"quant_method\":\"gptq\",\"checkpoint_format\":\"marlin\"}", whole, 4, "marlin");
    for (int i = 0; i < 3; i++) { /* as Q4_0 and as halves; the last is too large for these */
        static const uint16_t bad[3] = {0x7E00, 0x7C00, 0x7BFF};
        const uint16_t good = p.scales[1][3];
        p.scales[1][3] = bad[i];
        if (i < 2) refused(gptq, whole, 4, "w.weight: a value is no number");
        p.qzeros[0] ^= 1;
        p.qweight[4 * OUT + 3] = 0;
        refused(gptq, whole, 4, "w.weight: a value is no number");
        p.qzeros[0] ^= 1;
        p.scales[1][3] = good;
    }
    refused(gptq, whole, 1, "tensor w.weight: qzeros");
    refused(gptq, whole, 2, "tensor w.weight: scales");
    p.group[5] = 2;
    refused(gptq, whole, 4, "g_idx: input 5 is in group 2 of 2");
    p.group[5] = 0xFFFFFFFFu;
    refused(gptq, whole, 4, "g_idx");
    whole[0].type = "F32";
    refused(gptq, whole, 3, "qweight");

    uint8_t codes[2][4] = {{0x7F}};
    const float one = 1.0f, many[3] = {1, 1, 1}, huge = 1e6f;
    part fp8[] = {{"w.weight", "F8_E4M3", 2, 4, codes, sizeof codes},
                  {"w.weight_scale_inv", "F32", 0, 0, &one, 4}};
    refused("", fp8, 2, "no number");
    codes[0][0] = 0x7E; /* 448 */
    fp8[1].data = &huge;
    refused("", fp8, 2, "too large");
    fp8[1] = (part){"w.weight_scale_inv", "F32", 0, 3, many, 12};
    refused("", fp8, 2, "weight_scale_inv");
}

static void every_failing_allocation_is_an_error(void **state)
{
    packed p;
    bool done = false;
    (void)state;
    choose(&p, 32, true, true, 9);
    pack_gptq(&p, false);
    write_words(&p, gptq, false, true);
    for (uint64_t n = 0; !done; n++) {
        bnt_archive *a = NULL;
        bantam_error err = {0};
        bnt_mem_fail_after(n);
        bantam_status status = bnt_archive_open(&a, in(""), &err);
        if (!status) status = bnt_archive_unpack(a, &err);
        bnt_mem_fail_after(UINT64_MAX);
        if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
        done = !status;
        bnt_archive_close(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(symmetric_groups_are_q4_0_to_the_last_bit, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(other_zeros_and_orders_are_halves, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(every_code_of_fp8_is_its_value_times_the_scale,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(parts_that_do_not_fit_are_refused, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(every_failing_allocation_is_an_error, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
