"""What is set from outside, and what is said when it is wrong."""

import base64
import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from lyceum.cli.parsing import without_empty
from lyceum.errors import SettingsError, UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.settings import Settings, user_at_host
from lyceum.systems.lms.settings import LmsFieldSettings, LmsSettings, LmsThresholds
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS

LMS = {
    "LMS_BASE_URL": "https://lms.example",
    "LMS_CLIENT_ID": "lyceum",
    "LMS_CLIENT_SECRET": "hush-hush",
}


def lake_of(config: Settings) -> Lakehouse:
    """The lakehouse of a configuration; where a table is, no session is asked for."""
    return Lakehouse(None, config)  # type: ignore[arg-type]


def test_tables_lie_under_the_home():
    config = Settings.load(Path("/data/lyceum"), {})
    assert lake_of(config).location(EVENT_SESSION_DETAILS) == (
        "/data/lyceum/warehouse/silver/event_session_details"
    )
    assert lake_of(config).name(EVENT_SESSION_DETAILS) == (
        "`spark_catalog`.`silver`.`event_session_details`"
    )


def test_catalog_and_schemas_are_settings():
    """A developer's target in a workspace has prefixed schemas, and each can be set alone."""
    env = {
        "LYCEUM_CATALOG": "main",
        "LYCEUM_SCHEMA_PREFIX": "dev_ada_",
        "LYCEUM_SCHEMA_OPS": "audit",
    }
    config = Settings.load(None, env)
    assert lake_of(config).name(EVENT_SESSION_DETAILS) == (
        "`main`.`dev_ada_silver`.`event_session_details`"
    )
    assert config.schemas["ops"] == "audit"


def test_a_workspace_has_managed_tables():
    environ = {"DATABRICKS_RUNTIME_VERSION": "18.0", "LYCEUM_HOME": "/Volumes/c/ops/checkpoints"}
    config = Settings.load(None, environ)
    assert lake_of(config).location(EVENT_SESSION_DETAILS) is None
    assert not config.is_local_disk


def test_a_warehouse_may_be_an_object_store():
    config = Settings.load(None, {"LYCEUM_WAREHOUSE": "s3a://bucket/lyceum"})
    assert lake_of(config).location(EVENT_SESSION_DETAILS) == (
        "s3a://bucket/lyceum/silver/event_session_details"
    )
    assert not config.is_local_disk


def test_every_lms_setting_is_read_and_an_option_overrides_it():
    env = LMS | {"LMS_RATE": "2.5", "LMS_EVENTS_PATH": "/v2/events", "LMS_CONCURRENCY": "4"}
    settings = Settings.load(None, env).of(LmsSettings, concurrency=8, rate=None)
    assert (settings.rate, settings.events_path, settings.concurrency) == (2.5, "/v2/events", 8)


def test_field_paths_are_settings():
    fields = Settings.load(None, {"LMS_FIELD_SESSION_ID": "key.value"}).of(LmsFieldSettings)
    assert (fields.session_id, fields.eval_id) == ("key.value", "eval_id")


def test_shares_that_must_pass_a_check_are_settings():
    thresholds = Settings.load(None, {"LMS_QUALITY_EVENT_COVERAGE": "0.8"}).of(LmsThresholds)
    assert (thresholds.event_coverage, thresholds.timing) == (0.8, 0.95)


@pytest.mark.parametrize(("text", "found"), [("95%", "'95%'"), ("95", "95.0"), ("nan", "nan")])
def test_what_is_no_share_is_refused(text, found):
    config = Settings.load(None, {"LMS_QUALITY_TIMING": text})
    expected = f"expected LMS_QUALITY_TIMING to be a share from 0 to 1, found {found}"
    with pytest.raises(UsageError, match=f"^{expected}$"):
        config.of(LmsThresholds)


@pytest.mark.parametrize("missing", sorted(LMS))
def test_a_missing_setting_is_named(missing):
    env = {name: value for name, value in LMS.items() if name != missing}
    with pytest.raises(
        SettingsError, match=f"expected {missing} in the environment, found nothing"
    ):
        Settings.load(None, env).of(LmsSettings)


def test_a_wrong_setting_is_named_with_its_value():
    with pytest.raises(SettingsError, match="expected LMS_CONCURRENCY to be right, found 'many'"):
        Settings.load(None, LMS | {"LMS_CONCURRENCY": "many"}).of(LmsSettings)


def test_the_secret_shows_nowhere():
    settings = Settings.load(None, LMS).of(LmsSettings)
    assert "hush" not in f"{settings!r} {settings.client_secret} {settings.client_secret!r}"
    assert settings.client_secret.get_secret_value() == "hush-hush"


def test_an_unknown_engine_is_refused():
    with pytest.raises(SettingsError, match="LYCEUM_ENGINE to be embedded or spark, found 'fast'"):
        Settings.load(None, {"LYCEUM_ENGINE": "fast"})


@pytest.mark.parametrize(
    ("environ", "engine"),
    [
        ({}, "embedded"),
        ({"LYCEUM_ENGINE": "spark"}, "spark"),
        ({"SPARK_REMOTE": "sc://host:15002"}, "spark"),
        ({"DATABRICKS_RUNTIME_VERSION": "client.4"}, "workspace"),
    ],
)
def test_the_engine_is_the_one_that_was_chosen_or_is_there(environ, engine):
    assert Settings.load(Path("home"), environ).engine == engine


def test_settings_of_a_job_come_before_the_environment_and_empty_ones_count_for_nothing():
    """A bundle gives every entry point its settings in one argument."""
    env = {"LYCEUM_CATALOG": "main", "LYCEUM_SCHEMA_OPS": "audit"}
    config = Settings.load(None, env, settings="LYCEUM_CATALOG=prod LYCEUM_SCHEMA_OPS=")
    assert (config.catalog, config.schemas["ops"]) == ("prod", "audit")


@pytest.mark.parametrize("text", ["LYCEUM_CATALOG", "=prod", "two words=1"])
def test_a_setting_without_its_name_or_value_is_refused(text):
    with pytest.raises(SettingsError, match="expected settings like NAME=VALUE, found"):
        Settings.load(None, {}, settings=text)


def test_an_option_with_an_empty_value_is_not_given():
    assert without_empty(["--rate", "", "--since=", "--url", "x"]) == ["--url", "x"]


class SecretsApi(BaseHTTPRequestHandler):
    """The secrets endpoint of a workspace, with one secret."""

    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query)
        is_known = asked == {"scope": ["lyceum"], "key": ["LMS_CLIENT_SECRET"]}
        value = base64.b64encode(b"from-the-scope").decode()
        answer = {"value": value} if is_known else {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        """Keep the terminal clean."""


def test_a_credential_that_the_environment_lacks_comes_from_the_secret_scope(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), SecretsApi)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    env = {name: value for name, value in LMS.items() if name != "LMS_CLIENT_SECRET"}
    settings = Settings.load(None, env | {"LYCEUM_SECRET_SCOPE": "lyceum"}).of(LmsSettings)
    server.shutdown()
    server.server_close()
    assert settings.client_secret.get_secret_value() == "from-the-scope"


def test_a_user_without_a_name_is_a_user_too(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 5)
    assert user_at_host() == f"user@{socket.gethostname()}"
