// The player of a clip: ``<eddy-clip data-where="stage" data-clip="…">``. What ``data-clip`` says is in
// studio/boards/clips.py. Like the player of sounds it belongs to its place on the page and outlives the element, which
// the program writes anew with every result: so it plays on while a running job becomes a finished one.
(() => {
  const clip = window.eddylineClip;
  if (clip.Player) return; // the head may be put in twice
  const t = (text, values) => window.eddylineSay(text, values);
  const players = new Map(), STEP = {ArrowRight: 1, ArrowLeft: -1, '.': 1, ',': -1};
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const LARGEST = 1600; // pixels of a canvas

  async function fetched(address) {
    const answer = await fetch(address);
    if (!answer.ok || answer.status === 204) {
      const told = await answer.json().catch(() => ({}));
      throw new Error(told.error || answer.statusText || t('it is there no more'));
    }
    return answer.json();
  }

  clip.Player = class {
    constructor(where) {
      this.small = where !== 'stage' && where !== 'detail';
      this.cuts = where === 'stage' || where === 'tools-video'; // elsewhere a mark would mean nothing
      this.face = clip.face(this.small);
      this.reel = new clip.Reel();
      Object.assign(this, {told: '', run: '', live: false, about: null, before: null, token: 0});
      Object.assign(this, {playing: false, at: 0, way: 1, view: 'Clip', mark: null, speed: 1, muted: true, last: 0, waiting: false});
      this.sound = new Audio();
      clip.hands(this);
      new ResizeObserver(() => this.draw()).observe(this.face.screen);
      this.tell();
    }

    get frames() { return this.reel.frames.length; }
    get now() { return Math.min(Math.floor(this.at), Math.max(0, this.frames - 1)); }
    get repeat() { return this.face.repeat.value; }

    // What the program says is to be seen here.
    take(text) {
      if (text === this.told) return;
      this.told = text;
      const told = text ? JSON.parse(text) : {};
      if (told.live) this.follow(told);
      else this.show(told);
    }

    // A running job: its pieces as they come, or its latest estimate. What was here stays until there is something new.
    follow(told) {
      if (this.run !== told.run || !this.live) {
        this.token += 1;
        Object.assign(this, {run: told.run, live: true, about: null, have: 0, line: Promise.resolve(), job: told.pieces ? told.live : ''});
        if (told.pieces) this.pieces(`studio/jobs/${told.live}/parts/`, this.still()).catch(() => {});
      }
      const still = this.still();
      if (told.preview !== undefined) this.line = this.line.then(() => this.estimate(`studio/jobs/${told.live}/parts/preview-0.json?${told.preview}`, still)).catch(() => {});
    }

    still() { const {token} = this; return () => this.token === token && this.live; }

    async pieces(parts, still) {
      while (still()) {
        const answer = await fetch(`${parts}piece-${String(this.have).padStart(3, '0')}.json?wait`);
        if (answer.status === 202) continue;
        if (answer.status !== 200) return; // the job has ended
        const told = await answer.json();
        if (!still()) return;
        if (!this.have) this.clear();
        await this.reel.add(told);
        this.have += 1;
        if (this.have === 1) this.begin();
        this.tell();
        this.draw();
      }
    }

    async estimate(address, still) {
      if (!still() || this.have && !this.estimated) return; // finished pieces are better
      const reel = await clip.Reel.of(await fetched(address));
      if (!still()) return;
      if (!this.estimated) { this.clear(); this.begin(); }
      Object.assign(this, {reel, estimated: true});
      this.tell();
      this.draw();
    }

    // A finished clip. One that was followed until now goes on where it is.
    async show(told) {
      if (!this.live && told.src && told.src === this.about?.src) return; // a star, or another line below
      const keep = this.live && this.run === told.run && this.frames > 0, token = ++this.token;
      Object.assign(this, {run: told.run || '', live: false, waiting: false});
      if (!told.src) { this.clear(); this.about = null; this.tell(); this.draw(); return; }
      try {
        const found = await fetched(told.src);
        const reel = found.long ? new clip.Reel() : await clip.Reel.of(found);
        if (this.token !== token) return;
        const at = this.at;
        this.clear();
        Object.assign(this, {reel, about: told, found});
        if (keep) this.at = Math.min(at, this.frames - 1);
        this.face.repeat.value = told.repeat === false ? 'once' : 'loop';
        if (found.sound && told.film) this.sound.src = told.film;
        this.long(found, told);
        this.begin();
        this.tell();
        this.draw();
        if (told.before && !found.long) this.compare(told.before, token);
      } catch (error) {
        if (this.token === token) this.fail(error);
      }
    }

    async compare(address, token) {
      try {
        const found = await fetched(address);
        const reel = found.long ? null : await clip.Reel.of(found);
        if (this.token !== token || !reel) return;
        this.before = reel;
        this.tell();
        this.draw();
      } catch { /* it is gone, or no clip: then there is nothing to compare */ }
    }

    // What is too long to be held frame by frame plays as a film.
    long(found, told) {
      const {film, canvas} = this.face;
      film.hidden = !found.long;
      canvas.hidden = Boolean(found.long);
      if (found.long && told.film) film.src = told.film;
      else film.removeAttribute('src');
    }

    fail(error) {
      this.clear();
      this.about = null;
      this.tell();
      this.draw();
      this.face.about.textContent = t('This clip cannot be shown: {reason}', {reason: error.message});
    }

    clear() {
      this.reel = new clip.Reel();
      Object.assign(this, {before: null, found: null, at: 0, way: 1, estimated: false, mark: null});
      this.sound.removeAttribute('src');
      if (this.view !== 'All frames') this.view = 'Clip';
      this.face.film.hidden = true;
      this.face.canvas.hidden = false;
    }

    // A source beside a form stands still until it is asked: one moving thing at a time.
    begin() { if (this.frames > 1 && !this.small && !still.matches && !this.playing) this.play(); }

    play() {
      if (this.face.film.src) { this.face.film.play(); return; }
      if (!this.frames) return;
      if (this.repeat === 'once' && this.now >= this.frames - 1) this.at = 0;
      Object.assign(this, {playing: true, last: performance.now()});
      this.heard();
      this.tell();
      requestAnimationFrame((when) => this.tick(when));
    }

    pause() {
      this.playing = false;
      this.sound.pause();
      this.tell();
    }

    // To the run: other words, or an end.
    async rein(body, done) {
      try {
        const headers = {'content-type': 'application/json', 'x-eddyline': '1'};
        const answer = await fetch(`studio/jobs/${this.job}/reins`, {method: 'POST', headers, body: JSON.stringify(body)});
        if (!answer.ok) throw new Error((await answer.json()).error);
        this.face.about.textContent = done;
      } catch (error) {
        this.face.about.textContent = error.message;
      }
    }

    toggle() { if (this.playing) this.pause(); else this.play(); }

    // To a frame, standing still there.
    go(frame) {
      this.pause();
      this.at = Math.min(Math.max(frame, 0), Math.max(0, this.frames - 1));
      this.tell();
      this.draw();
    }

    // The sound plays along forwards at its own pace only; anything else would be noise.
    heard() {
      const {sound} = this, along = this.playing && !this.muted && sound.src && this.repeat !== 'swing';
      if (!along) { sound.pause(); return; }
      sound.playbackRate = this.speed;
      sound.currentTime = this.at / this.reel.rate;
      sound.play().catch(() => {});
    }

    tick(when) {
      if (!this.playing) return;
      const before = this.now, passed = Math.min(0.25, (when - this.last) / 1000) * this.reel.rate * this.speed;
      this.last = when;
      this.move(passed);
      if (this.now !== before) { this.moved(); this.draw(); }
      if (this.playing) requestAnimationFrame((next) => this.tick(next));
    }

    move(passed) {
      const {frames} = this, [first, end] = this.span();
      this.at += passed * this.way;
      if (this.live && !this.estimated) { // it stands at the end of what is there while more is awaited
        this.waiting = this.at >= frames - 1e-6;
        this.at = Math.min(this.at, frames - 1e-6);
        return;
      }
      if (this.repeat === 'swing') {
        if (this.at >= end) { this.way = -1; this.at = Math.max(first, 2 * end - this.at - 1); }
        else if (this.at < first && this.way < 0) { this.way = 1; this.at = first + 1; }
        return;
      }
      this.way = 1;
      if (this.at < end) return;
      if (this.repeat === 'once') { this.at = end - 1e-6; this.pause(); return; }
      this.at = first + (this.at - end) % Math.max(1, end - first);
      this.heard();
    }

    // First frame and the one behind the last that is played: of a mark, what is marked.
    span() {
      const {mark, frames, reel} = this;
      if (!mark) return [0, frames];
      return [Math.round(mark.start * reel.rate), Math.min(frames, Math.max(1, Math.round(mark.end * reel.rate)))];
    }

    // A part from one second to another, or none.
    pick(mark) {
      this.mark = mark;
      if (mark && (this.now < this.span()[0] || this.now >= this.span()[1])) this.at = this.span()[0];
      this.tell();
      this.face.root.dispatchEvent(new CustomEvent('eddyline-span', {bubbles: true, detail: mark || {start: null, end: null}}));
    }

    ends(which) {
      const film = this.face.film, seconds = film.src ? film.duration || 0 : this.reel.seconds;
      const here = film.src ? film.currentTime : this.now / this.reel.rate, one = 1 / (this.reel.rate || 10);
      const mark = this.mark || {start: 0, end: seconds};
      const next = which === 'start' ? {start: here, end: mark.end} : {start: mark.start, end: Math.min(seconds, here + (film.src ? 0 : one))};
      if (next.end - next.start > one / 2) this.pick(next);
    }

    look(view) {
      this.view = view;
      this.tell();
      this.draw();
    }

    draw() {
      const {face, reel, view, before} = this, {canvas, screen} = face;
      face.all.hidden = view !== 'All frames' || !this.frames;
      screen.hidden = !face.all.hidden;
      if (!face.all.hidden) {
        if (this.drawn !== reel || this.drawnBefore !== before || face.all.childElementCount === 0 || this.live) {
          clip.cells(face.all, reel, before, this.now, (n) => {
            this.look('Clip');
            this.go(n);
            face.scrub.focus({preventScroll: true}); // the cell that had it is gone, and the keys work from here
          });
          Object.assign(this, {drawn: reel, drawnBefore: before});
        }
        return;
      }
      const ratio = Math.min(window.devicePixelRatio || 1, 2), box = screen.getBoundingClientRect();
      const width = Math.min(LARGEST, Math.round(box.width * ratio)), height = Math.min(LARGEST, Math.round(box.height * ratio));
      if (!width || !height) return;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
      const ink = canvas.getContext('2d'), whole = {width, height}, n = this.now;
      ink.clearRect(0, 0, width, height);
      ink.imageSmoothingQuality = 'high';
      if (!this.frames) return;
      const m = before ? clip.beside(before, n) : 0;
      if (view === 'Difference' && before) clip.difference(ink, before, m, reel, n, whole);
      else if (view === 'Compare' && before) {
        const cut = width * Number(face.cut.value) / 100;
        for (const [one, at, x, w] of [[before, m, 0, cut], [reel, n, cut, width - cut]]) {
          ink.save();
          ink.beginPath();
          ink.rect(x, 0, w, height);
          ink.clip();
          one.draw(ink, at, whole);
          ink.restore();
        }
      } else reel.draw(ink, n, whole);
      canvas.dataset.frame = n;
    }

    // The buttons, and everything that changes with the clip.
    tell() {
      const {face, frames, live, before} = this, long = Boolean(this.found?.long);
      clip.shown(face, this.playing);
      face.root.classList.toggle('empty', !frames && !long);
      face.root.classList.toggle('waiting', this.waiting);
      face.bar.hidden = long || !frames;
      face.more.hidden = long || !frames;
      face.part.hidden = live || !this.cuts || (!frames && !long) || frames === 1;
      face.growing.hidden = !live || !this.job;
      face.scrub.max = Math.max(0, frames - 1);
      const views = ['Compare', 'Difference'];
      for (const [name, one] of Object.entries(face.views)) {
        one.hidden = views.includes(name) && !before;
        one.setAttribute('aria-pressed', String(this.view === name));
      }
      const compared = this.view === 'Compare' && Boolean(before);
      for (const one of [face.cut, face.line, face.left, face.right]) one.hidden = !compared;
      face.mute.hidden = !this.sound.getAttribute('src');
      face.mute.setAttribute('aria-pressed', String(!this.muted));
      face.clear.hidden = face.span.hidden = !this.mark;
      face.marked.hidden = !this.mark || !frames;
      if (this.mark) {
        const {start, end} = this.mark, whole = this.reel.seconds || 1;
        face.span.textContent = t('{start} to {end}', {start: `${start.toFixed(2)} s`, end: `${end.toFixed(2)} s`});
        Object.assign(face.marked.style, {left: `${100 * start / whole}%`, width: `${100 * (end - start) / whole}%`});
      }
      face.about.textContent = this.facts();
      this.moved();
    }

    facts() {
      const {reel, found} = this;
      if (found?.long) return t('{time} long; shown as a film, too long to step through', {time: `${(found.seconds || 0).toFixed(1)} s`});
      if (!this.frames) return '';
      const size = found?.size || [reel.width, reel.height];
      const told = [t('{count} frames', {count: this.frames}), t('{rate} a second', {rate: Number(reel.rate.toFixed(2))}), `${size[0]} \u00d7 ${size[1]} px`];
      if (found?.alpha) told.push(t('may be transparent'));
      if (found?.sound) told.push(t('with sound'));
      return told.join(' \u00b7 ');
    }

    moved() {
      const {face, now, frames, reel} = this;
      face.scrub.value = now;
      face.scrub.setAttribute('aria-valuetext', t('Frame {number} of {count}', {number: now + 1, count: frames}));
      face.time.textContent = frames ? `${now + 1} / ${frames} \u00b7 ${(now / reel.rate).toFixed(2)} s` : '';
    }
  };

  // Pointer, keys and buttons.
  clip.hands = (player) => {
    const {face} = player;
    face.play.addEventListener('click', () => player.toggle());
    face.canvas.addEventListener('click', () => player.toggle());
    face.back.addEventListener('click', () => player.go(player.now - 1));
    face.on.addEventListener('click', () => player.go(player.now + 1));
    face.scrub.addEventListener('input', () => player.go(Number(face.scrub.value)));
    face.repeat.addEventListener('change', () => { player.way = 1; player.heard(); });
    face.speed.addEventListener('change', () => { player.speed = Number(face.speed.value); player.heard(); });
    face.mute.addEventListener('click', () => { player.muted = !player.muted; player.heard(); player.tell(); });
    face.cut.addEventListener('input', () => { face.screen.style.setProperty('--cut', `${face.cut.value}%`); player.draw(); });
    face.from.addEventListener('click', () => player.ends('start'));
    face.to.addEventListener('click', () => player.ends('end'));
    face.clear.addEventListener('click', () => player.pick(null));
    for (const [name, one] of Object.entries(face.views)) one.addEventListener('click', () => player.look(name));
    face.growing.addEventListener('submit', (event) => event.preventDefault());
    const say = () => {
      const prompt = face.words.value.trim();
      if (!prompt) { face.words.focus(); return; }
      player.rein({prompt}, t('From the next frames on: {words}', {words: prompt})).then(() => { face.words.value = ''; });
    };
    face.say.addEventListener('click', say);
    face.enough.addEventListener('click', () => player.rein({finish: true}, t('It ends with the next frames and is kept.')));
    face.root.addEventListener('keydown', (event) => {
      if (event.target === face.words) {
        if (event.key === 'Enter') { event.preventDefault(); event.stopPropagation(); say(); }
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('select') || event.target === face.cut) return;
      const step = STEP[event.key];
      const act = step ? () => player.go(player.now + step)
        : {'[': () => player.ends('start'), ']': () => player.ends('end'), Escape: () => player.mark && player.pick(null),
           Home: () => player.go(0), End: () => player.go(player.frames - 1)}[event.key]
          || (event.key === ' ' && !event.target.matches('button') ? () => player.toggle() : null);
      if (!act || !player.frames) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
    face.root.addEventListener('focusin', (event) => { player.focused = event.target; });
    face.root.addEventListener('focusout', () => { if (face.root.isConnected) player.focused = null; });
  };

  // What is marked on the stage, for the form that cuts it out: [start, end] in seconds, or two empty texts.
  window.eddylineMarked = () => {
    const mark = players.get('stage')?.mark;
    return mark ? `${mark.start.toFixed(3)} ${mark.end.toFixed(3)}` : '';
  };

  window.eddylineTag('eddy-clip', 'data-clip', players, (where) => new clip.Player(where), {
    left: (player) => player.pause(), settled: (player) => player.draw(),
  });
})();
