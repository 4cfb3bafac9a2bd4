"""The keys of `driftline.yml`: names, shapes, ranges, and what each is for.

The models say what a file may hold; what it means is resolved elsewhere. They are also the source
of the JSON Schema for editors and of the "did you mean" in complaints.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import Field, Tag, model_validator

from driftline.engine.alert_models import Address, Alerts, Links, Notification, PromFile
from driftline.engine.config_types import (
    BinCount,
    Bounds,
    Count,
    Cron,
    Edges,
    Every,
    Flag,
    Instant,
    Natural,
    Number,
    Offset,
    Part,
    Plain,
    Size,
    Text,
    Texts,
    Zone,
    key,
    shapes,
)
from driftline.engine.signal_models import (
    AlertWhen,
    Features,
    FeatureThresholds,
    Segments,
    Signal,
)

ConnectionType = Literal[
    "duckdb", "postgres", "spark", "databricks", "clickhouse", "snowflake", "bigquery", "redshift",
    "trino",
]  # fmt: skip
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class DbtModel(Part):
    """A model of the connection's dbt project."""

    dbt_model: Text = key("Name of the dbt model", ...)


Table = Annotated[
    Annotated[Text, Tag("<text>")]
    | Annotated[Texts, Tag("<list>")]
    | Annotated[DbtModel, Tag("<map>")],
    shapes("a source name, a file or glob, a table, or a list of a table's parts"),
]


class Dbt(Part):
    """Which of dbt's connections to take."""

    profile: Text | None = key("dbt profile")
    target: Text | None = key("dbt target")


class FileOptions(Part):
    """How files are read."""

    union_by_name: Flag | None = key("Files of one table may have different columns")
    hive_partitioning: Flag | None = key(
        "Folders named key=value are columns; found out when omitted"
    )


class DuckDBConnection(Part):
    """DuckDB over files, or over a database file."""

    # Every type is known here, so that a misspelt one is told all of them.
    type: ConnectionType = key("Kind of warehouse", "duckdb", json_schema_extra={"const": "duckdb"})
    database: Text = key("A database file, or :memory:", ":memory:")
    read_only: Flag = key("Open the database file without writing to it", False)
    settings: dict[str, Plain] = key("DuckDB settings, such as memory_limit and threads", {})
    extensions: list[Text] = key("Extensions to load, each as `name` or `name from repository`", [])
    secrets: dict[str, dict[str, Plain]] = key(
        "DuckDB secrets by name, each with its type and what that needs", {}
    )
    files: FileOptions | None = key("How files are read")
    dbt: Dbt | None = key("Take the connection from dbt")


class PostgresConnection(Part):
    """A PostgreSQL server. What is omitted libpq takes from its own variables and files."""

    type: Literal["postgres"] = key("Kind of warehouse", ...)
    uri: Text | None = key("All of how to connect, as postgresql://user@host:port/database")
    host: Text | None = key("Host name, address, or folder of the socket")
    port: Count | None = key("Port")
    database: Text | None = key("Name of the database")
    user: Text | None = key("Name to connect as")
    password: Text | None = key("Password; give a variable, as in ${PG_PASSWORD}")
    schema_: Text | None = key("Schema of tables that are named without one", alias="schema")
    role: Text | None = key("Role to read as")
    sslmode: SslMode | None = key("How the connection is encrypted and the server known")
    sslrootcert: Text | None = key("File of the certificates that servers are known by")
    sslcert: Text | None = key("File of the client's certificate")
    sslkey: Text | None = key("File of the client's key")
    connect_timeout: Count | None = key("Seconds to wait for a connection; 10 when omitted")
    statement_timeout: Count | None = key("Seconds a statement may take; the server's own limit")
    dbt: Dbt | None = key("Take the connection from dbt")

    @model_validator(mode="after")
    def _one_way(self) -> PostgresConnection:
        return _uri_or_parts(self)


# Keys of a PostgreSQL connection that a URI says, too.
PARTS_OF_URI: Final = (
    "host", "port", "database", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey",
)  # fmt: skip


OnePlace = TypeVar("OnePlace", "PostgresConnection", "RedshiftConnection")


def _uri_or_parts(given: OnePlace) -> OnePlace:
    parts = {*PARTS_OF_URI, "connect_timeout"} & {*given.model_fields_set}
    if given.uri is not None and parts:
        raise ValueError(f"give either `uri` or {', '.join(sorted(parts))}")
    return given


