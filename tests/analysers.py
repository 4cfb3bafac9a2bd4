"""What stands for engines that no machine can install: would they take a statement, and what of it.

BigQuery's own analyser and reference evaluator, ZetaSQL, answers queries by the rules of GoogleSQL.
fakesnow answers those of Snowflake, but it is DuckDB underneath. Of the others there are grammars alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

import pyarrow as pa

from driftline.engine.sqltext import quoted

Row = dict[str, Any]
EPOCH: Final = date(1970, 1, 1)


def _zetasql() -> Any:
    """ZetaSQL, compiled once a machine, which takes a minute of processor time."""
    import wasmtime
    from zetasql.core import ZetaSqlLocalService

    def config() -> Any:
        made = wasmtime.Config()
        made.cache = True
        return made

    with patch("zetasql.core.wasm_client.Config", config):
        return ZetaSqlLocalService.get_instance()


class BigQuery:
    """ZetaSQL over tables in memory, with the types and the rules that BigQuery shows its users."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        """Load tables, columns of the types that BigQuery has for theirs."""
        from zetasql import types
        from zetasql.api import CatalogBuilder, TableBuilder

        _zetasql()
        self._types = types
        language = types.LanguageOptions.maximum_features()
        language.product_mode = types.ProductMode.PRODUCT_EXTERNAL
        self._options = types.AnalyzerOptions(language_options=language, default_timezone="UTC")
        catalog = CatalogBuilder("rehearsal").with_builtin_functions(
            types.ZetaSQLBuiltinFunctionOptions(language_options=language)
        )
        contents = {}
        for name, table in tables.items():
            made = TableBuilder(name)
            kinds = [self._kind(field.type) for field in table.schema]
            for column, kind in zip(table.column_names, kinds, strict=True):
                made = made.add_column(column, kind)
            catalog = catalog.add_table(made.build())
            columns = [
                [self._cell(value) for value in column.to_pylist()] for column in table.columns
            ]
            rows = [types.TableData.Row(cell=list(cells)) for cells in zip(*columns, strict=True)]
            contents[name] = types.TableContent(table_data=types.TableData(row=rows))
        registered = _zetasql().register_catalog(
            simple_catalog=catalog.build(), table_content=contents
        )
        self._catalog = registered.registered_id

    def _kind(self, type_: pa.DataType) -> Any:
        kinds = self._types.TypeKind
        if pa.types.is_timestamp(type_):
            return kinds.TYPE_TIMESTAMP if type_.tz else kinds.TYPE_DATETIME
        if pa.types.is_decimal(type_):
            return kinds.TYPE_NUMERIC
        return {
            pa.int64(): kinds.TYPE_INT64,
            # there is no shorter one
            **dict.fromkeys((pa.float32(), pa.float64()), kinds.TYPE_DOUBLE),
            pa.string(): kinds.TYPE_STRING,
            pa.bool_(): kinds.TYPE_BOOL,
            pa.date32(): kinds.TYPE_DATE,
        }[type_]

    def _cell(self, value: object) -> Any:
        """A value as ZetaSQL is given it.

        Of a datetime, the fields from the year down to the second are bits of one number.
        """
        types = self._types
        match value:
            case None:
                return types.Value()
            case bool():
                return types.Value(bool_value=value)
            case int():
                return types.Value(int64_value=value)
            case float():
                return types.Value(double_value=value)
            case str():
                return types.Value(string_value=value)
            case Decimal():
                scaled = int(value.scaleb(9))
                size = scaled.bit_length() // 8 + 1
                return types.Value(numeric_value=scaled.to_bytes(size, "little", signed=True))
            case datetime() if value.tzinfo is not None:
                from google.protobuf.timestamp_pb2 import Timestamp

                moment = Timestamp()
                moment.FromDatetime(value)
                return types.Value(timestamp_value=moment)
            case datetime():
                bits = 0
                fields = (
                    value.year,
                    value.month,
                    value.day,
                    value.hour,
                    value.minute,
                    value.second,
                )
                for number, width in zip(fields, (14, 4, 5, 5, 6, 6), strict=True):
                    bits = bits << width | number
                return types.Value(
                    datetime_value=types.Value.Datetime(
                        bit_field_datetime_seconds=bits, nanos=value.microsecond * 1_000
                    )
                )
            case date():
                return types.Value(date_value=(value - EPOCH).days)
        raise TypeError(type(value))

    def rows(self, sql: str) -> list[Row]:
        """What a query gives.

        Raises:
            Exception: ZetaSQL's, where it is refused.
        """
        return self.typed(sql)[1]

    def typed(self, sql: str, *, empty: bool = False) -> tuple[list[tuple[str, str]], list[Row]]:
        """Names and types of a query's columns, and its rows unless it is not to be run.

        Raises:
            Exception: ZetaSQL's, where it is refused.
        """
        from zetasql.api import PreparedQuery

        query = (
            PreparedQuery.builder()
            .set_sql(sql)
            .set_analyzer_options(self._options)
            .set_registered_catalog_id(self._catalog)
            .prepare()
        )
        with query:
            names = [column.name for column in query.columns]
            kinds = [self._named(column.type) for column in query.columns]
            columns = list(zip(names, kinds, strict=True))
            if empty:
                return columns, []
            answer = query.execute()
            # an answer without rows has no table
            rows = answer.content.table_data.row if answer.content.table_data else ()
            return columns, [
                dict(zip(names, map(self._value, row.cell), strict=True)) for row in rows
            ]

    def _named(self, type_: Any) -> str:
        """SQL's word for a type."""
        kind = getattr(type_, "type_kind", None) or type_.kind
        word = self._types.TypeKind(kind).name.removeprefix("TYPE_")
        return {"DOUBLE": "FLOAT64"}.get(word, word)

    @staticmethod
    def _value(cell: Any) -> object:
        """A value as Python has it, of the types that statements are to give."""
        for name in ("int64_value", "double_value", "string_value", "bool_value", "datetime_value"):
            value = getattr(cell, name)
            if value is not None:
                return _moment(value) if name == "datetime_value" else value
        return None


