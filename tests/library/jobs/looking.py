"""Looking at jobs as their pages do, and putting rows into a state."""

import uuid

from sqlalchemy import update

from balancecloud.library import jobs
from balancecloud.library.jobs import Watch
from balancecloud.library.views import JobDetail, Stages
from balancecloud.live.progress import ProgressStore
from balancecloud.models.jobs import Job
from balancecloud.models.library import Version
from tests.fakes.manual_clock import ManualClock
from tests.storage.world import Person


def detail_of(
    person: Person,
    progress: ProgressStore,
    job_id: uuid.UUID,
    version_id: uuid.UUID | None = None,
) -> JobDetail:
    watch = Watch(person.tools.config, progress, ManualClock())
    with person.tools.sessions() as session:
        return jobs.get_job(session, watch, person.user_id, job_id, version_id)


def stages_of(person: Person, progress: ProgressStore, job_id: uuid.UUID) -> Stages:
    with person.tools.sessions() as session:
        return jobs.job_view(session, progress, person.user_id, job_id).progress.bytes


def set_version(person: Person, version_id: uuid.UUID, **values: object) -> None:
    with person.tools.sessions.begin() as session:
        session.execute(update(Version).where(Version.id == version_id).values(**values))


def set_job(person: Person, job_id: uuid.UUID, **values: object) -> None:
    with person.tools.sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(**values))
