/* plain.h - HTML and Markdown as plain text.
 *
 * What is left is what a reader reads: paragraphs parted by empty lines, the cells of a table's
 * row in one line. Left out are scripts, styles, comments, images but for what Markdown says
 * about them, and code that stands by itself.
 *
 * Any bytes are taken: nothing nests, and the work is linear in them.
 */
#ifndef BNT_TASK_PLAIN_H
#define BNT_TASK_PLAIN_H
#include "base/buf.h"

/* What a text by this name (which may be empty) is taken for: by the name's ending, else by its
 * first bytes. Never BANTAM_TEXT_AUTO. */
bantam_text_format bnt_text_format(bantam_text name, bantam_text text);

/* Appends the text, as UTF-8, to out. Failures stick to out. */
void bnt_put_plain(bnt_buf *out, bantam_text text, bantam_text_format format);

/* The two readers, which bnt_put_plain() calls. */
void bnt_put_html(bnt_buf *out, bantam_text html);
void bnt_put_markdown(bnt_buf *out, bantam_text markdown);

/* Appends the character that the entity at the start of the text stands for ("&amp;",
 * "&#8212;") and returns its size, or 0 where there is none. */
size_t bnt_put_entity(bnt_buf *out, bantam_text text);

/* Size of the tag, comment or declaration at the start of the text, 0 where there is none, and
 * its name: in small letters, empty for what has none. */
enum { BNT_TAG_NAME = 12 };
size_t bnt_read_tag(bantam_text text, char name[BNT_TAG_NAME], bool *closing);

/* Ends a line, and with it a paragraph: so that `lines` newlines stand at the end of out,
 * unless it is empty. */
void bnt_end_line(bnt_buf *out, unsigned lines);

#endif
