"""The outbox: nothing is lost, nothing blocks, and each message is sent once unless someone dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
from receivers import free_port, web

from driftline.engine.channels import TAKEN, Answer, Webhook
from driftline.engine.deliver import Delivery, deliver
from driftline.engine.messages import Message
from driftline.engine.outbox import FIRST_PAUSE, GIVEN_UP_AFTER, LONGEST_PAUSE, Row, add, rows_of
from driftline.engine.project import Notification, Project, Results
from driftline.engine.store import Store

NOW: Final = datetime(2026, 3, 2, 6)
MINUTE: Final = timedelta(minutes=1)
DOWN: Final = Answer(False, "connection refused", is_reached=False)
REFUSED: Final = Answer(False, "answered 400 Bad Request", is_refusal=True)


def message(number: str = "m1", monitor: str = "churn", **given: Any) -> Message:
    values: dict[str, Any] = {
        "id": number,
        "event": "opened",
        "monitor": monitor,
        "model": None,
        "owner": None,
        "severity": "high",
        "window_start": None,
        "window_end": NOW,
        "title": f"{monitor}: 1 incident opened",
        "text": "age drifted",
        "incidents": (),
        "links": {},
        "command": "driftline show",
        "created_at": NOW,
    }
    return Message(**values | given)


@dataclass
class Fake:
    """A channel that answers as it is told."""

    name: str = "team"
    says: Callable[[Message], Answer] = lambda _: TAKEN
    timeout: float = 5.0
    secrets: frozenset[str] = frozenset()
    got: list[str] = field(default_factory=list)

    def send(self, message: Message, body: str) -> Answer:
        del body
        self.got.append(message.id)
        return self.says(message)


def answer_after(event: threading.Event) -> Answer:
    event.wait(5)
    return TAKEN


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.duckdb", wait_seconds=10)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, (), Results(tmp_path / "results.duckdb"), secrets=frozenset({"hush"}))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def stored(store: Store) -> list[Row]:
    rows = store.read("select * from _outbox order by created_at, channel").to_pylist()
    return [Row(**row) for row in rows]


def send(project: Project, store: Store, clock: Clock, *channels: Fake) -> Delivery:
    return deliver(project, store, now=clock, channels=channels)


def test_a_message_goes_to_each_of_its_channels_once(
    project: Project, store: Store, clock: Clock
) -> None:
    mail, chat = Fake("mail"), Fake("chat")
    store.enqueue(rows_of([message()], ["mail", "chat", "mail"]))

    found = send(project, store, clock, mail, chat)
    again = send(project, store, clock, mail, chat)

    assert (mail.got, chat.got) == (["m1"], ["m1"])
    assert {row.channel for row in found.sent} == {"mail", "chat"}
    assert again == Delivery()
    assert [(row.attempts, row.sent_at, row.claimed_until) for row in stored(store)] == [
        (1, NOW, None),
        (1, NOW, None),
    ]


def test_a_message_whose_key_is_there_is_not_added_again(store: Store) -> None:
    assert store.enqueue(rows_of([message()], ["a"])) == 1
    assert store.enqueue(rows_of([message(title="told otherwise")], ["a", "b"])) == 1

    assert [row.message.title for row in stored(store) if row.channel == "a"] == [
        "churn: 1 incident opened"
    ]


def test_a_message_is_there_only_with_what_it_tells_of(store: Store) -> None:
    def fail() -> None:
        with store._transaction(NOW) as tables:
            assert add(tables, rows_of([message()], ["a"])) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.unsent() == []


def test_many_messages_are_added_at_once(store: Store) -> None:
    rows = rows_of([message(f"m{n}") for n in range(700)], ["a", "b"])
    assert store.enqueue(rows) == 1_400
    assert store.enqueue(rows) == 0


def test_what_could_not_be_sent_is_tried_again_later_and_later(
    project: Project, store: Store, clock: Clock
) -> None:
    channel = Fake(says=lambda _: DOWN)
    store.enqueue(rows_of([message()], ["team"]))
    pauses = []
    for _ in range(12):
        found = send(project, store, clock, channel)
        (row,) = found.waiting
        assert row.next_attempt_at is not None
        pauses.append(row.next_attempt_at - clock.now)
        clock.now = row.next_attempt_at - timedelta(seconds=1)
        before = len(channel.got)
        assert send(project, store, clock, channel).waiting == found.waiting
        assert len(channel.got) == before
        clock.now = row.next_attempt_at

    assert pauses == [min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(12)]
    assert pauses[-1] == LONGEST_PAUSE
    assert found.notes == (
        "team: 1 message waits, tried again after 2026-03-03 08:31 UTC: connection refused",
    )


def test_a_message_is_given_up_after_a_week_and_told_once(
    project: Project, store: Store, clock: Clock
) -> None:
    channel = Fake(says=lambda _: DOWN)
    store.enqueue(rows_of([message(), message("m2", window_end=NOW + MINUTE)], ["team"]))
    clock.now += GIVEN_UP_AFTER

    found = send(project, store, clock, channel)

    assert [row.message_id for row in found.failed] == ["m1"]
    assert found.notes[0] == (
        "team: a message on churn of 2026-03-02 06:00 was given up after 1 attempt:"
        " connection refused"
    )
    # those behind it have their turn
    channel.says = lambda _: TAKEN
    assert [row.message_id for row in send(project, store, clock, channel).sent] == ["m2"]
    assert send(project, store, clock, channel) == Delivery()
    assert [(row.sent_at is None, row.is_given_up) for row in stored(store)] == [
        (True, True),
        (False, False),
    ]


def test_an_old_message_has_one_try_however_late(
    project: Project, store: Store, clock: Clock
) -> None:
    channel = Fake()
    store.enqueue(rows_of([message()], ["team"]))
    clock.now += 3 * GIVEN_UP_AFTER
    send(project, store, clock, channel)
    assert channel.got == ["m1"]


def test_messages_of_one_monitor_to_one_channel_keep_their_order(
    project: Project, store: Store, clock: Clock
) -> None:
    refusals = iter([REFUSED])
    channel = Fake(says=lambda each: next(refusals, TAKEN) if each.id == "z1" else TAKEN)
    first = [message("z1"), message("a2", event="closed"), message("zz", "other")]
    store.enqueue(rows_of(first, ["team"]))

    send(project, store, clock, channel)
    assert channel.got == ["z1", "zz"]
    clock.now += MINUTE
    send(project, store, clock, channel)
    assert channel.got == ["z1", "zz", "z1", "a2"]


def test_a_channel_that_asks_to_wait_is_left_alone_so_long(
    project: Project, store: Store, clock: Clock
) -> None:
    channel = Fake(says=lambda _: Answer(False, "answered 429", after=timedelta(hours=1)))
    store.enqueue(rows_of([message()], ["team"]))
    (row,) = send(project, store, clock, channel).waiting
    assert row.next_attempt_at == NOW + timedelta(hours=1)


def test_a_channel_that_does_not_answer_is_asked_once_and_delays_no_other(
    project: Project, store: Store, clock: Clock
) -> None:
    release = threading.Event()
    dead, good = Fake("dead", lambda _: answer_after(release), 0.1), Fake("good")
    many = [message(f"m{n}", f"monitor {n}") for n in range(5)]
    store.enqueue(rows_of(many, ["dead", "good"]))

    found = send(project, store, clock, dead, good)
    release.set()

    assert len(dead.got) == 1
    assert good.got == [f"m{n}" for n in range(5)]
    assert len(found.waiting) == 5
    assert found.notes[0].endswith("no answer within 0.1 s")


def test_a_message_that_is_refused_keeps_no_other_monitor_waiting(
    project: Project, store: Store, clock: Clock
) -> None:
    channel = Fake(says=lambda each: REFUSED if each.monitor == "churn" else TAKEN)
    store.enqueue(rows_of([message(), message("m2", "other")], ["team"]))

    found = send(project, store, clock, channel)

    assert [row.monitor for row in found.sent] == ["other"]
    assert [row.last_error for row in found.waiting] == ["answered 400 Bad Request"]


def test_a_monitor_that_always_fails_does_not_go_first_for_ever(
    project: Project, store: Store, clock: Clock
) -> None:
    channel = Fake(says=lambda each: DOWN if each.monitor == "churn" else TAKEN)
    store.enqueue(rows_of([message(), message("m2", "other")], ["team"]))
    for _ in range(2):
        send(project, store, clock, channel)
        clock.now += timedelta(hours=1)
    assert channel.got == ["m1", "m2", "m1"]


def test_a_channel_that_breaks_is_a_reason_and_no_error(
    project: Project, store: Store, clock: Clock
) -> None:
    def breaks(_: Message) -> Answer:
        raise RuntimeError("with hush in it")

    store.enqueue(rows_of([message()], ["team"]))
    (row,) = send(project, store, clock, Fake(says=breaks)).waiting
    assert row.last_error == "could not be sent (RuntimeError)"


def test_messages_to_a_channel_that_is_no_more_are_kept_and_told(
    project: Project, store: Store, clock: Clock
) -> None:
    store.enqueue(rows_of([message()], ["gone", "team"]))

    found = send(project, store, clock, Fake())

    assert found.unknown == ("gone",)
    assert found.notes == (
        "gone: 1 message waits, and no notification of the project has this name",
    )
    assert [row.attempts for row in stored(store)] == [0, 1]
    clock.now += 2 * GIVEN_UP_AFTER
    assert len(send(project, store, clock, Fake("gone")).sent) == 1


def test_without_anything_due_nothing_is_written(
    project: Project, store: Store, clock: Clock
) -> None:
    assert send(project, store, clock, Fake()) == Delivery()
    assert not store.exists()


def test_secrets_are_in_no_row(project: Project, store: Store, clock: Clock) -> None:
    secrets = frozenset({"hush", 'with "quotes" ä'})
    told = message(
        text='hush and with "quotes" ä',
        links={"runbook": "https://x/?token=hush"},
        incidents=({"summary": "hush"},),
    )
    channel = Fake(says=lambda _: Answer(False, "no hush and no key"), secrets=frozenset({"key"}))
    store.enqueue(rows_of([told], ["team"], secrets))
    send(project, store, clock, channel)

    (row,) = stored(store)
    assert "hush" not in row.body
    assert "quotes" not in row.body
    assert row.message.links == {"runbook": "https://x/?token=****"}
    assert row.last_error == "no **** and no ****"


def test_who_took_too_long_takes_nothing_back(project: Project, store: Store, clock: Clock) -> None:
    """A sender that was stopped in between fails after another one has sent the message."""
    other = Fake()

    def stopped(_: Message) -> Answer:
        clock.now += timedelta(hours=1)
        assert len(send(project, store, clock, other).sent) == 1
        return DOWN

    store.enqueue(rows_of([message()], ["team"]))
    assert send(project, store, clock, Fake(says=stopped)).waiting == ()
    (row,) = stored(store)
    assert row.sent_at is not None
    assert row.last_error is None


# Against a real server, by several processes

SENDER: Final = """
import sys
from pathlib import Path
from driftline.engine.deliver import deliver
from driftline.engine.project import Notification, Project, Results
from driftline.engine.store import Store