class ClickHouseConnection(Part):
    """A ClickHouse server, or its engine in this process over a folder."""

    type: Literal["clickhouse"] = key("Kind of warehouse", ...)
    host: Text | None = key("Host name or address; localhost when omitted")
    port: Count | None = key("Port of HTTP; 8443 where secure, else 8123")
    database: Text | None = key("Database of tables that are named without one")
    user: Text | None = key("Name to connect as; default when omitted")
    password: Text | None = key("Password; give a variable, as in ${CLICKHOUSE_PASSWORD}")
    secure: Flag | None = key("Whether the connection is encrypted")
    verify: Flag | None = key("Whether the server's certificate is checked; it is when omitted")
    ca_cert: Text | None = key("File of the certificates that servers are known by")
    connect_timeout: Count | None = key("Seconds to wait for a connection; 10 when omitted")
    statement_timeout: Count | None = key("Seconds a statement may take; the server's own limit")
    path: Text | None = key("Folder of tables that the engine reads in this process: no server")
    dbt: Dbt | None = key("Take the connection from dbt")

    @model_validator(mode="after")
    def _one_place(self) -> ClickHouseConnection:
        parts = {*self.model_fields_set} - {"type", "path", "database", "statement_timeout", "dbt"}
        if self.path is not None and parts:
            raise ValueError(f"give either `path` or {', '.join(sorted(parts))}")
        return self


class SparkConnection(Part):
    """Apache Spark: in this process, on a cluster, or behind a Spark Connect server."""

    type: Literal["spark"] = key("Kind of warehouse", ...)
    master: Text | None = key("Where Spark runs: local[2], spark://host:7077, yarn, k8s://…")
    remote: Text | None = key("Address of a Spark Connect server: sc://host:15002")
    app_name: Text | None = key("What the cluster calls the run; driftline when omitted")
    conf: dict[str, Plain] | None = key("Spark's own settings, such as spark.executor.memory")
    catalog: Text | None = key("Catalog of tables that are named without one")
    schema_: Text | None = key("Schema of tables that are named without one", alias="schema")
    statement_timeout: Count | None = key("Seconds a statement may take; no limit when omitted")
    dbt: Dbt | None = key("Take the connection from dbt")

    @model_validator(mode="after")
    def _one_way(self) -> SparkConnection:
        if self.remote is not None and self.master is not None:
            raise ValueError("give either `master` or `remote`")
        return self


class DatabricksConnection(Part):
    """A SQL warehouse or a cluster of Databricks, by Databricks' SQL connector."""

    type: Literal["databricks"] = key("Kind of warehouse", ...)
    host: Text | None = key("Server hostname, as in adb-1234.5.azuredatabricks.net")
    http_path: Text | None = key("HTTP path of the SQL warehouse or cluster")
    token: Text | None = key("Access token; give a variable, as in ${DATABRICKS_TOKEN}")
    auth_type: Text | None = key("How to sign in without a token, such as databricks-oauth")
    conf: dict[str, Plain] | None = key("Settings of the session, such as ansi_mode")
    catalog: Text | None = key("Catalog of tables that are named without one")
    schema_: Text | None = key("Schema of tables that are named without one", alias="schema")
    statement_timeout: Count | None = key("Seconds a statement may take; the warehouse's own limit")
    dbt: Dbt | None = key("Take the connection from dbt")

    @model_validator(mode="after")
    def _somewhere(self) -> DatabricksConnection:
        if self.dbt is None and (self.host is None or self.http_path is None):
            raise ValueError("a connection of type databricks needs host and http_path")
        return self


class SnowflakeConnection(Part):
    """An account of Snowflake's."""

    type: Literal["snowflake"] = key("Kind of warehouse", ...)
    account: Text | None = key("Identifier of the account, as in myorg-account123")
    user: Text | None = key("Name to connect as")
    password: Text | None = key("Password; give a variable, as in ${SNOWFLAKE_PASSWORD}")
    private_key_path: Text | None = key("File of the user's private key")
    private_key_passphrase: Text | None = key("What opens that file; give a variable")
    authenticator: Text | None = key("How to sign in, as in externalbrowser or oauth")
    token: Text | None = key("Token of such a way to sign in; give a variable")
    role: Text | None = key("Role to read as")
    warehouse: Text | None = key("Warehouse that computes")
    database: Text | None = key("Database of tables that are named without one")
    schema_: Text | None = key("Schema of tables that are named without one", alias="schema")
    statement_timeout: Count | None = key("Seconds a statement may take; the account's own limit")
    dbt: Dbt | None = key("Take the connection from dbt")


