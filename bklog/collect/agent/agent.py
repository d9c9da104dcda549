"""The agent's loop: scan -> read ranges -> save them as pending -> send -> save what was acknowledged.

One thread owns the files and the checkpoints; `parallel` threads do nothing but send. A save comes between reading a
range and sending it, and it also carries the acknowledgements that arrived since the last one: one commit a round.
Of each file one range is under way, so its lines arrive in order, and files take turns by when they were sent last.
"""

from __future__ import annotations

import logging
import queue
import resource
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from bklog.collect.agent.checkpoint import Checkpoints
from bklog.collect.agent.config import AgentConfig, ConfigWatch
from bklog.collect.agent.follower import Follower
from bklog.collect.agent.ranges import LONGEST_LINE_BYTES, ContentChanged, RangeLimits
from bklog.collect.agent.report import Report
from bklog.collect.agent.tail import Tail
from bklog.collect.backoff import REFUSED_SECONDS
from bklog.collect.sender import Batch, BodyTooLarge, Receipt, Sender, Source, open_sender
from bklog.collect.tokens import read_token
from bklog.errors import BadRequest, BklogError, Retryable

STOP_SECONDS: Final = 5.0  # the supervisor kills after ten
MOST_OPEN_FILES: Final = 65_536
HOUSEKEEPING_SECONDS: Final = 3600.0
SMALLEST_LIMIT_BYTES: Final = 1024  # below it, a body limit is a mistake that no cutting makes good

