"""Every kind of metric by the way that evidence takes: servers count, Prometheus scrapes, the operator asks, counts and judges.

Nothing on the way is made for the occasion but clients, scrapes and a Prometheus that understands the queries (`promql`, `storage`): pods count with
the server's own code, and looks are opened, asked, counted and judged by the operator's.
"""