class BigQueryConnection(Part):
    """A Google Cloud project. Without a keyfile, Google's own ways to sign in are tried."""

    type: Literal["bigquery"] = key("Kind of warehouse", ...)
    project: Text | None = key("Project that pays, and of tables that are named without one")
    dataset: Text | None = key("Dataset of tables that are named without one")
    location: Text | None = key("Where statements run, as in EU; that of the tables when omitted")
    keyfile: Text | None = key("File of a service account's key")
    maximum_bytes_billed: Count | None = key("Bytes a statement may bill; the project's own limit")
    statement_timeout: Count | None = key("Seconds a statement may take; no limit when omitted")
    endpoint: Text | None = key("URL of a stand-in for Google's service, which asks for no key")
    dbt: Dbt | None = key("Take the connection from dbt")


class RedshiftConnection(Part):
    """A Redshift cluster or workgroup. What is omitted libpq takes from its own variables and files."""

    type: Literal["redshift"] = key("Kind of warehouse", ...)
    uri: Text | None = key("All of how to connect, as postgresql://user@host:5439/database")
    host: Text | None = key("Host name of the endpoint")
    port: Count | None = key("Port; 5439 when omitted")
    database: Text | None = key("Name of the database")
    user: Text | None = key("Name to connect as")
    password: Text | None = key("Password; give a variable, as in ${REDSHIFT_PASSWORD}")
    schema_: Text | None = key("Schema of tables that are named without one", alias="schema")
    sslmode: SslMode | None = key("How the connection is encrypted and the server known")
    sslrootcert: Text | None = key("File of the certificates that servers are known by")
    connect_timeout: Count | None = key("Seconds to wait for a connection; 10 when omitted")
    statement_timeout: Count | None = key("Seconds a statement may take; the cluster's own limit")
    dbt: Dbt | None = key("Take the connection from dbt")

    @model_validator(mode="after")
    def _one_way(self) -> RedshiftConnection:
        return _uri_or_parts(self)


class TrinoConnection(Part):
    """A Trino cluster, or a service that speaks its protocol."""

    type: Literal["trino"] = key("Kind of warehouse", ...)
    host: Text | None = key("Host name or address of the coordinator")
    port: Count | None = key("Port; 443 where secure, else 8080")
    user: Text | None = key("Name to connect as; driftline when omitted")
    password: Text | None = key("Password; give a variable, as in ${TRINO_PASSWORD}")
    token: Text | None = key("Token instead of a password; give a variable")
    secure: Flag | None = key("Whether HTTPS is spoken; it is where a password or token is given")
    verify: Flag | None = key("Whether the server's certificate is checked; it is when omitted")
    ca_cert: Text | None = key("File of the certificates that servers are known by")
    role: Text | None = key("Role to read as")
    catalog: Text | None = key("Catalog of tables that are named without one")
    schema_: Text | None = key("Schema of tables that are named without one", alias="schema")
    session: dict[str, Plain] | None = key("Session properties, such as query_max_memory")
    connect_timeout: Count | None = key("Seconds to wait for an answer; 30 when omitted")
    statement_timeout: Count | None = key("Seconds a statement may take; the cluster's own limit")
    dbt: Dbt | None = key("Take the connection from dbt")

    @model_validator(mode="after")
    def _somewhere(self) -> TrinoConnection:
        if self.dbt is None and self.host is None:
            raise ValueError("a connection of type trino needs a host")
        return self


def _by_connection(value: object) -> str | None:
    if not isinstance(value, dict):
        return None
    kind = value.get("type", "duckdb")
    # of DuckDB's all types are known
    return f"<{kind}>" if kind in get_args(ConnectionType) else "<duckdb>"


Connection = Annotated[
    Annotated[DuckDBConnection, Tag("<duckdb>")]
    | Annotated[PostgresConnection, Tag("<postgres>")]
    | Annotated[ClickHouseConnection, Tag("<clickhouse>")]
    | Annotated[SparkConnection, Tag("<spark>")]
    | Annotated[DatabricksConnection, Tag("<databricks>")]
    | Annotated[SnowflakeConnection, Tag("<snowflake>")]
    | Annotated[BigQueryConnection, Tag("<bigquery>")]
    | Annotated[RedshiftConnection, Tag("<redshift>")]
    | Annotated[TrinoConnection, Tag("<trino>")],
    shapes("a map with a type", _by_connection),
]


class Results(Part):
    """Where the result tables live: a DuckDB file, or the connection itself."""

    to: Text | None = key("A DuckDB file")
    connection: Literal["same"] | None = key("Write the tables through the connection")
    schema_: Text | None = key("Schema of the tables in the connection", alias="schema")

    @model_validator(mode="after")
    def _one_place(self) -> Results:
        if self.to is not None and self.connection is not None:
            raise ValueError("give either `to` or `connection`")
        if self.schema_ is not None and self.connection is None:
            raise ValueError("`schema` belongs to `connection: same`")
        return self


