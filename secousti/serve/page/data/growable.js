// Typed arrays that grow.

export class Growable {
  constructor(type) {
    this.array = new type(1024);
    this.length = 0;
  }

  push(values) {
    const length = this.length + values.length;
    if (length > this.array.length) {
      const larger = new this.array.constructor(Math.max(length, 2 * this.array.length));
      larger.set(this.view());
      this.array = larger;
    }
    this.array.set(values, this.length);
    this.length = length;
  }

  view(from = 0, to = this.length) {
    return this.array.subarray(Math.max(0, from), Math.min(to, this.length));
  }
}
