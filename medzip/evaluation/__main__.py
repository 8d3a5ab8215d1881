"""``python -m medzip.evaluation`` is ``medzip bench``."""

from medzip.evaluation.cli import app

app(prog_name="medzip bench")
