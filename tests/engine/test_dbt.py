"""A project takes its connection and its tables from the dbt project that made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small_project import AT, make

import driftline
from driftline.engine.config import load_project
from driftline.engine.dbt import DbtProject
from driftline.engine.errors import ConfigError

PROFILES = """
shop:
  target: "{{ env_var('DBT_TARGET', 'dev') }}"
  outputs:
    dev: {type: duckdb, path: shop.duckdb, threads: 4}
    prod:
      type: postgres
      host: "{{ env_var('PG_HOST') }}"
      port: "{{ env_var('PG_PORT', '5432') | as_number }}"
      user: monitor
      pass: "{{ env_var('DBT_ENV_SECRET_PG') }}"
      dbname: ml
      schema: scoring
      threads: 8
      keepalives_idle: 0
    elsewhere: {type: oracle}
other:
  outputs: {default: {type: duckdb, path: ":memory:"}}
"""
NODES = {
    "model.shop.scored": ("model", "shop", "scored", "scored", {}),
    "model.shop.draft": ("model", "shop", "draft", "draft", {"materialized": "ephemeral"}),
    "seed.shop.training": ("seed", "shop", "training", "training_v2", {}),
    "model.shop.twice": ("model", "shop", "twice", "twice", {}),
    "model.lent.twice": ("model", "lent", "twice", "twice", {}),
    "test.shop.scored_is_unique": ("test", "shop", "scored_is_unique", "x", {}),
}


def node(kind: str, package: str, name: str, alias: str, config: dict[str, str]) -> dict[str, Any]:
    return {
        "resource_type": kind, "package_name": package, "name": name, "alias": alias,
        "config": config, "database": "shop", "schema": "main",
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dbt project, a Driftline project in it."""
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\ntarget-path: built\n")
    (tmp_path / "profiles.yml").write_text(PROFILES)
    (tmp_path / "built").mkdir()
    source = {
        "resource_type": "source", "package_name": "shop", "source_name": "raw", "name": "clicks",
        "identifier": "Clicks", "database": "shop", "schema": "raw",
    }  # fmt: skip
    manifest = {
        "nodes": {key: node(*told) for key, told in NODES.items()},
        "sources": {"source.shop.raw.clicks": source},
    }
    (tmp_path / "built" / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def told(folder: Path, head: str, environ: dict[str, str] | None = None) -> driftline.Project:
    (folder / "driftline.yml").write_text(
        f"{head}\nmonitors:\n  - name: m\n    production: {{table: {{dbt_model: scored}}}}\n"
        "    reference: {table: {dbt_model: training}}\n"
    )
    return load_project(folder / "driftline.yml", environ=environ or {})


def test_the_projects_own_profile_and_its_target_connect(folder: Path) -> None:
    project = told(folder, "connection: {dbt: {}}")
    assert project.connection.type == "duckdb"
    assert project.connection.options["database"] == str(folder / "shop.duckdb")


def test_a_service_gets_the_keys_it_knows_and_secrets_stay_secret(folder: Path) -> None:
    environ = {"DBT_TARGET": "prod", "PG_HOST": "db", "DBT_ENV_SECRET_PG": "hush-hush"}
    project = told(folder, "connection: {dbt: {profile: shop}}", environ)
    assert project.connection.type == "postgres"
    assert dict(project.connection.options) == {
        "host": "db", "port": 5432, "user": "monitor", "password": "hush-hush", "database": "ml",
        "schema": "scoring",
    }  # fmt: skip
    assert "hush-hush" in project.secrets
    assert "hush-hush" not in project.monitors[0].yaml


def test_what_the_file_says_itself_goes_before_dbt(folder: Path) -> None:
    environ = {"PG_HOST": "db", "DBT_ENV_SECRET_PG": "x"}
    head = "connection: {dbt: {target: prod}, user: reader, statement_timeout: 60}"
    options = told(folder, head, environ).connection.options
    assert (options["user"], options["statement_timeout"], options["host"]) == ("reader", 60, "db")


def test_models_seeds_and_sources_are_tables_where_dbt_put_them(folder: Path) -> None:
    project = told(folder, "connection: {dbt: {}}\nsources: {clicks: {dbt_model: raw.clicks}}")
    (monitor,) = project.monitors
    assert monitor.production.source.table == ("shop", "main", "scored")
    assert monitor.production.source.written == "dbt model scored"
    assert monitor.references[0].source.table == ("shop", "main", "training_v2")
    dbt = DbtProject.beside(folder, {})
    assert dbt.table("raw.clicks") == ("shop", "raw", "Clicks")
    assert dbt.table("lent.twice") == ("shop", "main", "twice")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("scord", "has no model called 'scord'; did you mean 'scored'?"),
        ("scored_is_unique", "has no model called 'scored_is_unique'"),
        ("twice", "has several models called 'twice': model.lent.twice, model.shop.twice"),
        ("draft", "dbt model draft is ephemeral: it has no table"),
    ],
)
def test_a_model_without_one_table_is_told_with_its_line(
    folder: Path, name: str, complaint: str
) -> None:
    (folder / "driftline.yml").write_text(
        "connection: {dbt: {}}\nmonitors:\n  - name: m\n"
        f"    production: {{table: {{dbt_model: {name}}}}}\n    reference: {{table: t}}\n"
    )
    with pytest.raises(ConfigError) as found:
        load_project(folder / "driftline.yml", environ={})
    assert "driftline.yml:4" in str(found.value)
    assert complaint in str(found.value)


