"""What an operator sets: which county and edition is served, where, and under which address.

There is no module-level instance: the command line builds one and hands it to ``service.api.app.create_app``.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from geodata.errors import ConfigError
from geodata.store.model import Edition

#: Environment variable → setting; the command line's options come first.
ENVIRONMENT = {
    "SOZIALMONITOR_STATE": "state_dir",
    "SOZIALMONITOR_COUNTY": "county",
    "SOZIALMONITOR_EDITION": "edition",
    "SOZIALMONITOR_HOST": "host",
    "SOZIALMONITOR_PORT": "port",
    "SOZIALMONITOR_BASE_URL": "base_url",
    "SOZIALMONITOR_BASEMAP": "basemap",
    "SOZIALMONITOR_BASEMAP_ATTRIBUTION": "basemap_attribution",
    "SOZIALMONITOR_LANGUAGE": "language",
}


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only be reached from the same machine.

    Parameters
    ----------
    host : str
        A name or an address, IPv6 with or without brackets, without a port.

    Returns
    -------
    bool
        True for ``localhost``, 127.0.0.0/8 and ::1.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Settings(BaseModel):
    """Settings of the service.

    Attributes
    ----------
    state_dir : Path
        Where the publications lie: ``<state_dir>/<county>/publications/<id>``.
    county : str
        Id of the county that is served.
    edition : {"public", "internal"}
        The internal edition holds unsuppressed values and is served on the loopback only.
    host, port : str, int
        Where the server listens.
    base_url : str or None
        The address under which people reach the service (behind a proxy); None takes it from each request.
    basemap : str or None
        Tile address with ``{z}/{x}/{y}`` of the county's own or an official base map; None draws none, so that no
        page asks a third party for anything.
    basemap_attribution : str
        The credit line that the base map's owner asks for; required with a base map.
    language : {"de", "en"}
        What pages speak unless ``lang`` says otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state_dir: Path
    county: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    edition: Edition = "public"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    base_url: str | None = None
    basemap: str | None = None
    basemap_attribution: str = ""
    language: Literal["de", "en"] = "de"

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"expected an address like https://monitor.example.org, found {value!r}")
        return value.rstrip("/")

    @field_validator("basemap")
    @classmethod
    def _tile_address(cls, value: str | None) -> str | None:
        if value is not None and not (
            value.startswith("https://") and all(part in value for part in ("{z}", "{x}", "{y}"))
        ):
            raise ValueError(f"expected an https address with {{z}}, {{x}} and {{y}}, found {value!r}")
        return value

    @model_validator(mode="after")
    def _credited(self) -> Self:
        if self.basemap is not None and not self.basemap_attribution:
            raise ValueError("a base map needs basemap_attribution, the credit line that its owner asks for")
        return self

    @model_validator(mode="after")
    def _internal_stays_here(self) -> Self:
        if self.edition == "internal":
            reached = urlsplit(self.base_url).hostname if self.base_url else None
            for name, host in (("host", self.host), ("base_url", reached)):
                if host is not None and not is_loopback(host):
                    raise ValueError(
                        "the internal edition holds unsuppressed values and is served on the loopback only; "
                        f"expected {name} 127.0.0.1, ::1 or localhost, found {host!r}"
                    )
        return self

    @classmethod
    def build(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Build settings from what was given and, for what was not, from environment variables.

        Parameters
        ----------
        environment : mapping of str to str, optional
            By default that of the process.
        **given
            Settings by name; None counts as not given.

        Returns
        -------
        Settings
            Validated and frozen.

        Raises
        ------
        ConfigError
            A setting is missing, unknown or of the wrong kind.
        """
        surroundings = os.environ if environment is None else environment
        values: dict[str, Any] = {
            name: surroundings[variable] for variable, name in ENVIRONMENT.items() if surroundings.get(variable)
        }
        values.update({name: value for name, value in given.items() if value is not None})
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(str(part) for part in problem["loc"])
            variable = next((v for v, name in ENVIRONMENT.items() if name == place), None)
            raise ConfigError(
                problem["msg"].removeprefix("Value error, "),
                where=f"setting {place}" if place else "settings",
                hint=f"give it as an option or as {variable}" if variable else None,
            ) from error
