"""The declarative base, common column types, and states as CHECK constraints."""

import enum
import uuid
from datetime import datetime
from typing import Annotated

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    LargeBinary,
    MetaData,
    Text,
    func,
)
from sqlalchemy.orm import DeclarativeBase, mapped_column

# Names of constraints are fixed, so that migrations can name what they drop.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table of BalanceCloud."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads this plain dict
        datetime: DateTime(timezone=True),
        bytes: LargeBinary,
        str: Text,
    }


Id = Annotated[uuid.UUID, mapped_column(primary_key=True, default=uuid.uuid4)]
Bytes64 = Annotated[int, mapped_column(BigInteger)]
Created = Annotated[datetime, mapped_column(server_default=func.now())]


def states(column: str, values: type[enum.Enum]) -> CheckConstraint:
    """Return the constraint that a text column holds one of an enum's values."""
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def text_enum(values: type[enum.Enum]) -> Enum:
    """Return a column type that stores an enum's values as text."""
    return Enum(
        values,
        native_enum=False,
        create_constraint=False,
        length=24,
        values_callable=lambda kind: [value.value for value in kind],
        validate_strings=True,
    )