def test_a_manifest_that_is_not_there_is_told_with_what_writes_it(folder: Path) -> None:
    (folder / "built" / "manifest.json").unlink()
    with pytest.raises(ConfigError, match="`dbt compile` and `dbt run` write it"):
        told(folder, "connection: {dbt: {}}")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ("{profile: shp}", "has no profile 'shp'; it has shop, other"),
        ("{target: stage}", "profile shop has no output 'stage'; it has dev, prod, elsewhere"),
        ("{target: prod}", "the environment variable PG_HOST is not set"),
        ("{target: elsewhere}", "is of type 'oracle'; Driftline reads duckdb, postgres"),
    ],
)
def test_a_profile_that_cannot_connect_is_told_with_its_line(
    folder: Path, asked: str, complaint: str
) -> None:
    with pytest.raises(ConfigError) as found:
        told(folder, f"connection: {{dbt: {asked}}}")
    assert "driftline.yml:1" in str(found.value)
    assert complaint in str(found.value)


def test_templates_may_ask_for_nothing_but_variables(folder: Path) -> None:
    text = PROFILES.replace("path: shop.duckdb", "path: \"{{ ''.__class__.__mro__ }}\"")
    (folder / "profiles.yml").write_text(text)
    with pytest.raises(ConfigError, match="cannot fill in"):
        told(folder, "connection: {dbt: {}}")


def test_profiles_and_project_may_lie_elsewhere(folder: Path, tmp_path: Path) -> None:
    (folder / "conf").mkdir()
    (folder / "profiles.yml").rename(folder / "conf" / "profiles.yml")
    with pytest.raises(ConfigError, match=r"there is no profiles\.yml"):
        told(folder, "connection: {dbt: {}}")
    environ = {"DBT_PROFILES_DIR": "conf"}
    assert told(folder, "connection: {dbt: {}}", environ).connection.type == "duckdb"
    inside = tmp_path / "monitoring"
    inside.mkdir()
    assert told(inside, "connection: {dbt: {}}", environ).connection.type == "duckdb"


def test_a_run_over_dbts_tables_finds_what_one_over_files_finds(folder: Path) -> None:
    plain = make(folder)
    (wanted,) = driftline.run(plain, at=AT).monitors
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute("create table scored as from 'scored.parquet'".replace(
            "scored.parquet", str(folder / "scored.parquet")))  # fmt: skip
        connection.execute(f"create table training_v2 as from '{folder / 'training.parquet'}'")
    text = plain.read_text()
    for name in ("scored", "training"):
        text = text.replace(f"table: {name}.parquet", f"table: {{dbt_model: {name}}}")
    plain.write_text(f"connection: {{dbt: {{}}}}\n{text}")
    (found,) = driftline.run(plain, at=AT).monitors
    values = [
        {(row["feature"], row["metric"]): row["value"] for row in each.metrics}
        for each in (wanted, found)
    ]
    assert values[0] == values[1]
    assert len(values[0]) > 5
