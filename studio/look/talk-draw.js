// Draws a talking clip over time: a strip of its frames, its waveform, the movement of the mouth, and the words; one
// ruler below for all. Only what is in view is drawn, so an hour costs no more than a second.
(() => {
  if (window.eddylineTalk) return; // the head may be put in twice
  const talk = window.eddylineTalk = {};
  const RULER = 20, GAP = 6, PEAKS = 100; // pixels; pixels between lanes; peaks a second
  const LANES = [['frames', 52], ['waveform', 56], ['visemes', 68], ['words', 20]]; // from the top, with their heights
  const STEPS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
  // What a mouth shape is told apart by at a glance: lips that meet, tongue and teeth, open vowels.
  const LIPS = new Set(['PP', 'FF']), VOWELS = new Set(['aa', 'E', 'I', 'O', 'U']);
  talk.kind = (name) => (LIPS.has(name) ? 'lips' : VOWELS.has(name) ? 'vowel' : name === 'sil' ? 'rest' : 'tongue');

  talk.bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

  // The strongest viseme of each row, runs of the same joined: [{name, start, end}] in seconds, rest left out.
  talk.runs = (track) => {
    const {weights, names, rate} = track, wide = names.length, shapes = wide - 2, found = [];
    for (let row = 0; row * wide < weights.length; row++) {
      let best = 0;
      for (let c = 1; c < shapes; c++) if (weights[row * wide + c] > weights[row * wide + best]) best = c;
      const last = found[found.length - 1], name = names[best];
      if (last && last.name === name) last.end = (row + 1) / rate;
      else found.push({name, start: row / rate, end: (row + 1) / rate});
    }
    return found.filter((run) => run.name !== 'sil');
  };

  // Moments in seconds at which the eyes are most closed.
  talk.blinks = (track) => {
    const {weights, names, rate} = track, wide = names.length, found = [];
    const at = (row) => weights[row * wide + wide - 1] || 0, rows = weights.length / wide;
    for (let row = 0; row < rows; row++) if (at(row) > 100 && at(row) > at(row - 1) && at(row) >= at(row + 1)) found.push((row + 0.5) / rate);
    return found;
  };

  // Which lanes there are for what is known, and where: {name: {top, bottom}}, and the height of all.
  talk.lanes = (told) => {
    const have = {frames: told.strip, waveform: told.peaks?.length, visemes: told.track, words: told.words?.length};
    const boxes = {};
    let top = 0;
    for (const [name, tall] of LANES) {
      if (!have[name]) continue;
      boxes[name] = {top, bottom: top + tall};
      top += tall + GAP;
    }
    return {boxes, tall: top + RULER};
  };

  talk.draw = (canvas, told, view) => {
    const scale = Math.min(devicePixelRatio || 1, 2), width = canvas.clientWidth, {boxes, tall} = talk.lanes(told);
    if (!width) return;
    canvas.style.height = `${tall}px`;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(tall * scale);
    const ink = canvas.getContext('2d'), style = getComputedStyle(canvas);
    ink.scale(scale, scale);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const x = (seconds) => (seconds - view.from) / (view.to - view.from) * width;
    const pen = {ink, x, width, view, colour, font: style.fontFamily};
    ruler(pen, tall);
    for (const box of Object.values(boxes)) ground(pen, box);
    if (boxes.frames) frames(pen, boxes.frames, told);
    if (boxes.waveform) waveform(pen, boxes.waveform, told.peaks);
    if (boxes.visemes) visemes(pen, boxes.visemes, told);
    if (boxes.words) words(pen, boxes.words, told.words);
  };

  function ground({ink, width, colour}, box) {
    ink.fillStyle = colour('sunk');
    ink.beginPath();
    ink.roundRect(0, box.top, width, box.bottom - box.top, 6);
    ink.fill();
  }

  // As many pictures as stand side by side; each shows the frame nearest to its middle.
  function frames({ink, width, view}, box, told) {
    const {strip, shots} = told, tall = box.bottom - box.top, each = strip.width / shots, wide = each * tall / strip.height;
    const fits = Math.max(1, Math.ceil(width / wide));
    ink.save();
    ink.beginPath();
    ink.roundRect(0, box.top, width, tall, 6);
    ink.clip();
    for (let i = 0; i < fits; i++) {
      const moment = view.from + (i + 0.5) * wide / width * (view.to - view.from);
      const shot = Math.min(shots - 1, Math.max(0, Math.floor(moment / told.seconds * shots)));
      ink.drawImage(strip, shot * each, 0, each, strip.height, i * wide, box.top, wide - 1, tall);
    }
    ink.restore();
  }

  function waveform({ink, width, view, colour}, box, peaks) {
    const middle = (box.top + box.bottom) / 2, reach = (box.bottom - box.top) / 2 - 4;
    ink.fillStyle = colour('accent');
    let most = 12; // of 255: silence must not be drawn as large as speech
    for (const peak of peaks) if (peak > most) most = peak;
    for (let column = 0; column < width; column++) {
      const moment = (part) => Math.floor((view.from + (column + part) / width * (view.to - view.from)) * PEAKS);
      let peak = 0;
      for (let i = moment(0); i <= Math.max(moment(0), moment(1) - 1); i++) if (peaks[i] > peak) peak = peaks[i];
      const high = Math.max(0.5, peak / most * reach);
      ink.fillRect(column, middle - high, 1, 2 * high);
    }
  }

  // Mouth shapes as blocks with their names, over them how far the jaw is down, and above a sign for each blink.
  function visemes({ink, x, width, view, colour, font}, box, told) {
    const fills = {lips: colour('coral'), tongue: colour('sand'), vowel: colour('accent')};
    const inks = {lips: colour('panel'), tongue: '#2B1F05', vowel: colour('on-accent')};
    const block = 18, foot = box.bottom - block - 5;
    ink.textBaseline = 'middle';
    ink.textAlign = 'center';
    ink.font = `600 11px ${font}`;
    for (const run of told.runs) {
      const left = x(run.start), right = x(run.end);
      if (right < 0 || left > width) continue;
      const kind = talk.kind(run.name), wide = Math.max(1, right - left - 1);
      ink.fillStyle = fills[kind];
      ink.beginPath();
      ink.roundRect(left, foot + 2, wide, block, Math.min(4, wide / 2));
      ink.fill();
      if (wide < ink.measureText(run.name).width + 4) continue;
      ink.fillStyle = inks[kind];
      ink.fillText(run.name, left + wide / 2, foot + 2 + block / 2 + 0.5);
    }
    jaw({ink, width, view, colour}, {top: box.top + 6, bottom: foot - 3}, told.track);
    ink.fillStyle = colour('ink');
    for (const moment of told.blinks) blink(ink, x(moment), box.top + 7);
  }

  function jaw({ink, width, view, colour}, box, track) {
    const {weights, names, rate} = track, wide = names.length, rows = weights.length / wide, tall = box.bottom - box.top;
    const height = (seconds) => {
      const place = seconds * rate - 0.5, row = Math.floor(place), part = place - row;
      const at = (i) => (i < 0 || i >= rows ? 0 : weights[i * wide + wide - 2] / 255);
      return box.bottom - tall * (at(row) * (1 - part) + at(row + 1) * part);
    };
    const outline = () => {
      ink.beginPath();
      for (let column = 0; column <= width; column += 1) {
        const y = height(view.from + column / width * (view.to - view.from));
        if (column) ink.lineTo(column, y); else ink.moveTo(column, y);
      }
    };
    outline();
    ink.lineTo(width, box.bottom);
    ink.lineTo(0, box.bottom);
    ink.globalAlpha = 0.16;
    ink.fillStyle = colour('ink');
    ink.fill();
    ink.globalAlpha = 1;
    outline();
    ink.strokeStyle = colour('ink');
    ink.lineWidth = 1.5;
    ink.lineJoin = 'round';
    ink.stroke();
  }

  // A closed eye: a small arc with three lashes.
  function blink(ink, x, y) {
    ink.strokeStyle = ink.fillStyle;
    ink.lineWidth = 1.4;
    ink.beginPath();
    ink.arc(x, y - 5, 5.5, 0.6, Math.PI - 0.6);
    for (const turn of [-3, 0, 3]) { ink.moveTo(x + turn, y + (turn ? -0.5 : 0.5)); ink.lineTo(x + turn * 1.3, y + (turn ? 2 : 3)); }
    ink.stroke();
  }

  function words({ink, x, width, colour, font}, box, list) {
    ink.font = `12px ${font}`;
    ink.textBaseline = 'middle';
    ink.textAlign = 'left';
    for (const word of list) {
      const left = x(word.start), right = x(word.end);
      if (right < 0 || left > width) continue;
      ink.fillStyle = colour('line');
      ink.fillRect(left, box.top + 3, 1, box.bottom - box.top - 6);
      ink.fillStyle = colour('ink');
      ink.save();
      ink.beginPath();
      ink.rect(left, box.top, Math.max(0, right - left - 3), box.bottom - box.top);
      ink.clip();
      ink.fillText(word.text, left + 5, (box.top + box.bottom) / 2 + 0.5);
      ink.restore();
    }
  }

  function ruler({ink, x, width, view, colour, font}, tall) {
    const span = view.to - view.from, fits = Math.max(1, Math.floor(width / 72));
    const step = STEPS.find((each) => span / each <= fits) || 3600;
    ink.font = `11px ${font}`;
    ink.textBaseline = 'bottom';
    ink.textAlign = 'left';
    for (let at = Math.ceil(view.from / step - 1e-6) * step; at <= view.to + 1e-6; at += step) {
      ink.fillStyle = colour('line');
      ink.fillRect(x(at), 0, 1, tall - RULER + 4);
      ink.fillStyle = colour('muted');
      const text = step < 1 ? `${at.toFixed(step < 0.1 ? 2 : 1)} s` : window.eddylineSound.clock(at, 0);
      if (x(at) + ink.measureText(text).width <= width) ink.fillText(text, x(at), tall - 2);
    }
  }
})();
