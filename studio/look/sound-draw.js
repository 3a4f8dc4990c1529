// Draws a sound on a canvas: lanes of waveform and spectrogram, the pitch as a line, and a ruler of time below.
(() => {
  const sound = window.eddylineSound;
  if (sound.draw) return; // the head may be put in twice
  const RULER = 22, SLICE = 12; // pixels; milliseconds of work before the page gets its turn
  const LOW = 60, HIGH = 12000; // hertz at the foot and at the head of the spectrogram

  const breath = () => new Promise((done) => setTimeout(done));
  const height = (hertz, box, top) => box.bottom - (box.bottom - box.top) * Math.log(hertz / LOW) / Math.log(top / LOW);

  // ``layers`` {waveform, spectrogram, pitch}. Resolves to what was measured, or to nothing if ``stale`` turned true. The
  // waveform is there at once, the rest as soon as it is computed; ``last``, what was measured of a sound that has grown
  // since, holds its place until then.
  sound.draw = async (canvas, samples, rate, seconds, layers, last, stale) => {
    const scale = Math.min(devicePixelRatio || 1, 2), width = canvas.clientWidth, tall = canvas.clientHeight;
    if (!width || !tall || !samples.length) return null;
    const colours = palette(canvas), boxes = lanes(layers, tall - RULER), work = new Slices(stale);
    const top = Math.min(HIGH, rate / 2);
    const paint = (picture, pitch, part) => {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(tall * scale);
      const ink = canvas.getContext('2d');
      ink.scale(scale, scale);
      ruler(ink, width, tall, seconds, colours);
      if (boxes.waveform) outline(ink, samples, width, boxes.waveform, colours);
      if (picture) ink.drawImage(picture, 0, boxes.spectrogram.top, width * part, boxes.spectrogram.bottom - boxes.spectrogram.top);
      if (pitch?.length) line(ink, pitch, width * part, boxes.spectrogram || boxes.pitch, boxes.spectrogram ? top : 1000, colours);
    };
    paint(boxes.spectrogram && last?.picture, layers.pitch && last?.pitch, last ? last.seconds / seconds : 1);
    const picture = boxes.spectrogram && await spectrogram(samples, rate, width, boxes.spectrogram, top, colours, work);
    const pitch = layers.pitch && !stale() ? await tones(samples, rate, width, work) : null;
    if (stale()) return null;
    paint(picture, pitch, 1);
    return {picture, pitch: pitch || [], seconds};
  };

  // Lets the page have its turn, and finds out whether the drawing is still wanted.
  class Slices {
    constructor(stale) { this.stale = stale; this.since = performance.now(); }

    async gone() {
      if (performance.now() - this.since > SLICE) { await breath(); this.since = performance.now(); }
      return this.stale();
    }
  }

  function palette(canvas) {
    const style = getComputedStyle(canvas), named = (name) => style.getPropertyValue(`--${name}`).trim();
    return {ground: named('panel'), accent: named('accent'), ink: named('ink'), muted: named('muted'), line: named('line'), sand: named('sand'), coral: named('coral')};
  }

  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  // Where each layer goes; the pitch lies over the spectrogram where there is one.
  function lanes(layers, tall) {
    const shown = ['waveform', 'spectrogram', 'pitch'].filter((name) => layers[name] && !(name === 'pitch' && layers.spectrogram));
    const share = {waveform: shown.includes('spectrogram') ? 0.8 : 1, spectrogram: 1.2, pitch: 1};
    const all = shown.reduce((sum, name) => sum + share[name], 0), boxes = {};
    let top = 0;
    for (const name of shown) {
      const bottom = top + tall * share[name] / all;
      boxes[name] = {top: top + (top ? 6 : 0), bottom};
      top = bottom;
    }
    return boxes;
  }

  function outline(ink, samples, width, box, colours) {
    const {low, high} = sound.outline(samples, width), middle = (box.top + box.bottom) / 2, reach = (box.bottom - box.top) / 2 - 3;
    let most = 0.05;
    for (let x = 0; x < width; x++) most = Math.max(most, high[x], -low[x]);
    ink.fillStyle = colours.accent;
    for (let x = 0; x < width; x++) {
      const up = middle - high[x] / most * reach, down = middle - low[x] / most * reach;
      ink.fillRect(x, Math.min(up, middle - 0.5), 1, Math.max(down - up, 1));
    }
  }

  async function spectrogram(samples, rate, width, box, top, colours, work) {
    const columns = Math.round(width), rows = Math.max(1, Math.round(box.bottom - box.top));
    const hertz = Float32Array.from({length: rows}, (_, y) => LOW * (top / LOW) ** ((rows - 0.5 - y) / rows));
    const levels = new Float32Array(columns * rows), column = new Float32Array(rows);
    let loudest = -120;
    for (let x = 0; x < columns; x++) {
      sound.spectrum(samples, rate, (x + 0.5) * samples.length / columns, hertz, column);
      for (let y = 0; y < rows; y++) { levels[y * columns + x] = column[y]; if (column[y] > loudest) loudest = column[y]; }
      if (await work.gone()) return null;
    }
    const image = new ImageData(columns, rows), steps = ramp(colours);
    for (let i = 0; i < levels.length; i++) {
      const at = Math.max(0, Math.min(255, Math.round(255 * (1 + (levels[i] - loudest) / 70)))) * 3;
      image.data[4 * i] = steps[at]; image.data[4 * i + 1] = steps[at + 1]; image.data[4 * i + 2] = steps[at + 2]; image.data[4 * i + 3] = 255;
    }
    const held = new OffscreenCanvas(columns, rows);
    held.getContext('2d').putImageData(image, 0, 0);
    return held;
  }

  // From the ground over the accent to the ink: loud is what stands out, in either look.
  function ramp(colours) {
    const stops = [colours.ground, colours.accent, colours.ink].map(rgb), steps = new Uint8Array(256 * 3);
    for (let i = 0; i < 256; i++) {
      const place = (i / 255) ** 1.6 * 2, at = Math.min(1, Math.floor(place));
      for (let c = 0; c < 3; c++) steps[3 * i + c] = stops[at][c] + (stops[at + 1][c] - stops[at][c]) * (place - at);
    }
    return steps;
  }

  async function tones(samples, rate, width, work) {
    const count = Math.max(1, Math.min(Math.round(width / 2), Math.round(samples.length / rate * 100))), found = [];
    for (let i = 0; i < count; i++) {
      found.push(sound.pitch(samples, rate, (i + 0.5) * samples.length / count));
      if (await work.gone()) return null;
    }
    return found;
  }

  function line(ink, pitch, width, box, top, colours) {
    for (const [colour, thick] of [[colours.ground, 4], [colours.coral, 2]]) {
      ink.strokeStyle = colour;
      ink.lineWidth = thick;
      ink.lineJoin = ink.lineCap = 'round';
      ink.beginPath();
      pitch.forEach((hertz, i) => {
        if (!hertz) return;
        const x = (i + 0.5) * width / pitch.length, y = height(hertz, box, top), before = pitch[i - 1];
        if (!before || Math.abs(Math.log2(hertz / before)) > 0.3) ink.moveTo(x - 0.5, y);
        ink.lineTo(x, y);
      });
      ink.stroke();
    }
  }

  function ruler(ink, width, tall, seconds, colours) {
    const fits = Math.max(1, Math.floor(width / 72));
    const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((each) => seconds / each <= fits) || 1800;
    ink.fillStyle = colours.muted;
    ink.font = '11px system-ui, sans-serif';
    ink.textBaseline = 'bottom';
    for (let at = 0; at <= seconds + 1e-6; at += step) {
      const x = Math.min(at / seconds * width, width - 1), name = sound.clock(at, step < 1 ? (step < 0.1 ? 2 : 1) : 0);
      ink.fillRect(x, tall - RULER + 4, 1, 5);
      const wide = ink.measureText(name).width;
      if (x + wide + 6 < width) ink.fillText(name, x + 4, tall - 2);
    }
  }

  // 75.25 as 1:15.25
  sound.clock = (seconds, digits = 1) => {
    const whole = Number(seconds.toFixed(digits)), minutes = Math.floor(whole / 60);
    return `${minutes}:${(whole - 60 * minutes).toFixed(digits).padStart(digits ? digits + 3 : 2, '0')}`;
  };
})();
