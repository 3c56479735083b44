"""The report as a folder: everything or nothing, and nobody else's files lost."""

import errno
import glob
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from eventstudy.core.errors import EventStudyError, SpecError
from eventstudy.core.files import held, umask
from eventstudy.core.interrupt import temporary
from eventstudy.report.formats import DEFAULT, written
from eventstudy.report.tables import tables, to_csv, to_parquet
from eventstudy.scale.engine import Engine
from eventstudy.study.result import StudyResult

MANIFEST = "manifest.json"
PROGRAM = "eventstudy"
SCHEMA = 1

_NEW = ".{}.eventstudy-new-"


def write_report(
    result: StudyResult,
    folder: str | Path,
    *,
    parquet: bool = False,
    formats: Sequence[str] = DEFAULT,
    force: bool = False,
    engine: str | Engine = "threads",
) -> Path:
    """Write the pages, figures, tables and manifest.json into a folder.

    Everything is written beside the target first and moved into place at the end, so
    an interrupted run leaves the earlier report whole. The same result gives the same
    bytes.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    folder : str or pathlib.Path
        The folder, made if it is not there.
    parquet : bool
        Whether to write every table as Parquet too.
    formats : sequence of str
        See `FORMATS`: Markdown and one HTML page by default. Tables are written as
        CSV in any case.
    force : bool
        Whether to write also into a folder that is not empty and not an earlier
        report. Files that are not part of a report stay where they are in any case.
    engine : str or Engine
        "threads" draws the figures in this process, "processes" in a second one too.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    SpecError
        When the folder belongs to somebody else, or cannot be written; for a format
        that there is not.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from eventstudy import StudyResult, StudySpec
    >>> nothing = StudyResult(spec=StudySpec(returns="log"), provenance={})
    >>> with TemporaryDirectory() as home:
    ...     report = write_report(nothing, f"{home}/nothing")
    ...     sorted(path.name for path in report.iterdir())
    ['details', 'manifest.json', 'report.html', 'report.md', 'tables']
    """
    about = {
        "spec": result.spec.as_dict(),
        "seed": result.spec.seed,
        "inputs": dict(result.provenance),
    }
    files = _files(result, parquet=parquet, formats=formats, engine=engine)
    return write_folder(folder, files, about=about, force=force)


def write_folder(
    folder: str | Path,
    files: Mapping[str, bytes],
    *,
    about: Mapping[str, Any],
    force: bool = False,
) -> Path:
    """Write files and their manifest as one folder, all or nothing; return it.

    files : name -> content;  about : what the manifest says beside their hashes
    Raises as `write_report` does.
    """
    files = {**files, MANIFEST: _plain_json(_manifest(about, files)).encode()}
    target = _target(folder)
    with _told(folder):
        target.parent.mkdir(parents=True, exist_ok=True)
        with held(target.parent):
            _recover(target)
            _check_owner(target, force=force)
            with _beside(target) as new:
                for name, content in files.items():
                    path = new / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                _keep_foreign(target, new, files)
                _swap(new, target)
    return Path(folder)


def check_folder(folder: str | Path, *, force: bool = False) -> None:
    """Refuse a folder that a report cannot be written into, before the work is done.

    Parameters
    ----------
    folder : str or pathlib.Path
        Where the report is to go.
    force : bool
        As for `write_report`.

    Raises
    ------
    SpecError
        When the folder belongs to somebody else, or cannot be written.

    Examples
    --------
    >>> check_folder("/")
    Traceback (most recent call last):
    eventstudy.core.errors.SpecError: / is no folder for a report. Choose a folder below
    """
    target = _target(folder)
    with _told(folder):
        _check_owner(target, force=force)
        nearest = next(path for path in target.parents if path.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(nearest))
        tried = tempfile.mkdtemp(prefix=_NEW.format(target.name), dir=nearest)
        with suppress(FileNotFoundError):  # a writer clears what nobody holds
            Path(tried).rmdir()


def _target(folder: str | Path) -> Path:
    with _told(folder):
        try:
            target = Path(folder).resolve()
        except RuntimeError as error:  # links that lead in a circle
            raise OSError(errno.ELOOP, str(error)) from error
    if not target.name:
        raise SpecError(f"{target} is no folder for a report. Choose a folder below")
    return target


@contextmanager
def _told(folder: str | Path) -> Iterator[None]:
    """Say in words what the system says of a folder."""
    try:
        yield
    except (OSError, ValueError) as err:
        if isinstance(err, EventStudyError):
            raise
        raise SpecError(
            f"the report cannot be written to {folder}: "
            f"{getattr(err, 'strerror', None) or err}; "
            "what was there before is unchanged. Make room or choose another folder"
        ) from err


