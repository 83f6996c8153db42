"""Bad ways to say who carries the traffic."""

from tests.cluster.api.table import DELETED, Bad

_GATEWAY = "traffic.gateway"
_REF = {"name": "mine"}
_HEADER = {"name": "X-Tester", "value": "yes"}

BAD_TRAFFIC = (
    Bad("a gateway and a route are named", "traffic.routeRef", _REF, "spec.traffic", "remove one"),
    Bad("traffic names nobody who carries it", "traffic", {}, "spec.traffic", "pods make the weights"),
    Bad("pins stand without a gateway", "traffic.gateway", DELETED, "spec.traffic", "neither gateway nor routeRef"),
    Bad(
        "pins stand beside a route of one's own",
        "traffic",
        {"routeRef": _REF, "pins": [{"header": _HEADER, "to": "Canary"}]},
        "spec.traffic.pins",
        "write the rules into your route",
    ),
    Bad("a pin has two conditions", "traffic.pins.0.cookie", _HEADER, "spec.traffic.pins[0]", "two pins"),
    Bad("a pin has no condition", "traffic.pins.0", {"to": "Stable"}, "spec.traffic.pins[0]", "header or cookie"),
    Bad("a pin leads nowhere", "traffic.pins.0.to", "Preview", "spec.traffic.pins[0].to"),
    Bad(
        "a header has a space",
        "traffic.pins.0.header.name",
        "X Tester",
        "spec.traffic.pins[0].header.name",
        "X-Tester",
    ),
    Bad("a route has no parent", f"{_GATEWAY}.parentRefs", [], "spec.traffic.gateway.parentRefs"),
    Bad(
        "a parent stands twice",
        f"{_GATEWAY}.parentRefs",
        [{"name": "public"}, {"name": "public"}],
        "spec.traffic.gateway.parentRefs",
        "Each parent once",
    ),
    Bad(
        "a host name is a URL",
        f"{_GATEWAY}.hostnames",
        ["https://models.example.com"],
        "spec.traffic.gateway.hostnames[0]",
        "without scheme",
    ),
    Bad(
        "a path prefix ends with a slash",
        f"{_GATEWAY}.pathPrefix",
        "/credit/",
        "spec.traffic.gateway.pathPrefix",
        "do not end with one",
    ),
    Bad("gRPC stands beside a path prefix", f"{_GATEWAY}.grpc", True, "spec.traffic.gateway.grpc", "use a host name"),
    Bad("a timeout has no unit", f"{_GATEWAY}.timeouts.request", "10", "timeouts.request", "10s"),
    Bad(
        "a step leaves nothing to compare with",
        "rollout.steps.2.weight",
        100,
        "spec.rollout.steps",
        "remove the step",
    ),
)
