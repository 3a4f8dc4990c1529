"""glTF at the gate: nothing outside the file, nothing beyond its buffers, and sizes counted as often as placed."""

import binascii
import io
from typing import Any

from studio.intake.texts import parse_json
from studio.intake.upload import Facts, Upload

MAX_GLTF = 64_000_000  # bytes of a .gltf, whose buffers are written out as text
MAX_NODES = 200_000
_COMPONENTS = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
_NUMBERS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_COMPRESSED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")
_REPAIR = "export it again as GLB"


def read_glb(upload: Upload) -> Facts:
    """The container: a header, one chunk of JSON and at most one of data.

    Raises:
        MediaError: cut short, of another version, or its content is not allowed.
    """
    head = upload.at(0, 20)
    version, length, chunk = (int.from_bytes(head[at : at + 4], "little") for at in (4, 8, 12))
    if len(head) < 20 or length > upload.size or head[16:20] != b"JSON" or 20 + chunk > length:
        upload.cut_short()
    if version != 2:
        upload.refuse(f"version {version} of glTF, only 2 is read; {_REPAIR}")
    upload.check("bytes of description", chunk, 4 * upload.limits.metadata_bytes, _REPAIR)
    if length < upload.size:
        upload.note(f"{upload.size - length:,} bytes stand behind its end and are ignored")
    data = upload.at(20 + chunk, 8)
    binary = int.from_bytes(data[:4], "little") if data[4:] == b"BIN\0" else 0
    if 28 + chunk + binary > length and binary:
        upload.cut_short()
    return _Scene(upload, parse_json(upload, upload.at(20, chunk)), binary, 28 + chunk).facts()


def read_gltf(upload: Upload) -> Facts:
    """The JSON alone, with its buffers inside.

    Raises:
        MediaError: too large, or its content is not allowed.
    """
    upload.check("bytes", upload.size, MAX_GLTF, "export it as GLB, which is smaller")
    return _Scene(upload, parse_json(upload, upload.at(0, upload.size)), None, 0).facts()


