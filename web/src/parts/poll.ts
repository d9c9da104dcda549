// Asks again while a component is there and its tab is seen, each time a pause after the former answer came.
import { onBeforeUnmount } from "vue";

/** `ask` says whether to go on. Returns what begins it (anew). */
export function polling(milliseconds: number, ask: () => Promise<boolean>): () => void {
  let timer = 0;
  let turn = 0;

  async function go(mine: number): Promise<void> {
    const goesOn = document.hidden || (await ask());
    if (mine === turn && goesOn) timer = window.setTimeout(() => void go(mine), milliseconds);
  }
  function begin(): void {
    window.clearTimeout(timer);
    turn += 1;
    void go(turn);
  }
  onBeforeUnmount(() => {
    turn += 1;
    window.clearTimeout(timer);
  });
  return begin;
}
