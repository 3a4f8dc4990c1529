// The viewer of a mesh: ``<eddy-mesh data-where="stage" data-mesh="…">``. What ``data-mesh`` says is in
// studio/boards/meshes.py. A viewer belongs to its place on the page and outlives the element, which the program writes
// anew with every result: so it keeps turning, from where one looked, while a running job becomes a finished one.
(() => {
  const mesh = window.eddylineMesh;
  if (mesh.Viewer) return; // the head may be put in twice
  const t = (text, values) => window.eddylineSay(text, values);
  const viewers = new Map(), KEEP = 'eddyline-mesh', FIRST = {yaw: 0.6, pitch: 0.34, away: 1.06, shift: [0, 0]};
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const liking = {turn: !still.matches, wire: false, colours: true, ...JSON.parse(localStorage.getItem(KEEP) || null)};
  const BOX = ['left', 'bottom', 'back', 'right', 'top', 'front'];

  function make(tag, className, text, more = {}) {
    const one = document.createElement(tag);
    if (className) one.className = className;
    if (text !== undefined) one.textContent = text;
    for (const [name, value] of Object.entries(more)) one.setAttribute(name, value);
    return one;
  }
  const button = (text) => make('button', 'flat', text, {type: 'button'});
  function group(className, name, ...parts) {
    const one = make('div', className, undefined, {role: 'group', 'aria-label': name});
    one.append(...parts);
    return one;
  }

  function face(small) {
    const it = {root: make('div', `turner${small ? ' small' : ''}`)};
    it.canvas = make('canvas', '', undefined, {tabindex: '0', role: 'img', 'aria-label': t('Mesh to turn: drag, wheel, or the arrow keys')});
    it.picture = make('img', '', undefined, {alt: t('Picture of the mesh')});
    it.said = make('p', 'missing', undefined, {role: 'status'});
    it.scene = make('div', 'scene');
    it.scene.append(it.canvas, it.picture, it.said);
    it.before = button(t('Before'));
    it.after = button(t('After'));
    it.sides = group('sides', t('Before and after'), it.before, it.after);
    it.turn = button(t('Turn'));
    it.wire = button(t('Wireframe'));
    it.colours = button(t('Colours'));
    it.reset = button(t('Reset view'));
    const bar = make('div', 'bar');
    bar.append(it.sides, it.turn, it.wire, it.colours, it.reset);
    it.about = make('p', 'about', undefined, {role: 'status'});
    it.root.append(it.scene, bar, it.about);
    return it;
  }

  mesh.Viewer = class {
    constructor(where) {
      this.face = face(where !== 'stage');
      Object.assign(this, {where, told: '', run: '', live: false, side: 'after', sides: {}, token: 0, about: null, box: null});
      this.look = {...FIRST, middle: [0, 0, 0], radius: 1};
      this.turning = liking.turn;
      try {
        this.painter = new mesh.Painter(this.face.canvas);
      } catch {
        this.face.root.classList.add('flatly'); // no WebGL here: a picture instead
      }
      this.hands();
      new ResizeObserver(() => this.ask()).observe(this.face.scene);
      new MutationObserver(() => this.ask()).observe(document.body, {attributes: true, attributeFilter: ['class']});
      if (where === 'edit-mesh') setInterval(() => this.boxed(), 300);
      this.tell();
    }

    hands() {
      const {canvas} = this.face, at = new Map();
      const press = (one, act) => one.addEventListener('click', act);
      press(this.face.turn, () => this.like({turn: !this.turning}));
      press(this.face.wire, () => this.like({wire: !liking.wire}));
      press(this.face.colours, () => this.like({colours: !liking.colours}));
      press(this.face.reset, () => { Object.assign(this.look, FIRST, {shift: [0, 0]}); this.ask(); });
      press(this.face.before, () => this.swap('before'));
      press(this.face.after, () => this.swap('after'));
      canvas.addEventListener('pointerdown', (event) => {
        canvas.setPointerCapture(event.pointerId);
        at.set(event.pointerId, [event.clientX, event.clientY]);
        this.turning = false;
        this.tell();
      });
      canvas.addEventListener('pointermove', (event) => {
        const from = at.get(event.pointerId);
        if (!from) return;
        const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]], wide = canvas.clientHeight || 1;
        const other = [...at].find(([id]) => id !== event.pointerId)?.[1];
        at.set(event.pointerId, [event.clientX, event.clientY]);
        if (other) this.zoom(Math.hypot(from[0] - other[0], from[1] - other[1]) / Math.max(1, Math.hypot(event.clientX - other[0], event.clientY - other[1])));
        else if (event.shiftKey || event.buttons & 6) { this.look.shift[0] += 2 * dx / wide; this.look.shift[1] -= 2 * dy / wide; }
        else this.orbit(-5 * dx / wide, 5 * dy / wide);
        this.ask();
      });
      for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, (event) => at.delete(event.pointerId));
      canvas.addEventListener('contextmenu', (event) => event.preventDefault());
      canvas.addEventListener('wheel', (event) => { event.preventDefault(); this.zoom(Math.exp(event.deltaY * 0.001)); }, {passive: false});
      canvas.addEventListener('keydown', (event) => {
        const by = {ArrowLeft: [0.15, 0], ArrowRight: [-0.15, 0], ArrowUp: [0, 0.15], ArrowDown: [0, -0.15]}[event.key];
        if (by) this.orbit(...by);
        else if (event.key === '+') this.zoom(0.9);
        else if (event.key === '-') this.zoom(1.1);
        else if (event.key === ' ') this.like({turn: !this.turning});
        else return;
        event.preventDefault();
      });
      canvas.addEventListener('webglcontextlost', (event) => event.preventDefault());
      canvas.addEventListener('webglcontextrestored', () => {
        this.painter = new mesh.Painter(canvas);
        this.hold();
      });
    }

    orbit(yaw, pitch) {
      this.look.yaw += yaw;
      this.look.pitch = Math.min(Math.max(this.look.pitch + pitch, -1.55), 1.55);
      this.ask();
    }

    zoom(by) {
      this.look.away = Math.min(Math.max(this.look.away * by, 0.15), 8);
      this.ask();
    }

    // How to look is a person's liking, the same for every viewer.
    like(change) {
      Object.assign(liking, change);
      localStorage.setItem(KEEP, JSON.stringify(liking));
      for (const each of viewers.values()) {
        if ('turn' in change) each.turning = liking.turn;
        each.tell();
      }
    }

    // What the program says is to be seen here.
    take(text) {
      if (text === this.told) return;
      this.told = text;
      const told = text ? JSON.parse(text) : {};
      if (told.live) this.follow(told);
      else this.show(told);
    }

    // The latest estimate of a running job; what was here before stays until there is one. Estimates may come faster
    // than they are fetched: each is shown that was the latest when the one before it had been.
    async follow(told) {
      this.next = told;
      if (this.following) return;
      this.following = true;
      while (this.next) {
        const {live, run, preview} = this.next, {token} = this;
        this.next = null;
        try {
          const answer = await fetch(`studio/jobs/${live}/parts/preview-0.glb?${preview}`);
          const shape = answer.status === 200 && await mesh.read(await answer.arrayBuffer());
          if (!shape || this.token !== token) continue;
          Object.assign(this, {live: true, run, about: null, side: 'after', sides: {after: shape}});
          this.face.about.textContent = t('Preview');
          this.hold();
        } catch { /* the job ended this moment and its previews with it */ }
      }
      this.following = false;
    }

    async show(told) {
      if (!this.live && told.name && told.name === this.about?.name) return; // a star, or another line below
      const token = ++this.token;
      this.next = null;
      const keep = this.live && this.run === told.run;
      Object.assign(this, {live: false, about: told, run: told.run || ''});
      if (!told.name) { this.sides = {}; this.face.about.textContent = ''; this.tell(); return; }
      this.face.picture.src = told.picture || '';
      try {
        const shape = await this.fetch(told.name);
        if (this.token !== token) return;
        Object.assign(this, {side: 'after', sides: {after: shape}});
        if (!keep) { Object.assign(this.look, FIRST, {shift: [0, 0]}); this.turning = liking.turn; }
        this.face.said.textContent = '';
        this.hold();
        this.figures(told.name, token);
        if (told.before) this.sides.before = await this.fetch(told.before);
        this.tell();
      } catch (error) {
        if (this.token !== token) return;
        this.sides = {};
        this.face.about.textContent = '';
        this.face.said.textContent = t('This mesh cannot be shown here: {reason}', {reason: error.message});
        this.tell();
      }
    }

    async fetch(name) {
      const answer = await fetch(`studio/solid?name=${encodeURIComponent(name)}`);
      if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || answer.statusText);
      return mesh.read(await answer.arrayBuffer());
    }

    async figures(name, token) {
      const answer = await fetch(`studio/solid/figures?name=${encodeURIComponent(name)}`).catch(() => null);
      if (!answer?.ok || this.token !== token) return;
      this.sides.after.figures = await answer.json();
      this.tell();
    }

    // A shape on the stage: looked at from so far that all of it is seen.
    hold() {
      const shape = this.sides[this.side];
      if (!shape) return;
      const all = [this.sides.after, this.sides.before].filter(Boolean);
      const low = [0, 1, 2].map((axis) => Math.min(...all.map((each) => each.low[axis])));
      const high = [0, 1, 2].map((axis) => Math.max(...all.map((each) => each.high[axis])));
      this.look.middle = low.map((value, axis) => (value + high[axis]) / 2);
      this.look.radius = Math.max(Math.hypot(...high.map((value, axis) => value - low[axis])) / 2, 1e-9);
      this.painter?.hold(shape);
      this.tell();
    }

    swap(name) {
      if (!this.sides[name] || name === this.side) return;
      this.side = name;
      this.hold();
    }

    // The six sliders of the form say where the edit may change anything.
    boxed() {
      if (!this.host?.checkVisibility()) return;
      const held = BOX.map((side) => document.querySelector(`.field-${side} input[type=range]`)?.value);
      const shares = held.every((each) => each !== undefined) ? held.map(Number) : null;
      const free = !shares || shares.every((each, index) => each === (index < 3 ? 0 : 1));
      const box = free ? null : [shares.slice(0, 3), shares.slice(3)];
      if (JSON.stringify(box) === JSON.stringify(this.box)) return;
      this.box = box;
      this.ask();
    }

    tell() {
      const {face} = this, shape = this.sides[this.side], pressed = (one, on) => one.setAttribute('aria-pressed', String(Boolean(on)));
      pressed(face.turn, this.turning);
      pressed(face.wire, liking.wire);
      pressed(face.colours, liking.colours);
      face.colours.hidden = !(shape?.colours || shape?.texture);
      face.sides.hidden = !this.sides.before;
      pressed(face.before, this.side === 'before');
      pressed(face.after, this.side === 'after');
      face.root.classList.toggle('empty', !shape);
      const found = this.sides.after?.figures;
      if (found && !this.live) face.about.textContent = this.said(found).join(' \u00b7 ');
      this.ask();
    }

    said(found) {
      const number = (value) => value.toLocaleString(document.documentElement.lang || 'en');
      const longest = Math.max(...found.size), [unit, times] = longest >= 1 ? ['m', 1] : longest >= 0.1 ? ['cm', 100] : ['mm', 1000];
      const digits = (value) => number(Number(value.toPrecision(3)));
      const told = [t('{count} faces', {count: number(found.faces)}), found.size.map((side) => digits(side * times)).join(' \u00d7 ') + ` ${unit}`];
      if (!found.watertight) told.push(found.open_edges ? t('open: {count} edges of one face', {count: number(found.open_edges)}) : t('not watertight'));
      else {
        const cubic = found.volume * 1e6;
        told.push(t('watertight'), cubic >= 1e5 ? `${digits(found.volume)} m\u00b3` : cubic >= 0.1 ? `${digits(cubic)} cm\u00b3` : `${digits(cubic * 1000)} mm\u00b3`);
        if (!found.outward) told.push(t('inside out'));
        told.push(t('genus {number}', {number: found.genus}));
      }
      if (found.pieces > 1) told.push(t('{count} pieces', {count: number(found.pieces)}));
      if (found.texture) told.push(t('texture {wide} × {high} px', {wide: found.texture[0], high: found.texture[1]}));
      return told;
    }

    // Draws at the next frame, and goes on where it turns.
    ask() {
      if (this.asked || !this.painter) return;
      this.asked = true;
      requestAnimationFrame((now) => this.frame(now));
    }

    frame(now) {
      this.asked = false;
      const {canvas} = this.face, shape = this.sides[this.side];
      if (!canvas.isConnected || !canvas.clientWidth) return;
      const turns = this.turning && shape && !document.hidden;
      if (turns) {
        const passed = now - (this.last || now);
        // Thirty pictures a second are enough, and spare a machine without a graphics card.
        if (passed < 30 && this.last) { this.ask(); return; }
        this.look.yaw += Math.min(passed, 200) * 0.00045;
      }
      const sharp = Math.min(devicePixelRatio || 1, 2);
      const [wide, high] = [Math.round(canvas.clientWidth * sharp), Math.round(canvas.clientHeight * sharp)];
      if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, {width: wide, height: high});
      this.last = turns ? now : 0;
      this.painter.draw(this.look, {wire: liking.wire, plain: !liking.colours, box: this.box}, inks());
      canvas.dataset.drawn = `${this.side} ${this.run}`;
      if (turns) this.ask();
    }
  };

  // Colours of the page's look, light or dark.
  function inks() {
    const dark = document.body.classList.contains('dark');
    return dark
      ? {bare: [0.72, 0.77, 0.76], wire: [0.9, 1, 0.97, 0.4], shadow: [0, 0, 0, 0.5], box: [0.91, 0.71, 0.3, 1]}
      : {bare: [0.8, 0.83, 0.82], wire: [0.03, 0.1, 0.1, 0.45], shadow: [0.05, 0.15, 0.14, 0.26], box: [0.72, 0.49, 0.1, 1]};
  }

  window.eddylineTag('eddy-mesh', 'data-mesh', viewers, (where) => new mesh.Viewer(where), {
    settled: (viewer) => viewer.ask(),
  });
})();
