"""How sites differ: lamp, evenness of the light, focus, dust, chip, stain. All of it is guessed, and settable."""

from pydantic import field_validator

from brightctc.settings import Section
from brightctc.simulate.priors import prior


class Site(Section):
    """An instrument as it stands in a hospital; 1 is a factor that changes nothing."""

    light: float = prior(1.0, "G", "factor on the bright field's exposure", gt=0, le=1.6)
    lamp_sd: float = prior(0.02, "G", "relative, from cell to cell", ge=0, le=0.5)
    gradient: float = prior(0.03, "G", "relative change of the light across a crop", ge=0, le=1)
    vignetting: float = prior(0.15, "G", "light that is lost in the field's corner, a share", ge=0, lt=1)
    focus_um: float = prior(3.0, "G", "µm past the cell's middle, on average", ge=-50, le=50)
    focus_sd_um: float = prior(1.5, "G", "µm, from cell to cell", ge=0, le=50)
    focus_drift_um: float = prior(2.0, "G", "µm from the middle of the cartridge to its end", ge=0, le=50)
    field_um: float = prior(600.0, "G", "µm: half the width of the field of view that crops are cut from", gt=10)
    dust: float = prior(0.15, "G", "specks a crop, on average", ge=0, le=20)
    electrodes: float = prior(0.012, "G", "relative contrast of the chip's pattern", ge=0, le=0.5)
    pitch_um: float = prior(20.0, "M", "µm between electrodes", gt=1, le=500)
    stain: float = prior(1.0, "G", "factor on DAPI's brightness", gt=0, le=5)
    pixel_factor: float = prior(1.0, "G", "factor on the pixel size", gt=0.5, le=2)


class Sites(Section):
    """The sites that donors go to in turn, and what they are like."""

    use: tuple[str, ...] = prior(("reference",), "choice", "names of the sites in use; donors go to them in turn")
    reference: Site = Site()
    dim: Site = Site(light=0.6, lamp_sd=0.04, gradient=0.06, vignetting=0.3, stain=0.6)
    sharp: Site = Site(focus_um=0.5, focus_sd_um=0.8, focus_drift_um=0.5, dust=0.3)
    coarse: Site = Site(pixel_factor=1.25, focus_um=5.0, focus_sd_um=2.5, electrodes=0.03, light=1.2)

    @field_validator("use")
    @classmethod
    def _are_known(cls, use: tuple[str, ...]) -> tuple[str, ...]:
        known = [name for name in cls.model_fields if name != "use"]
        unknown = [name for name in use if name not in known]
        if unknown:
            raise ValueError(f"there is no site {unknown[0]!r}; known are {', '.join(known)}")
        if not use:
            raise ValueError(f"name at least one site of {', '.join(known)}")
        return use

    def named(self, name: str) -> Site:
        """The site of that name."""
        return getattr(self, name)
