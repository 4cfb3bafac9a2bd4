"""What users call to bring over what they have elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from driftline.engine.errors import ConfigError

if TYPE_CHECKING:
    from driftline.engine.import_azure import Imported


def import_azure(
    file: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    source: Mapping[str, str] | Sequence[str] | None = None,
    force: bool = False,
) -> Imported:
    """Turn an Azure ML monitor into a `driftline.yml`, and tell what did not carry over.

    Args:
        file: The monitor's YAML or JSON: what `az ml schedule create` takes, `az ml schedule show`
            prints, or the REST interface answers.
        out: Where to write the project file; None writes nothing.
        source: Where data is: paths, globs or tables by the names of Azure's data assets, as a map or
            as texts `NAME=PATH`. `model_inputs` and `model_outputs` are what the endpoint collected.
        force: Whether to replace a file that is there.

    Returns:
        The project file's text, and a line for each thing that did not carry over, differs, or is to
        be filled in.

    Raises:
        ConfigError: When the file cannot be read or is no monitor, or an argument is wrong.
    """
    from driftline.engine.import_azure import import_azure_file
    from driftline.engine.yaml_file import Complaints, read_yaml

    target = None if out is None else Path(out)
    if target is not None and target.exists() and not force:
        raise ConfigError(
            f"{target} exists already, and is left as it is", hint="add --force to replace it"
        )
    complaints = Complaints()
    path = Path(file)
    read = read_yaml(path, str(path), complaints)
    made = import_azure_file(read, complaints, _sources(source))
    if target is not None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(made.text, "utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {target}: {error.strerror}") from error
    return made


def _sources(given: Mapping[str, str] | Sequence[str] | None) -> dict[str, str]:
    """Paths by name.

    Raises:
        ConfigError: When a text is not NAME=PATH.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(given)
    found: dict[str, str] = {}
    for each in [given] if isinstance(given, str) else given:
        name, _, path = each.partition("=")
        if not name or not path:
            raise ConfigError(
                f"source: '{each}' is not NAME=PATH",
                hint="as in --source 'model_inputs=collected/model_inputs/*.parquet'",
            )
        found[name] = path
    return found
