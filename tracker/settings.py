"""Settings that a server needs before it can open its database: a TOML file, then `TRACKER_*` variables.

What admins may change while it runs lives in the database.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from tracker.errors import Misconfigured, nearest
from tracker.i18n import _

PREFIX = "TRACKER_"
FILE_VARIABLE = "TRACKER_SETTINGS"
FILE_NAME = "settings.toml"
MASTER_KEY_VARIABLE = "TRACKER_MASTER_KEY"  # read by the vault alone, and kept in no settings
IGNORED = (
    FILE_VARIABLE,
    MASTER_KEY_VARIABLE,
    "TRACKER_NEW_MASTER_KEY",  # read when the master key is changed
    "TRACKER_SAMPLES",
    "TRACKER_SKIP_FRONTEND",
)  # and TRACKER_TEST_*
SECRET_FILE = "secret.key"  # noqa: S105 - the name of a file
SECRET_BYTES = 32
LogLevel = Literal["debug", "info", "warning", "error"]
LogForm = Literal["text", "json"]
Names = Annotated[tuple[str, ...], NoDecode]


def default_home() -> Path:
    """Return the folder where programs of this person keep their data."""
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if data else Path.home() / ".local" / "share") / "tracker"


class Settings(BaseSettings):
    """All settings, frozen. `load_settings()` reads file and environment; tests name what they need."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True)

    home: Path = Field(
        default_factory=default_home,
        description="Folder of the database, files and keys. Default: `~/.local/share/tracker`, or below `XDG_DATA_HOME`.",
    )
    database_url: str = Field(
        default="",
        repr=False,
        description="`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`. Default: `tracker.db` in the home.",
    )
    master_key_file: Path = Field(
        default=Path(),
        description="File of the key that seals encrypted fields; keep it apart from backups. Default: `master.key` in the home.",
    )
    url: str = Field(
        default="",
        description="Address at which people reach Tracker, such as `https://crm.example.org`: the one source of scheme, host and links.",
    )
    host: str = Field(default="127.0.0.1", description="Address on which `tracker serve` listens.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port on which `tracker serve` listens.")
    trusted_hosts: Names = Field(
        default=(),
        description="Host names that requests may name, separated by commas. Default: that of `url`, or this machine's own.",
    )
    log_level: LogLevel = Field(default="info", description="`debug`, `info`, `warning` or `error`.")
    log: LogForm = Field(
        default="text",
        description="Form of the log: `text`, or `json` for one object a line. `--log` of a command goes before it.",
    )
    trusted_proxies: Names = Field(
        default=(),
        description="Addresses or networks of proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed, separated by commas.",
    )
    safe_mode: bool = Field(default=False, description="Start with no plugin but the built-in field types.")
    plugins_off: Names = Field(
        default=(), description="Names of plugins that are neither imported nor asked, separated by commas."
    )

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917 - the library's own signature
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is handed over and nothing else: `load_settings` knows the order and names mistakes."""
        return (init_settings,)

    @field_validator("trusted_hosts", "trusted_proxies", "plugins_off", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url", mode="after")
    @classmethod
    def _default_database(cls, value: str, info: Any) -> str:
        return value or f"sqlite:///{info.data['home'] / 'tracker.db'}" if "home" in info.data else value

    @field_validator("master_key_file", mode="after")
    @classmethod
    def _default_key(cls, value: Path, info: Any) -> Path:
        home: Path = info.data.get("home", Path())
        return home / (value.expanduser() if value != Path() else "master.key")

    @field_validator("url", mode="after")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("write it with http:// or https://")
        if value.count("/") > 2 and value.rstrip("/").count("/") > 2:
            raise ValueError("give Tracker a host of its own; it does not run below a path")
        return value.rstrip("/")

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"“{each}” is no address and no network, such as 10.0.0.0/8") from None
        return value

    @property
    def secret_file(self) -> Path:
        """The file, mode 600, from which signing keys derive; made at the first start."""
        return self.home / SECRET_FILE

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes for one purpose, such as `session`: the same in every process, and no other's.

        :raises Misconfigured: the file is not there, or is not ours to read.
        """
        return derive(self.secret_file, purpose)


