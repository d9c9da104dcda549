// The routes of the page; `bklog/page/paths.py` has the same. Whoever has not signed in comes to the way in, and then to where they wanted.
import { createRouter, createWebHistory } from "vue-router";
import { known, signedIn } from "./api/account";
import SignIn from "./SignIn.vue";
import SearchPage from "./search/SearchPage.vue";

export const router = createRouter({
  history: createWebHistory("/"),
  routes: [
    { path: "/", redirect: "/search" },
    { path: "/search", component: SearchPage },
    { path: "/link/:token", component: () => import("./search/OpenLink.vue") },
    { path: "/collect", component: () => import("./collect/ListPage.vue") },
    { path: "/collect/new", component: () => import("./collect/WizardPage.vue") },
    { path: "/collect/:id(\\d+)", component: () => import("./collect/CollectorPage.vue") },
    { path: "/operate", redirect: "/operate/fleet" },
    { path: "/operate/:part", component: () => import("./operate/OperatePage.vue") },
    { path: "/sign-in", component: SignIn },
    { path: "/:rest(.*)*", redirect: "/search" },
  ],
});

router.beforeEach(async (to) => {
  await known();
  if (to.path === "/sign-in") return signedIn.value ? wanted(to.query.next) : true;
  return signedIn.value || { path: "/sign-in", query: { next: to.fullPath } };
});

/** Only within the page: `next` is what anybody may have written into an address. */
export function wanted(next: unknown): string {
  return typeof next === "string" && /^\/(?![/\\])/.test(next) ? next : "/search";
}
