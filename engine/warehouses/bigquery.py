"""BigQuery: tables, views and queries of a Google Cloud project, asked by Google's own client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from driftline.engine.project import Source
from driftline.engine.warehouses.base import About, Column, Keeps, lacking, stoppable
from driftline.engine.warehouses.driven import Driven
from driftline.engine.warehouses.marks import StandardKeeper

if TYPE_CHECKING:
    import pyarrow as pa


# Seconds that a service which does not answer is asked again.
PATIENCE: float = 60.0


class BigQuery(Driven):
    """Statements in a Google Cloud project, each a job of its own."""

    dialect: ClassVar = "bigquery"
    name: ClassVar = "BigQuery"
    keys: ClassVar = "project, keyfile, location"
    secrets: ClassVar = ()
    example: ClassVar = "project.dataset.scored"
    # its transactions take no statement that makes a table, and end when another changes a table of theirs
    # https://cloud.google.com/bigquery/docs/transactions#limitations
    keeps: ClassVar[Keeps | None] = Keeps("marks", made_at_once=False)
    # https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types and the API's names of them
    kinds: ClassVar = (
        (r"int64|(small|tiny|byte|big)?int|integer", "integer"),
        (r"float64|float", "float"),
        (r"(big)?(numeric|decimal)(\(.*\))?", "decimal"),
        (r"string(\(\d+\))?", "text"),
        (r"bool(ean)?", "boolean"),
        (r"date", "date"),
        (r"datetime", "timestamp"),
        (r"timestamp", "timestamptz"),
    )
    # https://cloud.google.com/bigquery/docs/error-messages
    hints: ClassVar = {
        "accessDenied": "ask for the roles BigQuery Data Viewer on the dataset and BigQuery Job User on"
        " the project",
        "notFound": "name its project and dataset, as in project.dataset.scored, or give"
        " connection.dataset; check connection.location",
        "bytesBilledLimitExceeded": "raise connection.maximum_bytes_billed, or look at a shorter window",
        "quotaExceeded": "the project's quota is used up: try again later",
        "rateLimitExceeded": "the project is busy: try again later",
        "stopped": "raise connection.statement_timeout, or look at a shorter window",
        "resourcesExceeded": "look at a shorter window, or at fewer features at a time",
    }

    def _driver(self) -> tuple[type[Exception], ...]:
        try:
            from google.api_core.exceptions import GoogleAPIError
            from google.auth.exceptions import GoogleAuthError
            from google.cloud import bigquery
        except ImportError:
            raise lacking("bigquery", "google-cloud-bigquery") from None
        del bigquery
        return (GoogleAPIError, GoogleAuthError, OSError, ValueError)

    def _connect(self) -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery
        from google.oauth2 import service_account

        told = self._options
        credentials: Any = None
        if "keyfile" in told:
            credentials = service_account.Credentials.from_service_account_file(
                str(told["keyfile"]), scopes=("https://www.googleapis.com/auth/bigquery",)
            )
        elif "endpoint" in told:
            # what stands in for Google on another machine asks nobody who they are
            credentials = AnonymousCredentials()
        client = bigquery.Client(
            project=told.get("project"),
            credentials=credentials,
            location=told.get("location"),
            client_options={"api_endpoint": told["endpoint"]} if "endpoint" in told else None,
        )
        self._tables: set[str] = set()
        self._retry = bigquery.DEFAULT_RETRY.with_timeout(PATIENCE)
        # where jobs are begun again, a service that does not answer is asked for ten minutes
        self._patience = {"retry": self._retry, "job_retry": None}
        client.query("select 1", job_config=self._config(dry=True), **self._patience)
        return client

    def _config(self, *, dry: bool = False) -> Any:
        """How statements are run."""
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(
            dry_run=dry,
            use_legacy_sql=False,
            labels={"tool": "driftline"},
            connection_properties=[bigquery.ConnectionProperty("time_zone", "UTC")],
        )
        told = self._options
        if "dataset" in told:
            project = told.get("project")
            dataset = str(told["dataset"])
            config.default_dataset = f"{project}.{dataset}" if project else dataset
        if "maximum_bytes_billed" in told and not dry:
            config.maximum_bytes_billed = int(str(told["maximum_bytes_billed"]))
        if "statement_timeout" in told and not dry:
            config.job_timeout_ms = int(str(told["statement_timeout"])) * 1_000
        return config

    def about(self) -> About:
        (row,) = self.fetch("select session_user() as person, @@time_zone as time_zone").to_pylist()
        place = f"bigquery as {row['person']}, project {self._session.project}"
        more = (f"location {self._session.location}",) if self._session.location else ()
        return About("GoogleSQL", row["time_zone"], place, more)

    def estimated_rows(self, source: Source) -> int | None:
        table = self._table(source)
        return None if table is None or table.num_rows is None else int(table.num_rows)

    def _table(self, source: Source) -> Any:
        """What the service knows of a table; None of a query."""
        if not source.table:
            return None
        project = str(self._options.get("project") or self._session.project)
        *outer, name = source.table
        dataset = outer[-1] if outer else self._options.get("dataset")
        if dataset is None:
            return None
        above = outer[0] if len(outer) > 1 else project
        return self._session.get_table(f"{above}.{dataset}.{name}", retry=self._retry)

    def has(self, dataset: str) -> bool:
        """Whether the project has a dataset.

        Raises:
            WarehouseError: When the service refuses to tell, or does not answer.
        """
        project = str(self._options.get("project") or self._session.project)
        try:
            self._session.get_dataset(f"{project}.{dataset}", retry=self._retry)
        except self._errors as error:
            if self._code(error) == "notFound":
                return False
            raise self._refused(error, f"get dataset {dataset}") from error
        return True

    def columns(self, source: Source) -> tuple[Column, ...]:
        found = super().columns(source)
        try:
            table = self._table(source)
        except self._errors:
            # who may read rows need not be told more of the table
            table = None
        if table is not None and table.table_type == "TABLE":
            self._tables.add(self.relation(source))
        return found

    def _described(self, relation: str) -> list[tuple[str, str]]:
        job = self._session.query(
            f"select * from {relation}", job_config=self._config(dry=True), **self._patience
        )
        return [
            (field.name, "ARRAY" if field.mode == "REPEATED" else field.field_type)
            for field in job.schema
        ]

    def sampled(self, relation: str, percent: float) -> str:
        if relation in self._tables:
            # blocks that are left out are not billed
            # https://cloud.google.com/bigquery/docs/table-sampling
            return f"{relation} tablesample system ({percent:.6f} percent)"
        return f"(select * from {relation} where rand() < {percent / 100!r}) as sampled"

    def _answer(self, sql: str) -> pa.Table:
        job = self._session.query(sql, job_config=self._config(), **self._patience)

        def answer() -> pa.Table:
            # its faster way of fetching needs another package and rights of its own
            return job.result(retry=self._retry).to_arrow(create_bqstorage_client=False)

        return stoppable(answer, job.cancel)

    def _code(self, error: Any) -> object:
        told = getattr(error, "errors", None) or [{}]
        return told[0].get("reason") if isinstance(told[0], dict) else None

    def _is_lost(self, error: Any) -> bool:
        # what the service says of a statement has a status, which tells trouble of its own from 500 on
        code = getattr(error, "code", None)
        return code is None or int(code) >= 500

    def _said(self, error: Any) -> str:
        told = str(getattr(error, "message", None) or error)
        told = re.sub(r"^\d+ (GET|POST|DELETE) \S+: ", "", told)
        return re.split(r"; reason: |\n\n|\(job ID:|\nLocation: ", told)[0]


class BigQueryKeeper(StandardKeeper):
    """Result tables in a dataset. A statement that reads sees all its tables as they were at one moment."""

    dialect: ClassVar = "bigquery"
    within: ClassVar = "dataset"
    # https://cloud.google.com/bigquery/quotas#query_jobs: 1 MB, and literals are longer than what they say
    longest: ClassVar = 500_000

    def _open(self, options: Mapping[str, object]) -> BigQuery:
        return BigQuery(options)

    def _is_there(self) -> bool:
        return bool(self._session.has(self._schema))

    def _catalog(self) -> str:
        return self._placed("INFORMATION_SCHEMA")
