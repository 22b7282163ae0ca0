/* safetensors_builder.h - safetensors files made in memory, with any header. */
#ifndef BNT_TESTS_SAFETENSORS_BUILDER_H
#define BNT_TESTS_SAFETENSORS_BUILDER_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A file of exactly *size bytes, which the caller frees: the stated header length, the header,
 * and data_size bytes of data (NULL: 1, 2, 3, ...). */
static inline uint8_t *st_make_stated(uint64_t stated, const void *header, size_t header_size,
                                      const void *data, size_t data_size, size_t *size)
{
    *size = 8 + header_size + data_size;
    uint8_t *const file = malloc(*size);
    if (!file) abort();
    for (size_t i = 0; i < 8; i++) {
        file[i] = (uint8_t)(stated >> (8 * i));
    }
    if (header_size) memcpy(file + 8, header, header_size);
    for (size_t i = 0; i < data_size; i++) {
        file[8 + header_size + i] = data ? ((const uint8_t *)data)[i] : (uint8_t)(i + 1);
    }
    return file;
}

/* The same with the true length of a header that is a C string. */
static inline uint8_t *st_make(const char *header, size_t data_size, size_t *size)
{
    return st_make_stated(strlen(header), header, strlen(header), NULL, data_size, size);
}

#endif
