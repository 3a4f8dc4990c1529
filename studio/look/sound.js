// The player of a sound: ``<eddy-sound data-where="stage" data-sound="…">``. What ``data-sound`` says is in
// studio/boards/sounds.py. A player belongs to its place on the page and outlives the element, which the program writes
// anew with every result: so it plays on while a running job becomes a finished one.
(() => {
  const sound = window.eddylineSound;
  if (sound.Player) return; // the head may be put in twice
  const t = (text, values) => window.eddylineSay(text, values);
  const players = new Map(), KEEP = 'eddyline-sound';
  const liking = {waveform: true, spectrogram: true, pitch: true, volume: 1, ...JSON.parse(localStorage.getItem(KEEP) || null)};
  let asked = false; // a run was asked for on this page: its sound may be heard when it comes

  async function fetched(address) {
    const answer = await fetch(address);
    if (!answer.ok || answer.status === 204) throw new Error(answer.statusText); // 204: it is there no more
    return answer;
  }
  const wordsAt = async (address) => (address ? (await (await fetched(address)).json()).words : []);

  sound.Player = class {
    constructor(where) {
      this.small = where.startsWith('edit-');
      this.face = sound.face(this.small);
      this.deck = new sound.Deck(() => this.tell());
      this.deck.setVolume(liking.volume);
      this.words = new sound.Words(this.face.words, (at) => this.deck.seek(at));
      Object.assign(this, {told: '', run: '', live: false, side: 'after', sides: {}, mark: null, token: 0, drawing: 0, drawn: null, about: null});
      sound.hands(this);
      new ResizeObserver(() => {
        if (!this.face.scope.clientWidth) this.deck.pause(); // on a tab that was left: nobody sees how to stop it
        this.draw();
      }).observe(this.face.scope);
      new MutationObserver(() => this.draw()).observe(document.body, {attributes: true, attributeFilter: ['class']});
      this.like();
      this.tell();
    }

    // What the program says is to be heard here.
    take(text) {
      if (text === this.told) return;
      this.told = text;
      const told = text ? JSON.parse(text) : {};
      if (told.live) this.follow(told);
      else this.show(told);
    }

    // A running job: its pieces, or its latest estimate. What was here before stays until there is something new.
    follow(told) {
      if (this.run !== told.run || !this.live) {
        this.token += 1;
        Object.assign(this, {run: told.run, live: true, about: null, have: 0, line: Promise.resolve()});
        if (told.pieces) this.pieces(`studio/jobs/${told.live}/parts/`, this.still()).catch(() => {});
      }
      if (told.pieces) return;
      const still = this.still();
      this.line = this.line.then(() => this.estimate(`studio/jobs/${told.live}/parts/`, told.preview, still)).catch(() => {});
    }

    still() { const {token} = this; return () => this.token === token && this.live; }

    // Each piece as soon as it is there: the server holds its answer back until then.
    async pieces(parts, still) {
      while (still()) {
        const name = `${parts}piece-${String(this.have).padStart(3, '0')}`;
        const answer = await fetch(`${name}.wav?wait`);
        if (answer.status === 202) continue;
        if (answer.status !== 200) return; // the job has ended
        const words = wordsAt(`${name}.json`).catch(() => []); // on their way while the sound is heard already
        const buffer = await sound.decode(await answer.arrayBuffer());
        if (!still()) return;
        if (!this.have) this.first();
        const start = this.deck.seconds;
        this.have += 1;
        this.deck.add(buffer);
        this.draw(this.have > 1);
        this.line = Promise.all([words, this.line]).then(([list]) => {
          if (still()) this.words.add(list.map((word) => ({...word, start: word.start + start, end: word.end + start})));
        });
      }
    }

    first() {
      this.clear();
      this.deck.load([], {growing: true});
      this.begin();
    }

    async estimate(parts, count, still) {
      const bytes = await (await fetched(`${parts}preview-0.wav?${count}`)).arrayBuffer();
      const buffer = await sound.decode(bytes);
      if (!still()) return;
      if (!this.have) this.clear();
      this.deck.load([buffer], {keep: this.have > 0});
      this.have += 1;
      this.draw();
    }

    // A finished sound. One that was followed until now goes on where it is.
    async show(told) {
      if (!this.live && told.src && told.src === this.about?.src) return; // a star, or another line below
      const keep = this.live && this.run === told.run && this.have > 0;
      if (!keep) this.clear();
      const token = ++this.token;
      Object.assign(this, {run: told.run || '', live: false, about: told});
      if (!told.src) { this.deck.load([]); this.tell(); return; }
      try {
        const side = await this.fetch('after', told.src, told.words);
        if (this.token !== token) return;
        this.deck.repeat = Boolean(told.repeat) || (keep && this.deck.repeat);
        this.deck.load([side.buffer], {keep});
        this.turn(side);
        if (told.fresh && !keep) this.begin();
        this.draw(keep && this.drawn?.seconds <= this.deck.seconds);
        if (told.before) await this.fetch('before', told.before, told.before_words);
        this.tell();
      } catch (error) {
        if (this.token === token) this.fail(error);
      }
    }

    // What was asked for on this page is heard when it comes, where its person can see it.
    begin() {
      if (asked && this.host.checkVisibility()) this.deck.play();
      asked = false;
    }

    async fetch(name, address, words) {
      const sides = this.sides;
      const [bytes, list] = await Promise.all([fetched(address).then((one) => one.arrayBuffer()), wordsAt(words)]);
      sides[name] = {bytes, words: list, buffer: await sound.decode(bytes)};
      return sides[name];
    }

    fail(error) {
      Object.assign(this, {about: null});
      this.deck.load([]);
      this.face.about.textContent = t('This sound cannot be played here: {reason}', {reason: error.message});
    }

    clear() {
      Object.assign(this, {side: 'after', sides: {}, drawn: null});
      this.words.clear();
      this.pick(null);
    }

    // Before or after: another sound at the same place.
    async swap(name) {
      const side = this.sides[name];
      if (!side || name === this.side) return;
      this.side = name;
      this.deck.load([side.buffer], {keep: true});
      this.turn(side);
      this.draw();
    }

    turn(side) {
      this.words.clear();
      this.words.add(side.words);
      const {buffer} = side, channels = Array.from({length: buffer.numberOfChannels}, (_, c) => buffer.getChannelData(c));
      side.loudness ??= sound.loudness(channels, buffer.sampleRate);
      const loud = Number.isFinite(side.loudness) ? t('{level} LUFS', {level: side.loudness.toFixed(1).replace('-', '\u2212')}) : t('silent');
      const facts = [`${buffer.sampleRate / 1000} kHz`, channels.length > 1 ? t('stereo') : t('mono'), loud];
      this.face.about.textContent = facts.join(' \u00b7 ');
    }

    toggle() { if (this.deck.playing) this.deck.pause(); else if (this.deck.frames || this.live) this.deck.play(); }

    // A part from one second to another, or none.
    pick(mark) {
      this.mark = mark;
      this.tell();
    }

    picked() {
      this.face.root.dispatchEvent(new CustomEvent('eddyline-span', {bubbles: true, detail: this.mark || {start: null, end: null}}));
    }

    save() {
      const {start, end} = this.mark, side = this.sides[this.side];
      const blob = sound.wav(this.deck.cut(start, end), this.deck.rate, side ? sound.marks(side.bytes, start, end) : []);
      const link = Object.assign(document.createElement('a'), {href: URL.createObjectURL(blob)});
      link.download = `eddyline-${start.toFixed(2)}-${end.toFixed(2)}.wav`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    }

    // Layers and volume are a person's liking, the same for every player.
    like(change = {}) {
      Object.assign(liking, change);
      localStorage.setItem(KEEP, JSON.stringify(liking));
      for (const each of players.values()) if (each !== this) each.liked();
      this.liked();
    }

    liked() {
      for (const [name, one] of Object.entries(this.face.layers)) one.setAttribute('aria-pressed', String(liking[name]));
      this.face.volume.value = liking.volume;
      this.deck.setVolume(liking.volume);
      this.draw();
    }

    // ``grown``: a piece has come to what is drawn already.
    async draw(grown = false) {
      const drawing = ++this.drawing;
      if (!this.deck.frames) { this.face.canvas.width = this.face.canvas.width; return; }
      const layers = this.small ? {waveform: true} : liking;
      const {canvas} = this.face, {rate, seconds} = this.deck;
      const last = grown ? this.drawn : null;
      const found = await sound.draw(canvas, this.deck.mono(), rate, seconds, layers, last, () => this.drawing !== drawing);
      if (!found) return;
      this.drawn = found;
      this.face.scope.dataset.drawn = Object.keys(layers).filter((name) => layers[name] === true).join(' ');
    }

    // Everything that changes while it plays, and the buttons.
    tell() {
      const {face, deck} = this, {seconds, playing} = deck;
      sound.shown(face, playing);
      face.root.classList.toggle('empty', !deck.frames);
      face.root.classList.toggle('waiting', deck.waiting);
      face.play.disabled = !deck.frames && !this.live;
      face.sides.hidden = !this.sides.before;
      face.before.setAttribute('aria-pressed', String(this.side === 'before'));
      face.after.setAttribute('aria-pressed', String(this.side === 'after'));
      face.repeat.setAttribute('aria-pressed', String(deck.repeat));
      face.part.hidden = !this.mark;
      face.picked.hidden = !this.mark;
      face.scope.setAttribute('aria-valuemax', seconds.toFixed(2));
      if (this.mark) {
        const {start, end} = this.mark;
        face.span.textContent = t('{start} to {end}, {time} long', {start: sound.clock(start, 2), end: sound.clock(end, 2), time: `${(end - start).toFixed(2)} s`});
        Object.assign(face.picked.style, {left: `${100 * start / seconds}%`, width: `${100 * (end - start) / seconds}%`});
      }
      this.moved();
      if (playing && !this.ticking) { this.ticking = true; requestAnimationFrame(() => this.tick()); }
    }

    tick() {
      this.ticking = false;
      this.deck.look();
      this.moved();
      if (this.deck.playing) { this.ticking = true; requestAnimationFrame(() => this.tick()); }
    }

    moved() {
      const {face, deck} = this, {now, seconds} = deck;
      const place = sound.clock(now), whole = sound.clock(seconds);
      face.head.style.left = `${seconds ? 100 * now / seconds : 0}%`;
      if (face.time.textContent !== `${place} / ${whole}`) {
        face.time.textContent = `${place} / ${whole}`;
        face.scope.setAttribute('aria-valuenow', now.toFixed(2));
        face.scope.setAttribute('aria-valuetext', t('{place} of {whole}', {place, whole}));
      }
      this.words.follow(now || deck.playing ? now : -1); // before it has begun no word stands out
    }
  };

  window.eddylineTag('eddy-sound', 'data-sound', players, (where) => new sound.Player(where), {
    left: (player) => player.deck.pause(),
  });

  // The click that asks for a sound is what lets the page play it.
  document.addEventListener('click', (event) => {
    if (!event.target.closest?.('button.run, button.again')) return;
    asked = true;
    const stage = players.get('stage');
    if (!stage?.host?.checkVisibility()) return;
    stage.deck.open();
    stage.deck.context.resume();
  }, true);
})();
