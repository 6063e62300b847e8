// Which tokens were used, and how evenly.

export class Codebook {
  constructor() {
    this.counts = new Map();
    this.total = 0;
  }

  add(tokens) {
    for (const token of tokens) this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
    this.total += tokens.length;
  }

  get distinct() {
    return this.counts.size;
  }

  /** Bits a token of this distribution needs. */
  get entropy() {
    let bits = 0;
    for (const count of this.counts.values()) bits -= (count / this.total) * Math.log2(count / this.total);
    return bits;
  }

  get perplexity() {
    return 2 ** this.entropy;
  }
}

/** The digits of a token, lowest first; the token itself for a codebook without digits. */
export function digits(token, levels) {
  if (!levels.length) return [token];
  let rest = token;
  return levels.map((level) => {
    const digit = rest % level;
    rest = Math.floor(rest / level);
    return digit;
  });
}
