// A GLB in the browser, as this program writes it: one mesh of one part, nothing compressed, nothing outside the file.
(() => {
  const mesh = window.eddylineMesh = window.eddylineMesh || {};
  if (mesh.read) return; // the head may be put in twice
  const ARRAYS = {5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array};
  const WIDTH = {SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4};

  // Numbers of a shape: places, normals, colours (linear light, 0 to 1), uv, corners, edges, texture, low, high.
  mesh.read = async (bytes) => {
    const view = new DataView(bytes);
    if (bytes.byteLength < 28 || view.getUint32(0, true) !== 0x46546c67) throw new Error('not a GLB');
    const size = view.getUint32(12, true);
    const tree = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 20, size)));
    const body = 28 + size;
    const values = (index) => {
      const accessor = tree.accessors[index], held = tree.bufferViews[accessor.bufferView];
      const start = body + (held.byteOffset || 0) + (accessor.byteOffset || 0);
      return new ARRAYS[accessor.componentType](bytes, start, accessor.count * WIDTH[accessor.type]);
    };
    const part = tree.meshes[0].primitives[0], names = part.attributes;
    const shape = {places: values(names.POSITION), normals: values(names.NORMAL), corners: values(part.indices)};
    if (names.COLOR_0 !== undefined) shape.colours = Float32Array.from(values(names.COLOR_0), (value) => value / 65535);
    if (names.TEXCOORD_0 !== undefined) shape.uv = values(names.TEXCOORD_0);
    if (tree.images?.length) {
      const held = tree.bufferViews[tree.images[0].bufferView];
      const picture = new Uint8Array(bytes, body + held.byteOffset, held.byteLength);
      shape.texture = await createImageBitmap(new Blob([picture], {type: 'image/png'}), {premultiplyAlpha: 'none'});
    }
    return Object.assign(shape, {edges: edges(shape.corners, shape.places), ...box(shape.places)});
  };

  function box(places) {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    for (let i = 0; i < places.length; i++) {
      const axis = i % 3;
      if (places[i] < low[axis]) low[axis] = places[i];
      if (places[i] > high[axis]) high[axis] = places[i];
    }
    return {low, high};
  }

  // Every edge once, by its ends: a seam of the texture has its vertices twice, and is one edge all the same.
  function edges(corners, places) {
    const first = new Map(), same = new Uint32Array(places.length / 3);
    for (let i = 0; i < same.length; i++) {
      const key = `${places[3 * i]} ${places[3 * i + 1]} ${places[3 * i + 2]}`;
      if (!first.has(key)) first.set(key, i);
      same[i] = first.get(key);
    }
    const seen = new Set(), found = [], count = same.length;
    for (let i = 0; i < corners.length; i += 3) {
      for (let k = 0; k < 3; k++) {
        const a = same[corners[i + k]], b = same[corners[i + (k + 1) % 3]];
        const key = Math.min(a, b) * count + Math.max(a, b);
        if (seen.has(key)) continue;
        seen.add(key);
        found.push(a, b);
      }
    }
    return Uint32Array.from(found);
  }
})();
