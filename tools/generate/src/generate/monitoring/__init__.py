"""Alerts, recording rules and dashboards: said once here, written for Prometheus, Grafana and people."""
