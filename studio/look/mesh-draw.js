// Draws a shape with WebGL: lit from three sides, sharp where it is sharp, its triangles where they are asked for.
(() => {
  const mesh = window.eddylineMesh = window.eddylineMesh || {};
  if (mesh.Painter) return; // the head may be put in twice
  const FIELD = 26 * Math.PI / 180; // of view, from bottom to top
  const BODY = [`#version 300 es
    in vec3 place; in vec3 normal; in vec4 colour; in vec2 uv;
    uniform mat4 see, camera;
    out vec3 n, p; out vec4 c; out vec2 t;
    void main() {
      vec4 there = camera * vec4(place, 1.0);
      n = mat3(camera) * normal; p = there.xyz; c = colour; t = uv;
      gl_Position = see * there;
    }`, `#version 300 es
    precision highp float;
    in vec3 n, p; in vec4 c; in vec2 t;
    uniform sampler2D picture; uniform bool textured, plain; uniform vec3 bare;
    out vec4 pixel;
    vec3 light(vec3 c) { return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(0.04045, c)); }
    vec3 coded(vec3 c) { return mix(c * 12.92, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c)); }
    void main() {
      vec3 flatly = normalize(cross(dFdx(p), dFdy(p)));
      vec3 smoothly = normalize(n);
      if (dot(flatly, -p) < 0.0) flatly = -flatly;
      if (dot(smoothly, flatly) < 0.0) smoothly = -smoothly;
      // Beyond 40 degrees an edge is meant to be one.
      vec3 N = dot(smoothly, flatly) > 0.766 ? smoothly : flatly;
      vec3 base = plain ? light(bare) : textured ? light(texture(picture, t).rgb) : c.rgb;
      vec3 key = normalize(vec3(-0.45, 0.75, 0.6)), fill = normalize(vec3(0.8, 0.1, 0.5)), back = normalize(vec3(0.1, 0.5, -0.9));
      float lit = 0.34 + 0.16 * N.y + 0.62 * max(dot(N, key), 0.0) + 0.2 * max(dot(N, fill), 0.0) + 0.12 * max(dot(N, back), 0.0);
      pixel = vec4(coded(clamp(base * lit, 0.0, 1.0)), 1.0);
    }`];
  const LINE = [`#version 300 es
    in vec3 place; uniform mat4 see, camera; uniform float nearer;
    void main() { gl_Position = see * camera * vec4(place, 1.0); gl_Position.z -= nearer * gl_Position.w; }`,
  `#version 300 es
    precision highp float; uniform vec4 ink; out vec4 pixel; void main() { pixel = ink; }`];
  // What it stands on: a soft shadow on the ground.
  const GROUND = [`#version 300 es
    in vec2 place; uniform mat4 see, camera; uniform vec3 foot; uniform float wide; out vec2 at;
    void main() { at = place; gl_Position = see * camera * vec4(foot + vec3(place.x, 0.0, place.y) * wide, 1.0); }`,
  `#version 300 es
    precision highp float; in vec2 at; uniform vec4 ink; out vec4 pixel;
    void main() { float r = length(at); pixel = vec4(ink.rgb, ink.a * pow(max(1.0 - r, 0.0), 1.6)); }`];

  mesh.Painter = class {
    constructor(canvas) {
      const gl = canvas.getContext('webgl2', {antialias: true, alpha: true, premultipliedAlpha: false, preserveDrawingBuffer: true});
      if (!gl) throw new Error('webgl2');
      Object.assign(this, {canvas, gl, body: program(gl, BODY), line: program(gl, LINE), ground: program(gl, GROUND), held: null});
      this.disc = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, this.disc);
      gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
      this.frame = gl.createBuffer();
    }

    // Hands a shape to the graphics card once; ``draw`` shows the one that was handed over last.
    hold(shape) {
      const {gl} = this;
      if (this.held?.shape === shape) return;
      if (this.held) for (const one of this.held.buffers) gl.deleteBuffer(one);
      if (this.held?.texture) gl.deleteTexture(this.held.texture);
      const put = (target, data) => {
        const one = gl.createBuffer();
        gl.bindBuffer(target, one);
        gl.bufferData(target, data, gl.STATIC_DRAW);
        return one;
      };
      const array = (data) => (data ? put(gl.ARRAY_BUFFER, data) : null);
      const held = {
        shape, place: array(shape.places), normal: array(shape.normals), colour: array(shape.colours), uv: array(shape.uv),
        corners: put(gl.ELEMENT_ARRAY_BUFFER, Uint32Array.from(shape.corners)), edges: put(gl.ELEMENT_ARRAY_BUFFER, shape.edges),
      };
      held.buffers = [held.place, held.normal, held.colour, held.uv, held.corners, held.edges].filter(Boolean);
      if (shape.texture) {
        held.texture = gl.createTexture();
        gl.bindTexture(gl.TEXTURE_2D, held.texture);
        gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, shape.texture);
        gl.generateMipmap(gl.TEXTURE_2D);
      }
      this.held = held;
    }

    // ``look``: yaw, pitch, away (in radii), middle, radius; ``how``: wire, plain, box [low, high]; ``ink``: colours.
    draw(look, how, ink) {
      const {gl, canvas, held} = this;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      if (!held) return;
      gl.enable(gl.DEPTH_TEST);
      gl.enable(gl.BLEND);
      gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      const {see, camera} = mesh.matrices(look, canvas.width / canvas.height, FIELD);
      const {low, high} = held.shape;
      if (look.pitch > 0) this.drawGround(see, camera, look, low, ink);
      this.drawBody(see, camera, how, ink);
      if (how.wire) this.drawLines(see, camera, held.place, held.edges, held.shape.edges.length, ink.wire, 2e-4);
      if (how.box) this.drawBox(see, camera, how.box, low, high, ink);
    }

    drawGround(see, camera, look, low, ink) {
      const {gl, ground} = this;
      use(gl, ground);
      gl.uniformMatrix4fv(ground.see, false, see);
      gl.uniformMatrix4fv(ground.camera, false, camera);
      gl.uniform3f(ground.foot, look.middle[0], low[1] - look.radius * 0.004, look.middle[2]);
      gl.uniform1f(ground.wide, look.radius * 1.25);
      gl.uniform4fv(ground.ink, ink.shadow);
      gl.depthMask(false);
      attribute(gl, ground.place, this.disc, 2);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
      gl.depthMask(true);
    }

    drawBody(see, camera, how, ink) {
      const {gl, body, held} = this;
      use(gl, body);
      gl.uniformMatrix4fv(body.see, false, see);
      gl.uniformMatrix4fv(body.camera, false, camera);
      gl.uniform1i(body.textured, held.texture && held.uv ? 1 : 0);
      gl.uniform1i(body.plain, how.plain || !(held.colour || held.texture) ? 1 : 0);
      gl.uniform3fv(body.bare, ink.bare);
      if (held.texture) gl.bindTexture(gl.TEXTURE_2D, held.texture);
      attribute(gl, body.place, held.place, 3);
      attribute(gl, body.normal, held.normal, 3);
      attribute(gl, body.colour, held.colour, 4);
      attribute(gl, body.uv, held.uv, 2);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, held.corners);
      gl.enable(gl.POLYGON_OFFSET_FILL);
      gl.polygonOffset(1, 1);
      gl.drawElements(gl.TRIANGLES, held.shape.corners.length, gl.UNSIGNED_INT, 0);
      gl.disable(gl.POLYGON_OFFSET_FILL);
    }

    drawLines(see, camera, places, lines, count, colour, nearer) {
      const {gl, line} = this;
      use(gl, line);
      gl.uniformMatrix4fv(line.see, false, see);
      gl.uniformMatrix4fv(line.camera, false, camera);
      gl.uniform4fv(line.ink, colour);
      gl.uniform1f(line.nearer, nearer);
      attribute(gl, line.place, places, 3);
      if (lines) { gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, lines); gl.drawElements(gl.LINES, count, gl.UNSIGNED_INT, 0); }
      else gl.drawArrays(gl.LINES, 0, count);
    }

    // The part that may change, as shares of the shape's own extent: lines through it, so that all of it is seen.
    drawBox(see, camera, box, low, high, ink) {
      const {gl} = this, at = (share, axis) => low[axis] + (high[axis] - low[axis]) * share;
      const grown = (high[0] - low[0] + high[1] - low[1] + high[2] - low[2]) * 0.004;
      const a = box[0].map((share, axis) => at(share, axis) - grown), b = box[1].map((share, axis) => at(share, axis) + grown), points = [];
      for (let corner = 0; corner < 8; corner++) {
        for (let axis = 0; axis < 3; axis++) {
          const other = corner ^ (1 << axis);
          if (other < corner) continue;
          for (const one of [corner, other]) for (let k = 0; k < 3; k++) points.push(one >> k & 1 ? b[k] : a[k]);
        }
      }
      gl.bindBuffer(gl.ARRAY_BUFFER, this.frame);
      gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(points), gl.DYNAMIC_DRAW);
      gl.disable(gl.DEPTH_TEST);
      this.drawLines(see, camera, this.frame, null, points.length / 3, ink.box, 0);
    }
  };

  function program(gl, [vertex, fragment]) {
    const it = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(it, shader);
    }
    gl.linkProgram(it);
    if (!gl.getProgramParameter(it, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(it));
    const found = {it};
    for (const name of ['place', 'normal', 'colour', 'uv']) found[name] = gl.getAttribLocation(it, name);
    for (const name of ['see', 'camera', 'picture', 'textured', 'plain', 'bare', 'ink', 'nearer', 'foot', 'wide']) found[name] = gl.getUniformLocation(it, name);
    return found;
  }

  // What another program left switched on may point to what is gone by now.
  function use(gl, program) {
    gl.useProgram(program.it);
    for (let at = 0; at < 8; at++) gl.disableVertexAttribArray(at);
  }

  function attribute(gl, at, buffer, width) {
    if (at < 0) return;
    if (!buffer) { gl.disableVertexAttribArray(at); gl.vertexAttrib4f(at, 0, 0, 0, 1); return; }
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, gl.FLOAT, false, 0, 0);
  }

  // Column by column, as WebGL takes them: where things are before the eye, and how it sees them.
  mesh.matrices = (look, aspect, field) => {
    const {yaw, pitch, middle, radius} = look;
    // A tall window sees less to the sides: step back until all of it fits there, too.
    const reach = Math.tan(field / 2) * Math.min(1, aspect);
    const away = look.away * radius / Math.sin(Math.atan(reach));
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const rows = [[cy, 0, -sy], [-sy * sp, cp, -cy * sp], [sy * cp, sp, cy * cp]];
    const shift = look.shift || [0, 0];
    const moved = rows.map((row, k) => -row.reduce((sum, value, axis) => sum + value * middle[axis], 0) + (shift[k] || 0) * radius - (k === 2 ? away : 0));
    const camera = new Float32Array([0, 1, 2].flatMap((column) => [...rows.map((row) => row[column]), 0]).concat([...moved, 1]));
    const near = Math.max(away - 4 * radius, away * 0.01, radius * 0.01), far = away + 6 * radius, f = 1 / Math.tan(field / 2);
    const see = new Float32Array([f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0]);
    return {see, camera};
  };
})();
