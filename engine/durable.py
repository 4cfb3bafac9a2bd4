"""Files that are whole or not there: written beside their place under another name, then put in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

# What a file that is not whole yet ends in; globs for data pass it over.
UNFINISHED: Final = ".new"


def unfinished(file: Path) -> Path:
    """What a file is called until it is whole."""
    return file.with_name(f".{file.name}{UNFINISHED}")


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or what a folder lists."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_in_place(file: Path) -> None:
    """Give a whole file its name, once it is on the disk; who has the old one open keeps reading it."""
    new = unfinished(file)
    sync(new)
    new.replace(file)
    sync(file.parent)


def write_whole(file: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that a crash leaves the old one, or the new.

    Args:
        file: The file, in a folder that exists.
        write: Writes all of it to the path that it is given.
    """
    write(unfinished(file))
    put_in_place(file)
