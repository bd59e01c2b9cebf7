"""Engine: gets events out of a queue and has consumers work on them.

One thread for each topic: receive -> parse -> route -> call -> acknowledge. A message is
acknowledged when all its consumers have done their work; where one fails it comes again after a
pause, and after `max_deliveries` it goes to the dead letters, with the reason. What is no event
goes there at once. The methods that subclasses override are those of balog's engines (Balanced,
2014).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from ecl_logging.errors import ConfigError, EventError, StoreError
from ecl_logging.events.consumers import Consumer, ConsumerHub, ConsumerOperator
from ecl_logging.events.engines.calling import Calls, ConsumersFailed, Operator, told
from ecl_logging.events.engines.in_hand import InHand
from ecl_logging.events.engines.outcomes import Outcomes
from ecl_logging.events.envelope import parse
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.lifetime import watch_forks
from ecl_logging.notices import warn
from ecl_logging.outage import Outage
from ecl_logging.problems import printable
from ecl_logging.stores.queueing import Message, checked_topic

__all__ = ["FAILURES", "Engine"]

FAILURES = "ecl_logging.events"
"""The logger that has, at INFO, the traceback of each failure of a consumer."""

_failures = logging.getLogger(FAILURES)

_LONGEST_RETRY_PAUSE = 300.0  # seconds
_LOOK_SECONDS = 0.5  # how often what went wrong is told
_TRIES_AT_THE_END = 20  # to acknowledge, half a second each

_STOPPED, _ENDED = "stopped", "ended"  # the engine, and one of its threads


class Engine:
    """Has consumers work on the events of their topics, until it is stopped.

    At least once each: a process that dies, or loses its queue, between its work and the
    acknowledgement does that work again, as another one would. Several engines, in whatever
    processes, share a topic. Build it anywhere, `run` it in one thread.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that can be chosen
        self,
        hub: ConsumerHub,
        queue: Queue,
        consumer_operator: Operator | None = None,
        default_event_handler: Callable[[dict[str, Any]], Any] | None = None,
        *,
        polling_period: float = 1.0,
        num_messages: int = 10,
        claim_seconds: float = 60.0,
        max_deliveries: int = 5,
        retry_pause: float = 1.0,
    ) -> None:
        """`hub`: the consumers; `queue`: where events come from; see `open_queue`.

        `consumer_operator`: fills in topics and calls consumers. `default_event_handler`: gets
        what no consumer wants, which is acknowledged all the same; it may be async, too.
        `polling_period`: seconds that one look at a queue may wait for messages. `num_messages`: at
        most so many are in hand, and one where `max_deliveries` is 1: others would have had theirs
        if the process died.
        `claim_seconds`: how long after the death of a process others get what it had in hand; what
        takes longer is kept for as long as it takes. `max_deliveries`: so often an event is tried.
        `retry_pause`: seconds before the second try; each further pause is twice as long, at most
        five minutes. Raises ConfigError.
        """
        for name, value, least in (
            ("polling_period", polling_period, 0.01),
            ("num_messages", num_messages, 1),
            ("claim_seconds", claim_seconds, 0.1),
            ("max_deliveries", max_deliveries, 1),
            ("retry_pause", retry_pause, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
                raise ConfigError(f"{name}: {value!r:.80} is no number from {least}")
        self.hub = hub
        self.queue = queue
        self.consumer_operator: Operator = consumer_operator or ConsumerOperator()
        self.default_event_handler = default_event_handler
        self.polling_period, self.num_messages = polling_period, int(num_messages)
        self.claim_seconds, self.max_deliveries = claim_seconds, int(max_deliveries)
        self.retry_pause = retry_pause
        self.outcomes = Outcomes()
        self.running = False
        self._runs_in = 0  # the process; until the last thread has ended, and `running` is not
        self._until_empty = False
        # Not Events, whose `set` deadlocks when a signal comes into the midst of their `wait`.
        self._stops: SimpleQueue[str] = SimpleQueue()
        self._keeper_stops: SimpleQueue[None] = SimpleQueue()
        self._at_work = threading.local()
        self._hands: dict[str, InHand] = {}  # by topic, as the next ones
        self._outages: dict[str, Outage] = {}
        self._ended_with: StoreError | None = None
        watch_forks(queue)

    # --- running

    def run(self, *, until_empty: bool = False) -> None:
        """Work until `stop`, SIGTERM or Ctrl-C; then finish what is begun, and give back the rest.

        In the main thread it takes over SIGTERM while it runs. `until_empty`: end when no topic
        has anything that could be handed out; what waits for its next try stays there. Raises
        ConfigError where there is no consumer, or a topic is none; KeyboardInterrupt after
        Ctrl-C, when all is finished; with `until_empty`, StoreError where the queue fails.
        """
        if self._runs_in == os.getpid():
            raise RuntimeError("this engine runs already")
        topics = self.consumers_by_topic()
        self._begin(topics, until_empty=until_empty)
        try:
            self._run(topics)
        finally:
            self._runs_in = 0
        if self._ended_with is not None:
            raise self._ended_with

    def _run(self, topics: dict[str, list[Consumer]]) -> None:
        threads = [
            threading.Thread(
                target=self._work, args=(topic, some), name=f"ecl-events-{topic}", daemon=True
            )
            for topic, some in topics.items()
        ]
        keeper = threading.Thread(target=self._keep, name="ecl-events-keeper", daemon=True)
        with self._stopped_by_sigterm():
            try:
                for thread in (*threads, keeper):
                    thread.start()
                self._wait_for(threads)
            finally:
                self.running = False
                _join(threads, self._tell)
                self._keeper_stops.put(None)
                _join([keeper], self._tell)
                self._tell()
                self.queue.close()

    def stop(self) -> None:
        """Have `run` end, in whatever thread it is. Does not wait; safe in a signal handler."""
        self.running = False
        self._stops.put(_STOPPED)

    def consumers_by_topic(self) -> dict[str, list[Consumer]]:
        """Return the consumers of each topic, by what the operator says. Raises ConfigError."""
        topics: dict[str, list[Consumer]] = {}
        for consumer in self.hub:
            try:
                topic = checked_topic(self.consumer_operator.get_topic(consumer))
            except ValueError as error:
                hint = "; the get_topic of a consumer operator fills in what stands in braces"
                raise ConfigError(f"consumer {consumer.name}: {error}{hint}") from None
            topics.setdefault(topic, []).append(consumer)
        if not topics:
            raise ConfigError("there are no consumers; declare them with @consumer_config")
        return topics

    def _begin(self, topics: dict[str, list[Consumer]], *, until_empty: bool) -> None:
        self._stops, self._keeper_stops = SimpleQueue(), SimpleQueue()
        self._until_empty, self._ended_with = until_empty, None
        self._outages = {
            topic: Outage("trying on", "going on", name=self.queue.shown) for topic in topics
        }
        self._hands = {topic: InHand(self.queue, self._outages[topic]) for topic in topics}
        self.running, self._runs_in = True, os.getpid()

    def _wait_for(self, threads: Sequence[threading.Thread]) -> None:
        ended = 0
        while self.running and ended < len(threads):
            try:
                ended += self._stops.get(timeout=_LOOK_SECONDS) == _ENDED
            except Empty:
                self._tell()

    def _stopped_by_sigterm(self) -> _SigtermStops:
        return _SigtermStops(self.stop)

    def _tell(self) -> None:
        for outage in self._outages.values():
            outage.tell()

    # --- one topic

    def _work(self, topic: str, consumers: list[Consumer]) -> None:
        self._at_work.calls = Calls(self.consumer_operator)
        try:
            self._work_until_stopped(topic, consumers)
            self._finish(topic)
            self._at_work.calls.close()
        except BaseException as error:  # noqa: BLE001 - of what consumers have left in their loop
            warn(f"the end of consuming {topic} failed with {told(error)}")
        finally:
            self._stops.put(_ENDED)

    def _work_until_stopped(self, topic: str, consumers: list[Consumer]) -> None:
        while self.running:
            try:
                self.poll_topic(topic, consumers)
                return
            except BaseException as error:  # noqa: BLE001 - a method of the program's
                if self._until_empty and isinstance(error, StoreError):
                    self._ended_with = error
                    return
                warn(f"consuming {topic} failed with {told(error)}; trying on")
                self._hands[topic].give_up(pause=self.retry_pause)
                time.sleep(_LOOK_SECONDS)

    def _finish(self, topic: str) -> None:
        hand = self._hands[topic]
        hand.let_go()
        for _ in range(_TRIES_AT_THE_END):
            if hand.acknowledge():
                return
            time.sleep(_LOOK_SECONDS)

    def poll_topic(self, topic: str, consumers: list[Consumer]) -> None:
        """Work on the messages of a topic while the engine runs, in a thread of its own."""
        while self.running:
            if not self._work_on_some(topic, consumers) and self._until_empty:
                break

    def _work_on_some(self, topic: str, consumers: list[Consumer]) -> bool:
        """Work on what is handed out next; return whether there was anything."""
        is_empty = True
        for message in self.messages(topic):
            is_empty = False
            self.on_message(message, consumers)
            if not self.running:
                break
        return not is_empty

    def messages(self, topic: str) -> Iterator[Message]:
        """Yield the messages that the queue hands out next; none after a while without any."""
        hand, outage = self._hands[topic], self._outages[topic]
        hand.acknowledge()
        while not outage.may_try():
            time.sleep(min(_LOOK_SECONDS, max(0.0, outage.seconds_left())))
            if not (self._until_empty and self.running):
                return
        hand.acknowledge()
        wait = self.queue.empty_after if self._until_empty else self.polling_period
        try:
            received = self.queue.receive(
                topic, self._at_once(), seconds=self.claim_seconds, wait=wait
            )
        except StoreError as error:
            if self._until_empty:
                raise
            outage.began(error)
            return
        outage.ended()
        hand.take(received)
        yield from received

    def _at_once(self) -> int:
        """Where one delivery is all, what nobody has begun with must not have had its own."""
        return self.num_messages if self.max_deliveries > 1 else 1

    def on_message(self, message: Message, consumers: list[Consumer]) -> None:
        """See to one message, and to what the queue is told of it. Does not raise."""
        if message.deliveries > self.max_deliveries:
            self._bury(message, f"handed out {message.deliveries - 1} times, and never finished")
            return
        try:
            event = parse(message.body)
        except EventError as error:
            self._safely(self.on_deserialization_error, message.body, error)
            self._bury(message, f"no event: {error}")
            return
        event["header"]["deliveries"] = message.deliveries
        self._at_work.message = message
        try:
            self.on_event(event, consumers)
        except BaseException as error:  # noqa: BLE001 - whatever consumers raise, they have failed
            self._safely(self.on_error, event, error)
            self._failed(message, error)
        else:
            self._hands[message.topic].is_done(message)

    def on_event(self, event: dict[str, Any], consumers: list[Consumer]) -> None:
        """Have the consumers work on an event that match it. Raises what makes it come again."""
        message: Message = self._at_work.message
        matching = [consumer for consumer in consumers if consumer.match_event(event)]
        if matching:
            self._at_work.calls.call_all(f"{message.topic}/{message.id}", event, matching)
            self.outcomes.handled(message.topic, matching)
            return
        self.outcomes.unrouted(message.topic)
        if self.default_event_handler is not None:
            self._at_work.calls.call(self.default_event_handler, event)

    def on_deserialization_error(self, raw_message: bytes, error: Exception) -> None:
        """A message is no event, and goes to the dead letters."""
        warn(f"a message of {len(raw_message)} bytes is no event, and a dead letter: {error}")

    def on_error(self, event: dict[str, Any], error: BaseException) -> None:
        """Consumers have failed with an event, which comes again or goes to the dead letters."""
        header = event["header"]
        warn(
            f"event {header['id']} of {printable(header['channel'][:100])} failed, delivery"
            f" {header['deliveries']} of {self.max_deliveries}: {told_of(error)}"
        )
        for name, raised in _raised(error):
            _failures.info("%s failed with %s", name, header["id"], exc_info=raised)

    # --- what becomes of a message

    def _failed(self, message: Message, error: BaseException) -> None:
        consumers = [c for c, _ in error.failed] if isinstance(error, ConsumersFailed) else []
        self.outcomes.failed(message.topic, consumers)
        if message.deliveries >= self.max_deliveries:
            self._bury(message, told_of(error))
            return
        pause = min(self.retry_pause * 2.0 ** (message.deliveries - 1), _LONGEST_RETRY_PAUSE)
        self._hands[message.topic].put_back(message, pause=pause)

    def _bury(self, message: Message, reason: str) -> None:
        self._at_work.calls.forget(f"{message.topic}/{message.id}")
        if self._hands[message.topic].bury(message, reason):
            self.outcomes.buried(message.topic)

    def _safely(self, hook: Callable[..., object], *arguments: object) -> None:
        try:
            hook(*arguments)
        except BaseException as error:  # noqa: BLE001 - a hook of the program's
            warn(f"{hook.__name__} failed with {told(error)}")

    # --- meanwhile

    def _keep(self) -> None:
        """Have the queue keep what takes long, and know what is done meanwhile."""
        period = self.claim_seconds / 3
        extended = time.monotonic()
        while True:
            try:
                self._keeper_stops.get(timeout=min(_LOOK_SECONDS, period))
                return
            except Empty:
                is_time = time.monotonic() - extended >= period
            extended = time.monotonic() if is_time else extended
            for hand in self._hands.values():
                if is_time:
                    hand.extend(self.claim_seconds)
                hand.acknowledge_late()


def _raised(error: BaseException) -> list[tuple[str, BaseException]]:
    """What was raised, and by whom."""
    if isinstance(error, ConsumersFailed):
        return [(consumer.name, raised) for consumer, raised in error.failed]
    return [("an event's handler", error)]


def told_of(error: BaseException) -> str:
    """Return what has failed, and how."""
    return str(error) if isinstance(error, ConsumersFailed) else told(error)


def _join(threads: Sequence[threading.Thread], tell: Callable[[], None]) -> None:
    for thread in threads:
        while thread.is_alive():
            thread.join(_LOOK_SECONDS)
            tell()


class _SigtermStops:
    """While it is entered, SIGTERM stops an engine; a second one ends the process as before."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._before: Any = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._handle) or signal.SIG_DFL

    def _handle(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)
        self._stop()

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
