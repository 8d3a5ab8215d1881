"""Flows compose tasks; they hold no logic that a task or the library could hold.

The variables below must be set before Prefect and Dask are imported, hence here: every flow is
imported through this package. A value that the user already set wins.
"""

import os

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
# the library logs through std logging; this lets Prefect show it and send it to the server
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "medzip")
# and what it says outside of a flow run (while it verifies, say) is no reason for a warning
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
# a machine that is busy with compressing takes longer than the 20 s that Prefect gives the
# temporary server it starts where none is named
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
# Dask announces every start and stop of every worker at INFO
os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "warning")
