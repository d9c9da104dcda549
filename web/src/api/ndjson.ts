// Pieces of text ─▶ whole lines ─▶ values: of an answer that comes as it is found.

/** Cuts a stream of text into lines, however it is cut itself. */
export class LineSplitter {
  private rest = "";

  /** The lines that are whole by now. */
  push(piece: string): string[] {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop() ?? "";
    return lines;
  }

  /** What stands behind the last line break; empty where the stream ended with one. */
  end(): string {
    const last = this.rest;
    this.rest = "";
    return last;
  }
}

/** Each line of JSON of a response, in its order. */
export async function* values(response: Response): AsyncGenerator<unknown> {
  const splitter = new LineSplitter();
  for await (const piece of texts(response)) {
    for (const line of splitter.push(piece)) if (line) yield JSON.parse(line);
  }
  const last = splitter.end();
  if (last) yield JSON.parse(last);
}

export async function* texts(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => undefined); // aborted already, or at its end
  }
}