class _Scene:
    """One glTF document held against its own buffers."""

    def __init__(self, upload: Upload, document: Any, binary: int | None, start: int) -> None:
        if not isinstance(document, dict):
            upload.refuse(f"its description is not an object; {_REPAIR}")
        self.upload, self.document, self.binary, self.start = upload, document, binary, start

    def facts(self) -> Facts:
        """Vertices and triangles as placed in the scene."""
        needed = self.document.get("extensionsRequired")
        named = [name for name in needed if name in _COMPRESSED] if isinstance(needed, list) else []
        if named:
            self.upload.refuse(f"{named[0]}: compressed meshes are not read; export it without compression")
        self._check_outside()
        buffers = [self._buffer(number, each) for number, each in enumerate(self._list("buffers"))]
        views = [self._view(each, buffers) for each in self._list("bufferViews")]
        counts = [self._accessor(each, views) for each in self._list("accessors")]
        self._check_images()
        sizes = [self._mesh(each, counts) for each in self._list("meshes")]
        placed = self._placed(len(sizes))
        vertices = sum(times * size[0] for times, size in zip(placed, sizes, strict=True))
        triangles = sum(times * size[1] for times, size in zip(placed, sizes, strict=True))
        return Facts(vertices=vertices, triangles=triangles)

    def _list(self, key: str, holder: Any = None) -> list[dict[str, Any]]:
        found = (self.document if holder is None else holder).get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.upload.refuse(f"{key}: must be a list of objects; {_REPAIR}")
        return found

    def _whole(self, holder: dict[str, Any], key: str, default: int | None = 0) -> int:
        value = holder.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            self.upload.refuse(f"{key}: must be a whole number from 0, got {value!r:.40}; {_REPAIR}")
        return value

    def _item(self, items: list[Any], holder: dict[str, Any], key: str) -> Any:
        index = self._whole(holder, key, None)
        if index >= len(items):
            self.upload.refuse(f"{key}: points to number {index}, there are {len(items)}; {_REPAIR}")
        return items[index]

    def _check_outside(self) -> None:
        """No address anywhere, in extensions neither, except what is written out in the file itself."""
        waiting: list[Any] = [self.document]
        while waiting:
            each = waiting.pop()
            if isinstance(each, dict):
                address = each.get("uri")
                if address is not None and not (isinstance(address, str) and address.lower().startswith("data:")):
                    self.upload.refuse(
                        f"uri: points outside the file ({address!r:.40}), nothing there is read; {_REPAIR}"
                    )
                waiting += [value for key, value in each.items() if key != "extras"]
            elif isinstance(each, list):
                waiting += [value for value in each if isinstance(value, dict | list)]

    def _buffer(self, number: int, buffer: dict[str, Any]) -> int:
        """Bytes of a buffer, which must be there."""
        length = self._whole(buffer, "byteLength", None)
        if "uri" in buffer:
            there = _data_length(buffer["uri"])
        else:
            there = (self.binary or 0) if number == 0 else 0
        if length > there + 3:  # the container pads to four bytes
            self.upload.refuse(
                f"byteLength: buffer {number} announces {length:,} bytes, {there:,} are there; {_REPAIR}"
            )
        return length

    def _view(self, view: dict[str, Any], buffers: list[int]) -> tuple[int, int, int]:
        """(offset, length, stride) of a buffer view, inside its buffer."""
        offset, length = self._whole(view, "byteOffset"), self._whole(view, "byteLength", None)
        if offset + length > self._item(buffers, view, "buffer"):
            self.upload.refuse(f"bufferView: {offset + length:,} bytes go beyond its buffer; {_REPAIR}")
        return offset, length, self._whole(view, "byteStride")

    def _accessor(self, accessor: dict[str, Any], views: list[tuple[int, int, int]]) -> int:
        """How many elements an accessor has, which must lie inside its view."""
        count = self._whole(accessor, "count", None)
        self.upload.check("elements", count, 3 * self.upload.limits.triangles, "simplify it first")
        component, numbers = accessor.get("componentType"), accessor.get("type")
        if component not in _COMPONENTS or not isinstance(numbers, str) or numbers not in _NUMBERS:
            self.upload.refuse(f"accessor: unknown type {numbers!r:.20} of {component!r:.20}; {_REPAIR}")
        size = _COMPONENTS[component] * _NUMBERS[numbers]
        if count and "bufferView" in accessor:
            _, length, stride = self._item(views, accessor, "bufferView")
            end = self._whole(accessor, "byteOffset") + (count - 1) * (stride or size) + size
            if end > length:
                self.upload.refuse(f"accessor: {count:,} elements go beyond their view of {length:,} bytes; {_REPAIR}")
        return count

    def _check_images(self) -> None:
        """Textures are pictures: those in the data chunk are held against the limits like any other."""
        from PIL import Image

        views = self._list("bufferViews")
        for image in self._list("images")[:100]:
            if self.binary and "bufferView" in image:
                view = self._item(views, image, "bufferView")
                head = self.upload.at(self.start + self._whole(view, "byteOffset"), 65_536)
                size = _picture_size(head, Image)
                self.upload.check(
                    "pixels of a texture", size[0] * size[1], self.upload.limits.pixels, "shrink it first"
                )

    def _mesh(self, mesh: dict[str, Any], counts: list[int]) -> tuple[int, int]:
        """(vertices, triangles) of a mesh."""
        vertices = triangles = 0
        for primitive in self._list("primitives", mesh):
            attributes = primitive.get("attributes")
            if not isinstance(attributes, dict) or "POSITION" not in attributes:
                continue
            corners = self._item(counts, attributes, "POSITION")
            used = self._item(counts, primitive, "indices") if "indices" in primitive else corners
            mode = self._whole(primitive, "mode", 4)
            triangles += used // 3 if mode == 4 else max(0, used - 2) if mode in (5, 6) else 0
            vertices += corners
        return vertices, triangles

    def _placed(self, meshes: int) -> list[int]:
        """How often each mesh is placed; a node may hang below one other only, so placing cannot multiply."""
        nodes = self._list("nodes")
        self.upload.check("nodes", len(nodes), MAX_NODES, "join its parts first")
        self._check_tree(nodes)
        placed = [0] * meshes
        for node in nodes:
            if "mesh" in node:
                placed[self._item(list(range(meshes)), node, "mesh")] += 1
        return [max(1, times) for times in placed]

    def _check_tree(self, nodes: list[dict[str, Any]]) -> None:
        parent: dict[int, int] = {}
        for number, node in enumerate(nodes):
            children = node.get("children", [])
            if not isinstance(children, list):
                self.upload.refuse(f"children: must be a list; {_REPAIR}")
            for child in children:
                index = self._whole({"children": child}, "children", None)
                if index in parent:
                    self.upload.refuse(f"nodes: number {index} hangs below two others; {_REPAIR}")
                parent[index] = number
        done: set[int] = set()
        for start in range(len(nodes)):
            trail: set[int] = set()
            while start in parent and start not in done:
                if start in trail:
                    self.upload.refuse(f"nodes: number {start} hangs below itself; {_REPAIR}")
                trail.add(start)
                start = parent[start]
            done |= trail


def _data_length(address: str) -> int:
    """Bytes that a data address holds; 0 for one that is damaged."""
    _, _, body = address.partition(",")
    if ";base64" not in address[:100]:
        return len(body)
    try:
        return len(binascii.a2b_base64(body, strict_mode=False)) if len(body) < 1000 else len(body) * 3 // 4
    except (binascii.Error, ValueError):
        return 0


def _picture_size(head: bytes, image: Any) -> tuple[int, int]:
    """Size that a texture's first bytes announce; nothing for what is no picture, which no viewer shows either."""
    try:
        found: tuple[int, int] = image.open(io.BytesIO(head), formats=["PNG", "JPEG"]).size
    except image.DecompressionBombError:
        return 2**31, 2**31
    except Exception:  # decoders raise whatever they like on damaged data
        return 0, 0
    return found
