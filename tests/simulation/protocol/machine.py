"""The protocol as a machine that Hypothesis plays: whoever may do something next does, in any order.

What must hold, whatever happens: each committed event takes effect once, those of one key in the order in which they
became true; a cursor passes nothing that was neither handled nor parked; who commits holds the shard's present epoch.
"""

from collections import defaultdict
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.simulation.protocol.hand import CONSUMER, SHARDS, Effect, Hand
from tests.simulation.protocol.stage import Stage
from tests.simulation.protocol.writer import Bell, Writer

WRITERS = 3
"""The last of them never leaves a transaction open."""
HANDS = 2
BELLS = ("i", "p", "g")
"""The first two share a shard of the log."""

PASSED_OVER = """
SELECT e.key, e.payload::text FROM engine.events e JOIN engine.cursors c ON c.consumer = $1 AND c.shard = e.shard
WHERE (e.position, e.id) <= (c.position, c.id) AND e.name = 'test.Rung'
AND NOT EXISTS (SELECT FROM effects f WHERE f.event = e.id)
AND NOT EXISTS (SELECT FROM engine.parked p WHERE p.consumer = $1 AND p.event_id = e.id)
"""

UNREADABLE = "SELECT count(*) FROM engine.events WHERE position >= pg_snapshot_xmin(pg_current_snapshot())"

EPOCHS = "SELECT shard, epoch FROM engine.cursors WHERE consumer = $1"

DRAIN_TURNS = 200

ENDS = ("commits", "commits", "rolls back", "also says what nobody wants")

writers = st.integers(0, WRITERS - 2)
hands = st.integers(0, HANDS - 1)
bells = st.integers(0, len(BELLS) - 1)


class Violation(AssertionError):
    """The protocol promised something that does not hold."""


