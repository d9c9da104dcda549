"""`bklog ingest`: files -> a collector, counted. The keys make it repeatable: the same files again add nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import click

from bklog.cli.client import base_url
from bklog.cli.completion import collectors
from bklog.cli.destination import Destination, open_destination
from bklog.cli.upload_report import Progress, as_json, as_text, show_progress, total_of
from bklog.cli.written import print_json, print_lines
from bklog.collect.sender import open_sender
from bklog.collect.source_files import SourceFile, check_files, open_upload
from bklog.collect.upload import Chunk, Sending, Tally, Target, cut_chunks
from config.address import ingest_url
from config.environ import Loaded, load

MIB: Final = 1024 * 1024
BATCH_BYTES: Final = 8 * MIB


@dataclass(slots=True)
class Run:
    """One call of the command: the counts so far, and how far the files were read."""

    progress: Progress
    tallies: list[Tally] = field(default_factory=list)
    read_before: int = 0
    position: int = 0
    lines: int = 0
    size: int = 0

    def advance(self, _: Tally, chunk: Chunk) -> None:
        self.lines += chunk.lines
        self.size += chunk.size
        self.progress.show(position=self.read_before + self.position, lines=self.lines, size=self.size)


@click.command()
@click.option(
    "--collector",
    default="files",
    show_default=True,
    shell_complete=collectors,
    help="Where the lines go; created if it does not exist.",
)
@click.option("--clean", type=click.Choice(["text", "json"]), help="How a new collector reads its lines; default text.")
@click.option(
    "--batch-bytes", default=BATCH_BYTES, show_default=True, type=click.IntRange(1024, 32 * MIB), help="Of one request."
)
@click.option("--parallel", default=4, show_default=True, type=click.IntRange(1, 32), help="Requests in flight.")
@click.option("--retry-seconds", default=600.0, show_default=True, type=click.FloatRange(0), help="How long a batch is tried.")
@click.option("--json", "as_json_", is_flag=True, help="Print the closing report as JSON.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def ingest(
    *,
    collector: str,
    clean: str | None,
    batch_bytes: int,
    parallel: int,
    retry_seconds: float,
    as_json_: bool,
    files: tuple[str, ...],
) -> int:
    """Send log files ("-": standard input; .gz and .zst are decompressed), and count what became of their lines.

    The exit code is 0 only if every line is stored now or was before. Sent again with the same --batch-bytes, the same
    files add nothing. For files that still grow there is `bklog agent`.
    """
    found = check_files(files)
    loaded = load()
    destination = open_destination(collector, clean=clean, home=loaded.home)
    target = _target(loaded, destination, parallel=parallel, retry_seconds=retry_seconds)
    started = time.monotonic()
    tallies: list[Tally] = []
    try:
        with show_progress(sum(file.size for file in found), quiet=as_json_) as progress:
            run = Run(progress, tallies)
            _send_all(found, target, run, parallel=parallel, batch_bytes=batch_bytes)
    finally:
        # Also when it stopped in the middle: what is stored is stored, and the counts say so.
        _report(destination, tallies, seconds=time.monotonic() - started, json_wanted=as_json_)
    return 0 if total_of(tallies).is_complete else 1


def _target(loaded: Loaded, destination: Destination, *, parallel: int, retry_seconds: float) -> Target:
    """The fleet of this machine is sent to directly; a platform elsewhere through its gateway."""
    endpoint = base_url(loaded) if loaded.BKLOG_API_URL else ingest_url(loaded)
    return Target(
        sender=open_sender(endpoint, parallel=parallel),
        collector=destination.collector,
        token=destination.token,
        format="jsonl" if destination.clean == "json" else "lines",
        host=socket.gethostname(),
        retry_seconds=retry_seconds,
    )


def _send_all(files: Sequence[SourceFile], target: Target, run: Run, *, parallel: int, batch_bytes: int) -> None:
    sending = Sending(target, parallel=parallel, on_progress=run.advance)
    try:
        for file in files:
            run.position = 0
            with open_upload(file) as (upload, raw):
                tally = Tally(file.path)
                run.tallies.append(tally)
                for chunk in cut_chunks(upload.stream, chunk_bytes=batch_bytes):
                    sending.send(upload, tally, chunk)
                    run.position = raw.tell() if raw.seekable() else 0
            run.read_before += file.size
        run.position = 0
        sending.finish()
    finally:
        sending.stop()


def _report(destination: Destination, tallies: Sequence[Tally], *, seconds: float, json_wanted: bool) -> None:
    if json_wanted:
        print_json(as_json(destination.collector, tallies, seconds=seconds))
        return
    if destination.created:
        print_lines([f"created the collector {destination.collector} (clean rule: {destination.clean})"])
    print_lines(as_text(tallies, seconds=seconds))