def load_settings(file: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read settings: defaults, then the file, then `TRACKER_*` variables.

    :param file: a TOML file that must be there. Otherwise that of `TRACKER_SETTINGS`, or `settings.toml`
        in the home if there is one.
    :param environ: the environment; tests pass their own.
    :raises Misconfigured: a key or variable that does not exist, or a value that cannot be.
    """
    environ = os.environ if environ is None else environ
    known = tuple(Settings.model_fields)
    given = _from_environment(environ, known)
    if file is None and environ.get(FILE_VARIABLE):
        file = Path(environ[FILE_VARIABLE])
    if file is None:
        home = Path(given["home"]).expanduser() if "home" in given else default_home()
        file = home / FILE_NAME if (home / FILE_NAME).is_file() else None
    values = (_from_file(file, known) if file else {}) | given
    try:
        return Settings(**values)
    except ValidationError as error:
        raise Misconfigured(_("%(all)s", all=" ".join(_sentences(error, given, file)))) from None


def derive(file: Path, purpose: str) -> bytes:
    """Return the key of one purpose from the secret in `file`.

    :raises Misconfigured: the file is missing, too short, or readable by others.
    """
    try:
        secret, mode = file.read_bytes(), file.stat().st_mode
    except OSError as error:
        raise Misconfigured(
            _(
                "The secret of this workspace is not at %(file)s. Copy it from the server that has it: without it, "
                "sessions and links of one server mean nothing to another.",
                file=file,
            )
        ) from error
    if mode & 0o077:
        raise Misconfigured(_("Others may read %(file)s; run: chmod 600 %(file)s", file=file))
    if len(secret) != SECRET_BYTES:
        raise Misconfigured(_("%(file)s is damaged; put it back from where it was copied.", file=file))
    return HKDF(algorithm=SHA256(), length=32, salt=b"tracker", info=purpose.encode()).derive(secret)


def variable(key: str) -> str:
    """Return the name of the environment variable that sets `key`."""
    return PREFIX + key.upper()


def settings_table() -> str:
    """Return the table of docs/settings.md: every setting with its variable, default and meaning."""
    rows = ["| in the file | variable | default | what it is |", "|---|---|---|---|"]
    for key, field in Settings.model_fields.items():
        plain = field.default not in ("", (), Path()) and field.default_factory is None
        shown = f"`{str(field.default).lower()}`" if plain else ""
        rows.append(f"| `{key}` | `{variable(key)}` | {shown} | {field.description} |")
    return "\n".join(rows)


def _from_environment(environ: Mapping[str, str], known: Iterable[str]) -> dict[str, Any]:
    names = {variable(key): key for key in known}
    given: dict[str, Any] = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in IGNORED or name.startswith("TRACKER_TEST_"):
            continue
        if name not in names:
            raise Misconfigured(
                _(
                    "There is no setting %(name)s.%(hint)s",
                    name=name,
                    hint=_hint(name, (*names, FILE_VARIABLE, MASTER_KEY_VARIABLE)),
                )
            )
        given[names[name]] = value
    return given


def _from_file(file: Path, known: Iterable[str]) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(_("The settings in %(file)s cannot be read.", file=file)) from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(_("%(file)s is no TOML: %(error)s.", file=file, error=error)) from error
    for key in values:
        if key not in known:
            raise Misconfigured(
                _(
                    "%(file)s: there is no setting “%(key)s”.%(hint)s",
                    file=file,
                    key=key,
                    hint=_hint(key, known),
                )
            )
    return values


def _hint(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f" Did you mean “{near}”?" if near else ""


def _sentences(error: ValidationError, given: Mapping[str, Any], file: Path | None) -> list[str]:
    """Say what is wrong with each value, without the value: it may be a password."""
    sentences = []
    for each in error.errors(include_input=False, include_url=False):
        key = str(each["loc"][0]) if each["loc"] else ""
        place = variable(key) if key in given else f"{file}: {key}"
        what = each["msg"].removeprefix("Value error, ")
        sentences.append(f"{place}: {what[:1].lower()}{what[1:]}.")
    return sentences
