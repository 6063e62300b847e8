#include "network.h"

#include <stdlib.h>
#include <string.h>

#include "range_code.h"

/* Binary places (secousti/entropy/fixed.py): weights have 6, views of the state 7, so sums 13. */
enum { TABLE = 1 << 2 }; /* from the 11 places of rows and biases to those of a sum */
enum { FINE = 15, VIEW = 8, MIX = 8, GATE = 5, EXP = 5 };       /* shifts */
enum { HALF_TABLE = 2048, EXP_ENTRIES = 1025, EXACT = 1 << 24 }; /* entries; largest sum */

static int64_t clipped(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

static int32_t dot(const int8_t *a, const int8_t *b, uint32_t size) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < size; i++) sum += a[i] * b[i];
    return sum;
}

static uint32_t all_symbols(const sct_network *network, uint32_t groups) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < groups; i++) sum += network->groups[i];
    return sum;
}

/* One block holds all arrays, the widest numbers first. */
_Bool sct_network_begin(sct_network_state *state, const sct_network *network) {
    const size_t hidden = network->hidden, past = (size_t)network->lags * network->num_groups;
    const size_t words = 3 * hidden + past;
    int64_t *block = malloc(hidden * sizeof *block + words * sizeof(int32_t) + hidden +
                            network->mix);
    *state = (sct_network_state){.hidden = block};
    if (!block) return 0;
    state->width = network->hidden;
    state->x = (int32_t *)(block + hidden);
    state->past = (uint32_t *)(state->x + 3 * hidden);
    state->view = (int8_t *)(state->past + past);
    state->mixed = state->view + hidden;
    sct_network_restart(state);
    return 1;
}

void sct_network_end(sct_network_state *state) { free(state->hidden); }

void sct_network_restart(sct_network_state *state) {
    memset(state->hidden, 0, state->width * sizeof *state->hidden);
    memset(state->view, 0, state->width);
    state->latest = state->known = 0;
}

/* u = the rows of a head through the state, in 5 places. */
static void mix(const sct_network *network, sct_network_state *state, uint32_t index,
                const uint32_t *symbols) {
    const sct_head *head = &network->heads[index];
    for (uint32_t m = 0; m < network->mix; m++) {
        int32_t u = dot(head->head + (size_t)m * network->hidden, state->view, network->hidden);
        u += head->head_bias[m] * TABLE;
        for (uint32_t i = 0, first = 0; i < index; first += network->groups[i++])
            u += head->given[(size_t)(first + symbols[i]) * network->mix + m] * TABLE;
        state->mixed[m] = (int8_t)clipped((u + (1 << (MIX - 1))) >> MIX, 0, 127);
    }
}

/* Logits, kept in p as two's complement -> the table's share of each, and their sum. */
static uint64_t exponentials(const int32_t *exp, uint32_t *p, uint32_t size, int32_t most) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        const int64_t below = ((int64_t)most - (int32_t)p[i]) >> EXP;
        p[i] = (uint32_t)exp[clipped(below, 0, EXP_ENTRIES - 1)];
        sum += p[i];
    }
    return sum;
}

void sct_network_weigh(const sct_network *network, sct_network_state *state, uint32_t index,
                       const uint32_t *symbols, uint32_t *p) {
    const sct_head *head = &network->heads[index];
    const uint32_t size = network->groups[index], all = 1u << SCT_PROBABILITY;
    int32_t most = INT32_MIN;
    mix(network, state, index, symbols);
    for (uint32_t i = 0; i < size; i++) {
        const int8_t *row = head->out + (size_t)i * network->mix;
        const int32_t logit = dot(row, state->mixed, network->mix) + head->out_bias[i];
        most = logit > most ? logit : most;
        p[i] = (uint32_t)logit;
    }
    const uint64_t sum = exponentials(network->exp, p, size, most);
    uint32_t left = all;
    for (uint32_t i = 0; i < size; i++) {
        p[i] = (uint32_t)(p[i] * (uint64_t)(all - size) / sum) + 1;
        left -= p[i];
    }
    p[0] += left;
}