class ProtocolMachine(RuleBasedStateMachine):
    """Writers, workers and what may happen to them."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.numbers = 0
        self.done: dict[str, list[int]] = defaultdict(list)
        self.bells = [Bell(name, lock, []) for lock, name in enumerate(BELLS)]
        self.writers: list[Writer] = []
        self.hands: list[Hand] = []

    @initialize()
    def everybody_comes(self) -> None:
        """Begin with an empty log and two workers that share it."""

        async def come() -> None:
            await self.stage.clear()
            connect = self.stage.database.connect
            self.writers = [Writer(self.stage, await connect(), number) for number in range(WRITERS)]
            self.hands = [Hand(self.stage, await connect()) for _ in range(HANDS)]
            for hand in self.hands:
                await hand.say_hello()
            for hand in (*self.hands, *self.hands):
                await hand.look()

        self.stage.run(come())

    @rule(who=writers, what=st.sampled_from(("begins", "has its id", "says", "says", "says slowly")), bell=bells)
    def writes(self, who: int, what: str, bell: int) -> None:
        """Somebody writes in a transaction that stays open, and may be held up in the middle of a statement."""
        writer = self.writers[who]
        if what == "says":
            self.stage.run(writer.say(self.bells[bell], self._number()))
        elif what == "says slowly":
            self.stage.run(writer.say_slowly(self.bells[bell], self._number()))
        else:
            self.stage.run(writer.begin(early=what == "has its id"))

    @rule(
        who=writers,
        how=st.sampled_from(("says", "says slowly", "has its id")),
        bell=bells,
        said=st.lists(bells, max_size=3),
    )
    def is_held_up(self, who: int, how: str, bell: int, said: list[int]) -> None:
        """A writer stays open, or is held up in a statement, while others say something and workers handle it."""
        self.writes(who, how, bell)
        for other in said:
            self.stage.run(self._is_said_at_once(other))
        for hand in self.hands:
            self._works(hand)
        if how == "has its id":
            self.writes(who, "says", bell)

    @rule(who=writers, how=st.sampled_from(ENDS), bell=bells)
    def ends(self, who: int, how: str, bell: int) -> None:
        """A writer goes on where it was held up, and ends."""
        writer = self.writers[who]
        if how == "also says what nobody wants":
            self.stage.run(writer.say_what_nobody_wants(self.bells[bell]))
        self.stage.run(writer.roll_back() if how == "rolls back" else writer.commit())
        self._nothing_is_passed_over()

    @rule(bell=bells, who=hands, limit=st.integers(1, 3), steps=st.integers(1, 4))
    def goes_on(self, bell: int, who: int, limit: int, steps: int) -> None:
        """Something new is said, and a worker takes its next steps: read, leave the effects, move, commit."""
        self.stage.run(self._is_said_at_once(bell))
        for _ in range(steps):
            self._record(*self.stage.run(self.hands[who].go_on(limit)))

    @rule(said=st.lists(bells, max_size=2), who=hands)
    def works(self, said: list[int], who: int) -> None:
        """Something new is said, and a worker takes all its steps."""
        for bell in said:
            self.stage.run(self._is_said_at_once(bell))
        self._works(self.hands[who])

    @rule(who=hands, what=st.sampled_from(("fails", "fails", "starts over", "looks", "hands over")))
    def stumbles(self, who: int, what: str) -> None:
        """The first event of its batch fails, or it does something else out of turn."""
        hand = self.hands[who]
        if what == "fails":
            self.stage.run(hand.read(1))
            self._record([], self.stage.run(hand.fail()))
        elif what == "starts over":
            self.stage.run(hand.roll_back())
        else:
            self.stage.run(hand.look())
        if what == "hands over":
            self.stage.run(hand.hand_over())

    @rule(said=st.sampled_from((False, False, True)), bell=bells)
    def is_skipped(self, said: bool, bell: int) -> None:  # noqa: FBT001 - Hypothesis passes it by name
        """Workers move over what is not for them, while something may be said that is."""
        if said:
            self.stage.run(self._is_said_at_once(bell))
        for hand in self.hands:
            self.stage.run(hand.skip())
        self._nothing_is_passed_over()

    @rule(who=hands, what=st.sampled_from(("asks", "tries", "tries in vain")))
    def retries(self, who: int, what: str) -> None:
        """It asks for parked events that are due; it tries one, in a transaction that stays open, or in vain."""
        hand = self.hands[who]
        if what == "asks" or not hand.has_due:
            self.stage.run(hand.look_at_parked())
        if what == "tries":
            self.stage.run(hand.retry())
        elif what == "tries in vain":
            self._record([], self.stage.run(hand.retry_in_vain()))

    @rule(bell=bells, who=hands, steps=st.integers(0, 4), how=st.sampled_from(("silent", "dead")))
    def is_given_up(self, bell: int, who: int, steps: int, how: str) -> None:
        """A worker stops somewhere in its steps, its lease ends or its sign of life does, and the other goes on."""
        self.goes_on(bell, who, 1, steps)
        hand, other = self.hands[who], self.hands[1 - who]
        self.stage.run(hand.fall_silent() if how == "silent" else hand.lose_its_sign_of_life())
        self._works(other)
        self._retries_all(other)

    @rule(bell=bells, who=hands, then=st.sampled_from(("works", "is given up", "is given up and tries again")))
    def fails_and_asks(self, bell: int, who: int, then: str) -> None:
        """An event fails and is due again; perhaps the other worker comes first, and this one does not know."""
        hand = self.hands[who]
        self.stage.run(self._is_said_at_once(bell))
        self.stumbles(who, "fails")
        self.stage.run(hand.look_at_parked())
        if then == "works":
            self._works(hand)
        else:
            self.is_given_up(bell, who, 0, "silent")
        if then == "is given up and tries again":
            self.retries(who, "tries in vain")

    @rule(shards=st.sampled_from((1, SHARDS, 4)))
    def is_cut_anew(self, shards: int) -> None:
        """The lane is cut into more or fewer shards."""
        cut = self.stage.observer.execute("UPDATE engine.lanes SET shards = $2 WHERE name = $1", CONSUMER, shards)
        self.stage.run(cut)

    def teardown(self) -> None:
        """Let all come to an end, and a worker of its own do what is left: then all is done, and once."""
        try:
            for writer in self.writers:
                self.stage.run(writer.commit())
            for hand in self.hands:
                self.stage.run(hand.roll_back())
                self.stage.run(hand.lose_its_sign_of_life())
            if self.hands:
                self._nothing_is_passed_over()
                self._drain()
                self._all_is_done()
        finally:
            for writer in self.writers:
                self.stage.run(writer.end())
            for hand in self.hands:
                self.stage.run(hand.end())

    def _drain(self) -> None:
        async def come() -> Hand:
            last = Hand(self.stage, await self.stage.database.connect())
            await last.say_hello()
            self.hands.append(last)
            return last

        hand = self.stage.run(come())
        for _ in range(DRAIN_TURNS):
            self._works(hand)
            self._retries_all(hand)
            if self._is_done() or not self.stage.run(self._has_more(hand)):
                return

    async def _has_more(self, hand: Hand) -> bool:
        """Whether events are unreadable still, or unread, or parked."""
        if await self.stage.observer.fetchval(UNREADABLE):
            return True
        await hand.look()
        await hand.read(1)
        await hand.look_at_parked()
        return hand.has_batch or hand.has_due

    def _retries_all(self, hand: Hand) -> None:
        self.stage.run(hand.look_at_parked())
        while hand.has_due and not hand.is_in_transaction:
            self.stage.run(hand.retry())
            self._record(*self.stage.run(hand.commit()))

    def _works(self, hand: Hand) -> None:
        async def work() -> tuple[list[Effect], dict[int, int]]:
            await hand.look()
            await hand.hand_over()
            await hand.read(100)
            await hand.apply()
            await hand.move()
            return await hand.commit()

        self._record(*self.stage.run(work()))

    async def _is_said_at_once(self, bell: int) -> None:
        writer = self.writers[-1]
        await writer.say(self.bells[bell], self._number())
        await writer.commit()

    def _number(self) -> int:
        self.numbers += 1
        return self.numbers

    def _is_done(self) -> bool:
        return all(self.done[bell.name] == bell.truth for bell in self.bells)

    def _record(self, effects: list[Effect], epochs: dict[int, int]) -> None:
        """Hold what was committed against what is true."""
        for name, number in effects:
            self.done[name].append(number)
        for bell in self.bells:
            done = self.done[bell.name]
            if done != bell.truth[: len(done)]:
                raise Violation(f"of {bell.name} became true {bell.truth}, and took effect {done}")
        if epochs:
            stand: dict[int, Any] = dict(self.stage.run(self.stage.observer.fetch(EPOCHS, CONSUMER)))
            if any(stand[shard] != epoch for shard, epoch in epochs.items()):
                raise Violation(f"committed under {epochs}, and the epochs are {stand}")
        self._nothing_is_passed_over()

    def _nothing_is_passed_over(self) -> None:
        lost = self.stage.run(self.stage.observer.fetch(PASSED_OVER, CONSUMER))
        if lost:
            raise Violation(f"cursors have passed {[tuple(row) for row in lost]}, which nobody has handled")

    def _all_is_done(self) -> None:
        for bell in self.bells:
            if self.done[bell.name] != bell.truth:
                raise Violation(f"of {bell.name} became true {bell.truth}, and took effect {self.done[bell.name]}")
        stands = self.stage.run(self.stage.observer.fetch("SELECT bell, number FROM effects ORDER BY bell, number"))
        if sorted((name, number) for name, done in self.done.items() for number in done) != [tuple(r) for r in stands]:
            raise Violation("the effects are not those that were committed")