class Publish(Part):
    """Where the results go after every run, for others to read."""

    duckdb: Text | None = key("A DuckDB file, which BI tools may hold open")
    parquet: Text | None = key("A folder for Parquet files")
    prometheus: PromFile | None = key("A text file of the latest values, for Prometheus")
    otlp: Address | None = key("An OpenTelemetry collector that gets the latest values")


class Target(Part):
    """What is different in one environment."""

    connection: Connection | None = key("How to reach the tables")
    sources: dict[str, Table] | None = key("Names for tables; the others keep their meaning")
    results: Results | None = key("Where the result tables live")
    publish: Publish | None = key("Copies for BI tools")
    notifications: list[Notification] | None = key("Whom to tell")


class Model(Part):
    """The model being watched."""

    name: Text | None = key("Name of the model")
    version: Text | None = key("Version, in quotes when it is a number")
    task: Literal["classification", "regression"] | None = key("What the model does")


class Schedule(Part):
    """A repeating distance, counted on the clock and calendar of the monitor's time zone."""

    every: Every = key("Distance between runs", ...)


class Window(Part):
    """A rolling window [at - offset - size, at - offset), or a fixed one [start, end)."""

    size: Size | None = key("Length of a rolling window")
    offset: Offset | None = key("How far before `at` a rolling window ends")
    start: Instant | None = key("First moment of a fixed window")
    end: Instant | None = key("First moment after a fixed window")

    @model_validator(mode="after")
    def _one_form(self) -> Window:
        fixed = (self.start, self.end)
        if (self.size or self.offset) and any(fixed):
            raise ValueError("give either size and offset, or start and end")
        if self.size is None and not all(fixed):
            raise ValueError("a window needs a size, or both start and end")
        return self


class Rows(Part):
    """Where rows come from."""

    table: Table | None = key("Source name, file or glob, table, or a list of a table's parts")
    query: Text | None = key("A SELECT in the connection's own dialect")
    timestamp: Text | None = key("Timestamp or date column; needed when there is a window")
    window: Window | None = key("Which rows by time; all when omitted")
    filter: Text | None = key("A DuckDB expression; rows where it is true count")

    @model_validator(mode="after")
    def _one_source(self) -> Rows:
        if self.table is not None and self.query is not None:
            raise ValueError("give either table or query")
        return self


class Production(Rows):
    """The rows being scored."""

    allow_empty: Flag = key("Whether a window without rows is as it should be", False)

    @model_validator(mode="after")
    def _somewhere(self) -> Production:
        if self.table is None and self.query is None:
            raise ValueError("production needs a table or a query")
        return self


class Reference(Rows):
    """The rows production is compared with; without table or query, other rows of production's."""

    frozen: Flag = key(
        "Its rows stay as they are: count them once and keep what they amount to", False
    )
    in_control: Size | None = key(
        "How far back from its end windows tell how they differ, where its own are too few"
    )
    same: Size | None = key("Seasonal: the same window, this long before")
    cycles: Count | None = key("Seasonal: how many such windows")

    @model_validator(mode="after")
    def _seasons(self) -> Reference:
        if self.cycles is not None and self.same is None:
            raise ValueError("cycles belongs to `same`")
        if self.same is not None and (self.window is not None or self.table or self.query):
            raise ValueError("`same` takes production's rows and window: give nothing else")
        return self


class Join(Part):
    """Another table, left-joined."""

    name: Text = key("Name in the results", ...)
    table: Table = key("The other table", ...)
    on: dict[Text, Text] = key("Production's column to the other's", ..., min_length=1)
    timestamp: Text | None = key("Tells which of several rows of a key is the newest")
    delay: Offset | None = key("How much later its rows arrive")


class Columns(Part):
    """Columns with a job other than being a feature."""

    correlation_id: Text | None = key("Identifies a row")
    prediction: Text | None = key("The model's prediction")
    score: (
        Annotated[
            Annotated[Text, Tag("<text>")] | Annotated[dict[str, Text], Tag("<map>")],
            shapes("a column, or a map from class to column"),
        ]
        | None
    ) = key("The model's score, or one column for each class")
    positive_class: Plain | None = key("The class a single score is about")
    actual: Text | None = key("What really happened")
    cut_off: (
        Annotated[
            Annotated[Number, Tag("<number>")] | Annotated[Text, Tag("<text>")],
            shapes("a number, or a DuckDB expression"),
        ]
        | None
    ) = key("Score from which on the prediction is positive")
    expected_error: Text | None = key("The error the model expects of itself")
    types: dict[str, Text] = key("SQL types of columns, for compiling without data", {})


