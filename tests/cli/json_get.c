/* json_get.c - reads one value out of a JSON file, for the shell tests.
 *
 *     json_get FILE [KEY|INDEX]...
 *     json_get -n FILE [KEY|INDEX]...
 *
 * The first prints the value: a text as it is, numbers as they are, an array of numbers with
 * commas between, anything else as JSON. The second prints how many elements it has.
 *
 * Exit 1 where there is no such value or the file is not one JSON value. "-" is standard input.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(const json_t *value)
{
    if (json_is_string(value)) {
        fwrite(json_string_value(value), 1, json_string_length(value), stdout);
        return;
    }
    const json_t *first = json_array_get(value, 0);
    if (!json_is_array(value) || (first && !json_is_number(first))) {
        json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
        return;
    }
    const json_t *item;
    size_t i;
    json_array_foreach(value, i, item)
    {
        if (i) putchar(',');
        json_dumpf(item, stdout, JSON_ENCODE_ANY);
    }
}

int main(int argc, char **argv)
{
    const int counts = argc > 1 && strcmp(argv[1], "-n") == 0;
    const char *path = argc > 1 + counts ? argv[1 + counts] : "-";
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    json_error_t error;

    if (!f) return 1;
    json_t *const root = json_loadf(f, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (f != stdin) fclose(f);
    if (!root) {
        fprintf(stderr, "json_get: %s: line %d: %s\n", path, error.line, error.text);
        return 1;
    }
    const json_t *value = root;
    for (int i = 2 + counts; i < argc && value; i++) {
        value = json_is_array(value) ? json_array_get(value, strtoul(argv[i], NULL, 10))
                                     : json_object_get(value, argv[i]);
    }
    const int rc = value ? 0 : 1;
    if (value && counts) {
        printf("%zu", json_is_array(value) ? json_array_size(value) : json_object_size(value));
    } else if (value) {
        put(value);
    }
    if (value) putchar('\n');
    json_decref(root);
    return rc;
}
