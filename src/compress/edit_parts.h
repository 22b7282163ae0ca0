/* edit_parts.h - what the files of edit share. */
#ifndef BNT_COMPRESS_EDIT_PARTS_H
#define BNT_COMPRESS_EDIT_PARTS_H
#include "compress/edit.h"

/* All metadata of the changed model. */
bantam_status bnt_edit_put_pairs(const bnt_edit *e, bnt_gguf_writer *w, bantam_error *err);

#endif
