"""Questions on their way to the control: sent together, told in order, and each settled once whatever becomes of it."""

import asyncio
import heapq
import itertools

import pytest

from serin_server.pairing.connection import Address
from serin_server.pairing.depth import Depth
from serin_server.pairing.heard import Trouble
from serin_server.pairing.line import MOST_CONNECTIONS, Line

LIMIT = 0.05
GATHERING = 0.004
KEPT, LAST = b"", b"connection: close\r\n"


class Timer:
    def __init__(self, call):
        self.call = call

    def cancel(self):
        self.call = lambda: None


class Transport:
    """The control's end of one connection: what it was sent, in which writes."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.writes = []
        self.is_aborted = False

    def write(self, data):
        self.writes.append(data)

    def abort(self):
        self.is_aborted = True

    def answer(self, *texts, extra=KEPT):
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b\r\n%b"
        self.protocol.data_received(b"".join(head % (len(text), extra, text) for text in texts))


class Loop:
    """A clock that tests turn, and connections that are there at once unless they are held back."""

    def __init__(self):
        self.now = 100.0
        self.timers = []
        self.numbers = itertools.count()
        self.transports = []
        self.may_connect = asyncio.Event()
        self.may_connect.set()

    def time(self):
        return self.now

    def call_later(self, delay, call):
        timer = Timer(call)
        heapq.heappush(self.timers, (self.now + delay, next(self.numbers), timer))
        return timer

    def call_soon(self, call):
        self.call_later(0, call)

    def create_task(self, coroutine):
        return asyncio.get_running_loop().create_task(coroutine)

    async def create_connection(self, factory, host, port, ssl):
        del host, port, ssl
        await self.may_connect.wait()
        protocol = factory()
        self.transports.append(Transport(protocol))
        protocol.connection_made(self.transports[-1])

    async def turn(self, seconds=0.0):
        """Lets time go by, and what is due happen."""
        until = self.now + seconds
        while self.timers and self.timers[0][0] <= until:
            self.now, _, timer = heapq.heappop(self.timers)
            timer.call()
            await self.settle()
        self.now = until
        await self.settle()

    async def settle(self):
        for _ in range(5):
            await asyncio.sleep(0)


class Asking:
    """A line, and what was told of each question, by when."""

    def __init__(self, loop):
        self.loop = loop
        self.line = Line(Address("control", 80), loop, LIMIT)
        self.told = {}

    def ask(self, *questions):
        return [
            self.line.ask(question.encode(), lambda came, question=question: self._tell(question, came))
            for question in questions
        ]

    def _tell(self, question, came):
        assert question not in self.told, "told twice"
        self.told[question] = came[1].decode() if isinstance(came, tuple) else came


@pytest.fixture
async def asking():
    return Asking(Loop())


@pytest.fixture
async def deep(asking):
    """One whose control is known to answer sixteen at once."""
    for number in (1, 2, 4, 8):
        asking.ask(*map(str, range(number)))
        await asking.loop.turn()
        (transport,) = of(asking)
        transport.answer(*[b"."] * number)
        transport.writes.clear()
        asking.told.clear()
    return asking


def of(asking):
    """Connections that were sent something, and what."""
    return [transport for transport in asking.loop.transports if transport.writes]


async def test_questions_of_one_turn_go_in_one_write(deep):
    deep.line.begin_turn()
    deep.ask("a", "b", "c")
    assert of(deep) == []
    await deep.loop.turn()
    (control,) = of(deep)
    assert control.writes == [b"abc"]
    control.answer(b"A", b"B", b"C")
    assert deep.told == {"a": "A", "b": "B", "c": "C"}


async def test_those_that_follow_go_together_in_the_turn_in_which_it_was_answered(deep):
    deep.ask("a")
    await deep.loop.turn()
    deep.ask("b")
    await deep.loop.turn(GATHERING / 2)
    deep.ask("c")
    await deep.loop.turn()
    (control,) = of(deep)
    assert control.writes == [b"a"]
    control.answer(b"A")
    deep.ask("d")
    await deep.loop.turn()
    assert control.writes == [b"a", b"bcd"]
    control.answer(b"B", b"C", b"D")
    assert deep.told == {"a": "A", "b": "B", "c": "C", "d": "D"}


async def test_what_is_asked_in_a_turn_goes_before_what_is_put_off_behind_it(deep):
    done = []
    deep.line.begin_turn()
    deep.loop.call_soon(lambda: done.extend(of(deep)[0].writes))
    deep.ask("a")
    await deep.loop.turn()
    assert done == [b"a"]


async def test_or_on_another_connection_after_a_few_milliseconds_at_most(deep):
    first, second = await pipelined(deep, "b", "c")
    second.answer(b"B", b"C")
    first.answer(b"A")
    assert deep.told == {"first": "A", "b": "B", "c": "C"}


async def pipelined(asking, *questions):
    """A connection that was sent all of these in one write."""
    asking.ask("first")
    await asking.loop.turn()
    (first,) = of(asking)
    asking.ask(*questions)
    await asking.loop.turn(GATHERING)
    (second,) = [each for each in of(asking) if each is not first]
    assert second.writes == ["".join(questions).encode()]
    return first, second


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_answers_are_told_in_the_order_of_the_questions_however_their_bytes_come(deep, size):
    _, control = await pipelined(deep, "a", "b", "c")
    whole = b"".join(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + text for text in (b"A", b"B", b"C"))
    for start in range(0, len(whole), size):
        control.protocol.data_received(whole[start : start + size])
    assert deep.told == {"a": "A", "b": "B", "c": "C"}
    deep.loop.now += 1
    deep.ask("d")
    await deep.loop.turn()
    assert control.writes[1:] == [b"d"], "and the connection is of use again"


async def test_a_connection_that_is_lost_loses_what_it_still_owes_and_nothing_else(deep):
    first, control = await pipelined(deep, "a", "b", "c")
    control.answer(b"A")
    control.protocol.connection_lost(None)
    assert deep.told == {"a": "A", "b": Trouble.LOST, "c": Trouble.LOST}
    first.answer(b"F")
    assert deep.told["first"] == "F"


async def test_an_answer_that_is_none_costs_those_that_were_not_answered_before(deep):
    _, control = await pipelined(deep, "a", "b", "c")
    control.answer(b"A")
    control.protocol.data_received(b"\x00nonsense\r\n\r\n")
    assert deep.told == {"a": "A", "b": Trouble.UNREADABLE, "c": Trouble.UNREADABLE}
    assert control.is_aborted


async def test_a_control_that_hangs_is_given_up_at_the_limit_of_each_question_and_no_later(deep):
    began = deep.loop.now
    asked = {}
    for number in range(200):
        if deep.ask(str(number)) == [True]:
            asked[str(number)] = deep.loop.now
        if number % 20 == 0:
            await deep.loop.turn(0.001)
        for question, at in asked.items():
            assert (question in deep.told) == (deep.loop.now >= at + LIMIT - 1e-9)
    assert len(asked) > 16
    await deep.loop.turn(LIMIT)
    assert deep.told == dict.fromkeys(asked, Trouble.LATE)
    assert deep.loop.now <= began + 2 * LIMIT
    assert all(each.is_aborted for each in of(deep))
    assert deep.ask("later") == [True]
    await deep.loop.turn()
    assert of(deep)[-1].writes == [b"later"]


async def test_an_answer_that_comes_late_costs_its_question_and_not_those_behind_it(deep):
    deep.ask("first")
    await deep.loop.turn()
    deep.ask("a")
    await deep.loop.turn(0.003)
    deep.ask("b")
    await deep.loop.turn(0.001)
    (control,) = [each for each in of(deep) if each.writes == [b"ab"]]
    await deep.loop.turn(LIMIT - 0.003)
    assert deep.told == {"first": Trouble.LATE, "a": Trouble.LATE}
    control.answer(b"A", b"B")
    assert deep.told["b"] == "B"
    assert not control.is_aborted


async def test_what_a_control_leaves_unanswered_when_it_ends_a_connection_in_order_is_asked_on_another(deep):
    deep.ask("a", "b", "c")
    await deep.loop.turn()
    (control,) = of(deep)
    control.answer(b"A", extra=LAST)
    assert deep.told == {"a": "A"}
    await deep.loop.turn()
    (again,) = [each for each in of(deep) if each is not control]
    assert again.writes == [b"bc"]
    again.answer(b"B", b"C")
    assert deep.told == {"a": "A", "b": "B", "c": "C"}


async def test_what_waits_for_another_connection_in_vain_is_given_up_at_its_limit(deep):
    deep.ask("first", *map(str, range(32)))
    await deep.loop.turn(GATHERING)
    fresh = next(each for each in of(deep) if each.writes[0].startswith(b"15"))
    deep.loop.may_connect.clear()
    fresh.answer(b"A", extra=LAST)
    await deep.loop.turn(GATHERING)
    await deep.loop.turn(LIMIT)
    late = [came for came in deep.told.values() if came is Trouble.LATE]
    assert (len(deep.told), len(late)) == (33, 32)


async def test_a_control_that_ends_each_connection_behind_its_answer_is_asked_one_by_one_and_loses_nothing(asking):
    for number in range(40):
        asking.ask(f"{number}", f"{number}'")
        await asking.loop.turn(GATHERING)
        await asking.loop.turn(GATHERING)
        for transport in of(asking):
            if not transport.is_aborted:
                assert len(transport.writes) == 1
                transport.answer(b"A", extra=LAST)
    assert set(asking.told.values()) == {"A"}
    assert len(asking.told) == 80


async def test_what_is_asked_before_there_is_a_connection_waits_for_it_and_at_most_for_the_limit(asking):
    asking.loop.may_connect.clear()
    asking.ask("a")
    await asking.loop.turn(LIMIT)
    assert asking.told == {"a": Trouble.LATE}
    asking.loop.may_connect.set()
    await asking.loop.settle()
    (control,) = asking.loop.transports
    assert control.writes == []
    asking.ask("b")
    await asking.loop.turn()
    assert control.writes == [b"b"]


async def test_no_more_is_taken_than_can_be_sent(asking):
    assert sum(asking.ask(*map(str, range(100)))) == MOST_CONNECTIONS
    await asking.loop.turn(GATHERING)
    assert len(of(asking)) == MOST_CONNECTIONS
    assert asking.ask("more") == [False]


async def test_much_goes_before_its_time(deep):
    deep.ask("a")
    await deep.loop.turn()
    deep.ask("x" * 40_000, "y" * 40_000)
    await deep.loop.turn()
    assert sorted(len(each.writes[0]) for each in of(deep)) == [1, 80_000]


async def test_what_is_open_at_the_end_is_lost(deep):
    await pipelined(deep, "a", "b")
    deep.ask("gathered")
    deep.line.close()
    assert deep.told == dict.fromkeys(("first", "a", "b", "gathered"), Trouble.LOST)


SOON, TARDY = 0.01, 0.02


@pytest.mark.parametrize(
    ("answers", "most"),
    [
        pytest.param([(1, SOON)], 2, id="one that answers is asked two at a time"),
        pytest.param([(1, SOON), (2, SOON), (4, SOON), (8, SOON), (16, SOON)], 16, id="and then more, up to sixteen"),
        pytest.param([(1, SOON), (1, SOON)], 2, id="fewer than may be sent prove nothing"),
        pytest.param([(1, SOON), (2, SOON), (4, TARDY)], 2, id="one that takes too long for four is sent two"),
        pytest.param([(1, TARDY)], 1, id="and one that takes long for one is asked one by one"),
    ],
)
def test_as_many_are_sent_together_as_are_answered_well_within_the_limit(answers, most):
    depth = Depth(LIMIT)
    for number, seconds in answers:
        depth.answered(number, seconds)
    assert depth.most == most


def test_a_connection_that_breaks_early_is_followed_by_one_question_at_a_time():
    depth = Depth(LIMIT)
    depth.answered(1, SOON)
    depth.broke()
    assert depth.most == 1
