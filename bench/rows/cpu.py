"""Processor seconds to receive and store a gigabyte, in fair weather."""

from bench.content import MB, Content
from bench.figures import Figure, Goal
from bench.peer import Rclone
from bench.processes import cpu_by_role, cpu_of, spent_between
from bench.run import Run
from bench.world import world

ROW = "cpu"
OURS = ("gunicorn", "worker")


def measure(run: Run) -> list[Figure]:
    content = Content(run.size(1000 * MB, 16 * MB))
    gigabytes = content.size / 1e9
    with world(run.folder / "world") as here:
        peer = run.peer(here.sim)
        before, before_sim = cpu_by_role(here.house), cpu_of(here.sim.pid)
        here.store(content)
        spent = spent_between(before, cpu_by_role(here.house))
        of_sim = cpu_of(here.sim.pid) - before_sim
        cost, to_folder = (
            (received(peer, content, "drive"), received(peer, content, "local"))
            if peer
            else (run.no_peer, run.no_peer)
        )
    ours = sum(spent.get(role, 0.0) for role in OURS) / gigabytes
    beside = ", ".join(
        f"{role} {seconds / gigabytes:.2f}"
        for role, seconds in sorted(spent.items() | {("the simulator", of_sim)})
    )
    return [
        Figure(ROW, "receive and store: gunicorn and worker", "s/GB", ours, peer=cost,
               goals=(Goal("peer", 0.7, is_ceiling=True),),
               note=f"{beside}; the peer: `rclone rcat` to crypt over one Drive, by TLS"),
        Figure(ROW, "the same beside crypt over a folder", "s/GB", ours, peer=to_folder,
               note="the peer without network and TLS"),
    ]  # fmt: skip


def received(peer: Rclone, content: Content, remote: str) -> float:
    """Let the peer take the same bytes from its standard input; return its seconds per GB."""
    cost = peer.run("rcat", f"{remote}-crypt:bench/cpu.bin", sent=content)
    return cost.cpu_seconds / (content.size / 1e9)
