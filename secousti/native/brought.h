/* What a file of weights says for the container: the header of files, and the codes it brings. */

#ifndef SCT_BROUGHT_H
#define SCT_BROUGHT_H

#include "container.h"
#include "weights.h"

typedef struct {
    sct_header header; /* of the files that this codec makes: no rate and length of a recording */
    sct_coder coder;
    sct_network network;
    sct_voice_code voice;
} sct_brought;

/* It must stay where it is, and the weights open. */
_Bool sct_bring(const sct_weights *weights, sct_brought *brought, sct_fault *fault);

/* The coder for a file that this codec reads: without its voices for voices of another encoder.
   NULL: there is none. `copy` is room for it. */
const sct_coder *sct_coder_for(const sct_brought *brought, const sct_header *header,
                               sct_coder *copy);

#endif
