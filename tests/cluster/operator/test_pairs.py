"""Two versions that answer the same requests, with a real API server: the Service between them, and the chart's rights for it."""

import pytest
import yaml
from tests.cluster.operator.test_process import a_model_deployment, is_ready, limited

pytestmark = pytest.mark.cluster

SPEC = {
    "rollout": {"steps": [{"weight": 50, "holdSeconds": 3600}]},
    "serving": {"feedback": {"signing": "Managed"}},
    "analysis": {"metrics": [{"name": "right", "accuracy": {}}], "pairing": {"sample": 0.5}},
}
RIGHTS = {"ServiceAccount", "Role", "RoleBinding"}


@pytest.fixture
def as_the_chart_allows(kubernetes, namespace, tmp_path):
    """The cluster as the service account of a release sees it that looks after the namespace."""
    command = (
        "helm",
        "template",
        "serin",
        "charts/serin",
        "--namespace",
        namespace,
        "--set",
        f"namespaces={{{namespace}}}",
    )
    objects = [each for each in yaml.safe_load_all(kubernetes.run(*command).stdout) if each and each["kind"] in RIGHTS]
    kubernetes.apply(*objects)
    (account,) = [each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount"]
    return limited(kubernetes, namespace, account, tmp_path)


def test_the_control_leads_to_the_old_version_while_a_new_one_is_beside_it_and_goes_with_it(
    kubernetes, kubelet, namespace, start_operator, as_the_chart_allows
):
    def services():
        found = kubernetes.get("services", "-n", namespace)["items"]
        return {each["metadata"]["name"]: each["spec"]["selector"] for each in found}

    operator = start_operator(as_the_chart_allows)
    kubernetes.apply(a_model_deployment(namespace, **SPEC))
    kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
    assert "m-control" not in services()
    kubernetes.apply(a_model_deployment(namespace, version="v2", uri="file:///models/v2.onnx", **SPEC))
    kubernetes.wait_for("the control", lambda: "m-control" in services())
    status = kubernetes.get("mdep", "m", "-n", namespace)["status"]
    assert services()["m-control"]["serin.dev/revision"] == status["stable"]["revision"]
    kubernetes.kubectl("annotate", "mdep", "m", "-n", namespace, "serin.dev/action=abort@1")
    kubernetes.wait_for("the control to go", lambda: "m-control" not in services())
    assert operator.metric('serin_operator_reconciles_total{result="error"}') == 0.0
