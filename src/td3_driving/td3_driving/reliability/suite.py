"""carla-lite and the four nodes as processes of their own, to be killed, stopped and started."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import get_package_prefix

from carla_lite.show.link import Link, LinkError
from td3_driving.launching.arguments import Mode, defaults
from td3_driving.launching.plan import make_plan
from td3_driving.reliability.case import NotInjected
from td3_driving.reliability.watch import Watch

SIMULATOR = "carla-lite"
MAP = "LiteCircuit_1"
_READY = re.compile(rb"ready port=(\d+)")


class Suite:
    """The processes of one graph, in a ROS domain of their own; a context manager.

    Args:
        folder: of logs and parameter files.
        domain: of ROS.
        mode: what the graph does.
        arguments: of the launch file, beyond its defaults.
        parameters: values by node, beyond those of config/.
        autostart: each node brings itself up; else a supervisor is there, too, which does.
    """

    def __init__(
        self,
        folder: Path,
        domain: int,
        mode: Mode = "drive",
        arguments: Mapping[str, str] | None = None,
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        autostart: bool = True,
    ) -> None:
        self.folder, self.domain = folder, domain
        self._autostart = autostart
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        threads = {"OMP_NUM_THREADS": "1", "ROS_DOMAIN_ID": str(domain)}
        self._environment = {**os.environ, **threads}
        self.port = self._start_simulator(0, (), MAP)
        self.watch = Watch(self.port)
        extra = folder / "parameters.yaml"
        extra.write_text(
            yaml.safe_dump(
                {
                    f"/**/{node}": {"ros__parameters": dict(values)}
                    for node, values in (parameters or {}).items()
                }
            )
        )
        given = {"simulator": "carla", "port": str(self.port), "map": MAP}
        given |= {"params_file": str(extra), **(arguments or {})}
        # A name of its own: an agent that is started again goes on with its run.
        plan = make_plan(mode, {**defaults(mode), **given}, "now", str(folder))
        self.namespace = plan.namespace
        self._environment |= plan.environment
        supervisor = (plan.supervisor,) if plan.supervisor and not autostart else ()
        self._commands = {
            n.name: self._command(n.name, n.parameters) for n in (*plan.nodes, *supervisor)
        }

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes."""
        return list(self._commands)

    def __enter__(self) -> Suite:
        self.watch.start()
        for name in self.nodes:
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.stop()
        for process in self._processes.values():
            with process:
                process.kill()

    def start(self, name: str) -> None:
        """Starts a node that does not run."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._commands[name], stdout=log, stderr=subprocess.STDOUT, env=self._environment
            )

    def signal(self, name: str, number: signal.Signals) -> float:
        """Sends a signal, and waits for the end after SIGKILL; the time just before, monotonic.

        Raises:
            NotInjected: it had ended before.
        """
        process = self._processes[name]
        if process.poll() is not None:
            raise NotInjected(f"{name} ended by itself with {process.returncode}: {self.log(name)}")
        at_s = time.monotonic()
        process.send_signal(number)
        if number is signal.SIGKILL:
            process.wait(10.0)
        return at_s

    def kill(self, name: str) -> float:
        """SIGKILL; the time just before."""
        return self.signal(name, signal.SIGKILL)

    def alive(self, name: str) -> bool:
        """Whether a process runs."""
        return self._processes[name].poll() is None

    def exit_code(self, name: str, within_s: float) -> int:
        """Of a process that is about to end."""
        return self._processes[name].wait(within_s)

    def log(self, name: str, last: int = 300) -> str:
        """The end of what a process wrote."""
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace")[-last:] if file.exists() else ""

    def restart_simulator(self, *faults: Mapping[str, Any], map_name: str = MAP) -> None:
        """Another simulator on the same port, with faults of its own."""
        if self.alive(SIMULATOR):
            self.kill(SIMULATOR)
        self._start_simulator(self.port, faults, map_name)

    def injected(self) -> int:
        """How often the script's faults were injected until now."""
        link = Link("127.0.0.1", self.port, 2.0)
        try:
            return sum(count for _, count in link.call("lite_faults"))
        except LinkError:
            return self.log(SIMULATOR, 10_000).count("fault injected")
        finally:
            link.close()

    def require_injected(self) -> int:
        """As injected().

        Raises:
            NotInjected: none was.
        """
        count = self.injected()
        if not count:
            raise NotInjected("the simulator's script was not reached")
        return count

    def _start_simulator(self, port: int, faults: tuple[Mapping[str, Any], ...], name: str) -> int:
        script = self.folder / "faults.json"
        script.write_text(json.dumps({"seed": 1, "faults": list(faults)}))
        command = [sys.executable, "-m", "carla_lite.cli", "--port", str(port), "--map", name]
        command += ["--faults", str(script), "--exit-with-parent"]
        with (self.folder / f"{SIMULATOR}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=self._environment
            )
        self._processes[SIMULATOR] = process
        assert process.stdout is not None
        ready = _READY.search(process.stdout.readline())
        process.stdout.close()
        if ready is None:
            raise NotInjected(f"carla-lite did not start: {self.log(SIMULATOR)}")
        return int(ready[1])

    def _command(self, name: str, sources: tuple[str | dict[str, Any], ...]) -> list[str]:
        program = Path(get_package_prefix("td3_driving")) / "lib" / "td3_driving" / name
        command = [str(program), "--ros-args", "-r", f"__ns:={self.namespace}"]
        if self._autostart:
            # Not by -p: what it names first, /**, would come before all files, and yield to them.
            sources = (*sources, {"autostart": True})
        for number, source in enumerate(sources):
            if not isinstance(source, str):
                file = self.folder / f"{name}-{number}.yaml"
                file.write_text(yaml.safe_dump({"/**": {"ros__parameters": source}}))
                source = str(file)
            command += ["--params-file", source]
        return command
