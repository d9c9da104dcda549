// What was typed and is not saved is not lost by a click: whoever leaves is asked first, within the page and by the browser.
import { onBeforeUnmount, onMounted } from "vue";
import { onBeforeRouteLeave, onBeforeRouteUpdate } from "vue-router";
import { t } from "../i18n";

/** `shownBy` are the keys of the address that choose what is edited. Returns whether one may leave, who is asked where it is needed. */
export function unsaved(isChanged: () => boolean, shownBy: readonly string[] = []): () => boolean {
  const mayLeave = (): boolean => !isChanged() || window.confirm(t("app.unsaved"));
  function onUnload(event: BeforeUnloadEvent): void {
    if (isChanged()) event.preventDefault();
  }
  onMounted(() => window.addEventListener("beforeunload", onUnload));
  onBeforeUnmount(() => window.removeEventListener("beforeunload", onUnload));
  onBeforeRouteLeave(mayLeave);
  onBeforeRouteUpdate((to, from) => {
    const stays = to.path === from.path && shownBy.every((key) => to.query[key] === from.query[key]);
    return stays || mayLeave();
  });
  return mayLeave;
}

/** Whether a form holds something else than it did at first. */
export function changes(form: () => unknown): () => boolean {
  const first = JSON.stringify(form());
  return () => JSON.stringify(form()) !== first;
}
