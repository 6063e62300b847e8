#include "pseudo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "functions.h"
#include "wide.h"

enum { MOST_CHANNELS = 1 << 14, MOST_HEADS = 1024, MOST_CONTEXT = 1 << 16 };
static const double log_period = 9.210340371976184; /* ln 10000: of the rotary positions */

static _Bool find_sizes(sct_pseudo *net, const sct_part *part, sct_conformer_sizes *sizes) {
    size_t number, rotary;
    uint32_t shape[SCT_MOST_DIMS];
    if (!sct_part_number(part, "pseudo.channels", 1, MOST_CHANNELS, &sizes->channels) ||
        !sct_part_number(part, "pseudo.ffn", 1, MOST_CHANNELS, &sizes->hidden) ||
        !sct_part_number(part, "pseudo.heads", 1, MOST_HEADS, &sizes->heads) ||
        !sct_part_number(part, "pseudo.context", 1, MOST_CONTEXT, &sizes->context) ||
        !sct_part_number(part, "pseudo.rotary", 0, 1, &rotary) ||
        !sct_part_number(part, "pseudo.causal", 1, 1, &number) ||
        !sct_part_number(part, "pseudo.lookahead", 0, 0, &number) ||
        !sct_part_number(part, "pseudo.blocks", 0, SCT_MOST_CONFORMERS, &net->num_blocks) ||
        !sct_part_number(part, "pseudo.lstm_layers", 1, SCT_MOST_LSTM, &net->num_layers) ||
        !sct_part_number(part, "pseudo.lstm_channels", 1, MOST_CHANNELS, &net->hidden))
        return 0;
    const sct_part conv = sct_part_of(part, "blocks.0.convolution");
    if (sizes->channels % (2 * sizes->heads) || sct_part_has(&conv, "batch_norm.weight", shape))
        return sct_fail(part->fault, SCT_REFUSED, "%s is not of a form that streams here",
                        part->name);
    const size_t half = sizes->channels / sizes->heads / 2;
    net->turns = sct_zeros(half, part->fault);
    if (!net->turns) return 0;
    for (size_t i = 0; i < half; i++)
        net->turns[i] = wide_exp_of(-log_period * (double)i / (double)half);
    sizes->turns = rotary ? net->turns : NULL;
    return 1;
}

static const float *find_numbered(const sct_part *part, const char *name, size_t number,
                                  const uint32_t *shape, int dims) {
    char full[32];
    snprintf(full, sizeof full, "%s_l%zu", name, number);
    return sct_part_find(part, full, shape, dims);
}

static _Bool begin_lstm(sct_pseudo *net, const sct_part *part, size_t inputs) {
    const sct_part lstm = sct_part_of(part, "lstm.lstm");
    const uint32_t h = (uint32_t)net->hidden;
    for (size_t i = 0; i < net->num_layers; i++, inputs = net->hidden) {
        sct_lstm_layer *layer = &net->layers[i];
        layer->inputs = inputs;
        layer->in =
            find_numbered(&lstm, "weight_ih", i, SCT_SHAPE(4 * h, (uint32_t)inputs));
        layer->in_bias = find_numbered(&lstm, "bias_ih", i, SCT_SHAPE(4 * h));
        layer->own = find_numbered(&lstm, "weight_hh", i, SCT_SHAPE(4 * h, h));
        layer->own_bias = find_numbered(&lstm, "bias_hh", i, SCT_SHAPE(4 * h));
        layer->h = sct_zeros(h, part->fault);
        layer->c = sct_zeros(h, part->fault);
    }
    return part->fault->verdict == SCT_SOUND;
}

