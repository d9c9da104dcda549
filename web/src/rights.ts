// What roles and permissions let a person do: what they may not is not offered. The platform looks all the same.
export type Role = "viewer" | "editor" | "admin";

/** `roles` by space, `*` for every one; null of a token, which has none to bound it. */
export interface Person {
  name: string;
  roles: Record<string, string> | null;
  permissions: readonly string[];
}

const RANK: Record<string, number> = { viewer: 1, editor: 2, admin: 3 };
const EVERYWHERE = "*";

/** In `space`; in any space where none is named. */
export function may(person: Person | null, role: Role, space?: string): boolean {
  if (!person) return false;
  const { roles } = person;
  if (!roles) return true;
  const held = space === undefined ? Object.values(roles) : [roles[space], roles[EVERYWHERE]];
  return held.some((one) => one !== undefined && (RANK[one] ?? 0) >= (RANK[role] as number));
}

/** For what belongs to no single space: fleet, storage, pipelines, settings in force. */
export function mayEverywhere(person: Person | null, role: Role): boolean {
  return may(person, role, EVERYWHERE);
}

/** As the platform names it: `accounts`, `raw_values`, `large_export`, `block_searches`. */
export function holds(person: Person | null, permission: string): boolean {
  return person?.permissions.includes(permission) ?? false;
}
