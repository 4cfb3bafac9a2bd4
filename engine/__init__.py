"""The engine room: stages from a project file to result tables, each importing only downward."""

from typing import Final

VERSION: Final = "0.1.0"
