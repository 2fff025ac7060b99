"""/api/health: for the launcher, load balancers and people who look after servers."""

from flask import Blueprint, Response

from balancecloud.library import health
from balancecloud.library.health import Health, HealthReport
from balancecloud.web import context, security
from balancecloud.web.api import respond
from balancecloud.web.api.calls import answers
from balancecloud.web.api.shapes import Alive

blueprint = Blueprint("api_health", __name__, url_prefix="/api/health")


@blueprint.get("")
@security.public
@answers({200: HealthReport, 503: HealthReport})
def examine() -> Response:
    report = health.examine(context.gateway(), context.doorbell())
    return respond.answer(report, 503 if report.status is Health.DOWN else 200)


@blueprint.get("/live")
@security.public
@answers({200: Alive})
def live() -> Response:
    return respond.answer(Alive(status="ok"))
