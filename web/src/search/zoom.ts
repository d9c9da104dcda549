// The ranges that one came from by zooming in, to go back to.
import type { Range } from "./times";

export const DEEPEST = 50;

/** With `from` on top, unless it is there already. */
export function pushed(stack: readonly Range[], from: Range): Range[] {
  const top = stack.at(-1);
  if (top && top.start === from.start && top.end === from.end) return [...stack];
  return [...stack, from].slice(-DEEPEST);
}

/** The range to go back to, and what is left; null where one has not zoomed. */
export function popped(stack: readonly Range[]): { to: Range; rest: Range[] } | null {
  const to = stack.at(-1);
  return to ? { to, rest: stack.slice(0, -1) } : null;
}
