// What is computed of a sound: its header, its loudness, its outline, its spectrum and its pitch. No page, no player.
(() => {
  if (window.eddylineSound) return; // the head may be put in twice
  const sound = window.eddylineSound = {};
  const tables = new Map();

  function table(size) {
    if (!tables.has(size)) {
      const cos = new Float32Array(size / 2), sin = new Float32Array(size / 2), swap = new Uint32Array(size);
      const bits = Math.log2(size);
      for (let i = 0; i < size / 2; i++) { cos[i] = Math.cos(2 * Math.PI * i / size); sin[i] = Math.sin(2 * Math.PI * i / size); }
      for (let i = 0; i < size; i++) for (let b = 0; b < bits; b++) swap[i] |= ((i >> b) & 1) << (bits - 1 - b);
      tables.set(size, {cos, sin, swap});
    }
    return tables.get(size);
  }

  // In place, radix 2; the length is a power of two.
  function fft(re, im) {
    const size = re.length, {cos, sin, swap} = table(size);
    for (let i = 0; i < size; i++) {
      const j = swap[i];
      if (j > i) { [re[i], re[j]] = [re[j], re[i]]; [im[i], im[j]] = [im[j], im[i]]; }
    }
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const c = cos[k * step], s = -sin[k * step], a = start + k, b = a + half;
          const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
          re[b] = re[a] - x; im[b] = im[a] - y;
          re[a] += x; im[a] += y;
        }
      }
    }
  }

  const windows = new Map();
  function hann(size) {
    if (!windows.has(size)) windows.set(size, Float32Array.from({length: size}, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * (i + 0.5) / size)));
    return windows.get(size);
  }

  // Lowest and highest sample in each of so many columns.
  sound.outline = (samples, columns) => {
    const low = new Float32Array(columns), high = new Float32Array(columns);
    for (let c = 0; c < columns; c++) {
      const from = Math.floor(c * samples.length / columns);
      const to = Math.max(from + 1, Math.floor((c + 1) * samples.length / columns));
      let min = Infinity, max = -Infinity;
      for (let i = from; i < to && i < samples.length; i++) { if (samples[i] < min) min = samples[i]; if (samples[i] > max) max = samples[i]; }
      low[c] = min; high[c] = max;
    }
    return {low, high};
  };

  // Levels in dB of one moment at each of ``hertz``, written to ``into``; a sound's full scale is 0.
  sound.spectrum = (samples, rate, centre, hertz, into) => {
    const size = rate > 64000 ? 4096 : rate > 30000 ? 2048 : 1024, window = hann(size);
    const re = new Float32Array(size), im = new Float32Array(size), from = Math.round(centre - size / 2);
    for (let i = 0; i < size; i++) re[i] = (samples[from + i] || 0) * window[i];
    fft(re, im);
    const level = (bin) => re[bin] * re[bin] + im[bin] * im[bin];
    for (let i = 0; i < hertz.length; i++) {
      const at = Math.min(hertz[i] * size / rate, size / 2 - 1.001), bin = Math.floor(at), part = at - bin;
      into[i] = 10 * Math.log10((level(bin) * (1 - part) + level(bin + 1) * part) * 16 / (size * size) + 1e-12);
    }
  };

  // Fundamental in hertz around one moment, 0 where there is none: the autocorrelation of the window divided by that of
  // its weights, after Boersma, "Accurate short-term analysis of the fundamental frequency" (1993).
  const LOWEST = 60, HIGHEST = 1000;
  sound.pitch = (samples, rate, centre) => {
    const stride = Math.max(1, Math.round(rate / 24000)), slow = rate / stride;
    const size = 2 ** Math.ceil(Math.log2(slow * 0.04)), weights = weighting(size);
    const re = new Float32Array(2 * size), im = new Float32Array(2 * size);
    let mean = 0, loud = 0;
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let k = 0; k < stride; k++) sum += samples[Math.round(centre) + (i - size / 2) * stride + k] || 0;
      re[i] = sum / stride;
      mean += re[i] / size;
    }
    for (let i = 0; i < size; i++) { re[i] = (re[i] - mean) * weights.window[i]; loud += re[i] * re[i]; }
    if (loud / size < 1e-6) return 0;
    fft(re, im);
    for (let i = 0; i < 2 * size; i++) { re[i] = re[i] * re[i] + im[i] * im[i]; im[i] = 0; }
    fft(re, im);
    const like = (lag) => re[lag] / re[0] / weights.own[lag];
    let best = 0, score = 0.5; // below that, noise
    const last = Math.min(size - 2, Math.floor(slow / LOWEST));
    for (let lag = Math.max(2, Math.floor(slow / HIGHEST)); lag <= last; lag++) {
      const here = like(lag);
      if (here < 0.5 || here < like(lag - 1) || here < like(lag + 1)) continue;
      const worth = here - 0.03 * Math.log2(lag * LOWEST / slow + 1); // of peaks that are alike, the first
      if (worth > score) { score = worth; best = lag; }
    }
    if (!best) return 0;
    const [a, b, c] = [like(best - 1), like(best), like(best + 1)];
    return slow / (best + 0.5 * (a - c) / (a - 2 * b + c || 1));
  };

  const weightings = new Map();
  function weighting(size) {
    if (!weightings.has(size)) {
      const window = hann(size), re = new Float32Array(2 * size), im = new Float32Array(2 * size);
      re.set(window);
      fft(re, im);
      for (let i = 0; i < 2 * size; i++) { re[i] = re[i] * re[i] + im[i] * im[i]; im[i] = 0; }
      fft(re, im);
      weightings.set(size, {window, own: Float32Array.from(re.subarray(0, size), (value) => value / re[0])});
    }
    return weightings.get(size);
  }

  // Integrated loudness in LUFS of channels at a rate (ITU-R BS.1770-4): K weighting, blocks of 400 ms, two gates.
  sound.loudness = (channels, rate) => {
    const hop = Math.round(rate * 0.1), count = Math.max(1, Math.floor(channels[0].length / hop));
    const power = new Float64Array(count);
    for (const samples of channels) {
      const weigh = weighted(rate);
      for (let b = 0; b < count; b++) {
        let sum = 0;
        for (let i = b * hop; i < Math.min((b + 1) * hop, samples.length); i++) { const y = weigh(samples[i]); sum += y * y; }
        power[b] += sum / hop;
      }
    }
    const blocks = [];
    for (let b = 0; b + 4 <= count; b++) blocks.push((power[b] + power[b + 1] + power[b + 2] + power[b + 3]) / 4);
    if (!blocks.length) blocks.push(power.reduce((a, b) => a + b, 0) / count);
    const level = (value) => -0.691 + 10 * Math.log10(value);
    const average = (some) => some.reduce((a, b) => a + b, 0) / some.length;
    const heard = blocks.filter((value) => level(value) > -70);
    if (!heard.length) return -Infinity;
    const gate = level(average(heard)) - 10;
    return level(average(heard.filter((value) => level(value) > gate)));
  };

  // The two filters of the standard, for any rate (De Man, "Evaluation of implementations of the EBU R128 loudness").
  function weighted(rate) {
    const shelf = (() => {
      const k = Math.tan(Math.PI * 1681.974450955533 / rate), q = 0.7071752369554196;
      const high = 10 ** (3.999843853973347 / 20), band = high ** 0.4996667741545416, d = 1 + k / q + k * k;
      return [(high + band * k / q + k * k) / d, 2 * (k * k - high) / d, (high - band * k / q + k * k) / d, 2 * (k * k - 1) / d, (1 - k / q + k * k) / d];
    })();
    const pass = (() => {
      const k = Math.tan(Math.PI * 38.13547087602444 / rate), q = 0.5003270373238773, d = 1 + k / q + k * k;
      return [1, -2, 1, 2 * (k * k - 1) / d, (1 - k / q + k * k) / d];
    })();
    const through = ([b0, b1, b2, a1, a2]) => {
      let p = 0, q = 0;
      return (x) => { const y = b0 * x + p; p = b1 * x - a1 * y + q; q = b2 * x - a2 * y; return y; };
    };
    const one = through(shelf), two = through(pass);
    return (x) => two(one(x));
  }
})();
