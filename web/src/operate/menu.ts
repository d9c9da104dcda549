// The pages of Operate, in the order of the menu, each with what it needs of who asks: bklog/api/rights.py has the same.
import { type Component, defineAsyncComponent } from "vue";
import { holds, may, mayEverywhere, type Person } from "../rights";
import type { Word } from "./say";

type Who = Person | null;

export interface Entry {
  part: string;
  name: Word;
  group: Word;
  isOpen: (one: Who) => boolean;
  page: Component;
}

const everywhere = (one: Who): boolean => mayEverywhere(one, "viewer");
const somewhere = (one: Who): boolean => may(one, "viewer");
const accounts = (one: Who): boolean => holds(one, "accounts");
const entry = (
  part: string,
  name: Word,
  group: Word,
  isOpen: Entry["isOpen"],
  load: () => Promise<{ default: Component }>,
): Entry => ({
  part,
  name,
  group,
  isOpen,
  page: defineAsyncComponent(load),
});

export const MENU: readonly Entry[] = [
  entry("fleet", "fleet", "group.platform", everywhere, () => import("./FleetPage.vue")),
  entry("health", "health", "group.platform", somewhere, () => import("./HealthPage.vue")),
  entry("storage", "storage", "group.platform", everywhere, () => import("./StoragePage.vue")),
  entry(
    "settings",
    "settings",
    "group.platform",
    (one) => mayEverywhere(one, "admin"),
    () => import("./SettingsPage.vue"),
  ),
  entry("pipelines", "pipelines", "group.work", everywhere, () => import("./PipelinesPage.vue")),
  entry("exports", "exports", "group.work", somewhere, () => import("./ExportsPage.vue")),
  entry("client-logs", "clientlogs", "group.work", everywhere, () => import("./ClientLogsPage.vue")),
  entry("index-sets", "sets", "group.data", somewhere, () => import("./IndexSetsPage.vue")),
  entry("masking", "masking", "group.data", somewhere, () => import("./MaskingPage.vue")),
  entry("users", "users", "group.people", accounts, () => import("./UsersPage.vue")),
  entry("spaces", "spaces", "group.people", accounts, () => import("./SpacesPage.vue")),
  entry("tokens", "tokens", "group.people", accounts, () => import("./TokensPage.vue")),
  entry("audit", "audit", "group.people", accounts, () => import("./AuditPage.vue")),
];

/** The menu of somebody: groups without an entry are left out. */
export function menuOf(who: Who): [Word, Entry[]][] {
  const open = MENU.filter((one) => one.isOpen(who));
  const groups = [...new Set(open.map((one) => one.group))];
  return groups.map((group) => [group, open.filter((one) => one.group === group)]);
}
