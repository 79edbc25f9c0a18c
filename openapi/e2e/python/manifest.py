"""A manifest as it lies in its zip, read without the service."""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entitlement:
    """One entitlement, with its certificate."""

    id: str
    pool_id: str
    serial: str
    cert: str
    key: str


@dataclass(frozen=True)
class Manifest:
    """What the tests compare the service's answers with."""

    upload: bytes
    consumer_uuid: str
    cdn_url: str
    entitlements: list[Entitlement]

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        upload = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(upload)) as outer:
            inner = zipfile.ZipFile(io.BytesIO(outer.read("consumer_export.zip")))

        def entry(name: str) -> dict:
            return json.loads(inner.read(f"export/{name}"))

        with inner:
            names = inner.namelist()
            entitlements = [
                _entitlement(json.loads(inner.read(name)))
                for name in names
                if name.startswith("export/entitlements/") and name.endswith(".json")
            ]
            return cls(
                upload=upload,
                consumer_uuid=entry("consumer.json")["uuid"],
                cdn_url=entry("meta.json")["cdnUrl"],
                entitlements=entitlements,
            )


def _entitlement(value: dict) -> Entitlement:
    (certificate,) = value["certificates"]
    return Entitlement(
        id=value["id"],
        pool_id=value["pool"]["id"],
        serial=str(certificate["serial"]["serial"]),
        cert=certificate["cert"],
        key=certificate["key"],
    )