/* x = the bias and the rows of the last tokens' symbols. */
static void look_back(const sct_network *network, sct_network_state *state) {
    const uint32_t width = 3 * network->hidden, groups = network->num_groups;
    const uint32_t rows = all_symbols(network, groups);
    for (uint32_t j = 0; j < width; j++) state->x[j] = network->bias[j] * TABLE;
    for (uint32_t lag = 0; lag < state->known; lag++) {
        const uint32_t at = (state->latest + network->lags - lag) % network->lags;
        const uint32_t *symbols = state->past + (size_t)at * groups;
        for (uint32_t i = 0, first = 0; i < groups; first += network->groups[i++]) {
            const size_t row = (size_t)lag * rows + first + symbols[i];
            const int16_t *added = network->embed + row * width;
            for (uint32_t j = 0; j < width; j++) state->x[j] += added[j] * TABLE;
        }
    }
}

static int32_t gate(const int16_t *table, int64_t x) {
    return table[clipped(x >> GATE, -HALF_TABLE, HALF_TABLE - 1) + HALF_TABLE];
}

/* Unit j of the GRU; its new state is kept in x until the matrices have seen the old one. */
static int32_t unit(const sct_network *network, const sct_network_state *state, uint32_t j) {
    const uint32_t hidden = network->hidden;
    const int32_t *x = state->x;
    const int8_t *row = network->recurrent + (size_t)j * hidden;
    const size_t third = (size_t)hidden * hidden;
    const int64_t reset = gate(network->sigmoid, x[j] + dot(row, state->view, hidden));
    const int32_t through = dot(row + 2 * third, state->view, hidden);
    const int64_t inner = through + network->candidate[j] * TABLE;
    return gate(network->tanh, x[2 * hidden + j] + (reset * inner >> FINE));
}

static int8_t viewed(int64_t state) {
    return (int8_t)clipped((state + (1 << (VIEW - 1))) >> VIEW, -127, 127);
}

void sct_network_take(const sct_network *network, sct_network_state *state,
                      const uint32_t *symbols) {
    const uint32_t hidden = network->hidden, groups = network->num_groups;
    state->latest = (state->latest + 1) % network->lags;
    state->known += state->known < network->lags;
    memcpy(state->past + (size_t)state->latest * groups, symbols, groups * sizeof *symbols);
    look_back(network, state);
    int32_t *x = state->x;
    for (uint32_t j = 0; j < hidden; j++) {
        const int8_t *row = network->recurrent + (size_t)(hidden + j) * hidden;
        const int32_t update = gate(network->sigmoid, x[hidden + j] + dot(row, state->view, hidden));
        x[j] = unit(network, state, j);
        x[hidden + j] = update;
    }
    for (uint32_t j = 0; j < hidden; j++) {
        state->hidden[j] = x[j] + (x[hidden + j] * (state->hidden[j] - x[j]) >> FINE);
        state->view[j] = viewed(state->hidden[j]);
    }
}

/* Whether sums of a row with 8-bit numbers stay where float32, which others use, is exact. */
static _Bool rows_exact(const int8_t *matrix, size_t rows, uint32_t size) {
    for (; rows-- > 0; matrix += size) {
        int32_t sum = 0;
        for (uint32_t i = 0; i < size; i++) sum += abs(matrix[i]);
        if (sum * 127 >= EXACT) return 0;
    }
    return 1;
}

_Bool sct_network_sized(const sct_network *network) {
    uint64_t tokens = 1;
    if (!network->num_groups || network->num_groups > SCT_MAX_GROUPS) return 0;
    for (uint32_t i = 0; i < network->num_groups; i++) {
        if (network->groups[i] < 2 || network->groups[i] > SCT_MAX_GROUP) return 0;
        tokens *= network->groups[i];
        if (tokens > INT32_MAX) return 0;
    }
    return network->lags && network->lags <= SCT_MAX_LAGS && network->hidden &&
           network->hidden <= SCT_MAX_HIDDEN && network->mix && network->mix <= SCT_MAX_HIDDEN;
}

_Bool sct_network_sound(const sct_network *network) {
    if (!sct_network_sized(network)) return 0;
    const uint32_t hidden = network->hidden;
    _Bool sound = rows_exact(network->recurrent, 3 * (size_t)hidden, hidden);
    for (uint32_t i = 0; i < network->num_groups; i++) {
        sound = sound && rows_exact(network->heads[i].head, network->mix, hidden);
        sound = sound && rows_exact(network->heads[i].out, network->groups[i], network->mix);
    }
    for (uint32_t i = 0; i < EXP_ENTRIES; i++) sound = sound && network->exp[i] >= 0;
    return sound && network->exp[0] > 0 && network->exp[0] <= 1 << 16;
}