class FeatureBins(Part):
    """How one numerical feature is cut; what is omitted is as in the monitor's bins."""

    rule: Literal["quantile", "equal_width", "edges"] | None = key("How the edges are chosen")
    count: BinCount | None = key("How many bins quantile and equal_width make")
    edges: Edges | None = key("The edges themselves, ascending")

    @model_validator(mode="after")
    def _edges_and_rule(self) -> FeatureBins:
        if self.edges is not None and self.rule not in (None, "edges"):
            raise ValueError(f"edges do not go with rule: {self.rule}")
        if self.edges is None and self.rule == "edges":
            raise ValueError("rule: edges needs the edges")
        return self


class Bins(FeatureBins):
    """How features are binned."""

    max_categories: Count = key("Categories kept apart; the rest is one bin", 1000)


class FeatureSettings(Part):
    """Everything particular to one feature."""

    type: Literal["numerical", "categorical"] | None = key("Feature type, instead of the derived")
    bins: FeatureBins | None = key("How it is cut")
    bounds: Bounds | None = key("Lowest and highest value in bounds")
    values: Annotated[list[Plain], Field(min_length=1)] | None = key("Values in bounds")
    thresholds: FeatureThresholds | None = key("Thresholds for this feature, by metric")

    @model_validator(mode="after")
    def _one_type(self) -> FeatureSettings:
        if self.bounds is not None and self.values is not None:
            raise ValueError("bounds are for numerical features, values for categorical: give one")
        if self.type == "categorical" and (self.bounds is not None or self.bins is not None):
            raise ValueError("bounds and bins are for numerical features")
        if self.type == "numerical" and self.values is not None:
            raise ValueError("values are for categorical features")
        return self


class Monitor(Part):
    """One model's monitor."""

    name: Text = key("Name of the monitor, unique in the project", ...)
    model: Model | None = key("The model being watched")
    tags: list[Text] = key("Words to select monitors by", [])
    owner: Text | None = key("Who looks after it")
    description: Text | None = key("What it is about")
    time_zone: Zone = key("Time zone that windows align to", "UTC")
    schedule: (
        Annotated[
            Annotated[Cron, Tag("<text>")] | Annotated[Schedule, Tag("<map>")],
            shapes("a cron expression or {every: P1D}"),
        ]
        | None
    ) = key("When it runs")
    production: Production = key("The rows being scored", ...)
    reference: Reference | None = key("The only reference; its name is `reference`")
    references: dict[str, Reference] | None = key("References by name; the first is primary")
    join: list[Join] | None = key("Other tables to join")
    columns: Columns = key("Columns with a role", Columns.model_construct())
    features: Features | None = key("Which columns are features; all when omitted")
    settings: dict[str, FeatureSettings] = key("What is particular to single features", {})
    segments: Segments | None = key("Groups to measure by themselves")
    max_segments: Count | None = key("Segments kept apart for each entry")
    bins: Bins = key("How features are binned", Bins.model_construct())
    min_rows: Natural = key(
        "Rows a side needs before it is judged; 0 under conventions: azure", 100
    )
    exact: Literal["always", "when_it_matters", "never"] = key("When values are exact", "always")
    conventions: Literal["driftline", "azure"] = key("Whose definitions apply", "driftline")
    overdispersion: Flag = key(
        "Whether p and intervals are widened where a reference's windows differ more than by chance",
        True,
    )
    alert_when: AlertWhen | None = key("What makes a value beyond its threshold a breach")
    signals: dict[str, Signal] | None = key("What is watched", min_length=1)
    alerts: Alerts | None = key("When incidents open, and who hears of it")
    links: Links | None = key("Addresses that messages carry")
    reprocess: Size | None = key("How far back windows are computed again")
    max_catch_up: Size | None = key("How far back missed windows are caught up")
    catch_up: Flag | None = key("Whether missed windows are caught up")


class ProjectFile(Part):
    """A whole project file."""

    version: Literal[1] = key("Version of the format", 1)
    include: Texts | None = key("Files that hold one monitor or a list of them")
    defaults: dict[str, Any] | None = key("Monitor keys, merged under every monitor")
    connection: Connection | None = key("How to reach the tables; DuckDB over files when omitted")
    sources: dict[str, Table] | None = key("Names for tables")
    results: Results | None = key("Where the result tables live")
    publish: Publish | None = key("Copies for BI tools")
    targets: dict[str, Target] | None = key("Environments, chosen with --target")
    notifications: list[Notification] | None = key("Whom to tell")
    monitors: list[Monitor] = key("The monitors", [])
