#include "coder.h"

#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "range_code.h"

struct sct_token_state {
    const sct_network *network;
    sct_network_state state;
    uint32_t *p; /* [the largest group], of the symbol that is coded now */
};

sct_token_state *sct_tokens_new(const sct_network *network) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < network->num_groups; i++)
        if (network->groups[i] > most) most = network->groups[i];
    sct_token_state *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->network = network;
    made->p = malloc(most * sizeof *made->p);
    if (made->p && sct_network_begin(&made->state, network)) return made;
    sct_tokens_free(made);
    return NULL;
}

void sct_tokens_free(sct_token_state *state) {
    if (!state) return;
    sct_network_end(&state->state);
    free(state->p);
    free(state);
}

void sct_tokens_restart(sct_token_state *state) { sct_network_restart(&state->state); }

size_t sct_tokens_room(const sct_network *network, size_t count) {
    return sct_range_room(count * network->num_groups);
}

static void split(const sct_network *network, uint32_t token, uint32_t *symbols) {
    for (uint32_t i = 0; i < network->num_groups; token /= network->groups[i++])
        symbols[i] = token % network->groups[i];
}

static uint32_t joined(const sct_network *network, const uint32_t *symbols) {
    uint32_t token = 0;
    for (uint32_t i = network->num_groups; i-- > 0;)
        token = token * network->groups[i] + symbols[i];
    return token;
}

static uint32_t sum_before(const uint32_t *p, uint32_t i) {
    uint32_t sum = 0;
    while (i > 0) sum += p[--i];
    return sum;
}

size_t sct_tokens_store(sct_token_state *state, const uint32_t *tokens, size_t count,
                        uint8_t *out) {
    const sct_network *network = state->network;
    sct_range_encoder encoder;
    sct_range_begin(&encoder, out);
    for (size_t n = 0; n < count; n++) {
        uint32_t symbols[SCT_MAX_GROUPS];
        split(network, tokens[n], symbols);
        for (uint32_t i = 0; i < network->num_groups; i++) {
            sct_network_weigh(network, &state->state, i, symbols, state->p);
            const uint32_t before = sum_before(state->p, symbols[i]);
            sct_range_put(&encoder, symbols[i], before, state->p[symbols[i]], network->groups[i]);
        }
        sct_network_take(network, &state->state, symbols);
    }
    return sct_range_end(&encoder, SCT_FRACTION);
}

_Bool sct_tokens_read(sct_token_state *state, const uint8_t *data, size_t size, uint32_t *tokens,
                      size_t count) {
    const sct_network *network = state->network;
    sct_range_decoder decoder;
    sct_range_open(&decoder, data, size, SCT_FRACTION);
    for (size_t n = 0; n < count; n++) {
        uint32_t symbols[SCT_MAX_GROUPS];
        for (uint32_t i = 0; i < network->num_groups; i++) {
            sct_network_weigh(network, &state->state, i, symbols, state->p);
            const int32_t symbol = sct_range_take(&decoder, state->p, network->groups[i]);
            if (symbol < 0) return 0;
            symbols[i] = (uint32_t)symbol;
        }
        tokens[n] = joined(network, symbols);
        sct_network_take(network, &state->state, symbols);
    }
    return 1;
}

void sct_tokens_pass(sct_token_state *state, const uint32_t *tokens, size_t count) {
    for (size_t n = 0; n < count; n++) {
        uint32_t symbols[SCT_MAX_GROUPS];
        split(state->network, tokens[n], symbols);
        sct_network_take(state->network, &state->state, symbols);
    }
}
