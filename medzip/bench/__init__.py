"""Measure medzip beside every other codec, on the user's own images.

``medzip bench`` (:mod:`medzip.cli.bench`) runs the comparison in one process on one core;
:mod:`medzip.bench.peers` holds every codec behind one interface;
:mod:`medzip.bench.phantom` generates CT and MR series that are free to share.
"""