def _files(
    result: StudyResult, *, parquet: bool, formats: Sequence[str], engine: str | Engine
) -> dict[str, bytes]:
    files = written(result, formats, engine)
    for name, table in tables(result).items():
        files[f"tables/{name}.csv"] = to_csv(table)
        if parquet:
            files[f"tables/{name}.parquet"] = to_parquet(table)
    return files


def _manifest(about: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "program": PROGRAM,
        "schema": SCHEMA,
        **about,
        "outputs": {
            name: hashlib.sha256(content).hexdigest() for name, content in files.items()
        },
    }


def _plain_json(value: Any) -> str:  # noqa: ANN401
    """Write plain values as sorted, indented JSON with a final newline."""
    return (
        json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str)
        + "\n"
    )


def _written(folder: Path) -> dict[str, str | None] | None:
    """Files of an earlier report with their SHA-256; None when there is no report."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    if not isinstance(manifest, dict) or manifest.get("program") != PROGRAM:
        return None
    outputs = manifest.get("outputs")
    if not isinstance(outputs, dict):
        return None
    hashes = {name: str(value) for name, value in outputs.items()}
    return {**hashes, MANIFEST: None}


def _check_owner(target: Path, *, force: bool) -> None:
    if not target.exists():
        return
    if Path.cwd().is_relative_to(target):
        raise SpecError(
            f"{target.name} is the folder you are in, or above it; a report replaces "
            "its folder as a whole. Choose a folder below"
        )
    if not target.is_dir():
        raise SpecError(
            f"{target.name} is a file; a report is a folder. Choose another name"
        )
    if force or _written(target) is not None or not any(target.iterdir()):
        return
    raise SpecError(
        f"{target.name} is not empty and holds no report of ours (no {MANIFEST}); "
        "choose another folder, or allow it with --force (force=True): files of the "
        "report's names are then replaced, others stay"
    )


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Give an empty folder on the same file system; gone at the end, come what may."""
    new = Path(tempfile.mkdtemp(prefix=_NEW.format(target.name), dir=target.parent))
    new.chmod(0o777 & ~umask())
    try:
        with temporary(new):
            yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _keep_foreign(target: Path, new: Path, files: Mapping[str, bytes]) -> None:
    """Copy into the new folder what is in the old one but not of an earlier report."""
    if not target.is_dir():
        return
    written = _written(target) or {}
    ours = set(written) | set(files)
    _keep_edited(target, new, written)
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        copy = new / name
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                copy.mkdir(parents=True, exist_ok=True)
        elif name not in ours:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy, follow_symlinks=False)


def _keep_edited(target: Path, new: Path, written: Mapping[str, str | None]) -> None:
    """Keep a copy of what somebody changed in an earlier report by hand."""
    for name, sha256 in written.items():
        path = target / name
        if sha256 is None or not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == sha256:
            continue
        copies = (f"{name}.orig{n or ''}" for n in range(1_000))
        kept = next(copy for copy in copies if not (target / copy).exists())
        (new / kept).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, new / kept)


def _swap(new: Path, target: Path) -> None:
    """Put the new folder in the old one's place by two renames."""
    old = _previous(target)
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        with suppress(OSError):
            _recover(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.eventstudy-old")


def _recover(target: Path) -> None:
    """Finish or undo what a killed run left: half a swap, or a folder half written.

    Who writes holds the folder above, so that a half-written folder is nobody's.
    """
    for left in target.parent.glob(f"{glob.escape(_NEW.format(target.name))}*"):
        shutil.rmtree(left, ignore_errors=True)
    old = _previous(target)
    if not old.is_dir():
        return
    if not target.exists():
        old.rename(target)
    elif _written(target) is not None and not _only_in(old, target):
        shutil.rmtree(old)  # the swap was over but for this
    else:
        names = (f"{target.name}.recovered{n or ''}" for n in range(1_000))
        paths = (target.with_name(name) for name in names)
        old.rename(next(path for path in paths if not path.exists()))


def _only_in(old: Path, target: Path) -> bool:
    """Whether a folder has files of others that the other folder has not."""
    ours = set(_written(old) or ())
    return any(
        (path.is_file() or path.is_symlink())
        and (name := path.relative_to(old).as_posix()) not in ours
        and not (target / name).exists()
        for path in old.rglob("*")
    )
