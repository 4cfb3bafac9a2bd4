"""What sessions behind a vendor's Python driver share: how tables are named, asked about and refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from driftline.engine.dialects import spelled
from driftline.engine.errors import SourceError, StatementError, WarehouseError
from driftline.engine.interpolate import mask
from driftline.engine.project import Source
from driftline.engine.warehouses.base import Column, Keeps, Kind, kind_in, lost

if TYPE_CHECKING:
    import pyarrow as pa


class Driven(ABC):
    """A session of an engine that has tables and no files, behind its vendor's driver.

    Statements run one by one and see the newest rows: these engines have no transaction that reads one
    state of all tables.

    Attributes:
        name: What messages call the engine.
        keys: Of a connection, those to check when it cannot be reached.
        secrets: Of a connection, those that no message may hold.
        example: The name of a table as the engine's users write it.
        kinds: Patterns of the engine's names of types, and their kinds; other types are `other`.
        hints: What to do about an error, by `_code`.
    """

    dialect: ClassVar[str]
    name: ClassVar[str]
    keys: ClassVar[str]
    secrets: ClassVar[tuple[str, ...]] = ("password", "token")
    example: ClassVar[str]
    kinds: ClassVar[tuple[tuple[str, Kind], ...]]
    hints: ClassVar[Mapping[object, str]]
    keeps_bounds: ClassVar = False
    # a temporary table needs a schema that may be written to
    keeps_rows: ClassVar = False
    keeps: ClassVar[Keeps | None] = None
    draws: ClassVar[str] = ""
    most_cells: ClassVar[int | None] = None
    ranks_nan: ClassVar = False

    def __init__(self, options: Mapping[str, object]) -> None:
        """Connect.

        Args:
            options: Keys of a `connection` of its type.

        Raises:
            WarehouseError: When the driver is missing, the engine cannot be reached or refuses.
        """
        self._options = options
        self._secrets = frozenset(str(options[key]) for key in self.secrets if key in options)
        self._errors = self._driver()
        try:
            self._session: Any = self._connect()
        except self._errors as error:
            raise WarehouseError(
                f"cannot connect to {self.name}: {self._masked(error)}",
                hint=f"check the keys of connection: {self.keys}",
            ) from error

    @abstractmethod
    def _driver(self) -> tuple[type[Exception], ...]:
        """What the driver raises.

        Raises:
            WarehouseError: When it is not installed.
        """

    @abstractmethod
    def _connect(self) -> Any:
        """Open a session, and have it answer once."""

    @abstractmethod
    def _answer(self, sql: str) -> pa.Table:
        """Run one SELECT; Ctrl-C ends it."""

    @abstractmethod
    def _described(self, relation: str) -> list[tuple[str, str]]:
        """Names and types of the columns of what stands after FROM, without reading its rows."""

    @abstractmethod
    def _said(self, error: Exception) -> str:
        """What an error says, without what only the vendor's support can use."""

    @abstractmethod
    def _code(self, error: Exception) -> object:
        """What `hints` are found by."""

    @abstractmethod
    def _is_lost(self, error: Exception) -> bool:
        """Whether an error means that no statement will do better."""

    @classmethod
    def column(cls, name: str, native: str) -> Column:
        return Column(name, native, kind_in(cls.kinds, native))

    def columns(self, source: Source) -> tuple[Column, ...]:
        relation = self.relation(source)
        try:
            told = self._described(relation)
        except self._errors as error:
            found = self._refused(error, f"select * from {relation}")
            if not isinstance(found, StatementError):
                raise found from error
            raise SourceError(
                f"cannot read {source.written}: {self._masked(error)}",
                hint=found.hint or "check its name, and that the connection may read it",
            ) from error
        return tuple(self.column(name, native) for name, native in told)

    def relation(self, source: Source) -> str:
        if source.files:
            raise SourceError(
                f"{source.written} is a file, and the connection reads tables of {self.name}",
                hint=f"give a table, as in {self.example}, or a query",
            )
        return spelled(source, self.dialect)

    def fingerprint(self, source: Source) -> str | None:
        # nobody tells for sure without reading the rows
        del source
        return None

    def fetch(self, sql: str) -> pa.Table:
        try:
            return self._answer(sql)
        except self._errors as error:
            raise self._refused(error, sql) from error

    def execute(self, sql: str) -> None:
        self.fetch(sql)

    def let_go(self) -> None:  # noqa: B027 - who reads keeps nobody from writing
        pass

    def close(self) -> None:
        self._session.close()

    def _refused(self, error: Exception, sql: str) -> WarehouseError:
        """What to raise about a statement."""
        if self._is_lost(error):
            return lost(self.name, self._masked(error), sql)
        return StatementError(
            f"{self.name} refused a statement: {self._masked(error)}",
            sql=sql,
            hint=self.hints.get(self._code(error)),
        )

    def _masked(self, error: Exception) -> str:
        said = " ".join(self._said(error).split())
        return mask(said[:1_000] or type(error).__name__, self._secrets)
