/* sniff.c - first bytes. Most files that are opened by mistake are one of a few kinds, and each
 * kind has its own remedy, which is worth more to the user than "bad magic".
 */
#include "format/sniff.h"

#include <string.h>

static const char lfs_pointer[] = "version https://git-lfs";

/* A file that is no weight file, by how it begins. */
typedef struct mistaken {
    const char *bytes;
    size_t size;
    bantam_status status;
    const char *message;
} mistaken;

#define CONVERT ": convert it to safetensors"

static const mistaken kinds[] = {
    {lfs_pointer, sizeof lfs_pointer - 1, BANTAM_ERR_FORMAT,
     "a git lfs pointer instead of the file itself: fetch it with git lfs pull"},
    {"<!DOCTYPE", 9, BANTAM_ERR_FORMAT, "a web page, not a model: the download went wrong"},
    {"<!doctype", 9, BANTAM_ERR_FORMAT, "a web page, not a model: the download went wrong"},
    {"<html", 5, BANTAM_ERR_FORMAT, "a web page, not a model: the download went wrong"},
    {"<HTML", 5, BANTAM_ERR_FORMAT, "a web page, not a model: the download went wrong"},
    {"PK\003\004", 4, BANTAM_ERR_UNSUPPORTED,
     "a zip archive, as pytorch saves weights" CONVERT},
    {"\x80\x02", 2, BANTAM_ERR_UNSUPPORTED, "a python pickle, which could run code" CONVERT},
    {"\x80\x03", 2, BANTAM_ERR_UNSUPPORTED, "a python pickle, which could run code" CONVERT},
    {"\x80\x04", 2, BANTAM_ERR_UNSUPPORTED, "a python pickle, which could run code" CONVERT},
    {"\x80\x05", 2, BANTAM_ERR_UNSUPPORTED, "a python pickle, which could run code" CONVERT},
    {"\x1F\x8B", 2, BANTAM_ERR_UNSUPPORTED, "compressed with gzip: unpack it first"},
    {"\xEF\xBB\xBF", 3, BANTAM_ERR_FORMAT, "a text file that begins with a byte order mark"},
    {"FUGG", 4, BANTAM_ERR_UNSUPPORTED, "a gguf file of the other byte order"},
    {"GGML", 4, BANTAM_ERR_UNSUPPORTED, "a ggml file, older than gguf: convert it anew"},
    {"lmgg", 4, BANTAM_ERR_UNSUPPORTED, "a ggml file, older than gguf: convert it anew"},
    {"fmgg", 4, BANTAM_ERR_UNSUPPORTED, "a ggml file, older than gguf: convert it anew"},
    {"tjgg", 4, BANTAM_ERR_UNSUPPORTED, "a ggml file, older than gguf: convert it anew"},
    {"algg", 4, BANTAM_ERR_UNSUPPORTED, "a ggml adapter, older than gguf: convert it anew"},
    {"\0\0\0\0\0\0\0\0", 8, BANTAM_ERR_FORMAT, "begins with zeros: an unfinished download"},
};

static bool begins_with(const uint8_t *data, size_t size, const char *bytes, size_t n)
{
    return size >= n && !memcmp(data, bytes, n);
}

bool bnt_sniff_pointer(const uint8_t *data, size_t size)
{
    return begins_with(data, size, lfs_pointer, sizeof lfs_pointer - 1);
}

bantam_status bnt_sniff(const uint8_t *data, size_t size, bnt_container *out, bantam_error *err)
{
    enum { HEADER_AT = 8 };

    if (begins_with(data, size, "GGUF", 4)) {
        *out = BNT_CONTAINER_GGUF;
        return BANTAM_OK;
    }
    /* Before the other kinds: a header of 640 bytes begins like a pickle of protocol 2. */
    if (size > HEADER_AT && data[HEADER_AT] == '{') {
        *out = BNT_CONTAINER_SAFETENSORS;
        return BANTAM_OK;
    }
    if (!size) return bnt_fail(err, BANTAM_ERR_FORMAT, "the file is empty");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (begins_with(data, size, kinds[i].bytes, kinds[i].size)) {
            return bnt_fail(err, kinds[i].status, "%s", kinds[i].message);
        }
    }
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "neither gguf nor safetensors: begins with \"%.*s\"",
                    size < 8 ? (int)size : 8, (const char *)data);
}
