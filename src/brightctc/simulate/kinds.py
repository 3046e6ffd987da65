"""What kinds of cells are like in suspension: sizes, indices, nuclei, textures; spreads, not single values."""

from typing import Self

from pydantic import model_validator

from brightctc.settings import Section
from brightctc.simulate.priors import prior

LEUKOCYTES = ("lymphocyte", "monocyte", "granulocyte")
LINES = ("a549", "calu3")
SOURCES: dict[str, dict[str, str]] = {
    "lymphocyte": {"diameter_um": "D", "index": "M", "nucleus_ratio": "M"},
    "monocyte": {"diameter_um": "G", "index": "M", "nucleus_ratio": "G", "granules": "G", "granule_index": "G"},
    "granulocyte": {"diameter_um": "G", "index": "M", "nucleus_index": "G", "nucleus_ratio": "D", "granules": "S"},
    "a549": {"diameter_um": "S2", "index": "M", "nucleus_ratio": "D"},
    "calu3": {"diameter_um": "G", "index": "M", "nucleus_ratio": "G", "granule_index": "G"},
    "patient_ctc": {"diameter_um": "G", "index": "M", "nucleus_ratio": "G", "granule_index": "G"},
}
"""Kind → setting → tag, where it isn't that of the setting in general. Leukocytes are larger than their published
medians, since enrichment by size leaves the larger ones."""


class Kind(Section):
    """One kind of cell. `_sd` beside a name is its spread from cell to cell; of logarithms where it says so."""

    diameter_um: float = prior(9.0, "S", "µm, median", gt=0.5, le=100)
    diameter_sd: float = prior(0.10, "G", "spread of the diameter's logarithm", ge=0, le=1)
    elongation_sd: float = prior(0.05, "G", "spread of the logarithm of the long over the short axis", ge=0, le=1)
    roughness: float = prior(0.012, "G", "bumps of the outline, relative to the radius", ge=0, le=0.3)
    index: float = prior(1.365, "S", "refractive index of the cytoplasm", ge=1.3, le=1.6)
    index_sd: float = prior(0.003, "G", "its spread", ge=0, le=0.05)
    nucleus_index: float = prior(1.360, "S", "refractive index of the nucleus", ge=1.3, le=1.6)
    nucleus_ratio: float = prior(0.65, "S2", "diameter of the nucleus over that of the cell", gt=0.05, le=0.95)
    nucleus_ratio_sd: float = prior(0.05, "G", "its spread", ge=0, le=0.3)
    nucleus_shape: str = prior("round", "S", "round, kidney or lobed", pattern="^(round|kidney|lobed)$")
    nucleoli: float = prior(0.0, "G", "visible nucleoli, on average", ge=0, le=20)
    nucleolus_um: float = prior(1.2, "G", "µm: diameter of a nucleolus", gt=0.1, le=10)
    nucleolus_index: float = prior(1.387, "S", "refractive index of a nucleolus", ge=1.3, le=1.6)
    texture: float = prior(0.003, "G", "standard deviation of the index inside the cytoplasm", ge=0, le=0.05)
    nucleus_texture: float = prior(0.003, "G", "standard deviation of the index inside the nucleus", ge=0, le=0.05)
    texture_um: float = prior(0.8, "G", "µm: correlation length of both", gt=0.1, le=10)
    granules: float = prior(0.0, "G", "share of the cell's volume that granules take", ge=0, le=0.5)
    granule_um: float = prior(0.35, "M", "µm: diameter of a granule", gt=0.05, le=3)
    granule_index: float = prior(1.44, "M", "refractive index of a granule", ge=1.3, le=1.6)
    blebs: float = prior(0.0, "G", "blebs, on average", ge=0, le=30)
    bleb_um: float = prior(2.0, "S2", "µm: diameter of a bleb", gt=0.1, le=10)
    dna: float = prior(1.0, "G", "DNA content: 1 is a resting diploid cell", gt=0, le=20)
    dna_sd: float = prior(0.05, "G", "spread of its logarithm", ge=0, le=1)


