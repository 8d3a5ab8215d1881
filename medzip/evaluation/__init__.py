"""Measure medzip beside every other codec, on the user's own images.

``medzip bench`` (:mod:`medzip.evaluation.cli`) runs the comparison in one process on one core;
:mod:`medzip.evaluation.peers` holds every codec behind one interface;
:mod:`medzip.evaluation.phantom` generates CT and MR series that are free to share.
"""
