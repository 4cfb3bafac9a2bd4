"""What a dbt project already says: how to connect, and where its models are.

https://docs.getdbt.com/docs/core/connect-data-platform/profiles.yml and
https://docs.getdbt.com/reference/artifacts/manifest-json
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from driftline.engine.errors import ConfigError
from driftline.engine.yaml_file import Complaints, nearest, read_yaml

# What dbt calls the keys of a connection, and what Driftline does; other keys are dbt's own.
# https://docs.getdbt.com/reference/dbt-jinja-functions and the adapters' setup pages
KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "duckdb": {"path": "database", "settings": "settings"},
    "postgres": {
        "host": "host", "port": "port", "user": "user", "password": "password", "pass": "password",
        "dbname": "database", "database": "database", "schema": "schema", "role": "role",
        "sslmode": "sslmode", "sslrootcert": "sslrootcert", "sslcert": "sslcert", "sslkey": "sslkey",
        "connect_timeout": "connect_timeout",
    },
    "redshift": {
        "host": "host", "port": "port", "user": "user", "password": "password", "pass": "password",
        "dbname": "database", "database": "database", "schema": "schema", "sslmode": "sslmode",
        "connect_timeout": "connect_timeout",
    },
    "spark": {},
    "databricks": {
        "host": "host", "http_path": "http_path", "token": "token", "catalog": "catalog",
        "schema": "schema",
    },
    "clickhouse": {
        "host": "host", "port": "port", "user": "user", "password": "password",
        "schema": "database", "secure": "secure", "verify": "verify",
    },
    "snowflake": {
        "account": "account", "user": "user", "password": "password", "role": "role",
        "warehouse": "warehouse", "database": "database", "schema": "schema",
        "authenticator": "authenticator", "private_key_path": "private_key_path", "token": "token",
        "private_key_passphrase": "private_key_passphrase",
    },
    "bigquery": {
        "project": "project", "database": "project", "dataset": "dataset", "schema": "dataset",
        "keyfile": "keyfile", "location": "location", "maximum_bytes_billed": "maximum_bytes_billed",
    },
    "trino": {
        "host": "host", "port": "port", "user": "user", "password": "password",
        "database": "catalog", "schema": "schema", "jwt_token": "token",
    },
}  # fmt: skip
PROJECT_FILE: Final = "dbt_project.yml"
PROFILES_FILE: Final = "profiles.yml"
# Nodes of a manifest that are tables.
_TABLES: Final = ("model", "seed", "snapshot")


@dataclass(frozen=True)
class DbtProject:
    """A dbt project as it lies on disk; its files are read when they are asked.

    Attributes:
        folder: Where `dbt_project.yml` is, or would be.
        environ: What `env_var` reads.
    """

    folder: Path
    environ: Mapping[str, str]

    @classmethod
    def beside(cls, root: Path, environ: Mapping[str, str]) -> DbtProject:
        """The project that `DBT_PROJECT_DIR` names, else that of a folder or of one above it."""
        named = environ.get("DBT_PROJECT_DIR")
        if named:
            return cls(Path(os.path.normpath(root / named)), environ)
        above = (folder for folder in (root, *root.parents) if (folder / PROJECT_FILE).is_file())
        return cls(next(above, root), environ)

    @cached_property
    def said(self) -> Mapping[str, Any]:
        """What `dbt_project.yml` says; nothing where there is none.

        Raises:
            ConfigError: When it cannot be read.
        """
        file = self.folder / PROJECT_FILE
        return _read(file) if file.is_file() else {}

    def connection(self, profile: str | None, target: str | None) -> dict[str, object]:
        """The keys of a `connection`, from an output of a profile.

        Args:
            profile: Name of the profile; None takes the project's.
            target: Name of the output; None takes the profile's own target.

        Raises:
            ConfigError: When there is no such profile or output, or it is of no kind that is known.
        """
        file = self._profiles()
        told = _read(file)

        def filled(value: object) -> object:
            return _rendered(value, self.environ, str(file))

        named = profile or filled(self.said.get("profile"))
        names = [name for name in told if name != "config"]
        if named is None and len(names) == 1:
            (named,) = names
        if named not in names:
            wanted = "says none" if named is None else f"has no profile '{named}'"
            raise ConfigError(f"{file} {wanted}; it has {', '.join(names) or 'none'}")
        found = told[named]
        outputs = found.get("outputs") if isinstance(found, dict) else None
        if not isinstance(outputs, dict) or not outputs:
            raise ConfigError(f"{file}: profile {named} has no outputs")
        chosen = target or filled(found.get("target")) or "default"
        output = filled(outputs.get(chosen))
        if not isinstance(output, dict):
            raise ConfigError(
                f"{file}: profile {named} has no output '{chosen}'; it has {', '.join(outputs)}"
            )
        kind = str(output.get("type"))
        if kind not in KEYS:
            raise ConfigError(
                f"{file}: output {chosen} of profile {named} is of type '{kind}';"
                f" Driftline reads {', '.join(KEYS)}"
            )
        keys = {
            ours: output[theirs]
            for theirs, ours in KEYS[kind].items()
            if output.get(theirs) is not None
        }
        if kind == "duckdb":
            keys |= _duckdb_keys(output, self.folder)
        return {"type": kind, **keys}

    def _profiles(self) -> Path:
        """The profiles file that dbt would read."""
        named = self.environ.get("DBT_PROFILES_DIR")
        home = Path(self.environ.get("HOME") or Path.home()) / ".dbt"
        folders = [self.folder / named] if named else [self.folder, home]
        for folder in folders:
            if (folder / PROFILES_FILE).is_file():
                return folder / PROFILES_FILE
        places = " or ".join(str(folder) for folder in folders)
        raise ConfigError(
            f"there is no {PROFILES_FILE} in {places}; set DBT_PROFILES_DIR to its folder"
        )

    def table(self, name: str) -> tuple[str, ...]:
        """The parts of the name of a model's table.

        Args:
            name: `model`, `package.model`, or `source.table` of a source that dbt reads.

        Raises:
            ConfigError: When the manifest is missing, or does not say where one such model is.
        """
        nodes, file = self._manifest
        found = {
            identity: node
            for identity, node in nodes.items()
            if name in (node["name"], f"{node['package_name']}.{node['name']}")
            or (
                node["resource_type"] == "source"
                and name == f"{node['source_name']}.{node['name']}"
            )
        }
        models = {key: node for key, node in found.items() if node["resource_type"] != "source"}
        # a bare name is a model's before it is a source's
        found = models or found
        if not found:
            names = [node["name"] for node in nodes.values()]
            raise ConfigError(
                f"{file} has no model called '{name}'"
                f"{nearest(name, names) or '; `dbt compile` writes new ones to it'}"
            )
        if len(found) > 1:
            raise ConfigError(
                f"{file} has several models called '{name}': {', '.join(sorted(found))};"
                " write package.model"
            )
        (node,) = found.values()
        if (node.get("config") or {}).get("materialized") == "ephemeral":
            raise ConfigError(
                f"dbt model {name} is ephemeral: it has no table; materialize it as a view or table"
            )
        alias = node.get("alias") or node.get("identifier") or node["name"]
        parts = (node.get("database"), node.get("schema"), alias)
        return tuple(part for part in parts if part)

    @cached_property
    def _manifest(self) -> tuple[Mapping[str, Mapping[str, Any]], Path]:
        folder = self.environ.get("DBT_TARGET_PATH") or self.said.get("target-path") or "target"
        file = self.folder / str(folder) / "manifest.json"
        try:
            told = json.loads(file.read_text("utf-8"))
            nodes = {**told["nodes"], **told.get("sources", {})}
            tables = {
                key: node
                for key, node in nodes.items()
                if node["resource_type"] in (*_TABLES, "source")
            }
        except FileNotFoundError:
            raise ConfigError(f"there is no {file}; `dbt compile` and `dbt run` write it") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{file} is no manifest of dbt: {error}") from error
        return tables, file


def _duckdb_keys(output: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Keys of a DuckDB connection whose form differs."""
    keys: dict[str, object] = {}
    database = output.get("path")
    if isinstance(database, str) and not database.startswith((":memory:", "md:", "motherduck:")):
        # dbt resolves it from where it is run, which is its project
        keys["database"] = os.path.normpath(folder / Path(database).expanduser())
    if output.get("extensions"):
        keys["extensions"] = [
            f"{each['name']} from {each['repo']}" if isinstance(each, dict) else each
            for each in output["extensions"]
        ]
    if isinstance(output.get("secrets"), list):
        keys["secrets"] = {
            str(each.get("name", f"dbt_{number}")): {
                name: value for name, value in each.items() if name != "name"
            }
            for number, each in enumerate(output["secrets"])
        }
    return keys


