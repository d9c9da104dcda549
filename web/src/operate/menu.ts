// The pages of Operate, in the order of the menu, each with what it needs of who asks: bklog/api/rights.py has the same.
import { type Component, defineAsyncComponent } from "vue";
import { EVERY_SPACE, hasPermission, hasRole, hasRoleSomewhere, type Me } from "./may";
import type { Word } from "./say";

export interface Entry {
  part: string;
  name: Word;
  group: Word;
  isOpen: (me: Me) => boolean;
  page: Component;
}

const everywhere = (me: Me): boolean => hasRole(me, "viewer", EVERY_SPACE);
const somewhere = (me: Me): boolean => hasRoleSomewhere(me, "viewer");
const accounts = (me: Me): boolean => hasPermission(me, "accounts");
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
    (me) => hasRole(me, "admin", EVERY_SPACE),
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
export function menuOf(me: Me): [Word, Entry[]][] {
  const open = MENU.filter((one) => one.isOpen(me));
  const groups = [...new Set(open.map((one) => one.group))];
  return groups.map((group) => [group, open.filter((one) => one.group === group)]);
}
