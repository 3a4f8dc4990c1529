"""The arrows between folders, read from the imports; and words that no file may hold."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MEDIA = ("image", "speech", "sound", "video", "clips", "mesh", "shapes", "lipsync", "pretrained")
PIPELINES = {f"pipelines.{name}" for name in MEDIA}
FILES = sorted([*(ROOT / "pipelines").rglob("*.py"), *(ROOT / "studio").rglob("*.py"), ROOT / "app.py"])

# Folder or module -> what it may import of this project besides itself.
ALLOWED = {
    "pipelines.flow": {"pipelines.errors"},
    "pipelines.edit": {"pipelines.flow", "pipelines.errors"},
    "pipelines.backbone": {"pipelines.errors"},
    "pipelines.catalogue": {"pipelines.errors", "pipelines.paths"},
    "pipelines.checkpoints": {"pipelines.errors", "pipelines.catalogue"},
    "pipelines.models": {
        *("pipelines.backbone", "pipelines.flow", "pipelines.errors", "pipelines.paths", "pipelines.score"),
        "pipelines.checkpoints",
        "pipelines.codecs.mel",  # what the frames mean that the vocoder turns into sound
    },
    "pipelines.codecs": {"pipelines.media", "pipelines.headers", "pipelines.errors"},
    "pipelines.reading": {"pipelines.errors"},
    "pipelines.score": {"pipelines.errors"},
    "pipelines.enlarging": {"pipelines.errors", "pipelines.paths"},
    "pipelines.shapes": {
        *("pipelines.settings", "pipelines.events", "pipelines.errors", "pipelines.media"),
        "pipelines.codecs.rendering",
    },
    "pipelines.training": {
        *("pipelines.backbone", "pipelines.models", "pipelines.flow", "pipelines.codecs", "pipelines.reading"),
        *("pipelines.errors", "pipelines.paths", "pipelines.media", "pipelines.visemes"),
        "pipelines.score",
    },
    "studio": {
        *PIPELINES,
        *("pipelines.settings", "pipelines.events", "pipelines.errors", "pipelines.media", "pipelines.paths"),
        "pipelines.headers",
        "pipelines.enlarging",
        "pipelines.catalogue",
        "pipelines.checkpoints",
    },
}
# Parts that only these may reach.
RESERVED = {
    "pipelines.models": {*PIPELINES, "pipelines.training"},
    "pipelines.codecs": {
        *PIPELINES,
        "pipelines.training",
        *(f"pipelines.models.{name}" for name in ("vocoder", "sources", "refining", "transcriber", "combs", "f5tts")),
    },
}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path, *, at_import_only=False):
    """Absolute names that ``path`` imports; ``from a import b`` counts as a.b where that is a module, else as a."""
    found = set()
    for node in _nodes(ast.parse(path.read_text()), at_import_only):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {_module(node.module, alias.name) for alias in node.names}
    return found


def _nodes(tree, at_import_only):
    if not at_import_only:
        yield from ast.walk(tree)
        return
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if not lazy and not typing_only:
            waiting.extend(ast.iter_child_nodes(node))


def _module(package, name):
    place = ROOT / package.replace(".", "/") / name
    return f"{package}.{name}" if place.is_dir() or place.with_suffix(".py").is_file() else package


def below(name, part):
    return name == part or name.startswith(f"{part}.")


def ours(names):
    return {name for name in names if below(name, "pipelines") or below(name, "studio")}


def test_the_files_are_found():
    names = {module_of(path) for path in FILES}
    assert {"pipelines.flow.solver", "pipelines.models", "studio.cli", "app"} <= names
    assert "pipelines.flow.types" in imports_of(ROOT / "pipelines/flow/solver.py")
    assert "pipelines.models.registry" in imports_of(ROOT / "pipelines/image.py")


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_only_what_it_may(part):
    files = [path for path in FILES if below(module_of(path), part)]
    assert files
    for path in files:
        for name in ours(imports_of(path)):
            allowed = below(name, part) or any(below(name, other) for other in ALLOWED[part])
            assert allowed, f"{module_of(path)} imports {name}"


@pytest.mark.parametrize("part", RESERVED)
def test_a_reserved_part_is_reached_only_from_above(part):
    for path in FILES:
        here = module_of(path)
        if any(below(name, part) for name in imports_of(path)):
            assert below(here, part) or any(below(here, owner) for owner in RESERVED[part]), f"{here} imports {part}"


def test_pipelines_know_nothing_of_the_studio():
    for path in FILES:
        if below(module_of(path), "pipelines"):
            names = imports_of(path)
            assert not any(below(name, "studio") or below(name, "gradio") for name in names), module_of(path)


def test_pipelines_load_heavy_packages_only_when_used():
    heavy = ("diffusers", "transformers", "accelerate", "pyarrow", "resvg_py")
    heavy += ("hibari", "onnxruntime", "pyworld", "scipy")
    for path in FILES:
        if below(module_of(path), "pipelines"):
            names = imports_of(path, at_import_only=True)
            assert not any(below(name, package) for name in names for package in heavy), module_of(path)


@pytest.mark.parametrize(
    "modules, loaded", [("pipelines, pipelines.image", ["torch"]), ("pipelines.settings, pipelines.catalogue", [])]
)
def test_an_import_loads_no_heavy_package(modules, loaded):
    heavy = "{'gradio', 'diffusers', 'transformers', 'torch'}"
    code = f"import sys, {modules}; print(sorted({{n.split('.')[0] for n in sys.modules}} & {heavy}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == str(loaded), run.stderr


def test_nothing_is_unpickled():
    unsafe = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for path in FILES:
        assert not {name.split(".")[0] for name in imports_of(path)} & unsafe, path
        text = path.read_text()
        assert "torch.load(" not in text, path
        if path.name != "unsafe.py":  # which refuses such files, and says so
            assert "pickle" not in text.replace("allow_pickle=False", ""), path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, path


def test_nothing_is_shared_with_the_world():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "share":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, path


def seeds_globally(tree):
    """Lines that seed the global generator outside ``with torch.random.fork_rng()``."""
    lines = []

    def visit(node, forked):
        if isinstance(node, ast.With):
            forked = forked or any(ast.unparse(item.context_expr) == "torch.random.fork_rng()" for item in node.items)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"torch.manual_seed", "np.random.seed"}:
            lines.extend([] if forked else [node.lineno])
        for child in ast.iter_child_nodes(node):
            visit(child, forked)

    visit(tree, False)
    return lines


def test_no_global_generator_is_seeded():
    for path in FILES:
        assert seeds_globally(ast.parse(path.read_text())) == [], path
    forked = "with torch.random.fork_rng():\n    torch.manual_seed(0)\n"
    assert seeds_globally(ast.parse(forked)) == []
    assert seeds_globally(ast.parse(forked + "torch.manual_seed(1)\n")) == [3]