class Kinds(Section):
    """The kinds, in which share leukocytes come, and how often something is out of the ordinary."""

    lymphocyte: Kind = Kind(
        diameter_um=7.6, diameter_sd=0.09, index=1.366, nucleus_ratio=0.82, nucleus_ratio_sd=0.03, texture_um=0.9
    )
    monocyte: Kind = Kind(
        diameter_um=9.6, diameter_sd=0.11, index=1.362, nucleus_ratio=0.62, nucleus_shape="kidney", roughness=0.03,
        texture=0.004, granules=0.01, granule_um=0.6, granule_index=1.345, elongation_sd=0.07,
    )  # fmt: skip
    granulocyte: Kind = Kind(
        diameter_um=9.2, diameter_sd=0.10, index=1.362, nucleus_ratio=0.60, nucleus_shape="lobed", granules=0.154,
        granule_index=1.42, nucleus_index=1.368, roughness=0.02,
    )  # fmt: skip
    a549: Kind = Kind(
        diameter_um=14.9, diameter_sd=0.13, index=1.364, nucleus_ratio=0.65, nucleoli=2.5, nucleolus_um=2.6,
        roughness=0.015, texture=0.004, nucleus_texture=0.005, texture_um=1.1, blebs=0.5, dna=1.6, dna_sd=0.25,
    )  # fmt: skip
    calu3: Kind = Kind(
        diameter_um=15.0, diameter_sd=0.20, index=1.366, nucleus_ratio=0.60, nucleoli=1.8, nucleolus_um=2.4,
        roughness=0.02, texture=0.005, nucleus_texture=0.004, granules=0.02, granule_um=0.7, blebs=0.8, dna=1.5,
        dna_sd=0.25,
    )  # fmt: skip
    patient_ctc: Kind = Kind(
        diameter_um=11.4, diameter_sd=0.30, elongation_sd=0.14, index=1.364, index_sd=0.005, nucleus_ratio=0.74,
        nucleus_ratio_sd=0.07, nucleoli=1.8, nucleolus_um=2.0, roughness=0.035, texture=0.005, nucleus_texture=0.006,
        texture_um=1.0, granules=0.01, granule_um=0.7, blebs=1.0, dna=1.5, dna_sd=0.35,
    )  # fmt: skip
    lymphocytes: float = prior(0.25, "G", "share of the leukocytes that enrichment by size leaves", ge=0, le=1)
    monocytes: float = prior(0.30, "G", "share; granulocytes are the rest", ge=0, le=1)
    apoptotic: float = prior(0.05, "G", "share of cells that are dying", ge=0, le=1)
    doublets: float = prior(0.03, "G", "share of cells to which a leukocyte clings", ge=0, le=1)
    neighbours: float = prior(0.25, "G", "ghosts, platelets, debris beside a cell, on average", ge=0, le=10)
    centring_um: float = prior(0.7, "G", "µm: how far from the middle an instrument puts a cell", ge=0, le=20)
    haze: float = prior(0.04, "G", "DAPI per volume of cytoplasm; a resting nucleus has about 0.8", ge=0, le=10)
    ghost_um: float = prior(7.0, "S", "µm: diameter of a red cell's ghost, median", gt=0, le=30)
    ghost_index: float = prior(1.340, "G", "refractive index inside a ghost", ge=1.3, le=1.6)
    red_cell_um: float = prior(7.2, "S", "µm: diameter of a red cell, median", gt=0, le=30)
    red_cell_index: float = prior(1.405, "S2", "refractive index of a red cell", ge=1.3, le=1.6)
    red_cell_absorption: float = prior(0.06, "M", "per µm: of haemoglobin at 542 nm", ge=0, le=2)
    platelet_um: float = prior(2.4, "S", "µm: diameter of a platelet, median", gt=0, le=30)
    platelet_index: float = prior(1.375, "G", "refractive index of a platelet", ge=1.3, le=1.6)
    debris_um: float = prior(2.2, "G", "µm: size of a heap of debris, median", gt=0, le=30)
    debris_index: float = prior(1.370, "G", "refractive index of debris", ge=1.3, le=1.6)

    @model_validator(mode="after")
    def _shares_of_one_whole(self) -> Self:
        if self.lymphocytes + self.monocytes > 1:
            raise ValueError("the shares of lymphocytes and monocytes sum to more than 1")
        return self

    def named(self, name: str) -> Kind:
        """The kind of that name."""
        return getattr(self, name)
