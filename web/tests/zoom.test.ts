import { expect, it } from "vitest";
import { DEEPEST, popped, pushed } from "../src/search/zoom";

const range = (number: number) => ({ start: `now-${number}h`, end: "now" });

it("goes back the way it came", () => {
  const stack = pushed(pushed([], range(24)), range(6));
  const first = popped(stack);
  expect(first?.to).toEqual(range(6));
  expect(first && popped(first.rest)?.to).toEqual(range(24));
  expect(popped([])).toBeNull();
});

it("does not keep the same range twice, nor more than it may", () => {
  expect(pushed([range(1)], range(1))).toHaveLength(1);
  let stack = pushed([], range(0));
  for (let number = 1; number < 2 * DEEPEST; number += 1) stack = pushed(stack, range(number));
  expect(stack).toHaveLength(DEEPEST);
  expect(stack.at(-1)).toEqual(range(2 * DEEPEST - 1));
});
