/* mini_opinions.h - made-up opinions on films, hotels, phones. */
#ifndef BANTAM_MINI_OPINIONS_H
#define BANTAM_MINI_OPINIONS_H
#include "mini_scene.h"

/* Appends one, in small letters and with spaces around its marks, as the phrases of SST-2 are.
 * True where it praises. */
bool mini_opinion(bnt_rng *rng, bnt_buf *out);

#endif
