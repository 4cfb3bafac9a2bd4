"""Driftline: the ML-model monitor that lives in SQL.

Every verb of the command line is a function here, with the same name and options:

    import driftline

    found = driftline.run("driftline.yml", at="2013-07-01")
    found.exit_code, found.metrics, found.to_arrow()

Importing this module is cheap; what a function needs is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from driftline.engine import VERSION
from driftline.engine.errors import (
    ConfigError,
    DriftlineError,
    SourceError,
    StoreError,
    WarehouseError,
)

__version__: Final = VERSION

if TYPE_CHECKING:
    from driftline.engine.alert_verbs import alerts
    from driftline.engine.catalog import Metric
    from driftline.engine.checkup import Checkup
    from driftline.engine.collect import CollectResult, collect
    from driftline.engine.collector import Collector
    from driftline.engine.compile import Compiled
    from driftline.engine.guess import Guess
    from driftline.engine.import_azure import Imported
    from driftline.engine.import_verbs import import_azure
    from driftline.engine.outcome import RunResult
    from driftline.engine.project import Project
    from driftline.engine.results_verbs import (
        check,
        ddl,
        explain,
        ls,
        migrate,
        note,
        prune,
        publish,
        show,
    )
    from driftline.engine.scaffold import Scaffold
    from driftline.engine.schedule_verbs import schedule
    from driftline.engine.stored import Migrated
    from driftline.engine.tune_verbs import tune
    from driftline.engine.tuned import TuneResult
    from driftline.engine.verbs import (
        Validated,
        backfill,
        baseline,
        compare,
        compile,  # noqa: A004 (named like its command)
        debug,
        demo,
        init,
        metrics,
        new_metric,
        run,
        schema,
        validate,
    )

__all__ = [
    "Checkup",
    "CollectResult",
    "Collector",
    "Compiled",
    "ConfigError",
    "DriftlineError",
    "Guess",
    "Imported",
    "Metric",
    "Migrated",
    "Project",
    "RunResult",
    "Scaffold",
    "SourceError",
    "StoreError",
    "TuneResult",
    "Validated",
    "WarehouseError",
    "__version__",
    "alerts",
    "backfill",
    "baseline",
    "check",
    "collect",
    "compare",
    "compile",
    "ddl",
    "debug",
    "demo",
    "explain",
    "import_azure",
    "init",
    "ls",
    "metrics",
    "migrate",
    "new_metric",
    "note",
    "prune",
    "publish",
    "run",
    "schedule",
    "schema",
    "show",
    "tune",
    "validate",
]

_ELSEWHERE: Final = {
    "Checkup": "checkup",
    "CollectResult": "collect",
    "Collector": "collector",
    "Compiled": "compile",
    "Guess": "guess",
    "Imported": "import_azure",
    "Metric": "catalog",
    "Migrated": "stored",
    "Project": "project",
    "RunResult": "outcome",
    "alerts": "alert_verbs",
    "Scaffold": "scaffold",
    "schedule": "schedule_verbs",
    "import_azure": "import_verbs",
    "collect": "collect",
    "TuneResult": "tuned",
    "tune": "tune_verbs",
    **dict.fromkeys(
        ("check", "ddl", "explain", "ls", "migrate", "note", "prune", "publish", "show"),
        "results_verbs",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"driftline.engine.{_ELSEWHERE.get(name, 'verbs')}")
    return globals().setdefault(name, getattr(module, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