def _moment(value: Any) -> datetime:
    bits, fields = value.bit_field_datetime_seconds, []
    for width in (6, 6, 5, 5, 4):
        fields.append(bits & ((1 << width) - 1))
        bits >>= width
    second, minute, hour, day, month = fields
    return datetime(bits, month, day, hour, minute, second, (value.nanos or 0) // 1_000)


class Snowflake:
    """A session of fakesnow's, with Snowflake's own driver.

    Args:
        connection: A connection of that driver.
        tables: What it is to hold, columns of the types that Snowflake has for theirs.
    """

    def __init__(self, connection: Any, tables: Mapping[str, pa.Table]) -> None:
        self._cursor = connection.cursor()
        inside = connection._duck_conn
        for name, table in tables.items():
            columns = (
                f"{quoted(field.name)} {_of_snowflake(field.type)}" for field in table.schema
            )
            self._cursor.execute(f"create table {quoted(name)} ({', '.join(columns)})")
            inside.register("arrow", table)
            inside.execute(f"insert into {quoted(name)} select * from arrow")
            inside.unregister("arrow")

    def rows(self, sql: str) -> list[Row]:
        """What a query gives.

        Raises:
            Exception: The driver's, where it is refused.
        """
        self._cursor.execute(sql)
        names = [column[0] for column in self._cursor.description]
        return [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]


def word_of(
    type_: pa.DataType, words: Mapping[pa.DataType, str], *, zoned: str, naive: str, decimal: str
) -> str:
    """An engine's word for a type.

    Args:
        type_: The type.
        words: Of types without parameters.
        zoned: For moments.
        naive: For clocks.
        decimal: Of precision and scale, in braces.
    """
    if pa.types.is_timestamp(type_):
        return zoned if type_.tz else naive
    if pa.types.is_decimal(type_):
        return decimal.format(type_.precision, type_.scale)
    return words[type_]


def _of_snowflake(type_: pa.DataType) -> str:
    words = {
        pa.int64(): "bigint",
        **dict.fromkeys((pa.float32(), pa.float64()), "double"),
        pa.string(): "varchar",
        pa.bool_(): "boolean",
        pa.date32(): "date",
    }
    return word_of(
        type_, words, zoned="timestamp_tz", naive="timestamp_ntz", decimal="number({}, {})"
    )


@contextmanager
def snowflake(tables: Mapping[str, pa.Table]) -> Iterator[Snowflake]:
    """A Snowflake that fakesnow plays until the end of the block.

    Where it plays wrongly it is told so: its `trim` forgets what is to be trimmed, and its
    `number(38, 0)` holds 18 digits.
    """
    import fakesnow
    from fakesnow import transforms
    from sqlglot import exp

    narrow = transforms.integer_precision

    def whole(node: exp.Expr) -> exp.Expr:
        return node if node.this == exp.DataType.Type.DECIMAL else narrow(node)

    with (
        patch.object(transforms, "trim_cast_varchar", lambda node: node),
        patch.object(transforms, "integer_precision", whole),
        fakesnow.patch(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        import snowflake.connector

        with snowflake.connector.connect(database="rehearsal", schema="public") as connection:
            yield Snowflake(connection, tables)


def complaints_of_trino(sql: str) -> list[str]:
    """What is wrong with a statement by Trino's grammar, functions and types."""
    from trino_sql_validator import AliasWarning, validate

    found = validate(sql)
    told = [] if found.error is None else [found.error.message]
    # a name that is a word elsewhere is no mistake
    return told + [str(each) for each in found.warnings if not isinstance(each, AliasWarning)]


def complaints_of_grammar(sql: str, dialect: str) -> list[str]:
    """What is wrong with a statement by sqlglot's grammar of a dialect."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, read=dialect)
    except SqlglotError as error:
        return [str(error)]
    return [node.name for node in tree.find_all(exp.Anonymous, exp.Command)]
