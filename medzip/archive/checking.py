"""Whether an object is in the archive already, and still worth what its proof said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from medzip import __version__
from medzip.archive.describing import describe
from medzip.archive.layout import object_path, read_digest, sha256_file
from medzip.archive.proving import decode_and_compare
from medzip.archive.records import Verdict

if TYPE_CHECKING:
    from medzip.archive.handles import ObjectPlan
    from medzip.archive.layout import StrPath
    from medzip.archive.records import SeriesRecord

__all__ = ["already_proven"]


def already_proven(plan: ObjectPlan, archive: StrPath) -> SeriesRecord | None:
    """Find a committed object of the same content, whatever profile it was coded with.

    The digest of an object says that it is what was proven then. Whether this version still reads
    what another one wrote, only decoding says: such an object is proven again, here, since it was
    another run that sealed it.

    Parameters
    ----------
    plan : ObjectPlan
        From ``scan``; its key is the content's.
    archive : path
        Archive.

    Returns
    -------
    SeriesRecord or None
        None when there is no such object, its stored bytes do not have their digest any more, or
        this version cannot bring its files back: then it is made again from the source.

    Raises
    ------
    OSError
        When the object cannot be read.
    """
    path = object_path(archive, plan.key)
    sha256 = read_digest(path)
    try:
        if not sha256 or sha256_file(path) != sha256:
            return None
        record = describe(path)
        if record.codec_version != __version__:
            # voxels that need room take it on the disk of the archive, which has some
            decode_and_compare(path, plan.key, str(path.parent))
        return replace(record, verdict=Verdict.ALREADY_PROVEN)
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception:
        # Whatever is wrong with it, its source is here: making it again is the remedy, and an
        # error here would come again in every run.
        return None
