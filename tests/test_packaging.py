"""What a fresh machine gets: the dependencies of a Space, and a command that works from any folder."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_a_space_installs_what_the_package_needs():
    listed = (ROOT / "requirements.txt").read_text().split("\n")
    assert [line for line in listed if line] == project()["dependencies"]


def test_the_space_runs_the_gradio_that_is_allowed():
    front = (ROOT / "README.md").read_text().split("---")[1]
    assert "sdk: gradio" in front and "app_file: app.py" in front
    assert "sdk_version: 6.31" in front  # lower bound in pyproject


def test_weights_are_small_enough_for_a_space():
    files = [p for p in (ROOT / "assets").rglob("*") if p.is_file()]
    assert max(p.stat().st_size for p in files) < 10_000_000
    weights = [p for p in files if (ROOT / "assets" / "weights") in p.parents]
    assert sum(p.stat().st_size for p in weights) < 150_000_000
    assert sum(p.stat().st_size for p in files) < 180_000_000  # with the bank of references, examples and screenshots


def test_the_installed_command_works_from_any_folder(tmp_path):
    assert metadata.version("eddyline") == project()["version"], "run `pip install .` first"
    command = [str(Path(sys.executable).with_name("eddyline")), "generate", "image", "--prompt", "red heart"]
    done = subprocess.run(
        [*command, "--seed", "7", "--steps", "2", "--out", "heart.png"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "heart.png").read_bytes().startswith(b"\x89PNG")


def test_the_installed_package_brings_its_assets(tmp_path):
    code = "from pipelines.paths import assets; import pipelines; print(assets(), pipelines.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    folder = Path(done.stdout.split()[0])
    shipped = {p.relative_to(ROOT / "assets") for p in (ROOT / "assets").rglob("*") if p.is_file()}
    installed = {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()}
    assert shipped <= installed


def test_the_readme_shows_what_ships():
    text = (ROOT / "README.md").read_text()
    assert not re.search(r"@[A-Z]+@", text)
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert pictures and all((ROOT / picture).is_file() for picture in pictures)
    assert list((ROOT / "assets/examples").glob("image-*.png"))