def _read(file: Path) -> Mapping[str, Any]:
    """A YAML file of dbt's, its templates as they are.

    Raises:
        ConfigError: When it cannot be read.
    """
    # what Driftline would complain of in a file of its own is dbt's business
    root = read_yaml(file, str(file), Complaints()).root
    if not isinstance(root, dict):
        raise ConfigError(f"{file} is not a map")
    return root


def _rendered(value: object, environ: Mapping[str, str], where: str) -> object:
    """A value of dbt's with its templates filled in, which may ask for variables of the environment.

    Raises:
        ConfigError: When a template asks for a variable that is not set, or for anything else.
    """
    if isinstance(value, dict):
        return {key: _rendered(each, environ, where) for key, each in value.items()}
    if isinstance(value, list):
        return [_rendered(each, environ, where) for each in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.nativetypes import NativeEnvironment
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def env_var(name: str, default: str | None = None) -> str:
        found = environ.get(name, default)
        if found is None:
            raise ConfigError(f"{where}: the environment variable {name} is not set")
        return found

    native = _NATIVE.search(value) is not None

    class Door(ImmutableSandboxedEnvironment, NativeEnvironment):
        """dbt's values are texts unless one asks for its own type."""

    environment = (Door if native else ImmutableSandboxedEnvironment)(undefined=StrictUndefined)
    environment.globals = {"env_var": env_var}
    environment.filters |= {
        "as_number": lambda text: float(text) if "." in text else int(text),
        "as_bool": lambda text: str(text).lower() == "true",
        "as_native": lambda text: text,
        "as_text": str,
    }
    try:
        return environment.from_string(value).render()
    except (TemplateError, ValueError) as error:
        raise ConfigError(f"{where}: cannot fill in {value!r}: {error}") from error


_NATIVE: Final = re.compile(r"\|\s*(as_number|as_bool|as_native|int|float)\b")
