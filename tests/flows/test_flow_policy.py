"""Retries and failures, without a cluster."""

from __future__ import annotations

import errno
import pickle

import pytest
from medzip_tasks.archive import run_calls
from medzip_tasks.policy import StepFailedError, is_transient, retry_io, run_each
from prefect import flow
from prefect.states import Failed

from medzip.archive import Failure, ObjectRef
from medzip.archive.line import Call, CallId, Step
from medzip.archive.steps import FUNCTIONS
from medzip.errors import CorruptStreamError, ProverError, SourceError, VerificationError

REF = ObjectRef("/archive", "ab" * 32, "default")
PATH = "/in/DOE^JANE/1.dcm"


def source_error(cause: BaseException | None) -> SourceError:
    error = SourceError(f"expected to read {PATH}")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EIO, "I/O", PATH), True),
        (OSError(errno.ESTALE, "stale", PATH), True),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), True),
        (OSError(errno.ENOSPC, "full", PATH), False),
        (PermissionError(errno.EACCES, "denied", PATH), False),
        (FileNotFoundError(errno.ENOENT, "none", PATH), False),
        (source_error(None), False),
        (source_error(OSError(errno.EIO, "I/O", PATH)), True),
        (source_error(PermissionError(errno.EACCES, "denied", PATH)), False),
        (ProverError("expected proofs, got exit status -9"), True),
        (VerificationError("expected a, got b"), False),
        (CorruptStreamError("expected a, got b"), False),
        (ValueError("a mistake in the code"), False),
    ],
)
def test_only_what_says_nothing_of_the_bytes_is_transient(error: Exception, expected: bool) -> None:
    assert is_transient(error) is expected
    failed = StepFailedError.of(REF.key, "stage", error)
    assert retry_io(None, None, Failed(data=failed)) is expected


def test_a_foreign_failure_is_not_retried() -> None:
    assert retry_io(None, None, Failed(data=OSError(errno.EIO, "of Prefect's own"))) is False


def test_failure_names_no_path_and_survives_pickling() -> None:
    error = StepFailedError.of(REF.key, "stage", source_error(None))
    assert "DOE" not in repr(error)
    assert str(error) == "stage of abababababab: SourceError"
    assert PATH in error.failure.message
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.failure, copy.transient, str(copy)) == (error.failure, False, str(error))


def test_one_of_a_lot_that_fails_does_not_stop_the_others() -> None:
    refs = [ObjectRef("/archive", digit * 64, "fast") for digit in "123"]

    def call(ref: ObjectRef) -> str:
        if ref.key.startswith("2"):
            raise VerificationError(f"expected {PATH}")
        return ref.name

    first, second, third = run_each("prove", call, refs)
    assert (first, third) == ("1" * 12, "3" * 12)
    assert isinstance(second, Failure)
    assert (second.name, second.stage, second.kind) == ("2" * 12, "prove", "VerificationError")
    with pytest.raises(StepFailedError) as caught:
        run_each("prove", call, refs[1:2])
    # neither the text nor the traceback that Prefect logs may lead to the path
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "attempts"),
    [(OSError(errno.EIO, "I/O", PATH), 4), (VerificationError(f"{PATH}: expected a, got b"), 1)],
)
def test_prefect_retries_what_may_pass_and_nothing_else(
    home, monkeypatch: pytest.MonkeyPatch, error: Exception, attempts: int
) -> None:
    calls = []

    def already_proven(*arguments: object) -> None:
        calls.append(arguments)
        raise error

    monkeypatch.setitem(FUNCTIONS, Step.CHECK, already_proven)
    call = Call(CallId(REF.key, Step.CHECK), (REF, "/archive"))

    @flow
    def once() -> None:
        # without a timeout: outside of Dask it would use the signal that pytest-timeout uses
        hurried = run_calls.with_options(retry_delay_seconds=0, timeout_seconds=0)
        hurried("one", "check", (call,))

    with pytest.raises(StepFailedError):
        once()
    assert len(calls) == attempts
