/* The integer GRU of the learned coder: a state, what comes next, and on (for coder.c). */

#ifndef SCT_NETWORK_H
#define SCT_NETWORK_H

#include "coder.h"

typedef struct {
    int64_t *hidden; /* [H], 15 binary places; 64 bits, as damaged weights may let it grow */
    int32_t *x;      /* [3 H], scratch */
    uint32_t *past;  /* [lags, groups], a ring of the last tokens' symbols */
    int8_t *view;    /* [H], the state in 7 binary places */
    int8_t *mixed;   /* [mix], a head's hidden layer in 5 */
    uint32_t width;  /* H */
    uint32_t latest, known; /* the ring's newest token, and how many it holds */
} sct_network_state;

_Bool sct_network_begin(sct_network_state *state, const sct_network *network); /* 0: no memory */
void sct_network_end(sct_network_state *state);
void sct_network_restart(sct_network_state *state);

/* p[groups[index]], above 0 and with the sum 1 << SCT_PROBABILITY, of the symbol `index` after the
   symbols before it. */
void sct_network_weigh(const sct_network *network, sct_network_state *state, uint32_t index,
                       const uint32_t *symbols, uint32_t *p);

/* The state after a token of these symbols. */
void sct_network_take(const sct_network *network, sct_network_state *state,
                      const uint32_t *symbols);

#endif
