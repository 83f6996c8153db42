"""The command line: `serin-collector`, configured by flags and the environment."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from serin_server.collector.settings import DESCRIPTIONS, Settings, flag_of, settings_from
from serin_server.config.settings import InvalidSetting
from serin_server.failures import LoadFailure

EXIT_USAGE: Final = 2
EXIT_FAILED: Final = 1


def parser() -> argparse.ArgumentParser:
    """The parser; every flag is a setting and has a variable in the environment."""
    root = argparse.ArgumentParser(
        prog="serin-collector",
        description="Takes predictions and labels from Serin's servers and writes them as Parquet.",
    )
    for field in fields(Settings):
        root.add_argument(
            f"--{flag_of(field.name)}",
            dest=field.name,
            metavar="VALUE",
            help=f"{DESCRIPTIONS[field.name]} [SERIN_{field.name.upper()}]".replace("%", "%%"),
        )
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Collects until SIGTERM or SIGINT; the exit code."""
    given = {name: value for name, value in vars(parser().parse_args(arguments)).items() if value is not None}
    try:
        settings = settings_from(flags=given)
        return asyncio.run(_collect(settings))
    except InvalidSetting as error:
        sys.stderr.write(f"serin-collector: {error}\n")
        return EXIT_USAGE
    except LoadFailure as error:
        sys.stderr.write(f"serin-collector: {error.message}\n")
    except BlockingIOError:
        sys.stderr.write(
            f"serin-collector: another collector has the spool {settings.collector_spool}: give each its own\n"
        )
    except OSError as error:
        sys.stderr.write(f"serin-collector: {error}\n")
    return EXIT_FAILED


async def _collect(settings: Settings) -> int:
    import uvicorn  # noqa: PLC0415 (not for --help)

    from serin_server.collector.app import Application  # noqa: PLC0415
    from serin_server.collector.counts import Counts  # noqa: PLC0415
    from serin_server.collector.spool import Spool  # noqa: PLC0415
    from serin_server.collector.work import Work  # noqa: PLC0415
    from serin_server.model.shelf.place import opened  # noqa: PLC0415
    from serin_server.model.sources.asked import Store  # noqa: PLC0415
    from serin_server.model.sources.credentials import Purpose  # noqa: PLC0415
    from serin_server.process.ports import bound  # noqa: PLC0415
    from serin_server.records.log import Log  # noqa: PLC0415

    log = Log(settings.collector_log_format)
    counts = Counts(**settings.whose)
    counts.spool_limit.set(settings.collector_max_spool_bytes)
    store = Store(
        settings.collector_store,
        settings.collector_credentials_dir,
        settings.ca_file,
        settings.collector_mounts_dir,
        settings.collector_timeout_seconds,
    )
    place = opened(
        store, writes=True, purpose=Purpose("spec.predictionLog.credentials", "read, write, list and delete in")
    )
    spool = Spool(settings.collector_spool, settings.collector_write_bytes, settings.collector_max_spool_bytes)
    spool.open()
    application = Application(
        spool,
        counts,
        key_file=settings.collector_key_file,
        max_bytes=settings.collector_max_batch_bytes,
        hidden=settings.hidden,
    )
    listening = bound("collector_port", settings.collector_host, settings.collector_port)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=20,
        )
    )
    work = Work(
        spool,
        place,
        counts,
        log,
        write_seconds=settings.collector_write_seconds,
        retention_days=settings.collector_retention_days,
    )
    log.info("listening", http=listening[0].getsockname()[1], store=place.told, waiting_bytes=spool.waiting_bytes)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):  # the server heeds them too, and passes them on when it has ended
        loop.add_signal_handler(each, lambda: None)
    working = asyncio.create_task(work.run())
    serving = asyncio.create_task(server.serve(listening))
    await asyncio.wait((working, serving), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    work.stop(settings.collector_drain_seconds)
    await serving
    await working  # raises what ended it: a bug, and what lies in the spool is written after the restart
    log.info("stopped", waiting_bytes=await work.drain())
    return 0


if __name__ == "__main__":
    sys.exit(main())
