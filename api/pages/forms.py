"""What forms send: fields may be empty, and times come without a time zone."""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, get_origin

from apiflask import abort
from flask import request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from sqlalchemy import Connection

from api.domain import catalog, stages
from api.domain.kit.models import Model
from api.domain.kit.times import parse_time
from api.domain.kit.types import Name
from api.http.problems import faults

# As the browser's control for a date and a time writes it; it is meant in UTC.
LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)


def _in_utc(value: Any) -> datetime:
    local = isinstance(value, str) and LOCAL.fullmatch(value)
    return parse_time(f"{value}:00Z" if local else value)


# A longer list is slower to find a name in than to type it, and most of the page.
MOST_CHOICES = 200

FormTime = Annotated[datetime, BeforeValidator(_in_utc)]


class ByName(Model):
    """The name in a path, which the database need not be asked about unless it is one."""

    name: Name


def choices(connection: Connection) -> dict[str, list[str] | None]:
    """Return the names of services, and of environments in the order of promotion, to choose from.

    None stands for more than anybody chooses from.
    """
    services = catalog.SERVICES.rows(connection, {}, MOST_CHOICES + 1)
    environments = stages.by_promotion_order(connection)
    return {
        "services": choosable([row["name"] for row in services]),
        "environments": choosable([row["name"] for row in environments]),
    }


def choosable(names: list[str]) -> list[str] | None:
    """Return names to choose from, or None if there are so many that the name is to be typed."""
    return names if len(names) <= MOST_CHOICES else None


class Form(Model):
    """The fields of a form; an empty one was left out."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def leave_out_the_empty(cls, given: Any) -> Any:
        """Drop the fields that were left empty."""
        return {name: value for name, value in dict(given).items() if value != ""}


def sent[Sent: BaseModel](model: type[Sent]) -> Sent:
    """Return what a form of ours sent, without what was left empty; abort with 422 for faults."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        values = [value for value in request.form.getlist(name) if value]
        if values:
            fields[name] = values if get_origin(field.annotation) is list else values[0]
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        faulty = {"errors": faults(error, in_body=True)}
        abort(HTTPStatus.UNPROCESSABLE_ENTITY, extra_data=faulty)
