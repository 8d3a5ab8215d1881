"""Slabs on all cores."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

import medzip
from medzip.codec import base_model, encode_stream
from medzip.cores import cores, on_threads


@pytest.fixture
def two_threads(monkeypatch):
    """Two threads, whatever the machine has."""
    monkeypatch.setattr("medzip.cores.cores", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_at_least_one_core():
    assert cores() >= 1


def test_results_come_in_order_and_from_several_threads(two_threads):
    both = threading.Barrier(2, timeout=30)

    def call(number):
        both.wait()  # returns only if two calls run at once
        return number * number, torch.get_num_threads()

    assert on_threads(call, range(6)) == [(n * n, 1) for n in range(6)]
    assert torch.get_num_threads() == 2


def test_an_error_is_raised_and_threads_are_given_back(two_threads):
    with pytest.raises(ZeroDivisionError):
        on_threads(lambda n: 1 // n, [1, 0, 2])
    assert torch.get_num_threads() == 2


def test_one_thread_stays_one():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert set(on_threads(lambda _: threading.get_ident(), range(4))) == {threading.get_ident()}
    finally:
        torch.set_num_threads(before)


def test_streams_are_the_same_on_any_number_of_threads(two_threads):
    generator = np.random.default_rng(3)
    volume = generator.normal(800, 30, (7, 40, 36)).astype(np.int16)
    model = base_model("fast")
    together = encode_stream(volume, model, 2)
    assert np.array_equal(medzip.decode(together), volume)
    torch.set_num_threads(1)
    assert encode_stream(volume, model, 2) == together
