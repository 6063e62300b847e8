/* Whether bytes are a JSON object as Python's parser takes them (secousti/container/json_text.py):
   UTF-8 throughout, no NaN, no number beyond a double, no half of a surrogate pair. */

#include <string.h>

#include "facts.h"

enum { MOST_DIGITS = 4300 }; /* of a whole number: beyond them Python refuses to convert */

typedef struct {
    const uint8_t *at, *end;
    int depth;
    const char *wrong;
} text;

static const char not_json[] = "it is not JSON";

static _Bool fail(text *t, const char *wrong) {
    if (!t->wrong) t->wrong = wrong;
    return 0;
}

static int look(const text *t) { return t->at < t->end ? *t->at : -1; }

static _Bool take(text *t, int c) {
    if (look(t) != c) return 0;
    t->at++;
    return 1;
}

static void skip_space(text *t) {
    while (take(t, ' ') || take(t, '\t') || take(t, '\n') || take(t, '\r')) continue;
}

static _Bool word(text *t, const char *letters) {
    for (; *letters; letters++)
        if (!take(t, *letters)) return fail(t, not_json);
    return 1;
}

static size_t digits(text *t) {
    size_t count = 0;
    while (look(t) >= '0' && look(t) <= '9') t->at++, count++;
    return count;
}

/* Whether a number rounds to infinity: 2^1024 - 2^970 and above, decimal digit by digit. */
static _Bool too_large(const uint8_t *first, const uint8_t *end, long exponent) {
    static const char least[] =
        "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490"
        "1797758720709633028641669288791094655554785194040263065748867150582068190890200070838367"
        "6273854845817711531764475730270069855571366959622842914819860834936475292719074168444365"
        "510704342711559699508093042880177904174497792";
    long places = exponent; /* digits before the point */
    const uint8_t *at = first, *significant = NULL;
    _Bool whole = 1;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') whole = 0;
        if (*at < '0' || *at > '9') continue;
        if (!significant && *at != '0') significant = at;
        if (significant && whole) places++;
        if (!significant && !whole) places--;
    }
    if (!significant || places != (long)sizeof least - 1) {
        return significant && places > (long)sizeof least - 1;
    }
    const char *limit = least;
    for (; significant < at && *limit; significant++) {
        if (*significant == '.') continue;
        if (*significant != *limit) return *significant > *limit;
        limit++;
    }
    while (*limit == '0') limit++;
    return !*limit;
}

static _Bool exponent_of(text *t, long *exponent) {
    const _Bool negative = take(t, '-');
    if (!negative) take(t, '+');
    const uint8_t *first = t->at;
    if (!digits(t)) return fail(t, not_json);
    *exponent = 0;
    for (; first < t->at; first++)
        if (*exponent < 1000000) *exponent = 10 * *exponent + (*first - '0');
    if (negative) *exponent = -*exponent;
    return 1;
}

static _Bool number(text *t) {
    take(t, '-');
    const uint8_t *first = t->at;
    long exponent = 0;
    _Bool whole = 1;
    const size_t count = digits(t);
    if (!count || (count > 1 && *first == '0')) return fail(t, not_json);
    if (look(t) == '.') {
        t->at++;
        whole = 0;
        if (!digits(t)) return fail(t, not_json);
    }
    if (take(t, 'e') || take(t, 'E')) {
        whole = 0;
        if (!exponent_of(t, &exponent)) return 0;
    }
    if (whole && count > MOST_DIGITS) return fail(t, "a number in it has too many digits");
    return whole || !too_large(first, t->at, exponent) ||
           fail(t, "a number in it is too large");
}

static int hex4(text *t) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        const int c = look(t), digit = c >= '0' && c <= '9'   ? c - '0'
                                       : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                              : -1;
        if (digit < 0) return -1;
        value = 16 * value + digit;
        t->at++;
    }
    return value;
}

/* After "\u": one unit, or two that make a pair. */
static _Bool unicode(text *t) {
    static const char half[] = "its text holds half a surrogate pair";
    const int first = hex4(t);
    if (first < 0) return fail(t, not_json);
    if (first < 0xD800 || first > 0xDFFF) return 1;
    if (first > 0xDBFF || !take(t, '\\') || !take(t, 'u')) return fail(t, half);
    const int second = hex4(t);
    return second >= 0xDC00 && second <= 0xDFFF ? 1 : fail(t, half);
}

static _Bool string(text *t) {
    if (!take(t, '"')) return fail(t, not_json);
    while (!take(t, '"')) {
        if (look(t) < ' ') return fail(t, not_json);
        if (*t->at++ != '\\') continue;
        if (take(t, 'u')) {
            if (!unicode(t)) return 0;
        } else if (look(t) <= 0 || !strchr("\"\\/bfnrt", *t->at++)) {
            return fail(t, not_json);
        }
    }
    return 1;
}

static _Bool value(text *t);

/* What stands between brackets: values, or names and values. */
static _Bool items(text *t, char close) {
    t->at++;
    skip_space(t);
    if (take(t, close)) return 1;
    for (;;) {
        skip_space(t);
        if (close == '}') {
            if (!string(t)) return 0;
            skip_space(t);
            if (!take(t, ':')) return fail(t, not_json);
            skip_space(t);
        }
        if (!value(t)) return 0;
        skip_space(t);
        if (take(t, close)) return 1;
        if (!take(t, ',')) return fail(t, not_json);
    }
}

static _Bool nested(text *t, char close) {
    if (++t->depth > SCT_MAX_NESTING) return fail(t, "it is nested more than 32 levels deep");
    const _Bool good = items(t, close);
    t->depth--;
    return good;
}

static _Bool value(text *t) {
    switch (look(t)) {
    case '{': return nested(t, '}');
    case '[': return nested(t, ']');
    case '"': return string(t);
    case 't': return word(t, "true");
    case 'f': return word(t, "false");
    case 'n': return word(t, "null");
    default: return number(t);
    }
}

/* Bytes of the character at `s`, 0 if it is none (RFC 3629). */
static size_t character(const uint8_t *s, size_t left) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t size = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
    if (!size || size > left) return 0;
    if (size == 1) return 1;
    uint32_t code = *s & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (s[i] >> 6 != 2) return 0;
        code = code << 6 | (s[i] & 0x3F);
    }
    const _Bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < least[size] || code > 0x10FFFF || surrogate ? 0 : size;
}

_Bool sct_json_object(const char *bytes, size_t size, const char **wrong) {
    const uint8_t *first = (const uint8_t *)bytes;
    text t = {first, first + size, 0, NULL};
    *wrong = "it is not UTF-8";
    for (size_t at = 0, step; at < size; at += step) {
        step = character(first + at, size - at);
        if (!step) return 0;
    }
    skip_space(&t);
    const _Bool object = look(&t) == '{';
    _Bool good = value(&t);
    skip_space(&t);
    if (good && t.at < t.end) good = fail(&t, not_json);
    if (good && !object) good = fail(&t, "it is not an object");
    *wrong = t.wrong;
    return good;
}
