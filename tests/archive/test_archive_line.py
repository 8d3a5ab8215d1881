"""The order of the steps as a table: what a call and its outcome lead to, without any file."""

from __future__ import annotations

import random
from dataclasses import MISSING, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from medzip.archive import (
    Committed,
    Event,
    Failure,
    Fitted,
    ObjectPlan,
    ObjectRef,
    Proof,
    Sealed,
    Staged,
    StagedVolume,
    Verdict,
    failed_record,
)
from medzip.archive.failures import MISMATCHES
from medzip.archive.line import Archiving, Call, CallId, Line, Step
from medzip.archive.recompressing import Candidate, Outcome, Prepared, Recompressing
from medzip.archive.recompressing.records import Turn
from medzip.errors import ArchiveError, CorruptStreamError, SourceError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from medzip.archive import SeriesRecord

KEY, OTHER = "ab" * 32, "cd" * 32
AT, THERE = ObjectRef("/archive", KEY, "fast"), ObjectRef("/archive", OTHER, "fast")
PLAN = ObjectPlan(KEY, "series", (), ())
RECORD: SeriesRecord = replace(
    failed_record(PLAN, "fast", Failure("", "", "", "")), verdict=Verdict.PROVEN, failure=None
)
STAGED = Staged(AT, (StagedVolume((5, 8, 8), "int16", 2, "volume"),) * 2, 5, 1280, (), (), 0.0)
BARE = replace(STAGED, volumes=())
FITTED = Fitted(AT, (), 0, 0.0, (), ())
STORED = ("/archive/object.zip", "0" * 64, 100)
SEALED = Sealed(AT, *STORED, 1, RECORD)
PROOF = Proof(AT, *STORED, 2, 0, 0.0, (), RECORD)
SLABS = [(volume, slab) for volume in (0, 1) for slab in (0, 1, 2)]
CANDIDATE = Candidate(KEY, 200, 640)
RESULTS = {
    Step.CHECK: None,
    Step.STAGE: STAGED,
    Step.FIT: FITTED,
    Step.ENCODE: object(),
    Step.SEAL: SEALED,
    Step.PROVE: PROOF,
    Step.COMMIT: Committed(AT, *STORED, RECORD),
    Step.PREPARE: Prepared(STAGED, FITTED, (), "", 0.0),
    Step.REPLACE: [Turn(PROOF, 200)],
}
"""What each step returns where all goes well."""
ARCHIVING = [Step.CHECK, Step.STAGE, Step.FIT, *[Step.ENCODE] * 6, Step.SEAL, Step.PROVE]
ARCHIVING += [Step.COMMIT]
RECODING = [Step.PREPARE, *[Step.ENCODE] * 6, Step.SEAL, Step.PROVE, Step.REPLACE]


def drive(
    line: Line[Any, Any],
    item: Any,
    outcomes: dict[Step, Any] | None = None,
    seed: int | None = None,
) -> list[Step]:
    """Run a line to its end with outcomes from a table; gives the steps that ran, in order."""
    table = {**RESULTS, **(outcomes or {})}
    ran = []
    chance = random.Random(seed)
    ready = line.start(item)
    while ready:
        call = ready.pop(0 if seed is None else chance.randrange(len(ready)))
        ran.append(call.step)
        ready += line.done(call, table.get(call.step))
    return ran


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_archiving(seed: int | None) -> None:
    line = Archiving("/archive", "fast")
    assert drive(line, PLAN, seed=seed) == ARCHIVING
    assert line.ended == {KEY: RECORD}
    assert line.in_hand == 0


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_recompressing(seed: int | None) -> None:
    line = Recompressing("/archive")
    assert drive(line, CANDIDATE, seed=seed) == RECODING
    ended = line.ended[KEY]
    assert (ended.outcome, ended.before_bytes, ended.after_bytes) == (Outcome.REPLACED, 200, 100)


