"""Personal data in texts: what looks like it, and what of a laboratory's own words must not."""

import numpy as np
import pytest
import tifffile

from brightctc.check.personal import looks_like_full_name, looks_personal
from brightctc.check.tags import read_tags

RECORD, BIRTH, NAME = "a record number", "a birth date", "a person's name"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("MRN 12345678", RECORD),
        ("mrn_0012345", RECORD),
        ("patient_id 0012345", RECORD),
        ("NHS 943 476 5919", RECORD),
        ("123-45-6789", RECORD),
        ("756.1234.5678.97", RECORD),
        ("RSSMRA56C52F205X", RECORD),
        ("Mueller_Hans_1956-03-12", BIRTH),
        ("DOB", BIRTH),
        ("geb. 12.03.1956", BIRTH),
        ("born 1956", BIRTH),
        ("03/25/1956", BIRTH),
        ("s7 1956_03_12", BIRTH),
        ("Mueller_Hannes_19560312", NAME),
        ("rossi_maria", NAME),
        ("MARIA_ROSSI", NAME),
        ("Rossi, Maria.tif", NAME),
        ("Smith_John_001_BF.tif", NAME),
        ("Frau Schmidt", NAME),
        ('<Experimenter FirstName="Hans" LastName="Müller"/>', NAME),
        ("Patient name: Rossi", NAME),
        ("write to someone@hospital.org", "an e-mail address"),
    ],
)
def test_looks_personal(text, what):
    assert looks_personal(text) == what


@pytest.mark.parametrize(
    "text",
    [
        *("exp1_00042", "S01/c0001", "Experiment_1", "cartridge-1998-001", "HD_03", "LBX-19/1203", "donor_007"),
        *("Patient_00123", "sample_1234567", "id 00012345", "19560312", "x1920_y1080", "12-11-1956", "case 12"),
        *("A549_spike_2024-03-12", "20240312_run2", "P-2023-12-04", "NSCLC_2019-05-12_S3", "DAPI_100ms_19.5.12"),
        *("1970-01-01 00:00:00", "1980:01:01", "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "v1998.01.02.03"),
        *("Jurkat", "Calu3", "HeLa_Grace", "Max_Intensity", "John", "michael", "David_Lab", "Healthy_Donor_12"),
        *("San_Raffaele_Hospital", "Royal_Free", "Zeiss, Axio Observer", "Nikon Instruments", "WBC_CTC", "geb_2"),
        *('{"shape": [20, 20]}', "ImageJ=1.53t\nimages=1\nunit=micron", "born_fresh", "12_Jan_Friday"),
    ],
)
def test_words_of_the_laboratory_are_no_personal_data(text):
    assert looks_personal(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hans Mueller", True),
        ("Mueller, Hans", True),
        ("Zeiss", False),
        ("Imaging Facility", False),
        ("ACME Lab", False),
    ],
)
def test_a_tag_for_persons(text, name):
    assert looks_like_full_name(text) == name


@pytest.mark.parametrize(
    "options", [{}, {"bigtiff": True}, {"byteorder": ">"}], ids=["classic", "BigTIFF", "big-endian"]
)
def test_tags_are_read_whatever_the_kind_of_tiff(tmp_path, options):
    path = tmp_path / "c.tif"
    words = [(315, 2, 0, "Hans Mueller", True), (316, 2, 0, "PC", True)]
    tifffile.imwrite(path, np.zeros((20, 20), np.uint16), description="MRN 12345678", extratags=words, **options)
    tags = read_tags(path)
    assert tags["ImageDescription"].startswith("MRN 12345678")
    assert (tags["Artist"], tags["HostComputer"]) == ("Hans Mueller", "PC")


def test_damaged_files_give_fewer_words_and_no_error(tmp_path):
    path = tmp_path / "c.tif"
    tifffile.imwrite(path, np.zeros((20, 20), np.uint16), description="DOB " * 20)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        spoilt = bytearray(whole[: rng.integers(1, len(whole))])
        for place in rng.integers(0, min(len(spoilt), 300), 4):
            spoilt[place] = rng.integers(256)
        path.write_bytes(spoilt)
        assert all(isinstance(text, str) for text in read_tags(path).values())
    assert read_tags(tmp_path / "missing.tif") == {}
    assert read_tags(tmp_path) == {}
