"""Tasks: one library call each, plus what only an orchestrator adds.

That is: retries (for input and output only), a cache by content digest, names of runs, tags and
timeouts. Tasks exchange the small records of :mod:`medzip.archive.records`, never arrays, and say
nothing about a patient: an object is named by the first digits of its key.

Tasks that work on objects take ``items``, a lot of one or several, and ``label``, which names the
task run after the lot.
"""