file, url = Path(sys.argv[1]), sys.argv[2]
options = {"url": url, "secret": "s3cr3t-of-it", "timeout": 30}
project = Project(file.parent, (), Results(file), notifications=(Notification("team", "webhook", options),))
print("ready", flush=True)
sys.stdin.readline()
print(len(deliver(project, Store(file)).sent), flush=True)
"""


def sender(file: Path, url: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SENDER, str(file), url]
    return subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_sender_that_is_killed_is_followed_by_one_with_the_same_key(
    project: Project, store: Store, tmp_path: Path
) -> None:
    store.enqueue(rows_of([message()], ["team"]))
    with web() as server:
        server.held.clear()
        with sender(tmp_path / "results.duckdb", server.url) as process:
            assert said(process) == "ready"
            begin(process)
            while not server.got:
                assert process.poll() is None
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        server.held.set()
        webhook = Webhook("team", {"url": server.url})
        (claimed,) = store.unsent()
        assert claimed.claimed_until is not None
        before = claimed.claimed_until - timedelta(seconds=1)
        early = deliver(project, store, now=Clock(before), channels=[webhook])
        assert early.waiting == (claimed,)
        late = deliver(project, store, now=Clock(claimed.claimed_until), channels=[webhook])
        assert len(late.sent) == 1
        keys = [got.headers["Idempotency-Key"] for got in server.got]
    assert keys == ["m1", "m1"]


def test_two_senders_at_once_send_each_message_once(store: Store, tmp_path: Path) -> None:
    numbers = [f"m{n}" for n in range(8)]
    store.enqueue(rows_of([message(each, f"monitor {each}") for each in numbers], ["team"]))
    with web() as server:
        both = [sender(tmp_path / "results.duckdb", server.url) for _ in range(2)]
        for process in both:
            assert said(process) == "ready"
        for process in both:
            begin(process)
        counts = [int(said(process)) for process in both]
        for process in both:
            process.communicate()
        keys = [got.headers["Idempotency-Key"] for got in server.got]
    assert sorted(keys) == numbers
    assert sum(counts) == len(numbers)


def test_the_address_and_the_secret_of_a_channel_are_stored_nowhere(
    project: Project, store: Store, tmp_path: Path, clock: Clock
) -> None:
    store.enqueue(rows_of([message()], ["team"]))
    with web() as server:
        server.status = 500
        options = {"url": server.url, "secret": "s3cr3t-of-it"}
        told = replace(project, notifications=(Notification("team", "webhook", options),))
        found = deliver(told, store, now=clock)
        assert server.got
    assert found.notes[0].endswith("answered 500 Internal Server Error")
    stored_bytes = (tmp_path / "results.duckdb").read_bytes()
    for secret in (b"s3cr3t-of-it", b"T0K3N-OF-IT", server.url.encode()):
        assert secret not in stored_bytes
    with duckdb.connect(tmp_path / "results.duckdb") as con:
        assert con.execute("select last_error from _outbox").fetchall() == [
            ("answered 500 Internal Server Error",)
        ]


# What users call

PROJECT: Final = """
results: {{to: results.duckdb}}
notifications:
  - {{name: team, type: webhook, url: "{url}", secret: "${{HOOK_SECRET}}"}}
  - {{name: boss, type: smtp, host: 127.0.0.1, port: {port}, security: none, from: a@x.y, to: b@x.y}}
