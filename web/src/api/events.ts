// Text of server-sent events ─▶ events: what EventSource does, which can send neither a body nor headers.
import { LineSplitter } from "./ndjson";

export interface ServerEvent {
  id: string;
  event: string;
  data: string[];
}

export class EventSplitter {
  private lines = new LineSplitter();
  private next: ServerEvent = { id: "", event: "message", data: [] };

  /** Events that are whole by now. A comment, and an id of its own, is an event without data. */
  push(piece: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    for (const line of this.lines.push(piece)) {
      if (line === "") {
        if (this.next.data.length || this.next.id) found.push(this.next);
        this.next = { id: "", event: "message", data: [] };
      } else this.read(line);
    }
    return found;
  }

  private read(line: string): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") this.next.id = value;
    else if (name === "event") this.next.event = value;
    else if (name === "data") this.next.data.push(value);
  }
}