def test_each_call_has_what_its_step_takes() -> None:
    line = Archiving("/archive", "fast", "/models")
    (check,) = line.start(PLAN)
    assert check == Call(CallId(KEY, Step.CHECK), (PLAN, "/archive"))
    (stage,) = line.done(check, None)
    assert stage.arguments == (PLAN, "/archive", "fast")
    (fit,) = line.done(stage, STAGED)
    assert fit.arguments == (STAGED, "/models")
    slabs = line.done(fit, RESULTS[Step.FIT])
    assert [call.arguments for call in slabs] == [(STAGED, *at) for at in SLABS]
    assert [call.id for call in slabs] == [CallId(KEY, Step.ENCODE, *at) for at in SLABS]
    for call in slabs[:-1]:
        assert line.done(call, object()) == []
    (seal,) = line.done(slabs[-1], object())
    assert (seal.step, seal.arguments) == (Step.SEAL, (STAGED,))


def test_what_is_proven_already_ends_at_once() -> None:
    line = Archiving("/archive", "fast")
    assert drive(line, PLAN, {Step.CHECK: RECORD}) == [Step.CHECK]
    assert line.ended == {KEY: RECORD}


def test_without_voxels_there_is_nothing_to_code() -> None:
    line = Archiving("/archive", "fast")
    assert Step.ENCODE not in drive(line, PLAN, {Step.STAGE: BARE})
    assert line.ended == {KEY: RECORD}


@pytest.mark.parametrize("step", dict.fromkeys(ARCHIVING))
@pytest.mark.parametrize(
    ("error", "dropped"),
    [
        (VerificationError("expected a, got b"), True),
        (CorruptStreamError("expected a, got b"), True),
        (ArchiveError("expected a, got b"), True),
        (OSError(28, "No space left on device"), True),
        (OSError(5, "Input/output error"), False),
        (SourceError("expected to read it, got nothing"), False),
        (KeyError("a mistake in the code"), False),
        (Failure(KEY[:12], "prove", "VerificationError", "from another process"), True),
    ],
)
def test_what_fails_ends_once_and_a_mismatch_is_discarded_never_run_again(
    step: Step, error: Exception | Failure, dropped: bool
) -> None:
    line = Archiving("/archive", "fast")
    ran = drive(line, PLAN, {step: error})
    first = ran.index(step)
    left = [one for one in ran[first + 1 :] if one not in (Step.ENCODE, Step.DISCARD)]
    assert left == []  # slabs that were given out together may still run; nothing comes of them
    assert ran.count(Step.DISCARD) == dropped
    assert step is Step.ENCODE or ran.count(step) == 1
    assert line.ended[KEY].verdict is Verdict.FAILED
    assert [failure.name for failure in line.failures] == [KEY[:12]]
    assert (line.failures[0].kind in MISMATCHES) <= dropped


def test_a_mismatch_of_the_new_object_leaves_the_old_one() -> None:
    line = Recompressing("/archive")
    ran = drive(line, CANDIDATE, {Step.PROVE: VerificationError("expected a, got b")})
    assert ran[-2:] == [Step.PROVE, Step.DISCARD]
    assert (line.ended[KEY].outcome, line.ended[KEY].after_bytes) == (Outcome.FAILED, 200)


@pytest.mark.parametrize(
    ("outcomes", "ran", "reason"),
    [
        ({Step.PREPARE: Prepared(STAGED, None, (), "no models", 0.0)}, [Step.PREPARE], "no models"),
        (
            {Step.SEAL: replace(SEALED, size=200)},
            [*RECODING[:-2], Step.DISCARD],
            "200 B with the new models",
        ),
        ({Step.REPLACE: []}, RECODING, "waits"),
    ],
)
def test_what_does_not_get_smaller_stays(
    outcomes: dict[Step, Any], ran: list[Step], reason: str
) -> None:
    line = Recompressing("/archive")
    assert drive(line, CANDIDATE, outcomes) == ran
    assert (line.ended[KEY].outcome, line.ended[KEY].reason) == (Outcome.KEPT, reason)


def test_the_gate_lets_in_who_waited() -> None:
    line = Recompressing("/archive")
    drive(line, CANDIDATE, {Step.REPLACE: []})
    turn = Turn(PROOF, 200)
    failed = Turn(replace(PROOF, ref=THERE), 300, OSError(5, "Input/output error"))
    drive(
        line,
        Candidate(OTHER, 300, 640),
        {
            Step.PREPARE: elsewhere(),
            Step.SEAL: sealed_there(),
            Step.PROVE: failed.proof,
            Step.REPLACE: [turn, failed],
        },
    )
    assert line.ended[KEY].outcome is Outcome.REPLACED
    assert (line.ended[OTHER].outcome, line.ended[OTHER].after_bytes) == (Outcome.FAILED, 300)
    line = Recompressing("/archive")
    drive(line, CANDIDATE, {Step.REPLACE: []})
    line.keep(KEY, "saves 10 B, its model takes 20 B")
    assert line.ended[KEY].reason == "saves 10 B, its model takes 20 B"


