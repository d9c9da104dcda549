// Ingest tokens that were shown in this tab: in its memory only, so that going back a step does not lose one, and a reload does.
import { reactive } from "vue";

export const shownTokens = reactive(new Map<number, string>());
