/* The quantizer, which keeps what it rounds (for tests). */

#define sct_fsq_token sct_fsq_token_unwatched
#include "fsq.c"
#undef sct_fsq_token

double watched[100000];
size_t watched_count;

_Bool sct_fsq_token(const sct_fsq *fsq, const double *x, uint32_t *token) {
    if (watched_count + fsq->digits <= sizeof watched / sizeof *watched) {
        sct_fsq_bound(fsq, x, watched + watched_count);
        watched_count += fsq->digits;
    }
    return sct_fsq_token_unwatched(fsq, x, token);
}
