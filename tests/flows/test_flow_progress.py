"""What a progress shows, and how often."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import medzip_tasks.progress
import pytest
from medzip_tasks.progress import SECONDS_BETWEEN_UPDATES, Progress


@dataclass
class Server:
    """Stands for Prefect's: notes what it is told of an artifact, and at what second."""

    now: float = 0.0
    told: list[tuple[float, float, str]] = field(default_factory=list)
    name: UUID = field(default_factory=uuid4)

    def create(self, progress: float, key: str, description: str) -> UUID:
        assert key == "some-key"
        self.told.append((self.now, progress, description))
        return self.name

    def update(self, artifact: UUID, progress: float, description: str) -> None:
        assert artifact == self.name
        self.told.append((self.now, progress, description))

    def clock(self) -> float:
        return self.now


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(medzip_tasks.progress, "create_progress_artifact", server.create)
    monkeypatch.setattr(medzip_tasks.progress, "update_progress_artifact", server.update)
    monkeypatch.setattr(
        medzip_tasks.progress, "get_run_logger", lambda: logging.getLogger("of the run")
    )
    return server


def progress(server: Server, *numbers: Any) -> Progress:
    return Progress("some-key", "objects", *numbers, clock=server.clock)


def test_counts_decide_where_all_are_alike(server: Server) -> None:
    with progress(server, 4) as shown:
        for name in "abcd":
            server.now += SECONDS_BETWEEN_UPDATES
            shown.advance(name)
    assert [told[1:] for told in server.told] == [
        (0.0, "0 of 4 objects"),
        (25.0, "1 of 4 objects"),
        (50.0, "2 of 4 objects"),
        (75.0, "3 of 4 objects"),
        (100.0, "4 of 4 objects"),
        (100.0, "4 of 4 objects"),
    ]


def test_bytes_decide_where_sizes_differ(server: Server) -> None:
    with progress(server, 2, 10_000_000) as shown:
        server.now += SECONDS_BETWEEN_UPDATES
        shown.advance("a", 9_000_000)
        shown.advance("b", 1_000_000)
    assert [told[1:] for told in server.told] == [
        (0.0, "0 of 2 objects, 0.0 of 10.0 MB"),
        (90.0, "1 of 2 objects, 9.0 of 10.0 MB"),
        (100.0, "2 of 2 objects, 10.0 of 10.0 MB"),
    ]


def test_a_total_may_become_known_on_the_way(server: Server) -> None:
    with progress(server) as shown:
        server.now += SECONDS_BETWEEN_UPDATES
        shown.reach(30, "loss 1.2", total=40)
    assert [told[1:] for told in server.told] == [
        (0.0, "objects"),
        (75.0, "30 of 40 objects"),
        (100.0, "30 of 40 objects"),
    ]


def test_the_server_is_told_seldom_and_the_log_every_time(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with progress(server, 1000) as shown:
        for number in range(1000):
            server.now += 0.1
            shown.advance(f"object {number}")
    seconds = [told[0] for told in server.told]
    shown_meanwhile = seconds[:-1]  # the end is shown when it comes
    pairs = itertools.pairwise(shown_meanwhile)
    assert all(later - earlier >= SECONDS_BETWEEN_UPDATES for earlier, later in pairs)
    assert 5 <= len(seconds) <= 12
    # the flow's own, since threads of an earlier run may have something to say as well
    told = [message for message in caplog.messages if " of 1000 objects: " in message]
    assert len(told) == 1000
    assert told[6] == "7 of 1000 objects: object 6"


def test_nothing_to_do_is_done(server: Server) -> None:
    with progress(server, 0):
        pass
    assert server.told[-1][1] == 100.0


def test_what_fails_is_not_shown_as_complete(server: Server) -> None:
    with pytest.raises(KeyError), progress(server, 2):
        raise KeyError("a mistake in the code")
    assert [told[1] for told in server.told] == [0.0]