_Bool sct_pseudo_begin(sct_pseudo *net, const sct_part *part, size_t inputs, size_t entries,
                       size_t most) {
    sct_conformer_sizes sizes = {0};
    memset(net, 0, sizeof *net);
    net->entries = entries;
    if (!find_sizes(net, part, &sizes)) return 0;
    const sct_part embed = sct_part_of(part, "embed.conv");
    if (!sct_wide_conv_begin(&net->embed, part->weights, embed.name, inputs, 1, most, part->fault))
        return 0;
    if (net->embed.outputs != sizes.channels)
        return sct_fail(part->fault, SCT_REFUSED, "%s does not fit what follows", embed.name);
    for (size_t i = 0; i < net->num_blocks; i++) {
        const sct_part block = sct_part_of(part, "blocks.%zu", i);
        if (!sct_conformer_begin(&net->blocks[i], &block, &sizes, most)) return 0;
    }
    const uint32_t n = (uint32_t)entries, h = (uint32_t)net->hidden;
    const size_t widest = net->hidden > sizes.channels ? net->hidden : sizes.channels;
    net->head = sct_part_find(part, "head.weight", SCT_SHAPE(n, h));
    net->head_bias = sct_part_find(part, "head.bias", SCT_SHAPE(n));
    net->x = sct_zeros(most * widest, part->fault);
    net->gates = sct_zeros(most * 4 * net->hidden, part->fault);
    net->own = sct_zeros(4 * net->hidden, part->fault);
    return begin_lstm(net, part, sizes.channels) && part->fault->verdict == SCT_SOUND;
}

void sct_pseudo_end(sct_pseudo *net) {
    sct_wide_conv_end(&net->embed);
    for (size_t i = 0; i < SCT_MOST_CONFORMERS; i++) sct_conformer_end(&net->blocks[i]);
    for (size_t i = 0; i < SCT_MOST_LSTM; i++) {
        free(net->layers[i].h);
        free(net->layers[i].c);
    }
    free(net->turns);
    free(net->x);
    free(net->gates);
    free(net->own);
}

void sct_pseudo_restart(sct_pseudo *net) {
    sct_wide_conv_restart(&net->embed);
    for (size_t i = 0; i < net->num_blocks; i++) sct_conformer_restart(&net->blocks[i]);
    for (size_t i = 0; i < net->num_layers; i++) {
        memset(net->layers[i].h, 0, net->hidden * sizeof(double));
        memset(net->layers[i].c, 0, net->hidden * sizeof(double));
    }
}

/* One step: gates[4 H] of the input, to which those of the state are added. */
static void cell(sct_pseudo *net, sct_lstm_layer *layer, double *gates) {
    const size_t h = net->hidden;
    sct_wide_linear(layer->own, layer->own_bias, h, 4 * h, layer->h, h, 1, net->own);
    for (size_t i = 0; i < 4 * h; i++) gates[i] += net->own[i];
    double *in = gates, *forget = gates + h, *new = gates + 2 * h, *out = gates + 3 * h;
    sct_sigmoid(in, 2 * h);
    sct_tanh(new, h);
    sct_sigmoid(out, h);
    for (size_t i = 0; i < h; i++) {
        layer->c[i] = forget[i] * layer->c[i] + in[i] * new[i];
        layer->h[i] = layer->c[i];
    }
    sct_tanh(layer->h, h);
    for (size_t i = 0; i < h; i++) layer->h[i] *= out[i];
}

static void run_lstm(sct_pseudo *net, sct_lstm_layer *layer, size_t count) {
    const size_t h = net->hidden;
    sct_wide_linear(layer->in, layer->in_bias, layer->inputs, 4 * h, net->x, layer->inputs, count,
                    net->gates);
    for (size_t t = 0; t < count; t++) {
        cell(net, layer, net->gates + t * 4 * h);
        memcpy(net->x + t * h, layer->h, h * sizeof *net->x);
    }
}

void sct_pseudo_step(sct_pseudo *net, const double *latents, size_t count, double *logits) {
    sct_wide_conv_step(&net->embed, latents, count, net->x);
    for (size_t i = 0; i < net->num_blocks; i++) sct_conformer_step(&net->blocks[i], net->x, count);
    for (size_t i = 0; i < net->num_layers; i++) run_lstm(net, &net->layers[i], count);
    sct_wide_linear(net->head, net->head_bias, net->hidden, net->entries, net->x, net->hidden,
                    count, logits);
}
