// Who uses the page: by a session, whose cookie no script reads, or by an API token that is kept in the memory of this tab only.
//
// known ─▶ person ─▶ credentials of each request ─▶ refused, once the platform knows them no more ─▶ the way in
import { computed, ref, shallowRef } from "vue";
import { language, speak } from "../i18n";
import { apply, keepZone, type Preferences } from "../preferences";
import type { Person } from "../rights";
import { nextTheme, theme } from "../theme";
import { asFailure, call, type Failure, type Schemas } from "./client";

type Session = Schemas["Session"];

const SESSION = "/api/v1/accounts/session/";
const ME = "/api/v1/accounts/me/";
const READING = ["GET", "HEAD"];
const session = shallowRef<Session | null>(null);
const token = ref("");
const owner = shallowRef<Person | null>(null);
let asked: Promise<void> | null = null;

/** Who has signed in, and what they may do. */
export const person = computed<Person | null>(() => session.value?.user ?? owner.value);
export const signedIn = computed(() => person.value !== null);
export const hasSession = computed(() => session.value !== null);
/** Why nobody is signed in any more, where nobody asked for that. */
export const ended = shallowRef<Failure | null>(null);
/** Why a preference is kept by this browser alone. */
export const unkept = shallowRef<Failure | null>(null);

/** Resolves when it is known whether somebody has: a page that was loaded anew finds its session again. */
export function known(): Promise<void> {
  asked ??= hasCookie() ? ask() : Promise.resolve();
  return asked;
}

/** No script sees the cookie; the shell says whether the browser sent one. */
function hasCookie(): boolean {
  return document.getElementById("app")?.dataset.session === "1";
}

async function ask(): Promise<void> {
  try {
    take(await call<Session>("GET", SESSION));
  } catch (error) {
    ended.value = asFailure(error);
  }
}

function take(found: Session): void {
  session.value = found;
  ended.value = null;
  apply(found.user.preferences);
}

/** What goes with a request: the token, or what proves that a change comes from this page. */
export function credentials(method: string): Record<string, string> {
  if (token.value) return { Authorization: `Bearer ${token.value}` };
  return session.value && !READING.includes(method) ? { "X-CSRFToken": session.value.csrf_token } : {};
}

/** The browser has another cookie by now: a new password, set in another tab, brings one. Whether it is of the same person. */
export async function renewed(): Promise<boolean> {
  const before = session.value?.user.name;
  if (before === undefined) return false;
  take(await call<Session>("GET", SESSION));
  return session.value?.user.name === before;
}

export async function signIn(name: string, password: string): Promise<void> {
  take(await call<Session>("POST", SESSION, { name, password }));
}

export async function useToken(typed: string): Promise<void> {
  const headers = { Authorization: `Bearer ${typed}` };
  owner.value = (await call<{ user: Person }>("GET", ME, undefined, { headers })).user;
  token.value = typed;
  ended.value = null;
}

export async function signOut(): Promise<void> {
  if (session.value) await call("DELETE", SESSION);
  leave();
}

export async function changePassword(password: string, next: string): Promise<void> {
  take(await call<Session>("POST", `${ME}password/`, { password, new_password: next }));
}

/** The platform says that it does not know who asks: the page shows its way in, and why. */
export function refused(failure: Failure): void {
  if (signedIn.value) ended.value = failure;
  leave();
}

function leave(): void {
  session.value = null;
  owner.value = null;
  token.value = "";
}

/** Of a token this browser alone keeps it. */
async function prefer(preferences: Preferences): Promise<void> {
  if (!session.value) return;
  try {
    const { user } = await call<{ user: Session["user"] }>("PATCH", ME, { preferences });
    if (session.value) session.value = { ...session.value, user };
    unkept.value = null;
  } catch (error) {
    unkept.value = asFailure(error);
  }
}

export function preferOtherLanguage(): Promise<void> {
  speak(language.value === "zh" ? "en" : "zh");
  return prefer({ language: language.value });
}

export function preferNextTheme(): Promise<void> {
  nextTheme();
  return prefer({ theme: theme.value === "auto" ? null : theme.value });
}

export function preferZone(name: string): Promise<void> {
  keepZone(name);
  return prefer({ zone: name || null });
}
