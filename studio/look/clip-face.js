// What the player of clips looks like: its parts.
(() => {
  const clip = window.eddylineClip;
  if (clip.face) return; // the head may be put in twice
  const t = (text, values) => window.eddylineSay(text, values);
  const SHAPES = {
    play: 'm7 4.5v15l12.5-7.5z', pause: 'm6 4.5h4.2v15H6zM13.8 4.5H18v15h-4.2z',
    back: 'm16.5 5v14L7 12zM5 5h2v14H5z', on: 'm7.5 5v14L17 12zM17 5h2v14h-2z',
  };

  const make = clip.make = (tag, className, text) => {
    const one = document.createElement(tag);
    if (className) one.className = className;
    if (text !== undefined) one.textContent = text;
    return one;
  };

  function button(className, text, name) {
    const one = make('button', className, text);
    one.type = 'button';
    if (name) one.setAttribute('aria-label', name);
    return one;
  }

  function shaped(name, label) {
    const one = button(name === 'play' ? 'play' : 'step', undefined, label);
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', SHAPES[name]);
    svg.append(path);
    one.append(svg);
    return one;
  }

  function chooser(name, choices) {
    const one = make('select', 'flat');
    one.setAttribute('aria-label', name);
    for (const [value, text] of choices) one.append(Object.assign(make('option', '', text), {value}));
    return one;
  }

  function group(className, name, ...parts) {
    const one = make('div', className);
    one.setAttribute('role', 'group');
    one.setAttribute('aria-label', name);
    one.append(...parts);
    return one;
  }

  function ranged(name, className) {
    const one = Object.assign(make('input', className), {type: 'range', min: 0, max: 0, step: 1, value: 0});
    one.setAttribute('aria-label', name);
    return one;
  }

  // All parts by name; ``small`` leaves out what a source beside a form has no room for.
  clip.face = (small) => {
    const face = {root: make('div', `player clip${small ? ' small' : ''}`)};
    face.screen = make('div', 'screen');
    face.canvas = make('canvas');
    face.canvas.setAttribute('role', 'img');
    face.canvas.setAttribute('aria-label', t('Clip'));
    face.cut = ranged(t('Before and after'), 'over');
    Object.assign(face.cut, {max: 100, value: 50});
    face.line = make('i', 'cut');
    face.line.setAttribute('aria-hidden', 'true');
    face.left = make('span', 'side left', t('Before'));
    face.right = make('span', 'side right', t('After'));
    face.film = make('video');
    Object.assign(face.film, {controls: true, loop: true, playsInline: true, hidden: true});
    face.film.setAttribute('aria-label', t('Clip'));
    face.screen.append(face.canvas, face.left, face.right, face.cut, face.line, face.film);
    face.all = make('ol', 'cells');
    face.all.setAttribute('aria-label', t('All frames'));
    face.play = shaped('play', t('Play'));
    face.back = shaped('back', t('One frame back'));
    face.on = shaped('on', t('One frame on'));
    face.scrub = ranged(t('Frame'), 'scrub');
    face.track = make('div', 'track');
    face.marked = make('i', 'marked');
    face.track.append(face.scrub, face.marked);
    face.time = make('span', 'time');
    face.repeat = chooser(t('At the end'), [['loop', t('Loop')], ['swing', t('Back and forth')], ['once', t('Once')]]);
    face.speed = chooser(t('Speed'), [['0.25', '\u00bc\u00d7'], ['0.5', '\u00bd\u00d7'], ['1', '1\u00d7'], ['2', '2\u00d7']]);
    face.speed.value = '1';
    face.mute = button('flat', t('Sound'));
    face.views = Object.fromEntries(['Clip', 'Compare', 'Difference', 'All frames'].map((name) => [name, button('', t(name))]));
    const shown = group('layers', t('What is shown'), ...Object.values(face.views));
    const steps = make('div', 'steps');
    steps.append(face.back, face.play, face.on);
    const bar = make('div', 'bar');
    bar.append(steps, face.track, face.time);
    const more = make('div', 'bar more');
    more.append(face.repeat, face.speed, face.mute, shown);
    face.from = button('flat', t('Start here'));
    face.to = button('flat', t('End here'));
    face.span = make('span', 'time');
    face.clear = button('flat', t('Clear'), t('Take the mark away'));
    const part = make('div', 'part');
    part.append(face.from, face.to, face.span, face.clear);
    face.words = Object.assign(make('input', 'words-now'), {type: 'text', maxLength: 200});
    face.words.setAttribute('aria-label', t('Other words from here on'));
    face.words.placeholder = t('Other words from here on');
    face.say = button('flat', t('Change the words'));
    face.enough = button('flat', t('End here and keep it'));
    face.growing = make('form', 'part growing');
    face.growing.append(face.words, face.say, face.enough);
    face.about = make('p', 'about');
    face.about.setAttribute('role', 'status');
    face.bars = [bar, more];
    Object.assign(face, {bar, more, part, shown});
    face.root.append(face.screen, face.all, bar, ...(small ? [part] : [more, part, face.growing]), face.about);
    return face;
  };

  clip.shown = (face, playing) => {
    face.play.setAttribute('aria-label', playing ? t('Pause') : t('Play'));
    face.play.querySelector('path').setAttribute('d', playing ? SHAPES.pause : SHAPES.play);
  };

  // Every frame small, with what changed against the clip before it; at most so many.
  const MOST = 120;
  clip.cells = (list, after, before, picked, choose) => {
    const every = Math.ceil(after.frames.length / MOST), cells = [];
    const size = 96, high = Math.max(24, Math.round(size * after.height / after.width));
    for (let n = 0; n < after.frames.length; n += every) {
      const cell = button('', undefined, t('Frame {number}', {number: n + 1}));
      const canvas = (paint) => {
        const one = Object.assign(make('canvas'), {width: 2 * size, height: 2 * high});
        paint(one.getContext('2d'), {width: 2 * size, height: 2 * high});
        cell.append(one);
      };
      canvas((ink, box) => after.draw(ink, n, box));
      let told = `${n + 1}`;
      if (before) {
        const m = clip.beside(before, n);
        canvas((ink, box) => clip.difference(ink, before, m, after, n, box));
        told += ` \u00b7 ${(100 * clip.changed(before, m, after, n)).toFixed(1)}%`;
      }
      cell.append(make('span', '', told));
      cell.setAttribute('aria-pressed', String(n === picked));
      cell.addEventListener('click', () => choose(n));
      const item = make('li');
      item.append(cell);
      cells.push(item);
    }
    list.replaceChildren(...cells);
  };
})();
