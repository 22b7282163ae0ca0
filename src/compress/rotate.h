/* rotate.h - a model in other coordinates, in which weights and activations lose less where
 * they are rounded. What the model computes stays the same.
 *
 * With H an orthonormal Hadamard matrix (kernel/hadamard.h) and S random signs, the residual
 * stream x becomes H S x (what SpinQuant, arXiv 2405.16406, calls R1): rows of the embedding
 * are turned, so are rows of all matrices that read the stream, and columns of those that write
 * to it. Weights of norms do not commute with that: they are worked into the matrices that
 * follow, and become 1. The last norm goes into the head, and so an embedding that served as
 * the head no longer can: the file gets a head of its own, unless that norm was 1 throughout.
 * Inside of attention the values of each kv head are turned (R2): rows of v, columns of o.
 *
 * With `down` the rows of down are turned, too, and whoever runs the model turns what comes to
 * them (R4): the file says so in bantam.rotate.down, and holds one tensor more than a model
 * has, for which other runtimes refuse it instead of computing nonsense.
 */
#ifndef BNT_COMPRESS_ROTATE_H
#define BNT_COMPRESS_ROTATE_H
#include "compress/source.h"

/* Makes an open source that of the rotated model: its tensors get a maker, which the source
 * owns. options may be NULL. BANTAM_ERR_UNSUPPORTED for tensors that rotation does not know,
 * and for models that are rotated already; the source then stays as it was. */
bantam_status bnt_rotate_source(bnt_source *s, const bantam_rotation *options,
                                bantam_error *err);

#endif
