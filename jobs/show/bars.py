"""Progress as bars on a terminal, one for each step."""

import time

from rich.console import Console
from rich.progress import BarColumn, Task, TaskID, TextColumn
from rich.progress import Progress as RichBars
from rich.text import Text

from pairloom.jobs.show.amounts import time_text
from pairloom.jobs.show.lines import ended_text
from pairloom.jobs.show.progress import Progress, Step, state_text

__all__ = ["Bars", "drawn"]


class Bars(Progress):
    """A bar for each step; one that counts nothing moves to and fro."""

    def __init__(self, bars: RichBars) -> None:
        super().__init__()
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def begin(self, step: Step) -> None:
        """A step begins."""
        if step.aside and (before := self._tasks.pop(step.name, None)) is not None:
            self._bars.remove_task(before)  # it goes on
        self._tasks[step.name] = self._bars.add_task(step.called, total=step.bytes or None, step=step)

    def advance(self, step: Step, now: float) -> None:
        """Something is done."""
        done, total = step.counted
        self._bars.update(self._tasks[step.name], completed=done, total=total or None)

    def end(self, step: Step) -> None:
        """A step is over."""
        self._bars.update(self._tasks[step.name], completed=step.bytes or 1, total=step.bytes or 1)

    def notice(self, text: str) -> None:
        """What whoever looks after the run should know, above the bars."""
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """What is under way will not end."""
        for task in self._bars.tasks:
            self._bars.stop_task(task.id)


def drawn(console: Console) -> RichBars:
    """Bars with their state behind them."""
    return RichBars(
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), _State(), console=console
    )


class _State(TextColumn):
    """What is done, and what is left."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """One line."""
        step: Step = task.fields["step"]
        if not task.finished:
            return Text(state_text(step, time.monotonic()))
        return Text(time_text(step.seconds) if step.aside else ended_text(step))