monitors:
  - name: churn
    production: {{table: scored.parquet}}
    reference: {{table: training.parquet}}
"""


def test_notifications_are_tried_beside_the_outbox(cli: Any, tmp_path: Path) -> None:
    with web() as server:
        (tmp_path / "driftline.yml").write_text(PROJECT.format(url=server.url, port=free_port()))
        env = {"HOOK_SECRET": "s3cr3t-of-it"}
        good = cli("alerts", "test", "--to", "team", env=env)
        both = cli("alerts", "test", "--format", "json", env=env)
        events = [got.headers["Driftline-Event"] for got in server.got]

    assert (good.exit_code, both.exit_code) == (0, 3)
    assert "team" in good.stdout
    assert "boss" not in good.stdout
    assert events == ["test", "test"]
    assert [(row["channel"], row["sent"], row["reason"]) for row in json.loads(both.stdout)] == [
        ("team", True, None),
        ("boss", False, "connection refused"),
    ]
    assert "T0K3N" not in good.output + both.output
    assert not (tmp_path / "results.duckdb").exists()


def test_a_notification_that_is_not_there_names_the_nearest(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "driftline.yml").write_text(PROJECT.format(url="https://x", port=25))
    found = cli("alerts", "test", "--to", "teem", env={"HOOK_SECRET": "s"})
    assert found.exit_code == 2
    assert "did you mean 'team'" in found.stderr


def test_messages_that_wait_are_listed_with_why(
    cli: Any, tmp_path: Path, store: Store, project: Project, clock: Clock
) -> None:
    (tmp_path / "driftline.yml").write_text(PROJECT.format(url="https://x", port=25))
    env = {"HOOK_SECRET": "s"}
    assert "nothing waits" in cli("alerts", "outbox", env=env).stdout
    rows = rows_of([message()], ["team", "gone"])
    store.enqueue(rows)
    deliver(project, store, now=clock, channels=[Fake(says=lambda _: DOWN)])

    shown = cli("alerts", "outbox", env=env)
    told = cli("alerts", "outbox", "--format", "json", env=env)

    assert shown.exit_code == 0
    assert "connection refused" in shown.stdout
    assert [
        (row["channel"], row["status"], row["attempts"], row["next_attempt_at"])
        for row in json.loads(told.stdout)
    ] == [
        ("gone", "no such notification", 0, "2026-03-02T06:00:00Z"),
        ("team", "waiting", 1, "2026-03-02T06:01:00Z"),
    ]
