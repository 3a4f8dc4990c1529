// What a player looks like: its parts, and the words that are read along.
(() => {
  const sound = window.eddylineSound;
  if (sound.face) return; // the head may be put in twice
  const t = (text, values) => window.eddylineSay(text, values);
  const PLAY = 'm7 4.5v15l12.5-7.5z', PAUSE = 'm6 4.5h4.2v15H6zM13.8 4.5H18v15h-4.2z';

  function make(tag, className, text) {
    const one = document.createElement(tag);
    if (className) one.className = className;
    if (text !== undefined) one.textContent = text;
    return one;
  }

  function button(className, text, name) {
    const one = make('button', className, text);
    one.type = 'button';
    if (name) one.setAttribute('aria-label', name);
    return one;
  }

  function drawn(path) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    const shape = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    shape.setAttribute('d', path);
    svg.append(shape);
    return svg;
  }

  function group(className, name, ...parts) {
    const one = make('div', className);
    one.setAttribute('role', 'group');
    one.setAttribute('aria-label', name);
    one.append(...parts);
    return one;
  }

  // All parts of a player by name; ``small`` leaves out what a source beside a form has no room for.
  sound.face = (small) => {
    const face = {root: make('div', `player${small ? ' small' : ''}`)};
    face.scope = make('div', 'scope');
    Object.entries({role: 'slider', tabindex: '0', 'aria-label': t('Place in the sound'), 'aria-valuemin': '0'})
      .forEach(([name, value]) => face.scope.setAttribute(name, value));
    face.canvas = make('canvas');
    face.canvas.setAttribute('aria-hidden', 'true');
    face.picked = make('i', 'picked');
    face.head = make('i', 'head');
    face.scope.append(face.canvas, face.picked, face.head);
    face.play = button('play', undefined, t('Play'));
    face.play.append(drawn(PLAY));
    face.time = make('span', 'time');
    face.before = button('', t('Before'));
    face.after = button('', t('After'));
    face.sides = group('sides', t('Before and after'), face.before, face.after);
    face.layers = Object.fromEntries(['Waveform', 'Spectrogram', 'Pitch'].map((name) => [name.toLowerCase(), button('', t(name))]));
    face.repeat = button('flat', t('Repeat'));
    face.volume = Object.assign(make('input'), {type: 'range', min: 0, max: 1, step: 0.05});
    face.volume.setAttribute('aria-label', t('Volume'));
    const volume = make('label', 'volume');
    volume.append(make('span', '', t('Volume')), face.volume);
    const shown = group('layers', t('What is drawn'), ...Object.values(face.layers));
    const bar = make('div', 'bar');
    bar.append(face.play, face.time, face.sides, ...(small ? [] : [face.repeat, shown, volume]));
    face.span = make('span', 'time');
    face.cut = button('flat', t('Download this part'));
    face.clear = button('flat', t('Clear'), t('Take the mark away'));
    face.part = make('div', 'part');
    face.part.append(face.span, ...(small ? [] : [face.cut]), face.clear);
    face.words = make('p', 'read');
    face.words.setAttribute('aria-label', t('Words of the sound'));
    face.about = make('p', 'about');
    face.about.setAttribute('role', 'status');
    face.root.append(face.scope, bar, face.part, ...(small ? [] : [face.words]), face.about);
    return face;
  };

  sound.shown = (face, playing) => {
    face.play.setAttribute('aria-label', playing ? t('Pause') : t('Play'));
    face.play.querySelector('path').setAttribute('d', playing ? PAUSE : PLAY);
  };

  // The words below a sound: the one that is spoken stands out, a click goes to it, arrows walk along them.
  sound.Words = class {
    constructor(element, seek) {
      Object.assign(this, {element, list: [], now: -1});
      element.addEventListener('click', (event) => {
        const at = this.index(event.target);
        if (at >= 0) { seek(this.list[at].start); this.reach(at); }
      });
      element.addEventListener('keydown', (event) => {
        const by = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key], at = this.index(event.target);
        if (!by || at < 0 || !element.children[at + by]) return;
        event.preventDefault();
        this.reach(at + by);
        element.children[at + by].focus();
      });
    }

    index(target) { return target.dataset?.word === undefined ? -1 : Number(target.dataset.word); }

    // One word at a time can be reached with the tab key: a page of them would have no end.
    reach(at) {
      this.element.querySelector('[tabindex="0"]')?.setAttribute('tabindex', '-1');
      this.element.children[at]?.setAttribute('tabindex', '0');
    }

    clear() { this.list = []; this.now = -1; this.element.replaceChildren(); }

    add(words) {
      for (const word of words) {
        const one = button('word', word.text);
        one.dataset.word = this.list.length;
        one.tabIndex = this.list.length ? -1 : 0;
        this.list.push(word);
        this.element.append(one);
      }
    }

    // The last word that has begun, a moment beyond its end too, so that the mark does not flicker between words.
    follow(seconds) {
      let low = 0, high = this.list.length;
      while (low < high) { const middle = (low + high) >> 1; if (this.list[middle].start <= seconds + 1e-3) low = middle + 1; else high = middle; }
      const at = low && seconds < this.list[low - 1].end + 0.25 ? low - 1 : -1;
      if (at === this.now) return;
      this.element.children[this.now]?.removeAttribute('aria-current');
      this.now = at;
      const one = this.element.children[at];
      if (!one) return;
      one.setAttribute('aria-current', 'true');
      const box = this.element, above = one.offsetTop - box.offsetTop;
      if (above < box.scrollTop || above + one.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = above - box.clientHeight / 3;
    }
  };
})();
