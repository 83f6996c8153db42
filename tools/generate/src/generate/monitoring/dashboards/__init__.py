"""Dashboards of Grafana: what each shows, and what to do about it."""
