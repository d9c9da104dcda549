// The last rows of a live tail: so many are kept, and what left is counted.

export class Ring<T> {
  private kept: T[] = [];
  left = 0;

  constructor(readonly most: number) {}

  push(items: readonly T[]): void {
    this.kept = this.kept.concat(items);
    const over = this.kept.length - this.most;
    if (over <= 0) return;
    this.kept = this.kept.slice(over);
    this.left += over;
  }

  get rows(): T[] {
    return this.kept;
  }

  clear(): void {
    this.kept = [];
    this.left = 0;
  }
}