log = logging.getLogger("bklog.agent")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One range on its way, and then what became of it."""

    follower: Follower
    tail: Tail
    batch: Batch
    sender: Sender


Result = tuple[Delivery, Future[Receipt]]


class Agent:
    """`stop` and `reload` may be called from signal handlers; everything else belongs to the thread of `run`."""

    def __init__(
        self, load: Callable[[], AgentConfig], checkpoints: Checkpoints, *, watch: ConfigWatch, once: bool = False
    ) -> None:
        self._load = load
        self._watch = watch
        self._checkpoints = checkpoints
        self._once = once
        self._wakes: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._stopping = self._reloading = False
        self._in_flight = 0
        self._followers: list[Follower] = []
        self._report = Report(now=time.monotonic())
        self._housekept_at = 0.0
        self._configure(load())

    def stop(self) -> None:
        self._stopping = True
        self._wakes.put(None)

    def reload(self) -> None:
        self._reloading = True
        self._wakes.put(None)

    @property
    def unanswered(self) -> int:
        return self._in_flight

    def run(self) -> None:
        """Returns when it was told to stop, or (`once`) when all that was there at the start is acknowledged."""
        raise_file_limit()
        next_scan = 0.0
        while not self._stopping:
            now = time.monotonic()
            if now >= next_scan:
                self._scan(now=now)
                next_scan = self._next_scan(now)
            busy = self._send_ready(now=now)
            if self._once and not self._in_flight and not self._waiting():
                break
            self._collect(timeout=0.0 if busy else min(self._config.poll_seconds, next_scan - time.monotonic()))
            self._report.sum_up(now=time.monotonic())
            if self._reloading or self._watch.has_changed():
                self._reload()
        self._finish()

    def _next_scan(self, started: float) -> float:
        """Looking at very many files takes its time: it may take a fiftieth of it all, no more."""
        if self._once:
            return float("inf")
        return started + max(self._config.poll_seconds, 50 * (time.monotonic() - started))

    def _configure(self, config: AgentConfig) -> None:
        self._config = config
        self._limits = RangeLimits(config.batch_bytes, LONGEST_LINE_BYTES)
        self._sender = open_sender(config.endpoint, parallel=config.parallel, compression=config.compression)
        self._threads = ThreadPoolExecutor(config.parallel, thread_name_prefix="send")
        known = self._checkpoints.known_inputs()
        states = self._checkpoints.read()
        before = {follower.input.name: follower for follower in self._followers}
        self._followers = []
        for source in config.inputs:
            ages = {"ignore_older_seconds": config.ignore_older_seconds, "partial_seconds": config.partial_seconds}
            follower = before.get(source.name)
            if follower is None:
                mine = [state for state in states if state.input == source.name]
                follower = Follower(source, mine, first_start=source.name not in known, **ages)
            else:
                follower.adapt(source, **ages)
            self._followers.append(follower)
        log.info("following %d inputs, sending to %s", len(config.inputs), config.endpoint)

    def _reload(self) -> None:
        self._reloading = False
        try:
            config = self._load()
        except BklogError as error:
            log.error("the configuration stays as it was: %s (%s)", error.message, error.hint)  # noqa: TRY400 (no stack)
            return
        if config.state_folder != self._config.state_folder:
            log.warning("state_folder counts only from the next start on")
        self._await_flights()
        self._save()
        self._threads.shutdown(wait=False)
        before = self._followers
        self._configure(config)
        for follower in before:
            if follower not in self._followers:
                follower.close()

    def _scan(self, *, now: float) -> None:
        for follower in self._followers:
            follower.scan(now=now)
        if not self._housekept_at or now - self._housekept_at >= HOUSEKEEPING_SECONDS:
            self._housekept_at = now
            self._keep_house()

    def _keep_house(self) -> None:
        """Rows of what is there are touched before rows untouched for long are removed."""
        present = [tail.state for follower in self._followers for tail in follower.tails.values()]
        names = [follower.input.name for follower in self._followers]
        try:
            self._checkpoints.save(present, inputs=names)
            self._checkpoints.forget_unseen(now=time.time())
        except Retryable as error:
            self._housekept_at = 0.0
            self._report.failed("checkpoints", error, now=time.monotonic())

    def _send_ready(self, *, now: float) -> bool:
        """Whether something was done that no answer will wake us for."""
        chosen = self._choose(now=now)
        deliveries = [delivery for follower, tail in chosen if (delivery := self._prepare(follower, tail, now=now))]
        if not self._save():
            return False
        for delivery in deliveries:
            self._submit(delivery)
        return len(deliveries) < len(chosen)

    def _choose(self, *, now: float) -> list[tuple[Follower, Tail]]:
        """Those that were sent longest ago come first; an input in trouble is tried with one request at a time."""
        config = self._config
        linger_seconds = 0.0 if self._once else config.linger_seconds
        ready = [
            (tail.sent_at, tail.state.id, follower, tail)
            for follower in self._followers
            if follower.may_send(now=now)
            for tail in follower.tails.values()
            if tail.is_ready(
                now=now,
                batch_bytes=self._limits.batch_bytes,
                linger_seconds=linger_seconds,
                partial_seconds=config.partial_seconds,
            )
        ]
        chosen: list[tuple[Follower, Tail]] = []
        for _, _, follower, tail in sorted(ready, key=lambda item: item[:2]):
            probed = follower.backoff.failures and any(other is follower for other, _ in chosen)
            if len(chosen) < config.parallel - self._in_flight and not probed:
                chosen.append((follower, tail))
        return chosen

    def _prepare(self, follower: Follower, tail: Tail, *, now: float) -> Delivery | None:
        source = follower.input
        whole = tail.is_final(now=now, partial_seconds=self._config.partial_seconds)
        try:
            token = read_token(source.token_file)
            found = tail.read(limits=self._limits, whole=whole)
        except BklogError as error:
            self._fail(follower, error, now=now)
            return None
        except ContentChanged as change:
            follower.restart(tail, change, now=now)
            return None
        except OSError as error:
            follower.complain(tail, error, now=now)
            return None
        if not found.body:
            return None
        if found.state.pending and found.state.pending.skips:
            where = f"{found.state.path} at byte {found.state.offset}"
            log.error("%s: a line is longer than %d bytes: only its head is sent", where, len(found.body))
        origin = Source(self._config.host, found.state.path, source.stream)
        return Delivery(follower, tail, Batch(found.body, found.state.key, source.format, token, origin), self._sender)

    def _submit(self, delivery: Delivery) -> None:
        delivery.tail.busy = True
        self._in_flight += 1
        future = self._threads.submit(delivery.sender.send, delivery.batch)
        future.add_done_callback(lambda done: self._wakes.put((delivery, done)))

    def _save(self) -> bool:
        """False when the disk refused: nothing may be sent before the pending ranges are on it."""
        tails = [tail for follower in self._followers for tail in follower.tails.values() if tail.state is not tail.saved]
        parked = list(chain.from_iterable(follower.parked for follower in self._followers))
        gone = list(chain.from_iterable(follower.gone for follower in self._followers))
        if tails or parked or gone:
            try:
                self._checkpoints.save([*parked, *(tail.state for tail in tails)], removed=gone)
            except Retryable as error:
                self._report.failed("checkpoints", error, now=time.monotonic())
                return False
            self._report.recovered("checkpoints")
        for tail in tails:
            tail.saved = tail.state
        for follower in self._followers:
            follower.parked.clear()
            follower.gone.clear()
        return True

    def _collect(self, *, timeout: float) -> None:
        """Takes the answers that are there; waits for the first of them."""
        try:
            result = self._wakes.get(timeout=max(0.0, timeout))
            while True:
                if result is not None:
                    self._conclude(*result)
                result = self._wakes.get_nowait()
        except queue.Empty:
            return

    def _conclude(self, delivery: Delivery, done: Future[Receipt]) -> None:
        now = time.monotonic()
        follower, tail = delivery.follower, delivery.tail
        tail.busy = False
        self._in_flight -= 1
        error = done.exception()
        if error is None:
            tail.acknowledge(now=now)
            follower.backoff.succeed()
            self._report.delivered(done.result(), size=len(delivery.batch.body))
            self._report.recovered(follower.input.name)
        elif isinstance(error, BodyTooLarge) and self._cut_smaller(tail, error):
            log.warning("%s: the server takes at most %d bytes", follower.input.name, self._limits.batch_bytes)
        elif isinstance(error, BklogError):
            self._fail(follower, error, now=now, tail=tail)
        else:
            raise error

    def _cut_smaller(self, tail: Tail, error: BodyTooLarge) -> bool:
        """Nothing of the range was stored, so it may be cut anew. False when no cutting helps."""
        sent = tail.state.pending.length if tail.state.pending else 0
        limit = error.limit_bytes if 0 < error.limit_bytes < sent else sent // 2
        if limit < SMALLEST_LIMIT_BYTES:
            return False
        self._limits = self._limits.at_most(limit)
        tail.state = replace(tail.state, pending=None)
        return True

    def _fail(self, follower: Follower, error: BklogError, *, now: float, tail: Tail | None = None) -> None:
        """A refusal of these bytes holds up their file alone, any other trouble the whole input."""
        if self._once and not isinstance(error, Retryable):
            raise error
        if isinstance(error, BadRequest) and tail is not None:
            tail.not_before = now + REFUSED_SECONDS
            self._report.failed(f"{follower.input.name}: {tail.state.path}", error, now=now)
            return
        follower.backoff.fail(error, now=now)
        self._report.failed(follower.input.name, error, now=now)

    def _waiting(self) -> bool:
        """Whether anything is left that can be sent without a further scan."""
        tails = (tail for follower in self._followers for tail in follower.tails.values())
        return any(tail.state.pending or (tail.behind and tail.file and tail.scanned_to != tail.size) for tail in tails)

    def _await_flights(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while self._in_flight and time.monotonic() < deadline:
            self._collect(timeout=deadline - time.monotonic())

    def _finish(self) -> None:
        self._await_flights()
        self._save()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._report.say_sum()
        for follower in self._followers:
            follower.close()
        if self._in_flight:
            log.info("%d requests are unanswered; they are repeated at the next start", self._in_flight)


def raise_file_limit() -> None:
    """A file that lags behind is held open: the usual soft limit of 1,024 would be too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
