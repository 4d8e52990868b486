"""The same work on dask workers (extra ``[dask]``), with the guarantees of maps.

A task is the name of the folder of parts and a key: the request is in the folder, the answer is written
there. So nothing is lost with a worker but the spectrum it was at, which another begins again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xnet_onnx.errors import XnetError
from xnet_onnx.maps.cluster import connect

from .parts import work

__all__ = ["run_cluster"]


def run_cluster(folder: Path, keys: list[str], scheduler: str, progress: Callable[[str, str], None]) -> None:
    """Have clusters calculated by dask workers.

    Parameters
    ----------
    folder : Path
        Of the parts; every worker must see it under this name.
    keys : list of str
    scheduler : str
        Address of a running scheduler.
    progress : callable
        Takes the key of each that is done, and why there is no spectrum or "".

    Raises
    ------
    MissingExtraError
        If dask is not installed.
    XnetError
        If no scheduler answers, or a worker cannot do its task.
    """
    with connect(scheduler) as client:
        from distributed import as_completed

        place = str(folder.resolve())
        futures = {client.submit(work, place, key, key=f"xnet-feff-{key}", retries=2): key for key in keys}
        for future in as_completed(futures):
            error = future.exception()
            if error is not None:
                raise XnetError(
                    f"a worker failed ({type(error).__name__}: {str(error).splitlines()[0][:200]}); expected "
                    f"{place} and xnet-onnx[simulate] on every worker; what is done is kept: go on with the "
                    "same command"
                ) from error
            progress(futures[future], future.result())
            future.release()
