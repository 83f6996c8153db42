"""Settings come from the environment and complain in one line each."""

import pytest
from pydantic import ValidationError

from serin_operator.runtime.main import main
from serin_operator.runtime.settings import Settings, complaints
from serin_operator.runtime.wiring import seen_from


def settings_with(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(f"SERIN_{name}", value)
    return Settings()


def complaints_with(monkeypatch, **variables):
    with pytest.raises(ValidationError) as refused:
        settings_with(monkeypatch, **variables)
    return complaints(refused.value)


def test_nothing_has_to_be_set(monkeypatch):
    settings = settings_with(monkeypatch)
    assert settings.namespaces == ()
    assert settings.prometheus_url is None
    assert settings.serving_image.startswith("ghcr.io/serin-dev/serin-server:")


def test_namespaces_are_a_list_with_commas(monkeypatch):
    assert settings_with(monkeypatch, NAMESPACES=" a, b ,,a").namespaces == ("a", "b")


def test_headers_for_prometheus_are_json(monkeypatch):
    headers = settings_with(monkeypatch, PROMETHEUS_HEADERS='{"X-Scope-OrgID": "team-a"}').prometheus_headers
    assert headers == {"X-Scope-OrgID": "team-a"}


def test_stores_are_json_by_namespace(monkeypatch):
    text = '{"*": {"uri": "s3://kept", "writeCredentials": {"secretName": "w"}}}'
    (store,) = settings_with(monkeypatch, MODEL_STORE=text).model_store.values()
    assert (store.uri, store.write_credentials.secret_name) == ("s3://kept", "w")


def test_an_empty_variable_is_as_good_as_none(monkeypatch):
    assert settings_with(monkeypatch, PROMETHEUS_URL="", NAMESPACES="").prometheus_url is None


def test_every_setting_says_what_it_is_for():
    assert all(len(field.description or "") > 15 for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        pytest.param({"PORT": "http"}, "SERIN_PORT=http: ", id="a port that is no number"),
        pytest.param({"PORT": "70000"}, "SERIN_PORT=70000: ", id="a port that does not exist"),
        pytest.param({"PROMETHEUS_URL": "prometheus:9090"}, "SERIN_PROMETHEUS_URL=", id="a URL without a scheme"),
        pytest.param({"LOG_FORMAT": "xml"}, "SERIN_LOG_FORMAT=xml: ", id="an unknown log format"),
        pytest.param(
            {"PROMETHEUS_USERNAME": "u", "PROMETHEUS_BEARER_TOKEN_FILE": "/t"}, "keep one", id="two ways to log in"
        ),
        pytest.param({"PROMETHEUS_HEADERS": '{"a b": "c"}'}, "is no header", id="a header with a space"),
        pytest.param({"PROMETHEUS_HEADERS": '{"cookie": "c"}'}, "from a Secret", id="a secret among the headers"),
        pytest.param({"SERVING_POD_USER": "root"}, "SERIN_SERVING_POD_USER=root", id="a user that is not offered"),
        pytest.param(
            {"MODEL_STORE": '{"a": {"uri": "nfs://x"}}'}, "namespace a: uri 'nfs://x' is no store", id="no store"
        ),
        pytest.param({"PROMETHEUS_PASSWORD_FILE": "/p"}, "without SERIN_PROMETHEUS_USERNAME", id="a lonely password"),
    ],
)
def test_a_bad_setting_is_named_with_its_reason(monkeypatch, variables, complaint):
    lines = complaints_with(monkeypatch, **variables)
    assert len(lines) == 1
    assert complaint in lines[0]
    assert "\n" not in lines[0]


def test_all_bad_settings_are_told_at_once(monkeypatch):
    assert len(complaints_with(monkeypatch, PORT="0", WORKERS="0")) == 2


def test_what_is_no_json_ends_the_operator_with_a_line_that_names_it(monkeypatch, capsys):
    monkeypatch.setenv("SERIN_PROMETHEUS_HEADERS", '{"X-Scope-OrgID": ')
    with pytest.raises(SystemExit, match="2"):
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert "prometheus_headers" in line
    assert "no JSON" in line


def test_who_reads_the_metrics_of_collectors_is_a_list_of_peers(monkeypatch):
    assert settings_with(monkeypatch).collector_peers == ()
    text = '[{"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}]'
    (peer,) = settings_with(monkeypatch, COLLECTOR_PEERS=text).collector_peers
    assert peer == {"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}


def test_a_peer_by_its_pods_alone_is_one_of_the_operators_namespace_for_collectors_anywhere():
    pods = {"podSelector": {"matchLabels": {"app": "prometheus"}}}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "serin-system"}}}
    assert seen_from("serin-system", pods) == {**pods, **here}
    for whole in ({**pods, "namespaceSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}):
        assert seen_from("serin-system", whole) == whole
