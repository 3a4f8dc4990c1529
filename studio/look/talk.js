// The player of a talking clip: ``<eddy-talk data-told="…">``, below the scene with its ``<video>``. What ``data-told``
// says is in studio/boards/talks.py. It plays the clip, follows it on the timeline and moves it; what it draws is in
// talk-draw.js. Not the browser's own controls: those lie over the mouth.
(() => {
  const talk = window.eddylineTalk;
  if (talk.Timeline) return; // the head may be put in twice
  const t = (text, values) => window.eddylineSay(text, values);
  const CLOSEST = 0.4; // seconds that the closest view shows
  const PACES = [1, 0.5, 0.25];
  let asked = false; // a run was asked for on this page: its clip may be heard when it comes
  const make = (tag, className, text) => Object.assign(document.createElement(tag), {className, ...(text === undefined ? {} : {textContent: text})});

  function button(text, name, className = 'flat') {
    const one = make('button', className, text);
    one.type = 'button';
    one.setAttribute('aria-label', name);
    one.title = name;
    return one;
  }

  function group(className, name, ...parts) {
    const one = make('div', className);
    one.setAttribute('role', 'group');
    one.setAttribute('aria-label', name);
    one.append(...parts);
    return one;
  }

  function picture(address) {
    const image = new Image();
    image.src = address;
    return image.decode().then(() => image);
  }

  talk.Timeline = class {
    constructor(host) {
      Object.assign(this, {host, told: null, view: {from: 0, to: 1}, token: 0, ticking: false});
      this.root = make('div', 'timeline player');
      this.bar = this.controls();
      this.scope = make('div', 'lanes');
      Object.entries({role: 'slider', tabindex: '0', 'aria-label': t('Place in the clip'), 'aria-valuemin': '0'})
        .forEach(([name, value]) => this.scope.setAttribute(name, value));
      this.canvas = make('canvas');
      this.canvas.setAttribute('aria-hidden', 'true');
      this.head = make('i', 'head');
      this.scope.append(this.canvas, this.head);
      this.now = make('span', 'now');
      this.closer = button('+', t('Closer'));
      this.wider = button('\u2212', t('Wider'));
      this.whole = button(t('All of it'), t('All of it'));
      const tools = make('div', 'tools'), keys = make('ul', 'keys');
      for (const [kind, text] of [['vowel', t('vowels')], ['tongue', t('tongue and teeth')], ['lips', t('lips meet')], ['jaw', t('jaw')], ['blink', t('blink')]]) {
        const one = make('li', kind, text);
        keys.append(one);
      }
      tools.append(keys, this.now, this.wider, this.whole, this.closer);
      this.root.append(this.bar, this.scope, tools);
      this.hands();
      new ResizeObserver(() => this.draw()).observe(this.scope);
      new MutationObserver(() => this.draw()).observe(document.body, {attributes: true, attributeFilter: ['class']});
    }

    get scene() { return this.host.closest('.board')?.querySelector('.talker') || null; }

    get video() { return this.scene?.querySelector('video.after') || null; }

    get before() { return this.scene?.querySelector('.source') || null; }

    controls() {
      this.play = button('', t('Play'), 'play');
      this.play.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path/></svg>';
      this.time = make('span', 'time');
      this.was = button(t('Before'), t('Before'), '');
      this.is = button(t('After'), t('After'), '');
      this.sides = group('sides', t('Before and after'), this.was, this.is);
      this.repeat = button(t('Repeat'), t('Repeat'));
      this.pace = button('', t('Pace'));
      this.loud = Object.assign(make('input'), {type: 'range', min: 0, max: 1, step: 0.05, value: 1});
      this.loud.setAttribute('aria-label', t('Volume'));
      const volume = make('label', 'volume');
      volume.append(make('span', '', t('Volume')), this.loud);
      const bar = make('div', 'bar');
      bar.append(this.play, this.time, this.sides, this.repeat, this.pace, volume);
      this.play.addEventListener('click', () => this.toggle());
      this.was.addEventListener('click', () => this.turn(true));
      this.is.addEventListener('click', () => this.turn(false));
      this.repeat.addEventListener('click', () => { this.video.loop = !this.video.loop; this.tell(); });
      this.pace.addEventListener('click', () => {
        this.video.playbackRate = PACES[(PACES.indexOf(this.video.playbackRate) + 1) % PACES.length];
        this.tell();
      });
      this.loud.addEventListener('input', () => { this.video.volume = Number(this.loud.value); });
      return bar;
    }

    toggle() { if (this.video.paused) this.video.play().catch(() => {}); else this.video.pause(); }

    // What it was made from in its place, at the same moment.
    turn(was) {
      this.scene?.classList.toggle('was', was);
      this.together();
      this.tell();
    }

    together() {
      const {before, video} = this;
      if (before?.tagName !== 'VIDEO' || !this.scene.classList.contains('was')) { before?.pause?.(); return; }
      if (before.duration && Math.abs(before.currentTime - video.currentTime) > 0.08) before.currentTime = Math.min(video.currentTime, before.duration);
      before.playbackRate = video.playbackRate;
      if (video.paused) before.pause(); else before.play().catch(() => {});
    }

    // The state of the buttons.
    tell() {
      const {video} = this, playing = Boolean(video && !video.paused && !video.ended);
      this.play.setAttribute('aria-label', playing ? t('Pause') : t('Play'));
      this.play.querySelector('path').setAttribute('d', playing ? 'm6 4.5h4.2v15H6zM13.8 4.5H18v15h-4.2z' : 'm7 4.5v15l12.5-7.5z');
      const was = Boolean(this.scene?.classList.contains('was'));
      this.sides.hidden = !this.before;
      this.was.setAttribute('aria-pressed', String(was));
      this.is.setAttribute('aria-pressed', String(!was));
      this.repeat.setAttribute('aria-pressed', String(Boolean(video?.loop)));
      this.pace.textContent = `${video?.playbackRate ?? 1} ×`;
    }

    // What the program says is to be shown: {timeline, frames} addresses, or nothing.
    async take(text) {
      const token = ++this.token, told = text ? JSON.parse(text) : {};
      this.told = null;
      this.root.hidden = !told.timeline;
      if (!told.timeline) return;
      try {
        const answer = await fetch(told.timeline);
        if (!answer.ok) throw new Error(answer.statusText);
        const found = await answer.json();
        const track = found.weights ? {weights: talk.bytes(found.weights), names: found.names, rate: found.rate} : null;
        const strip = told.frames ? await picture(told.frames).catch(() => null) : null;
        if (this.token !== token) return;
        this.told = {
          seconds: found.seconds, words: found.words, peaks: found.peaks ? talk.bytes(found.peaks) : null, track, strip,
          shots: found.shots, runs: track ? talk.runs(track) : [], blinks: track ? talk.blinks(track) : [],
        };
        this.root.classList.toggle('mute', !track);
        this.see(0, found.seconds);
        this.follow();
        if (told.fresh && asked && this.host.checkVisibility()) this.video?.play().catch(() => {});
        if (told.fresh) asked = false;
      } catch (error) {
        if (this.token === token) this.now.textContent = t('The timeline cannot be drawn: {reason}', {reason: error.message});
      }
    }

    // The part in view, kept within the clip.
    see(from, to) {
      const {seconds} = this.told, span = Math.min(Math.max(to - from, Math.min(CLOSEST, seconds)), seconds);
      from = Math.min(Math.max(from, 0), seconds - span);
      this.view = {from, to: from + span};
      this.draw();
    }

    zoom(by) {
      if (!this.told) return;
      const {from, to} = this.view, span = (to - from) * by, at = this.video?.currentTime ?? (from + to) / 2;
      const middle = at >= from && at <= to ? at : (from + to) / 2;
      this.see(middle - span * (middle - from) / (to - from), middle + span * (to - middle) / (to - from));
    }

    draw() {
      if (!this.told || !this.scope.clientWidth) return;
      talk.draw(this.canvas, this.told, this.view);
      this.scope.dataset.drawn = Object.keys(talk.lanes(this.told).boxes).join(' ');
      this.moved();
    }

    // Follows the clip in the same board, which the program may have written anew.
    follow() {
      const {video} = this;
      if (!video || video === this.followed) return;
      this.followed = video;
      const run = () => { if (!this.ticking) this.tick(); this.together(); this.tell(); };
      for (const name of ['play', 'playing', 'pause', 'ended', 'seeking', 'seeked', 'timeupdate', 'loadedmetadata']) video.addEventListener(name, run);
      video.addEventListener('click', () => this.toggle());
      video.volume = Number(this.loud.value);
      this.tell();
      this.moved();
    }

    tick() {
      const {video} = this;
      this.ticking = Boolean(video && !video.paused && !video.ended && this.host.isConnected);
      if (this.ticking) requestAnimationFrame(() => this.tick());
      this.moved();
    }

    moved() {
      if (!this.told) return;
      const {seconds, track} = this.told, at = Math.min(this.video?.currentTime || 0, seconds), {from, to} = this.view;
      if (this.ticking && (at < from || at > to)) { this.see(at - 0.05 * (to - from), at + 0.95 * (to - from)); return; }
      const place = (at - from) / (to - from);
      this.head.style.left = `${100 * place}%`;
      this.head.hidden = place < 0 || place > 1;
      const text = track ? this.shape(at) : '';
      if (this.now.textContent !== text) this.now.textContent = text;
      this.scope.setAttribute('aria-valuemax', seconds.toFixed(2));
      this.scope.setAttribute('aria-valuenow', at.toFixed(2));
      const clock = window.eddylineSound.clock, time = `${clock(at)} / ${clock(seconds)}`;
      if (this.time.textContent !== time) this.time.textContent = time;
      this.scope.setAttribute('aria-valuetext', `${t('{place} of {whole}', {place: clock(at), whole: clock(seconds)})} ${text}`.trim());
    }

    // What the mouth does at a moment.
    shape(at) {
      const {weights, names, rate} = this.told.track, wide = names.length;
      const row = Math.min(Math.floor(at * rate), weights.length / wide - 1) * wide;
      const run = this.told.runs.find((one) => at >= one.start && at < one.end);
      return t('{viseme}, jaw {percent} %', {viseme: run ? run.name : t('rest'), percent: Math.round(weights[row + wide - 2] / 2.55)});
    }

    go(seconds) {
      if (!this.video || !this.told) return;
      this.video.currentTime = Math.min(Math.max(seconds, 0), this.told.seconds);
      this.moved();
    }

    hands() {
      const {scope} = this;
      const at = (event) => {
        const box = scope.getBoundingClientRect(), part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
        return this.view.from + part * (this.view.to - this.view.from);
      };
      scope.addEventListener('pointerdown', (event) => {
        if (event.button || !this.told) return;
        scope.setPointerCapture(event.pointerId);
        this.go(at(event));
      });
      scope.addEventListener('pointermove', (event) => { if (scope.hasPointerCapture(event.pointerId)) this.go(at(event)); });
      scope.addEventListener('wheel', (event) => {
        if (!this.told || !(event.ctrlKey || event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) return;
        event.preventDefault();
        if (event.ctrlKey) { this.zoom(event.deltaY > 0 ? 1.25 : 0.8); return; }
        const by = (event.deltaX || event.deltaY) / scope.clientWidth * (this.view.to - this.view.from);
        this.see(this.view.from + by, this.view.to + by);
      }, {passive: false});
      const row = () => 1 / (this.told?.track?.rate || 25);
      const keys = {
        ArrowRight: (event) => this.go(this.video.currentTime + (event.shiftKey ? 1 : row())),
        ArrowLeft: (event) => this.go(this.video.currentTime - (event.shiftKey ? 1 : row())),
        Home: () => this.go(0),
        End: () => this.go(this.told.seconds),
        '+': () => this.zoom(0.5),
        '-': () => this.zoom(2),
        ' ': () => this.toggle(),
      };
      scope.addEventListener('keydown', (event) => {
        if (!keys[event.key] || !this.video || !this.told) return;
        event.preventDefault();
        event.stopPropagation();
        keys[event.key](event);
      });
      this.closer.addEventListener('click', () => this.zoom(0.5));
      this.wider.addEventListener('click', () => this.zoom(2));
      this.whole.addEventListener('click', () => this.told && this.see(0, this.told.seconds));
    }
  };

  document.addEventListener('click', (event) => { if (event.target.closest?.('button.run, button.again')) asked = true; }, true);

  customElements.define('eddy-talk', class extends HTMLElement {
    static observedAttributes = ['data-told'];

    connectedCallback() {
      this.timeline ||= new talk.Timeline(this);
      // The program compares what it wrote with what is here, and takes away what it did not write.
      this.watch = new MutationObserver(() => this.hold());
      this.watch.observe(this, {childList: true});
      this.hold();
      this.timeline.take(this.dataset.told || '');
    }

    disconnectedCallback() { this.watch.disconnect(); }

    attributeChangedCallback(name, before, now) {
      if (this.isConnected && this.timeline && before !== now) this.timeline.take(now || '');
    }

    hold() { if (this.timeline.root.parentNode !== this) this.append(this.timeline.root); this.timeline.follow(); }
  });
})();
