"""Meshes at the gate: vertices and triangles, counted from headers or, where there are none, line by line."""

import re
import struct

from studio.intake.upload import Facts, Upload

_LINE = 1 << 16
_CHUNK = 1 << 20
_VERTEX = re.compile(rb"^v[ \t]", re.MULTILINE)
_FACE = re.compile(rb"^f[ \t]([^\n]*)", re.MULTILINE)
_ELSEWHERE = re.compile(rb"^(?:mtllib|map_)", re.MULTILINE)
_PLY_SIZES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8,
              "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "float32": 4,
              "float64": 8}  # fmt: skip


def read_mesh_facts(upload: Upload, found: str) -> Facts:
    """Vertices and triangles of a mesh in any format.

    Raises:
        MediaError: cut short, damaged, empty, pointing outside itself, or larger than the limits.
    """
    from studio.intake.gltf import read_glb, read_gltf

    readers = {"glb": read_glb, "gltf": read_gltf, "obj": _obj, "stl": _stl, "ply": _ply}
    facts = readers[found](upload)
    check_mesh(upload, facts.vertices or 0, facts.triangles or 0)
    if not (facts.vertices or facts.triangles):
        upload.refuse("there is no mesh in it; export it again with its geometry")
    return facts


def check_mesh(upload: Upload, vertices: int, triangles: int) -> None:
    """Hold the size of a mesh against the limits.

    Raises:
        MediaError: it is larger.
    """
    upload.check("vertices", vertices, upload.limits.vertices, "simplify it first")
    upload.check("triangles", triangles, upload.limits.triangles, "simplify it first")


def _obj(upload: Upload) -> Facts:
    """Count a Wavefront file's lines, a megabyte of them at a time; a face of n corners is n - 2 triangles."""
    upload.file.seek(0)
    limits = upload.limits
    vertices = triangles = 0
    while (lines := upload.file.read(_CHUNK)) and vertices <= limits.vertices and triangles <= limits.triangles:
        if not lines.endswith(b"\n"):
            rest = upload.file.readline(_LINE)
            if len(rest) == _LINE:
                upload.refuse(f"a line of more than {_LINE:,} characters; export it again as GLB")
            lines += rest
        vertices += len(_VERTEX.findall(lines))
        triangles += sum(max(1, len(face.split()) - 2) for face in _FACE.findall(lines))
        if _ELSEWHERE.search(lines):
            upload.note("its materials are in another file, which is not read")
    return Facts(vertices=vertices, triangles=triangles)


def _stl(upload: Upload) -> Facts:
    """A binary file says its number of triangles and has 50 bytes for each; of a text, the facets are counted.

    How many different vertices there are is only known once they have been compared.
    """
    head = upload.at(0, 84)
    triangles = struct.unpack_from("<I", head, 80)[0] if len(head) == 84 else 0
    if 84 + 50 * triangles == upload.size or not head.lstrip().lower().startswith(b"solid"):
        if 84 + 50 * triangles > upload.size:
            upload.cut_short()
        return Facts(triangles=triangles)
    upload.file.seek(0)
    triangles, tail = 0, b""
    while (chunk := upload.file.read(_CHUNK)) and triangles <= upload.limits.triangles:
        triangles += (tail + chunk).lower().count(b"endfacet")
        tail = chunk[-7:]
    if triangles <= upload.limits.triangles and b"endsolid" not in upload.at(max(0, upload.size - 400), 400).lower():
        upload.cut_short()
    return Facts(triangles=triangles)


def _ply(upload: Upload) -> Facts:
    """Read the header of a PLY file and hold what it announces against the bytes that follow."""
    text, _, rest = upload.at(0, _LINE).partition(b"end_header")
    if not rest:
        upload.cut_short()
    binary, elements = False, dict[str, int]()
    least, row, counted = 0, 0, 0
    for line in [*text.decode("latin-1").splitlines(), "element end 0"]:
        words = line.split()
        if words[:1] == ["format"]:
            binary = words[1:2] != ["ascii"]
        elif words[:1] == ["element"] and len(words) == 3:
            least += counted * max(row, 1)
            if not (words[2].isascii() and words[2].isdigit() and len(words[2]) < 12):
                upload.refuse(
                    f"number of {words[1]!r:.20}: must be a whole number, got {words[2]!r:.20}; export it again"
                )
            row, counted = 0, int(words[2])
            elements[words[1]] = elements.get(words[1], 0) + counted
        elif words[:1] == ["property"] and len(words) >= 3:
            # A list takes at least its own length; a number in a text at least a digit and a space.
            kind = words[2] if words[1] == "list" else words[1]
            row += _PLY_SIZES.get(kind, 1) if binary else 2
    vertices, faces = elements.get("vertex", 0), elements.get("face", elements.get("tristrips", 0))
    check_mesh(upload, vertices, faces)
    if len(text) + len("end_header\n") + least > upload.size + 2:
        upload.cut_short()
    return Facts(vertices=vertices, triangles=faces)
