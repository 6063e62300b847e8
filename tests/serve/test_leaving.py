"""A client that is gone is found by reader and writer alike, and that is no news."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from secousti.serve.socket import Left, _stop


def test_what_both_tasks_find_is_reported_once() -> None:
    reports: list[dict[str, Any]] = []

    async def leave() -> None:
        raise Left

    async def converse() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        tasks = [asyncio.ensure_future(leave()) for _ in range(2)]
        await asyncio.wait(tasks)
        while tasks:
            await _stop(tasks.pop())
        gc.collect()  # a task whose exception nobody has asked for complains when it goes

    # In a thread of its own: where browser tests ran before, this one has a loop already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(converse())).result()
    assert reports == []
