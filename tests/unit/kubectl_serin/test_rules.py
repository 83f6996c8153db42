"""What lint says of a file is what the API server says of it: the same tables of bad resources, without a server."""

import copy
import json
import re
from typing import Any

import pytest
from tests.cluster.api.kinds_table import BAD_KINDS, EVERY_KIND
from tests.cluster.api.overlay_table import BAD_OVERLAYS
from tests.cluster.api.settings_table import BAD_SETTINGS
from tests.cluster.api.table import BAD, GOOD, SIGNED, Bad
from tests.cluster.api.traffic_table import BAD_TRAFFIC
from tests.cluster.api.trial_table import BAD_TRIALS, GOOD_TRIALS

from kubectl_serin.files import Found
from kubectl_serin.rules.cel import parsed
from kubectl_serin.rules.functions import FUNCTIONS, CelError
from kubectl_serin.rules.schema import mistakes
from serin_operator.api.crd import object_schema

SCHEMA = object_schema()
ALL_BAD = (*BAD, *BAD_SETTINGS, *BAD_OVERLAYS, *BAD_TRAFFIC, *BAD_KINDS, *BAD_TRIALS)


KEYS = {"name": "signers", "key": "keys.pem"}


def signed(uri: str = SIGNED["model"]["uri"], verify: Any = None) -> dict[str, Any]:
    """A model of which a signature is wanted."""
    model = {"version": "v1", "uri": uri, "verify": verify or SIGNED["model"]["verify"]}
    return {**GOOD, "spec": {**GOOD["spec"], "model": model}}


ROWS = [
    pytest.param(bad, id=bad.because, marks=pytest.mark.slow if number % 4 else ())  # the inner loop takes every fourth
    for number, bad in enumerate(ALL_BAD)
]


@pytest.mark.parametrize("bad", ROWS)
def test_a_bad_resource_is_refused_offline_as_the_api_server_does_with_its_field_and_the_way_out(bad: Bad) -> None:
    said = "\n".join(str(mistake) for mistake in mistakes(bad.resource, SCHEMA))
    assert bad.field in said
    assert bad.way_out in said


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(one, id=name)
        for name, one in {
            "every field": GOOD,
            "a signed model": signed(),
            "a signed folder that is called like a file": signed("s3://models/model.onnx/"),
            "a signed file of a claim": signed("pvc://models/model.onnx"),
            "a signed file of the image": signed("file:///models/model.onnx"),
            "a signed artifact": signed("oci://a.example/models/model.onnx:v1"),
            "an artifact signed by cosign": signed(
                "oci+http://a.example/m:v1", {"publicKeys": KEYS, "format": "Cosign"}
            ),
            "a model signed without a key": signed(
                verify={"trustedRoot": KEYS, "issuer": "https://i", "signers": ["a@b"]}
            ),
            "every kind": EVERY_KIND,
            **GOOD_TRIALS,
        }.items()
    ],
)
def test_a_good_resource_is_not_refused(good: dict[str, Any]) -> None:
    assert mistakes(good, SCHEMA) == ()


def test_a_null_is_taken_for_nothing_as_the_api_server_does() -> None:
    resource = copy.deepcopy(GOOD)
    resource["spec"]["replicas"] = None
    assert mistakes(resource, SCHEMA) == ()


def test_a_whole_number_may_have_a_point_as_for_the_api_server() -> None:
    resource = copy.deepcopy(GOOD)
    resource["spec"] = json.loads(re.sub(r": (\d+)(?=[,}])", r": \1.0", json.dumps(resource["spec"])))
    assert isinstance(resource["spec"]["replicas"], float)
    assert mistakes(resource, SCHEMA) == ()
    assert repr(Found("-", resource).spec["rollout"]) == repr(GOOD["spec"]["rollout"]), "and is told without it"


@pytest.mark.parametrize("number", [2.5, float("inf"), float("nan")])
def test_a_part_of_a_number_is_no_integer(number: float) -> None:
    resource = copy.deepcopy(GOOD)
    resource["spec"]["replicas"] = number
    assert "spec.replicas: Invalid value: must be an integer" in str(mistakes(resource, SCHEMA)[0])


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 == 7 && !(1 > 2)", True),
        ("has(self.a) ? self.a.size() : -1", 2),
        ("has(self.b.c)", False),
        ("self.a.map(x, x + '!').join(',')", "v!,w!"),
        ("self.a.exists_one(x, x == 'v') && !self.a.all(x, x == 'v')", True),
        ("self.a.filter(x, x != 'v')[0]", "w"),
        ("'it\\'s ' + string(3) + ' ' + string(true)", "it's 3 true"),
        ("type(3) == int && type('3') == string && !(true == 1)", True),
        ("quantity('1Gi').isGreaterThan(quantity('1000M')) && !isQuantity('2GB')", True),
        ("[0.25, 0.5].sum() == 0.75 && [1, 2].map(x, x * 2).sum() == 6 && [].sum() == 0", True),
        ("'a-b-c'.replace('-', '') == 'abc' && 'a-b-c'.replace('-', '', 1) == 'ab-c'", True),
        ("'a\n'.matches('^a$')", False),
        ("isURL('https://a.example/x') && !isURL('https://a.example:port/x')", True),
    ],
)
def test_an_expression_means_what_it_means_in_kubernetes(expression: str, value: object) -> None:
    assert parsed(expression)({"self": {"a": ["v", "w"]}}) == value


def test_every_function_that_a_rule_calls_is_known() -> None:
    rules = re.findall(r'"rule": "((?:[^"\\\\]|\\\\.)*)"', json.dumps(SCHEMA))
    called = {name for rule in rules for name in re.findall(r"([A-Za-z_]+)\(", re.sub(r"'[^']*'", "''", rule))}
    assert len(rules) > 100
    assert called <= {*FUNCTIONS, "has", "all", "exists", "exists_one", "map", "filter"}


@pytest.mark.parametrize("expression", ["1 +", "self.a.(", "'open", "a ? b", "nobody(1)", "unknown", "1 2"])
def test_an_expression_that_is_not_understood_is_never_taken_for_true(expression: str) -> None:
    with pytest.raises(CelError):
        parsed(expression)({"self": {}})