def elsewhere() -> Prepared:
    return Prepared(replace(STAGED, ref=THERE), replace(FITTED, ref=THERE), (), "", 0.0)


def sealed_there() -> Sealed:
    return replace(SEALED, ref=THERE)


@pytest.mark.parametrize("kind", [ObjectRef, Staged, Fitted, Sealed, Proof, Committed])
def test_no_handle_lacks_anything(kind: type[Any]) -> None:
    """None is made without its record, say: what follows need not ask whether it is there."""
    assert [one.name for one in fields(kind) if one.default is not MISSING] == []


def test_what_a_driver_mislays_is_lost_and_nothing_else() -> None:
    line = Archiving("/archive", "fast")
    line.start(PLAN)
    drive(line, replace(PLAN, key=OTHER), {Step.CHECK: RECORD})
    line.lose()
    assert line.ended[KEY].failure is not None
    assert line.ended[KEY].failure.kind == "lost"
    assert line.ended[OTHER].failure is None
    assert line.lose() == []


def test_each_object_is_started_once() -> None:
    line = Archiving("/archive", "fast")
    line.start(PLAN)
    with pytest.raises(ValueError, match="expected each object once"):
        line.start(PLAN)


def test_what_comes_late_changes_nothing() -> None:
    line = Archiving("/archive", "fast")
    (check,) = line.start(PLAN)
    line.done(check, RECORD)
    assert line.done(check, OSError(5, "late")) == []
    line.give_up(PLAN, KeyError("late"))
    assert line.ended == {KEY: RECORD}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("kind", "item"), [(partial(Archiving, profile="fast"), PLAN), (Recompressing, CANDIDATE)]
)
def test_whom_a_driver_gives_up_has_failed_begun_or_not(
    kind: Callable[[str], Line[Any, Any]], item: Any, begun: bool
) -> None:
    line = kind("/archive")
    if begun:
        line.start(item)
    line.give_up(item, KeyError("a mistake in the code"))
    failure = line.ended[KEY].failure
    assert failure is not None
    assert (failure.stage, failure.kind) == ("run", "KeyError")
    assert line.in_hand == 0


class Siblings(Archiving):
    """Objects of which one is predicted from another: its slabs wait for those of that one."""

    def _code(self, staged: Staged) -> list[Call]:
        calls = super()._code(staged)
        if staged.key != OTHER:
            return calls
        return [
            replace(call, after=call.after | {call.id._replace(key=KEY)})
            if call.step is Step.ENCODE
            else call
            for call in calls
        ]


@pytest.mark.parametrize("fails", [False, True])
def test_calls_may_wait_for_those_of_another_object(fails: bool) -> None:
    line = Siblings("/archive", "fast")
    tables = {
        KEY: dict(RESULTS),
        OTHER: RESULTS
        | {
            Step.STAGE: replace(STAGED, ref=THERE),
            Step.SEAL: sealed_there(),
            Step.PROVE: replace(PROOF, ref=THERE),
        },
    }
    if fails:
        tables[KEY][Step.ENCODE] = OSError(5, "Input/output error")
    ready = [*line.start(replace(PLAN, key=OTHER)), *line.start(PLAN)]
    coded: list[str] = []
    while ready:
        call = ready.pop(0)
        coded += [call.key] * (call.step is Step.ENCODE)
        ready += line.done(call, tables[call.key][call.step])
    assert line.ended.keys() == {KEY, OTHER}
    if fails:
        assert OTHER not in coded
        assert {failure.name for failure in line.failures} == {KEY[:12], OTHER[:12]}
    else:
        assert coded.index(OTHER) > 0
        assert sorted(coded) == [KEY] * 6 + [OTHER] * 6


def test_events_count_slabs_and_objects() -> None:
    told: list[Event] = []
    line = Archiving("/archive", "fast", tell=told.append)
    line.total = 1
    drive(line, PLAN)
    name = KEY[:12]
    assert told == [
        *(Event("encode", name, done, 6) for done in range(1, 7)),
        Event("commit", name, 1, 1),
    ]
