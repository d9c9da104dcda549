// Ingest tokens that were shown in this tab: in its memory only, so that going back a step does not lose one, and a reload does.
import { reactive, watch } from "vue";
import { signedIn } from "../api/account";

export const shownTokens = reactive(new Map<number, string>());
watch(signedIn, (now) => {
  if (!now) shownTokens.clear(); // who signs in next is somebody else
});
