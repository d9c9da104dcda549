// Dark, light, or as the system says; the shell sets it before anything is drawn.
import { ref } from "vue";

export type Theme = "auto" | "dark" | "light";
const KEPT = "bklog.theme";
const kept = localStorage.getItem(KEPT);

export const theme = ref<Theme>(kept === "dark" || kept === "light" ? kept : "auto");
/** Counts up when colours change, for what draws them itself. */
export const painted = ref(0);

export function choose(next: Theme): void {
  theme.value = next;
  if (next === "auto") {
    localStorage.removeItem(KEPT);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(KEPT, next);
    document.documentElement.dataset.theme = next;
  }
  painted.value += 1;
}

export function nextTheme(): void {
  choose(({ auto: "dark", dark: "light", light: "auto" } as const)[theme.value]);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  painted.value += 1;
});

/** A colour of the theme, by the name of its variable, as a canvas takes it. */
export function colour(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
