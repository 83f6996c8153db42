"""What the schema of ``spec.traffic`` cannot say."""

from typing import Final

from serin_operator.api.rule import Rule, object_name

_DURATION: Final = "self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$')"
_A_DURATION: Final = "Write a duration with its unit, for example 500ms, 10s or 1m30s."
_ONE_VALUE: Final = "[has(self.header), has(self.cookie)].filter(kind, kind).size() == 1"

TRAFFIC_RULES: Final = (
    Rule(
        "spec.traffic",
        "has(self.gateway) != has(self.routeRef)",
        "Give exactly one: gateway, where Serin owns the route, or routeRef, where you do. Without either, remove"
        " spec.traffic: then pods make the weights.",
        "(has(self.gateway) ? 'gateway and routeRef are two owners of the traffic: remove one'"
        " : 'neither gateway nor routeRef is given') + '; gateway: Serin owns the route; routeRef: you do; without"
        " spec.traffic, pods make the weights'",
    ),
    Rule(
        "spec.traffic",
        "!has(self.pins) || has(self.gateway)",
        "pins need rules of their own, and Serin adds none to your route: use gateway, or remove pins and write the rules"
        " into your route (Services <name> and <name>-canary).",
        field=".pins",
    ),
    Rule("spec.traffic.pins[]", _ONE_VALUE, "Give exactly one: header or cookie. Two conditions are two pins."),
    Rule(
        "spec.traffic.pins[].header.name",
        "self.matches('^[A-Za-z0-9!#$%&*+.^_|~-]+$')",
        "Name a header: letters, digits and '-', for example X-Tester.",
    ),
    Rule(
        "spec.traffic.pins[].cookie.name",
        "self.matches('^[A-Za-z0-9_.-]+$')",
        "Name a cookie: letters, digits, '_', '.' and '-'.",
    ),
    Rule(
        "spec.traffic.pins[].cookie.value",
        "self.matches('^[A-Za-z0-9_.~%+/=-]+$')",
        "Values of cookies have no spaces, quotes, commas or semicolons: use letters, digits, '_', '.' and '-'.",
    ),
    object_name("spec.traffic.gateway.parentRefs[].name", "Gateway or Service"),
    Rule(
        "spec.traffic.gateway.parentRefs",
        "self.all(p, self.exists_one(q, q == p))",
        "Each parent once: remove the repeated one, or give them different sectionNames.",
    ),
    Rule(
        "spec.traffic.gateway.hostnames[]",
        r"self.matches('^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')"
        " && !self.matches('^[0-9.]+$')",
        "Write a host name without scheme, port and path, for example models.example.com or *.example.com.",
    ),
    Rule(
        "spec.traffic.gateway.pathPrefix",
        "self.matches('^(/[A-Za-z0-9._~-]+)+$')",
        "Begin with '/' and do not end with one, for example /credit-risk; without a prefix, leave it out.",
    ),
    Rule(
        "spec.traffic.gateway",
        "!has(self.pathPrefix) || !has(self.grpc) || !self.grpc",
        "gRPC has no path of its own to take a prefix off: remove pathPrefix and use a host name, or remove grpc.",
        field=".grpc",
    ),
    Rule("spec.traffic.gateway.timeouts.request", _DURATION, _A_DURATION),
    Rule("spec.traffic.gateway.timeouts.backendRequest", _DURATION, _A_DURATION),
    object_name("spec.traffic.routeRef.name", "HTTPRoute"),
    Rule(
        "spec",
        "!has(self.serving) || !has(self.serving.tls) || !has(self.traffic) || !has(self.traffic.gateway)",
        "The route that Serin makes speaks plain HTTP to the pods, and tls lets them speak TLS alone: let the Gateway end TLS"
        " and remove serving.tls; or use traffic.routeRef, with a BackendTLSPolicy of your own for the Services <name> and"
        " <name>-canary.",
        field=".serving.tls",
    ),
    Rule(
        "spec",
        "!has(self.traffic) || !has(self.analysis) || !has(self.rollout) || !has(self.rollout.steps)"
        " || self.rollout.steps.all(s, s.weight < 100)",
        "A step of weight 100 leaves stable without requests, and the analysis without a comparison: remove the step (who"
        " passes the others gets all traffic anyway), or remove spec.analysis.",
        field=".rollout.steps",
    ),
)
