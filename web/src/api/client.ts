// method, path, body ─▶ answer, or a Failure with what the platform said. Each request has an id, by which it is cancelled and found in the log.
import { credentials, refused, renewed } from "./account";
import type { components } from "./schema";

export type Schemas = components["schemas"];

export interface Said {
  code: string;
  message: string;
  hint: string;
  start?: number;
  end?: number;
  expected?: string;
  repair?: string;
}

/** What went wrong: a sentence, what to do, a stable code, and the id of the request. */
export class Failure extends Error {
  constructor(
    readonly said: Said,
    readonly status: number,
    readonly requestId: string,
  ) {
    super(said.message);
  }
}

export interface Options {
  signal?: AbortSignal;
  requestId?: string;
  accept?: string;
  headers?: Record<string, string>;
}

export function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The answer as it comes; a status that is no success is a Failure. Aborted, it rejects with an AbortError. */
export async function send(method: string, path: string, body?: unknown, options: Options = {}): Promise<Response> {
  try {
    return await sendOnce(method, path, body, options);
  } catch (error) {
    const isOfAnotherTab = error instanceof Failure && error.said.code === "csrf" && (await renewed());
    if (!isOfAnotherTab) throw error;
    return await sendOnce(method, path, body, options);
  }
}

async function sendOnce(method: string, path: string, body: unknown, options: Options): Promise<Response> {
  const requestId = options.requestId ?? newRequestId();
  const headers: Record<string, string> = {
    Accept: options.accept ?? "application/json",
    "X-Request-ID": requestId,
    ...credentials(method),
    ...options.headers,
  };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: options.signal ?? null,
      credentials: "same-origin",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Failure({ code: "unreachable", message: "the platform does not answer", hint: "" }, 0, requestId);
  }
  if (!response.ok) {
    const failure = new Failure(await saidBy(response), response.status, requestId);
    if (response.status === 401) refused(failure);
    throw failure;
  }
  return response;
}

export async function call<T>(method: string, path: string, body?: unknown, options: Options = {}): Promise<T> {
  const response = await send(method, path, body, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function saidBy(response: Response): Promise<Said> {
  try {
    const body = (await response.json()) as { error: Said };
    if (body.error.message) return body.error;
  } catch {
    // Something on the way answered in its own form: its status is all there is to say.
  }
  return { code: `http_${response.status}`, message: `HTTP ${response.status} ${response.statusText}`, hint: "" };
}

/** Stops at the server what was sent with this id. That it had ended already is no failure. */
export function cancelAtServer(requestId: string): Promise<unknown> {
  return call("POST", "/api/v1/search/cancel/", { request_id: requestId }).catch((error: unknown) => {
    console.warn("a search could not be cancelled", error);
  });
}

export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ code: "page_failed", message, hint: "" }, 0, "");
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
