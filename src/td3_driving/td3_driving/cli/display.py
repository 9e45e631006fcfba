"""What a person sees of a run while it goes on: one live panel on the terminal."""

from __future__ import annotations

import time
from types import TracebackType

import numpy as np
from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from td3_driving.agent.program import TrainingProgram
from td3_driving.agent.runner import Runner

PLAIN_EVERY_S = 15.0


def _mean(values: object) -> str:
    numbers = list(values)  # type: ignore[call-overload]
    return f"{np.mean(numbers):.2f}" if numbers else "-"


class RunDisplay:
    """A live panel of a runner's figures; one line now and then where there is no terminal.

    Args:
        runner: The agent.
        title: Of the panel.
    """

    def __init__(self, runner: Runner, title: str) -> None:
        self._runner = runner
        self._title = title
        self._console = Console(stderr=True)
        self._then = (time.monotonic(), 0, 0)
        self._rates = (0.0, 0.0)
        self._printed_at = -PLAIN_EVERY_S
        self._live = Live(get_renderable=self._panel, console=self._console, refresh_per_second=4)

    def __enter__(self) -> RunDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._console.print(self._line())

    def tick(self) -> None:
        """Prints a line now and then where there is no terminal for a panel."""
        now = time.monotonic()
        if not self._console.is_terminal and now - self._printed_at >= PLAIN_EVERY_S:
            self._printed_at = now
            self._console.print(self._line(), soft_wrap=True)

    def _measure(self) -> None:
        now, (then, ticks, updates) = time.monotonic(), self._then
        if now - then < 2.0:
            return
        trainer = self._runner.trainer
        new_updates = trainer.updates if trainer is not None else 0
        new_ticks = self._runner.status.ticks
        self._rates = ((new_ticks - ticks) / (now - then), (new_updates - updates) / (now - then))
        self._then = (now, new_ticks, new_updates)

    def _figures(self) -> dict[str, str]:
        self._measure()
        runner, status = self._runner, self._runner.status
        figures = {
            "episode": f"{status.episodes} ({status.purpose} on {status.map})",
            "return": _mean(status.returns),
            "completion": f"{_mean(status.completions)} %",
            "steps": f"{status.training_ticks or status.ticks} ({self._rates[0]:.0f}/s)",
        }
        trainer = runner.trainer
        if trainer is not None:
            metrics = trainer.metrics
            figures |= {
                "updates": f"{trainer.updates} ({self._rates[1]:.1f}/s)",
                "losses": f"critic {metrics.get('loss/critic', 0.0):.4f}, "
                f"actor {metrics.get('loss/actor', 0.0):.3f}",
                "saturated": f"{100 * metrics.get('actor/saturated_share', 0.0):.0f} %",
                "time left": self._time_left(),
            }
        if isinstance(runner.program, TrainingProgram) and runner.program.best is not None:
            best = runner.program.best
            figures["best so far"] = f"{best.completion_pct:.0f} % on selection maps"
        if status.waiting_for:
            figures["waiting"] = status.waiting_for
        if status.faults:
            figures["faults"] = f"{status.faults}, the last: {status.message}"
        return figures

    def _time_left(self) -> str:
        progress, spent = self._runner.status.progress, self._runner.trained_s
        if progress >= 1.0:
            return "closing"
        if progress < 0.002:
            return "-"
        left = int(spent * (1.0 - progress) / progress)
        return f"{left // 60}:{left % 60:02d}"

    def _line(self) -> str:
        figures = self._figures()
        if self._runner.trainer is not None and self._runner.trainer.alarm:
            figures["ALARM"] = self._runner.trainer.alarm
        return ", ".join(f"{name} {value}" for name, value in figures.items())

    def _panel(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for name, value in self._figures().items():
            table.add_row(Text(name, style="dim"), Text(value))
        rows = Table.grid()
        trainer = self._runner.trainer
        if trainer is not None:
            progress = min(self._runner.status.progress, 1.0)
            rows.add_row(ProgressBar(total=1.0, completed=progress, width=60))
        rows.add_row(table)
        if trainer is not None and trainer.alarm:
            rows.add_row(Text(trainer.alarm, style="bold red"))
        return Panel(rows, title=self._title, border_style="cyan", expand=False)
