"""Assembles page.html, the page into which `dvc plots show` writes, from page.in.html and the three Vega libraries.

    npm pack vega@5.33.1 vega-lite@5.23.0 vega-embed@6.29.0
    python elor/report/vega/assemble.py .

The packages come from any npm registry; only the very files that were reviewed are taken.
"""

import argparse
import hashlib
import html
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCE, LICENCES, PAGE = HERE / "page.in.html", HERE / "licences.txt", HERE / "page.html"

LIBRARIES = {  # in the order in which they build on each other
    "vega-5.33.1": "1b8504b6731c5311be3269c4d84ca996a5cc293bc772283293ede20c490e16c3",
    "vega-lite-5.23.0": "e4cbfdd8f6f1abe381c59cd558fd6a559c12b1496bfdf2e0c3295263a40fe4da",
    "vega-embed-6.29.0": "ecf1ee709c2bac9e0a4ead6908114b05b62c71493e10a8a4308109bb070f8eb1",
}
"""SHA-256 of `<package>-<version>.tgz`."""


def library(folder: Path, package: str, digest: str) -> str:
    """Return the minified build in a package.

    Raises:
        SystemExit: if the package is absent or not the one that was reviewed.
    """
    path = folder / f"{package}.tgz"
    if not path.is_file():
        raise SystemExit(f"{path} is missing; fetch it with: npm pack {'@'.join(package.rsplit('-', 1))}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        raise SystemExit(f"{path} has the SHA-256 {found}, expected {digest}.")
    with tarfile.open(path) as archive:
        build = archive.extractfile(f"package/build/{package.rsplit('-', 1)[0]}.min.js")
        assert build is not None
        return build.read().decode()


def assemble(folder: Path) -> str:
    """Return the page with the libraries of the packages in `folder` inside it."""
    scripts = []
    for package, digest in LIBRARIES.items():
        code = library(folder, package, digest)
        if "</script" in code or "{plot_divs}" in code:
            raise SystemExit(f"{package} cannot be put into a page as it is.")
        scripts.append(f'<script data-library="{package}">\n{code.strip()}\n</script>')
    page = SOURCE.read_text(encoding="utf-8")
    page = page.replace("<!-- libraries -->", "\n".join(scripts))
    return page.replace("<!-- licences -->", html.escape(LICENCES.read_text(encoding="utf-8")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the three .tgz packages")
    PAGE.write_text(assemble(parser.parse_args().folder), encoding="utf-8")
    print(f"wrote {PAGE}")
