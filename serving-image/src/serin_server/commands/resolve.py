"""`serin-server resolve`: proves that a model can be served and reports what it is, then ends."""

import json
import sys
import time
from dataclasses import replace
from typing import Any

from serin_server.commands.handover import hand_over
from serin_server.commands.keeping import keep
from serin_server.commands.optimizing.optimize import optimized, reopener
from serin_server.commands.preflight import gates, gates_beside_stable, rows_of
from serin_server.commands.row import OFF, Row
from serin_server.config.settings import Settings
from serin_server.failures import LoadFailure
from serin_server.features.fit import checked_fit
from serin_server.model.load import Model, fitted, report
from serin_server.model.predictions import PredictionReader
from serin_server.process.assembly import baseline_of
from serin_server.process.model import load_as_set
from serin_server.process.termination import failure_report, write_termination_message


def resolve(settings: Settings) -> int:
    """Fetches, digests, loads, warms up; one JSON object goes to the termination log and to stdout."""
    began = time.monotonic()
    try:
        model = load_as_set(settings, is_resolving=True)
        _check_baseline(settings, model)
        rows, about = gates(settings, model), {}
        if settings.optimize_variants and _failed(rows) is None:
            found = optimized(settings, model, began)
            rows, about = [*rows, *found.rows], found.told
            again = reopener(settings, found.model) if about and settings.preflight_budget != OFF else None
            model = found.model
            del found
            if again is not None:  # of a process that has held other models the memory would tell nothing
                del model
                model = again()
        rows += gates_beside_stable(settings, model)
        failed = _failed(rows)
        if failed is None and not about and (row := keep(settings, model, began)) is not None:
            rows.append(row)
        if failed is None and settings.preflight_command_folder is not None:
            hand_over(settings.preflight_command_folder, model)
        told, exit_code = _with_rows({**report(model), **({"optimized": about} if about else {})}, rows), 0
        if failed is not None:
            failure = LoadFailure(failed.reason, failed.message)
            # What it promises is told even so: people see in the ledger what has changed.
            told, exit_code = {**told, **failure_report(failure)}, failure.exit_code
        elif settings.preflight_command_folder is not None:
            told["handedOver"] = True
    except LoadFailure as failure:
        told, exit_code = _with_rows(failure_report(failure), rows_of(failure)), failure.exit_code
    text = json.dumps(fitted(told), ensure_ascii=True)
    write_termination_message(settings.termination_log, text)
    sys.stdout.write(text + "\n")
    return exit_code


def _failed(rows: list[Row]) -> Row | None:
    return next((row for row in rows if row.verdict == "Fail"), None)


def _with_rows(told: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
    measured = {name: value for row in rows for name, value in row.measured.items()}
    told = {**told, "measured": measured} if measured else told
    return {**told, "preflight": [row.told() for row in rows]} if rows else told


def _check_baseline(settings: Settings, model: Model) -> None:
    """What a server would refuse at load; apart from the prediction, whose output only a server's settings name."""
    baseline = baseline_of(settings, model)
    if baseline is not None:
        checked_fit(replace(baseline, prediction=None), model.signature, PredictionReader(model.signature))
