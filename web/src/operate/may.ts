// Who asks ─▶ what is offered. The platform decides anew with each request; what it would refuse is not offered here.
import type { InjectionKey, ShallowRef } from "vue";
import { inject } from "vue";
import type { Schemas } from "../api/client";

export type Me = Schemas["Me"];
export type Role = "viewer" | "editor" | "admin";
const RANKS: Role[] = ["viewer", "editor", "admin"];
export const EVERY_SPACE = "*";

/** A token has no roles: it may do the whole API but what needs a permission. */
export function hasRole(me: Me, role: Role, space: string): boolean {
  if (me.roles === null) return true;
  const ranks = [me.roles[space], me.roles[EVERY_SPACE]].map((one) => (one ? RANKS.indexOf(one) : -1));
  return Math.max(...ranks) >= RANKS.indexOf(role);
}

export function hasRoleSomewhere(me: Me, role: Role): boolean {
  return me.roles === null || Object.values(me.roles).some((one) => RANKS.indexOf(one) >= RANKS.indexOf(role));
}

export function hasPermission(me: Me, permission: string): boolean {
  return (me.permissions as string[]).includes(permission);
}

export const ME: InjectionKey<ShallowRef<Me>> = Symbol("me");

export function useMe(): ShallowRef<Me> {
  const me = inject(ME);
  if (!me) throw new Error("the Operate page says who asks");
  return me;
}
