"""Tasks: one library call each, plus what only an orchestrator adds.

That is: retries (for input and output only), names of runs, tags and timeouts. Nothing is cached:
the steps themselves find by digest what an earlier run has done. Tasks exchange the small handles
of :mod:`medzip.archive.handles`, never arrays, and say nothing about a patient: an object is named
by the first digits of its key.

`medzip_tasks.driving` brings objects through the line of an archive (`medzip.archive.line`), a lot
of one or several at a time; ``label`` names a task run after the lot.
"""
