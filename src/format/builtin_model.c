/* builtin_model.c - the bytes of models/bantam-mini.gguf, put between two marks by the
 * assembler.
 *
 * The build says where the file lies, or nothing where there is none or it is not wanted. The
 * start is 64-aligned, as weights are that kernels read in place.
 */
#include "format/builtin.h"

#ifdef BNT_BUILTIN_FILE

#ifdef __APPLE__
#define SECTION "__TEXT,__const"
#define NAME(x) "_" x
#define HIDE(x) ".private_extern " NAME(x) "\n"
#else
#define SECTION ".rodata.bantam_mini,\"a\",%progbits"
#define NAME(x) x
#define HIDE(x) ".hidden " NAME(x) "\n"
#endif

#define LINE(x) x "\n"
#define MARK(x) LINE(".globl " NAME(x)) HIDE(x) LINE(NAME(x) ":")

__asm__(LINE(".pushsection " SECTION) LINE(".p2align 6") MARK("bnt_builtin_begin")
            LINE(".incbin \"" BNT_BUILTIN_FILE "\"") MARK("bnt_builtin_end") LINE(".byte 0")
                LINE(".popsection"));

extern const char bnt_builtin_begin[], bnt_builtin_end[];

bantam_text bnt_builtin_bytes(void)
{
    const bantam_text bytes = {bnt_builtin_begin,
                               (size_t)(bnt_builtin_end - bnt_builtin_begin)};
    return bytes;
}

#else

bantam_text bnt_builtin_bytes(void)
{
    return (bantam_text){NULL, 0};
}

#endif
