/* cli_jsonl.c - files of JSON lines; see cli_jsonl.h. */
#include "cli_jsonl.h"

#include "cli_out.h"
#include "cli_text.h"

#include <string.h>

static int read_line(const char *path, bantam_text text, size_t line, cli_line_fn fn,
                     void *user)
{
    json_error_t why;
    json_t *const object = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &why);
    int status;

    if (!json_is_object(object)) {
        status = cli_fail_with(BANTAM_ERR_FORMAT, "%s: line %zu: expected a JSON object: %s",
                               path, line, object ? "it is something else" : why.text);
    } else {
        status = fn(user, object, line);
    }
    json_decref(object);
    return status;
}

int cli_read_lines(const char *path, cli_line_fn fn, void *user)
{
    cli_buf all;
    bantam_error err = {0};
    int status = CLI_OK;

    if (cli_read_file(path, &all, &err)) return cli_fail(&err);
    for (size_t at = 0, line = 1; at < all.size && !status; line++) {
        const char *const end = memchr(all.data + at, '\n', all.size - at);
        const size_t n = end ? (size_t)(end - (all.data + at)) : all.size - at;
        bool blank = true;
        for (size_t i = 0; i < n && blank; i++)
            blank = strchr(" \t\r", all.data[at + i]) != NULL && all.data[at + i];
        if (!blank) status = read_line(path, (bantam_text){all.data + at, n}, line, fn, user);
        at += n + 1;
    }
    cli_buf_free(&all);
    return status;
}
