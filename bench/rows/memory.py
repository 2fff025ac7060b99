"""The most memory that a worker and a web process ever hold."""

from concurrent.futures import ThreadPoolExecutor

from bench.content import MB, Content
from bench.figures import Figure, Goal
from bench.processes import peaks_of_memory
from bench.run import Run
from bench.world import World, world
from tests.journey.client import Program

ROW = "memory"
EACH_WAY = 10


def measure(run: Run) -> list[Figure]:
    big = Content(run.size(2000 * MB, 32 * MB))
    sent = Content(run.size(200 * MB, 8 * MB))
    with world(run.folder / "world") as here:
        with peaks_of_memory(here.house) as storing:
            file_id = here.store(big)
        with peaks_of_memory(here.house) as moving:
            move(here, file_id, sent)
    worker, web = (storing["worker"] / MB, moving["gunicorn"] / MB)
    return [
        Figure(ROW, f"a worker while it stores {big.size // MB} MB", "MB", worker,
               goals=(Goal("itself", 250, is_ceiling=True),),
               note=f"the web process meanwhile: {storing['gunicorn'] / MB:.0f} MB"),
        Figure(ROW, f"a web process with {2 * EACH_WAY} transfers at once", "MB", web,
               goals=(Goal("itself", 200, is_ceiling=True),),
               note=f"{EACH_WAY} up and {EACH_WAY} down, {sent.size // MB} MB each; "
                    f"a worker meanwhile: {moving['worker'] / MB:.0f} MB"),
    ]  # fmt: skip


def move(here: World, file_id: str, sent: Content) -> None:
    """Send and read as many files at once; all must end well."""
    with ThreadPoolExecutor(2 * EACH_WAY) as pool:
        up = [pool.submit(here.upload, sent, f"{number}.bin") for number in range(EACH_WAY)]
        down = [pool.submit(_read, here.program, file_id, sent.size) for _ in range(EACH_WAY)]
        for sent_one in up:
            sent_one.result()
        for read_one in down:
            read_one.result()


def _read(program: Program, file_id: str, size: int) -> None:
    url = f"{program.base}/api/files/{file_id}/download"
    headers = {"Range": f"bytes=0-{size - 1}"}
    with program.session.get(url, headers=headers, stream=True, timeout=600) as answer:
        answer.raise_for_status()
        read = sum(map(len, answer.iter_content(1 << 20)))
    if read != size:
        raise RuntimeError(f"{read} bytes came instead of {size}.")
