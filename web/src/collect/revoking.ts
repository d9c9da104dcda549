// What there is to say of an ingest token in the list, and to who is about to revoke it.
import type { Key } from "../i18n";
import type { IngestToken } from "./ask";

export function isValid(token: IngestToken): boolean {
  return token.revoked_at === null;
}

/** Whether this is the secret of the token; of one whose beginning is not known nobody can say. */
export function isOf(secret: string, token: IngestToken): boolean {
  return token.beginning !== "" && secret.startsWith(token.beginning);
}

/** What happens beyond that its bearers are refused. */
export function consequences(token: IngestToken, all: readonly IngestToken[]): Key[] {
  const isLast = !all.some((one) => isValid(one) && one.id !== token.id);
  return [
    ...(token.kept_on ? (["collect.tokens.revoke.kept"] as const) : []),
    ...(isLast ? (["collect.tokens.revoke.last"] as const) : []),
  ];
}

/** Where no use is noted: of a token without a beginning, made before uses were noted, one cannot say never. */
export function unusedWord(token: IngestToken): Key {
  return token.beginning ? "collect.tokens.never" : "collect.tokens.unknown";
}
