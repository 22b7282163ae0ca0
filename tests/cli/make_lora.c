/* make_lora OUT.gguf|FOLDER LAYERS EMBD Q KV FFN RANK SEED [SIZE]: an adapter of all matrices
 * of a llama model, Q and KV being the rows of its q and k, v; made up from the seed. A name
 * that ends in .gguf gets llama.cpp's form, a folder, which must be there, PEFT's. The head has
 * 8 rows, which is where the forms differ: in one of them the rows of q and k are permuted.
 *
 * Knows nothing of the library. HEAD in the environment is another number of rows of a head.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 7 };

static uint32_t n_layers, embd, q_rows, kv_rows, ffn, rank, head = 8;
static uint64_t seed;
static double size = 0.05;
static FILE *file;

static void put(uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        putc((int)(value >> (8 * i) & 255), file);
    }
}

static void put_text(const char *text)
{
    put(strlen(text), 8);
    fputs(text, file);
}

static void put_pair(const char *key, const char *value)
{
    put_text(key);
    put(8, 4);
    put_text(value);
}

static void put_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(bits, 4);
}

static void shape(uint32_t place, int b, uint32_t *rows, uint32_t *columns)
{
    const uint32_t all[PLACES][2] = {{q_rows, embd}, {kv_rows, embd}, {kv_rows, embd},
                                     {embd, q_rows}, {ffn, embd},     {ffn, embd},
                                     {embd, ffn}};
    *rows = b ? all[place][0] : rank;
    *columns = b ? rank : all[place][1];
}

/* A number that depends on its place in the GGUF form alone. */
static float value_at(uint32_t tensor, uint32_t row, uint32_t column)
{
    uint64_t x = seed * 1000003u + tensor;
    x = (x * 6364136223846793005u + row) * 6364136223846793005u + column;
    x = (x ^ x >> 31) * 0x9E3779B97F4A7C15u;
    return (float)(size * ((double)(x >> 40) / 8388608.0 - 1.0));
}

static void put_values(uint32_t tensor, int peft)
{
    const uint32_t place = tensor / 2 % PLACES;
    uint32_t rows, columns;

    shape(place, tensor % 2 == 1, &rows, &columns);
    for (uint32_t r = 0; r < rows; r++) {
        uint32_t row = r;
        if (peft && tensor % 2 == 1 && place < 2) { /* halves: row i + a head / 2 is 2 i + a */
            const uint32_t in = r % head;
            row = r - in + in % (head / 2) * 2 + in / (head / 2);
        }
        for (uint32_t c = 0; c < columns; c++) {
            put_float(value_at(tensor, row, c));
        }
    }
}

static void write_gguf(void)
{
    static const char *const names[PLACES] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                              "ffn_gate", "ffn_up", "ffn_down"};
    const uint32_t n = n_layers * PLACES * 2;
    uint64_t at = 0;

    fputs("GGUF", file);
    put(3, 4);
    put(n, 8);
    put(4, 8);
    put_pair("general.architecture", "llama");
    put_pair("general.type", "adapter");
    put_pair("adapter.type", "lora");
    put_text("adapter.lora.alpha");
    put(6, 4);
    put_float(2.0f * (float)rank);
    for (uint32_t i = 0; i < n; i++) {
        char name[64];
        uint32_t rows, columns;
        shape(i / 2 % PLACES, i % 2 == 1, &rows, &columns);
        snprintf(name, sizeof name, "blk.%u.%s.weight.lora_%c", (unsigned)(i / 2 / PLACES),
                 names[i / 2 % PLACES], i % 2 ? 'b' : 'a');
        put_text(name);
        put(2, 4);
        put(columns, 8);
        put(rows, 8);
        put(0, 4);
        put(at, 8);
        at += ((uint64_t)rows * columns * 4 + 31) / 32 * 32;
    }
    for (uint32_t i = 0; i < n; i++) {
        while (ftell(file) % 32) {
            putc(0, file);
        }
        put_values(i, 0);
    }
    while (ftell(file) % 32) {
        putc(0, file);
    }
}

static void write_peft(void)
{
    static const char *const names[PLACES] = {
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
        "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    const uint32_t n = n_layers * PLACES * 2;
    char *const header = malloc((size_t)n * 200 + 16);
    uint64_t at = 0;
    size_t length = 0;

    if (!header) abort();
    for (uint32_t i = 0; i < n; i++) {
        uint32_t rows, columns;
        shape(i / 2 % PLACES, i % 2 == 1, &rows, &columns);
        const uint64_t bytes = (uint64_t)rows * columns * 4;
        length += (size_t)sprintf(
            header + length,
            "%c\"base_model.model.model.layers.%u.%s.lora_%c.weight\":{\"dtype\":\"F32\","
            "\"shape\":[%u,%u],\"data_offsets\":[%llu,%llu]}",
            i ? ',' : '{', (unsigned)(i / 2 / PLACES), names[i / 2 % PLACES], i % 2 ? 'B' : 'A',
            (unsigned)rows, (unsigned)columns, (unsigned long long)at,
            (unsigned long long)(at + bytes));
        at += bytes;
    }
    header[length++] = '}';
    put(length, 8);
    fwrite(header, 1, length, file);
    free(header);
    for (uint32_t i = 0; i < n; i++) {
        put_values(i, 1);
    }
}

static FILE *begin(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, "wb");
}

static int write_config(const char *folder)
{
    FILE *const f = begin(folder, "adapter_config.json");
    if (!f) return 1;
    fprintf(f, "{\"peft_type\": \"LORA\", \"r\": %u, \"lora_alpha\": %u, \"bias\": \"none\"}\n",
            (unsigned)rank, (unsigned)rank * 2);
    return fclose(f);
}

int main(int argc, char **argv)
{
    if (argc < 9) return 2;
    uint32_t *const numbers[] = {&n_layers, &embd, &q_rows, &kv_rows, &ffn, &rank};
    for (int i = 0; i < 6; i++) {
        *numbers[i] = (uint32_t)strtoul(argv[i + 2], NULL, 10);
    }
    seed = strtoull(argv[8], NULL, 10);
    if (argc > 9) size = strtod(argv[9], NULL);
    if (getenv("HEAD")) head = (uint32_t)strtoul(getenv("HEAD"), NULL, 10);

    const size_t n = strlen(argv[1]);
    const int gguf = n > 5 && strcmp(argv[1] + n - 5, ".gguf") == 0;
    if (!gguf && write_config(argv[1])) return 1;
    file = gguf ? fopen(argv[1], "wb") : begin(argv[1], "adapter_model.safetensors");
    if (!file) return 1;
    if (gguf) {
        write_gguf();
    } else {
        write_peft();
    }
    return fclose(file) ? 1 : 0;
}
