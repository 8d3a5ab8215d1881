"""What the whole of `medzip compress` costs beside its codec: CPU time, memory, the first object.

The command runs as people run it, in processes of its own; :mod:`medzip.bench.pipeline.counter`
counts what it and everything that it starts used. :mod:`medzip.bench.pipeline.running` has it all.
"""
