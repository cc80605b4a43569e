"""What is asked of an index of a file: preset, indicators, and what differs from the preset."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from geodata.errors import FormatError, UsageError, some
from geodata.zones import split_layer

PICTURES = (".png", ".svg", ".pdf")

#: Options that the presets of components and of ranks do not know: they fix them.
_FIXED = ("normalisation", "aggregation", "class_rule", "cuts", "labels", "sd", "goalposts", "dynamics", "variants")
STANDARD = {"normalisation": "z", "aggregation": "arithmetic", "class_rule": "sd", "min_share": 1.0}


@dataclass(frozen=True, slots=True)
class IndexTask:
    """What is to be computed; names as on the command line.

    Attributes
    ----------
    source : str
        Table or layer, or ``FILE|layername=LAYER``.
    id_field : str
        Column with the ids.
    preset : {"mss", "rise", "gisd", "iod"}
    status, dynamics : tuple of str
        Indicators, and their changes over the years of the preset in percentage points.
    dimensions : tuple of (str, tuple of str)
        Dimensions of ``gisd`` and domains of ``iod`` with their columns.
    marker : str or None
        Column of ``gisd`` on which high means disadvantage.
    name_field, population, floor, exclude
        Column with names; with inhabitants; fewest of them; condition of areas to leave out.
    missing : tuple of float or None
        Numbers that stand for no value; None: the usual ones.
    normalisation, aggregation, class_rule, classes, cuts, labels, quantile_type, sd, goalposts, min_share
        What differs from the preset.
    weights : tuple of (str, float)
    invert : tuple of str
        Columns on which high means less disadvantage.
    variants, seed : int
        Number of variants, 0 for none, and where their draws start.
    spread : float
        Of the weights in the variants.
    """

    source: str
    id_field: str
    preset: str = "mss"
    status: tuple[str, ...] = ()
    dynamics: tuple[str, ...] = ()
    dimensions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    marker: str | None = None
    name_field: str | None = None
    population: str | None = None
    floor: float | None = None
    exclude: str | None = None
    missing: tuple[float, ...] | None = None
    normalisation: str = "z"
    aggregation: str = "arithmetic"
    class_rule: str = "sd"
    classes: int | None = None
    cuts: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    quantile_type: int = 7
    sd: str | None = None
    goalposts: tuple[tuple[str, float, float], ...] = ()
    min_share: float = 1.0
    weights: tuple[tuple[str, float], ...] = ()
    invert: tuple[str, ...] = ()
    variants: int = 0
    spread: float = 0.25
    seed: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """All indicators, each once."""
        parts = [column for _, columns in self.dimensions for column in columns]
        marker = [self.marker] if self.marker is not None else []
        return tuple(dict.fromkeys([*self.status, *self.dynamics, *parts, *marker]))

    @property
    def exploratory(self) -> tuple[str, ...]:
        """What was chosen otherwise than the preset says."""
        other = [f"{name} = {getattr(self, name)}" for name, usual in STANDARD.items() if getattr(self, name) != usual]
        other += [f"{name} = {_told(getattr(self, name))}" for name in ("cuts", "weights", "sd") if getattr(self, name)]
        return tuple(other)

    def as_dict(self) -> dict[str, Any]:
        """Return what was asked for, by name."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {
            **{name: value for name, value in said.items() if value not in (None, (), False)},
            "exploratory": list(self.exploratory),
            "sozialmonitor": version("sozialmonitor"),
        }

    def require_sense(self) -> None:
        """Refuse what contradicts itself before any file is read.

        Raises
        ------
        UsageError
            An option needs another one, or does not go with the preset.
        """
        if self.preset in ("gisd", "iod"):
            self._require_dimensions()
        elif not self.status:
            raise UsageError(
                f"expected the indicators of preset {self.preset}, found none",
                where="--status",
                hint="name columns, for example --status S1,S3,S4",
            )
        elif self.dimensions or self.marker:
            raise UsageError(
                f"expected --status with preset {self.preset}, found --dimension or --marker",
                where="--dimension",
                hint="dimensions belong to the presets gisd and iod",
            )
        for option, columns in (("--status", self.status), ("--dynamics", self.dynamics), ("--invert", self.invert)):
            if twice := {column for column in columns if columns.count(column) > 1}:
                raise UsageError(f"expected each column once, found {some(sorted(twice))} more often", where=option)
        if both := sorted(set(self.status) & set(self.dynamics)):
            raise UsageError(
                f"expected other columns for the change, found {some(both)} in both",
                where="--dynamics",
                hint="--dynamics takes columns that hold the change of each indicator in percentage points",
            )
        known = self.columns
        for option, names in (
            ("--invert", self.invert),
            ("--weights", tuple(name for name, _ in self.weights)),
            ("--goalposts", tuple(name for name, *_ in self.goalposts)),
        ):
            units = (*known, *(name for name, _ in self.dimensions)) if option == "--weights" else known
            if strange := [name for name in names if name not in units]:
                raise UsageError(
                    f"expected indicators of the index, found {some(strange)}",
                    where=option,
                    hint=f"it has {some(units)}",
                )
        self._require_pairs()

    def _require_pairs(self) -> None:
        if self.floor is not None and self.population is None:
            raise UsageError(
                "expected --population with --floor, found none",
                where="--floor",
                hint="name the column with the inhabitants",
            )
        if (self.normalisation == "goalposts") != bool(self.goalposts):
            raise UsageError(
                "expected --goalposts with --normalisation goalposts, found one of them",
                where="--goalposts",
                hint="for example --goalposts unemployed=0:20,poor=0:40",
            )
        if self.class_rule == "fixed" and not self.cuts:
            raise UsageError("expected --cuts with --class-rule fixed, found none", where="--cuts")
        if self.cuts and self.class_rule not in ("sd", "fixed"):
            raise UsageError(
                f"expected --cuts with --class-rule sd or fixed, found {self.class_rule}",
                where="--cuts",
                hint="the others find their cuts; say how many classes with --classes",
            )
        if self.classes is not None and self.class_rule in ("sd", "fixed"):
            raise UsageError(
                f"expected --classes with --class-rule quantile, equal or jenks, found {self.class_rule}",
                where="--classes",
                hint="for sd and fixed the number follows from --cuts",
            )
        if self.variants and self.class_rule not in ("sd", "quantile"):
            raise UsageError(
                f"expected --class-rule sd or quantile with --variants, found {self.class_rule}",
                where="--variants",
                hint="other rules find no comparable classes in each variant",
            )
        if self.variants and self.normalisation == "goalposts":
            raise UsageError(
                "expected another normalisation with --variants, found goalposts",
                where="--variants",
                hint="variants are made of z, min-max and percentiles",
            )

    def _require_dimensions(self) -> None:
        own = "dimensions" if self.preset == "gisd" else "domains"
        if not self.dimensions or self.status:
            raise UsageError(
                f"expected {own} of preset {self.preset}, found {'--status' if self.status else 'none'}",
                where="--dimension",
                hint="for example --dimension Arbeitswelt=unemployed,employed --dimension Einkommen=tax,debtors"
                if self.preset == "gisd"
                else "for example --dimension income=poor --dimension employment=unemployed,idle",
            )
        names = [name for name, _ in self.dimensions]
        if twice := {name for name in names if names.count(name) > 1}:
            raise UsageError(
                f"expected each of the {own} once, found {some(sorted(twice))} more often", where="--dimension"
            )
        if self.preset == "gisd" and self.marker is None:
            raise UsageError(
                "expected a marker with preset gisd, found none",
                where="--marker",
                hint="name the column that fixes the sign of each dimension, in the original the unemployment rate",
            )
        if self.preset == "gisd" and (self.weights or self.invert):
            raise UsageError(
                "expected neither --weights nor --invert with preset gisd, found one of them",
                where="--preset",
                hint="its components find weights and signs",
            )
        usual = IndexTask("", "")
        given = [name for name in _FIXED if getattr(self, name) != getattr(usual, name)]
        if self.preset == "iod" and self.marker is not None:
            given.append("marker")
        if self.min_share != 1.0:
            given.append("min_share")
        if given:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise UsageError(
                f"expected no {options} with preset {self.preset}, which fixes or lacks it",
                where="--preset",
                hint="take preset mss, or leave it out",
            )


def require_new(path: Path, endings: tuple[str, ...], option: str, *, overwrite: bool) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Raises
    ------
    UsageError
        Its ending is not among `endings`.
    FormatError
        Its folder does not exist, or the file does and is not to be replaced.
    """
    if path.suffix.lower() not in endings:
        raise UsageError(f"expected a name that ends in {', '.join(endings)}, found {path.name!r}", where=option)
    if not path.parent.is_dir():
        raise FormatError(
            f"expected the folder {str(path.parent)!r}, found none", where=str(path), hint="make it, or name another"
        )
    if path.exists() and not overwrite:
        raise FormatError("expected a new file, found one of this name", where=str(path), hint="add --overwrite")


def require_other(path: Path, source: str) -> None:
    """Refuse to write over the input.

    Raises
    ------
    UsageError
        Both are one file.
    """
    given = split_layer(source)[0]
    if path.exists() and given.exists() and path.samefile(given):
        raise UsageError("expected another file than the input, found the same", where=str(path), hint="name another")


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join("=".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in value)
    return str(value)
