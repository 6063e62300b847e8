#include <stdlib.h>
#include <string.h>

#include "program.h"

const char help_text[] =
    "sct: speech as a few bits, and back\n"
    "\n"
    "  sct encode MODEL.sctm IN.wav OUT.sct    speech to tokens and one small vector of the voice\n"
    "  sct decode MODEL.sctm IN.sct OUT.wav    and back, 16-bit mono at the codec's rate\n"
    "  sct info IN.sct                         what a file holds and where every bit goes\n"
    "\n"
    "MODEL.sctm holds the numbers of a codec. Python makes it:\n"
    "\n"
    "  secousti export --format c -m mini-21hz -o mini-21hz.sctm\n"
    "\n"
    "IN and OUT may be -, standard input and output. What comes through a pipe is passed on as it\n"
    "comes, so that two ends of a line can talk:\n"
    "\n"
    "  arecord -f cd | sct encode mini-21hz.sctm - - | nc host 9000\n"
    "  nc -l 9000 | sct decode mini-21hz.sctm - - | aplay\n"
    "\n"
    "Files are those of `secousti encode` and `secousti decode`: each reads the other's. WAV may be\n"
    "PCM or float of any rate and number of channels (they are averaged).\n"
    "\n"
    "  -f, --force            overwrite OUT\n"
    "      --entropy KIND     encode: learned, adaptive or packed tokens (default: learned, if the\n"
    "                         model has a learned coder)\n"
    "      --latency SECONDS  encode from a pipe: of sound in a record (default 0.5)\n"
    "      --partial          decode: of a file that is cut short, keep what is whole\n"
    "      --max-seconds S    decode, info: refuse more speech than this (default 86400)\n"
    "      --model MODEL      info: check also what is coded with this model\n"
    "  -h, --help             this text\n"
    "\n"
    "OUT appears whole or not at all. The exit code is 0, or 1 after one sentence of what is wrong.\n";

static _Bool seconds(const char *name, const char *text, double least, double most,
                     double *value, sct_fault *fault) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && *value >= least && *value <= most) return 1;
    return sct_fail(fault, SCT_REFUSED, "%s takes %g to %g seconds, not '%.40s'", name, least,
                    most, text);
}

static _Bool kind(const char *text, options *taken, sct_fault *fault) {
    static const char *const kinds[] = {"packed", "adaptive", "learned"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, kinds[i])) continue;
        taken->payload = (sct_payload)i;
        return taken->has_payload = 1;
    }
    return sct_fail(fault, SCT_REFUSED, "--entropy is learned, adaptive or packed, not '%.40s'",
                    text);
}

/* An option that a value follows. */
static _Bool valued(const char *name, const char *value, options *taken, sct_fault *fault) {
    if (!strcmp(name, "--entropy")) return kind(value, taken, fault);
    if (!strcmp(name, "--latency")) return seconds(name, value, 0.001, 60, &taken->latency, fault);
    if (!strcmp(name, "--max-seconds"))
        return seconds(name, value, 0, 1e9, &taken->max_seconds, fault);
    taken->model = value;
    return 1;
}

static _Bool is_valued(const char *name) {
    return !strcmp(name, "--entropy") || !strcmp(name, "--latency") ||
           !strcmp(name, "--max-seconds") || !strcmp(name, "--model");
}

static _Bool flag(const char *name, options *taken, sct_fault *fault) {
    if (!strcmp(name, "-f") || !strcmp(name, "--force")) return taken->force = 1;
    if (!strcmp(name, "--partial")) return taken->partial = 1;
    return sct_fail(fault, SCT_REFUSED, "there is no option %.40s; sct --help lists them", name);
}

_Bool take_options(int count, char **arguments, options *taken, const char **files[],
                   sct_fault *fault) {
    int place = 0;
    _Bool only_names = 0;
    for (int i = 0; i < count; i++) {
        const char *text = arguments[i];
        if (only_names || text[0] != '-' || !text[1]) {
            if (!files[place])
                return sct_fail(fault, SCT_REFUSED, "%.100s is one file too many; see sct --help",
                                text);
            *files[place++] = text;
        } else if (!strcmp(text, "--")) {
            only_names = 1;
        } else if (!is_valued(text)) {
            if (!flag(text, taken, fault)) return 0;
        } else if (++i == count) {
            return sct_fail(fault, SCT_REFUSED, "%s takes a value; see sct --help", text);
        } else if (!valued(text, arguments[i], taken, fault)) {
            return 0;
        }
    }
    return !files[place] || sct_fail(fault, SCT_REFUSED, "a file is missing: see sct --help");
}
