"""Everything that a simulation depends on, except its seed: who, which cells, which optics, camera and site."""

from typing import Any, Literal, Self

import yaml
from pydantic import model_validator

from brightctc.settings import Section
from brightctc.simulate.kinds import SOURCES, Kinds
from brightctc.simulate.priors import prior, tag_of
from brightctc.simulate.sites import Sites

FORMAT_VERSION = 1


class Cohort(Section):
    """Who gave how many cells. The counts are the paper's; what it leaves open is a choice."""

    line_cells: int = prior(529, "S", "cells of two lines, spiked into volunteers' blood", ge=0, le=10_000_000)
    spiked_leukocytes: int = prior(388, "S", "leukocytes of the volunteers", ge=0, le=10_000_000)
    patient_ctcs: int = prior(52, "S", "CTCs of the patients", ge=0, le=10_000_000)
    leukocytes_per_ctc: float = prior(10.0, "choice", "leukocytes of the patients to one of their CTCs", ge=0, le=1e6)
    volunteers: int = prior(8, "choice", "donors of the spiked blood", ge=1, le=100_000)
    patients: int = prior(13, "choice", "donors of the CTCs", ge=1, le=100_000)
    others: int = prior(0, "choice", "objects of neither class: ghosts, debris; without a label", ge=0, le=10_000_000)
    prefix: str = prior("", "choice", "before sample and donor ids, so that two exports differ", pattern=r"^\w{0,20}$")
    class_difference: bool = prior(True, "choice", "false: tumour cells are drawn as leukocytes; a negative control")
    blood_volume_ml: float = prior(7.5, "choice", "ml of blood a sample", gt=0, le=1000)

    @model_validator(mode="after")
    def _some_cells(self) -> Self:
        if self.line_cells + self.spiked_leukocytes + self.patient_ctcs + self.others == 0:
            raise ValueError("all counts are zero: there would be no cell")
        return self


class Optics(Section):
    """Objective, condenser and light; the light that is scattered by more than `aperture` is lost."""

    aperture: float = prior(0.28, "G", "numerical aperture of the objective", gt=0)
    condenser: float = prior(0.14, "G", "numerical aperture of the illumination", ge=0)
    wavelength_um: float = prior(0.55, "G", "µm: bright field", gt=0.2, le=2)
    dapi_wavelength_um: float = prior(0.461, "S", "µm: DAPI's emission", gt=0.2, le=2)
    medium: float = prior(1.335, "S", "refractive index around the cells", ge=1, le=2)
    pixel_size_um: float = prior(0.345, "G", "µm in the sample: a 3.45 µm camera pixel behind 10x", gt=0, le=5)
    size: int = prior(148, "S", "px: height and width of a crop", ge=16, le=1024)
    oversampling: int = prior(2, "N", "points of the drawn cell in a pixel's width", ge=1, le=8)
    source_points: int = prior(
        192, "N", "points of the condenser that are summed (Abbe); few leave rings far from a cell", ge=1, le=1000
    )
    slices: int = prior(1, "choice", "1: thin object; more: multislice, for apertures of 0.4 and more", ge=1, le=64)
    dapi_slices: int = prior(7, "G", "slices through the stained cell", ge=1, le=64)

    @model_validator(mode="after")
    def _light_can_pass(self) -> Self:
        if self.aperture >= self.medium:
            raise ValueError(f"aperture {self.aperture:g} is not below the medium's index {self.medium:g}")
        if self.condenser > self.aperture:
            raise ValueError(f"condenser {self.condenser:g} is above the objective's aperture {self.aperture:g}")
        step = self.pixel_size_um / self.oversampling
        most = min(self.wavelength_um, self.dapi_wavelength_um) / (4 * self.aperture)
        if step > most:
            raise ValueError(
                f"{step:.3g} µm between drawn points is too coarse for aperture {self.aperture:g} "
                f"(at most {most:.3g}): raise oversampling"
            )
        return self

    def at(self, pixel_factor: float) -> "Optics":
        """The same with pixels that are larger by a factor, as a site has them."""
        return Optics.model_validate(self.model_dump() | {"pixel_size_um": self.pixel_size_um * pixel_factor})


OBJECTIVES: dict[str, dict[str, Any]] = {
    "10x": {},
    "20x": {"aperture": 0.45, "condenser": 0.25, "pixel_size_um": 0.3225, "slices": 8, "source_points": 64},
}
"""Objective → what differs from the default optics; 20x has a 6.45 µm camera pixel, as 3.45 would see 26 µm alone."""


class Camera(Section):
    """From light to grey levels (EMVA 1288, linear)."""

    full_well: float = prior(18_000.0, "S", "electrons that a pixel holds", gt=0)
    read_noise: float = prior(6.0, "S", "electrons, standard deviation", ge=0)
    offset: float = prior(100.0, "S", "grey levels without light", ge=0)
    bits: int = prior(12, "S", "of the camera; files have 16", ge=8, le=16)
    exposure: float = prior(0.55, "G", "background of bright field, as a share of the full well", gt=0, le=1)
    dapi_peak: float = prior(3000.0, "G", "electrons at the brightest place of a typical nucleus", gt=0)
    dapi_background: float = prior(40.0, "G", "electrons: autofluorescence, stray light", ge=0)

    @property
    def gain(self) -> float:
        """Grey levels per electron: the full well reaches the highest level."""
        return (2**self.bits - 1 - self.offset) / self.full_well

    @model_validator(mode="after")
    def _offset_leaves_room(self) -> Self:
        if self.offset >= 2**self.bits - 1:
            raise ValueError(f"offset {self.offset:g} is the highest level of {self.bits} bits or above")
        return self


class Settings(Section):
    """A whole simulation; `Settings()` is the default."""

    format_version: Literal[1] = FORMAT_VERSION
    cohort: Cohort = Cohort()
    kinds: Kinds = Kinds()
    optics: Optics = Optics()
    camera: Camera = Camera()
    sites: Sites = Sites()

    @model_validator(mode="after")
    def _every_site_can_be_calculated(self) -> Self:
        for name in self.sites.use:
            self.optics.at(self.sites.named(name).pixel_factor)
        return self

    def to_yaml(self) -> str:
        """Every setting with its tag and meaning as a comment; `read_settings` reads it back."""
        return "\n".join([f"format_version: {FORMAT_VERSION}", *_lines(self, "", {})]) + "\n"


def _lines(section: Section, indent: str, tags: dict[str, str]) -> list[str]:
    """YAML with comments. tags: of settings whose tag isn't that of the field."""
    lines = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ", SOURCES.get(name, {}))]
        elif name != "format_version":
            plain = list(value) if isinstance(value, tuple) else value
            text = yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
            lines.append(f"{indent}{name}: {text}  # [{tags.get(name, tag_of(field))}] {field.description}")
    return lines
