"""What a run did, as rows in Parquet and as one page for people.

Records of the archive become rows (:mod:`medzip.report.rows`) of explicit schemas
(:mod:`medzip.report.schema`), kept in one dataset (:mod:`medzip.report.dataset`); the page
(:mod:`medzip.report.html`) is rendered from those rows alone. Neither names a patient: a series is
the first digits of a digest and the shape of its volumes. Pictures of voxels are in them only where
they were asked for (:mod:`medzip.report.showing`).
"""

from __future__ import annotations

from medzip.extras import extras_named

with extras_named():
    from medzip.report.dataset import ReportRows, read_report_rows, write_report_rows
    from medzip.report.html import render_report
    from medzip.report.learning import render_sampling, render_training
    from medzip.report.pictures import residual_picture
    from medzip.report.records import GainRecord, PeerRecord, PictureRecord
    from medzip.report.rows import rows_from
    from medzip.report.showing import Wanted

__all__ = [
    "GainRecord",
    "PeerRecord",
    "PictureRecord",
    "ReportRows",
    "Wanted",
    "read_report_rows",
    "render_report",
    "render_sampling",
    "render_training",
    "residual_picture",
    "rows_from",
    "write_report_rows",
]
