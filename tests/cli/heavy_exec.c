/* heavy_exec.c - a process that holds much memory and then becomes another program, for the
 * shell tests.
 *
 *     heavy_exec MIB COMMAND [ARGUMENT...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: heavy_exec MIB COMMAND [ARGUMENT...]\n");
        return 2;
    }
    const size_t size = (size_t)strtoul(argv[1], NULL, 10) << 20;
    char *const memory = malloc(size);
    if (!memory) {
        fprintf(stderr, "heavy_exec: out of memory\n");
        return 1;
    }
    memset(memory, 1, size); /* a page is held once it is written to */
    execv(argv[2], argv + 2);
    perror(argv[2]);
    free(memory);
    return 1;
}
