"""The Flask extensions, created unbound; `create_app` binds them.

Rate limiters are not here: they keep their storage to themselves, so each application makes its
own (web/limits.py).
"""

from typing import Final

from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect

from balancecloud.models import clouds, jobs, library, people, resumables
from balancecloud.models.base import Base

# Naming the modules fills Base.metadata with every table before Alembic compares.
TABLE_MODULES: Final = (people, library, clouds, jobs, resumables)

# A dead server is noticed within seconds, and no statement holds a thread for ever. A connection
# that rested is asked first whether it lives (storage/pinging.py).
ENGINE_OPTIONS: Final = {
    "hide_parameters": True,  # names and addresses stay out of errors, and so out of the log
    "pool_size": 16,
    "max_overflow": 16,
    "pool_timeout": 10,
    "connect_args": {
        "connect_timeout": 5,
        "options": "-c statement_timeout=30000 -c lock_timeout=10000 -c timezone=UTC",
    },
}

db = SQLAlchemy(
    metadata=Base.metadata,
    session_options={"expire_on_commit": False},
    engine_options=ENGINE_OPTIONS,
)
login = LoginManager()
csrf = CSRFProtect()
