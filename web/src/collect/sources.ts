// Where lines can come from ─▶ what to run, ready to copy. Nothing here is run by the page.

export const SOURCES = ["lines", "jsonl", "file", "agent", "fleet"] as const;
export type Source = (typeof SOURCES)[number];
export type Format = "lines" | "jsonl";

export interface Sending {
  /** Where the platform is reached from elsewhere, without a slash at the end. */
  url: string;
  name: string;
  token: string;
  format: Format;
  /** Globs of files, for the sources that read files. */
  paths: string[];
}

/** `what` names the sentence above the command. */
export interface Command {
  what: "send" | "sendFile" | "here" | "elsewhere" | "keepToken" | "config" | "check" | "follow";
  text: string;
}

export const HIDDEN_TOKEN = "INGEST_TOKEN"; // stands where a token is not shown any more
const API_TOKEN = "API_TOKEN";

/** Whether senders of this kind bring an ingest token themselves; the others find it on their machine. */
export function needsToken(source: Source): boolean {
  return source === "lines" || source === "jsonl" || source === "agent";
}

export function readsFiles(source: Source): boolean {
  return source === "agent" || source === "fleet" || source === "file";
}

/** One word of a POSIX shell, whatever stands in it. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function commands(source: Source, about: Sending): Command[] {
  const { name, url, paths } = about;
  const files = (paths.length ? paths : [`/var/log/${name}/*.log`]).map(globbed).join(" ");
  switch (source) {
    case "lines":
      return posted(about, "lines", "2026-11-26 ERROR connection refused\n2026-11-26 INFO connected", "app.log");
    case "jsonl":
      return posted(about, "jsonl", '{"level": "error", "message": "connection refused", "status": 502}', "app.jsonl");
    case "file":
      return [
        { what: "here", text: `bklog ingest --collector ${name} ${files}` },
        {
          what: "elsewhere",
          text: `BKLOG_API_URL=${quoted(url)} BKLOG_API_TOKEN=${API_TOKEN} bklog ingest --collector ${name} ${files}`,
        },
      ];
    case "agent":
      return agent(about);
    case "fleet":
      return [];
  }
}

/** Each part that is no wildcard as a word: the shell is to expand the rest. */
function globbed(path: string): string {
  return path
    .split(/([*?]+)/)
    .map((part, place) => (place % 2 || !part ? part : quoted(part)))
    .join("");
}

function posted(about: Sending, protocol: string, sample: string, file: string): Command[] {
  const to = `curl --fail-with-body -X POST "${about.url}/ingest/v1/${protocol}?host=$(hostname)" \\
     -H 'Authorization: Bearer ${about.token}'`;
  return [
    { what: "send", text: `printf '%s\\n' ${sample.split("\n").map(quoted).join(" ")} |\n${to} --data-binary @-` },
    { what: "sendFile", text: `${to} --data-binary @${file}` },
  ];
}

function agent(about: Sending): Command[] {
  const { name, url, token, format, paths } = about;
  const input = {
    name,
    paths: paths.length ? paths : [`/var/log/${name}/*.log`],
    token_file: `${name}.token`,
    ...(format === "jsonl" ? { format } : {}),
  };
  const config = JSON.stringify({ endpoint: url, inputs: [input] }, null, 2);
  return [
    { what: "keepToken", text: `(umask 077; printf '%s\\n' ${quoted(token)} > ${name}.token)` },
    { what: "config", text: `cat > ${name}.agent.json <<'END'\n${config}\nEND` },
    { what: "check", text: `bklog agent --config ${name}.agent.json --check` },
    { what: "follow", text: `bklog agent --config ${name}.agent.json` },
  ];
}

/** Lines of a text field as a list: what is empty is left out. */
export function listed(text: string): string[] {
  return text
    .split("\n")
    .map((one) => one.trim())
    .filter(Boolean);
}
